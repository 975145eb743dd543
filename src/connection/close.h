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

/* Ends whatever is under way: unread rows, COPY in or out, a pipeline; cancels what is long. False: the
 * connection must be closed. conn must be nonblocking. */
bool pgm__conn_end_work(PGconn *conn, pgm__time deadline);

#endif
