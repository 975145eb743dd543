/*
 * A configuration in memory: sections of keys with text values, each with its place in the file.
 * This layer knows no libpq. Whether a keyword that the settings table does not list is one of libpq's
 * is asked through a function that the connection layer passes in (src/connection/keywords.c, where the
 * public pgm_config_load, _parse and _new live).
 */
#ifndef PGM_CONFIG_CONFIG_H
#define PGM_CONFIG_CONFIG_H

#include "pgmonkey.h"

/* True if the linked libpq has this connection keyword. */
typedef struct pgm__keywords {
	bool (*known)(const char *keyword);
} pgm__keywords;

pgm_config *pgm__config_load(const char *path, const pgm__keywords *keywords, pgm_error *err);
pgm_config *pgm__config_parse(const char *yaml, size_t len, const char *name, const pgm__keywords *keywords,
			      pgm_error *err);
pgm_config *pgm__config_new(const pgm__keywords *keywords);

#endif
