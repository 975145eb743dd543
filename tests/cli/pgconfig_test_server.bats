# pgmonkey pgconfig test, on servers that are set up for it: who is let in, TLS, one that does not answer

load helper

setup_file()
{
	start_private_server || return 1
	cat >"$PGM_TEST_DATADIR/pg_hba.conf" <<-END
		local   all pgm_peer     peer
		host    all pgm_trusted  all trust
		host    all pgm_nobody   all trust
		hostssl all pgm_tlsonly  all scram-sha-256
		host    all pgm_rejected all reject
		hostssl all pgm_cert     all cert
		local   all pgm_test,pgm_super scram-sha-256
		host    all pgm_test,pgm_super all scram-sha-256
	END
	"$support/tls.sh" make "$private/certs" || return 1
	"$support/tls.sh" on "$private/server" "$private/certs" good || return 1
	sql "CREATE ROLE pgm_trusted LOGIN"
}

teardown_file()
{
	stop_private_server
}

certs()
{
	printf '%s/certs/%s' "$private" "$1"
}

# ------------------------------------------------------------------------------ who is let in

@test "no line in pg_hba.conf says what to check" {
	config user=pgm_stranger </dev/null
	try
	expect 1
	reason_and_hint
	has "$err" "no pg_hba.conf entry" "add a line to pg_hba.conf"
	try --format json
	is .error.sqlstate 28000
}

@test "no line in pg_hba.conf for want of encryption says to try TLS" {
	config user=pgm_tlsonly sslmode=disable </dev/null
	try
	expect 1
	reason_and_hint
	has "$err" "no encryption" "try sslmode: require"
}

@test "a line in pg_hba.conf that rejects says what to check" {
	config user=pgm_rejected </dev/null
	try
	expect 1
	reason_and_hint
	has "$err" "rejects connection" "the first line that fits decides"
}

@test "a socket that wants the system's user says so" {
	config user=pgm_peer host="$PGM_TEST_SOCKETDIR" </dev/null
	try
	expect 1
	reason_and_hint
	has "$err" "Peer authentication failed" "operating system's user name"
}

@test "a role that does not exist says what to check" {
	config user=pgm_nobody </dev/null
	try
	expect 1
	reason_and_hint
	has "$err" 'role "pgm_nobody" does not exist' "check user"
}

@test "a server that asks for no password is reported as such, and no more is claimed" {
	config user=pgm_trusted password="$secret" </dev/null
	try
	expect 0
	has "$out" "no password was asked for: trust, peer, certificate or the like"
	try --format json
	is .server.password_asked false
}

# ------------------------------------------------------------------------------ TLS

@test "TLS without verification is shown as not verified" {
	config host=localhost sslmode=require </dev/null
	try
	expect 0
	printf '%s\n' "$out" | grep -Eq '^TLS +[0-9.]+ ms  ok +TLSv1\.[23], .*, [0-9]+ bits; server not verified \(sslmode require\)$'
	try --format json
	is '.server.tls.version | test("^TLSv1")' true
	is '.server.tls.bits >= 128' true
	is .server.tls.verified none
	is .server.tls.root_certificate null
}

@test "TLS shows what was verified and with which root certificate" {
	config host=localhost sslmode=verify-full sslrootcert="$(certs ca.crt)" </dev/null
	try
	expect 0
	has "$out" "server verified: certificate and name (sslmode verify-full, root certificate $(certs ca.crt))"
	config host=localhost sslmode=verify-ca sslrootcert="$(certs ca.crt)" </dev/null
	try --format json
	expect 0
	is .server.tls.verified certificate
	is .server.tls.root_certificate "$(certs ca.crt)"
}

@test "a root certificate makes require verify, as libpq does; so does the one in the home folder" {
	config host=localhost sslmode=require sslrootcert="$(certs ca.crt)" </dev/null
	try --format json
	expect 0
	is .server.tls.verified certificate
	is .server.tls.sslmode require
	config host=localhost sslmode=require sslrootcert="$(certs otherca.crt)" </dev/null
	try
	expect 1
	has "$err" "certificate verify failed"
	config host=localhost sslmode=require sslrootcert="$PWD/missing.crt" </dev/null
	try --format json
	expect 0
	is .server.tls.verified none
	# Where the home folder is, libpq asks $HOME from 15 on, the system's list of users before.
	mkdir -m 700 .postgresql
	cp "$(certs ca.crt)" .postgresql/root.crt
	config host=localhost sslmode=require </dev/null
	try --format json
	expect 0
	[ "$(json .server.tls.verified)" = none ] || is .server.tls.root_certificate "$PWD/.postgresql/root.crt"
}

