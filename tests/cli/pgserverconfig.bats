# pgmonkey pgserverconfig

load helper

setup_file()
{
	load helper
	start_private_server
}

teardown_file()
{
	load helper
	stop_private_server
}

recommend()
{
	pgmonkey pgserverconfig --filepath db.yaml "$@"
}

audit()
{
	recommend --audit "$@"
}

as_superuser()
{
	config user="$PGM_TEST_SUPERUSER" password="$PGM_TEST_SUPERUSER_PASSWORD" "$@"
}

# Every line that is no configuration begins with "#".
can_be_pasted()
{
	[ -z "$(printf '%s\n' "$out" | grep -Ev '^#|^(local|host|hostssl) |^[a-z_]+ = ')" ] ||
		{ echo "cannot be pasted: $out"; return 1; }
}

# status_of ID: in the table.
status_of()
{
	printf '%s\n' "$out" | awk -v id="$1" '$2 == id && $1 ~ /^[A-Z]+$/ { print $1 }'
}

# ------------------------------------------------------------------------------ recommendations

@test "the least that the server needs is printed, to be pasted" {
	config host=db.example.test port=5432 dbname=db1 user=app password="$secret" sslmode=require </dev/null
	recommend --client-address 10.1.2.3
	expect 0
	can_be_pasted
	[ -z "$err" ]
	has "$out" "# pg_hba.conf: insert above the first line that already matches this client
hostssl db1 app 10.1.2.3/32 scram-sha-256
# postgresql.conf: required
ssl = on
" "
max_connections = 43          # pool 20 + async_pool 20 + superuser_reserved_connections 3" "
# advisable
" "
# password_encryption = scram-sha-256"
}

@test "an address that is not known is a comment to fill in" {
	config host=db.example.test port=5432 dbname=db1 user=app </dev/null
	recommend
	expect 0
	can_be_pasted
	has "$out" "
# host db1 app ADDRESS/32 scram-sha-256" "--client-address"
}

@test "instances multiply both pools" {
	config dbname=db1 user=app <<<"connection_type: pool
pool_settings: {max_size: 7, min_size: 0}"
	recommend
	has "$out" "max_connections = 10 "
	recommend --instances 3
	expect 0
	has "$out" "max_connections = 84 " "3 x (pool 7 + async_pool 20)"
}

@test "a socket gets a local line" {
	config host=/run/x dbname=db1 user=app port=5432 </dev/null
	recommend
	expect 0
	can_be_pasted
	has "$out" "
local db1 app scram-sha-256
"
	lacks "$out" "ssl"
}

@test "names are quoted as pg_hba.conf wants it, and what cannot be is refused" {
	config dbname='my db' user=all </dev/null
	recommend
	expect 0
	has "$out" 'host "my db" "all" 127.0.0.1/32 scram-sha-256'
	printf 'connection_settings: {user: "a\\nhost all all all trust"}\n' >db.yaml
	recommend
	expect 1
	one_reason
	has "$err" "line end"
	[ -z "$out" ]
}

@test "a name with a control character is shown as no line to be pasted" {
	printf 'connection_settings: {host: localhost, dbname: db1, user: "a\\ebc"}\n' >db.yaml
	recommend
	expect 0
	can_be_pasted
	lacks "$out" $'\033'
	has "$out" "# host db1 \"a?bc\"" "write it by hand"
}

@test "recommendations as JSON" {
	config host=localhost dbname=db1 user=app password="$secret" sslmode=require port=5432 </dev/null
	recommend --format json
	expect 0
	is '[.schema, .server, .client.user, .client.connections, (.checks | length), .hba, .summary.result, .summary.audited] | @json' \
		'[1,null,"app",40,0,null,"ok",false]'
	is '[.recommendations.pg_hba_conf[] | select(.kind == "required").line] | join("; ")' \
		"hostssl db1 app 127.0.0.1/32 scram-sha-256; hostssl db1 app ::1/128 scram-sha-256"
	is '[.recommendations.postgresql_conf[] | select(.kind == "required").line] | join("; ")' "ssl = on; max_connections = 43"
}

# ------------------------------------------------------------------------------ the command line

@test "a wrong command line or file is exit status 2" {
	config </dev/null
	for line in "--client-address db.example.test" "--client-address 10.1.2.3/33" "--instances 0" "--instances x" \
		"--instances 10001" "--strict" "--format xml"; do
		# shellcheck disable=SC2086
		recommend $line
		expect 2
		one_reason
		[ -z "$out" ]
	done
	pgmonkey pgserverconfig --filepath missing.yaml
	expect 2
	one_reason
	has "$err" "missing.yaml" "No such file"
	echo 'connection_settings: [' >db.yaml
	recommend --audit --format json
	expect 2
	one_reason
	pgmonkey pgserverconfig
	expect 2
	has "$err" "--filepath is missing"
}

@test "help shows an example and the exit status" {
	pgmonkey pgserverconfig --help
	expect 0
	has "$out" "usage: pgmonkey pgserverconfig --filepath FILE [--audit] [--format text|json]" "Exit status: 0 no MISMATCH" \
		"pgmonkey pgserverconfig --filepath db.yaml --audit" "--connconfig is the same"
}

# ------------------------------------------------------------------------------ audit

