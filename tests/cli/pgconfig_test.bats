# pgmonkey pgconfig test, on a server as it is

load helper

@test "a connection that works shows each step and ends with the server's version" {
	config host=localhost </dev/null
	try
	expect 0
	for step in resolve connect authenticate "SELECT 1"; do
		printf '%s\n' "$out" | grep -Eq "^$step +[0-9]+\.[0-9] ms  ok "
	done
	has "$out" "localhost" "port $PGM_TEST_PORT" "$PGM_TEST_USER to database $PGM_TEST_DBNAME; with a password" "none in the file"
	[[ $(printf '%s\n' "$out" | tail -n 1) == "PostgreSQL "[0-9]* ]]
	[ -z "$err" ]
	lacks "$out" "$PGM_TEST_PASSWORD"
	lacks "$out" pool
}

@test "the words of the table stand in columns" {
	config </dev/null
	try
	expect 0
	[ "$(printf '%s\n' "$out" | head -n 6 | cut -c 29-30 | tr -d ' ' | sort -u | tr '\n' ' ')" = "- ok " ]
}

@test "an address needs no resolving, a socket no TLS" {
	config </dev/null
	try --format json
	expect 0
	is '.steps[] | select(.step == "resolve") | .result' skipped
	is .server.address 127.0.0.1
	config host="$PGM_TEST_SOCKETDIR" </dev/null
	try --format json
	expect 0
	is '.steps[] | select(.step == "tls") | .detail' "not in use: a socket"
	is .server.host "$PGM_TEST_SOCKETDIR"
	is .server.address null
}

@test "JSON holds the steps with plausible times, the server and no error" {
	config host=localhost </dev/null
	try --format json
	expect 0
	is .schema 1
	is .result ok
	is .file db.yaml
	is .connection_type normal
	is .error null
	is '[.steps[].step] | join(" ")' "resolve connect tls authenticate settings select"
	is '[.steps[] | select(.result == "ok") | .ms > 0 and .ms < 60000] | all' true
	is '[.steps[] | select(.result == "ok")] | length >= 4' true
	is .server.database "$PGM_TEST_DBNAME"
	is .server.user "$PGM_TEST_USER"
	is .server.port "$PGM_TEST_PORT"
	is .server.password_asked true
	is .server.tls null
	is '.server.version | test("^[0-9]+")' true
	[ -z "$err" ]
	lacks "$out" "$PGM_TEST_PASSWORD"
}

@test "a pool holds one connection more than its minimum" {
	config <<-END
		connection_type: pool
		pool_settings: {min_size: 2, max_size: 4}
	END
	try
	expect 0
	printf '%s\n' "$out" | grep -Eq '^pool +[0-9]+\.[0-9] ms  ok +3 connections held at once \(min_size 2, max_size 4\)$'
	has "$out" "PostgreSQL"
	try --format json
	expect 0
	is .connection_type pool
	is '.steps[-1].step' pool
	is '.steps[-1].result' ok
	is '.steps[-1].ms > 0' true
}

@test "a pool of a fixed size holds that many" {
	config <<-END
		connection_type: pool
		pool_settings: {min_size: 3, max_size: 3}
	END
	try
	expect 0
	has "$out" "3 connections held at once"
}

@test "the type on the command line overrides the file's" {
	config <<<"pool_settings: {min_size: 1, max_size: 1}"
	try --connection-type pool
	expect 0
	has "$out" "1 connection held at once"
	config <<<"connection_type: pool"
	try --connection-type normal
	expect 0
	lacks "$out" pool
}

@test "the event-driven types are tested as they are" {
	config <<-END
		connection_type: async_pool
		async_pool_settings: {min_size: 1, max_size: 3}
	END
	try
	expect 0
	printf '%s\n' "$out" | grep -Eq '^pool +[0-9]+\.[0-9] ms  ok +2 connections held at once \(min_size 1, max_size 3\)$'
	try --connection_type async --format json
	expect 0
	is .result ok
	is .connection_type async
	is '[.steps[].step] | index("pool")' null
}

@test "session settings are counted, and what the server refuses is named with its place" {
	config <<<"sync_settings: {statement_timeout: 4000, lock_timeout: 4000}"
	try
	expect 0
	has "$out" "2 session settings applied"
	config <<-END
		sync_settings:
		  statement_timeout: 4000
		  work_mem: plenty
	END
	try
	expect 1
	reason_and_hint
	printf '%s\n' "$out" | grep -Eq '^settings +[0-9.]+ ms  FAILED'
	printf '%s\n' "$out" | grep -Eq '^SELECT 1 +-  - +not reached'
	has "$err" "db.yaml:3:3" "work_mem" "invalid value" "correct or remove that line"
}

@test "a warning about the file goes to stderr, once, and does not fail the test" {
	config hosst=x <<<"connection_type: pool"
	try
	expect 0
	one_reason
	has "$err" "warning" 'unknown key "hosst"' "db.yaml:"
}

