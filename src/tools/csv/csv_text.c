#include "tools/csv/csv_text.h"

#include "tools/csv/word.h"

void pgm__csv_text_init(pgm__csv_text *text, char delimiter, char quote, const char *null_string, int columns)
{
	/* ProcessCopyOptions in the server's copy.c; N is part of \N, which stands for NULL. */
	bool usable = !strchr("\\.abcdefghijklmnopqrstuvwxyz0123456789N", delimiter);

	*text = (pgm__csv_text){.delimiter = delimiter,
				.quote = quote,
				.null_string = null_string,
				.null_len = strlen(null_string),
				.text_delimiter = usable ? delimiter : '\t',
				.after = null_string[0] ? null_string[0] : delimiter,
				.columns = columns};
}

/* ------------------------------------------------------------------------------------ looking */

/* Of the bytes of a word, those that are c. */
static uint64_t where(uint64_t word, char c)
{
	return pgm__word_equal(word, PGM__EACH_BYTE((unsigned char)c));
}

/*
 * From p on, the first backslash, quote, or delimiter whose field may be empty or NULL; else end. The row's line end
 * stands there, so that the byte behind each can be read.
 */
static const char *next_special(const pgm__csv_text *t, const char *p, const char *end)
{
	for (; end - p >= (ptrdiff_t)PGM__WORD; p += PGM__WORD) {
		uint64_t here = pgm__word_load(p);
		uint64_t marked = where(here, '\\') | where(here, t->quote) |
				  (where(here, t->delimiter) & where(pgm__word_load(p + 1), t->after));

		if (marked)
			return p + pgm__word_first(marked);
	}
	while (p < end && *p != '\\' && *p != t->quote && !(*p == t->delimiter && p[1] == t->after))
		p++;
	return p;
}

/* The first byte of a field that means anything: a backslash, a quote, either delimiter. */
static const char *next_mark(const pgm__csv_text *t, const char *p, const char *end)
{
	for (; end - p >= (ptrdiff_t)PGM__WORD; p += PGM__WORD) {
		uint64_t here = pgm__word_load(p);
		uint64_t marked = where(here, '\\') | where(here, t->quote) | where(here, t->delimiter) |
				  where(here, t->text_delimiter);

		if (marked)
			return p + pgm__word_first(marked);
	}
	while (p < end && *p != '\\' && *p != t->quote && *p != t->delimiter && *p != t->text_delimiter)
		p++;
	return p;
}

/* ------------------------------------------------------------------------------------- fields */

/* What a backslash and this byte stand for (CopyAttributeOutText in the server's copyto.c). */
static char unescaped(char c)
{
	switch (c) {
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'v':
		return '\v';
	default:
		return c;
	}
}

static bool is_text(const char *p, const char *end, const char *text, size_t len)
{
	return (size_t)(end - p) == len && memcmp(p, text, len) == 0;
}

/* Would the value be taken for NULL if it had no quotes? */
static bool looks_null(const pgm__csv_text *t, const char *p, const char *end)
{
	for (size_t i = 0; i < t->null_len; i++, p++) {
		if (p == end)
			return false;
		if ((*p == '\\' ? unescaped(*++p) : *p) != t->null_string[i])
			return false;
	}
	return p == end;
}

/* Where the field ends that begins at p. *quoted: one of its bytes asks for quotes. */
static const char *field_end(const pgm__csv_text *t, const char *p, const char *end, bool *quoted)
{
	*quoted = false;
	while ((p = next_mark(t, p, end)) < end && *p != t->text_delimiter) {
		char c = *p == '\\' ? unescaped(*++p) : *p;

		*quoted = *quoted || c == t->quote || c == t->delimiter || c == '\n' || c == '\r';
		p++;
	}
	return p;
}

/* The value without escapes; in quotes, quotes are doubled. */
static void put_value(const pgm__csv_text *t, const char *p, const char *end, pgm__csv_out *out)
{
	while (p < end) {
		const char *mark = next_mark(t, p, end);
		char c;

		pgm__csv_put(out, p, (size_t)(mark - p));
		if (mark == end)
			break;
		c = *mark == '\\' ? unescaped(*++mark) : *mark;
		if (c == t->quote)
			pgm__csv_put_byte(out, c);
		pgm__csv_put_byte(out, c);
		p = mark + 1;
	}
}

