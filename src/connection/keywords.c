/* The public door to configurations: adds what only the linked libpq knows, its own connection keywords. */
#include "connection/keywords.h"

#include "config/config.h"
#include "pgmonkey.h"

#include <string.h>

static bool known(const char *keyword)
{
	PQconninfoOption *all = PQconndefaults();
	bool found = false;

	for (const PQconninfoOption *option = all; option && option->keyword && !found; option++)
		found = strcmp(option->keyword, keyword) == 0;
	PQconninfoFree(all);
	return found;
}

void pgm__keywords_each(pgm__keyword_fn fn, void *arg)
{
	PQconninfoOption *all = PQconndefaults();

	for (const PQconninfoOption *option = all; option && option->keyword; option++)
		fn(option->keyword, arg);
	PQconninfoFree(all);
}

static const pgm__keywords of_libpq = {.known = known};

pgm_config *pgm_config_load(const char *path, pgm_error *err)
{
	return pgm__config_load(path, &of_libpq, err);
}

pgm_config *pgm_config_parse(const char *yaml, size_t len, const char *name, pgm_error *err)
{
	return pgm__config_parse(yaml, len, name, &of_libpq, err);
}

pgm_config *pgm_config_new(void)
{
	return pgm__config_new(&of_libpq);
}
