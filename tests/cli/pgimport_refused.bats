# pgmonkey pgimport: what is refused, where it is said to be, and that nothing was imported

load import

# ------------------------------------------------------------------------------ the text

@test "csv_15_too_few_and_too_many_fields_are_refused_with_line_and_counts" {
	table t15 "a text, b text"
	data 'a,b\n1,2\n"x\ny",3\nshort\n5,6\n'
	import_csv imp.t15
	refused "data.csv:5: record 3 has 1 field, expected 2: short"
	data 'a,b\n1,2\n3,4,5\n'
	import_csv imp.t15
	refused "data.csv:3: record 2 has 3 fields, expected 2: 3,4,5"
	loaded t15 ""
	table t15
	import_csv imp.t15
	refused "data.csv:3: record 2 has 3 fields"
	absent t15
}

@test "csv_17_a_copy_end_mark_among_several_columns_is_a_record_with_too_few_fields" {
	table t17 "a text, b text"
	data 'a,b\n1,2\n\\.\n3,4\n'
	import_csv imp.t17
	refused 'data.csv:3: record 2 has 1 field, expected 2: \.'
	loaded t17 ""
}

@test "csv_19_a_nul_byte_is_refused_in_its_line" {
	table t19 "a text, b text"
	data 'a,b\n1,2\n"x\n",\0y\n3,4\n'
	import_csv imp.t19
	refused "data.csv:4: column b: a NUL byte" "(number 14 of the file)"
	loaded t19 ""
}

@test "csv_20_a_wrong_byte_is_refused_with_line_column_and_number" {
	table t20 "a text, b text"
	data 'a,b\n1,2\n3,x\xFFy\n' "encoding: UTF-8"
	import_csv imp.t20
	refused "data.csv:3: column b: not UTF-8: the byte 0xFF, number 12 of the file" "say so in its settings"
	data 'a,b\n1,2\n3,x\xC3' "encoding: UTF-8"
	import_csv imp.t20
	refused "data.csv:3: column b: not UTF-8: number 12 of the file, begins a character that does not end"
	{ echo a,b; yes 1,plain | head -n 100000; printf '2,gr\xF6\xDFe\n'; } >data.csv
	rm -f data.yaml
	import_csv imp.t20
	refused "data.csv:100002: column b: not UTF-8: the byte 0xF6"
	grep -qx "encoding: 'UTF-8'" data.yaml
	loaded t20 ""
}

@test "csv_21_a_quote_inside_a_field_is_refused_in_its_line" {
	table t21 "a text, b text"
	data 'a,b\n1,2\n3,5" disk\n4,x\n'
	import_csv imp.t21
	refused 'data.csv:3: column b: a quote (")' 'written twice ("")'
	data 'a,b\n1,5" disk\n2,6" disk\n'
	import_csv imp.t21
	refused 'data.csv:2: column b: a quote (")'
	loaded t21 ""
}

@test "csv_22_a_quote_that_is_never_closed_is_told_where_it_opened" {
	table t22 "a text, b text"
	{ printf 'a,b\n1,2\n3,"x\n'; seq -f '%g,y' 1 100000; } >data.csv
	import_csv imp.t22
	refused 'data.csv:3: the quote (") that opens here is not closed'
	loaded t22 ""
}

@test "csv_23_a_backslash_does_not_escape_a_quote_and_the_message_says_so" {
	table t23 "a text, b text"
	data 'a,b\n1,"x\\"y"\n'
	import_csv imp.t23
	refused 'data.csv:2: column b: a quote behind a backslash (\")'
}

@test "what is wrong with the first record is told in its place without a header, too" {
	table first "a text, b text"
	data 'a"b,c\n1,2\n' "has_headers: false"
	import_csv imp.first
	refused 'data.csv:1: a quote (") inside a field'
	data '\na,"b\n1,2\n' "has_headers: false"
	import_csv imp.first
	refused 'data.csv:2: the quote (") that opens here is not closed'
	data 'a\xFF,c\n1,2\n' "has_headers: false" "encoding: UTF-8"
	import_csv imp.first
	refused "data.csv:1: not UTF-8: the byte 0xFF, number 2 of the file"
	data 'a\0,c\n' "has_headers: false"
	import_csv imp.first
	refused "data.csv:1: a NUL byte" "(number 2 of the file)"
	loaded first ""
}

@test "a carriage return alone is refused where lines end otherwise" {
	table cr "a text, b text"
	data 'a,b\n1,x\ry\n'
	import_csv imp.cr
	refused "data.csv:2: column b: a carriage return without a line feed"
}

