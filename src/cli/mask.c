#include "cli/mask.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define PASSWORD_IS "password="

static void cover(char *text, size_t len)
{
	memset(text, '*', len);
}

/* "5432" or "5432/db": a port rather than a password whose end was cut off. */
static bool is_port(const char *text, size_t len)
{
	size_t digits = strspn(text, "0123456789");

	return digits <= 5 && (digits >= len || text[digits] == '/');
}

/* after: what follows "://". A password may hold any letter but those that end the whole. */
static void mask_uri(char *after)
{
	size_t len = strcspn(after, " \t\"'`"), colon = strcspn(after, ":/@ \t\"'`"), end = len;

	if (colon >= len || after[colon] != ':')
		return;
	while (end > colon && after[end] != '@')
		end--;
	if (end > colon)
		cover(after + colon + 1, end - colon - 1);
	else if (!is_port(after + colon + 1, len - colon - 1))
		cover(after + colon + 1, len - colon - 1);
}

static void mask_value(char *value)
{
	char quote = value[0] == '\'' ? '\'' : '\0';
	char *start = quote ? value + 1 : value;

	cover(start, quote ? strcspn(start, "'") : strcspn(start, " \t\"'&"));
}

void cli_mask(char *text)
{
	for (char *p = text; *p; p++) {
		if (strncmp(p, "://", 3) == 0)
			mask_uri(p + 3);
		else if (strncasecmp(p, PASSWORD_IS, strlen(PASSWORD_IS)) == 0)
			mask_value(p + strlen(PASSWORD_IS));
	}
}