/* Returns where the field ends: its delimiter, or the row's end. */
static const char *put_field(const pgm__csv_text *t, const char *p, const char *end, pgm__csv_out *out)
{
	bool quoted;
	const char *stop = field_end(t, p, end, &quoted);

	if (is_text(p, stop, "\\N", 2)) {
		pgm__csv_put(out, t->null_string, t->null_len);
		return stop;
	}
	/* Alone on a line, \. has ended the data for servers up to 17, and nothing is a blank line. */
	quoted = quoted || looks_null(t, p, stop) || (t->columns == 1 && (p == stop || is_text(p, stop, "\\\\.", 3)));
	if (quoted)
		pgm__csv_put_byte(out, t->quote);
	put_value(t, p, stop, out);
	if (quoted)
		pgm__csv_put_byte(out, t->quote);
	return stop;
}

/* --------------------------------------------------------------------------------------- rows */

/* Another delimiter than text's: each field by itself. */
static void put_each_field(const pgm__csv_text *t, const char *p, const char *end, pgm__csv_out *out)
{
	while ((p = put_field(t, p, end, out)) < end) {
		pgm__csv_put_byte(out, t->delimiter);
		p++;
	}
}

/* The field in which a special byte was found; what lies between from and there is plain. */
static const char *field_begin(const pgm__csv_text *t, const char *from, const char *special)
{
	if (*special == t->delimiter)
		return special + 1;
	while (special > from && special[-1] != t->delimiter)
		special--;
	return special;
}

/* The same delimiter: what lies between special fields is taken as it is. */
static void put_special_fields(const pgm__csv_text *t, const char *p, const char *end, pgm__csv_out *out)
{
	const char *special;

	if (p == end || *p == t->after)
		p = put_field(t, p, end, out);
	while ((special = next_special(t, p, end)) < end) {
		const char *field = field_begin(t, p, special);

		pgm__csv_put(out, p, (size_t)(field - p));
		p = put_field(t, field, end, out);
	}
	pgm__csv_put(out, p, (size_t)(end - p));
	/* The last field is empty: the delimiter before it is followed by the line end. */
	if (p < end && end[-1] == t->delimiter && t->null_len == 0) {
		pgm__csv_put_byte(out, t->quote);
		pgm__csv_put_byte(out, t->quote);
	}
}

void pgm__csv_text_row(const pgm__csv_text *t, const char *row, size_t len, pgm__csv_out *out)
{
	const char *end = row + len - 1;

	/* A table can be without columns. */
	if (t->columns > 0 && t->text_delimiter == t->delimiter)
		put_special_fields(t, row, end, out);
	else if (t->columns > 0)
		put_each_field(t, row, end, out);
	pgm__csv_put_byte(out, '\n');
}

/* ------------------------------------------------------------------------------------- header */

/* A text as it is, without escapes. */
static void put_name(const pgm__csv_text *t, const char *name, pgm__csv_out *out)
{
	const char wants_quotes[] = {t->delimiter, t->quote, '\n', '\r', '\0'};
	bool quoted = name[strcspn(name, wants_quotes)] || strcmp(name, t->null_string) == 0 ||
		      (t->columns == 1 && strcmp(name, "\\.") == 0);

	if (quoted)
		pgm__csv_put_byte(out, t->quote);
	for (; *name; name++) {
		if (*name == t->quote)
			pgm__csv_put_byte(out, t->quote);
		pgm__csv_put_byte(out, *name);
	}
	if (quoted)
		pgm__csv_put_byte(out, t->quote);
}

void pgm__csv_text_header(const pgm__csv_text *t, const char *const *names, int columns, pgm__csv_out *out)
{
	for (int i = 0; i < columns; i++) {
		if (i > 0)
			pgm__csv_put_byte(out, t->delimiter);
		put_name(t, names[i], out);
	}
	pgm__csv_put_byte(out, '\n');
}
