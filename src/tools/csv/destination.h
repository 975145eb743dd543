/* The table that an import fills: found or made, its columns, and the COPY for it. */
#ifndef PGM_TOOLS_CSV_DESTINATION_H
#define PGM_TOOLS_CSV_DESTINATION_H

#include "tools/csv/columns.h"

typedef struct pgm__csv_destination {
	pgm__csv_table table;
	pgm__csv_target_column *column; /* of a table that is there */
	size_t ncolumns;
} pgm__csv_destination;

/* Looks for the table, and what it is made of. Errors: as pgm__csv_table_find; _MISUSE for what cannot be imported into:
 * a view, a sequence and the like. */
bool pgm__csv_destination_find(pgm__csv_destination *destination, pgm__csv_session *session, const pgm__csv_name *name,
			       pgm_error *err);

void pgm__csv_destination_free(pgm__csv_destination *destination);

/* CREATE TABLE with every named column as text. table: quoted for SQL. */
bool pgm__csv_destination_create(pgm__csv_session *session, const char *table, const pgm__csv_columns *columns,
				 pgm_error *err);

/* COPY table (columns in the file's order) FROM STDIN. Owner: the caller, free(3); NULL on failure. */
char *pgm__csv_copy_sql(const pgm__csv_session *session, const char *table, const pgm__csv_columns *columns,
			char delimiter, bool freeze, pgm_error *err);

#endif
