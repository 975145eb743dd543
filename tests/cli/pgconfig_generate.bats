# pgmonkey pgconfig generate-code: every program is generated, built with warnings as errors, and run on a server

load helper

# Quotes of both kinds, backslashes, blanks, what looks like a trigraph, a format or an expansion, and beyond ASCII.
awkward='a"b'\''c\d  ??/e %s $HOME {} ü'

setup_file()
{
	export awkward_database="d $awkward $BASHPID" awkward_role="r $awkward $BASHPID"
	sql "CREATE ROLE $(identifier "$awkward_role") LOGIN PASSWORD $(literal "$secret $awkward")" || return 1
	sql "CREATE DATABASE $(identifier "$awkward_database") OWNER $(identifier "$awkward_role")"
}

teardown_file()
{
	sql "DROP DATABASE IF EXISTS $(identifier "$awkward_database") WITH (FORCE)"
	sql "DROP ROLE IF EXISTS $(identifier "$awkward_role")"
}

identifier()
{
	printf '"%s"' "${1//\"/\"\"}"
}

# Also of YAML.
literal()
{
	printf "'%s'" "${1//\'/\'\'}"
}

application='it'\''s "my" \ app ??/ %s'
note='"ü" it'\''s 100% \n {}'
path="a folder $awkward/d\"b 'ü'.yaml"

# Both kinds of pool are smaller than the number of threads or tasks that want a connection.
awkward_config()
{
	mkdir -p "${path%/*}"
	cat >"$path" <<-END
		connection_type: ${1:-normal}
		connection_settings:
		  host: $(literal "$PGM_TEST_HOST")
		  port: '$PGM_TEST_PORT'
		  dbname: $(literal "$awkward_database")
		  user: $(literal "$awkward_role")
		  password: $(literal "$secret $awkward")
		  application_name: $(literal "$application")
		  keepalives: Yes
		  sslcert: ''
		  sslkey:
		pool_settings: {min_size: 1, max_size: 2}
		async_pool_settings: {min_size: 1, max_size: 2}
		sync_settings:
		  myapp.note: $(literal "$note")
		async_settings:
		  myapp.note: $(literal "$note")
	END
	chmod 600 "$path"
}

# generate FILE OPTION...: the program, made to ask for the setting with the awkward value.
generate()
{
	local file=$1
	shift
	pgmonkey pgconfig generate-code --filepath "$path" "$@"
	expect 0
	[ -z "$err" ]
	lacks "$out" "$awkward_role"
	sed 's/statement_timeout/myapp.note/' .out >"$file"
	grep -q 'myapp\.note' "$file"
}

