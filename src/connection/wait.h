/* Waiting on sockets with a deadline. Signals do not shorten or lengthen it. */
#ifndef PGM_CONNECTION_WAIT_H
#define PGM_CONNECTION_WAIT_H

#include "base/clock.h"
#include "base/error.h"

#include <poll.h>

/* poll(2) until one is ready (their number), or the deadline passed (0), or it cannot be done (-1, errno). */
int pgm__poll(struct pollfd *fds, nfds_t n, pgm__time deadline);

/*
 * A statement with a deadline: the last result of the string, or the COPY it started, as PQexec gives it.
 * NULL with err filled: _TIMEOUT (the statement may still run; the connection is busy), _BROKEN, _MISUSE.
 * An answer of the server, error or not, is a result. Owner: the caller, PQclear.
 */
PGresult *pgm__exec_until(PGconn *conn, const char *sql, pgm__time deadline, pgm_error *err);

/* The same with parameters (extended protocol), in parts as collect gives them. */
bool pgm__query_until(PGconn *conn, const pgm_query *query, pgm__time deadline, PGresult **last, pgm_error *err);

/* The rest of what was sent already: for callers that send by other means. collect: in parts; false with err filled
 * leaves in *last (NULL at first) what there is so far, for the next call. */
bool pgm__collect_until(PGconn *conn, pgm__time deadline, PGresult **last, pgm_error *err);
PGresult *pgm__finish_until(PGconn *conn, pgm__time deadline, pgm_error *err);

bool pgm__is_copy(const PGresult *res);

/* One answer, not yet at hand: true once PQgetResult would not block. */
bool pgm__result_ready_until(PGconn *conn, pgm__time deadline, pgm_error *err);

#endif
