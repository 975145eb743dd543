/* Waiting on sockets with a deadline. Signals do not shorten or lengthen it. */
#ifndef PGM_CONNECTION_WAIT_H
#define PGM_CONNECTION_WAIT_H

#include "base/clock.h"
#include "base/error.h"

#include <poll.h>

/* poll(2) until one is ready (their number), or the deadline passed (0), or it cannot be done (-1, errno). */
int pgm__poll(struct pollfd *fds, nfds_t n, pgm__time deadline);

/*
 * Statements with a deadline: the last result of the string, or the COPY it started, as PQexec gives it.
 * exec takes plain SQL, several statements too; query takes one with parameters (extended protocol).
 * NULL with err filled: _TIMEOUT (the statement may still run; the connection is busy), _BROKEN, _MISUSE.
 * An answer of the server, error or not, is a result. Owner: the caller, PQclear.
 */
PGresult *pgm__exec_until(PGconn *conn, const char *sql, pgm__time deadline, pgm_error *err);
PGresult *pgm__query_until(PGconn *conn, const pgm_query *query, pgm__time deadline, pgm_error *err);

/* The rest of what was sent already: for callers that send by other means. */
PGresult *pgm__finish_until(PGconn *conn, pgm__time deadline, pgm_error *err);

/* One answer, not yet at hand: true once PQgetResult would not block. */
bool pgm__result_ready_until(PGconn *conn, pgm__time deadline, pgm_error *err);

#endif
