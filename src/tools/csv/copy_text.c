#include "tools/csv/copy_text.h"

#include "tools/csv/word.h"

void pgm__copy_text_init(pgm__copy_text *text, char csv_delimiter)
{
	/* What DELIMITER refuses in text format; N is part of \N, which stands for NULL. */
	static const char refused[] = "\\.abcdefghijklmnopqrstuvwxyz0123456789N";

	text->delimiter = strchr(refused, csv_delimiter) ? '\t' : csv_delimiter;
	text->len = 0;
}

static inline uint64_t find_marks(uint64_t word, char delimiter, bool plain)
{
	uint64_t marks = pgm__word_equal(word, PGM__EACH_BYTE('\\'));

	if (!plain)
		marks |= pgm__word_equal(word, PGM__EACH_BYTE('\n')) | pgm__word_equal(word, PGM__EACH_BYTE('\r')) |
			 pgm__word_equal(word, PGM__EACH_BYTE((unsigned char)delimiter));
	return marks;
}

/* A line end inside a row would be its end, also behind a backslash. */
static char escaped(char c)
{
	return c == '\n' ? 'n' : c == '\r' ? 'r' : c;
}

/* Whole words are copied, of which only the part before a mark or the end counts. */
static inline char *copy(char *to, const char *from, size_t len, char delimiter, bool plain)
{
	while (len > 0) {
		uint64_t marks = find_marks(pgm__word_load(from), delimiter, plain);
		size_t n = len < PGM__WORD ? len : PGM__WORD, before = marks ? pgm__word_first(marks) : PGM__WORD;

		memcpy(to, from, PGM__WORD);
		if (before >= n) {
			to += n;
			from += n;
			len -= n;
			continue;
		}
		to[before] = '\\';
		to[before + 1] = escaped(from[before]);
		to += before + 2;
		from += before + 1;
		len -= before + 1;
	}
	return to;
}

void pgm__copy_text_add(pgm__copy_text *text, const char *bytes, size_t len, bool plain)
{
	char *to = text->bytes + text->len;

	to = plain ? copy(to, bytes, len, text->delimiter, true) : copy(to, bytes, len, text->delimiter, false);
	text->len = (size_t)(to - text->bytes);
}

void pgm__copy_text_null(pgm__copy_text *text)
{
	memcpy(text->bytes + text->len, "\\N", 2);
	text->len += 2;
}
