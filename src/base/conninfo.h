/* What libpq makes of a configuration, the environment, a service file and its own defaults: PQconninfo's list. */
#ifndef PGM_BASE_CONNINFO_H
#define PGM_BASE_CONNINFO_H

#include "base/error.h"

/* "" where it has no value. Owner: the list. */
const char *pgm__conninfo_value(const PQconninfoOption *options, const char *keyword);

/* One host and one port, and nothing that chooses among several: the file is checked when it is loaded, but libpq merges
 * what else there is. name: what the message begins with. Errors: _CONFIG. */
bool pgm__conninfo_check_single(const PQconninfoOption *options, const char *name, pgm_error *err);

#endif
