/*
 * The loader's word on many configurations: texts from standard input, each ended by a NUL byte; one line for each, "1" if
 * it is taken without a warning of an unknown key, else "0". For schema.py, which would wait long for as many programs.
 */
#include "pgmonkey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool warned;

static void on_log(pgm_log_level level, const char *message, void *arg)
{
	(void)level;
	(void)arg;
	warned = warned || strstr(message, ": unknown key ");
}

static bool is_taken(const char *text, size_t len)
{
	pgm_config *config;

	warned = false;
	config = pgm_config_parse(text, len, "judged", NULL);
	pgm_config_free(config);
	return config && !warned;
}

int main(void)
{
	char *text = NULL;
	size_t size = 0;
	ssize_t len;

	pgm_set_log(PGM_LOG_WARNING, on_log, NULL);
	while ((len = getdelim(&text, &size, '\0', stdin)) > 0 && text[len - 1] == '\0')
		puts(is_taken(text, (size_t)len - 1) ? "1" : "0");
	free(text);
	return len > 0 ? EXIT_FAILURE : EXIT_SUCCESS; /* half a text */
}
