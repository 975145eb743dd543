#!/bin/sh
# Measures, on a throwaway server of its own. Built by `make bench`, which runs this.
#
#   run.sh [FIGURE...]          see the comments at the top of bench/pool/main.c and bench/csv/main.c
#   run.sh async [FIGURE...]    see the comment at the top of bench/async/main.c
#
# What is one thread and one connection (borrowing, round-trip, path, start, async 1/1) runs with the server on one and
# the same CPU, where the scheduler cannot place them differently from run to run; the others run on all CPUs.

set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$(CDPATH='' cd -- "${PGM_BUILD_ROOT:-$root/build}/release" && pwd)
support=$root/tests/support

PGM_BENCH_BIN=$build/bench
PGM_BENCH_DIR=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-bench.XXXXXX")
chmod 755 "$PGM_BENCH_DIR" # the server reads CSV files there
export PGM_BENCH_BIN PGM_BENCH_DIR
server=$PGM_BENCH_DIR/server
trap '"$support/server.sh" stop "$server" >/dev/null 2>&1; rm -rf "$PGM_BENCH_DIR"' EXIT
trap 'exit 130' HUP INT TERM

# bench/async keeps the connections of all peers open at once.
PGM_TEST_CONF='max_connections = 400' "$support/server.sh" start "$server" >/dev/null
set -a
. "$server/env"
set +a
if command -v openssl >/dev/null; then
	"$support/tls.sh" make "$PGM_BENCH_DIR/tls" && "$support/tls.sh" on "$server" "$PGM_BENCH_DIR/tls" good
fi

# The postmaster's new children inherit where it may run.
postmaster=$(head -n 1 "$PGM_TEST_DATADIR/postmaster.pid")
run() {
	cpus=$1 program=$2
	shift 2
	if command -v taskset >/dev/null; then
		taskset -pc "$cpus" "$postmaster" >/dev/null
		taskset -c "$cpus" "$PGM_BENCH_BIN/$program" "$@"
	else
		"$PGM_BENCH_BIN/$program" "$@"
	fi
}

sed -n 's/^model name[^:]*: */CPU: /p' /proc/cpuinfo 2>/dev/null | sort | uniq -c | sed 's/^ */CPUs: /'
echo "$(uname -sr), PostgreSQL $("$PGM_PG_BINDIR/postgres" --version | awk '{ print $3 }'), load $(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null)"
every=$(cat /sys/devices/system/cpu/online 2>/dev/null || echo 0)
one=${every%%[-,]*}
run_async() {
	for figure in "$@"; do
		case $figure in
		1/1) run "$one" bench_async "$figure" ;;
		*) run "$every" bench_async "$figure" ;;
		esac
	done
}
if [ "${1:-}" = async ]; then
	shift
	[ $# -gt 0 ] || set -- 1/1 rate turn memory slow
	run_async "$@"
	exit
fi
for figure in ${*:-borrowing round-trip path start contention holding fill memory csv-splitter csv-import csv-import-jobs csv-export async}; do
	case $figure in
	borrowing | round-trip | path | start) run "$one" bench_pool "$figure" ;;
	csv-*) run "$every" bench_csv "$figure" ;;
	async) run_async 1/1 rate turn memory slow ;;
	*) run "$every" bench_pool "$figure" ;;
	esac
done
