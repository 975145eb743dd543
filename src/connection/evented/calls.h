/* What the calls of the other types become on the event-driven ones; what the common files tell the driver. */
#ifndef PGM_CONNECTION_EVENTED_CALLS_H
#define PGM_CONNECTION_EVENTED_CALLS_H

#include "connection/db.h"

/* db->ev, with everything that is needed later. loop NULL: poll(2), in the calls that wait. Errors: _NOMEM. */
bool pgm__ev_new(pgm_db *db, const pgm_loop *loop, pgm_error *err);
void pgm__ev_free(pgm_db *db);

bool pgm__ev_submit(pgm_db *db, const pgm_query *query, pgm_on_result fn, void *arg, pgm_error *err);

/* False: pgm_send on it is as on the blocking types, since its handle is closed or was another process's. */
bool pgm__ev_carries(const pgm__lease *lease);
bool pgm__ev_send(pgm__lease *lease, const pgm_query *query, pgm_on_result fn, void *arg, pgm_error *err);
bool pgm__ev_acquire_async(pgm_db *db, pgm_on_lease fn, void *arg, pgm_error *err);
bool pgm__ev_wait(pgm_db *db, int timeout_ms, pgm_error *err);
bool pgm__ev_wait_ready(pgm_db *db, int timeout_ms, pgm_error *err);
PGconn *pgm__ev_acquire(pgm_db *db, int timeout_ms, const pgm__caller *caller, pgm_error *err);

/* A call that waits for the server on a connection that is lent. False: _MISUSE, there is a loop that it would stall. */
bool pgm__ev_may_block(const pgm__lease *lease, const char *call, pgm_error *err);

/* The handle has been shut: everything under way is answered and closed, if this thread may do that. */
void pgm__ev_shut(pgm_db *db);

/* pgm_release of one that is not clean. False: it is dealt with already. */
bool pgm__ev_give_back(pgm__lease *lease);

/* pgm_release of one that is clean. True: it comes back by and by: on another thread than the owner's, who will see to it,
 * or while a request to cancel may still hit it. */
bool pgm__ev_keeps_back(pgm__lease *lease);

/* It is among the idle again. */
void pgm__ev_given_back(pgm_db *db, int32_t slot);

/* The slot's connection is about to be closed. */
void pgm__ev_closing(pgm_db *db, int32_t slot);

/* The borrower said PQfinish; PQreset, and there is a new session. */
void pgm__ev_finished(pgm_db *db, int32_t slot);
void pgm__ev_reset(pgm_db *db, int32_t slot);

/* pgm_drain. Thread: any. */
void pgm__ev_drained(pgm_db *db);

/* locked, in the child of a fork: nothing is under way here. */
void pgm__ev_forked_locked(pgm_db *db);

#endif