@test "csv_25_an_empty_file_is_refused" {
	table t25 "a text"
	data ''
	import_csv imp.t25
	refused "data.csv is empty"
	data '\n\n'
	import_csv imp.t25
	refused "data.csv is empty"
	data '\xEF\xBB\xBF' "has_headers: false"
	import_csv imp.t25
	refused "data.csv is empty"
}

# ------------------------------------------------------------------------------ settings

@test "csv_27_settings_that_cannot_be_are_refused_before_connecting" {
	config port=1 </dev/null
	data 'a\n1\n' "delimiter: ';;'"
	import_csv imp.t27
	refused "data.yaml:1:12: delimiter: expected one byte"
	data 'a\n1\n' "delimiter: 'ä'"
	import_csv imp.t27
	refused "data.yaml:1:12: delimiter: expected one byte of ASCII"
	data 'a\n1\n' "delimiter: '\"'"
	import_csv imp.t27
	refused "data.yaml: delimiter and quotechar are both"
	data 'a\n1\n' "quotechar: ''"
	import_csv imp.t27
	refused "data.yaml:1:12: quotechar: expected one byte"
	data 'a\n1\n' "encoding: klingon"
	import_csv imp.t27
	refused "encoding: expected a name that iconv knows" "klingon"
	data 'a\n1\n' "delimeter: ';'"
	import_csv imp.t27
	refused "data.yaml:1:1: unknown key delimeter: expected one of has_headers"
}

@test "the connection's file beside the CSV file is not taken for its settings" {
	data 'a\n1\n'
	config </dev/null
	mv db.yaml data.yaml
	pgmonkey pgimport --import_file data.csv --table imp.conf --connconfig data.yaml
	refused "data.yaml:1:1: connection_settings: this is the configuration of a connection" "--settings"
	absent conf
}

@test "auto_create_table false makes no table" {
	data 'a\n1\n' "auto_create_table: false"
	table nocreate
	import_csv imp.nocreate
	refused "there is no table imp.nocreate, and auto_create_table is false"
	absent nocreate
}

# ------------------------------------------------------------------------------ names

@test "csv_10_names_that_become_the_same_are_refused_with_both" {
	table t10
	data 'A,b,a\n1,2,3\n'
	import_csv imp.t10
	refused 'data.csv: column 1 ("A") and column 3 ("a") would both be a'
	data 'a b,a_b\n1,2\n'
	import_csv imp.t10
	refused 'column 1 ("a b") and column 2 ("a_b") would both be a_b'
	local long
	long=$(printf 'n%.0s' $(seq 1 63))
	data "${long}first,${long}second\n1,2\n"
	import_csv imp.t10
	refused "column 1 (\"${long}first\") and column 2 (\"${long}second\") would both be $long"
	absent t10
	data "${long}first,b\n1,2\n"
	import_csv imp.t10
	expect 0
	has "$err" "column 1 is called $long" "63 bytes"
	data 'a,A\n1,2\n'
	table t10 "a int, b int"
	import_csv imp.t10
	refused 'column 1 ("a") and column 2 ("A") would both be a'
}

@test "what cannot be a column is said before anything is sent" {
	table impossible
	data 'a,xmin\n1,2\n'
	import_csv imp.impossible
	refused "column 2: xmin is a name that every table of PostgreSQL has for itself"
	{ seq -s, -f 'c%g' 1 1601; seq -s, 1 1601; } >data.csv
	rm -f data.yaml
	import_csv imp.impossible
	refused "has 1601 columns; PostgreSQL's tables have 1600 at most"
	data ',\n1,2\n'
	import_csv imp.impossible
	refused "the header names no column"
	absent impossible
}

@test "csv_31_a_name_that_is_no_column_is_refused_with_the_list_of_all" {
	table t31 "id int, name text"
	data 'id,nmae\n1,x\n'
	import_csv imp.t31
	refused 'data.csv: column 2 ("nmae") is none of imp.t31, which has id, name'
}

@test "csv_33_what_is_no_table_is_refused_by_its_kind" {
	data 'a\n1\n'
	ours -c "CREATE OR REPLACE VIEW v33 AS SELECT 1 AS a; CREATE MATERIALIZED VIEW IF NOT EXISTS m33 AS SELECT 1 AS a;
		CREATE SEQUENCE IF NOT EXISTS s33; DROP TYPE IF EXISTS c33; CREATE TYPE c33 AS (a int)"
	import_csv imp.v33
	refused "imp.v33 is a view; an import needs a table"
	import_csv imp.m33
	refused "imp.m33 is a materialized view"
	import_csv imp.s33
	refused "imp.s33 is a sequence"
	import_csv imp.c33
	refused "imp.c33 is a composite type"
}

