/* Ending connections and statements in bounded time. */
#ifndef PGM_CONNECTION_CLOSE_H
#define PGM_CONNECTION_CLOSE_H

#include "base/clock.h"
#include "pgmonkey.h"

/* PQfinish that never waits. polite: says goodbye (Terminate) to the server, for a connection that is in
 * order; else just drops the socket, since what cannot be sent would be waited for. NULL is allowed. */
void pgm__conn_close(PGconn *conn, bool polite);

/* Asks the server to cancel what runs on conn. False: it could not be asked by then; the connection must
 * be closed, since a late request would hit another statement. */
bool pgm__conn_cancel(PGconn *conn, pgm__time deadline);

/* For one that libpq may have a wrong idea of: what runs on it is cancelled, as far as a second will do, and it is cut
 * off. Whoever cleans it, or looks at it, finds it dead. */
void pgm__conn_give_up(PGconn *conn);

typedef enum pgm__skipped {
	PGM__SKIP_ENDED,   /* nothing is under way any more */
	PGM__SKIP_WAITS,   /* for more to come, or for room to write */
	PGM__SKIP_HOPELESS /* the connection must be closed */
} pgm__skipped;

/* Without waiting: throws away what has come of whatever is under way. Begin it once, then skip until it has ended.
 * conn must be nonblocking. */
void pgm__conn_begin_skip(PGconn *conn);
pgm__skipped pgm__conn_skip(PGconn *conn);

/* Unread results that are on their way already are read for so long, rather than cancelled. */
#define PGM__SKIP_FIRST (5 * PGM__MS)

/* Ends whatever is under way: unread rows, COPY in or out, a pipeline; cancels what is long. False: the
 * connection must be closed. conn must be nonblocking. */
bool pgm__conn_end_work(PGconn *conn, pgm__time deadline);

#endif
