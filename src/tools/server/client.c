#include "tools/server/client.h"

#include "base/conninfo.h"
#include "base/error.h"
#include "base/line.h"
#include "tools/server/address.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONNECTION "connection_settings"
#define DOING "reading what a configuration asks of its server"
#define STOP "none of libpq's"

/* The public part first: a pointer to one is a pointer to the other. */
typedef struct owned_client {
	pgm_server_client client;
	pgm__arena arena;
	const char *options;
} owned_client;

pgm__arena *pgm__client_arena(pgm_server_client *client)
{
	return &((owned_client *)client)->arena;
}

const char *pgm__client_options(const pgm_server_client *client)
{
	return ((const owned_client *)client)->options;
}

/* --------------------------------------------------------------------------- libpq's own keywords */

static bool has_keyword(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return true;
	return false;
}

/* The file's keywords that libpq knows: `autocommit` is pgmonkey's own. Room for one more. */
static bool list_keywords(const pgm_config *config, pgm__arena *arena, const char ***keywords, const char ***values)
{
	PQconninfoOption *known = PQconndefaults();
	size_t count = 0, n = 0;

	while (pgm_config_key(config, CONNECTION, count))
		count++;
	*keywords = pgm__arena_room(arena, (count + 2) * sizeof(char *));
	*values = pgm__arena_room(arena, (count + 2) * sizeof(char *));
	for (size_t i = 0; i < count && known && !arena->failed; i++) {
		const char *key = pgm_config_key(config, CONNECTION, i);

		if (has_keyword(known, key)) {
			(*keywords)[n] = key;
			(*values)[n++] = pgm_config_get(config, CONNECTION, key);
		}
	}
	if (!arena->failed) {
		(*keywords)[n] = "gssencmode";
		(*values)[n] = STOP;
	}
	PQconninfoFree(known);
	return known && !arena->failed;
}

static bool check_port(const char *port, pgm_error *err)
{
	long number = strtol(port, NULL, 10);

	if (port[0] && (port[strspn(port, "0123456789")] || number < 1 || number > 65535))
		return pgm__fail(err, PGM_ERR_CONFIG,
				 CONNECTION
				 ": port is \"%s\" (from a service file or the environment), expected 1 to 65535",
				 port);
	return true;
}

/* Did it come to where it was to be stopped? Before that it may have found no such service, or a value that is none. */
static bool check_merged(const PGconn *conn, const PQconninfoOption *options, pgm_error *err)
{
	const char *words = PQerrorMessage(conn);

	if (!pgm__conninfo_check_single(options, CONNECTION, err) ||
	    !check_port(pgm__conninfo_value(options, "port"), err))
		return false;
	return strstr(words, STOP) ||
	       pgm__fail(err, PGM_ERR_CONFIG, CONNECTION ": libpq says: %.*s", pgm__line_length(words), words);
}

/* What libpq makes of the file, the environment, a service file and its defaults. It merges them when it starts to
 * connect and in no other place; a gssencmode that does not exist stops it just after that. src/connection/endpoint.c,
 * with settings of its own, does the same. */
static PQconninfoOption *merged_options(const pgm_config *config, pgm__arena *arena, bool *has_password, pgm_error *err)
{
	const char **keywords, **values;
	PGconn *conn =
		list_keywords(config, arena, &keywords, &values) ? PQconnectStartParams(keywords, values, 0) : NULL;
	PQconninfoOption *options = conn ? PQconninfo(conn) : NULL;

	if (!options) {
		pgm__fail_nomem(err, DOING);
	} else if (!check_merged(conn, options, err)) {
		PQconninfoFree(options);
		options = NULL;
	}
	*has_password = options && PQpass(conn)[0] != '\0'; /* one from a password file, too */
	PQfinish(conn);
	return options;
}

/* As the server reads the start-up parameter "replication", where "database" means logical replication, an ordinary
 * rule's matter; and as the file has its booleans. */
static bool is_true(const char *value)
{
	static const char *const yes[] = {"true", "yes", "on", "1"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcasecmp(value, yes[i]) == 0)
			return true;
	return false;
}

