/* From a host name to its addresses. Blocks as getaddrinfo does: never call it with a lock held. */
#ifndef PGM_CONNECTION_RESOLVE_H
#define PGM_CONNECTION_RESOLVE_H

#include "base/error.h"

#include <stddef.h>

typedef struct pgm__addresses {
	char **text; /* numeric, as hostaddr wants them, in the order of RFC 6724 */
	size_t count;
} pgm__addresses;

/* Owner: the caller, pgm__addresses_free. Errors: _CONNECT, with the resolver's reason. */
bool pgm__resolve(const char *host, pgm__addresses *out, pgm_error *err);
void pgm__addresses_free(pgm__addresses *addresses);

/* A socket directory, or libpq's default, needs no resolving. */
bool pgm__host_is_socket(const char *host);

#endif
