/* Names in pg_hba.conf (PostgreSQL manual, section 21.1; next_token in the server's hba.c). */
#include "tools/server/hba_token.h"

#include "base/error.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

#define REGEX_SINCE 160000

bool pgm__hba_is_keyword(const char *token)
{
	static const char *const words[] = {"all", "sameuser", "samerole", "samegroup", "replication"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(token, words[i]) == 0)
			return true;
	return false;
}

bool pgm__hba_is_regex(const char *token, int server_version)
{
	return token[0] == '/' && (server_version == 0 || server_version >= REGEX_SINCE);
}

/* -------------------------------------------------------------------------------------- writing */

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool may_stand_bare(const char *name)
{
	if (!is_letter_or_digit(name[0]) || pgm__hba_is_keyword(name))
		return false;
	while (*name && (is_letter_or_digit(*name) || strchr(".$-", *name)))
		name++;
	return *name == '\0';
}

static void add_quoted(pgm__strbuf *out, const char *text)
{
	pgm__strbuf_puts(out, "\"");
	for (; *text; text++)
		pgm__strbuf_add(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
	pgm__strbuf_puts(out, "\"");
}

/* An expression that the name, and nothing else, matches. */
static void add_regex(pgm__strbuf *out, const char *name)
{
	pgm__strbuf regex = {0};

	pgm__strbuf_puts(&regex, "/^");
	for (; *name; name++) {
		if (strchr("\\^$.[]{}()|*+?", *name))
			pgm__strbuf_puts(&regex, "\\");
		pgm__strbuf_add(&regex, name, 1);
	}
	pgm__strbuf_puts(&regex, "$");
	if (regex.failed)
		out->failed = true;
	else
		add_quoted(out, regex.text);
	pgm__strbuf_free(&regex);
}

char *pgm_hba_quote(const char *name, int server_version, pgm_error *err)
{
	pgm__strbuf out = {0};
	char *text;

	pgm__error_clear(err);
	if (!name || strpbrk(name, "\r\n")) {
		pgm__fail(
			err, PGM_ERR_MISUSE,
			name ? "a rule of pg_hba.conf for \"%s\": a name with a line end in it cannot be written there"
			     : "a rule of pg_hba.conf needs a name",
			name);
		return NULL;
	}
	if (may_stand_bare(name))
		pgm__strbuf_puts(&out, name);
	else if (pgm__hba_is_regex(name, server_version))
		add_regex(&out, name);
	else
		add_quoted(&out, name);
	text = pgm__strbuf_take(&out);
	if (!text)
		pgm__fail_nomem(err, "writing a rule of pg_hba.conf");
	return text;
}

void pgm__hba_show_token(pgm__strbuf *out, const char *token)
{
	if (token[0] && !strpbrk(token, " \t,#\""))
		pgm__strbuf_puts(out, token);
	else
		add_quoted(out, token);
}

/* -------------------------------------------------------------------------------------- reading */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* A quote inside quotes stands for itself when it is doubled; a quote may also begin in mid-token. */
char *pgm_hba_unquote(const char **at, bool *quoted, pgm_error *err)
{
	const char *p = *at, *start;
	pgm__strbuf out = {0};
	bool inside = false, was_quote = false;
	char *text;

	pgm__error_clear(err);
	while (is_blank(*p) || *p == ',')
		p++;
	start = p;
	for (; *p && *p != '\n' && (inside || (!is_blank(*p) && *p != ',' && *p != '#')); p++) {
		if (*p != '"' || was_quote)
			pgm__strbuf_add(&out, p, 1);
		was_quote = inside && *p == '"' && !was_quote;
		inside ^= *p == '"';
	}
	*at = p;
	if (p == start)
		return NULL;
	*at += *p == ',';
	if (quoted)
		*quoted = *start == '"';
	text = pgm__strbuf_take(&out);
	if (!text)
		pgm__fail_nomem(err, "reading a rule of pg_hba.conf");
	return text;
}
