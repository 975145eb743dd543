#!/bin/sh
# pictures.sh BUILD FOLDER: what `pgconfig test` and `pgimport` look like on a terminal, as SVG, each run for it on a
# throwaway server. Wants script(1) of util-linux.

set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
build=$(CDPATH='' cd -- "$1" && pwd)
folder=$(CDPATH='' cd -- "$2" && pwd)
[ -n "${PGM_TEST_HOST:-}" ] || exec "$root/tests/support/server.sh" with "$0" "$build" "$folder"

work=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-pictures.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
cd "$work"
PATH=$build/bin:$PATH

cat >db.yaml <<END
connection_type: pool
connection_settings:
  host: $PGM_TEST_HOST
  port: $PGM_TEST_PORT
  dbname: $PGM_TEST_DBNAME
  user: $PGM_TEST_USER
  password: $PGM_TEST_PASSWORD
sync_settings:
  statement_timeout: 30000
END
chmod 600 db.yaml
awk 'BEGIN {
	print "id;name;city;since"
	for (i = 1; i <= 500000; i++)
		printf "%d;\"Ann \"\"%d\"\" O'\''Hara\";Köln;2024-01-%02d\n", i, i, i % 28 + 1
}' >customers.csv

{ head -n 4711 customers.csv && echo '4711;"Ann;Köln;2024-01-01' && tail -n 5 customers.csv; } >broken.csv

# shot NAME TITLE COMMAND...: the commands, typed one after the other.
shot() {
	name=$1 title=$2
	shift 2
	for command in "$@"; do
		printf '$ %s\n' "$command"
		script -qec "$command" /dev/null </dev/null || :
	done | LC_ALL=C.UTF-8 awk -v title="$title" -f "$root/docs/make/terminal.awk" >"$folder/$name.svg"
}
shot pgconfig-test "pgmonkey pgconfig test, step by step" 'pgmonkey pgconfig test --filepath db.yaml'
shot pgimport "pgmonkey pgimport: a CSV file into a table" \
	'head -3 customers.csv' \
	'pgmonkey pgimport --import_file customers.csv --table customers --connconfig db.yaml' \
	'pgmonkey pgimport --import_file broken.csv --table customers --connconfig db.yaml'
