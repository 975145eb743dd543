# pgmonkey pgimport: what a CSV file becomes

load import

# ------------------------------------------------------------------------------ the first time

@test "a file becomes a table of texts, and a settings file says how it was understood" {
	data 'Id,First Name\n1,Ann\n2,Bob\n'
	table people
	import_csv imp.people
	expect 0
	has "$out" "2 rows in " " rows/s) into imp.people"
	has "$err" "data.csv: UTF-8, delimiter ',', quote '\"', first record taken as the header; written to data.yaml"
	one_reason
	rows "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'people' ORDER BY 1" \
		"first_name|text
id|text"
	loaded people "1|Ann
2|Bob"
	grep -qx "delimiter: ','" data.yaml
	grep -qx "has_headers: true" data.yaml
	[ "$(grep -c '^# ' data.yaml)" -ge 7 ]
}

@test "a settings file that is there is used and left alone" {
	data 'a;b\n1;2\n' "delimiter: ';'"
	table used
	cp data.yaml before.yaml
	import_csv imp.used
	expect 0
	[ -z "$err" ]
	cmp data.yaml before.yaml
	loaded used "1|2"
}

@test "--review writes the settings file and stops; the second time it goes on" {
	data 'a|b\n1|2\n'
	table reviewed
	import_csv imp.reviewed --review
	expect 0
	has "$err" "written to data.yaml" "run the same command again"
	[ -z "$out" ]
	absent reviewed
	import_csv imp.reviewed --review
	expect 0
	loaded reviewed "1|2"
}

@test "--settings names another settings file, which is written if it does not exist" {
	data 'a,b\n1,2\n'
	table other
	import_csv imp.other --settings there.yaml
	expect 0
	[ -e there.yaml ] && [ ! -e data.yaml ]
	printf 'has_headers: false\n' >none.yaml
	table other "x text, y text"
	import_csv imp.other --settings none.yaml
	expect 0
	loaded other "a|b
1|2"
}

@test "a settings file that cannot be written is told and does not stop the import" {
	data 'a\n1\n'
	table unwritten
	mkdir data.yaml
	import_csv imp.unwritten
	refused "data.yaml" "Is a directory"
	import_csv imp.unwritten --settings no/such/folder/data.yaml
	expect 0
	has "$err" "no/such/folder/data.yaml" "No such file or directory"
	loaded unwritten "1"
}

@test "--quiet says only what came of it" {
	data 'a\n1\n'
	table quiet
	import_csv imp.quiet --quiet
	expect 0
	[ -z "$err" ]
	has "$out" "1 rows in "
}

@test "--quiet says what may have come out otherwise than it was meant" {
	printf 'a,,b\nprénom,,größe\n' | iconv -t LATIN1 >data.csv
	table quiet
	import_csv imp.quiet --quiet
	expect 0
	has "$err" "the encoding is a guess" "column 2 skipped"
	lacks "$err" "first record taken as the header"
}

# The line is drawn while the table is locked, of which the first block has been read: all of the file.
@test "a terminal is shown how far it is, and where it ends up" {
	local locker runner tries
	script -qec true /dev/null >/dev/null 2>&1 || skip "no script(1) of util-linux here"
	table shown "a int"
	config </dev/null
	{ echo a; seq 1 100000; } >data.csv
	rm -f data.yaml
	sql "BEGIN; LOCK imp.shown; SELECT pg_sleep(600)" 3>&- >/dev/null 2>&1 &
	locker=$!
	for ((tries = 0; tries < 600; tries++)); do
		[ "$(sql "SELECT count(*) FROM pg_locks WHERE relation = 'imp.shown'::regclass AND granted" -A -t)" = 0 ] || break
		sleep 0.1
	done
	script -qefc "'$PGMONKEY' pgimport --import_file data.csv --table imp.shown --connconfig db.yaml" screen \
		</dev/null >/dev/null 2>&1 3>&- &
	runner=$!
	for ((tries = 0; tries < 600; tries++)); do
		! grep -q "MB/s" screen 2>/dev/null || break
		sleep 0.1
	done
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'" >/dev/null
	wait "$locker" || true
	wait "$runner"
	# The file has 588,897 bytes; a block is 262,144 of them.
	tr '\r' '\n' <screen >lines
	grep -E "^(.*[^0-9])? *44 %  [0-9]+\\.[0-9] MB/s  0 rows" lines || { cat -v screen; return 1; }
	grep -q "100000 rows in .* into imp.shown" lines
	loaded "(SELECT count(*) FROM shown) c" 100000
}

# ------------------------------------------------------------------------------ values

