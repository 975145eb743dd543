/* The least that a server needs in its files for one client. Pure. */
#include "base/error.h"
#include "tools/server/address.h"
#include "tools/server/client.h"

#include <stdlib.h>
#include <string.h>

#define SERVER_PORT "5432"
#define SERVER_MAX_CONNECTIONS 100
#define MOST_CONNECTIONS 262143 /* the server's own limit */
#define SCRAM "scram-sha-256"
#define SCRAM_DEFAULT_SINCE 140000

/* The public part first: a pointer to one is a pointer to the other. */
typedef struct owned_advice {
	pgm_server_advice advice;
	pgm__arena arena;
} owned_advice;

static void add(owned_advice *out, pgm_server_file file, pgm_server_kind kind, const char *text, const char *remark)
{
	pgm_server_advice *advice = &out->advice;
	pgm_server_line *list = pgm__arena_grow(&out->arena, advice->lines, advice->nlines, sizeof(*list));

	if (!list)
		return;
	list[advice->nlines++] = (pgm_server_line){file, kind, text, remark};
	advice->lines = list;
}

#define FORMAT(...) pgm__arena_printf(&out->arena, __VA_ARGS__)

static void hba_remark(owned_advice *out, const char *remark)
{
	add(out, PGM_SERVER_HBA_CONF, PGM_SERVER_REMARK, NULL, remark);
}

/* ------------------------------------------------------------------------------------ pg_hba.conf */

/* TYPE and METHOD of the rule, and its names in quotes where they need some. */
typedef struct new_rule {
	const char *type, *database, *user, *method;
} new_rule;

/* The server takes "cert" only where there is TLS: hostssl, also for a client that would do without. */
static const char *type_of(const pgm_server_client *client)
{
	if (pgm_server_client_is_local(client))
		return "local";
	return pgm__client_tls(client) == PGM__TLS_ALWAYS || pgm__client_needs_cert(client) ? "hostssl" : "host";
}

static bool make_rule(const pgm_server_client *client, owned_advice *out, new_rule *rule, pgm_error *err)
{
	char *database = client->replication ? strdup("replication")
					     : pgm_hba_quote(client->database, client->server_version, err);
	char *user = database ? pgm_hba_quote(client->user, client->server_version, err) : NULL;
	bool ok = database && user;

	rule->type = type_of(client);
	rule->method = pgm__client_needs_cert(client) ? "cert" : SCRAM;
	rule->database = pgm__arena_adopt(&out->arena, database);
	rule->user = pgm__arena_adopt(&out->arena, user);
	return ok;
}

static const char *rule_text(owned_advice *out, const new_rule *rule, const char *address, const char *options)
{
	return FORMAT("%s %s %s%s%s %s%s", rule->type, rule->database, rule->user, address ? " " : "",
		      address ? address : "", rule->method, options);
}

/* Over the loopback libpq tries ::1 first, and a refusal there is the end. */
static size_t addresses_of(const pgm_server_client *client, char *given, size_t size, const char *out[2],
			   pgm_error *err)
{
	if (client->address) {
		out[0] = given;
		if (pgm__cidr_normal(client->address, given, size))
			return 1;
		pgm__fail(err, PGM_ERR_MISUSE, "recommending a rule of pg_hba.conf: \"%s\" is no address or range",
			  client->address);
		return 0;
	}
	out[0] = pgm__client_is_loopback(client) ? "127.0.0.1/32" : "ADDRESS/32";
	out[1] = "::1/128";
	return pgm__client_is_loopback(client) ? 2 : 1;
}

/* With a certificate at hand the server may ask for it in addition to the password. */
static bool may_ask_both(const pgm_server_client *client)
{
	return client->has_certificate && client->has_password && pgm__client_tls(client) == PGM__TLS_ALWAYS;
}

