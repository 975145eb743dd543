/*
 * The settings that count for one connection type: what the drivers work from. Made once from a
 * pgm_config, with every default filled in and every value typed.
 */
#ifndef PGM_CONFIG_SETTINGS_H
#define PGM_CONFIG_SETTINGS_H

#include "base/clock.h"
#include "pgmonkey.h"

/* One session setting (GUC), with the place it was written: "db.yaml:12:3", or "session setting" if built in code. */
typedef struct pgm__guc {
	char *name, *value, *where;
} pgm__guc;

typedef struct pgm__settings {
	pgm_type type; /* never PGM_FROM_CONFIG */
	char *origin;  /* the file's name, or a stand-in */

	/* For PQconnectStartParams: NULL-terminated, only what was given. */
	char **keywords, **values;
	size_t nkeywords;

	pgm__guc *gucs;
	size_t ngucs;

	bool autocommit;

	/* The pool section of this type. For normal and async min_size = max_size = 1, no ageing. */
	int min_size, max_size, max_waiting, num_workers;
	bool check_on_checkout;
	pgm__time timeout, max_idle, max_lifetime, reconnect_timeout; /* nanoseconds; the last three: 0 = no limit */

	/* The whole of the above as text, in a fixed order: equal text, equal settings. May hold a password. */
	char *key;
	size_t key_len;
} pgm__settings;

/* Owner: the caller, pgm__settings_free. NULL on failure: _CONFIG (min_size above max_size and the
 * like, where only the whole can tell), _NOMEM. */
pgm__settings *pgm__settings_make(const pgm_config *config, pgm_type type, pgm_error *err);
void pgm__settings_free(pgm__settings *settings);

/* The name as the YAML file writes it: "normal", "pool", "async", "async_pool". */
const char *pgm__type_name(pgm_type type);

#endif
