/*
 * The records of a file made into rows of COPY: which columns go, what is NULL, how many fields there must be. Pure but
 * for the message that is handed on when it is full.
 */
#ifndef PGM_TOOLS_CSV_ROWS_H
#define PGM_TOOLS_CSV_ROWS_H

#include "base/error.h"
#include "tools/csv/copy_text.h"
#include "tools/csv/line_map.h"
#include "tools/csv/splitter.h"

typedef struct pgm__csv_rows pgm__csv_rows;

/* Takes the message in rows->text away. at_end: it ends with a row, so that the next one may go elsewhere: rows->lines and
 * rows->sent may be changed. */
typedef bool (*pgm__csv_on_message)(pgm__csv_rows *rows, bool at_end, void *arg, pgm_error *err);

struct pgm__csv_rows {
	/* Set before the first record. */
	const char *name; /* of the file, for messages */
	char delimiter, quote;
	size_t ncolumns;  /* fields of a record */
	const bool *skip; /* of each; NULL: none is left out */
	const char *null_string;
	pgm__csv_on_message on_message;
	void *arg;
	pgm__copy_text *text;
	pgm__line_map *lines; /* of where the rows go now */
	uint64_t *sent;	      /* rows that went there, the one being made included */

	/* The rest is zero then. */
	uint64_t rows; /* whole ones */
	uint64_t line; /* of the last piece */
	bool in_record, in_field;
	bool kept;    /* the current field goes to the server */
	bool is_text; /* it is not NULL, whatever comes */
	size_t nfields, nkept;
	size_t null_matched; /* bytes of null_string that an unquoted field began with */
	uint64_t record_line;
	size_t record_at;  /* in the block, unless it */
	bool began_before; /* in an earlier one: then */
	size_t start_len;  /* this is how it began */
	char start[64];
};

/* The splitter's pieces of a block, with PGM__COPY_SLACK readable bytes behind it. Errors: _IO (a record with too few or
 * too many fields: "file:line: ..."), and on_message's own. */
bool pgm__csv_rows_add(pgm__csv_rows *rows, const char *block, size_t len, const pgm__csv_piece *pieces, size_t n,
		       pgm_error *err);

/* The block goes: keeps the start of a record that goes on in the next one. */
void pgm__csv_rows_leave(pgm__csv_rows *rows, const char *block, size_t len);

/* The last message, if there is something in it. */
bool pgm__csv_rows_end(pgm__csv_rows *rows, pgm_error *err);

#endif
