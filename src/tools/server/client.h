/* The client's side, for the files of this folder. */
#ifndef PGM_TOOLS_SERVER_CLIENT_H
#define PGM_TOOLS_SERVER_CLIENT_H

#include "pgmonkey/server.h"
#include "tools/server/arena.h"

#define PGM__SUPERUSER_RESERVED_DEFAULT 3

typedef enum pgm__tls_wish { PGM__TLS_NEVER, PGM__TLS_MAYBE, PGM__TLS_ALWAYS } pgm__tls_wish;

/* What sslmode asks of the server; a socket asks nothing. */
pgm__tls_wish pgm__client_tls(const pgm_server_client *client);

/* Does it come over this machine's loopback? */
bool pgm__client_is_loopback(const pgm_server_client *client);

/* Proves who it is by a certificate alone. */
bool pgm__client_needs_cert(const pgm_server_client *client);

/* True if the type, where it is left open one of them, has a pool. pool: the larger in each respect. */
bool pgm__client_pool(const pgm_server_client *client, pgm_server_pool *pool);

/* Where what an audit learns is kept. client must be one of pgm_server_client_new. */
pgm__arena *pgm__client_arena(pgm_server_client *client);

/* libpq's keyword, wherever it was given; "": nowhere. client as above. */
const char *pgm__client_options(const pgm_server_client *client);

#endif