@test "csv_01_an_empty_field_is_null_and_one_in_quotes_is_not" {
	data 'id,b\n1,\n2,""\n'
	table t1
	import_csv imp.t1
	expect 0
	loaded t1 "1|NULL
2|"
	data 'id,b\n1,NULL\n2,"NULL"\n3,\n' "null_string: 'NULL'"
	table t1
	import_csv imp.t1
	loaded t1 "1|NULL
2|NULL
3|"
	rows "SELECT b IS NULL FROM t1 ORDER BY id" "t
f
f"
}

@test "csv_02_an_empty_field_is_null_in_a_column_of_numbers" {
	data 'a,b\n1,\n'
	table t2 "a text, b int"
	import_csv imp.t2
	expect 0
	loaded t2 "1|NULL"
}

@test "csv_03_what_was_exported_comes_back_the_same" {
	table there "a text, \"B c\" text, d int"
	ours -c "INSERT INTO there VALUES (NULL, NULL, NULL), ('', NULL, 1), (NULL, '', 2), (E'a\\nb\\r\\n', '\"q\", \\.', 3),
		(E'\\\\N', E'tab\\t', 4), ('größe', '日本', NULL)"
	config </dev/null
	pgmonkey pgexport --table imp.there --connconfig db.yaml --export_file data.csv
	expect 0
	ours -c "CREATE TABLE IF NOT EXISTS back (LIKE there); TRUNCATE back"
	import_csv imp.back
	expect 0
	rows "(TABLE there EXCEPT ALL TABLE back) UNION ALL (TABLE back EXCEPT ALL TABLE there)" ""
	rows "SELECT count(*) FROM back" 6
}

@test "csv_04_line_ends_inside_quotes_are_kept" {
	data 'a,b\n1,"x\ny"\n2,"x\r\ny"\r\n3,"\r"\n'
	table t4
	import_csv imp.t4
	expect 0
	loaded t4 '1|x\ny
2|x\r\ny
3|\r'
}

@test "csv_05_line_ends_may_be_mixed" {
	local ends
	for ends in '\n \n' '\r\n \r\n' '\r \r' '\n \r\n' '\r\n \n'; do
		data "a,b${ends% *}1,2${ends#* }3,4${ends% *}"
		table t5
		import_csv imp.t5
		expect 0
		loaded t5 "1|2
3|4"
	done
}

@test "csv_06_the_last_line_end_may_be_missing" {
	data 'a,b\n1,2\n3,4'
	table t6
	import_csv imp.t6
	expect 0
	loaded t6 "1|2
3|4"
}

@test "csv_07_a_byte_order_mark_is_no_part_of_the_first_name" {
	data '\xEF\xBB\xBFid,b\n1,2\n'
	table t7
	import_csv imp.t7
	expect 0
	rows "SELECT id FROM t7" 1
	data '\xEF\xBB\xBF"id",b\n1,2\n'
	table t7
	import_csv imp.t7
	expect 0
	rows "SELECT id FROM t7" 1
}

@test "csv_08_utf_16_is_converted_with_and_without_a_mark" {
	local encoding
	for encoding in UTF-16LE UTF-16BE; do
		printf 'id,größe\n1,"日本, 😀"\n' | iconv -t $encoding >data.csv
		rm -f data.yaml
		table t8
		import_csv imp.t8
		expect 0
		grep -qx "encoding: '$encoding'" data.yaml
		rows 'SELECT "größe" FROM t8' '日本, 😀'
		printf '\xEF\xBB\xBFid,größe\n1,"日本, 😀"\n' | iconv -f UTF-8 -t $encoding >data.csv
		rm -f data.yaml
		table t8
		import_csv imp.t8
		expect 0
		rows 'SELECT "größe" FROM t8' '日本, 😀'
	done
}

@test "csv_09_the_first_record_is_the_header_whatever_it_looks_like" {
	data 'name,town\nAnn,Paris\nBob,Rome\n'
	table t9
	import_csv imp.t9
	expect 0
	rows "SELECT name FROM t9" "Ann
Bob"
	data '1,2\n'
	table t9
	import_csv imp.t9
	expect 0
	rows 'SELECT count(*), count("1") FROM t9' "0|0"
}

@test "csv_11_letters_outside_ascii_stay_in_names" {
	data 'prénom,größe,Ünï x\na,b,c\n'
	table t11
	import_csv imp.t11
	expect 0
	rows 'SELECT "prénom", "größe", "Ünï_x" FROM t11' "a|b|c"
}

@test "csv_12_a_record_of_empty_fields_is_a_row_of_nulls" {
	data 'a,b\n,\n1,\n'
	table t12
	import_csv imp.t12
	expect 0
	loaded t12 "NULL|NULL
1|NULL"
}

@test "csv_13_in_one_column_an_empty_text_is_kept_and_a_blank_line_skipped" {
	data 'a\nx\n\n""\ny\n'
	table t13
	import_csv imp.t13
	expect 0
	loaded t13 "x

y"
}

