#include "tools/csv/splitter.h"

#include "tools/csv/word.h"

#include <stdio.h>
#include <string.h>

/* A word of the block ends eight fields at most, and the block's end leaves one more unfinished. */
#define ROOM (PGM__WORD + 1)

void pgm__csv_splitter_init(pgm__csv_splitter *s, char delimiter, char quote)
{
	*s = (pgm__csv_splitter){.delimiter = delimiter, .quote = quote, .line = 1};
}

static void fail(pgm__csv_splitter *s, pgm__csv_fault fault, uint64_t line)
{
	s->fault = fault;
	s->fault_line = line;
}

/* ------------------------------------------------------------------------------------ line ends */

/* A CR that no LF follows. The first line end of the file decides what it is. */
static bool is_line_end_alone(pgm__csv_splitter *s)
{
	if (s->any_line_end && !s->cr_ends)
		return false;
	s->any_line_end = s->cr_ends = true;
	return true;
}

/* The CR at s->at, which another byte follows, ends a record. Leaves s->at behind the line end. */
static void pass_cr(pgm__csv_splitter *s)
{
	s->at++;
	if (s->block[s->at] == '\n') {
		s->any_line_end = true;
		s->at++;
	} else if (!is_line_end_alone(s)) {
		fail(s, PGM__CSV_LONE_CR, s->line);
	}
}

/* The block ends with a CR: what it is the next one tells. */
static void wait_behind_cr(pgm__csv_splitter *s, bool was_quoted)
{
	s->at++;
	s->state = PGM__CSV_CR_SEEN;
	s->was_quoted = was_quoted;
}

void pgm__csv_splitter_give(pgm__csv_splitter *s, const char *block, size_t len)
{
	const char *nul = len ? memchr(block, '\0', len) : NULL;

	s->block = block;
	s->has_nul = nul != NULL;
	s->len = nul ? (size_t)(nul - block) : len;
	s->at = 0;
}

