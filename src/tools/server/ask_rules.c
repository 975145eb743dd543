/* The rules of pg_hba.conf as the server shows them, and what it knows that they ask for. */
#include "base/error.h"
#include "tools/server/ask.h"
#include "tools/server/hba_token.h"
#include "tools/server/hide.h"

#include <stdlib.h>
#include <string.h>

#define FILE_NAMES_SINCE 160000

/* A line end separates items: no token of a file of lines can hold one. */
#define COLUMNS                                                                                                        \
	"type, pg_catalog.array_to_string(database, E'\\n'), pg_catalog.array_to_string(user_name, E'\\n'), address, " \
	"netmask, auth_method, pg_catalog.array_to_string(options, E'\\n'), error, line_number, "
#define NAMES_16 "file_name, rule_number"
#define NAMES_BEFORE "(SELECT setting FROM pg_catalog.pg_settings WHERE name OPERATOR(pg_catalog.=) 'hba_file'), NULL"

/* ----------------------------------------------------------------------------------------- rows */

static pgm_hba_tokens split(pgm__arena *arena, const char *text)
{
	const char *copy = pgm__arena_copy(arena, text);
	pgm_hba_tokens tokens = {0};

	while (copy) {
		char *end = strchr(copy, '\n');
		const char **list = pgm__arena_grow(arena, tokens.list, tokens.count, sizeof(*list));

		if (!list)
			break;
		if (end)
			*end = '\0';
		list[tokens.count++] = copy;
		tokens.list = list;
		copy = end ? end + 1 : NULL;
	}
	return tokens;
}

static pgm_hba_tokens read_options(pgm__arena *arena, const char *text)
{
	pgm_hba_tokens options = split(arena, text);
	const char **list = (const char **)options.list; /* made just now */

	for (size_t i = 0; i < options.count; i++)
		list[i] = pgm__hide_option(arena, list[i]);
	return options;
}

static void read_row(const PGresult *res, int row, pgm__arena *arena, pgm_hba_row *out)
{
	*out = (pgm_hba_row){
		.type = pgm__arena_copy(arena, pgm__value(res, row, 0)),
		.databases = split(arena, pgm__value(res, row, 1)),
		.users = split(arena, pgm__value(res, row, 2)),
		.address = pgm__arena_copy(arena, pgm__value(res, row, 3)),
		.netmask = pgm__arena_copy(arena, pgm__value(res, row, 4)),
		.method = pgm__arena_copy(arena, pgm__value(res, row, 5)),
		.options = read_options(arena, pgm__value(res, row, 6)),
		.error = pgm__hide_error(arena, pgm__value(res, row, 7)),
		.line = (int)strtol(PQgetvalue(res, row, 8), NULL, 10),
		.file = pgm__arena_copy(arena, pgm__value(res, row, 9)),
		.number = (int)strtol(PQgetvalue(res, row, 10), NULL, 10),
	};
}

/* The view asks for two privileges; with one of them the function below it answers. */
static PGresult *ask_rows(pgm__audit_session *session, pgm__seen *seen, pgm__arena *arena)
{
	bool names = seen->version >= FILE_NAMES_SINCE;
	PGresult *res = pgm__audit_ask(session,
				       names ? "SELECT " COLUMNS NAMES_16 " FROM pg_catalog.pg_hba_file_rules"
					     : "SELECT " COLUMNS NAMES_BEFORE " FROM pg_catalog.pg_hba_file_rules",
				       0, NULL, 11, NULL);

	if (res)
		return res;
	return pgm__ask(session,
			names ? "SELECT " COLUMNS NAMES_16 " FROM pg_catalog.pg_hba_file_rules()"
			      : "SELECT " COLUMNS NAMES_BEFORE " FROM pg_catalog.pg_hba_file_rules()",
			0, NULL, 11, &seen->no_rules, arena);
}

static bool read_rows(pgm__audit_session *session, pgm__seen *seen, pgm__arena *arena)
{
	PGresult *res = ask_rows(session, seen, arena);
	size_t count = res ? (size_t)PQntuples(res) : 0;
	pgm_hba_row *list = pgm__arena_room(arena, (count + 1) * sizeof(*list));

	for (size_t i = 0; i < count && list; i++)
		read_row(res, (int)i, arena, &list[seen->nrules++]);
	seen->rules = list;
	seen->has_rules = res && list;
	PQclear(res);
	return seen->has_rules;
}

/* ---------------------------------------------------------------------------------------- facts */

/* The first column; *all (may be NULL): the server has answered. */
static pgm_hba_tokens ask_list(pgm__audit_session *session, const char *sql, bool *all, pgm__arena *arena)
{
	PGresult *res = pgm__audit_ask(session, sql, 0, NULL, 1, NULL);
	size_t count = res ? (size_t)PQntuples(res) : 0;
	const char **list = pgm__arena_room(arena, (count + 1) * sizeof(*list));

	for (size_t i = 0; i < count && list; i++)
		list[i] = pgm__arena_copy(arena, PQgetvalue(res, (int)i, 0));
	if (all)
		*all = res && list;
	PQclear(res);
	return (pgm_hba_tokens){list, list ? count : 0};
}

/* Directly or not, and without the privileges of a superuser. */
static void ask_roles(pgm__audit_session *session, pgm_hba_facts *facts, pgm__arena *arena)
{
	facts->roles =
		ask_list(session,
			 "WITH RECURSIVE m(oid) AS (SELECT oid FROM pg_catalog.pg_roles "
			 "WHERE rolname OPERATOR(pg_catalog.=) session_user "
			 "UNION SELECT a.roleid FROM pg_catalog.pg_auth_members a "
			 "JOIN m ON a.member OPERATOR(pg_catalog.=) m.oid) "
			 "SELECT r.rolname FROM m JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.oid",
			 &facts->all_roles, arena);
}

