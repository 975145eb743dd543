#include "tools/csv/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------- the text */

static bool fail_wrong(const char *text, pgm_error *err, const char *why)
{
	return pgm__fail(err, PGM_ERR_MISUSE,
			 "table name %s: %s; write table, schema.table or, with other characters in it, "
			 "\"My.Schema\".\"My Table\" (for the shell: '\"My.Schema\".\"My Table\"')",
			 text, why);
}

/* As the server does: only what is ASCII is sure to be a capital (its downcase_identifier). */
static void fold(char *part)
{
	for (; *part; part++)
		if (*part >= 'A' && *part <= 'Z')
			*part = (char)(*part - 'A' + 'a');
}

static const char *fail_part(const char *text, pgm_error *err, const char *why)
{
	fail_wrong(text, err, why);
	return NULL;
}

/* One part, up to the dot or the end. Returns what comes behind it; NULL: err was filled. */
static const char *read_part(const char *text, const char *from, char part[PGM__CSV_NAME_MAX + 1], pgm_error *err)
{
	bool quoted = *from == '"', closed = !quoted;
	size_t len = 0;

	for (from += quoted; *from && (quoted || *from != '.'); from++) {
		if (*from == '"') {
			if (!quoted)
				return fail_part(text, err, "a quote in the middle of a name");
			closed = *++from != '"';
			if (closed)
				break;
		}
		if (len == PGM__CSV_NAME_MAX)
			return fail_part(text, err, "a name is longer than PostgreSQL's 63 bytes");
		part[len++] = *from;
	}
	part[len] = '\0';
	if (!closed)
		return fail_part(text, err, "a quote is not closed");
	if (*from && *from != '.')
		return fail_part(text, err, "something follows a closing quote");
	return len ? from : fail_part(text, err, "a name is empty");
}

bool pgm__csv_name_parse(pgm__csv_name *name, const char *text, pgm_error *err)
{
	const char *last = text, *rest;

	*name = (pgm__csv_name){0};
	pgm__error_clear(err);
	rest = read_part(text, text, name->table, err);
	if (rest && *rest) {
		memcpy(name->schema, name->table, sizeof(name->schema));
		if (text[0] != '"')
			fold(name->schema);
		last = rest + 1;
		rest = read_part(text, last, name->table, err);
	}
	if (!rest)
		return false;
	if (*rest)
		return fail_wrong(text, err, "it has two dots");
	memcpy(name->written, name->table, sizeof(name->written));
	if (last[0] != '"')
		fold(name->table);
	return true;
}

/* ----------------------------------------------------------------------------------- the server */

/* to_regclass follows the search_path and takes SQL's quotes. */
static const char find_sql[] = "SELECT c.oid, c.relkind, n.nspname, c.relname FROM pg_catalog.pg_class c"
			       " JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace"
			       " WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid";

/* The schema that a new table goes to, and whether there is one by the name with its capitals. */
static const char place_sql[] = "SELECT CASE WHEN $1::pg_catalog.text OPERATOR(pg_catalog.=) ''"
				" THEN pg_catalog.current_schema()::pg_catalog.text"
				" ELSE (SELECT nspname::pg_catalog.text FROM pg_catalog.pg_namespace"
				" WHERE nspname::pg_catalog.text OPERATOR(pg_catalog.=) $1) END,"
				" pg_catalog.to_regclass($2)::pg_catalog.text";

static bool quote(const pgm__csv_session *session, const char *schema, const char *table, char *buf, size_t size,
		  pgm_error *err)
{
	char *first = schema[0] ? PQescapeIdentifier(session->conn, schema, strlen(schema)) : NULL;
	char *second = PQescapeIdentifier(session->conn, table, strlen(table));
	bool ok = second && (first || !schema[0]);

	if (ok)
		snprintf(buf, size, "%s%s%s", first ? first : "", first ? "." : "", second);
	else
		pgm__fail(err, PGM_ERR_MISUSE, "the table's name is not valid UTF-8");
	PQfreemem(first);
	PQfreemem(second);
	return ok;
}