@test "csv_14_blank_lines_are_skipped_and_counted" {
	data 'a,b\n\n1,2\n\n\r\n3,4\n\n'
	table t14
	import_csv imp.t14
	expect 0
	loaded t14 "1|2
3|4"
	data '\na,b\n\n1,2\n\n\r\n3,x\n\n'
	table t14 "a int, b int"
	import_csv imp.t14
	refused "data.csv:7: column b: ERROR: invalid input syntax"
	loaded t14 ""
}

@test "csv_16_a_column_without_a_name_is_skipped_and_told_once" {
	data 'a,,b,\n1,x,2,\n3,y,4,\n'
	table t16
	import_csv imp.t16
	expect 0
	has "$err" "data.csv: columns 2, 4 skipped: nothing in the header"
	[ "$(grep -c skipped .err)" = 1 ]
	loaded t16 "1|2
3|4"
}

@test "csv_17_a_copy_end_mark_is_data" {
	data 'a\nx\n\\.\ny\n'
	table t17
	import_csv imp.t17
	expect 0
	loaded t17 'x
\\.
y'
}

@test "csv_18_a_copy_end_mark_in_quotes_is_data" {
	data 'a,b\n1,"x\n\\.\ny"\n2,z\n'
	table t18
	import_csv imp.t18
	expect 0
	loaded t18 '1|x\n\\.\ny
2|z'
}

@test "csv_24_backslashes_are_data" {
	data 'a,b\nC:\\temp,\\N\n"C:\\new","\\t"\n\\,"a\\\\"\n'
	table t24
	import_csv imp.t24
	expect 0
	loaded t24 'C:\\temp|\\N
C:\\new|\\t
\\|a\\\\'
}

@test "csv_25_a_header_alone_makes_the_table_with_no_rows" {
	data 'a,b\n'
	table t25
	import_csv imp.t25
	expect 0
	has "$out" "0 rows in "
	rows "SELECT count(*) FROM t25" 0
}

@test "csv_26_other_delimiters_are_found_out_and_understood_in_the_settings" {
	local delimiter
	for delimiter in ';' '\t' '|'; do
		data "a${delimiter}b\n1,5${delimiter}\"x${delimiter}y\"\n2,5${delimiter}z\n"
		table t26
		import_csv imp.t26
		expect 0
		grep -qxF "delimiter: '$delimiter'" data.yaml
		rows "SELECT a FROM t26" "1,5
2,5"
	done
	data 'a\tb\n1\t2\n' "delimiter: '\\t'"
	table t26
	import_csv imp.t26
	expect 0
	loaded t26 "1|2"
	data 'axbxc\n"1x"x2x\\\n' "delimiter: x"
	table t26
	import_csv imp.t26
	expect 0
	loaded t26 '1x|2|\\'
}

@test "apostrophes are found out to be the quotes" {
	data "'a','b'\n'1,5','it''s'\n"
	table apostrophes
	import_csv imp.apostrophes
	expect 0
	loaded apostrophes "1,5|it's"
}

@test "csv_42_characters_whose_bytes_look_like_delimiters_are_whole" {
	local encoding
	for encoding in SJIS:表,ポ BIG5:功,弋 GB18030:乗,亅; do
		printf 'a,b\n%s\n' "${encoding#*:}" | iconv -t "${encoding%%:*}" >data.csv
		printf 'encoding: %s\n' "${encoding%%:*}" >data.yaml
		table t42
		import_csv imp.t42
		expect 0
		loaded t42 "$(printf '%s' "${encoding#*:}" | tr , '|')"
	done
	printf 'a|b\nポ|表\n' | iconv -t SJIS >data.csv
	printf 'encoding: SJIS\n' >data.yaml
	table t42
	import_csv imp.t42
	expect 0
	loaded t42 'ポ|表'
}

@test "an encoding that is neither marked nor UTF-8 is guessed, and told to be a guess" {
	printf 'a,b\nprénom,größe\n' | iconv -t LATIN1 >data.csv
	table guessed
	import_csv imp.guessed
	expect 0
	has "$err" "the encoding is a guess" "set it in data.yaml"
	loaded guessed "prénom|größe"
}

@test "csv_41_a_field_of_many_megabytes_goes_through_in_little_memory" {
	{ printf 'a,b\n1,"'; head -c 60000000 /dev/zero | tr '\0' 'x'; printf '\n"\n2,y\n'; } >data.csv
	table t41
	config </dev/null
	(
		# A sanitizer wants more for itself.
		! (ulimit -v 200000 && "$PGMONKEY" --version >/dev/null 2>&1) || ulimit -v 200000
		pgmonkey pgimport --import_file data.csv --table imp.t41 --connconfig db.yaml
		expect 0
	)
	rows "SELECT a, length(b) FROM t41" "1|60000001
2|1"
}
