/* Fields into COPY's text format (PostgreSQL manual, COPY), collected into messages. Pure. */
#ifndef PGM_TOOLS_CSV_COPY_TEXT_H
#define PGM_TOOLS_CSV_COPY_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A message is handed on when it is enough and a row ends, or when it is full. Larger ones lose the overlap of client and
 * server, smaller ones cost more calls; measured in bench/csv. */
#define PGM__COPY_MESSAGE_ENOUGH ((size_t)32 * 1024)
#define PGM__COPY_MESSAGE_FULL ((size_t)48 * 1024)
#define PGM__COPY_MESSAGE_MAX ((size_t)64 * 1024)
/* So much of a field fits into a message that is not full, even if each byte must be escaped. */
#define PGM__COPY_RUN_MAX ((size_t)7 * 1024)
/* Bytes that may be read behind the end of a field. */
#define PGM__COPY_SLACK 8

typedef struct pgm__copy_text {
	char delimiter; /* what COPY has to be told */
	size_t len;
	char bytes[PGM__COPY_MESSAGE_MAX];
} pgm__copy_text;

/* Of a file with that delimiter: the same, unless COPY does not take it. */
void pgm__copy_text_init(pgm__copy_text *text, char csv_delimiter);

/*
 * Bytes of a field, at most PGM__COPY_RUN_MAX, with PGM__COPY_SLACK behind them that may be read. plain: they hold no
 * line end and not the delimiter.
 */
void pgm__copy_text_add(pgm__copy_text *text, const char *bytes, size_t len, bool plain);

void pgm__copy_text_null(pgm__copy_text *text);

static inline void pgm__copy_text_end_field(pgm__copy_text *text)
{
	text->bytes[text->len++] = text->delimiter;
}

static inline void pgm__copy_text_end_row(pgm__copy_text *text)
{
	text->bytes[text->len++] = '\n';
}

#endif