static void fill_connection(pgm_server_client *client, pgm__arena *arena, const PQconninfoOption *options)
{
	client->host = pgm__arena_copy(arena, pgm__conninfo_value(options, "host"));
	client->hostaddr = pgm__arena_copy(arena, pgm__conninfo_value(options, "hostaddr"));
	client->port = pgm__arena_copy(arena, pgm__conninfo_value(options, "port"));
	client->database = pgm__arena_copy(arena, pgm__conninfo_value(options, "dbname"));
	client->user = pgm__arena_copy(arena, pgm__conninfo_value(options, "user"));
	client->sslmode = pgm__arena_copy(arena, pgm__conninfo_value(options, "sslmode"));
	client->sslrootcert = pgm__arena_copy(arena, pgm__conninfo_value(options, "sslrootcert"));
	client->has_certificate = pgm__conninfo_value(options, "sslcert")[0] != '\0';
	client->replication = is_true(pgm__conninfo_value(options, "replication"));
}

/* -------------------------------------------------------------------------------- pools, settings */

static pgm_server_pool read_pool(const pgm_config *config, const char *section)
{
	const char *check = pgm_config_get(config, section, "check_on_checkout");

	/* Each has a default in the table of settings; booleans are true, yes, on or 1. */
	return (pgm_server_pool){
		.max_size = (int)strtol(pgm_config_get(config, section, "max_size"), NULL, 10),
		.max_idle = (int)strtol(pgm_config_get(config, section, "max_idle"), NULL, 10),
		.max_lifetime = (int)strtol(pgm_config_get(config, section, "max_lifetime"), NULL, 10),
		.check_on_checkout = is_true(check),
	};
}

static pgm_type read_type(const pgm_config *config)
{
	static const char *const names[] = {
		[PGM_NORMAL] = "normal", [PGM_POOL] = "pool", [PGM_ASYNC] = "async", [PGM_ASYNC_POOL] = "async_pool"};
	const char *key = pgm_config_key(config, NULL, 0); /* the top level has but one */

	for (pgm_type type = PGM_NORMAL; key && type <= PGM_ASYNC_POOL; type++)
		if (strcmp(pgm_config_get(config, NULL, key), names[type]) == 0)
			return type;
	return PGM_FROM_CONFIG;
}

static void add_settings(pgm_server_client *client, pgm__arena *arena, const pgm_config *config, const char *section)
{
	const char *key;

	for (size_t i = 0; (key = pgm_config_key(config, section, i)); i++) {
		pgm_server_setting *list = pgm__arena_grow(arena, client->settings, client->nsettings, sizeof(*list));

		if (!list)
			return;
		list[client->nsettings++] =
			(pgm_server_setting){section, pgm__arena_copy(arena, key),
					     pgm__arena_copy(arena, pgm_config_get(config, section, key))};
		client->settings = list;
	}
}

static void fill_use(pgm_server_client *client, pgm__arena *arena, const pgm_config *config)
{
	client->type = read_type(config);
	client->pool = read_pool(config, "pool_settings");
	client->async_pool = read_pool(config, "async_pool_settings");
	if (client->type != PGM_ASYNC && client->type != PGM_ASYNC_POOL)
		add_settings(client, arena, config, "sync_settings");
	if (client->type != PGM_NORMAL && client->type != PGM_POOL)
		add_settings(client, arena, config, "async_settings");
}

/* ------------------------------------------------------------------------------------------ whole */

pgm_server_client *pgm_server_client_new(const pgm_config *config, pgm_error *err)
{
	owned_client *owned;
	PQconninfoOption *options;

	pgm__error_clear(err);
	if (!config) {
		pgm__fail(err, PGM_ERR_MISUSE, "pgm_server_client_new needs a configuration");
		return NULL;
	}
	owned = calloc(1, sizeof(*owned));
	if (!owned) {
		pgm__fail_nomem(err, DOING);
		return NULL;
	}
	options = merged_options(config, &owned->arena, &owned->client.has_password, err);
	if (options) {
		fill_connection(&owned->client, &owned->arena, options);
		fill_use(&owned->client, &owned->arena, config);
		owned->options = pgm__arena_copy(&owned->arena, pgm__conninfo_value(options, "options"));
		PQconninfoFree(options);
		if (!owned->arena.failed)
			return &owned->client;
		pgm__fail_nomem(err, DOING);
	}
	pgm_server_client_free(&owned->client);
	return NULL;
}

