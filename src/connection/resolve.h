/*
 * From a host name to its addresses. getaddrinfo blocks, for many seconds where a name server is down, and knows
 * no limit of time: so it runs in a thread of its own, which may be left behind.
 */
#ifndef PGM_CONNECTION_RESOLVE_H
#define PGM_CONNECTION_RESOLVE_H

#include "base/error.h"

#include <stddef.h>

typedef struct pgm__addresses {
	char **text; /* numeric, as hostaddr wants them, in the order of RFC 6724 */
	size_t count;
} pgm__addresses;

void pgm__addresses_free(pgm__addresses *addresses);

/* A socket directory, or libpq's default, needs no resolving. */
bool pgm__host_is_socket(const char *host);

/* If host is an address itself, which takes no time. Owner: the caller, pgm__addresses_free. */
bool pgm__resolve_number(const char *host, pgm__addresses *out);

typedef struct pgm__resolving pgm__resolving;

/* Owner: the caller ends it with pgm__resolve_end or pgm__resolve_drop. NULL on failure. Errors: _IO, _NOMEM. */
pgm__resolving *pgm__resolve_begin(const char *host, pgm_error *err);

/* Readable once there is an answer. */
int pgm__resolve_fd(const pgm__resolving *r);
bool pgm__resolve_is_done(pgm__resolving *r);

/* Once it is done: the addresses. Owner: the caller, pgm__addresses_free. Errors: _CONNECT, with the resolver's
 * reason; _NOMEM. */
bool pgm__resolve_end(pgm__resolving *r, pgm__addresses *out, pgm_error *err);

/* Does not wait for the answer. NULL is allowed. */
void pgm__resolve_drop(pgm__resolving *r);

#endif
