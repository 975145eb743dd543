# shellcheck shell=bash
# What the tests of pgimport share. Each file has a database of its own, and in it the schema imp.

load helper

setup_file()
{
	main=$PGM_TEST_DBNAME
	own=pgm_$(basename "$BATS_TEST_FILENAME" .bats)
	export main own
	sql "DROP DATABASE IF EXISTS $own" -c "CREATE DATABASE $own TEMPLATE template0 ENCODING 'UTF8'" || return 1
	export PGM_TEST_DBNAME=$own
	sql "CREATE SCHEMA imp; GRANT ALL ON SCHEMA imp TO $PGM_TEST_USER"
}

teardown_file()
{
	PGM_TEST_DBNAME=$main sql "DROP DATABASE IF EXISTS $own WITH (FORCE)"
}

# As the tests' own role, whose tables they are.
ours()
{
	PGPASSWORD=$PGM_TEST_PASSWORD PGOPTIONS='-c client_min_messages=error -c search_path=imp' psql -X -q -A -t \
		-v ON_ERROR_STOP=1 -h "$PGM_TEST_HOST" -p "$PGM_TEST_PORT" -U "$PGM_TEST_USER" -d "$PGM_TEST_DBNAME" "$@"
}

# table NAME COLUMNS: anew; without columns it is only dropped.
table()
{
	ours -c "DROP TABLE IF EXISTS $1 CASCADE"
	[ -z "${2-}" ] || ours -c "CREATE TABLE $1 ($2)"
}

# import_csv TABLE [OPTION...]: data.csv.
import_csv()
{
	local table=$1
	shift
	[ -e db.yaml ] || config </dev/null
	pgmonkey pgimport --import_file data.csv --table "$table" --connconfig db.yaml "$@"
}

# data FORMAT [SETTING...]: data.csv by printf; settings are lines of data.yaml.
data()
{
	local format=$1
	shift
	# shellcheck disable=SC2059
	printf "$format" >data.csv
	rm -f data.yaml
	[ $# -eq 0 ] || printf '%s\n' "$@" >data.yaml
}

# rows QUERY EXPECTED: the result as quoted literals, so that NULL, '' and line ends are seen: E'a\nb'|NULL.
rows()
{
	local found
	found=$(ours -c "COPY ($1) TO STDOUT (NULL 'NULL', DELIMITER '|')")
	[ "$found" = "$2" ] || { echo "$1 gives:"; echo "$found"; echo "expected:"; echo "$2"; return 1; }
}

loaded()
{
	rows "SELECT * FROM $1" "$2"
}

# refused PART...: the program says no in one line that has these parts, and nothing was imported.
refused()
{
	expect 1 || return 1
	has "$(printf '%s\n' "$err" | tail -n 1)" "pgmonkey: " "; nothing was imported" "$@" || return 1
	[ -z "$out" ] || { echo "stdout: $out"; return 1; }
}

# absent TABLE: no such table, under whatever name.
absent()
{
	[ "$(ours -c "SELECT count(*) FROM pg_class WHERE relname = '$1'")" = 0 ] || { echo "$1 is there"; return 1; }
}

# no_trace: no session of the program is left on the server, and no table that it made.
no_trace()
{
	local left i
	for i in $(seq 50); do
		left=$(sql "SELECT count(*) FROM pg_stat_activity WHERE datname = '$own' AND pid <> pg_backend_pid()" -A -t)
		[ "$left" != 0 ] || break
		sleep 0.1
	done
	[ "$left" = 0 ] || { echo "$left sessions are left"; return 1; }
	[ "$(ours -c "SELECT count(*) FROM pg_class WHERE relname LIKE 'pgmonkey%'")" = 0 ] || { echo "a table is left"; return 1; }
}
