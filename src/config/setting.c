#include "config/setting.h"

#include "config/settings.h"

#include <string.h>

#define INT_FIELD(name) .store = PGM__STORE_INT, .offset = offsetof(pgm__settings, name)
#define BOOL_FIELD(name) .store = PGM__STORE_BOOL, .offset = offsetof(pgm__settings, name)
#define TIME_FIELD(name) .store = PGM__STORE_TIME, .offset = offsetof(pgm__settings, name)
#define NUMBER(lowest, highest) .type = PGM__NUMBER, .min = (lowest), .max = (highest)
#define SECONDS NUMBER(0, INT32_MAX), .unit = "seconds" /* libpq reads its numbers as int; ours keep to that */

#define MAX_CONNECTIONS 10000

const char *const pgm__type_names[] = {"normal", "pool", "async", "async_pool", NULL};

static const char *const ssl_modes[] = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full", NULL};

static const pgm__setting top_rows[] = {
	{.key = "connection_type",
	 .type = PGM__CHOICE,
	 .choices = pgm__type_names,
	 .default_value = "normal",
	 .help = "a call may override it"},
	{0},
};

/* libpq's own keywords (PostgreSQL manual, section 34.1.2). What is not here and known to the linked libpq
 * is passed on as it is. */
static const pgm__setting connection_rows[] = {
	{.key = "host",
	 .flags = PGM__ONE_ENDPOINT,
	 .sample = "localhost",
	 .help = "a host, an address, or a socket directory; one only"},
	{.key = "port", NUMBER(1, 65535), .flags = PGM__ONE_ENDPOINT, .sample = "5432", .help = "the server's port"},
	{.key = "dbname", .flags = PGM__NAME, .sample = "mydatabase", .help = "the database"},
	{.key = "user", .sample = "app", .help = "the role to log in as"},
	{.key = "password",
	 .type = PGM__SECRET,
	 .sample = "secret",
	 .help = "without one, libpq looks into its password file"},
	{.key = "sslmode",
	 .type = PGM__CHOICE,
	 .choices = ssl_modes,
	 .sample = "prefer",
	 .help = "only the last is safe"},
	{.key = "sslcert", .sample = "", .help = "the client's certificate, a file; '' means libpq's default"},
	{.key = "sslkey", .sample = "", .help = "the key of the client's certificate, a file"},
	{.key = "sslrootcert", .sample = "", .help = "the authorities that may vouch for the server, a file"},
	{.key = "connect_timeout",
	 SECONDS,
	 .sample = "10",
	 .help = "limit for connecting, all addresses together",
	 .zero = PGM__TEXT_OF(PGM__CONNECT_TIMEOUT_DEFAULT)},
	{.key = "application_name", .sample = "myapp", .help = "shown in pg_stat_activity and the server's log"},
	{.key = "keepalives", .type = PGM__BOOLEAN, .sample = "1", .help = "TCP keepalives"},
	{.key = "keepalives_idle",
	 SECONDS,
	 .sample = "60",
	 .help = "silence before the first keepalive",
	 .zero = "the system's default"},
	{.key = "keepalives_interval",
	 SECONDS,
	 .sample = "15",
	 .help = "time between keepalives",
	 .zero = "the system's default"},
	{.key = "keepalives_count",
	 NUMBER(0, INT32_MAX),
	 .sample = "5",
	 .help = "unanswered keepalives until the connection counts as lost",
	 .zero = "the system's default"},
	{.key = "autocommit",
	 .type = PGM__BOOLEAN,
	 .flags = PGM__OWN,
	 .default_value = "false",
	 BOOL_FIELD(autocommit),
	 .help = "pgmonkey's own: true makes pgm_with skip BEGIN and COMMIT"},
	{.key = "hostaddr", .flags = PGM__ONE_ENDPOINT | PGM__UNLISTED, .help = "the host's address"},
	{.key = "sslpassword", .type = PGM__SECRET, .flags = PGM__UNLISTED, .help = "for the file of sslkey"},
	{.key = "scram_client_key", .type = PGM__SECRET, .flags = PGM__UNLISTED, .help = "in place of a password"},
	{.key = "scram_server_key", .type = PGM__SECRET, .flags = PGM__UNLISTED, .help = "in place of a password"},
	{.key = "oauth_client_secret", .type = PGM__SECRET, .flags = PGM__UNLISTED, .help = "for OAuth"},
	{.key = "sslsni", .type = PGM__BOOLEAN, .flags = PGM__UNLISTED, .help = "send the host's name with TLS"},
	{.key = "target_session_attrs", .flags = PGM__REFUSED, .help = "chooses among several hosts"},
	{.key = "load_balance_hosts", .flags = PGM__REFUSED, .help = "chooses among several hosts"},
	{0},
};

