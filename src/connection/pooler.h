/*
 * Is there a connection pooler, PgBouncer or its like, between here and the server? And does it lend its backends
 * by the session or by the transaction, so that what is set in one is not there in the next?
 */
#ifndef PGM_CONNECTION_POOLER_H
#define PGM_CONNECTION_POOLER_H

#include "config/settings.h"

typedef enum pgm__pooling {
	PGM__POOLING_NONE,    /* a backend of the server's answers itself; or nothing is known */
	PGM__POOLING_UNKNOWN, /* a pooler; no more than that could be seen */
	PGM__POOLING_STEADY,  /* a pooler; the backend was the same in two transactions */
	PGM__POOLING_CHANGING /* a pooler; the backend changed between two transactions */
} pgm__pooling;

/*
 * conn: open and idle, not to be used any more. If there is a pooler, a second client is connected for a moment, with
 * the same settings, which takes the backend away if the pooler lets it. Blocks two seconds at most. Thread: any.
 */
pgm__pooling pgm__pooling_of(PGconn *conn, const pgm__settings *settings);

#endif
