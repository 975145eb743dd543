#include "tools/server/hide.h"

#include <string.h>
#include <strings.h>

bool pgm__is_secret_name(const char *name)
{
	static const char *const parts[] = {"passw", "pwd", "secret", "token", "key"};
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++)
			if (strncasecmp(name + i, parts[k], strlen(parts[k])) == 0)
				return true;
	return false;
}

const char *pgm__hide_option(pgm__arena *arena, const char *option)
{
	size_t len = strcspn(option, "=");
	const char *name = pgm__arena_printf(arena, "%.*s", (int)len, option);

	return option[len] == '=' && pgm__is_secret_name(name) ? pgm__arena_printf(arena, "%s=****", name) : option;
}

/* These quote what has a meaning of its own (an address, a file), or what the line begins with. */
static bool quotes_no_secret(const char *error)
{
	static const char *const known[] = {
		"invalid connection type",
		"invalid authentication method",
		"invalid IP ",
		"invalid CIDR ",
		"could not open ",
		"hostssl record cannot match",
		"hostgssenc record cannot match",
		"local connections are not supported",
		"clientcert ",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(error, known[i], strlen(known[i])) == 0)
			return true;
	return false;
}

/* All others may repeat a word of the line: in quotes, or after a colon. */
const char *pgm__hide_error(pgm__arena *arena, const char *error)
{
	const char *quote = error ? strchr(error, '"') : NULL, *last, *colon;

	if (!error || (quotes_no_secret(error) && !strchr(error, '=')))
		return pgm__arena_copy(arena, error);
	last = quote ? strrchr(error, '"') : NULL;
	colon = strchr(error, ':');
	if (colon && (!quote || colon < quote))
		return pgm__arena_printf(arena, "%.*s: ****", (int)(colon - error), error);
	if (quote)
		return pgm__arena_printf(arena, "%.*s\"****\"%s", (int)(quote - error), error,
					 last == quote || strchr(last, ':') ? "" : last + 1);
	return pgm__arena_copy(arena, error);
}
