/*
 * The table that several connections fill: none of them could see what another has not committed, so it is made under a
 * name of its own, committed, and gets the real one when it is whole.
 */
#ifndef PGM_TOOLS_CSV_HIDDEN_H
#define PGM_TOOLS_CSV_HIDDEN_H

#include "tools/csv/destination.h"

typedef struct pgm__csv_hidden {
	char name[PGM__CSV_NAME_MAX + 1]; /* "": there is none */
	char sql[4 * (PGM__CSV_NAME_MAX + 3)];
} pgm__csv_hidden;

/* Makes it in the session's transaction, beside where table is to be. Errors: _QUERY, _BROKEN, _NOMEM. */
bool pgm__csv_hidden_create(pgm__csv_hidden *hidden, pgm__csv_session *session, const pgm__csv_table *table,
			    const pgm__csv_columns *columns, pgm_error *err);

/* Gives it the table's name; then it is hidden no more. Errors: _QUERY (there is a table of that name by now), _BROKEN. */
bool pgm__csv_hidden_reveal(pgm__csv_hidden *hidden, pgm__csv_session *session, const pgm__csv_table *table,
			    pgm_error *err);

/* What the message ends with that tells of a table which could not be taken away. */
#define PGM__CSV_LEFT_BEHIND "is left behind and may be dropped"

/* Takes it away, on a connection of its own, in a few seconds at most; harmless if there is none. If that fails, err, which
 * says already why the import failed, says also what is left behind. */
void pgm__csv_hidden_drop(pgm__csv_hidden *hidden, const pgm_config *config, pgm_error *err);

#endif