static void count_lines(pgm__csv_splitter *s, const char *bytes, size_t len)
{
	const char *end = bytes + len;

	if (!s->cr_ends) {
		while ((bytes = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
			s->line++;
			bytes++;
		}
		return;
	}
	for (; bytes < end; bytes++) {
		s->line += *bytes == '\r' || (*bytes == '\n' && !s->cr_before);
		s->cr_before = *bytes == '\r';
	}
}

/* ------------------------------------------------------------------------------- outside quotes */

/* What ends a field, a record, or this way of reading. */
static inline uint64_t find_marks(const pgm__csv_splitter *s, size_t at)
{
	size_t left = s->len - at;
	uint64_t word = left >= PGM__WORD ? pgm__word_load(s->block + at) : pgm__word_load_some(s->block + at, left);

	return pgm__word_equal(word, PGM__EACH_BYTE((unsigned char)s->delimiter)) |
	       pgm__word_equal(word, PGM__EACH_BYTE((unsigned char)s->quote)) |
	       pgm__word_equal(word, PGM__EACH_BYTE('\n')) | pgm__word_equal(word, PGM__EACH_BYTE('\r'));
}

static inline pgm__csv_piece make_piece(const pgm__csv_splitter *s, size_t at, size_t end, unsigned flags)
{
	return (pgm__csv_piece){(uint32_t)at, (uint32_t)(end - at), (uint32_t)s->line, flags};
}

/* The line end at `at` closes the piece that began at `start`, unless the line is blank. Returns the number of pieces. */
static inline size_t end_record(pgm__csv_splitter *s, pgm__csv_piece *piece, size_t start, size_t at)
{
	bool blank = !s->in_record && !s->in_field && at == start;

	if (!blank)
		*piece = make_piece(s, start, at, PGM__CSV_FIELD_END | PGM__CSV_RECORD_END);
	s->in_record = s->in_field = false;
	return !blank;
}

/* What stands from start to the end of the block, of a field that goes on. */
static size_t leave_open(pgm__csv_splitter *s, pgm__csv_piece *piece, size_t start, size_t end)
{
	if (start == end)
		return 0;
	*piece = make_piece(s, start, end, 0);
	s->in_field = true;
	return 1;
}

static size_t pass_unquoted_cr(pgm__csv_splitter *s, pgm__csv_piece *piece, size_t start)
{
	size_t end = s->at, n;

	if (end + 1 == s->len) {
		wait_behind_cr(s, false);
		return leave_open(s, piece, start, end);
	}
	pass_cr(s);
	if (s->fault)
		return 0;
	n = end_record(s, piece, start, end);
	s->line++;
	return n;
}

/* A quote or CR at `at`, the piece before it began at `start`. Leaves s->at behind it. Returns the number of pieces. */
static size_t pass_rare(pgm__csv_splitter *s, pgm__csv_piece *piece, size_t start, size_t at)
{
	s->at = at;
	if (s->block[at] == '\r')
		return pass_unquoted_cr(s, piece, start);
	if (at != start || s->in_field) {
		fail(s, PGM__CSV_QUOTE_IN_FIELD, s->line);
		return 0;
	}
	s->in_record = true;
	s->state = PGM__CSV_IN_QUOTES;
	s->quote_line = s->line;
	s->backslash = s->cr_before = false;
	s->at = at + 1;
	return 0;
}

/* Up to the end of the block, the end of the room, or something rare. */
static size_t split_unquoted(pgm__csv_splitter *s, pgm__csv_piece *pieces, size_t max)
{
	size_t n = 0, start = s->at;

	for (size_t word = s->at; word < s->len; word += PGM__WORD) {
		if (n + ROOM > max) {
			s->at = start;
			return n;
		}
		for (uint64_t marks = find_marks(s, word); marks; marks &= marks - 1) {
			size_t at = word + pgm__word_first(marks);
			char c = s->block[at];

			if (c == s->delimiter) {
				pieces[n++] = make_piece(s, start, at, PGM__CSV_FIELD_END);
				s->in_record = true;
				s->in_field = false;
			} else if (c == '\n') {
				n += end_record(s, &pieces[n], start, at);
				s->any_line_end = true;
				s->line++;
			} else {
				return n + pass_rare(s, &pieces[n], start, at);
			}
			start = at + 1;
		}
	}
	s->at = s->len;
	return n + leave_open(s, &pieces[n], start, s->len);
}

/* -------------------------------------------------------------------------------- inside quotes */

/* The byte behind a closing quote is at s->at. Returns the flags of the field's last piece. */
static unsigned end_quotes(pgm__csv_splitter *s)
{
	char c = s->block[s->at];

	s->state = PGM__CSV_UNQUOTED;
	if (c == s->delimiter) {
		s->at++;
		return PGM__CSV_QUOTED | PGM__CSV_FIELD_END;
	}
	if (c == '\n') {
		s->at++;
		s->any_line_end = true;
	} else if (c == '\r' && s->at + 1 == s->len) {
		wait_behind_cr(s, true);
		return PGM__CSV_QUOTED;
	} else if (c == '\r') {
		pass_cr(s);
	} else {
		fail(s, s->backslash ? PGM__CSV_BACKSLASH_QUOTE : PGM__CSV_AFTER_QUOTE, s->line);
	}
	s->in_record = false;
	s->line++;
	return PGM__CSV_QUOTED | PGM__CSV_FIELD_END | PGM__CSV_RECORD_END;
}

/* The last block ended with a quote: doubled, it is a byte of the field. */
static size_t resume_at_quote(pgm__csv_splitter *s, pgm__csv_piece *piece)
{
	*piece = make_piece(s, s->at, s->at, PGM__CSV_QUOTED);
	if (s->block[s->at] == s->quote) {
		s->state = PGM__CSV_IN_QUOTES;
		s->at++;
		piece->len = 1;
		s->backslash = s->cr_before = false;
	} else {
		piece->flags = end_quotes(s);
	}
	return !s->fault;
}

/* The last block ended with a CR. */
static size_t resume_behind_cr(pgm__csv_splitter *s, pgm__csv_piece *piece)
{
	size_t n;

	s->state = PGM__CSV_UNQUOTED;
	if (s->block[s->at] == '\n') {
		s->any_line_end = true;
		s->at++;
	} else if (!is_line_end_alone(s)) {
		fail(s, PGM__CSV_LONE_CR, s->line);
		return 0;
	}
	n = end_record(s, piece, 0, 0);
	if (s->was_quoted)
		piece->flags |= PGM__CSV_QUOTED;
	s->line++;
	return n;
}

/* Up to a quote, doubled or not, or the end of the block. */
static size_t split_quoted(pgm__csv_splitter *s, pgm__csv_piece *piece)
{
	const char *from = s->block + s->at, *quote = memchr(from, s->quote, s->len - s->at);
	size_t end = quote ? (size_t)(quote - s->block) : s->len, len = end - s->at;

	*piece = make_piece(s, s->at, end, PGM__CSV_QUOTED);
	count_lines(s, from, len);
	if (len > 0)
		s->backslash = from[len - 1] == '\\';
	s->at = quote ? end + 1 : end;
	if (quote && s->at == s->len) {
		s->state = PGM__CSV_QUOTE_SEEN;
	} else if (quote && s->block[s->at] == s->quote) {
		s->at++;
		piece->len++;
		s->backslash = s->cr_before = false;
	} else if (quote) {
		piece->flags = end_quotes(s);
	}
	return !s->fault && (piece->len > 0 || piece->flags & PGM__CSV_FIELD_END);
}

/* ------------------------------------------------------------------------------------------ all */

size_t pgm__csv_splitter_next(pgm__csv_splitter *s, pgm__csv_piece *pieces, size_t max)
{
	size_t n = 0;

	while (!s->fault && s->at < s->len && n + ROOM <= max) {
		if (s->state == PGM__CSV_UNQUOTED)
			n += split_unquoted(s, pieces + n, max - n);
		else if (s->state == PGM__CSV_IN_QUOTES)
			n += split_quoted(s, pieces + n);
		else if (s->state == PGM__CSV_QUOTE_SEEN)
			n += resume_at_quote(s, pieces + n);
		else
			n += resume_behind_cr(s, pieces + n);
	}
	if (n == 0 && !s->fault && s->has_nul)
		fail(s, PGM__CSV_NUL, s->line);
	return n;
}

size_t pgm__csv_splitter_end(pgm__csv_splitter *s, pgm__csv_piece *piece)
{
	if (s->fault)
		return 0;
	if (s->state == PGM__CSV_IN_QUOTES)
		fail(s, PGM__CSV_OPEN_QUOTE, s->quote_line);
	if (s->fault || (!s->in_record && !s->in_field))
		return 0;
	*piece = make_piece(s, 0, 0, PGM__CSV_FIELD_END | PGM__CSV_RECORD_END);
	if (s->state == PGM__CSV_QUOTE_SEEN || (s->state == PGM__CSV_CR_SEEN && s->was_quoted))
		piece->flags |= PGM__CSV_QUOTED;
	s->state = PGM__CSV_UNQUOTED;
	s->in_record = s->in_field = false;
	return 1;
}

const char *pgm__csv_fault_text(const pgm__csv_splitter *s, char *buf, size_t size)
{
	char q = s->quote;

	switch (s->fault) {
	case PGM__CSV_FINE:
		snprintf(buf, size, "nothing is wrong");
		break;
	case PGM__CSV_NUL:
		snprintf(buf, size, "a NUL byte, which PostgreSQL has no place for; expected text");
		break;
	case PGM__CSV_QUOTE_IN_FIELD:
		snprintf(
			buf, size,
			"a quote (%c) inside a field that does not begin with one; expected the whole field in quotes, "
			"and each quote inside written twice (%c%c)",
			q, q, q);
		break;
	case PGM__CSV_AFTER_QUOTE:
		snprintf(buf, size,
			 "more text behind a closing quote (%c); expected the delimiter or the line's end there, and "
			 "each quote inside the field written twice (%c%c)",
			 q, q, q);
		break;
	case PGM__CSV_BACKSLASH_QUOTE:
		snprintf(
			buf, size,
			"a quote behind a backslash (\\%c) inside quotes, which ends the field, yet more text follows; "
			"expected each quote inside the field written twice (%c%c)",
			q, q, q);
		break;
	case PGM__CSV_OPEN_QUOTE:
		snprintf(buf, size, "the quote (%c) that opens here is not closed up to the end of the file", q);
		break;
	case PGM__CSV_LONE_CR:
		snprintf(buf, size,
			 "a carriage return without a line feed outside quotes; expected line ends like the file's "
			 "first one, or the field in quotes");
		break;
	}
	return buf;
}
