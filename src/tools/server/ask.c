#include "tools/server/ask.h"

#include "base/error.h"
#include "base/strbuf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SYSTEM_USER_SINCE 160000

const char *pgm__value(const PGresult *res, int row, int column)
{
	return PQgetisnull(res, row, column) ? NULL : PQgetvalue(res, row, column);
}

static const char *copy_value(pgm__arena *arena, const PGresult *res, int row, int column)
{
	return pgm__arena_copy(arena, pgm__value(res, row, column));
}

/* Where the server has no NULL to give, whatever answers. */
static const char *copy_text(pgm__arena *arena, const PGresult *res, int row, int column)
{
	return pgm__arena_copy(arena, PQgetvalue(res, row, column));
}

static int64_t number_at(const PGresult *res, int row, int column)
{
	return strtoll(PQgetvalue(res, row, column), NULL, 10);
}

static bool is_true_at(const PGresult *res, int row, int column)
{
	return PQgetvalue(res, row, column)[0] == 't';
}

PGresult *pgm__ask(pgm__audit_session *session, const char *sql, int nparams, const char *const *params, int columns,
		   pgm__unseen *why, pgm__arena *arena)
{
	pgm_error err;
	PGresult *res = pgm__audit_ask(session, sql, nparams, params, columns, &err);

	if (!res)
		*why = (pgm__unseen){pgm__arena_copy(arena, err.sqlstate), pgm__arena_copy(arena, err.message)};
	return res;
}

/* NULL unless there is exactly one row. */
static PGresult *ask_row(pgm__audit_session *session, const char *sql, int columns, pgm__unseen *why, pgm__arena *arena)
{
	PGresult *res = pgm__ask(session, sql, 0, NULL, columns, why, arena);

	if (!res || PQntuples(res) == 1)
		return res;
	*why = (pgm__unseen){"", "there is no such row"};
	PQclear(res);
	return NULL;
}

/* --------------------------------------------------------------------------------------- session */

static void look_at_client(PGconn *conn, pgm__seen *seen)
{
	seen->version = PQserverVersion(conn);
	seen->tls = PQsslInUse(conn);
	seen->gss = PQgssEncInUse(conn);
	seen->used_password = PQconnectionUsedPassword(conn) ? PGM_HBA_YES : PGM_HBA_NO;
}

static void ask_tls(pgm__audit_session *session, pgm__seen *seen, pgm__arena *arena)
{
	PGresult *res = ask_row(
		session,
		"SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()",
		1, &seen->no_tls_at_server, arena);

	if (res)
		seen->tls_at_server = is_true_at(res, 0, 0) ? PGM_HBA_YES : PGM_HBA_NO;
	PQclear(res);
}

/* "scram-sha-256:app". Nobody had to prove anything where it is null. */
static void ask_method(pgm__audit_session *session, pgm__seen *seen, pgm__arena *arena)
{
	pgm__unseen why;
	PGresult *res =
		seen->version >= SYSTEM_USER_SINCE ? ask_row(session, "SELECT system_user", 1, &why, arena) : NULL;
	const char *user = res ? pgm__value(res, 0, 0) : NULL;

	if (user)
		seen->method = pgm__arena_printf(arena, "%.*s", (int)strcspn(user, ":"), user);
	else if (res)
		seen->method = "trust";
	PQclear(res);
}

/* A pooler has given this client a number of its own, to be cancelled by, and its login says nothing of the server's. */
static void find_pooler(PGconn *conn, int64_t backend, pgm__seen *seen)
{
	seen->pooler = backend != PQbackendPID(conn);
	if (seen->pooler)
		seen->used_password = PGM_HBA_UNKNOWN;
}

