/*
 * CSV the slow and obvious way: a whole text in memory, byte by byte. What the splitter makes of the same text in blocks
 * must be the same. Both are written down as a text: "3<a><\"b\"" is the record of line 3 with the fields a and, quoted,
 * b; then what is wrong and in which line, if anything is.
 */
#ifndef PGM_TESTS_CSV_REFERENCE_H
#define PGM_TESTS_CSV_REFERENCE_H

#include "base/strbuf.h"
#include "tools/csv/splitter.h"

#include <stdlib.h>
#include <string.h>

typedef struct reference {
	const char *text;
	size_t len, at;
	char delimiter, quote;
	bool has_nul, any_line_end, cr_ends;
	uint64_t line;
	pgm__csv_fault fault;
	uint64_t fault_line;
	pgm__strbuf record, all;
} reference;

static inline bool reference_fail(reference *r, pgm__csv_fault fault, uint64_t line)
{
	r->fault = fault;
	r->fault_line = line;
	return false;
}

/* Passes a line end, if there is one here. */
static inline bool reference_line_end(reference *r)
{
	char c = r->at < r->len ? r->text[r->at] : 'x';

	if (c == '\n') {
		r->at++;
	} else if (c == '\r' && r->at + 1 < r->len && r->text[r->at + 1] == '\n') {
		r->at += 2;
	} else if (c == '\r' && r->at + 1 == r->len) {
		if (r->has_nul)
			return false;
		r->at++;
	} else if (c == '\r' && (r->cr_ends || !r->any_line_end)) {
		r->cr_ends = true;
		r->at++;
	} else {
		return false;
	}
	r->any_line_end = true;
	r->line++;
	return true;
}

/* The last byte before a NUL may be the first half of a line end. */
static inline bool reference_fail_cr(reference *r)
{
	return reference_fail(r, r->has_nul && r->at + 1 == r->len ? PGM__CSV_NUL : PGM__CSV_LONE_CR, r->line);
}

static inline bool reference_quoted(reference *r)
{
	uint64_t opened = r->line;
	size_t first = ++r->at;

	pgm__strbuf_puts(&r->record, "<\"");
	for (;; r->at++) {
		if (r->at == r->len)
			return reference_fail(r, PGM__CSV_OPEN_QUOTE, opened);
		if (r->text[r->at] == r->quote) {
			if (r->at + 1 == r->len || r->text[r->at + 1] != r->quote)
				break;
			r->at++;
		} else if (r->text[r->at] == '\n') {
			r->line += !(r->cr_ends && r->at > first && r->text[r->at - 1] == '\r');
		} else if (r->text[r->at] == '\r') {
			r->line += r->cr_ends;
		}
		pgm__strbuf_add(&r->record, r->text + r->at, 1);
	}
	r->at++;
	if (r->at == r->len || r->text[r->at] == r->delimiter || r->text[r->at] == '\n')
		return true;
	if (r->text[r->at] == '\r') {
		reference probe = *r;

		return reference_line_end(&probe) || reference_fail_cr(r);
	}
	return reference_fail(
		r, r->at - 2 >= first && r->text[r->at - 2] == '\\' ? PGM__CSV_BACKSLASH_QUOTE : PGM__CSV_AFTER_QUOTE,
		r->line);
}

static inline bool reference_unquoted(reference *r)
{
	pgm__strbuf_puts(&r->record, "<");
	for (; r->at < r->len; r->at++) {
		reference probe = *r;

		if (r->text[r->at] == r->quote)
			return reference_fail(r, PGM__CSV_QUOTE_IN_FIELD, r->line);
		if (r->text[r->at] == r->delimiter || reference_line_end(&probe))
			return true;
		if (r->text[r->at] == '\r')
			return reference_fail_cr(r);
		pgm__strbuf_add(&r->record, r->text + r->at, 1);
	}
	return true;
}