# The library as it lies in the build, in the place of an installed one.
use_build()
{
	local lib=${PGMONKEY%/bin/*}/lib
	cat >pgmonkey.pc <<-END
		Name: pgmonkey
		Description: of the build
		Version: 0
		Requires: libpq
		Cflags: -I"$(cd "$BATS_TEST_DIRNAME/../../include" && pwd)"
		Libs: -L"$lib" -lpgmonkey
	END
	export PKG_CONFIG_PATH=$PWD LD_LIBRARY_PATH=$lib DYLD_LIBRARY_PATH=$lib
}

# Builds program.c as its first comment says, but with every warning an error.
build()
{
	local line
	line=$(sed -n 's/^ \* Build: cc //p' program.c)
	has "$line" "-Wall -Wextra" "-o program program.c" pkg-config
	eval "${CC:-cc} -std=c11 -Werror ${PGM_SANITIZE:+-fsanitize=$PGM_SANITIZE} $line"
}

# run_it LINES COMMAND...: every line that it prints tells of the awkward settings; LINES of them.
run_it()
{
	local lines=$1
	shift
	status=0
	"$@" >.out 2>.err </dev/null || status=$?
	out=$(grep -v 'tables, indexes' .out) err=$(cat .err)
	expect 0
	[ -z "$err" ]
	[ "$(printf '%s\n' "$out" | grep -cxF -e "database $awkward_database, application $application, myapp.note $note" \
		-e "database $awkward_database, application $application, setting $note")" -eq "$lines" ]
	[ "$(printf '%s\n' "$out" | wc -l)" -eq "$lines" ]
}

# fails_clearly COMMAND...: says why, once, and does not show the password.
fails_clearly()
{
	status=0
	"$@" >.out 2>.err </dev/null || status=$?
	out=$(cat .out) err=$(cat .err)
	expect 1
	[ -z "$out" ]
	[ -n "$err" ]
	lacks "$err" Traceback
}

# try_c LINES OPTION...
try_c()
{
	local lines=$1
	shift
	awkward_config
	generate program.c "$@"
	use_build
	build
	run_it "$lines" ./program
	fails_clearly ./program missing.yaml
	has "$err" missing.yaml "No such file"
	sed 's/^  password: .*/  password: wrong/' "$path" >wrong.yaml
	chmod 600 wrong.yaml
	fails_clearly ./program wrong.yaml
	has "$err" "password authentication failed"
	echo "connection_settings: [" >broken.yaml
	fails_clearly ./program broken.yaml
	has "$err" "broken.yaml:2"
}

try_python()
{
	local lines=$1
	shift
	find_python psycopg psycopg_pool yaml
	awkward_config
	generate program.py --language python "$@"
	run_it "$lines" "$python" -X dev -W error program.py
	sed 's/^  password: .*/  password: wrong/' "$path" >wrong.yaml
	fails_clearly "$python" program.py wrong.yaml
	has "$err" "password authentication failed"
}

@test "C on pgmonkey, normal" { try_c 1 --connection-type normal; }
@test "C on pgmonkey, pool" { try_c 4 --connection-type pool; }
@test "C on pgmonkey, async" { try_c 10 --connection-type async; }
@test "C on pgmonkey, async_pool" { try_c 10 --connection-type async_pool; }
@test "C on libpq, normal" { try_c 1 --library libpq --connection-type normal; }
@test "C on libpq, pool" { try_c 4 --library libpq --connection-type pool; }
@test "C on libpq, async" { try_c 10 --library libpq --connection-type async; }
@test "C on libpq, async_pool" { try_c 10 --library libpq --connection-type async_pool; }
@test "Python on psycopg, normal" { try_python 1 --connection-type normal; }
@test "Python on psycopg, pool" { try_python 4 --connection-type pool; }
@test "Python on psycopg, async" { try_python 1 --connection-type async; }
@test "Python on psycopg, async_pool" { try_python 10 --connection-type async_pool; }

@test "Python says what is wrong with a file" {
	find_python psycopg psycopg_pool yaml
	awkward_config
	generate program.py --language python
	fails_clearly "$python" program.py missing.yaml
	has "$err" missing.yaml "No such file"
	echo "connection_settings: [" >bad.yaml
	fails_clearly "$python" program.py bad.yaml
	has "$err" bad.yaml "line 2"
	echo "connection_settings: [1]" >bad.yaml
	fails_clearly "$python" program.py bad.yaml
	has "$err" bad.yaml "expected connection_settings to be a mapping"
}

@test "Python reads values as they are written, and leaves out what has none" {
	find_python psycopg psycopg_pool yaml
	cat >db.yaml <<-END
		base: &base {connect_timeout: 010, password: 0x1F, application_name: yes}
		postgresql:
		  connection_settings: {<<: *base, dbname: null, user: ~, host: '', options: '~', autocommit: On}
		  pool_settings: {max_size: 3, max_idle: 0}
	END
	pgmonkey pgconfig generate-code --filepath db.yaml --library psycopg --connection-type pool
	cp .out program.py
	"$python" - >.out <<-END
		import program
		document = program.read_config("db.yaml")
		print(sorted(program.connect_arguments(document).items()))
		pool = program.pool_arguments(document, "pool_settings", program.ConnectionPool)
		print(pool["min_size"], pool["max_size"], pool["timeout"], pool["max_idle"] > 1e8)
	END
	has "$(sed -n 1p .out)" "[('application_name', 'yes'), ('autocommit', True), ('connect_timeout', '010')," \
		" ('options', '~'), ('password', '0x1F')]"
	[ "$(sed -n 2p .out)" = "3 3 30 True" ]
}

@test "Python checks a connection before it lends it, or says which version can" {
	find_python psycopg psycopg_pool yaml
	for type in pool async_pool; do
		printf "%s: {min_size: 1, check_on_checkout: Yes}\n" "${type}_settings" | config
		pgmonkey pgconfig generate-code --filepath db.yaml --library psycopg --connection-type $type
		cp .out program.py
		if "$python" -c "import psycopg_pool; psycopg_pool.ConnectionPool.check_connection" 2>/dev/null; then
			"$python" program.py
		else
			fails_clearly "$python" program.py
			has "$err" "check_on_checkout needs psycopg_pool 3.2 or newer"
		fi
	done
}

@test "C on pgmonkey, on a libuv loop: async" {
	pkg-config --exists libuv || skip "libuv is not installed"
	try_c 10 --loop uv --connection-type async
}

@test "C on pgmonkey, on a libuv loop: async_pool" {
	pkg-config --exists libuv || skip "libuv is not installed"
	try_c 10 --loop uv --connection-type async_pool
}

@test "the type is that of the file unless another one is asked for" {
	for type in normal pool async async_pool; do
		awkward_config "$type"
		pgmonkey pgconfig generate-code --filepath "$path"
		expect 0
		has "$out" "PGM_${type^^}, &err"
		pgmonkey pgconfig generate-code --filepath "$path" --connection-type pool
		has "$out" "PGM_POOL, &err"
	done
	pgmonkey pgconfig generate-code --filepath "$path" --loop uv
	has "$out" ".type = PGM_ASYNC_POOL"
	awkward_config async
	pgmonkey pgconfig generate-code --connconfig "$path" --loop uv
	has "$out" ".type = PGM_ASYNC}"
}

@test "a session setting that the server refuses ends each program, and is told" {
	find_python psycopg psycopg_pool yaml
	printf "sync_settings: {statement_timeout: soon}\nasync_settings: {statement_timeout: soon}\n" | config
	path=db.yaml
	for type in normal pool async async_pool; do
		pgmonkey pgconfig generate-code --filepath db.yaml --library libpq --connection-type $type
		cp .out program.c
		build
		fails_clearly ./program
		has "$err" 'invalid value for parameter "statement_timeout"'
	done
	for type in normal pool async async_pool; do
		pgmonkey pgconfig generate-code --filepath db.yaml --library psycopg --connection-type $type
		cp .out program.py
		fails_clearly "$python" program.py
		has "$err" 'invalid value for parameter "statement_timeout"'
	done
}

@test "a path that is no text is opened all the same" {
	path=$'no\xfftext \xc3.yaml'
	: >"$path" 2>/dev/null || skip "this file system wants its names to be text"
	path=./$path
	awkward_config
	generate program.c --library libpq
	build
	run_it 1 ./program
	find_python psycopg psycopg_pool yaml
	generate program.py --language python
	run_it 1 "$python" program.py
}

@test "a path cannot leave its string, nor stand for something else" {
	mkdir -p '*' && path='*/";system("touch owned");@CONFIG@THE_TYPE"""//.yaml'
	awkward_config
	generate program.c --library libpq
	build
	run_it 1 ./program
	find_python psycopg psycopg_pool yaml
	generate program.py --language python
	run_it 1 "$python" program.py
	[ ! -e owned ]
}

@test "marks that turn what is shown around are escaped" {
	path=$'./db\u202e\u2066.yaml'
	awkward_config
	pgmonkey pgconfig generate-code --filepath "$path"
	expect 0
	has "$out" '"./db\342\200\256\342\201\246.yaml"'
	pgmonkey pgconfig generate-code --filepath "$path" --language python
	has "$out" '"./db\u202e\u2066.yaml"'
}

@test "what is not generated is told with what is" {
	awkward_config
	for line in "--language python --library libpq" "--language c --library psycopg" "--library libpq --loop uv" \
		"--language python --loop uv"; do
		# shellcheck disable=SC2086
		pgmonkey pgconfig generate-code --filepath "$path" $line
		expect 2
		one_reason
		has "$err" "there is c: pgmonkey (loop uv), libpq; python: psycopg"
		[ -z "$out" ]
	done
	pgmonkey pgconfig generate-code --filepath "$path" --loop uv --connection-type pool
	expect 2
	has "$err" "pool joins no event loop"
	pgmonkey pgconfig generate-code --filepath "$path" --language cobol
	expect 2
}

@test "the language follows from the library" {
	awkward_config
	pgmonkey pgconfig generate-code --filepath "$path" --library psycopg
	expect 0
	has "$out" "import psycopg"
}

@test "a file that cannot be read is told, and no program is printed" {
	pgmonkey pgconfig generate-code --filepath missing.yaml
	expect 1
	one_reason
	has "$err" missing.yaml
	[ -z "$out" ]
	echo "connection_type: fast" >bad.yaml
	pgmonkey pgconfig generate-code --filepath bad.yaml
	expect 1
	has "$err" "bad.yaml:1:"
	[ -z "$out" ]
}

@test "no marker of a template is left in any program" {
	awkward_config
	for line in "" "--loop uv" "--library libpq" "--library psycopg"; do
		for type in normal pool async async_pool; do
			[[ $line != *uv* || $type == async* ]] || continue
			# shellcheck disable=SC2086
			pgmonkey pgconfig generate-code --filepath "$path" $line --connection-type $type
			expect 0
			for marker in '@' THE_TYPE '#include "' 'import *'; do
				lacks "$out" "$marker"
			done
		done
	done
}
