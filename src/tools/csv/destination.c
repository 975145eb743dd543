#include "tools/csv/destination.h"

#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By way of jsonb, as servers before 12 have no attgenerated, and before 10 no attidentity. Bit 3 of what is updatable
 * stands for INSERT. */
#define IS_SET(column) \
	"(pg_catalog.to_jsonb(a) OPERATOR(pg_catalog.->>) '" column "'::pg_catalog.text) OPERATOR(pg_catalog.<>) ''"
static const char columns_sql[] = "SELECT a.attname, " IS_SET("attgenerated") ", " IS_SET(
	"attidentity") ","
		       " pg_catalog.pg_relation_is_updatable(a.attrelid, false) OPERATOR(pg_catalog.&) 8"
		       " FROM pg_catalog.pg_attribute a WHERE a.attrelid OPERATOR(pg_catalog.=) $1::pg_catalog.oid"
		       " AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped ORDER BY a.attnum";
#undef IS_SET

static bool check_kind(const pgm__csv_table *table, pgm_error *err)
{
	if (strchr("rpf", table->kind))
		return true;
	return pgm__fail(err, PGM_ERR_MISUSE, "%s is %s; an import needs a table", table->shown,
			 pgm__csv_kind_name(table->kind));
}

static bool take_column(pgm__csv_target_column *column, const PGresult *res, int row, pgm_error *err)
{
	if (PQgetlength(res, row, 0) > PGM__CSV_NAME_MAX)
		return pgm__fail(err, PGM_ERR_MISUSE, "the server has names longer than 63 bytes: %s",
				 PQgetvalue(res, row, 0));
	memcpy(column->name, PQgetvalue(res, row, 0), (size_t)PQgetlength(res, row, 0) + 1);
	column->generated = PQgetvalue(res, row, 1)[0] == 't';
	column->identity = PQgetvalue(res, row, 2)[0] == 't';
	return true;
}

static bool take_columns(pgm__csv_destination *d, const PGresult *res, pgm_error *err)
{
	int n = PQntuples(res);

	d->column = calloc((size_t)n + 1, sizeof(*d->column));
	if (!d->column)
		return pgm__fail_nomem(err, "looking at the table's columns");
	d->ncolumns = (size_t)n;
	for (int i = 0; i < n; i++)
		if (!take_column(&d->column[i], res, i, err))
			return false;
	if (d->table.kind == 'f' && n > 0 && strcmp(PQgetvalue(res, 0, 3), "0") == 0)
		return pgm__fail(err, PGM_ERR_MISUSE, "%s is a foreign table that takes no rows", d->table.shown);
	return true;
}

bool pgm__csv_destination_find(pgm__csv_destination *d, pgm__csv_session *session, const pgm__csv_name *name,
			       pgm_error *err)
{
	char oid[16];
	const char *const params[] = {oid};
	PGresult *res;
	bool ok;

	*d = (pgm__csv_destination){0};
	if (!pgm__csv_table_find(session, name, &d->table, err))
		return false;
	if (!d->table.oid)
		return true;
	if (!check_kind(&d->table, err))
		return false;
	snprintf(oid, sizeof(oid), "%u", d->table.oid);
	res = pgm__csv_ask(session, "looking at the table's columns", columns_sql, 1, params, 4, err);
	ok = res && take_columns(d, res, err);
	PQclear(res);
	return ok;
}

void pgm__csv_destination_free(pgm__csv_destination *d)
{
	free(d->column);
	d->column = NULL;
}

/* ------------------------------------------------------------------------------------------ SQL */

/* The named columns, with something behind each. */
static bool add_columns(pgm__strbuf *sql, const pgm__csv_session *session, const pgm__csv_columns *columns,
			const char *behind, pgm_error *err)
{
	const char *comma = "";

	for (size_t i = 0; i < columns->n; i++) {
		const char *name = columns->column[i].name;
		char *quoted;

		if (!name[0])
			continue;
		quoted = PQescapeIdentifier(session->conn, name, strlen(name));
		if (!quoted)
			return pgm__fail(err, PGM_ERR_NOMEM, "quoting the columns' names: %s",
					 PQerrorMessage(session->conn));
		pgm__strbuf_printf(sql, "%s%s%s", comma, quoted, behind);
		PQfreemem(quoted);
		comma = ", ";
	}
	return true;
}

bool pgm__csv_destination_create(pgm__csv_session *session, const char *table, const pgm__csv_columns *columns,
				 pgm_error *err)
{
	pgm__strbuf sql = {0};
	bool ok;

	pgm__strbuf_printf(&sql, "CREATE TABLE %s (", table);
	ok = add_columns(&sql, session, columns, " pg_catalog.text", err);
	pgm__strbuf_puts(&sql, ")");
	if (ok && sql.failed)
		ok = pgm__fail_nomem(err, "creating the table");
	ok = ok && pgm__csv_do(session, "creating the table", sql.text, err);
	pgm__strbuf_free(&sql);
	return ok;
}

char *pgm__csv_copy_sql(const pgm__csv_session *session, const char *table, const pgm__csv_columns *columns,
			char delimiter, bool freeze, pgm_error *err)
{
	pgm__strbuf sql = {0};
	char one[2] = {delimiter, '\0'};
	char *quoted = PQescapeLiteral(session->conn, one, 1), *text = NULL;
	bool ok;

	pgm__strbuf_printf(&sql, "COPY %s (", table);
	ok = quoted && add_columns(&sql, session, columns, "", err);
	pgm__strbuf_printf(&sql, ") FROM STDIN (DELIMITER %s%s)", quoted ? quoted : "", freeze ? ", FREEZE" : "");
	PQfreemem(quoted);
	if (ok)
		text = pgm__strbuf_take(&sql);
	if (!text && (ok || !quoted))
		pgm__fail_nomem(err, "composing the COPY");
	pgm__strbuf_free(&sql);
	return text;
}
