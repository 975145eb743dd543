/*
 * What libpq will really connect to, once service file, environment and defaults have had their say.
 */
#ifndef PGM_CONNECTION_ENDPOINT_H
#define PGM_CONNECTION_ENDPOINT_H

#include "config/settings.h"

typedef struct pgm__endpoint {
	char *host; /* "" for libpq's default socket directory */
	char *hostaddr;
	char *port;
	pgm__time connect_timeout; /* nanoseconds; never 0 */
} pgm__endpoint;

/* Owner: the caller, pgm__endpoint_free. Errors: _CONFIG (several hosts, target_session_attrs,
 * load_balance_hosts: one endpoint per handle), _NOMEM. Connects to nothing. */
bool pgm__endpoint_find(const pgm__settings *settings, pgm__endpoint *out, pgm_error *err);
void pgm__endpoint_free(pgm__endpoint *endpoint);

/* PQconnectStartParams with the settings' keywords and one more, which counts before them. keyword NULL: none.
 * NULL if memory is out. */
PGconn *pgm__libpq_start(const pgm__settings *settings, const char *keyword, const char *value);

#endif
