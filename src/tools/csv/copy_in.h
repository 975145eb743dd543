/* COPY ... FROM STDIN: rows on their way to the server, which may say no at any time. */
#ifndef PGM_TOOLS_CSV_COPY_IN_H
#define PGM_TOOLS_CSV_COPY_IN_H

#include "tools/csv/columns.h"
#include "tools/csv/line_map.h"
#include "tools/csv/session.h"

typedef struct pgm__copy_in {
	pgm__csv_session *session;
	const char *file;		 /* its name, for messages */
	const char *relation;		 /* the table's name without its schema, as the server has it in its words */
	const pgm__csv_columns *columns; /* their names, likewise */
	int64_t notices;		 /* the server's, so far */
	PQnoticeReceiver before;	 /* who got them before; the library's, which wants no argument */
	uint64_t rows;			 /* sent */
	pgm__line_map lines;
} pgm__copy_in;

/* Sends the statement. copy: session, file, relation and columns set, the rest zero. Errors: _QUERY, _BROKEN. */
bool pgm__copy_in_begin(pgm__copy_in *copy, const char *sql, pgm_error *err);

/*
 * Hands a message to libpq. Errors, here and below: what the server said, if it said no meanwhile, with the file's line and
 * the column ("file:line: column name: ERROR: ..."); _BROKEN; _QUERY with 57014 if it was stopped.
 */
bool pgm__copy_in_put(pgm__copy_in *copy, const char *bytes, size_t len, pgm_error *err);

/* Sends what libpq holds as far as the server takes it now; *unsent: something is left. */
bool pgm__copy_in_flush(pgm__copy_in *copy, bool *unsent, pgm_error *err);

/* The end of the rows, which the server is told first, and then answers: *rows is its count. */
bool pgm__copy_in_end(pgm__copy_in *copy, pgm_error *err);
bool pgm__copy_in_finish(pgm__copy_in *copy, int64_t *rows, pgm_error *err);

/* Frees what it holds; the connection stays where it is. A zeroed one is harmless. */
void pgm__copy_in_free(pgm__copy_in *copy);

/*
 * Finds the row and the column in the server's description of where it failed ("COPY t, line 3, column a: ..."), in
 * whatever language that is: *row is 0 and NULL is returned for what is not there. Pure. Owner: the columns.
 */
const char *pgm__copy_context_read(const char *context, const char *relation, const pgm__csv_columns *columns,
				   uint64_t *row);

#endif
