/* The columns of a file: what its header calls them, and which of a table's they are. Pure. */
#ifndef PGM_TOOLS_CSV_COLUMNS_H
#define PGM_TOOLS_CSV_COLUMNS_H

#include "tools/csv/name.h"
#include "tools/csv/note.h"
#include "tools/csv/settings.h"

#include <stddef.h>

/* PostgreSQL's limit (manual, appendix K). */
#define PGM__CSV_COLUMNS_MAX 1600

typedef struct pgm__csv_column {
	char *header;			  /* as the file has it; NULL: there is no header */
	char name[PGM__CSV_NAME_MAX + 1]; /* the table's column; "": skipped */
} pgm__csv_column;

typedef struct pgm__csv_columns {
	const char *file; /* its name, for messages */
	pgm__csv_column *column;
	size_t n, capacity;
	bool *skip; /* by the column; NULL: none is */
} pgm__csv_columns;

/* Adds one. header is copied; NULL: none. Errors: _NOMEM. */
bool pgm__csv_columns_add(pgm__csv_columns *columns, const char *header, pgm_error *err);

void pgm__csv_columns_free(pgm__csv_columns *columns);

/*
 * Names for a table that is to be made: those of the header, in lower case and without odd characters if the settings
 * say so; without a header column_1 and so on. A header with nothing in it is skipped. Errors: _MISUSE: two of one name,
 * also once they are cut to PostgreSQL's 63 bytes; a name that the server keeps for itself; too many.
 */
bool pgm__csv_columns_make(pgm__csv_columns *columns, const pgm__csv_settings *settings, const pgm__csv_notes *notes,
			   pgm_error *err);

/* A column of a table that is there. */
typedef struct pgm__csv_target_column {
	char name[PGM__CSV_NAME_MAX + 1];
	bool generated; /* the server computes it */
	bool identity;
} pgm__csv_target_column;

/*
 * Which of the table's columns they are: by the header, as it is written or else as it would be made; without one by
 * position, where generated columns do not count, and identity columns do not if the file has just as many less.
 * Errors: _MISUSE: a header that is no column (all are listed), two for one column, a generated one; without a header a
 * wrong number.
 */
bool pgm__csv_columns_match(pgm__csv_columns *columns, const pgm__csv_settings *settings,
			    const pgm__csv_target_column *targets, size_t ntargets, const char *table,
			    const pgm__csv_notes *notes, pgm_error *err);

#endif
