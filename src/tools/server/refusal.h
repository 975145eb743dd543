/* What a refused login tells of this client, for recommendations. Pure. */
#ifndef PGM_TOOLS_SERVER_REFUSAL_H
#define PGM_TOOLS_SERVER_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The address in: no pg_hba.conf entry for host "10.1.2.3", user "app", database "db1", no encryption
 * or: pg_hba.conf rejects connection for host "10.1.2.3", ...
 * False: there is none (a socket, another message, another language).
 */
bool pgm__refusal_address(const char *message, char *out, size_t size);

/* Was it pg_hba.conf that refused? */
bool pgm__refusal_by_hba(const char *message);

#endif