@test "csv_33_a_foreign_table_that_takes_no_rows_is_refused_by_its_kind" {
	sql "SET client_min_messages = error; CREATE EXTENSION IF NOT EXISTS file_fdw SCHEMA imp" || skip "no file_fdw here"
	sql "DROP SERVER IF EXISTS f33 CASCADE; CREATE SERVER f33 FOREIGN DATA WRAPPER file_fdw;
		CREATE FOREIGN TABLE imp.f33 (a int) SERVER f33 OPTIONS (filename '/dev/null'); GRANT ALL ON imp.f33 TO PUBLIC"
	data 'a\n1\n'
	import_csv imp.f33
	sql "DROP EXTENSION file_fdw CASCADE"
	refused "imp.f33 is a foreign table that takes no rows"
}

@test "a schema that does not exist is said to be the reason" {
	data 'a\n1\n'
	import_csv nowhere.t
	refused "there is no schema nowhere"
}

@test "a table that one may not write to is the server's to refuse" {
	data 'a\n1\n'
	sql "DROP TABLE IF EXISTS imp.theirs; CREATE TABLE imp.theirs (a int)"
	import_csv imp.theirs
	refused "permission denied for table theirs"
}

# ------------------------------------------------------------------------------ the server says no

@test "csv_37_a_bad_value_is_told_with_line_column_and_value" {
	table t37 "id int, qty int"
	data 'id,qty\n1,10\n\n2,"\n20"\n3,thirty\n4,40\n'
	import_csv imp.t37
	refused 'data.csv:6: column qty: ERROR: invalid input syntax for type integer: "thirty"'
	loaded t37 ""
}

@test "csv_37_a_duplicate_key_is_told_with_its_line" {
	table t37 "id int PRIMARY KEY, b text"
	data 'id,b\n1,x\n2,"y\nz"\n\n1,w\n'
	import_csv imp.t37
	refused "data.csv:6: ERROR: duplicate key value violates unique constraint" "(id)=(1)"
	loaded t37 ""
}

@test "csv_37_other_constraints_are_told_with_their_line" {
	table t37 "id int NOT NULL, b text CHECK (b <> 'bad')"
	data 'id,b\n1,x\n,y\n'
	import_csv imp.t37
	refused 'data.csv:3: ERROR: null value in column "id"'
	data 'id,b\n1,x\n2,y\n3,bad\n'
	import_csv imp.t37
	refused "data.csv:4: ERROR: new row for relation" "t37_b_check"
	loaded t37 ""
}

@test "a deferred constraint is told at the end, and nothing was imported" {
	table deferred "id int UNIQUE DEFERRABLE INITIALLY DEFERRED"
	data 'id\n1\n1\n'
	import_csv imp.deferred
	refused "duplicate key value"
	loaded deferred ""
}

@test "a refusal of the server stops the sending at once" {
	table early "a int"
	config </dev/null
	status=0
	# The writer would go on for ever.
	{ printf 'a\nx\n'; yes 1; } 2>/dev/null |
		timeout 30 "$PGMONKEY" pgimport --import_file - --table imp.early --connconfig db.yaml >.out 2>.err || status=$?
	out=$(cat .out) err=$(cat .err)
	refused "standard input:2: column a: ERROR: invalid input syntax"
	loaded early ""
}

# ------------------------------------------------------------------------------ files

@test "csv_38_a_file_that_cannot_be_read_is_told_in_one_line" {
	config </dev/null
	pgmonkey pgimport --import_file none.csv --table imp.t38 --connconfig db.yaml
	refused "cannot read none.csv: No such file or directory"
	one_reason
	mkdir folder.csv
	pgmonkey pgimport --import_file folder.csv --table imp.t38 --connconfig db.yaml
	refused "cannot read folder.csv: Is a directory"
	one_reason
	echo a >secret.csv
	chmod 000 secret.csv
	without_privileges pgimport --import_file secret.csv --table imp.t38 --connconfig db.yaml
	refused "cannot read secret.csv: Permission denied"
}

@test "a wrong command line is said to be wrong" {
	data 'a\n1\n'
	config </dev/null
	pgmonkey pgimport --table imp.x --connconfig db.yaml
	expect 2
	has "$err" "--import-file is missing"
	import_csv imp.x --jobs 0
	expect 2
	has "$err" "--jobs: expected a number from 1 to 64"
	import_csv imp.x --job 2
	expect 2
	has "$err" "did you mean --jobs?"
	pgmonkey pgimport --help
	expect 0
	has "$out" "--import-file" "--review" "pgimport --import_file customers.csv"
}