@test "a server that suits the file is exit status 0, and the deciding rule is named" {
	as_superuser <<<"connection_type: pool"
	audit
	expect 0
	[ "$(status_of pg_hba)" = OK ]
	[ "$(status_of max_connections)" = OK ]
	[ "$(status_of ssl)" = REVIEW ]
	has "$out" "your connection from 127.0.0.1 with sslmode=prefer as $PGM_TEST_SUPERUSER to $PGM_TEST_DBNAME is decided by line 3: host all all all scram-sha-256"
	[[ $(printf '%s\n' "$out" | tail -n 1) =~ ^PostgreSQL\ [0-9].*:\ [0-9]+\ OK,\ 1\ REVIEW,\ 0\ UNKNOWN,\ 0\ MISMATCH$ ]]
	[ -z "$err" ]
	lacks "$out" "$PGM_TEST_SUPERUSER_PASSWORD"
}

@test "--strict fails for what is only to be looked at" {
	as_superuser sslmode=disable <<<"connection_type: pool"
	audit --strict
	expect 0
	as_superuser <<<"connection_type: pool"
	audit --strict
	expect 1
}

@test "what this role may not see is UNKNOWN with the grant, and fails only if strict" {
	config sslmode=disable </dev/null
	audit
	expect 0
	[ "$(status_of pg_hba)" = UNKNOWN ]
	has "$out" "to see it: GRANT SELECT ON pg_hba_file_rules TO \"$PGM_TEST_USER\""
	audit --strict
	expect 1
}

@test "a mismatch is exit status 1 with reason and fix" {
	config sslmode=disable <<-END
		connection_type: pool
		pool_settings: {max_size: 500}
		sync_settings: {no_such_setting: 1}
	END
	audit
	expect 1
	[ "$(status_of max_connections)" = MISMATCH ]
	[ "$(status_of setting.no_such_setting)" = MISMATCH ]
	has "$out" "the client may want 500 connections" "fix: max_connections = 503" "unrecognized configuration parameter"
	[ -z "$err" ]
}

@test "the audit as JSON has all of it" {
	as_superuser <<<"connection_type: pool"
	audit --format json
	expect 0
	is '[.schema, .server.superuser, .server.client_address, .server.version_number >= 100000, .client.address, .error] | @json' \
		'[1,true,"127.0.0.1",true,null,null]'
	is '.hba | [.verdict, .line, .rule, .possible, .attempts[0].transport, .attempts[0].line, .file_errors] | @json' \
		'["admitted",3,"host all all all scram-sha-256",[],"plain",3,[]]'
	is '[.checks[] | keys | sort | join(" ")] | unique | join("; ")' \
		"fix id live privilege reason required source status wanted"
	is '.checks[] | select(.id == "max_connections") | [.live, .required, .status] | @json' '["120",true,"OK"]'
	is '.checks[] | select(.id == "ssl") | .status' REVIEW
	is '.summary | [.result, .review, .mismatch] | @json' '["ok",1,0]'
	lacks "$out" "$PGM_TEST_SUPERUSER_PASSWORD"
}

@test "a line that cannot be read is among the errors of the file" {
	hba=$PGM_TEST_DATADIR/pg_hba.conf
	cp "$hba" hba.before
	printf 'hots all all all trust\n' | cat - hba.before >"$hba"
	as_superuser </dev/null
	audit --format json
	cat hba.before >"$hba"
	expect 0
	is '.hba.file_errors[0] | [.line, .loaded] | @json' '[1,false]'
	is '.checks[] | select(.id == "pg_hba") | .status' REVIEW
}

@test "a server that cannot be reached: the recommendations all the same, and exit status 1" {
	config port=1 dbname=db1 user=app password="$secret" </dev/null
	audit
	expect 1
	reason_and_hint
	has "$out" "host db1 app 127.0.0.1/32 scram-sha-256" "max_connections = 43" "not connected"
	[ "$(status_of connection)" = MISMATCH ]
	has "$err" "Connection refused"
	audit --format json
	expect 1
	is '[.server, .error.code, .summary.connected, .summary.result] | @json' '[null,"PGM_ERR_CONNECT",false,"failed"]'
	is '.recommendations.pg_hba_conf[0].line' "host db1 app 127.0.0.1/32 scram-sha-256"
}

@test "a wrong password is told, and never shown" {
	config password="$secret" </dev/null
	audit
	expect 1
	has "$err" "password authentication failed"
}

@test "secrets of the server's rules are in no output" {
	hba=$PGM_TEST_DATADIR/pg_hba.conf
	cp "$hba" hba.before
	{
		echo "host all nobody 10.0.0.1/32 ldap ldapserver=l.example.test ldapbasedn=\"dc=x\" ldapbinddn=\"cn=x\" ldapbindpasswd=$secret"
		echo "host all nobody 10.0.0.2/32 radius radiusservers=127.0.0.1 radiussecrets=$secret"
		echo "host all nobody 10.0.0.3/32 ldap ldapserver=l.example.test $secret"
		cat hba.before
	} >"$hba"
	as_superuser </dev/null
	audit
	status_text=$status
	json_out=$out
	audit --format json
	cat hba.before >"$hba"
	expect 0
	lacks "$json_out$out" "$secret"
	[ "$status_text" -eq 0 ]
	is '.hba.file_errors | length >= 1' true
}

@test "the audit leaves no session and changes nothing" {
	as_superuser application_name=the_audit <<<"sync_settings: {work_mem: 5MB}"
	audit
	expect 0
	sql "DO \$\$ BEGIN FOR i IN 1..500 LOOP EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'the_audit'); PERFORM pg_sleep(0.01), pg_stat_clear_snapshot(); END LOOP; END \$\$"
	[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'the_audit'" -At)" = 0 ]
	[ "$(sql "SELECT count(*) FROM pg_db_role_setting" -At)" = 0 ]
}