static bool hba_lines(const pgm_server_client *client, owned_advice *out, const new_rule *rule, pgm_error *err)
{
	char given[64];
	const char *addresses[2] = {NULL};
	size_t n = 1;
	bool known = client->address || pgm__client_is_loopback(client) || pgm_server_client_is_local(client);

	if (!pgm_server_client_is_local(client))
		n = addresses_of(client, given, sizeof(given), addresses, err);
	for (size_t i = 0; i < n; i++) {
		add(out, PGM_SERVER_HBA_CONF, known ? PGM_SERVER_REQUIRED : PGM_SERVER_UNFINISHED,
		    rule_text(out, rule, addresses[i], ""), NULL);
		if (may_ask_both(client))
			add(out, PGM_SERVER_HBA_CONF, PGM_SERVER_ADVISABLE,
			    rule_text(out, rule, addresses[i], " clientcert=verify-full"),
			    "a choice: asks for the client's certificate as well");
	}
	if (n > 0 && !known)
		hba_remark(out, "ADDRESS: this client's as the server sees it (--client-address, or --audit finds it)");
	return n > 0;
}

/* Before 16 the name itself is right, in quotes. */
static void remark_slash(const pgm_server_client *client, owned_advice *out)
{
	if (client->server_version == 0 && (client->database[0] == '/' || client->user[0] == '/'))
		hba_remark(out, "before PostgreSQL 16 a name that begins with \"/\" is written as it is, in quotes");
}

static void hba_remarks(const pgm_server_client *client, owned_advice *out)
{
	remark_slash(client, out);
	if (pgm__client_needs_cert(client))
		hba_remark(
			out,
			FORMAT("cert: the common name of the client's certificate must be \"%s\", or be mapped to it "
			       "in pg_ident.conf",
			       client->user));
	if (pgm__client_tls(client) == PGM__TLS_MAYBE)
		hba_remark(out,
			   FORMAT("sslmode=%s works without TLS too, and then unencrypted: better ask for require (or "
				  "verify-full) in the file, and write hostssl here",
				  client->sslmode[0] ? client->sslmode : "prefer"));
}

/* -------------------------------------------------------------------------------- postgresql.conf */

static void conf(owned_advice *out, pgm_server_kind kind, const char *text, const char *remark)
{
	add(out, PGM_SERVER_POSTGRESQL_CONF, kind, text, remark);
}

static void verify_remark(const pgm_server_client *client, owned_advice *out)
{
	const char *root = client->sslrootcert[0] ? client->sslrootcert : "the root certificate that the client has";

	if (strcmp(client->sslmode, "verify-full") == 0)
		conf(out, PGM_SERVER_REMARK, NULL,
		     FORMAT("verify-full: the server's certificate must name \"%s\" among its subjectAltNames, and "
			    "chain "
			    "up to %s",
			    client->host[0] ? client->host : client->hostaddr, root));
	else if (strcmp(client->sslmode, "verify-ca") == 0)
		conf(out, PGM_SERVER_REMARK, NULL,
		     FORMAT("verify-ca: the server's certificate must chain up to %s", root));
}

static void ssl_lines(const pgm_server_client *client, owned_advice *out)
{
	pgm__tls_wish wish = pgm__client_tls(client);
	bool needs_cert = pgm__client_needs_cert(client);

	if (wish == PGM__TLS_ALWAYS || needs_cert) {
		conf(out, PGM_SERVER_REQUIRED, "ssl = on", NULL);
		verify_remark(client, out);
	}
	if (needs_cert)
		conf(out, PGM_SERVER_REQUIRED, "ssl_ca_file = 'root.crt'",
		     "who signs the client's certificate; where one is set already, it stays");
}

/* The names of the files are the server's own affair. */
static void advisable_ssl_lines(const pgm_server_client *client, owned_advice *out)
{
	pgm__tls_wish wish = pgm__client_tls(client);

	if (wish == PGM__TLS_ALWAYS || pgm__client_needs_cert(client)) {
		conf(out, PGM_SERVER_ADVISABLE, "ssl_cert_file = 'server.crt'", "the default; ssl needs the file");
		conf(out, PGM_SERVER_ADVISABLE, "ssl_key_file = 'server.key'",
		     "the default; the server's own, mode 0600");
	} else if (wish == PGM__TLS_MAYBE) {
		conf(out, PGM_SERVER_ADVISABLE, "ssl = on", "else nothing is encrypted");
	}
	if (may_ask_both(client))
		conf(out, PGM_SERVER_ADVISABLE, "ssl_ca_file = 'root.crt'",
		     "with clientcert: who signs the client's certificate");
}

