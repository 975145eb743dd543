/*
 * The table that an import fills or an export reads: its name as a user writes it, and what the server has under that
 * name.
 */
#ifndef PGM_TOOLS_CSV_NAME_H
#define PGM_TOOLS_CSV_NAME_H

#include "tools/csv/session.h"

/* PostgreSQL cuts longer names off (manual, 4.1.1), which would make them another table's. */
#define PGM__CSV_NAME_MAX 63

typedef struct pgm__csv_name {
	char schema[PGM__CSV_NAME_MAX + 1]; /* "": to be found by the search_path */
	char table[PGM__CSV_NAME_MAX + 1];
	char written[PGM__CSV_NAME_MAX + 1]; /* the table with the capitals it was written with */
} pgm__csv_name;

/*
 * Reads [schema.]table. As in SQL, a part without quotes becomes lower case (A to Z; other letters stay), one in double
 * quotes stays as it is, with "" for a quote inside. Pure. Errors: _MISUSE (what is wrong and how to write it).
 */
bool pgm__csv_name_parse(pgm__csv_name *name, const char *text, pgm_error *err);

typedef struct pgm__csv_table {
	Oid oid;   /* 0: there is no such table; the rest is then where it would be made */
	char kind; /* pg_class.relkind: r, p (partitioned), v, m (materialized view), f (foreign), S, c, ... */
	char schema[PGM__CSV_NAME_MAX + 1], table[PGM__CSV_NAME_MAX + 1];
	char sql[4 * (PGM__CSV_NAME_MAX + 3)];	 /* "schema"."table", escaped by libpq */
	char shown[2 * (PGM__CSV_NAME_MAX + 1)]; /* schema.table, for messages */
} pgm__csv_table;

/*
 * Looks for it on the server: in its schema, or along the search_path. That there is none is no failure (oid is 0).
 * Errors: _QUERY, _BROKEN; _MISUSE if the schema does not exist, if My, written without quotes, is no table while "My"
 * is one, and if there is no schema to make a new table in.
 */
bool pgm__csv_table_find(pgm__csv_session *session, const pgm__csv_name *name, pgm__csv_table *table, pgm_error *err);

/* "a view", for messages. Owner: static text. */
const char *pgm__csv_kind_name(char kind);

#endif
