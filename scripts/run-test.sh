#!/bin/sh
# Runs one test and keeps what it prints, TAP, in a file that scripts/tap-count.awk can count.
#
#   run-test.sh [options] TAPFILE -- COMMAND [ARGUMENT...]
#
#   --server            it wants a PostgreSQL: start one if PGM_TEST_HOST names none
#   --plain             it prints no TAP: one case, passed if it exits with 0, skipped with 77
#   --valgrind FILE     under valgrind, with this file of suppressions
#   --fixed-addresses   without address randomization, which older thread sanitizers cannot bear
#   --no-leak-check     memory that is left at the end is not an error
#   --timeout SECONDS   end it then
#
# Exit status: 0 all passed, 77 all skipped, 1 anything else. A test that ends without having reported
# every case that it announced has failed, whatever its exit status.

set -u
scripts=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1

server='' plain='' valgrind='' fixed='' limit='' leaks=full
while [ $# -gt 0 ]; do
	case $1 in
	--server) server=1 ;;
	--plain) plain=1 ;;
	--valgrind) valgrind=$2; shift ;;
	--fixed-addresses) fixed=1 ;;
	--no-leak-check) leaks=no ;;
	--timeout) limit=$2; shift ;;
	*) break ;;
	esac
	shift
done
tap=$1
[ "$2" = -- ] || { echo "run-test.sh: -- expected after the TAP file" >&2; exit 1; }
shift 2
case_name=$(basename -- "$tap" .tap)

if [ -n "$valgrind" ]; then
	# fair-sched: without it one thread may keep the others waiting for seconds.
	set -- valgrind --quiet --error-exitcode=99 --leak-check=$leaks --errors-for-leak-kinds=definite,indirect \
		--fair-sched=yes --suppressions="$valgrind" "$@"
fi
if [ "$leaks" = no ]; then
	LSAN_OPTIONS=${LSAN_OPTIONS:+$LSAN_OPTIONS:}detect_leaks=0
	export LSAN_OPTIONS
fi
if [ -n "$fixed" ] && setarch "$(uname -m)" -R true 2>/dev/null; then
	set -- setarch "$(uname -m)" -R "$@"
fi
# Inside the server's wrapper, so that the server outlives the test and is stopped as usual. timeout ends
# the whole process group of the test, which is why a signal sent to us has to be passed on below.
if [ -n "$limit" ] && command -v timeout >/dev/null 2>&1; then
	set -- timeout -k 10 "$limit" "$@"
fi
if [ -n "$server" ] && [ -z "${PGM_TEST_HOST:-}" ] && [ -x "$scripts/../tests/support/server.sh" ]; then
	set -- "$scripts/../tests/support/server.sh" with "$@"
fi

CMOCKA_MESSAGE_OUTPUT=TAP
export CMOCKA_MESSAGE_OUTPUT

# To a file and not a pipe: something left running by the test cannot keep us waiting for its end.
run() {
	"$@" >>"$out" 2>&1 </dev/null &
	pid=$!
	trap 'kill -TERM "$pid" 2>/dev/null' HUP INT TERM
	wait "$pid"
	status=$?
	# A signal ends wait before it ends the test.
	while kill -0 "$pid" 2>/dev/null; do
		wait "$pid"
		status=$?
	done
	trap - HUP INT TERM
}

# The first line is there from the beginning: a test that is killed leaves a file that says so.
mkdir -p "$(dirname -- "$tap")" && echo "# $case_name" >"$tap" || exit 1
if [ -n "$plain" ]; then
	out=$tap.out
	: >"$out"
	run "$@"
	{
		echo "1..1"
		sed 's/^/# /' "$out"
		case $status in
		0) echo "ok 1 - $case_name" ;;
		77) echo "ok 1 - $case_name # SKIP" ;;
		*) echo "not ok 1 - $case_name" ;;
		esac
	} >>"$tap"
	rm -f "$out"
	[ "$status" -ne 77 ] || status=0
else
	out=$tap
	run "$@"
fi
# The empty line: a crash may have left half a line before it.
printf '\n# exit status %s\n' "$status" >>"$tap"
cat "$tap"

counts=$(awk -f "$scripts/tap-count.awk" "$tap") || exit 1
set -- $counts
[ "$2" -eq 0 ] || exit 1
[ "$1" -gt 0 ] || exit 77
exit 0
