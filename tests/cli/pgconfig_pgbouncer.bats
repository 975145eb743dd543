# pgmonkey pgconfig test, with PgBouncer in between; docs/pgbouncer.md says what is tried here

load helper

setup_file()
{
	start_private_server || return 1
	"$support/tls.sh" make "$private/certs" || return 1
	"$support/tls.sh" on "$private/server" "$private/certs" good || return 1
	session_port=$("$support/pgbouncer.sh" start "$private/server" session) || return 1
	transaction_port=$("$support/pgbouncer.sh" start "$private/server" transaction) || return 1
	export session_port transaction_port
}

teardown_file()
{
	stop_private_server
}

# with_pgbouncer COMMAND...: another one, $port, gone when the command has ended. PGM_TEST_PGBOUNCER_* count.
with_pgbouncer()
{
	local outcome=0
	port=$("$support/pgbouncer.sh" start "$private/server" statement) || return 1
	"$@" || outcome=1
	"$support/pgbouncer.sh" stop "$private/server" statement
	return $outcome
}

# ------------------------------------------------------------------------------ is there a pooler?

@test "b40_without_a_pooler_there_is_no_word_of_one" {
	config </dev/null
	try
	expect 0
	lacks "$out" pooler
	try --format json
	expect 0
	is .server.pooler null
}

@test "b40_a_pooler_that_changes_the_backend_is_told" {
	config port="$transaction_port" </dev/null
	try
	expect 0
	printf '%s\n' "$out" | grep -Eq '^pooler +[0-9]+\.[0-9] ms  ok +PgBouncer or its like answers here; the backend changed between two transactions$'
	[ -z "$err" ]
	try --format json
	expect 0
	is .server.pooler.backend_changes true
	is .server.pooler.hint null
}

@test "b40_a_pooler_that_keeps_the_backend_is_told_too" {
	config port="$session_port" <<<"sync_settings: {statement_timeout: 4000}"
	try
	expect 0
	has "$out" "the backend did not change between two transactions"
	[ -z "$err" ]
	try --format json
	expect 0
	is .server.pooler.backend_changes false
	is .server.pooler.hint null
}

@test "b40_session_settings_that_do_not_hold_are_told" {
	config port="$transaction_port" <<<"sync_settings: {statement_timeout: 4000}"
	try
	expect 0
	[ "$(printf '%s\n' "$err" | wc -l)" -eq 1 ]
	has "$err" "pgmonkey: hint: the session settings of the file do not hold" "ALTER ROLE ... SET" "SET LOCAL"
	try --format json
	expect 0
	[ -z "$err" ]
	is '.server.pooler.hint | test("do not hold")' true
}

@test "b40_a_pool_behind_a_pooler_is_held_as_well" {
	config port="$transaction_port" <<-END
		connection_type: pool
		pool_settings: {min_size: 2, max_size: 4}
	END
	try
	expect 0
	has "$out" "the backend changed" "3 connections held at once"
}

statements_are_pooled()
{
	config port="$port" <<<"sync_settings: {statement_timeout: 4000}"
	try
	expect 0
	has "$out" "whether the backend changes between transactions could not be seen" "PostgreSQL"
	[ -z "$err" ]
}

@test "b40_a_pooler_that_pools_statements_is_told" {
	with_pgbouncer statements_are_pooled
}

nothing_more_to_be_seen()
{
	config port="$port" </dev/null
	try --format json
	expect 0
	is .server.pooler.backend_changes null
}

# The second client has it, and the first would wait for ever; or the other way round.
@test "b40_a_pooler_with_one_backend_keeps_nobody_waiting" {
	start=$(date +%s)
	PGM_TEST_PGBOUNCER_DATABASE="pool_mode=transaction pool_size=1" with_pgbouncer nothing_more_to_be_seen
	PGM_TEST_PGBOUNCER_DATABASE="pool_mode=session pool_size=1" with_pgbouncer nothing_more_to_be_seen
	[ $(($(date +%s) - start)) -lt 60 ]
}

@test "b40_startup_options_say_what_to_check" {
	config port="$session_port" options="-c statement_timeout=4000" </dev/null
	try
	expect 1
	reason_and_hint
	has "$err" "unsupported startup parameter" "options"
}

# ------------------------------------------------------------------------------ TLS

@test "b20_tls_is_that_of_the_connection_and_not_of_the_server_behind" {
	[ "$(sql "SHOW ssl" -At)" = on ]
	config port="$session_port" host=localhost </dev/null
	try
	expect 0
	has "$out" "not in use: nothing is encrypted (sslmode prefer)"
	try --format json
	expect 0
	is .server.tls null
}

tls_up_to_here()
{
	config port="$port" host=localhost sslmode=verify-full sslrootcert="$private/certs/ca.crt" </dev/null
	try
	expect 0
	has "$out" "server verified: certificate and name (sslmode verify-full"
}

@test "b20_tls_up_to_a_pooler_is_shown_though_the_server_has_none" {
	"$support/tls.sh" off "$private/server"
	ssl=$(sql "SHOW ssl" -At)
	outcome=0
	PGM_TEST_PGBOUNCER_CONF="client_tls_sslmode = require
client_tls_key_file = $PGM_TEST_DATADIR/server.key
client_tls_cert_file = $PGM_TEST_DATADIR/server.crt" with_pgbouncer tls_up_to_here || outcome=1
	"$support/tls.sh" on "$private/server" "$private/certs" good
	[ "$ssl" = off ]
	[ "$outcome" = 0 ]
}
