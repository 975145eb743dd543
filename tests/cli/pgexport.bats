# pgmonkey pgexport: a table into a CSV file

load helper

setup_file()
{
	sql "DROP SCHEMA IF EXISTS out CASCADE"
	sql "CREATE SCHEMA out"
	sql "GRANT ALL ON SCHEMA out TO $PGM_TEST_USER"
}

teardown_file()
{
	sql "DROP SCHEMA IF EXISTS out CASCADE"
}

# As the tests' own role, whose tables they are.
ours()
{
	PGPASSWORD=$PGM_TEST_PASSWORD PGOPTIONS='-c client_min_messages=warning -c search_path=out' psql -X -q -A -t \
		-v ON_ERROR_STOP=1 -h "$PGM_TEST_HOST" -p "$PGM_TEST_PORT" -U "$PGM_TEST_USER" -d "$PGM_TEST_DBNAME" "$@"
}

# table NAME COLUMNS [ROWS]: anew.
table()
{
	ours -c "DROP TABLE IF EXISTS $1 CASCADE; CREATE TABLE $1 ($2)"
	[ -z "${3-}" ] || ours -c "INSERT INTO $1 $3"
}

export_table()
{
	local table=$1
	shift
	pgmonkey pgexport --table "$table" --connconfig db.yaml "$@"
}

# same_as_server TABLE OPTIONS: out.csv holds what the server's COPY makes of it.
same_as_server()
{
	ours -c "COPY $1 TO STDOUT (FORMAT csv, HEADER, $2)" >expected.csv
	cmp out.csv expected.csv
}

# Nothing here but what was there before, and the helper's own files.
no_litter()
{
	local left
	left=$(find . -name '*.tmp' -o -name '.pgmonkey*')
	[ -z "$left" ] || { echo "left behind: $left"; return 1; }
}

# ------------------------------------------------------------------------------ what is written