static bool take_name(char to[PGM__CSV_NAME_MAX + 1], const PGresult *res, int column, pgm_error *err)
{
	if (PQgetlength(res, 0, column) > PGM__CSV_NAME_MAX)
		return pgm__fail(err, PGM_ERR_MISUSE, "the server has names longer than 63 bytes: %s",
				 PQgetvalue(res, 0, column));
	memcpy(to, PQgetvalue(res, 0, column), (size_t)PQgetlength(res, 0, column) + 1);
	return true;
}

static bool check_place(const pgm__csv_name *name, const PGresult *res, pgm_error *err)
{
	if (PQgetisnull(res, 0, 0) && name->schema[0])
		return pgm__fail(err, PGM_ERR_MISUSE, "there is no schema %s", name->schema);
	if (PQgetisnull(res, 0, 0))
		return pgm__fail(err, PGM_ERR_MISUSE,
				 "there is no table %s, and no schema of the search_path exists to make it in",
				 name->table);
	return PQgetisnull(res, 0, 1) ||
	       pgm__fail(err, PGM_ERR_MISUSE,
			 "there is no table %s but a \"%s\"; without double quotes capitals do not count, so write "
			 "'\"%s\"'",
			 name->table, name->written, name->written);
}

/* Where the table would be made, which is for an import to do or not. */
static bool find_place(pgm__csv_session *session, const pgm__csv_name *name, pgm__csv_table *table, pgm_error *err)
{
	char written[sizeof(table->sql)];
	const char *const params[] = {name->schema, written};
	PGresult *res;
	bool ok;

	if (!quote(session, name->schema, name->written, written, sizeof(written), err))
		return false;
	res = pgm__csv_ask(session, "looking for the table's schema", place_sql, 2, params, 2, err);
	ok = res && check_place(name, res, err) && take_name(table->schema, res, 0, err);
	memcpy(table->table, name->table, sizeof(table->table));
	PQclear(res);
	return ok;
}

static bool find(pgm__csv_session *session, const pgm__csv_name *name, pgm__csv_table *table, pgm_error *err)
{
	char quoted[sizeof(table->sql)];
	const char *const params[] = {quoted};
	PGresult *res;
	bool ok;

	if (!quote(session, name->schema, name->table, quoted, sizeof(quoted), err))
		return false;
	res = pgm__csv_ask(session, "looking for the table", find_sql, 1, params, 4, err);
	if (PQntuples(res) == 1) {
		table->oid = (Oid)strtoul(PQgetvalue(res, 0, 0), NULL, 10);
		table->kind = PQgetvalue(res, 0, 1)[0];
		ok = take_name(table->schema, res, 2, err) && take_name(table->table, res, 3, err);
	} else {
		ok = res && find_place(session, name, table, err);
	}
	PQclear(res);
	return ok;
}

bool pgm__csv_table_find(pgm__csv_session *session, const pgm__csv_name *name, pgm__csv_table *table, pgm_error *err)
{
	*table = (pgm__csv_table){0};
	if (!find(session, name, table, err) ||
	    !quote(session, table->schema, table->table, table->sql, sizeof(table->sql), err))
		return false;
	snprintf(table->shown, sizeof(table->shown), "%s.%s", table->schema, table->table);
	return true;
}

const char *pgm__csv_kind_name(char kind)
{
	static const struct {
		char kind;
		const char *name;
	} kinds[] = {{'r', "a table"},	       {'p', "a partitioned table"}, {'v', "a view"},
		     {'f', "a foreign table"}, {'m', "a materialized view"}, {'S', "a sequence"},
		     {'i', "an index"},	       {'I', "a partitioned index"}, {'c', "a composite type"},
		     {'t', "a TOAST table"}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].kind == kind)
			return kinds[i].name;
	return "not a table";
}
