#include "tools/csv/source.h"

#include "base/strbuf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------ columns */

/* Adds a name as SQL wants it. False: it was refused, or memory ran out. */
static bool add_identifier(pgm__strbuf *sql, pgm__csv_session *session, const char *name)
{
	char *quoted = PQescapeIdentifier(session->conn, name, strlen(name));

	if (quoted)
		pgm__strbuf_puts(sql, quoted);
	PQfreemem(quoted);
	return quoted != NULL;
}

static bool take_columns(pgm__csv_source *source, pgm__csv_session *session, const PGresult *res, pgm_error *err)
{
	pgm__strbuf list = {0};
	bool ok = true;
	int count = PQntuples(res);

	source->names = calloc((size_t)count + 1, sizeof(char *));
	for (int i = 0; source->names && ok && i < count; i++) {
		source->names[i] = strdup(PQgetvalue(res, i, 0));
		if (i > 0)
			pgm__strbuf_puts(&list, ",");
		ok = source->names[i] && add_identifier(&list, session, source->names[i]);
	}
	source->columns = count;
	source->list = pgm__strbuf_take(&list);
	return (ok && source->names && source->list) || pgm__fail_nomem(err, "listing the table's columns");
}

static bool find_columns(pgm__csv_source *source, pgm__csv_session *session, const char *oid, pgm_error *err)
{
	PGresult *res = pgm__csv_ask(
		session, "listing the table's columns",
		"SELECT attname FROM pg_catalog.pg_attribute "
		"WHERE attrelid OPERATOR(pg_catalog.=) $1::pg_catalog.oid AND attnum OPERATOR(pg_catalog.>) 0 "
		"AND NOT attisdropped AND attgenerated OPERATOR(pg_catalog.=) '' ORDER BY attnum",
		1, &oid, 1, err);
	bool ok = res && take_columns(source, session, res, err);

	PQclear(res);
	return ok;
}

/* ------------------------------------------------------------------------------------- checks */

static bool check_kind(const pgm__csv_table *table, pgm_error *err)
{
	if (!table->oid)
		return pgm__fail(err, PGM_ERR_MISUSE, "there is no table %s", table->shown);
	if (!strchr("rpvmf", table->kind))
		return pgm__fail(err, PGM_ERR_MISUSE, "%s is %s, which has no rows to export", table->shown,
				 pgm__csv_kind_name(table->kind));
	return true;
}

/* With row_security off the server refuses too, but does not say what to do. It still does so for what is below a view. */
static bool check_security(const pgm__csv_table *table, pgm__csv_session *session, const char *oid, pgm_error *err)
{
	PGresult *res = pgm__csv_ask(session, "asking for row-level security",
				     "SELECT current_user WHERE pg_catalog.row_security_active($1::pg_catalog.oid)", 1,
				     &oid, 1, err);
	bool ok = res && PQntuples(res) == 0;

	if (res && !ok)
		pgm__fail(err, PGM_ERR_MISUSE,
			  "row-level security may hide rows of %s from %s: the file would lack them without a word; "
			  "--visible-rows (visible_rows in a program) asks for what can be seen",
			  table->shown, PQgetvalue(res, 0, 0));
	PQclear(res);
	return ok;
}

/* ----------------------------------------------------------------------------------- estimate */

/* A table's children (INHERITS) are tables of their own: COPY leaves them out. */
static const char *only(const pgm__csv_source *source)
{
	return source->table.kind == 'r' ? "ONLY " : "";
}

/* The planner knows of every kind of table, and looks at how large it is now: "... (cost=0.00..1.01 rows=1 width=4)". */
static bool estimate(pgm__csv_source *source, pgm__csv_session *session, pgm_error *err)
{
	char sql[sizeof(source->table.sql) + 64];
	const char *rows;
	PGresult *res;

	snprintf(sql, sizeof(sql), "EXPLAIN SELECT 1 FROM %s%s", only(source), source->table.sql);
	res = pgm__csv_ask(session, "estimating the number of rows", sql, 0, NULL, 1, err);
	rows = PQntuples(res) > 0 ? strstr(PQgetvalue(res, 0, 0), " rows=") : NULL;
	source->expected = rows ? strtoll(rows + strlen(" rows="), NULL, 10) : -1;
	PQclear(res);
	return res != NULL;
}

