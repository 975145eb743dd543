#include "base/line.h"

#include <stdbool.h>
#include <string.h>

#define CUT_MARK "..."

typedef struct line {
	char *to;
	size_t size, len;
	bool cut;
} line;

static void put(line *out, char c)
{
	if (out->len + 1 < out->size)
		out->to[out->len++] = c;
	else
		out->cut = true;
}

/* Of the UTF-8 character there; 1 for a byte that is none. */
static size_t length_of(const unsigned char *p)
{
	size_t len = *p < 0xC2 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : *p < 0xF5 ? 4 : 1;

	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 1;
	return len;
}

/* C0, DEL, C1 (U+0080 to U+009F, which some terminals take in one byte, too), and what turns the direction of reading
 * (U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069). */
static bool is_control(const unsigned char *p, size_t len)
{
	if (len == 1)
		return *p < 0x20 || (*p >= 0x7F && *p < 0xA0);
	if (len == 2)
		return p[0] == 0xC2 && p[1] < 0xA0;
	return p[0] == 0xE2 && ((p[1] == 0x80 && (p[2] == 0x8E || p[2] == 0x8F || (p[2] >= 0xA8 && p[2] <= 0xAE))) ||
				(p[1] == 0x81 && p[2] >= 0xA6 && p[2] <= 0xA9));
}

/* Returns how many bytes of the source that was. */
static size_t put_character(line *out, const char *text)
{
	size_t len = length_of((const unsigned char *)text);
	bool control = is_control((const unsigned char *)text, len);

	for (size_t i = 0; i < (control ? 1 : len); i++)
		put(out, control ? '?' : text[i]);
	return len;
}

/* A line end in the source: a separator, unless the text so far ends in punctuation of its own. */
static void put_break(line *out)
{
	while (out->len && out->to[out->len - 1] == ' ')
		out->len--;
	if (out->len && !strchr(":;,", out->to[out->len - 1]))
		put(out, ';');
	if (out->len)
		put(out, ' ');
}

/* Writes the mark over the end, without leaving a part of a UTF-8 character before it. */
static void mark_cut(line *out)
{
	size_t at;

	if (!out->cut || out->size < sizeof(CUT_MARK))
		return;
	at = out->size - sizeof(CUT_MARK);
	while (at && ((unsigned char)out->to[at] & 0xC0) == 0x80)
		at--;
	memcpy(out->to + at, CUT_MARK, sizeof(CUT_MARK) - 1);
	out->len = at + sizeof(CUT_MARK) - 1;
}

void pgm__line_copy(char *to, size_t size, const char *text)
{
	line out = {to, size, 0, false};

	while (*text && !out.cut) {
		size_t blanks = strspn(text, " \t\r\n");
		bool ends_line = memchr(text, '\n', blanks) || memchr(text, '\r', blanks);

		if (!blanks) {
			text += put_character(&out, text);
			continue;
		}
		if (text[blanks] && ends_line)
			put_break(&out);
		else if (!ends_line)
			put(&out, ' ');
		/* One blank at a time keeps the spacing inside a line as it was. */
		text += ends_line ? blanks : 1;
	}
	mark_cut(&out);
	out.to[out.len] = '\0';
}

int pgm__line_length(const char *text)
{
	size_t len = text ? strlen(text) : 0;

	while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	return (int)len;
}
