/* Making a connection as it was when it was opened, before the next borrower gets it. */
#ifndef PGM_CONNECTION_CLEAN_H
#define PGM_CONNECTION_CLEAN_H

#include "connection/db.h"

/* The server is the truth, not a flag of ours: somebody may have said COMMIT in SQL. */
bool pgm__is_in_transaction(const PGconn *conn);

/* A statement, cursor or COPY is under way, or a pipeline: PQexec would throw its results away. */
bool pgm__is_busy(const PGconn *conn);

/* True if there is nothing to do but what is done here at once: the common case, no round trip. */
bool pgm__clean_quickly(pgm__lease *lease);

/* Parts of the whole, for those who do it without blocking: what libpq knows alone, the encoding (SQL into sql; false:
 * it is as it was), and the reset hook, which may block, with the session settings after it. */
void pgm__clean_local(PGconn *conn);
bool pgm__clean_encoding(const pgm__lease *lease, char sql[96]);
bool pgm__clean_by_hook(pgm__lease *lease, pgm_error *err);

/*
 * The whole: ends unfinished work, rolls back, undoes connection-level changes, runs the reset hook and
 * applies the session settings again after it. Bounded: three seconds, and three more after the hook.
 * False: the connection must be closed, err tells why. *rolled_back: a transaction had been left open.
 */
bool pgm__clean(pgm__lease *lease, bool *rolled_back, pgm_error *err);

#endif
