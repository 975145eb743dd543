#include "cli/advice.h"

#include <string.h>

/* The first row that fits counts: a code (0: any), an SQLSTATE or the beginning of one (NULL: any), two
 * parts of the message (NULL: any). Words of a server may come in its own language, so that a row with an
 * SQLSTATE alone ends each group; those of libpq are English, as this program sets no locale. */
static const struct advice {
	pgm_code code;
	const char *sqlstate, *words, *more_words;
	const char *text;
} rows[] = {
	/* Session settings; the server's own SQLSTATE says why it refused. */
	{PGM_ERR_CONFIG, NULL, "refuses session setting", NULL,
	 "correct or remove that line of the file; psql shows what is allowed (\\dconfig, or SELECT * FROM "
	 "pg_settings)"},

	/* What the server said. */
	{0, "28P01", NULL, NULL,
	 "check user and password in connection_settings; without a password there, libpq takes PGPASSWORD or the "
	 "password file (~/.pgpass)"},
	{0, NULL, "no password supplied", NULL,
	 "the server wants a password: set password in connection_settings, or PGPASSWORD, or the password file "
	 "(~/.pgpass)"},
	{0, "28000", "no pg_hba.conf entry", "SSL encryption",
	 "have the server's administrator add a line to pg_hba.conf for this host, user and database, and reload it"},
	{0, "28000", "no pg_hba.conf entry", "no encryption",
	 "the server's pg_hba.conf allows no such connection without TLS: try sslmode: require, or have its "
	 "administrator add a line for this host, user and database"},
	{0, "28000", "no pg_hba.conf entry", NULL,
	 "have the server's administrator add a line to pg_hba.conf for this host, user and database, and reload it"},
	{0, "28000", "pg_hba.conf rejects", NULL,
	 "a line of the server's pg_hba.conf says reject for this host, user, database and encryption: its order "
	 "counts, "
	 "the first line that fits decides"},
	{0, "28000", "valid client certificate", NULL,
	 "the server wants a client certificate: set sslcert and sslkey in connection_settings; if they are set, see "
	 "that "
	 "the file of sslcert exists: libpq goes on without one that is missing"},
	{0, "28000", "ertificate authentication failed", NULL,
	 "the common name of the client certificate must be the user's name, or be mapped to it in pg_ident.conf"},
	{0, "28000", "eer authentication failed", NULL,
	 "over a socket this server takes the operating system's user name: use that one as user, or a host name and a "
	 "password"},
	{0, "28000", "is not permitted to log in", NULL,
	 "the role may not log in: ALTER ROLE ... LOGIN, or use another user"},
	{0, "28000", "does not exist", NULL, "check user in connection_settings; psql lists the roles with \\du"},
	{0, "28", NULL, NULL,
	 "check user, password and sslmode, and the server's pg_hba.conf; the server's log says more"},
	{0, "3D000", NULL, NULL, "check dbname in connection_settings; psql -l lists the databases"},
	{0, "42501", NULL, NULL, "the user lacks the right: GRANT CONNECT ON DATABASE ... TO ..."},
	{0, "53300", NULL, NULL,
	 "the limit of the server, the database or the role is reached: lower max_size, close other clients, raise "
	 "max_connections, or put PgBouncer in between"},
	{0, "08P01", "unsupported startup parameter", NULL,
	 "PgBouncer in between takes no such parameter at the start: take it out of connection_settings (and "
	 "PGOPTIONS); "
	 "session settings belong into sync_settings, or ALTER ROLE ... SET"},
	{0, "57P03", NULL, NULL, "the server is starting, stopping or recovering: try again in a moment"},

	/* The same at second hand: a pool that did not get its connections. */
	{PGM_ERR_TIMEOUT, NULL, "too many", NULL,
	 "the limit of the server, the database or the role is reached: lower max_size, close other clients, raise "
	 "max_connections, or put PgBouncer in between"},
	{PGM_ERR_TIMEOUT, NULL, "connection slots are reserved", NULL,
	 "the server's limit is reached: lower max_size, close other clients, raise max_connections, or put PgBouncer "
	 "in "
	 "between"},

	/* Certificates, as OpenSSL and libpq put it. */
	{0, NULL, "root certificate file", "does not exist",
	 "set sslrootcert to the certificate of the authority that signed the server's, or choose an sslmode that does "
	 "not "
	 "verify"},
	{0, NULL, "could not read root certificate", NULL,
	 "check that sslrootcert names a readable file of PEM certificates"},
	{0, NULL, "does not match host name", NULL,
	 "use the name that the server's certificate is made out to as host, or sslmode: verify-ca if the name does "
	 "not matter"},
	{0, NULL, "certificate verify failed", NULL,
	 "sslrootcert must hold the certificate of the authority that signed the server's, and neither may have "
	 "expired "
	 "(openssl x509 -noout -dates -in FILE)"},
	{0, NULL, "alert certificate expired", NULL, "the client certificate (sslcert) has to be renewed"},
	{0, NULL, "alert unknown ca", NULL,
	 "the server does not know the authority that signed the client certificate (sslcert): see its ssl_ca_file"},
	{0, NULL, "alert", "certificate", "the server refuses the client certificate: check sslcert and sslkey"},
	{0, NULL, "private key file", NULL,
	 "check sslkey: it must be readable by you alone (chmod 600) and belong to sslcert"},
	{0, NULL, "could not read certificate file", NULL, "check that sslcert names a readable file in PEM format"},
	{0, NULL, "does not support SSL", NULL,
	 "this server offers no TLS: turn it on there (ssl = on), or choose sslmode: prefer or disable"},
	{0, NULL, "invalid response to SSL negotiation", NULL,
	 "what answers at this host and port is no PostgreSQL: check port in connection_settings"},
	{0, NULL, "expected authentication request from server", NULL,
	 "what answers at this host and port is no PostgreSQL: check port in connection_settings"},

	/* The way there. */
	{0, NULL, "cannot resolve host", NULL,
	 "check host in connection_settings for a typing error, and this machine's name service"},
	{0, NULL, "could not translate host name", NULL,
	 "check host in connection_settings for a typing error, and this machine's name service"},
	{0, NULL, "on socket", "No such file or directory",
	 "no server has its socket there: check host (the server's unix_socket_directories) and port, and that it "
	 "runs"},
	{0, NULL, "on socket", "Connection refused",
	 "a socket is there but no server behind it: check that the server runs"},
	{0, NULL, "on socket", "Permission denied",
	 "this user may not use that socket: see unix_socket_permissions of the server"},
	{0, NULL, "Connection refused", NULL,
	 "check host and port, that the server runs, and that it listens on that address (listen_addresses)"},
	{0, NULL, "timed out", NULL,
	 "nothing answered in time: check host and port, and firewalls on the way; connect_timeout says how long to "
	 "wait"},
	{0, NULL, "Network is unreachable", NULL,
	 "this machine has no route to that address: check its network, VPN and host"},
	{0, NULL, "No route to host", NULL,
	 "no way leads to that address, or a firewall refuses: check network, VPN and host"},
	{0, NULL, "server closed the connection unexpectedly", NULL,
	 "see the server's log; or something between here and there ends connections (a proxy, a firewall)"},
};

static bool fits(const struct advice *row, const pgm_error *err)
{
	if (row->code && row->code != err->code)
		return false;
	if (row->sqlstate && strncmp(row->sqlstate, err->sqlstate, strlen(row->sqlstate)) != 0)
		return false;
	return (!row->words || strstr(err->message, row->words)) &&
	       (!row->more_words || strstr(err->message, row->more_words));
}

const char *cli_advice(const pgm_error *err)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (fits(&rows[i], err))
			return rows[i].text;
	return NULL;
}
