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

static bool is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
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

		if (!blanks)
			put(&out, is_control(*text) ? '?' : *text);
		else if (text[blanks] && ends_line)
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