@test "a file that is missing, or no YAML, or wrong, is told by its place" {
	try
	expect 1
	one_reason
	has "$err" "db.yaml" "No such file or directory"
	[ -z "$out" ]
	echo 'connection_settings: [' >db.yaml
	try
	expect 1
	one_reason
	has "$err" "db.yaml:"
	echo 'connection_settings: {port: many}' >db.yaml
	try --format json
	expect 1
	is .result failed
	is .error.code PGM_ERR_CONFIG
	is .error.sqlstate null
	is .connection_type null
	is .server null
}

@test "several hosts are refused before anything is connected" {
	config </dev/null
	PGHOSTADDR=127.0.0.1,127.0.0.2 try
	expect 1
	has "$err" "one endpoint per configuration"
}

# ------------------------------------------------------------------------------ failures

@test "a refused connection says what to check" {
	config port=1 </dev/null
	try
	expect 1
	reason_and_hint
	printf '%s\n' "$out" | grep -Eq '^connect +[0-9.]+ ms  FAILED'
	has "$err" "Connection refused" "that it listens on that address (listen_addresses)"
	try --format json
	expect 1
	is .error.code PGM_ERR_CONNECT
	is '.error.hint | test("listen_addresses")' true
	is '.steps[] | select(.step == "connect") | .result' failed
	is '[.steps[] | select(.result == "not_reached")] | length' 4
}

@test "an unknown host says what to check" {
	config host=no-such-host.invalid </dev/null
	try
	expect 1
	reason_and_hint
	printf '%s\n' "$out" | grep -Eq '^resolve +[0-9.]+ ms  FAILED'
	has "$err" 'cannot resolve host "no-such-host.invalid"' "typing error"
}

@test "a socket folder without a server says what to check" {
	config host="$PWD" </dev/null
	try
	expect 1
	reason_and_hint
	has "$err" "No such file or directory" "unix_socket_directories"
}

@test "a wrong password says what to check and is never shown" {
	config password="$secret" </dev/null
	try
	expect 1
	reason_and_hint
	printf '%s\n' "$out" | grep -Eq '^authenticate +[0-9.]+ ms  FAILED'
	has "$err" "password authentication failed" "check user and password"
	try --format json
	expect 1
	is .error.code PGM_ERR_AUTH
	is .error.sqlstate 28P01
	config password='' </dev/null
	PGPASSWORD=$secret try
	expect 1
	has "$err" "password authentication failed"
}

@test "a password that is missing says where it may come from" {
	config password='' </dev/null
	try
	expect 1
	reason_and_hint
	has "$err" "no password supplied" "PGPASSWORD"
}

@test "a database that is missing says what to check" {
	config dbname=no_such_database </dev/null
	try --format json
	expect 1
	is .error.sqlstate 3D000
	reason_and_hint
	has "$err" 'database "no_such_database" does not exist' "check dbname"
}

@test "a password inside a database's name is not shown" {
	for name in "postgresql://me:$secret@localhost/db" "host=h password=$secret dbname=x" \
		"postgres://me:$secret-$secret-$secret-$secret-$secret-$secret-$secret@host/db"; do
		config dbname="$name" </dev/null
		try
		expect 1
		has "$err" "dbname: expected a plain value"
		try --format json
		expect 1
	done
}

@test "a pool that the server has no room for says how many it got, and what to check" {
	role=pgm_cli_limited_$$
	sql "CREATE ROLE $role LOGIN PASSWORD '$secret' CONNECTION LIMIT 2"
	config user="$role" password="$secret" <<-END
		connection_type: pool
		pool_settings: {min_size: 3, max_size: 4, timeout: 2}
	END
	try
	sql "DROP ROLE $role"
	expect 1
	reason_and_hint
	printf '%s\n' "$out" | grep -Eq '^pool +[0-9.]+ ms  FAILED +2 of 4 connections held at once'
	has "$err" "too many connections for role" "lower max_size"
}

@test "a role that may not log in, or that has no right to the database, is told as such" {
	role=pgm_cli_nologin_$$
	sql "CREATE ROLE $role NOLOGIN PASSWORD '$secret'"
	config user="$role" password="$secret" </dev/null
	try
	sql "DROP ROLE $role"
	expect 1
	reason_and_hint
	has "$err" "is not permitted to log in" "ALTER ROLE"
}

@test "what a name holds cannot break JSON or steer the terminal" {
	config dbname=$'tab\there "quotes" back\\slash' </dev/null
	try --format json
	expect 1
	is '.error.message | test("quotes")' true
	is .result failed
	pgmonkey pgconfig test --format json --filepath $'no\xff\xfe\x01such\xc3\xa9\xed\xa0\x80.yaml'
	expect 1
	is .file $'no\xef\xbf\xbd\xef\xbf\xbd\x01such\xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd.yaml'
	config user=$'red\033[31m' </dev/null
	try
	expect 1
	lacks "$out$err" $'\033'
}
