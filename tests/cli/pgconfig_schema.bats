# pgmonkey pgconfig schema: what it accepts is what the loader takes; where an editor finds it

load helper

schema()
{
	pgmonkey pgconfig schema
	expect 0
	[ -z "$err" ]
	cp .out schema.json
}

# judge FILE: what the schema says of it, in $out; $status 1 if it is not valid.
judge()
{
	status=0
	out=$("$python" "$BATS_TEST_DIRNAME/schema.py" check schema.json "$1" 2>&1) || status=$?
	err=
}

# A tree as it is installed, at the folder $1.
install_to()
{
	mkdir -p "$1/bin" "$1/share/pgmonkey"
	cp "$PGMONKEY" "$1/bin/pgmonkey"
	"$PGMONKEY" pgconfig schema >"$1/share/pgmonkey/pgmonkey.schema.json"
}

@test "it is one JSON object that says which schema it follows" {
	pgmonkey pgconfig schema
	expect 0
	is '."$schema"' "http://json-schema.org/draft-07/schema#"
	is '.definitions.pool_settings.properties.max_size.default' 20
	is '.definitions.connection_settings.properties.autocommit.default' false
	lacks "$out" '***'
}

@test "the schema and the loader say the same of thousands of files" {
	find_python jsonschema yaml
	schema
	"$python" "$BATS_TEST_DIRNAME/schema.py" agree schema.json "${PGMONKEY%/bin/*}/tests/config_judge"
}

@test "the file of pgconfig create is valid" {
	find_python jsonschema yaml
	schema
	"$PGMONKEY" pgconfig create --quiet --filepath db.yaml
	judge db.yaml
	expect 0
	[ -z "$out" ]
}

@test "mistakes are found where they are" {
	find_python jsonschema yaml
	schema
	printf 'connection_settings:\n  hosst: localhost\n' >bad.yaml
	judge bad.yaml
	expect 1
	has "$out" "connection_settings" "'hosst' was unexpected"
	printf 'pool_settings: {max_size: 10001}\n' >bad.yaml
	judge bad.yaml
	expect 1
	has "$out" "pool_settings.max_size"
	printf 'connection_settings: {host: "a,b", target_session_attrs: any}\n' >bad.yaml
	judge bad.yaml
	expect 1
	has "$out" "connection_settings.host" "connection_settings.target_session_attrs"
	printf 'pool_settings: [5]\n' >bad.yaml
	judge bad.yaml
	expect 1
}

# These are the limits that src/cli/schema.h tells of; who lifts one changes the text there.
@test "what no schema can see is refused by the loader alone" {
	find_python jsonschema yaml
	schema
	for line in "pool_settings: {timeout: 5.0}" "pool_settings: {timeout: 0x10}" "pool_settings: {timeout: +5}" \
		"pool_settings: {min_size: 7, max_size: 6}"; do
		echo "$line" >db.yaml
		judge db.yaml
		expect 0
		pgmonkey pgconfig generate-code --filepath db.yaml
		expect 1
		has "$err" db.yaml:1:
	done
}

@test "a new file names the schema beside the program" {
	install_to "$here/prefix"
	"$here/prefix/bin/pgmonkey" pgconfig create --quiet --filepath db.yaml
	place=$(cd -P "$here/prefix" && pwd)
	[ "$(head -n 1 db.yaml)" = "# yaml-language-server: \$schema=$place/share/pgmonkey/pgmonkey.schema.json" ]
}

@test "also by a link to the program" {
	install_to "$here/prefix"
	ln -s prefix/bin/pgmonkey pgmonkey
	./pgmonkey pgconfig create --quiet --filepath db.yaml
	has "$(head -n 1 db.yaml)" "/prefix/share/pgmonkey/pgmonkey.schema.json"
}

@test "a place with blanks is named by a URL" {
	install_to "$here/a p%fix ü"
	"$here/a p%fix ü/bin/pgmonkey" pgconfig create --quiet --filepath db.yaml
	has "$(head -n 1 db.yaml)" "schema=file:///" "/a%20p%25fix%20%C3%BC/share/pgmonkey/pgmonkey.schema.json"
	pgmonkey pgconfig generate-code --filepath db.yaml
	expect 0
}

@test "where no schema is installed a new file names none" {
	mkdir bin
	cp "$PGMONKEY" bin/pgmonkey
	bin/pgmonkey pgconfig create --quiet --filepath db.yaml
	lacks "$(cat db.yaml)" schema
	has "$(head -n 1 db.yaml)" "# A connection to PostgreSQL"
}

@test "the build's own file is what the program prints" {
	file=${PGMONKEY%/bin/*}/share/pgmonkey/pgmonkey.schema.json
	[ -z "${PGM_SANITIZE:-}" ] || skip "not made with a sanitizer"
	schema
	cmp "$file" schema.json
}