@test "sslmode from the environment is the one that is shown" {
	config host=localhost </dev/null
	PGSSLMODE=verify-full PGSSLROOTCERT=$(certs ca.crt) try --format json
	expect 0
	is .server.tls.sslmode verify-full
	is .server.tls.verified certificate_and_name
}

@test "b20_what_is_shown_of_tls_is_what_the_server_saw" {
	for version in TLSv1.2 TLSv1.3; do
		lines=$(wc -l <"$PGM_TEST_LOG")
		config host=localhost sslmode=require ssl_max_protocol_version=$version </dev/null
		try --format json
		expect 0
		is .server.tls.version $version
		seen="protocol=$(json .server.tls.version), cipher=$(json .server.tls.cipher), bits=$(json .server.tls.bits)"
		tail -n +$((lines + 1)) "$PGM_TEST_LOG" | grep -F "SSL enabled ($seen)"
	done
}

@test "TLS that was not asked for is shown as not in use" {
	config host=localhost sslmode=disable </dev/null
	try
	expect 0
	has "$out" "not in use: nothing is encrypted (sslmode disable)"
	try --format json
	is .server.tls null
}

@test "a login that fails behind TLS still shows TLS" {
	config host=localhost sslmode=require password="$secret" </dev/null
	try
	expect 1
	printf '%s\n' "$out" | grep -Eq '^TLS +[0-9.]+ ms  ok +TLSv1'
}

@test "a root certificate that is missing or another's says what to check" {
	config host=localhost sslmode=verify-full </dev/null
	try
	expect 1
	reason_and_hint
	printf '%s\n' "$out" | grep -Eq '^TLS +[0-9.]+ ms  FAILED'
	has "$err" "root certificate file" "set sslrootcert"
	config host=localhost sslmode=verify-full sslrootcert="$(certs otherca.crt)" </dev/null
	try
	expect 1
	reason_and_hint
	has "$err" "certificate verify failed" "authority that signed the server's"
}

@test "a certificate for another name, or one that has expired, says what to check" {
	"$support/tls.sh" on "$private/server" "$private/certs" wrongname
	config host=localhost sslmode=verify-full sslrootcert="$(certs ca.crt)" </dev/null
	try
	"$support/tls.sh" on "$private/server" "$private/certs" expired
	expect 1
	reason_and_hint
	has "$err" "does not match host name" "use the name that the server's certificate is made out to"
	try
	"$support/tls.sh" on "$private/server" "$private/certs" good
	expect 1
	reason_and_hint
	has "$err" "certificate verify failed" "neither may have expired"
}

@test "a client certificate that is missing or not the user's says what to check" {
	config host=localhost user=pgm_cert sslmode=require </dev/null
	try
	expect 1
	reason_and_hint
	has "$err" "valid client certificate" "set sslcert and sslkey"
	config host=localhost user=pgm_cert sslmode=require sslcert="$(certs client.crt)" sslkey="$(certs client.key)" </dev/null
	try
	expect 1
	reason_and_hint
	has "$err" "certificate authentication failed" "common name"
	cp "$(certs client.key)" loose.key
	chmod 644 loose.key
	config host=localhost sslmode=require sslcert="$(certs client.crt)" sslkey="$PWD/loose.key" </dev/null
	try
	expect 1
	reason_and_hint
	has "$err" "private key file" "chmod 600"
}

@test "a server without TLS says what to check" {
	"$support/tls.sh" off "$private/server"
	config host=localhost sslmode=require </dev/null
	try
	"$support/tls.sh" on "$private/server" "$private/certs" good
	expect 1
	reason_and_hint
	has "$err" "does not support SSL" "offers no TLS"
}

# ------------------------------------------------------------------------------ no answer

@test "a server that does not answer is given up after connect_timeout, which the step's time shows" {
	pid=$(head -n 1 "$PGM_TEST_DATADIR/postmaster.pid")
	config connect_timeout=1 </dev/null
	kill -STOP "$pid"
	try --format json
	kill -CONT "$pid"
	expect 1
	reason_and_hint
	has "$err" "timed out" "connect_timeout says how long to wait"
	is '[.steps[].ms // 0] | add | . > 900 and . < 20000' true
	is '[.steps[] | select(.result == "failed")] | length' 1
}

@test "a server that has gone is refused, and is there again after its start" {
	config </dev/null
	"$support/server.sh" down "$private/server"
	try
	"$support/server.sh" up "$private/server"
	expect 1
	reason_and_hint
	has "$err" "Connection refused"
	try
	expect 0
}
