/*
 * Cancelling a statement that is late. A cancellation hits whatever its backend runs when it arrives; so nothing
 * is sent on that connection until it is over. It is asked for by pg_cancel_backend: on an idle connection of the
 * handle, or, where there is none, on one that is opened for it (PQcancel of libpq 15 blocks).
 */
#ifndef PGM_CONNECTION_EVENTED_CANCEL_H
#define PGM_CONNECTION_EVENTED_CANCEL_H

#include "connection/evented/evented.h"

/* What runs on the slot's connection (the head of its wire) is late. */
void pgm__cancel_begin(pgm_db *db, int32_t slot);

/* The statement has been answered, or its connection is gone. */
void pgm__cancel_end(pgm_db *db, int32_t slot);

/* The slot's connection is closed, or changes hands. */
void pgm__cancel_forget(pgm_db *db, int32_t slot);
void pgm__cancel_forget_all(pgm_db *db);

/* The connection that was to cancel for another has answered; res NULL: it is gone. */
void pgm__cancel_answered(pgm_db *db, int32_t asker, const PGresult *res);

/* Those whose time has come; when that is. */
void pgm__cancel_expire(pgm_db *db, pgm__time now);
pgm__time pgm__cancel_due(const pgm_db *db);

/* The connections that were opened for it: for poll(2), and what came. fds has room for max_size. */
nfds_t pgm__cancel_collect(pgm_db *db, struct pollfd *fds);
void pgm__cancel_ready(pgm_db *db, int fd);

#endif
