/* COPY ... TO STDOUT, its rows made into CSV. */
#ifndef PGM_TOOLS_CSV_COPY_OUT_H
#define PGM_TOOLS_CSV_COPY_OUT_H

#include "tools/csv/csv_text.h"
#include "tools/csv/session.h"

typedef struct pgm__copy_out {
	pgm__csv_session *session;
	const pgm__csv_text *text;
	pgm__csv_out *out;
	const char *doing; /* "exporting public.t": before the reason of a failure */
	int64_t rows;	   /* so far, of all runs */
} pgm__copy_out;

/*
 * sql: COPY in text format, with text->text_delimiter. The session's go_on is asked with each block that comes, and
 * while none does. On failure the connection is in the middle of it: pgm__csv_give_up.
 * Errors: _QUERY, _BROKEN; PGM_OK if out failed or go_on said no: they know why.
 */
bool pgm__copy_out_run(pgm__copy_out *copy, const char *sql, pgm_error *err);

#endif