void pgm_server_client_free(pgm_server_client *client)
{
	if (!client)
		return;
	pgm__arena_free(pgm__client_arena(client));
	free(client);
}

/* -------------------------------------------------------------------------------- what it means */

bool pgm_server_client_is_local(const pgm_server_client *client)
{
	if (client->hostaddr[0])
		return false;
	return client->host[0] == '\0' || client->host[0] == '/' || client->host[0] == '@';
}

pgm__tls_wish pgm__client_tls(const pgm_server_client *client)
{
	static const char *const maybe[] = {"", "allow", "prefer"};

	if (pgm_server_client_is_local(client) || strcmp(client->sslmode, "disable") == 0)
		return PGM__TLS_NEVER;
	for (size_t i = 0; i < sizeof(maybe) / sizeof(maybe[0]); i++)
		if (strcmp(client->sslmode, maybe[i]) == 0)
			return PGM__TLS_MAYBE;
	return PGM__TLS_ALWAYS;
}

bool pgm__client_is_loopback(const pgm_server_client *client)
{
	const char *host = client->hostaddr[0] ? client->hostaddr : client->host;
	pgm__address address;

	if (pgm__address_parse(host, &address))
		return pgm__address_is_loopback(&address);
	return strcasecmp(host, "localhost") == 0;
}

bool pgm__client_needs_cert(const pgm_server_client *client)
{
	return client->has_certificate && !client->has_password && pgm__client_tls(client) != PGM__TLS_NEVER;
}

static int longer(int a, int b)
{
	return a == 0 || b == 0 ? 0 : a > b ? a : b;
}

bool pgm__client_pool(const pgm_server_client *client, pgm_server_pool *pool)
{
	const pgm_server_pool *a = &client->pool, *b = &client->async_pool;

	if (client->type == PGM_POOL || client->type == PGM_ASYNC_POOL) {
		*pool = client->type == PGM_POOL ? *a : *b;
		return true;
	}
	pool->max_size = a->max_size > b->max_size ? a->max_size : b->max_size;
	pool->max_idle = longer(a->max_idle, b->max_idle);
	pool->max_lifetime = longer(a->max_lifetime, b->max_lifetime);
	pool->check_on_checkout = a->check_on_checkout && b->check_on_checkout;
	return client->type == PGM_FROM_CONFIG;
}

int pgm_server_client_connections(const pgm_server_client *client, char *how, size_t size)
{
	int instances = client->instances > 0 ? client->instances : 1;
	int pool = client->pool.max_size, async_pool = client->async_pool.max_size;
	char unused[1];

	if (!how) {
		how = unused;
		size = sizeof(unused);
	}
	/* Of several programs one file does not tell which type each opens. */
	if (client->instances > 0 || client->type == PGM_FROM_CONFIG) {
		if (instances > 1)
			snprintf(how, size, "%d x (pool %d + async_pool %d)", instances, pool, async_pool);
		else
			snprintf(how, size, "pool %d + async_pool %d", pool, async_pool);
		return instances * (pool + async_pool);
	}
	if (client->type == PGM_POOL || client->type == PGM_ASYNC_POOL) {
		snprintf(how, size, "%s %d", client->type == PGM_POOL ? "pool" : "async_pool",
			 client->type == PGM_POOL ? pool : async_pool);
		return client->type == PGM_POOL ? pool : async_pool;
	}
	snprintf(how, size, "1 connection");
	return 1;
}

bool pgm_server_address_normal(const char *text, char *out, size_t size)
{
	char unused[64];

	return text && (out ? pgm__cidr_normal(text, out, size) : pgm__cidr_normal(text, unused, sizeof(unused)));
}
