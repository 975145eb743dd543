# shellcheck shell=bash
# What the tests of the program share. Each test has an empty folder of its own and stands in it.

support=$(cd "$BATS_TEST_DIRNAME/../support" && pwd)
secret='S3cr3t-Walrus' # in no output, ever

setup()
{
	here=$(mktemp -d "${TMPDIR:-/tmp}/pgm-cli.XXXXXX")
	cd "$here" || exit 1
	# What libpq would read of whoever runs the tests.
	local name
	for name in "${!PG@}"; do
		case $name in PGM*) ;; *) unset "$name" ;; esac
	done
	export HOME=$here
	umask 022
}

teardown()
{
	cd / && rm -rf "$here"
}

# Runs the program: $status, $out, $err (stdout and stderr).
pgmonkey()
{
	status=0
	"$PGMONKEY" "$@" >"$here/.out" 2>"$here/.err" </dev/null || status=$?
	out=$(cat "$here/.out")
	err=$(cat "$here/.err")
}

# The same without root's right to read and write whatever it likes; skips where that cannot be taken away.
without_privileges()
{
	local as=()
	if [ "$(id -u)" -eq 0 ]; then
		as=(setpriv '--bounding-set=-dac_override,-dac_read_search')
		"${as[@]}" true 2>/dev/null || skip "root cannot be kept from reading here (setpriv)"
	fi
	status=0
	"${as[@]}" "$PGMONKEY" "$@" >"$here/.out" 2>"$here/.err" </dev/null || status=$?
	out=$(cat "$here/.out")
	err=$(cat "$here/.err")
}

# expect STATUS: shows what there was if it is another one.
expect()
{
	[ "$status" -eq "$1" ] || { echo "status $status, expected $1"; echo "stdout: $out"; echo "stderr: $err"; return 1; }
	case "$out$err" in *"$secret"*) echo "the password is shown: $out $err"; return 1 ;; esac
}

# has TEXT PART...: each part occurs.
has()
{
	local text=$1 part
	shift
	for part; do
		case $text in *"$part"*) ;; *) echo "expected \"$part\" in: $text"; return 1 ;; esac
	done
}

lacks()
{
	case $1 in *"$2"*) echo "not expected \"$2\" in: $1"; return 1 ;; esac
}

# One line on stderr, beginning as all do.
one_reason()
{
	[ "$(printf '%s\n' "$err" | wc -l)" -eq 1 ] && has "$err" "pgmonkey: "
}

# One line says why, a second what to check.
reason_and_hint()
{
	[ "$(printf '%s\n' "$err" | wc -l)" -eq 2 ] || { echo "expected two lines: $err"; return 1; }
	has "$(printf '%s\n' "$err" | sed -n 1p)" "pgmonkey: " && has "$(printf '%s\n' "$err" | sed -n 2p)" "pgmonkey: hint: "
}

# Reads the program's JSON, strictly: one object and nothing else.
json()
{
	[ "$(jq -s length <"$here/.out")" = 1 ] || { echo "not one JSON value: $out"; return 1; }
	jq -r "$1" <"$here/.out"
}

# is QUERY VALUE
is()
{
	local found
	found=$(json "$1") || return 1
	[ "$found" = "$2" ] || { echo "$1 is $found, expected $2"; echo "$out"; return 1; }
}

# config [KEY=VALUE...]: db.yaml for the test server; values replace or add to connection_settings, an empty
# one takes the key out. What is on standard input comes before.
config()
{
	local -A keys=([host]=$PGM_TEST_HOST [port]=$PGM_TEST_PORT [user]=$PGM_TEST_USER [password]=$PGM_TEST_PASSWORD
		[dbname]=$PGM_TEST_DBNAME)
	local pair key
	for pair; do
		keys[${pair%%=*}]=${pair#*=}
	done
	(umask 077 && : >db.yaml)
	[ -t 0 ] || cat >>db.yaml
	echo "connection_settings:" >>db.yaml
	for key in "${!keys[@]}"; do
		[ -z "${keys[$key]}" ] || echo "  $key: '${keys[$key]//\'/\'\'}'" >>db.yaml
	done
}

try()
{
	pgmonkey pgconfig test --filepath db.yaml "$@"
}

# sql SQL [OPTION...]: by psql, as the server's superuser, on the test's own database.
sql()
{
	local psql
	psql=$(command -v psql || echo "$PGM_PG_BINDIR/psql")
	PGPASSWORD=$PGM_TEST_SUPERUSER_PASSWORD "$psql" -X -q -v ON_ERROR_STOP=1 -h "$PGM_TEST_HOST" -p "$PGM_TEST_PORT" \
		-U "$PGM_TEST_SUPERUSER" -d "$PGM_TEST_DBNAME" -c "$@"
}

# find_python MODULE...: $python is one that has them; without, the test is skipped. The system's own comes first, as a
# version manager's need not have what the system has packages for. PGM_TEST_PYTHON names another one.
find_python()
{
	local modules
	modules=$(IFS=, && echo "$*")
	for python in ${PGM_TEST_PYTHON:-/usr/bin/python3 python3}; do
		! "$python" -c "import $modules" 2>/dev/null || return 0
	done
	skip "no Python with $*"
}

# A cluster of this file's own, for what would disturb others. In setup_file and teardown_file.
start_private_server()
{
	private=$(mktemp -d "${TMPDIR:-/tmp}/pgm-cli-server.XXXXXX")
	export private
	chmod 755 "$private"
	"$support/server.sh" start "$private/server" || return 1
	set -a
	# shellcheck source=/dev/null
	. "$private/server/env"
	set +a
}

stop_private_server()
{
	"$support/server.sh" stop "$private/server"
	rm -rf "$private"
}