/* For both kinds of pool. */
static const pgm__setting pool_rows[] = {
	{.key = "min_size",
	 NUMBER(0, MAX_CONNECTIONS),
	 .default_value = "5",
	 .not_above = "max_size",
	 .flags = PGM__POOL_ONLY,
	 INT_FIELD(min_size),
	 .help = "connections kept open"},
	{.key = "max_size",
	 NUMBER(1, MAX_CONNECTIONS),
	 .default_value = "20",
	 .flags = PGM__POOL_ONLY,
	 INT_FIELD(max_size),
	 .help = "connections open at most"},
	{.key = "timeout",
	 SECONDS,
	 .default_value = "30",
	 TIME_FIELD(timeout),
	 .help = "longest wait for a connection",
	 .zero = "only if one is free"},
	{.key = "max_idle",
	 SECONDS,
	 .default_value = "300",
	 .flags = PGM__POOL_ONLY,
	 TIME_FIELD(max_idle),
	 .help = "idle time before one above min_size is closed",
	 .zero = "never"},
	{.key = "max_lifetime",
	 SECONDS,
	 .default_value = "3600",
	 .flags = PGM__POOL_ONLY,
	 TIME_FIELD(max_lifetime),
	 .help = "age of replacement (up to 10 % less)",
	 .zero = "never"},
	{.key = "check_on_checkout",
	 .type = PGM__BOOLEAN,
	 .default_value = "false",
	 BOOL_FIELD(check_on_checkout),
	 .help = "ask the server before a connection is handed out"},
	{.key = "max_waiting",
	 NUMBER(0, INT32_MAX),
	 .default_value = "0",
	 INT_FIELD(max_waiting),
	 .help = "callers allowed to queue",
	 .zero = "no limit"},
	{.key = "reconnect_timeout",
	 SECONDS,
	 .default_value = "300",
	 TIME_FIELD(reconnect_timeout),
	 .help = "failed reconnecting before waiters are told",
	 .zero = "never give up"},
	{.key = "num_workers",
	 NUMBER(1, MAX_CONNECTIONS),
	 .default_value = "3",
	 .flags = PGM__POOL_ONLY,
	 INT_FIELD(num_workers),
	 .help = "connections being opened at the same time, at most"},
	{0},
};

/* Examples: any setting of the server may stand there, and the server knows their types. */
#define STATEMENT_TIMEOUT                                                              \
	{                                                                              \
		.key = "statement_timeout", .sample = "30000", .unit = "milliseconds", \
		.help = "longest run of a statement", .zero = "no limit"               \
	}

static const pgm__setting sync_rows[] = {STATEMENT_TIMEOUT, {0}};

static const pgm__setting async_rows[] = {
	STATEMENT_TIMEOUT,
	{.key = "lock_timeout",
	 .sample = "10000",
	 .unit = "milliseconds",
	 .help = "longest wait for a lock",
	 .zero = "no limit"},
	{.key = "idle_in_transaction_session_timeout",
	 .sample = "5000",
	 .unit = "milliseconds",
	 .help = "longest idling in a transaction",
	 .zero = "no limit"},
	{0},
};

const pgm__section pgm__sections[PGM__NSECTIONS] = {
	[PGM__TOP] = {NULL, "what pgm_open gives", top_rows, false},
	[PGM__CONNECTION] = {"connection_settings", "libpq's own keywords", connection_rows, false},
	[PGM__POOL] = {"pool_settings", "for pool; normal uses those that make sense for one connection", pool_rows,
		       false},
	[PGM__ASYNC_POOL] = {"async_pool_settings", "for async_pool and async; the same keys", pool_rows, false},
	[PGM__SYNC] = {"sync_settings", "session settings (GUC) for normal and pool", sync_rows, true},
	[PGM__ASYNC] = {"async_settings", "session settings (GUC) for async and async_pool", async_rows, true},
};

pgm__type_use pgm__type_uses(pgm_type type)
{
	static const pgm__type_use uses[] = {
		[PGM_NORMAL] = {PGM__POOL, PGM__SYNC, true},
		[PGM_POOL] = {PGM__POOL, PGM__SYNC, false},
		[PGM_ASYNC] = {PGM__ASYNC_POOL, PGM__ASYNC, true},
		[PGM_ASYNC_POOL] = {PGM__ASYNC_POOL, PGM__ASYNC, false},
	};

	return uses[type];
}

pgm_type pgm__type_of(const char *name)
{
	for (int i = 0; pgm__type_names[i]; i++)
		if (strcmp(pgm__type_names[i], name) == 0)
			return (pgm_type)(PGM_NORMAL + i);
	return PGM_FROM_CONFIG;
}

const char *pgm__type_name(pgm_type type)
{
	return type >= PGM_NORMAL && type <= PGM_ASYNC_POOL ? pgm__type_names[type - PGM_NORMAL] : "from the file";
}

pgm__section_id pgm__section_find(const char *name)
{
	int i = PGM__TOP;

	if (!name)
		return PGM__TOP;
	while (++i < PGM__NSECTIONS)
		if (strcmp(pgm__sections[i].name, name) == 0)
			break;
	return (pgm__section_id)i;
}

const pgm__setting *pgm__setting_find(pgm__section_id section, const char *key)
{
	for (const pgm__setting *row = pgm__sections[section].rows; row->key; row++)
		if (strcmp(row->key, key) == 0)
			return row;
	return NULL;
}