static void ask_odd_names(pgm__audit_session *session, pgm_hba_facts *facts, pgm__arena *arena)
{
	facts->odd_databases =
		ask_list(session,
			 "SELECT datname FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) ANY "
			 "('{all,sameuser,samerole,samegroup,replication}'::pg_catalog.name[])",
			 NULL, arena);
	facts->odd_users =
		ask_list(session,
			 "SELECT rolname FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) 'all' OR "
			 "pg_catalog.left(rolname, 1) OPERATOR(pg_catalog.=) '+'",
			 NULL, arena);
}

static bool is_answered(const pgm_hba_facts *facts, const char *pattern, const char *text)
{
	for (size_t i = 0; i < facts->nregexes; i++)
		if (strcmp(facts->regexes[i].pattern, pattern) == 0 && strcmp(facts->regexes[i].text, text) == 0)
			return true;
	return false;
}

static void ask_regex(pgm__audit_session *session, pgm_hba_facts *facts, const char *pattern, const char *text,
		      pgm__arena *arena)
{
	const char *params[] = {text, pattern + 1};
	pgm_hba_regex *list;
	PGresult *res;

	if (is_answered(facts, pattern, text))
		return;
	res = pgm__audit_ask(
		session,
		"SELECT $1::pg_catalog.text COLLATE pg_catalog.\"C\" OPERATOR(pg_catalog.~) $2::pg_catalog.text", 2,
		params, 1, NULL);
	list = res && PQntuples(res) == 1 ? pgm__arena_grow(arena, facts->regexes, facts->nregexes, sizeof(*list))
					  : NULL;
	if (list) {
		list[facts->nregexes++] = (pgm_hba_regex){pattern, text, PQgetvalue(res, 0, 0)[0] == 't'};
		facts->regexes = list;
	}
	PQclear(res);
}

static void ask_regexes(pgm__audit_session *session, pgm__seen *seen, pgm_hba_tokens tokens, const char *text,
			pgm__arena *arena)
{
	for (size_t i = 0; i < tokens.count; i++)
		if (pgm__hba_is_regex(tokens.list[i], seen->version))
			ask_regex(session, &seen->facts, tokens.list[i], text, arena);
}

/* Of the server's interfaces the one that we came in by. The loopback's net is the same everywhere, but it holds more
 * addresses than the interface has: of those only the first says something. */
static void note_interface(pgm__seen *seen, pgm__arena *arena)
{
	pgm_hba_interface *own;
	bool loopback = seen->server_address && strncmp(seen->server_address, "127.", 4) == 0;

	if (!seen->server_address || (loopback && strcmp(seen->server_address, "127.0.0.1") != 0))
		return;
	own = pgm__arena_room(arena, sizeof(*own));
	if (!own)
		return;
	*own = (pgm_hba_interface){seen->server_address, loopback ? "255.0.0.0" : NULL};
	seen->facts.interfaces = own;
	seen->facts.ninterfaces = 1;
}

static void note_live(pgm__seen *seen)
{
	pgm_hba_facts *facts = &seen->facts;
	bool tls = seen->tls_at_server == PGM_HBA_UNKNOWN ? seen->tls : seen->tls_at_server == PGM_HBA_YES;
	const pgm__live_setting *ssl = pgm__seen_setting(seen, "ssl");

	facts->server_version = seen->version;
	if (ssl)
		facts->ssl = strcmp(ssl->setting, "on") == 0 ? PGM_HBA_YES : PGM_HBA_NO;
	facts->up = true;
	facts->transport = seen->gss		  ? PGM_HBA_GSS
			   : tls		  ? PGM_HBA_TLS
			   : seen->client_address ? PGM_HBA_PLAIN
						  : PGM_HBA_SOCKET;
	facts->used_password = seen->used_password;
	facts->method = seen->method;
}

/* One of the files, which may include others, has changed since. Only a superuser may surely ask; for others the question
 * would be one more error in the server's log. */
static void ask_freshness(pgm__audit_session *session, pgm__seen *seen)
{
	const char *last = NULL;

	for (size_t i = 0; seen->superuser && i < seen->nrules && seen->rules_changed != PGM_HBA_YES; i++) {
		const char *params[] = {seen->rules[i].file};
		PGresult *res;

		if (!params[0] || (last && strcmp(last, params[0]) == 0))
			continue;
		last = params[0];
		res = pgm__audit_ask(session,
				     "SELECT (pg_catalog.pg_stat_file($1, true)).modification "
				     "OPERATOR(pg_catalog.>) pg_catalog.pg_conf_load_time()",
				     1, params, 1, NULL);
		if (res && PQntuples(res) == 1)
			seen->rules_changed = PQgetvalue(res, 0, 0)[0] == 't' ? PGM_HBA_YES : PGM_HBA_NO;
		PQclear(res);
	}
}

void pgm__ask_rules(pgm__audit_session *session, pgm__seen *seen, pgm__arena *arena)
{
	note_live(seen);
	if (!read_rows(session, seen, arena))
		return;
	ask_freshness(session, seen);
	ask_roles(session, &seen->facts, arena);
	ask_odd_names(session, &seen->facts, arena);
	note_interface(seen, arena);
	for (size_t i = 0; i < seen->nrules; i++) {
		ask_regexes(session, seen, seen->rules[i].databases, seen->database, arena);
		ask_regexes(session, seen, seen->rules[i].users, seen->user, arena);
	}
}