static void network_lines(const pgm_server_client *client, owned_advice *out)
{
	if (client->port[0] && strcmp(client->port, SERVER_PORT) != 0)
		conf(out, PGM_SERVER_REQUIRED, FORMAT("port = %s", client->port), NULL);
	if (!pgm_server_client_is_local(client) && !pgm__client_is_loopback(client))
		conf(out, PGM_SERVER_REQUIRED, "listen_addresses = '*'",
		     FORMAT("or the server's own address that \"%s\" stands for",
			    client->hostaddr[0] ? client->hostaddr : client->host));
}

static void max_connections_line(const pgm_server_client *client, owned_advice *out)
{
	char sum[128];
	int need = pgm_server_client_connections(client, sum, sizeof(sum));
	int superuser = client->server_version ? client->superuser_reserved : PGM__SUPERUSER_RESERVED_DEFAULT;
	int total = need + superuser + client->reserved;
	const char *reserved = client->reserved ? FORMAT(" + reserved_connections %d", client->reserved) : "";
	const char *more =
		total < SERVER_MAX_CONNECTIONS
			? FORMAT("; less than the server's default of %d: keep what is greater", SERVER_MAX_CONNECTIONS)
		: total > MOST_CONNECTIONS
			? FORMAT("; a server takes %d at most: lower max_size, or put a pooler in between",
				 MOST_CONNECTIONS)
			: "";

	out->advice.max_connections = total;
	conf(out, PGM_SERVER_REQUIRED, FORMAT("max_connections = %d", total),
	     FORMAT("%s + superuser_reserved_connections %d%s%s", sum, superuser, reserved, more));
}

/* As a value in postgresql.conf: a quote is doubled, a backslash too. */
static const char *conf_value(owned_advice *out, const char *text)
{
	char *value = pgm__arena_room(&out->arena, 2 * strlen(text) + 1), *to = value;

	for (; value && *text; text++) {
		if (*text == '\'' || *text == '\\')
			*to++ = *text;
		*to++ = *text;
	}
	return value ? value : "";
}

static void advisable_lines(const pgm_server_client *client, owned_advice *out, const new_rule *rule)
{
	advisable_ssl_lines(client, out);
	if (pgm_server_client_is_local(client) && client->host[0])
		conf(out, PGM_SERVER_ADVISABLE, FORMAT("unix_socket_directories = '%s'", conf_value(out, client->host)),
		     "this one must be among those it has");
	if (strcmp(rule->method, SCRAM) == 0 && client->server_version < SCRAM_DEFAULT_SINCE)
		conf(out, PGM_SERVER_ADVISABLE, "password_encryption = " SCRAM,
		     "the default from PostgreSQL 14 on; a password that was set before must be set again");
}

/* ------------------------------------------------------------------------------------------ whole */

static bool fill(const pgm_server_client *client, owned_advice *out, pgm_error *err)
{
	new_rule rule;

	if (!make_rule(client, out, &rule, err) || !hba_lines(client, out, &rule, err))
		return false;
	hba_remarks(client, out);
	ssl_lines(client, out);
	network_lines(client, out);
	max_connections_line(client, out);
	advisable_lines(client, out, &rule);
	return true;
}

pgm_server_advice *pgm_server_recommend(const pgm_server_client *client, pgm_error *err)
{
	owned_advice *out = calloc(1, sizeof(*out));
	bool ok;

	pgm__error_clear(err);
	ok = out && fill(client, out, err);
	if (ok && !out->arena.failed)
		return &out->advice;
	if (!out || ok)
		pgm__fail_nomem(err, "recommending settings for the server");
	if (out)
		pgm_server_advice_free(&out->advice);
	return NULL;
}

void pgm_server_advice_free(pgm_server_advice *advice)
{
	if (!advice)
		return;
	pgm__arena_free(&((owned_advice *)advice)->arena);
	free(advice);
}