static inline bool reference_record(reference *r)
{
	r->record.len = 0;
	pgm__strbuf_printf(&r->record, "%llu", (unsigned long long)r->line);
	for (;; r->at++) {
		bool quoted = r->at < r->len && r->text[r->at] == r->quote;

		if (!(quoted ? reference_quoted(r) : reference_unquoted(r)))
			return false;
		pgm__strbuf_puts(&r->record, ">");
		if (r->at == r->len || r->text[r->at] != r->delimiter)
			break;
	}
	if (r->at == r->len && r->has_nul)
		return false;
	reference_line_end(r);
	pgm__strbuf_puts(&r->record, "\n");
	pgm__strbuf_add(&r->all, r->record.text, r->record.len);
	return true;
}

static inline char *described(pgm__strbuf *all, pgm__csv_fault fault, uint64_t line)
{
	if (fault)
		pgm__strbuf_printf(all, "fault %d in line %llu\n", fault, (unsigned long long)line);
	return pgm__strbuf_take(all);
}

/* Owner of the text: the caller. */
static inline char *reference_split(const char *text, size_t len, char delimiter, char quote)
{
	const char *nul = len ? memchr(text, '\0', len) : NULL;
	reference r = {text, nul ? (size_t)(nul - text) : len, 0, delimiter, quote, nul != NULL, .line = 1};

	while (r.at < r.len)
		if (!reference_line_end(&r) && !reference_record(&r))
			break;
	/* What stands open at a NUL may well be closed behind it. */
	if (r.has_nul && (!r.fault || r.fault == PGM__CSV_OPEN_QUOTE))
		reference_fail(&r, PGM__CSV_NUL, r.line);
	pgm__strbuf_free(&r.record);
	return described(&r.all, r.fault, r.fault_line);
}

/* ------------------------------------------------------------------------------- the real thing */

typedef struct collector {
	pgm__strbuf record, all;
	bool in_field, in_record;
	uint64_t line; /* to tell what of a piece's line is lost */
} collector;

static inline void collect(collector *c, const char *block, const pgm__csv_piece *piece)
{
	c->line += (uint32_t)(piece->line - (uint32_t)c->line);
	if (!c->in_record) {
		c->record.len = 0;
		pgm__strbuf_printf(&c->record, "%llu", (unsigned long long)c->line);
	}
	if (!c->in_field)
		pgm__strbuf_puts(&c->record, piece->flags & PGM__CSV_QUOTED ? "<\"" : "<");
	pgm__strbuf_add(&c->record, block + piece->at, piece->len);
	c->in_field = !(piece->flags & PGM__CSV_FIELD_END);
	c->in_record = !(piece->flags & PGM__CSV_RECORD_END);
	if (!c->in_field)
		pgm__strbuf_puts(&c->record, ">");
	if (!c->in_record) {
		pgm__strbuf_puts(&c->record, "\n");
		pgm__strbuf_add(&c->all, c->record.text, c->record.len);
	}
}

/* next_len says how long the next block is, at least 1; it is cut to what is left. Each is copied to memory of its own
 * size, so that reading beyond it is seen. */
static inline char *splitter_split(const char *text, size_t len, char delimiter, char quote, size_t max_pieces,
				   size_t (*next_len)(void *), void *arg)
{
	pgm__csv_splitter s;
	pgm__csv_piece pieces[64];
	collector c = {0};
	size_t n;

	pgm__csv_splitter_init(&s, delimiter, quote);
	while (len > 0 && !s.fault) {
		size_t size = next_len(arg);
		char *block;

		size = size < len ? size : len;
		block = malloc(size);
		if (!block)
			abort();
		memcpy(block, text, size);
		pgm__csv_splitter_give(&s, block, size);
		while ((n = pgm__csv_splitter_next(&s, pieces, max_pieces)) > 0)
			for (size_t i = 0; i < n; i++)
				collect(&c, block, &pieces[i]);
		text += size;
		len -= size;
		free(block);
	}
	if (pgm__csv_splitter_end(&s, pieces))
		collect(&c, "", pieces);
	pgm__strbuf_free(&c.record);
	return described(&c.all, s.fault, s.fault_line);
}

#endif