/* How many blocks there are to be shared among several connections. */
static bool count_blocks(pgm__csv_source *source, pgm__csv_session *session, const char *oid, pgm_error *err)
{
	PGresult *res =
		pgm__csv_ask(session, "looking at the table's size",
			     "SELECT CASE WHEN c.relkind OPERATOR(pg_catalog.=) 'r' "
			     "AND a.amname OPERATOR(pg_catalog.=) 'heap' THEN pg_catalog.pg_relation_size(c.oid) "
			     "OPERATOR(pg_catalog./) pg_catalog.current_setting('block_size')::pg_catalog.int8 "
			     "ELSE -1 END FROM pg_catalog.pg_class c "
			     "LEFT JOIN pg_catalog.pg_am a ON a.oid OPERATOR(pg_catalog.=) c.relam "
			     "WHERE c.oid OPERATOR(pg_catalog.=) $1::pg_catalog.oid",
			     1, &oid, 1, err);

	if (PQntuples(res) > 0)
		source->blocks = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
	PQclear(res);
	return res != NULL;
}

/* ------------------------------------------------------------------------------- open, close */

bool pgm__csv_source_open(pgm__csv_source *source, pgm__csv_session *session, const pgm__csv_name *name,
			  bool visible_rows, pgm_error *err)
{
	char oid[16];
	bool ok = pgm__csv_table_find(session, name, &source->table, err) && check_kind(&source->table, err);

	snprintf(oid, sizeof(oid), "%u", source->table.oid);
	ok = ok && find_columns(source, session, oid, err) &&
	     (visible_rows || check_security(&source->table, session, oid, err)) && estimate(source, session, err) &&
	     count_blocks(source, session, oid, err);
	if (!ok)
		pgm__csv_source_close(source);
	return ok;
}

void pgm__csv_source_close(pgm__csv_source *source)
{
	for (int i = 0; source->names && source->names[i]; i++)
		free(source->names[i]);
	free(source->names);
	free(source->list);
	*source = (pgm__csv_source){0};
}

/* ---------------------------------------------------------------------------------------- SQL */

/* COPY of a table by its name is the quickest, but goes for plain tables only, and for all of their rows. */
static void add_relation(pgm__strbuf *sql, const pgm__csv_source *source, int64_t first, int64_t last)
{
	bool by_name = source->table.kind == 'r' && last == 0;

	if (by_name && source->columns > 0)
		pgm__strbuf_printf(sql, "%s (%s)", source->table.sql, source->list);
	else if (by_name)
		pgm__strbuf_puts(sql, source->table.sql);
	else
		pgm__strbuf_printf(sql, "(SELECT %s FROM %s%s", source->list, only(source), source->table.sql);
	if (last > 0)
		pgm__strbuf_printf(sql,
				   " WHERE ctid OPERATOR(pg_catalog.>=) '(%" PRId64 ",0)'::pg_catalog.tid"
				   " AND ctid OPERATOR(pg_catalog.<) '(%" PRId64 ",0)'::pg_catalog.tid",
				   first, last);
	if (!by_name)
		pgm__strbuf_puts(sql, ")");
}

char *pgm__csv_source_sql(const pgm__csv_source *source, pgm__csv_session *session, char delimiter, int64_t first,
			  int64_t last)
{
	char *quoted = PQescapeLiteral(session->conn, &delimiter, 1);
	pgm__strbuf sql = {0};

	if (!quoted)
		return NULL;
	pgm__strbuf_puts(&sql, "COPY ");
	add_relation(&sql, source, first, last);
	pgm__strbuf_printf(&sql, " TO STDOUT (DELIMITER %s)", quoted);
	PQfreemem(quoted);
	return pgm__strbuf_take(&sql);
}
