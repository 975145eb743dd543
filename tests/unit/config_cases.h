/* Configurations from text, and what is said about them. */
#ifndef PGM_TESTS_CONFIG_CASES_H
#define PGM_TESTS_CONFIG_CASES_H

#include "config/config.h"
#include "config/settings.h"
#include "unit/captured_log.h"
#include "unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define PASSWORD "hunter2"

/* A part of what libpq knows beyond the settings table. */
static inline bool libpq_known(const char *keyword)
{
	static const char *const known[] = {
		"host", "hostaddr", "options", "service", "sslsni", "target_session_attrs", "gssencmode"};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i], keyword) == 0)
			return true;
	return false;
}

static const pgm__keywords libpq_keywords = {libpq_known};

static inline pgm_config *parse_bytes(const char *yaml, size_t len, pgm_error *err)
{
	start_capture();
	return pgm__config_parse(yaml, len, "db.yaml", &libpq_keywords, err);
}

/* The configuration of a text that is right. Owner: the caller. */
static inline pgm_config *parse(const char *yaml)
{
	pgm_error err;
	pgm_config *config = parse_bytes(yaml, strlen(yaml), &err);

	if (!config)
		print_error("%s\n", err.message);
	assert_non_null(config);
	assert_int_equal(err.code, PGM_OK);
	assert_string_equal(err.message, "");
	return config;
}

/* The text is refused, with this message. */
static inline void assert_refused_bytes(const char *yaml, size_t len, const char *message)
{
	pgm_error err;

	assert_null(parse_bytes(yaml, len, &err));
	assert_string_equal(err.message, message);
	assert_int_equal(err.code, PGM_ERR_CONFIG);
	assert_null(strstr(err.message, PASSWORD));
	assert_null(strstr(captured.all, PASSWORD));
}

static inline void assert_refused(const char *yaml, const char *message)
{
	assert_refused_bytes(yaml, strlen(yaml), message);
}

/* The text is taken, with these lines in the log ("": none). */
static inline void assert_taken(const char *yaml, const char *log)
{
	pgm_config *config = parse(yaml);

	assert_string_equal(captured.all, log);
	assert_null(strstr(captured.all, PASSWORD));
	pgm_config_free(config);
}

static inline void assert_value(const char *yaml, const char *section, const char *key, const char *value)
{
	pgm_config *config = parse(yaml);
	const char *found = pgm_config_get(config, section, key);

	assert_string_equal(captured.all, "");
	if (value) {
		assert_non_null(found);
		assert_string_equal(found, value);
	} else {
		assert_null(found);
	}
	pgm_config_free(config);
}

#endif
