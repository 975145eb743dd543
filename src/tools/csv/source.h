/* What an export reads: the table, its columns, and the COPY that fetches them. */
#ifndef PGM_TOOLS_CSV_SOURCE_H
#define PGM_TOOLS_CSV_SOURCE_H

#include "tools/csv/name.h"

typedef struct pgm__csv_source {
	pgm__csv_table table;
	int columns; /* generated ones are left out, as COPY does: they cannot be loaded again */
	char **names;
	char *list;	  /* their names for SQL */
	int64_t expected; /* rows, as the planner guesses; -1: it does not say */
	int64_t blocks;	  /* of the table's main file; 0 if it is no plain table */
} pgm__csv_source;

/*
 * Inside the transaction that will read it. visible_rows: row-level security may hide rows; without, that is an error.
 * source must be zeroed. Errors: _MISUSE (there is no such table, or it is nothing with rows, or has hidden ones), _QUERY,
 * _BROKEN, _NOMEM; it is closed then.
 */
bool pgm__csv_source_open(pgm__csv_source *source, pgm__csv_session *session, const pgm__csv_name *name,
			  bool visible_rows, pgm_error *err);

void pgm__csv_source_close(pgm__csv_source *source);

/*
 * COPY in text format with this delimiter: all rows, or (last > 0) those of the blocks from first up to last, which is
 * not included. Owner: the caller, free; NULL if memory ran out.
 */
char *pgm__csv_source_sql(const pgm__csv_source *source, pgm__csv_session *session, char delimiter, int64_t first,
			  int64_t last);

#endif
