#include "base/mask.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define WORD_ENDS " \t\"'`"

static void cover(char *text, size_t len)
{
	memset(text, '*', len);
}

/* The last @ among the first len, or len. */
static size_t last_at(const char *text, size_t len)
{
	size_t end = len;

	while (end > 0 && text[end - 1] != '@')
		end--;
	return end > 0 ? end - 1 : len;
}

/* "5432" or "5432/db": a port rather than a password whose end was cut off. */
static bool is_port(const char *text, size_t len)
{
	size_t digits = strspn(text, "0123456789");

	return digits > 0 && digits <= 5 && (digits >= len || text[digits] == '/');
}

/* after: what follows "://". A password may hold anything: it ends at the last @ there is. */
static void mask_uri(char *after)
{
	char *password = after + strcspn(after, ":/@" WORD_ENDS);
	size_t word, rest, at;

	if (*password++ != ':')
		return;
	word = strcspn(password, WORD_ENDS);
	if (last_at(password, word) == word && is_port(password, word))
		return;
	rest = strlen(password);
	at = last_at(password, rest);
	cover(password, at < rest ? at : word);
}

/* after: what follows the colon of "user:password@host". */
static void mask_login(char *after)
{
	size_t word = strcspn(after, WORD_ENDS), at = last_at(after, word);

	if (at < word)
		cover(after, at);
}

/* As in a connection string, where a backslash takes the next character as it is (libpq manual, 34.1.1.1). */
static void mask_value(char *value)
{
	char quote = *value == '\'' || *value == '"' ? *value : '\0';

	if (!quote) {
		cover(value, strcspn(value, WORD_ENDS "&"));
		return;
	}
	for (value++; *value && *value != quote; value++) {
		if (*value == '\\' && value[1])
			*value++ = '*';
		*value = '*';
	}
}

/* The length of "password = " and its like at p, 0 if there is none. "password: expected ..." is a setting's
 * name and no value. */
static size_t password_is(const char *p)
{
	static const char *const words[] = {"password", "passwd", "pwd"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i]), blanks;

		if (strncasecmp(p, words[i], len) != 0)
			continue;
		blanks = strspn(p + len, " \t");
		if (p[len + blanks] == '=')
			return len + blanks + 1 + strspn(p + len + blanks + 1, " \t");
		if (p[len] == ':' && p[len + 1] && !isspace((unsigned char)p[len + 1]))
			return len + 1;
	}
	return 0;
}

void pgm__mask(char *text)
{
	for (char *p = text; *p; p++) {
		size_t len = password_is(p);

		if (strncmp(p, "://", 3) == 0)
			mask_uri(p + 3);
		else if (len > 0)
			mask_value(p + len);
		else if (*p == ':' && p > text && isalnum((unsigned char)p[-1]))
			mask_login(p + 1);
	}
}
