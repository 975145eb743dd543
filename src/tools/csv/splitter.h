/*
 * CSV bytes in, fields out (RFC 4180). Pure: no file, no connection, no memory of its own; blocks may end anywhere, and
 * a field of any length passes through in pieces.
 *
 * Strict about quotes, where lax readers merge records without a word: an opening quote follows a delimiter or a line
 * end, a closing one precedes one. Lines end with LF, CRLF, any mixture of these, or with CR alone if the first one
 * does. Blank lines are skipped.
 */
#ifndef PGM_TOOLS_CSV_SPLITTER_H
#define PGM_TOOLS_CSV_SPLITTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PGM__CSV_FIELD_END = 1,	 /* the field ends with this piece */
	PGM__CSV_RECORD_END = 2, /* and so does the record */
	PGM__CSV_QUOTED = 4	 /* the field is in quotes, which are no part of the piece */
};

/* A run of bytes of one field, which may be empty. */
typedef struct pgm__csv_piece {
	uint32_t at, len; /* in the block */
	uint32_t line;	  /* where it begins, from 1, modulo 2^32 */
	uint32_t flags;
} pgm__csv_piece;

typedef enum pgm__csv_fault {
	PGM__CSV_FINE = 0,
	PGM__CSV_NUL,		  /* a NUL byte */
	PGM__CSV_QUOTE_IN_FIELD,  /* a quote in a field that does not begin with one */
	PGM__CSV_AFTER_QUOTE,	  /* neither delimiter nor line end after a closing quote */
	PGM__CSV_BACKSLASH_QUOTE, /* the same, and there was a backslash before that quote */
	PGM__CSV_OPEN_QUOTE,	  /* the end of the file inside quotes */
	PGM__CSV_LONE_CR	  /* a CR alone outside quotes, where lines end with LF */
} pgm__csv_fault;

typedef struct pgm__csv_splitter {
	char delimiter, quote;
	const char *block;
	size_t len, at; /* len: up to a NUL byte */
	bool has_nul;
	enum { PGM__CSV_UNQUOTED, PGM__CSV_IN_QUOTES, PGM__CSV_QUOTE_SEEN, PGM__CSV_CR_SEEN } state;
	bool in_record;	 /* something of the current record was seen */
	bool in_field;	 /* pieces of the current field were given */
	bool was_quoted; /* of PGM__CSV_CR_SEEN: the field before the CR */
	bool cr_ends;	 /* a CR alone is a line end */
	bool cr_before;	 /* in quotes: the byte before was a CR */
	bool any_line_end;
	bool backslash; /* the byte before the quote was one */
	uint64_t line;	/* of the next byte, from 1 */
	uint64_t quote_line;
	pgm__csv_fault fault;
	uint64_t fault_line;
} pgm__csv_splitter;

/* Bytes of ASCII that differ from each other and are no line ends. */
void pgm__csv_splitter_init(pgm__csv_splitter *splitter, char delimiter, char quote);

/* The next bytes of the file, at most 4 GiB less one; the block before must be used up. They stay the caller's. */
void pgm__csv_splitter_give(pgm__csv_splitter *splitter, const char *block, size_t len);

/*
 * The next pieces, at most max (at least 16); 0: the block is used up, or something is wrong (fault), which stays so.
 * What comes before the place of a fault is given before.
 */
size_t pgm__csv_splitter_next(pgm__csv_splitter *splitter, pgm__csv_piece *pieces, size_t max);

/* After the last block: the end of a record without a line end. 0 or 1 pieces, or a fault. */
size_t pgm__csv_splitter_end(pgm__csv_splitter *splitter, pgm__csv_piece *piece);

/* What is wrong and what was expected, without the line. Returns buf. */
const char *pgm__csv_fault_text(const pgm__csv_splitter *splitter, char *buf, size_t size);

#endif