@test "a table becomes a file, with a header and a settings file beside it" {
	config </dev/null
	table plain "id int, name text" "VALUES (1, 'one'), (2, 'two, too')"
	export_table out.plain --export_file out.csv
	expect 0
	[ "$(cat out.csv)" = 'id,name
1,one
2,"two, too"' ]
	has "$out" "2 rows in " " rows/s) from out.plain into out.csv"
	has "$err" "wrote the settings file out.yaml"
	grep -qx "delimiter: ','" out.yaml
	grep -qx "encoding: 'UTF-8'" out.yaml
	grep -qx "null_string: ''" out.yaml
	grep -qx "has_headers: true" out.yaml
	no_litter
}

@test "csv_03_rows_of_nulls_and_empty_texts_are_told_apart" {
	config </dev/null
	table nulls "a text, b text" "VALUES (NULL, NULL), ('', ''), (NULL, ''), ('x', NULL)"
	export_table out.nulls --export_file out.csv
	expect 0
	[ "$(cat out.csv)" = 'a,b
,
"",""
,""
x,' ]
}

@test "in the file of one column neither NULL nor an empty text is a blank line" {
	config </dev/null
	table one "a text" "VALUES (NULL), (''), ('\\N'), ('\\.')"
	export_table out.one --export_file out.csv
	expect 0
	[ "$(cat out.csv)" = 'a
\N
""
"\N"
"\."' ]
	grep -qx "null_string: '\\\\N'" out.yaml
}

@test "the file is the server's own CSV, byte for byte, for every kind of value" {
	config </dev/null
	table types "i int, big bigint, n numeric, f float8, r real, t text, c char(5), v varchar, b boolean, ts timestamp,
		tz timestamptz, d date, ti time, iv interval, u uuid, j json, jb jsonb, by bytea, a int[], ta text[], inet inet,
		m money, p point, x xml, r4 int4range, bits bit varying, e name" "
		SELECT i, i * 10000000000, i / 7.0, i / 3.0, i / 3.0, repeat(chr(32 + i), i % 5), 'ab', E'x\\ty\\nz\\\\', i % 2 = 0,
		timestamp '2024-02-29 12:34:56.789' + i * interval '1 day', timestamptz '2024-02-29 12:34:56+02',
		date '2024-01-01' + i, time '12:34:56', interval '1 year 2 days', '123e4567-e89b-12d3-a456-426614174000',
		'{\"a\": \"b, c\"}', '{\"a\": [1, 2]}', '\\xdeadbeef', ARRAY[i, NULL], ARRAY['a,b', '\"', '\\', 'NULL', ''],
		'192.168.0.1', 12.34, point(1, 2), '<a b=\"c\"/>', '[1,5)', B'1010', 'name' FROM generate_series(1, 90) i"
	ours -c "INSERT INTO types (f, r, ts, d) VALUES ('NaN', '-infinity', 'infinity', '-infinity')"
	ours -c "INSERT INTO types (t) SELECT chr(i) FROM generate_series(1, 127) i"
	ours -c "INSERT INTO types (t) VALUES ('größe'), ('日本'), (E'\\U0001F412'), (E'a\\r\\nb'), (E'\\\\.'), ('\\N'), ('')"
	export_table out.types --export_file out.csv
	expect 0
	same_as_server types "NULL ''"
}

@test "the file is the server's own CSV with every setting" {
	config </dev/null
	table marks "a text, b text" "SELECT repeat(chr(a), a % 3 + 1), 'x' || chr(b) || 'y' FROM generate_series(9, 126) a,
		unnest(ARRAY[9, 10, 13, 34, 39, 44, 59, 78, 92, 98, 110, 124]) b"
	ours -c "INSERT INTO marks VALUES ('', NULL), (NULL, ''), ('NULL', 'null'), ('\\N', '\\'), ('\\.', 'N'), ('n', 'b')"
	while IFS=' ' read -r delimiter quote null; do
		rm -f out.csv
		printf '%s\n' "delimiter: \"$delimiter\"" "quotechar: \"$quote\"" "null_string: \"$null\"" >out.yaml
		export_table out.marks --export_file out.csv
		expect 0
		same_as_server marks "DELIMITER E'$delimiter', QUOTE E'$quote', NULL E'$null'" ||
			{ echo "delimiter $delimiter quote $quote null $null"; return 1; }
	done <<-'END'
		, \" 
		; \" 
		\t \" NULL
		| ~ \\N
		, $ null
		x \" \\
		n \" N
		1 b \t
		N \" 
		\\ \" 
		, \\ 
		: n 
	END
}

@test "the settings file that is there says how to write, and stays as it is" {
	config </dev/null
	table plain "id int, name text" "VALUES (1, 'grün'), (2, NULL)"
	printf 'delimiter: ";"\nencoding: ISO-8859-1\nhas_headers: false\nnull_string: "-"\n' >out.yaml
	cp out.yaml before.yaml
	export_table out.plain --export_file out.csv
	expect 0
	[ "$(od -An -tx1 out.csv | tr -d ' \n')" = "313b6772fc6e0a323b2d0a" ]
	cmp out.yaml before.yaml
	export_table out.plain --export_file other.csv --settings out.yaml
	expect 0
	cmp out.csv other.csv
	[ ! -e other.yaml ]
}

@test "names that an import would put into lower case are marked in the settings file" {
	config </dev/null
	table '"My Table"' '"My Col" int, b int' "VALUES (1, 2)"
	export_table 'out."My Table"' --export_file out.csv
	expect 0
	[ "$(head -n 1 out.csv)" = "My Col,b" ]
	grep -qx "enforce_lowercase: false" out.yaml
}

@test "standard output takes the data alone, and no settings file is made" {
	config </dev/null
	table plain "id int, name text" "VALUES (1, 'one')"
	export_table out.plain --export_file -
	expect 0
	[ "$out" = 'id,name
1,one' ]
	has "$err" "1 rows in "
	export_table out.plain --export_file - --quiet
	expect 0
	[ -z "$err" ]
	[ "$(ls)" = db.yaml ]
}

@test "without a file's name the table's is taken" {
	config </dev/null
	table plain "id int" "VALUES (1)"
	export_table out.plain
	expect 0
	[ -s plain.csv ]
	[ -s plain.yaml ]
	export_table 'out."a/b"'
	expect 2
	one_reason
	has "$err" "--export-file"
}

@test "an empty table is a header; one without columns has as many empty lines as rows" {
	config </dev/null
	table empty "id int, name text"
	export_table out.empty --export_file out.csv
	expect 0
	[ "$(cat out.csv)" = "id,name" ]
	table nothing ""
	ours -c "INSERT INTO nothing DEFAULT VALUES" -c "INSERT INTO nothing DEFAULT VALUES"
	export_table out.nothing --export_file - --quiet
	expect 0
	ours -c "COPY nothing TO STDOUT (FORMAT csv, HEADER)" | cmp - .out
}

@test "generated columns are left out, so that the file can be loaded again" {
	config </dev/null
	table generated "a int, b int GENERATED ALWAYS AS (a * 2) STORED, c int" "(a, c) VALUES (1, 3)"
	ours -c "ALTER TABLE generated ADD d int" -c "ALTER TABLE generated DROP COLUMN d"
	export_table out.generated --export_file out.csv
	expect 0
	[ "$(cat out.csv)" = 'a,c
1,3' ]
}

@test "csv_35_views_materialized_partitioned_and_foreign_tables_work" {
	config </dev/null
	table parts "id int, name text"
	ours -c "DROP TABLE parts; CREATE TABLE parts (id int, name text) PARTITION BY RANGE (id)
		; CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10)
		; CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20)
		; INSERT INTO parts VALUES (1, 'one'), (11, NULL)
		; CREATE VIEW a_view AS SELECT * FROM parts ORDER BY id
		; CREATE MATERIALIZED VIEW a_matview AS SELECT * FROM parts ORDER BY id"
	expected='id,name
1,one
11,'
	for name in parts a_view a_matview; do
		export_table out.$name --export_file out.csv
		expect 0
		[ "$(cat out.csv)" = "$expected" ]
		has "$out" "2 rows in"
	done
	if sql "CREATE EXTENSION IF NOT EXISTS file_fdw" 2>/dev/null; then
		printf '1,one\n11,\n' >"$here/foreign.csv"
		chmod 755 "$here" && chmod 644 foreign.csv
		sql "DROP SERVER IF EXISTS out_files CASCADE; CREATE SERVER out_files FOREIGN DATA WRAPPER file_fdw
			; CREATE FOREIGN TABLE out.abroad (id int, name text) SERVER out_files
			OPTIONS (filename '$here/foreign.csv', format 'csv')
			; GRANT SELECT ON out.abroad TO $PGM_TEST_USER"
		export_table out.abroad --export_file out.csv
		sql "DROP SERVER out_files CASCADE"
		expect 0
		[ "$(cat out.csv)" = "$expected" ]
	fi
}

@test "children that inherit from a table are tables of their own" {
	config </dev/null
	table parent "id int" "VALUES (1)"
	ours -c "CREATE TABLE child () INHERITS (parent); INSERT INTO child VALUES (2)"
	export_table out.parent --export_file out.csv
	expect 0
	[ "$(cat out.csv)" = 'id
1' ]
}

@test "a name without a schema is found along the search_path" {
	config options="-c search_path=out" </dev/null
	table plain "id int" "VALUES (7)"
	export_table plain --export_file - --quiet
	expect 0
	[ "$out" = 'id
7' ]
}

@test "a statement_timeout of the file does not end a dump" {
	config <<-END
		sync_settings:
		  statement_timeout: 200
	END
	ours -c "DROP VIEW IF EXISTS slow; CREATE VIEW slow AS SELECT 1 AS a, pg_sleep(0.5)::text AS b"
	export_table out.slow --export_file - --quiet
	expect 0
	[ "$out" = 'a,b
1,""' ]
}

# ------------------------------------------------------------------------------ the file

@test "a file that is there is replaced and keeps its mode; a new one has that of the umask" {
	config </dev/null
	table plain "id int" "VALUES (1)"
	echo old >out.csv
	chmod 660 out.csv
	export_table out.plain --export_file out.csv
	expect 0
	[ "$(stat -c %a out.csv)" = 660 ]
	[ "$(sed -n 2p out.csv)" = 1 ]
	umask 027
	export_table out.plain --export_file new.csv
	expect 0
	[ "$(stat -c %a new.csv)" = 640 ]
}

# Whoever has the new file's group could not read the old one.
@test "a replaced file whose group cannot be kept shows nothing to another group" {
	[ "$(id -u)" -eq 0 ] || skip "only root has files of a group that is not its own"
	setpriv --bounding-set=-chown --clear-groups true 2>/dev/null || skip "root cannot be kept from giving files away here (setpriv)"
	config </dev/null
	table plain "id int" "VALUES (1)"
	echo old >out.csv
	chown 0:1 out.csv
	chmod 664 out.csv
	setpriv --bounding-set=-chown --clear-groups "$PGMONKEY" pgexport --quiet --table out.plain --connconfig db.yaml --export_file out.csv
	[ "$(stat -c '%a %g' out.csv)" = "604 0" ]
	[ "$(sed -n 2p out.csv)" = 1 ]
	chown 0:1 out.csv
	chmod 664 out.csv
	export_table out.plain --export_file out.csv
	expect 0
	[ "$(stat -c '%a %g' out.csv)" = "664 1" ]
}

@test "settings that could not be kept are told before the export" {
	config </dev/null
	table plain "id int" "VALUES (1)"
	export_table out.plain --export_file - --settings no/such/folder.yaml
	expect 1
	one_reason
	[ -z "$out" ]
	has "$err" "cannot write the settings file no/such/folder.yaml: No such file or directory"
	export_table out.plain --export_file same.csv --settings same.csv
	expect 1
	one_reason
	has "$err" "same.csv: the settings need a file of their own"
	[ ! -e same.csv ]
}

@test "--no-clobber refuses to replace a file" {
	config </dev/null
	table plain "id int" "VALUES (1)"
	echo old >out.csv
	export_table out.plain --export_file out.csv --no-clobber
	expect 1
	one_reason
	has "$err" "cannot write out.csv: File exists"
	[ "$(cat out.csv)" = old ]
	[ ! -e out.yaml ]
	export_table out.plain --export_file new.csv --no-clobber
	expect 0
}

@test "a symbolic link stays, and what it points to is replaced" {
	config </dev/null
	table plain "id int" "VALUES (1)"
	mkdir real
	echo old >real/data.csv
	ln -s real/data.csv out.csv
	export_table out.plain --export_file out.csv
	expect 0
	[ -L out.csv ]
	[ "$(sed -n 2p real/data.csv)" = 1 ]
}

@test "a device and a pipe are written in place" {
	config </dev/null
	table plain "id int" "VALUES (1)"
	export_table out.plain --export_file /dev/null --settings null.yaml
	expect 0
	[ -c /dev/null ]
	mkfifo pipe.csv
	cat pipe.csv >from-pipe &
	export_table out.plain --export_file pipe.csv
	expect 0
	wait
	[ "$(sed -n 2p from-pipe)" = 1 ]
	[ -p pipe.csv ]
}

@test "csv_36_what_cannot_be_written_says_path_and_reason_before_anything_is_read" {
	config host=127.0.0.1 port=1 </dev/null
	mkdir folder
	export_table out.plain --export_file missing/out.csv
	expect 1
	one_reason
	has "$err" "cannot write missing/out.csv: No such file or directory"
	export_table out.plain --export_file folder
	expect 1
	one_reason
	has "$err" "cannot write folder: Is a directory"
	chmod 555 folder
	without_privileges pgexport --table out.plain --connconfig db.yaml --export_file folder/out.csv
	expect 1
	has "$err" "cannot write folder/out.csv: Permission denied"
}

@test "csv_36_a_full_disk_leaves_the_old_file_and_no_litter" {
	config </dev/null
	table large "a text" "SELECT repeat('x', 1000) FROM generate_series(1, 2000)"
	echo old >out.csv
	(
		ulimit -f 600
		export_table out.large --export_file out.csv
		expect 1
		one_reason
		has "$err" "cannot write out.csv: File too large"
	)
	[ "$(cat out.csv)" = old ]
	[ ! -e out.yaml ]
	no_litter
	export_table out.large --export_file /dev/full --settings full.yaml
	expect 1
	one_reason
	has "$err" "cannot write /dev/full: No space left on device"
	[ ! -e full.yaml ]
	status=0
	"$PGMONKEY" pgexport --table out.large --connconfig db.yaml --export_file - >/dev/full 2>.err || status=$?
	[ "$status" -eq 1 ]
	has "$(cat .err)" "cannot write standard output: No space left on device"
}

@test "csv_36_a_full_file_system_leaves_the_old_file_and_no_litter" {
	mkdir small
	mount -t tmpfs -o size=1m none small 2>/dev/null || skip "no right to mount a file system"
	config </dev/null
	table large "a text" "SELECT repeat('x', 1000) FROM generate_series(1, 2000)"
	echo old >small/out.csv
	export_table out.large --export_file small/out.csv
	left=$(ls -A small)
	kept=$(cat small/out.csv)
	umount small
	expect 1
	one_reason
	has "$err" "cannot write small/out.csv: No space left on device"
	[ "$left" = out.csv ]
	[ "$kept" = old ]
}

@test "a reader that goes away ends it" {
	config </dev/null
	table large "a text" "SELECT repeat('x', 1000) FROM generate_series(1, 5000)"
	"$PGMONKEY" pgexport --table out.large --connconfig db.yaml --export_file - 2>.err | head -n 1 >first
	[ "$(cat first)" = a ]
	has "$(cat .err)" "cannot write standard output: Broken pipe"
}

@test "a settings file that is the connection's is not touched" {
	config </dev/null
	table plain "id int" "VALUES (1)"
	cp db.yaml before.yaml
	export_table out.plain --export_file db.csv
	expect 1
	one_reason
	has "$err" "configuration of a connection" "--settings"
	cmp db.yaml before.yaml
	[ ! -e db.csv ]
}

@test "an encoding has the names that an import knows, too" {
	config </dev/null
	table named "a text" "SELECT 'é'"
	local name
	for name in latin-1 iso_8859_1; do
		printf 'encoding: %s\nhas_headers: false\n' "$name" >out.yaml
		export_table out.named --export_file out.csv
		expect 0
		[ "$(od -An -tx1 <out.csv)" = " e9 0a" ]
	done
	printf 'encoding: utf-8-sig\nhas_headers: false\n' >out.yaml
	export_table out.named --export_file out.csv
	expect 0
	[ "$(cat out.csv)" = é ]
}

@test "an encoding that lacks a character says which, and leaves the old file" {
	config </dev/null
	table signs "id int, t text" "VALUES (1, 'plain'), (17, 'snow ☃')"
	printf 'encoding: ISO-8859-1\n' >out.yaml
	echo old >out.csv
	export_table out.signs --export_file out.csv
	expect 1
	one_reason
	has "$err" "cannot write out.csv: ISO-8859-1 has no U+2603, which comes after \"17,snow \""
	[ "$(cat out.csv)" = old ]
	no_litter
	printf 'encoding: KLINGON\n' >out.yaml
	export_table out.signs --export_file out.csv
	expect 1
	has "$err" "iconv knows no encoding \"KLINGON\""
	no_litter
}

# ------------------------------------------------------------------------------ what is refused

@test "a table that is not there, or has no rows to give, is named" {
	config </dev/null
	export_table out.missing --export_file out.csv
	expect 1
	one_reason
	has "$err" "there is no table" "missing"
	ours -c "DROP SEQUENCE IF EXISTS a_sequence; CREATE SEQUENCE a_sequence"
	export_table out.a_sequence --export_file out.csv
	expect 1
	one_reason
	has "$err" "out.a_sequence is a sequence"
	export_table out.a.b.c --export_file out.csv
	expect 1
	one_reason
	[ ! -e out.csv ]
	[ ! -e out.yaml ]
}

@test "a table that one may not read is the server's to refuse" {
	config </dev/null
	sql "CREATE TABLE out.locked (id int); REVOKE ALL ON out.locked FROM PUBLIC, $PGM_TEST_USER"
	export_table out.locked --export_file out.csv
	expect 1
	one_reason
	has "$err" "permission denied for table locked"
	[ ! -e out.csv ]
}

@test "csv_34_row_level_security_is_an_error_or_asked_for" {
	config </dev/null
	sql "DROP TABLE IF EXISTS out.secured CASCADE; CREATE TABLE out.secured (id int)
		; INSERT INTO out.secured VALUES (1), (2); ALTER TABLE out.secured ENABLE ROW LEVEL SECURITY
		; CREATE POLICY odd ON out.secured USING (id % 2 = 1); GRANT SELECT ON out.secured TO $PGM_TEST_USER"
	echo old >out.csv
	export_table out.secured --export_file out.csv
	expect 1
	one_reason
	has "$err" "row-level security may hide rows of out.secured from $PGM_TEST_USER" "visible_rows"
	[ "$(cat out.csv)" = old ]
	export_table out.secured --export_file out.csv --visible_rows
	expect 0
	[ "$(cat out.csv)" = 'id
1' ]
	# The rows below a view may be hidden too.
	sql "ALTER TABLE out.secured FORCE ROW LEVEL SECURITY; ALTER TABLE out.secured OWNER TO $PGM_TEST_USER"
	ours -c "CREATE VIEW over_secured AS SELECT * FROM secured"
	export_table out.over_secured --export_file out.csv
	expect 1
	one_reason
	has "$err" "row-level security"
	export_table out.over_secured --export_file out.csv --visible-rows
	expect 0
	[ "$(cat out.csv)" = 'id
1' ]
}

@test "a wrong command line is told before anything is done" {
	config </dev/null
	export_table out.plain --jobs 0
	expect 2
	one_reason
	export_table out.plain --jobs many
	expect 2
	has "$err" "expected a number from 1 to" '"many"'
	pgmonkey pgexport --connconfig db.yaml
	expect 2
	has "$err" "--table is missing"
}

# ------------------------------------------------------------------------------ size

@test "csv_41_a_field_of_187_megabytes_comes_out_whole" {
	config </dev/null
	table huge "id int, t text" "SELECT 1, repeat('0123456789\"' || chr(10), 16000000)"
	/usr/bin/env time -f %M -o memory "$PGMONKEY" pgexport --table out.huge --connconfig db.yaml --export_file out.csv \
		--quiet >/dev/null || { "$PGMONKEY" pgexport --table out.huge --connconfig db.yaml --export_file out.csv; }
	ours -c "COPY huge TO STDOUT (FORMAT csv, HEADER)" | cmp - out.csv
	ours -c "DROP TABLE huge"
}
