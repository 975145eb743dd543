#include "tools/codegen/literal.h"

/* Inside of a character: 10xxxxxx. */
static bool continues(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

/* The UTF-8 character at p and its length; length 0 if there is none (RFC 3629: no overlong form, no surrogate,
 * nothing above U+10FFFF). The NUL at the end continues nothing. */
static uint32_t decode(const unsigned char *p, size_t *len)
{
	static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t c = p[0];

	*len = c < 0x80 ? 1 : c >= 0xC0 && c < 0xE0 ? 2 : c >= 0xE0 && c < 0xF0 ? 3 : c >= 0xF0 && c < 0xF8 ? 4 : 0;
	if (*len > 1)
		c &= 0x7FU >> *len;
	for (size_t i = 1; i < *len; i++) {
		if (!continues(p[i])) {
			*len = 0;
			return 0;
		}
		c = c << 6 | (p[i] & 0x3F);
	}
	if (c < lowest[*len] || (c >= 0xD800 && c < 0xE000) || c > 0x10FFFF)
		*len = 0;
	return c;
}

/* Controls, separators of lines, marks of direction (https://trojansource.codes), what has no width. */
static bool is_hidden(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = {{0x00, 0x1F},	{0x7F, 0xA0},	  {0xAD, 0xAD},	      {0x061C, 0x061C}, {0x180E, 0x180E},
		      {0x200B, 0x200F}, {0x2028, 0x202F}, {0x2060, 0x206F},   {0xE000, 0xF8FF}, {0xFE00, 0xFE0F},
		      {0xFEFF, 0xFEFF}, {0xFFF0, 0xFFFF}, {0xE0000, 0x10FFFF}};

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (c >= hidden[i].first && c <= hidden[i].last)
			return true;
	return false;
}

/* Three octal digits: a digit that follows is not taken for a fourth. */
static void add_octal(pgm__strbuf *out, const unsigned char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		pgm__strbuf_printf(out, "\\%03o", p[i]);
}

void pgm__literal_c(pgm__strbuf *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len;

	for (; *p; p += len) {
		uint32_t c = decode(p, &len);
		bool shown = len > 0 && !is_hidden(c);

		len += len == 0;
		if (!shown)
			add_octal(out, p, len);
		else if (c == '"' || c == '\\' || c == '?') /* two ? and a third character may be a trigraph */
			pgm__strbuf_printf(out, "\\%c", (int)c);
		else
			pgm__strbuf_add(out, (const char *)p, len);
	}
}

void pgm__literal_python(pgm__strbuf *out, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t len;

	for (; *p; p += len) {
		uint32_t c = decode(p, &len);

		if (len == 0) { /* PEP 383: stands for a byte that is no text */
			pgm__strbuf_printf(out, "\\udc%02x", *p);
			len = 1;
		} else if (is_hidden(c)) {
			pgm__strbuf_printf(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
		} else if (c == '"' || c == '\\') {
			pgm__strbuf_printf(out, "\\%c", (int)c);
		} else {
			pgm__strbuf_add(out, (const char *)p, len);
		}
	}
}
