#include "tools/csv/detect.h"

#include "tools/csv/decoder.h"
#include "tools/csv/splitter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uchardet.h>

/* ------------------------------------------------------------------------------------- encoding */

static const char *by_mark(const char *bytes, size_t len)
{
	static const struct {
		const char *mark;
		size_t len;
		const char *encoding;
	} marks[] = {{"\xEF\xBB\xBF", 3, "UTF-8"},
		     {"\xFF\xFE\0\0", 4, "UTF-32LE"}, /* before UTF-16LE, whose mark it begins with */
		     {"\0\0\xFE\xFF", 4, "UTF-32BE"},
		     {"\xFF\xFE", 2, "UTF-16LE"},
		     {"\xFE\xFF", 2, "UTF-16BE"}};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (len >= marks[i].len && memcmp(bytes, marks[i].mark, marks[i].len) == 0)
			return marks[i].encoding;
	return NULL;
}

static bool is_utf8(const char *bytes, size_t len, bool whole)
{
	pgm__utf8 state = {0};

	return pgm__utf8_check(&state, bytes, len) == len && (!whole || !state.need);
}

/* Commas, quotes and line ends, of which every CSV file is full, have a zero byte behind them (little end first) or
 * before them. A NUL byte in a text that is none of this kind has no such company. */
static const char *by_zeros(const char *bytes, size_t len)
{
	size_t alone = 0, before = 0, behind = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		for (size_t half = 0; half < 2; half++) {
			if (!bytes[i + half] || !strchr(",;\t|\"\r\n", bytes[i + half]))
				continue;
			alone += bytes[i + !half] != 0;
			before += half == 1 && !bytes[i];
			behind += half == 0 && !bytes[i + 1];
		}
	if (behind > alone + before)
		return "UTF-16LE";
	return before > alone + behind ? "UTF-16BE" : NULL;
}

static void guess(const char *bytes, size_t len, char *encoding, size_t size)
{
	uchardet_t detector = uchardet_new();
	pgm__csv_decoder decoder = {0};

	snprintf(encoding, size, "%s", "WINDOWS-1252");
	if (!detector)
		return;
	if (uchardet_handle_data(detector, bytes, len) == 0) {
		uchardet_data_end(detector);
		if (pgm__csv_decoder_open(&decoder, uchardet_get_charset(detector), NULL))
			snprintf(encoding, size, "%s", uchardet_get_charset(detector));
		pgm__csv_decoder_close(&decoder);
	}
	uchardet_delete(detector);
}

bool pgm__csv_detect_encoding(const char *bytes, size_t len, bool whole, char *encoding, size_t size)
{
	const char *found = by_mark(bytes, len);

	if (!found && len && memchr(bytes, '\0', len))
		found = by_zeros(bytes, len);
	if (!found && is_utf8(bytes, len, whole))
		found = "UTF-8";
	if (found)
		snprintf(encoding, size, "%s", found);
	else
		guess(bytes, len, encoding, size);
	return !found;
}

/* --------------------------------------------------------------------------------------- format */

#define RECORDS_SEEN 1000

typedef struct score {
	bool faulty;
	size_t columns; /* of the first record */
	size_t records; /* whole ones */
	size_t regular; /* of these, with as many columns */
	size_t nquoted; /* fields */
} score;

static void count(score *s, const pgm__csv_piece *pieces, size_t n, size_t *fields)
{
	for (size_t i = 0; i < n; i++) {
		if (!(pieces[i].flags & PGM__CSV_FIELD_END))
			continue;
		++*fields;
		s->nquoted += (pieces[i].flags & PGM__CSV_QUOTED) != 0;
		if (!(pieces[i].flags & PGM__CSV_RECORD_END))
			continue;
		if (s->records++ == 0)
			s->columns = *fields;
		s->regular += *fields == s->columns;
		*fields = 0;
	}
}

static score try(const char *text, size_t len, char delimiter, char quote)
{
	pgm__csv_splitter splitter;
	pgm__csv_piece pieces[256];
	score s = {0};
	size_t fields = 0, n;

	pgm__csv_splitter_init(&splitter, delimiter, quote);
	pgm__csv_splitter_give(&splitter, text, len);
	while (s.records < RECORDS_SEEN && (n = pgm__csv_splitter_next(&splitter, pieces, 256)) > 0)
		count(&s, pieces, n, &fields);
	/* A text without a line end is one record. */
	if (s.records == 0)
		s.columns = fields + 1;
	s.faulty = splitter.fault != PGM__CSV_FINE;
	return s;
}

static bool is_better(const score *a, const score *b)
{
	if ((a->columns > 1) != (b->columns > 1))
		return a->columns > 1;
	if (a->faulty != b->faulty)
		return b->faulty;
	/* The share of regular records, without dividing by none. */
	if (a->regular * b->records != b->regular * a->records)
		return a->regular * b->records > b->regular * a->records;
	return a->columns > b->columns;
}

static score best_delimiter(const char *text, size_t len, char quote, char *delimiter)
{
	static const char others[] = ";\t|";
	score best = try(text, len, ',', quote);

	*delimiter = ',';
	for (const char *other = others; *other; other++) {
		score s = try(text, len, *other, quote);

		if (is_better(&s, &best)) {
			best = s;
			*delimiter = *other;
		}
	}
	return best;
}

void pgm__csv_detect_format(const char *text, size_t len, char *delimiter, char *quote)
{
	char other_delimiter;
	score usual = best_delimiter(text, len, '"', delimiter), other;

	*quote = '"';
	if (usual.nquoted || !memchr(text, '\'', len))
		return;
	other = best_delimiter(text, len, '\'', &other_delimiter);
	/* One apostrophe at the start of a word is no quote; two fields that end with one as well hardly are anything else. */
	if (other.faulty || other.nquoted < 2 || is_better(&usual, &other))
		return;
	*delimiter = other_delimiter;
	*quote = '\'';
}
