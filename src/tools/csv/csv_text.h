/*
 * COPY's text format made into CSV, byte for byte what the server's own COPY ... (FORMAT csv) would have written. One
 * exception: in a file of one column an empty text always has quotes, lest it be a blank line, which our import skips.
 *
 * The server makes text faster than CSV, and most rows of text are CSV already if both have the same delimiter: only a
 * field with a backslash, a quote or nothing in it has to be looked at.
 */
#ifndef PGM_TOOLS_CSV_CSV_TEXT_H
#define PGM_TOOLS_CSV_CSV_TEXT_H

#include "tools/csv/out.h"

typedef struct pgm__csv_text {
	char delimiter, quote;
	const char *null_string; /* stays the caller's */
	size_t null_len;
	char text_delimiter; /* what COPY has to be asked for; \t if the delimiter is none that it takes */
	char after;	     /* a delimiter followed by this may begin a field that is, or looks like, NULL */
	int columns;
} pgm__csv_text;

/* delimiter, quote: any two bytes but line ends and NUL; null_string holds neither of them and no line end. */
void pgm__csv_text_init(pgm__csv_text *text, char delimiter, char quote, const char *null_string, int columns);

/* One row as COPY (FORMAT text, DELIMITER text_delimiter) sends it, with its line end. */
void pgm__csv_text_row(const pgm__csv_text *text, const char *row, size_t len, pgm__csv_out *out);

/* The first record: the columns' names, as many as there are columns. */
void pgm__csv_text_header(const pgm__csv_text *text, const char *const *names, int columns, pgm__csv_out *out);

#endif
