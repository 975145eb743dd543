#!/bin/sh
# The main job, seen on a real server. `make demo` runs this after the build.
#
#   demo.sh                          on a throwaway PostgreSQL, which is gone at the end
#   PGM_DEMO_CONFIG=FILE demo.sh     on the server that this YAML file names: it ends one connection of its
#                                    own there and makes nothing that lasts. Names of other files in it, such as
#                                    certificates, must be absolute
#
# Whatever fails ends it, with a line that says what.

set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build=$(CDPATH='' cd -- "${PGM_BUILD_ROOT:-$root/build}/release" 2>/dev/null && pwd) || build=
own_server=${1:-}

die() {
	echo "demo: $*" >&2
	exit 1
}

[ -x "$build/bin/pgmonkey" ] || die "the program is not built: run make first"
if [ -n "${PGM_DEMO_CONFIG:-}" ]; then
	[ -r "$PGM_DEMO_CONFIG" ] || die "cannot read $PGM_DEMO_CONFIG (PGM_DEMO_CONFIG)"
	config=$(CDPATH='' cd -- "$(dirname -- "$PGM_DEMO_CONFIG")" && pwd)/$(basename -- "$PGM_DEMO_CONFIG")
elif [ "$own_server" != own-server ]; then
	exec "$root/tests/support/server.sh" with "$root/scripts/demo.sh" own-server
fi

started=$(date +%s)
umask 077
dir=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-demo.XXXXXX") || die "cannot make a temporary folder"
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' HUP INT TERM
cd "$dir"
PATH=$build/bin:$PATH

title() { printf '\n=== %s\n' "$*"; }
say() { printf '%s\n' "$@"; }

# Shows a command as one would type it, and what it says; keeps that in the file "said".
try() {
	printf '\n  $ %s\n' "$*"
	status=0
	"$@" >said 2>&1 || status=$?
	sed 's/^/  /' said
	return $status
}
must() { try "$@" || die "this command failed with status $status: $*"; }

# In single quotes YAML has one special character, the quote.
quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/''/g")"; }

# set_key SECTION KEY VALUE: in db.yaml, as `pgconfig create` lays it out.
set_key() {
	SECTION=$1 KEY=$2 VALUE=$(quoted "$3") awk '
		/^[a-z_]+:/ { section = $1 }
		section == ENVIRON["SECTION"] ":" && $1 == ENVIRON["KEY"] ":" {
			print "  " $1 " " ENVIRON["VALUE"]
			found = 1
			next
		}
		{ print }
		END { exit !found }' db.yaml >edited || die "db.yaml has no $1.$2 to edit"
	mv edited db.yaml
}

# One line of YAML. Where the file does not say it, it is added at the end.
set_type() {
	sed "s/^\([[:blank:]]*\)connection_type:.*/\1connection_type: $1/" db.yaml >edited
	grep -q '^[[:blank:]]*connection_type:' edited || printf '\nconnection_type: %s\n' "$1" >>edited
	mv edited db.yaml
}

write_file_for_own_server() {
	say "The program writes a commented file, readable by its owner only:"
	must pgmonkey pgconfig create --filepath db.yaml
	set_key connection_settings host "$PGM_TEST_HOST"
	set_key connection_settings port "$PGM_TEST_PORT"
	set_key connection_settings dbname "$PGM_TEST_DBNAME"
	set_key connection_settings user "$PGM_TEST_USER"
	set_key connection_settings password "$PGM_TEST_PASSWORD"
	set_key connection_settings application_name "pgmonkey demo"
	set_key pool_settings min_size 2
	set_key pool_settings max_size 4
	say "" "Edited for this server (the password is in it too; it is never printed), it says among other things:" ""
	sed -n '/^connection_settings:/,/^  user:/p; /^pool_settings:/,/^  timeout:/p' db.yaml | sed 's/^/  /'
}

copy_given_file() {
	say "A copy of $config, so that connection_type can be changed below."
	cp "$config" db.yaml
}

compile() {
	for name in four_types pool_threads killed_connection; do
		${CC:-cc} -I"$root/include" -o "$name" "$root/examples/$name.c" -L"$build/lib" -lpgmonkey \
			"-Wl,-rpath,$build/lib" $(pkg-config --cflags --libs libpq) -pthread ||
			die "examples/$name.c does not compile"
	done
}

# What is not in this version answers with one clear error, and that is no failure of the demo.
run_as_type() {
	set_type "$1"
	grep '^[[:blank:]]*connection_type:' db.yaml | sed 's/^[[:blank:]]*/  in db.yaml: /'
	if try ./four_types db.yaml; then
		grep -q "^$1: " said || die "the program did not run as $1"
		ran="$ran $1"
	else
		grep -q 'not in this version yet' said || die "four_types failed as $1"
		say "  (this version says no, clearly; so does this demo)"
	fi
	say ""
}

# Sessions begun and ended, by the log of the throwaway server. The last ones may be a moment on their way.
count_sessions() {
	tries=0
	while
		begun=$(grep -c 'connection authorized' "$PGM_TEST_LOG") || :
		ended=$(grep -c 'disconnection: session time' "$PGM_TEST_LOG") || :
		[ "$begun" != "$ended" ] && [ "$tries" -lt 50 ]
	do
		tries=$((tries + 1))
		sleep 0.1
	done
	[ "$begun" = "$ended" ] || die "the server's log knows of $begun sessions that began and $ended that ended"
	say "The server's own log agrees: $begun sessions began, $ended ended. None was left behind."
}

title "1. One YAML file describes the connection"
if [ "$own_server" = own-server ]; then
	say "A throwaway PostgreSQL is running on port $PGM_TEST_PORT."
	write_file_for_own_server
else
	copy_given_file
fi

title "2. The file is tested, step by step, before any program needs it"
must pgmonkey pgconfig test --filepath db.yaml
must pgmonkey pgconfig test --filepath db.yaml --connection-type pool

title "3. One program, unchanged, on each connection type"
say "examples/four_types.c is compiled once; only one line of the file changes." ""
compile
ran=
for type in normal pool async async_pool; do
	run_as_type $type
done
[ -n "$ran" ] || die "no connection type works"
say "It ran as:$ran."

title "4. Eight threads share a pool, first come, first served"
must ./pool_threads db.yaml
say "" "The threads borrowed, worked for ten milliseconds and gave back; whoever finds none free waits in line." \
	"Closing ended every connection, and whoever asks now is told so."

title "5. The server kills a connection, and the program goes on"
must ./killed_connection db.yaml
say "" "The connection died while it lay idle in the pool. That is a warning in the log; the next borrower" \
	"got a working connection, and no error."

title "6. The end"
say "four_types and killed_connection just returned from main(): the library closed what they had open."
[ "$own_server" != own-server ] || count_sessions
say "" "Seen in $(($(date +%s) - started)) s: a file written and tested, the types$ran, a shared pool, a killed connection."
