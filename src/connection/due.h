/* What the slots say is due, done without ever waiting: by a pool's keeper, or by an event loop. */
#ifndef PGM_CONNECTION_DUE_H
#define PGM_CONNECTION_DUE_H

#include "connection/db.h"

/* Does one thing that is due, and says what it was: call it until NOTHING. An opening has taken its first step. */
pgm__due pgm__db_do_due(pgm_db *db);

/* A slot that is OPENING: the next step, if its socket is ready or its deadline has passed. */
void pgm__db_go_on_connecting(pgm_db *db, int32_t slot, bool is_ready);

/* Something came on a connection that lay idle: is it dead? */
void pgm__db_look_at(pgm_db *db, int32_t slot);

/* Somebody uses it after having given it back: what comes is his, and reading it would keep him waiting for
 * ever. Whoever borrows it next has it cleaned. */
bool pgm__lease_is_misused(const pgm__lease *lease);

#endif