bool pgm__ask_session(pgm__audit_session *session, pgm__seen *seen, pgm__arena *arena, pgm_error *err)
{
	PGresult *res =
		pgm__audit_ask(session,
			       "SELECT pg_catalog.pg_backend_pid(), session_user, pg_catalog.current_database(), "
			       "pg_catalog.host(pg_catalog.inet_client_addr()), "
			       "pg_catalog.host(pg_catalog.inet_server_addr()), "
			       "pg_catalog.current_setting('server_version'), "
			       "pg_catalog.current_setting('is_superuser')",
			       0, NULL, 7, err);

	if (!res)
		return false;
	if (PQgetisnull(res, 0, 0) || PQgetisnull(res, 0, 1) || PQgetisnull(res, 0, 2)) { /* or there is no row */
		PQclear(res);
		return pgm__fail(err, PGM_ERR_QUERY, "the server does not say who it takes us for");
	}
	look_at_client(session->conn, seen);
	find_pooler(session->conn, number_at(res, 0, 0), seen);
	seen->user = copy_text(arena, res, 0, 1);
	seen->database = copy_text(arena, res, 0, 2);
	seen->client_address = copy_value(arena, res, 0, 3);
	seen->server_address = copy_value(arena, res, 0, 4);
	seen->version_text = copy_text(arena, res, 0, 5);
	seen->superuser = strcmp(PQgetvalue(res, 0, 6), "on") == 0;
	PQclear(res);
	ask_tls(session, seen, arena);
	ask_method(session, seen, arena);
	return true;
}

/* -------------------------------------------------------------------------------------- settings */

/* As an element of an array: names of settings hold nothing that would have to be escaped. */
static void add_name(pgm__strbuf *names, const char *name)
{
	pgm__strbuf_puts(names, names->len > 1 ? ",\"" : "\"");
	for (; *name; name++) {
		char c = (char)tolower((unsigned char)*name);

		if (c != '"' && c != '\\')
			pgm__strbuf_add(names, &c, 1);
	}
	pgm__strbuf_puts(names, "\"");
}

/* The server's settings that a check may look at; those of the file come on top. What is not asked for is never seen. */
static const char *const settings_asked[] = {
	"ssl",
	"ssl_ca_file",
	"password_encryption",
	"max_connections",
	"superuser_reserved_connections",
	"reserved_connections",
	"idle_session_timeout",
	"idle_in_transaction_session_timeout",
	"transaction_timeout",
	"port",
	"listen_addresses",
};

static char *list_names(const pgm_server_client *client)
{
	pgm__strbuf names = {0};

	pgm__strbuf_puts(&names, "{");
	for (size_t i = 0; i < sizeof(settings_asked) / sizeof(settings_asked[0]); i++)
		add_name(&names, settings_asked[i]);
	for (size_t i = 0; i < client->nsettings; i++)
		add_name(&names, client->settings[i].name);
	pgm__strbuf_puts(&names, "}");
	return pgm__strbuf_take(&names);
}

static void read_setting(const PGresult *res, int row, pgm__arena *arena, pgm__live_setting *out)
{
	*out = (pgm__live_setting){
		.name = copy_text(arena, res, row, 0),
		.setting = copy_text(arena, res, row, 1),
		.shown = copy_value(arena, res, row, 2),
		.source = copy_text(arena, res, row, 3),
		.file = copy_value(arena, res, row, 4),
		.line = (int)number_at(res, row, 5),
		.pending_restart = is_true_at(res, row, 6),
	};
}

void pgm__ask_settings(pgm__audit_session *session, const pgm_server_client *client, pgm__seen *seen, pgm__arena *arena)
{
	char *names = list_names(client);
	const char *params[] = {names};
	PGresult *res = names ? pgm__ask(session,
					 "SELECT name, setting, pg_catalog.current_setting(name, true), source, "
					 "sourcefile, sourceline, pending_restart FROM pg_catalog.pg_settings "
					 "WHERE pg_catalog.lower(name) OPERATOR(pg_catalog.=) ANY "
					 "($1::pg_catalog.text[])",
					 1, params, 7, &seen->no_settings, arena)
			      : NULL;
	size_t count = res ? (size_t)PQntuples(res) : 0;
	pgm__live_setting *list = pgm__arena_room(arena, (count + 1) * sizeof(*list));

	arena->failed = arena->failed || !names;
	free(names);
	for (size_t i = 0; i < count && list; i++)
		read_setting(res, (int)i, arena, &list[seen->nsettings++]);
	seen->settings = list;
	PQclear(res);
}

