#include "cli/json.h"

#include "base/mask.h"

#include <stdlib.h>
#include <string.h>

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* The length of the UTF-8 character at p, or 0 if there is none (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). The NUL at the end is no continuation byte. */
static size_t utf8_length(const unsigned char *p)
{
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;

	for (size_t i = 1; i < len; i++)
		if ((p[i] & 0xC0) != 0x80)
			return 0;
	if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
	    (p[0] == 0xF4 && p[1] > 0x8F))
		return 0;
	return len;
}

static void add_character(pgm__strbuf *out, const char *p, size_t len)
{
	static const char plain[] = "\b\f\n\r\t\"\\", letter[] = "bfnrt\"\\";
	const char *special = strchr(plain, *p);

	if (len == 0)
		pgm__strbuf_puts(out, REPLACEMENT);
	else if (special)
		pgm__strbuf_printf(out, "\\%c", letter[special - plain]);
	else if ((unsigned char)*p < 0x20 || *p == 0x7f)
		pgm__strbuf_printf(out, "\\u%04x", (unsigned)*p);
	else
		pgm__strbuf_add(out, p, len);
}

static void add_string(pgm__strbuf *out, const char *text)
{
	pgm__strbuf_puts(out, "\"");
	while (*text) {
		size_t len = utf8_length((const unsigned char *)text);

		add_character(out, text, len);
		text += len ? len : 1;
	}
	pgm__strbuf_puts(out, "\"");
}

static void begin_line(cli_json *j)
{
	pgm__strbuf_puts(&j->out, "\n");
	for (int i = 0; i < j->depth; i++)
		pgm__strbuf_puts(&j->out, "  ");
}

/* What stands before every value. */
static void begin(cli_json *j, const char *key)
{
	if (j->comma)
		pgm__strbuf_puts(&j->out, j->lines ? "," : ", ");
	if (j->lines && j->depth > 0)
		begin_line(j);
	j->comma = true;
	if (key) {
		add_string(&j->out, key);
		pgm__strbuf_puts(&j->out, ": ");
	}
}

void cli_json_open(cli_json *j, const char *key, char bracket)
{
	begin(j, key);
	pgm__strbuf_add(&j->out, &bracket, 1);
	j->comma = false;
	j->depth++;
}

void cli_json_close(cli_json *j, char bracket)
{
	j->depth--;
	if (j->lines)
		begin_line(j);
	pgm__strbuf_add(&j->out, &bracket, 1);
	j->comma = true;
}

void cli_json_text(cli_json *j, const char *key, const char *text)
{
	char *masked = text ? strdup(text) : NULL;

	begin(j, key);
	if (masked) {
		pgm__mask(masked);
		add_string(&j->out, masked);
	} else {
		pgm__strbuf_puts(&j->out, "null");
		j->out.failed = j->out.failed || text;
	}
	free(masked);
}

void cli_json_number(cli_json *j, const char *key, int64_t number)
{
	begin(j, key);
	pgm__strbuf_printf(&j->out, "%lld", (long long)number);
}

void cli_json_bool(cli_json *j, const char *key, bool value)
{
	begin(j, key);
	pgm__strbuf_puts(&j->out, value ? "true" : "false");
}

void cli_json_null(cli_json *j, const char *key)
{
	cli_json_text(j, key, NULL);
}

void cli_json_ms(cli_json *j, const char *key, int64_t ns)
{
	begin(j, key);
	pgm__strbuf_printf(&j->out, "%lld.%03lld", (long long)(ns / 1000000), (long long)(ns / 1000 % 1000));
}
