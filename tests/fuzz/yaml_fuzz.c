/*
 * The YAML loader against whatever bytes: it answers with a configuration or with an error that names the place,
 * and what it accepts makes settings of every type, or an error.
 */
#include "config/config.h"
#include "config/settings.h"

#include <stdlib.h>
#include <string.h>

#define NAME "fuzz.yaml"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool knows_some(const char *keyword)
{
	return strcmp(keyword, "options") == 0 || strcmp(keyword, "service") == 0;
}

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* One line that begins with the file's name. */
static void check_error(const pgm_error *err)
{
	must(err->code == PGM_ERR_CONFIG || err->code == PGM_ERR_NOMEM);
	must(err->message[0] != '\0' && !strpbrk(err->message, "\r\n"));
	must(err->code == PGM_ERR_NOMEM || strncmp(err->message, NAME ":", strlen(NAME) + 1) == 0);
}

static void make_settings(const pgm_config *config)
{
	for (int type = PGM_FROM_CONFIG; type <= PGM_ASYNC_POOL; type++) {
		pgm_error err;
		pgm__settings *settings = pgm__settings_make(config, (pgm_type)type, &err);

		if (!settings)
			check_error(&err);
		else
			must(settings->min_size <= settings->max_size && settings->max_size >= 1);
		pgm__settings_free(settings);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const pgm__keywords keywords = {knows_some};
	pgm_config *config;
	pgm_error err;

	pgm_set_log(PGM_LOG_NONE, NULL, NULL);
	config = pgm__config_parse((const char *)data, size, NAME, &keywords, &err);
	if (config)
		make_settings(config);
	else
		check_error(&err);
	pgm_config_free(config);
	return 0;
}