const pgm__live_setting *pgm__seen_setting(const pgm__seen *seen, const char *name)
{
	for (size_t i = 0; i < seen->nsettings; i++)
		if (strcasecmp(seen->settings[i].name, name) == 0)
			return &seen->settings[i];
	return NULL;
}

int pgm__seen_number(const pgm__seen *seen, const char *name, int missing)
{
	const pgm__live_setting *setting = pgm__seen_setting(seen, name);

	return setting && setting->setting ? (int)strtol(setting->setting, NULL, 10) : missing;
}

/* ---------------------------------------------------------------------------------------- limits */

static void ask_used(pgm__audit_session *session, pgm__seen *seen, pgm__arena *arena)
{
	PGresult *res =
		ask_row(session, "SELECT pg_catalog.sum(numbackends)::pg_catalog.int8 FROM pg_catalog.pg_stat_database",
			1, &seen->no_used, arena);

	if (res)
		seen->used = number_at(res, 0, 0);
	PQclear(res);
}

static void ask_role(pgm__audit_session *session, pgm__seen *seen, pgm__arena *arena)
{
	PGresult *res =
		ask_row(session,
			"SELECT rolconnlimit, rolvaliduntil, CASE WHEN pg_catalog.isfinite(rolvaliduntil) THEN "
			"pg_catalog.floor(EXTRACT(EPOCH FROM rolvaliduntil OPERATOR(pg_catalog.-) "
			"pg_catalog.now())::pg_catalog.float8 OPERATOR(pg_catalog./) 86400::pg_catalog.float8) END "
			"FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) session_user",
			3, &seen->no_role, arena);

	if (res) {
		seen->role_limit = (int)number_at(res, 0, 0);
		seen->valid_until = PQgetisnull(res, 0, 2) ? NULL : copy_value(arena, res, 0, 1);
		seen->days_left = number_at(res, 0, 2);
	}
	PQclear(res);
}

static void ask_database(pgm__audit_session *session, pgm__seen *seen, pgm__arena *arena)
{
	PGresult *res = ask_row(session,
				"SELECT datconnlimit FROM pg_catalog.pg_database "
				"WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()",
				1, &seen->no_database, arena);

	if (res)
		seen->database_limit = (int)number_at(res, 0, 0);
	PQclear(res);
}

void pgm__ask_limits(pgm__audit_session *session, pgm__seen *seen, pgm__arena *arena)
{
	ask_used(session, seen, arena);
	ask_role(session, seen, arena);
	ask_database(session, seen, arena);
}

/* ---------------------------------------------------------------------------------------- probes */

static void probe(pgm__audit_session *session, const pgm_server_setting *setting, pgm__probe_answer *out,
		  pgm__arena *arena)
{
	const char *params[] = {setting->name, setting->value};
	pgm_error err;
	PGresult *res = pgm__audit_ask(session, "SELECT pg_catalog.set_config($1, $2, true)", 2, params, 1, &err);

	out->accepted = res && PQntuples(res) == 1;
	out->shown = out->accepted ? copy_text(arena, res, 0, 0) : NULL;
	out->sqlstate = pgm__arena_copy(arena, err.code == PGM_ERR_QUERY ? err.sqlstate : "");
	out->message = pgm__arena_copy(arena, err.message);
	PQclear(res);
}

void pgm__ask_probes(pgm__audit_session *session, const pgm_server_client *client, pgm__seen *seen, pgm__arena *arena)
{
	pgm__probe_answer *list = pgm__arena_room(arena, (client->nsettings + 1) * sizeof(*list));

	for (size_t i = 0; i < client->nsettings && list; i++)
		probe(session, &client->settings[i], &list[i], arena);
	seen->probes = list;
}
