/*
 * The hot connection: the one that was given back last lies where the next borrower takes it without the
 * handle's lock. That is all that happens while nobody waits and each gives back before the next asks, which
 * is most of the time.
 *
 * For the slots it stays LENT, so they need to know nothing of it; whoever takes the handle's lock has it put
 * among the idle ones first (pgm__db_lock), and finds everything as it is. While the lock is held the place
 * is shut, and it stays shut while anybody waits in the queue or the handle is shut. So nobody is passed, and
 * what is decided under the lock is decided about all connections.
 *
 * The place is one word:
 *   SHUT           nothing can be put there
 *   a vacant mark  (odd) nothing is there. pgm_drain makes a new mark, and a connection is only put where its
 *                  own mark stands: so what is to be replaced goes the long way
 *   a pointer      (even) that lease is there
 *
 * Whoever takes it out owns it from there on; nothing is read through the pointer before.
 */
#ifndef PGM_CONNECTION_HOT_H
#define PGM_CONNECTION_HOT_H

#include "connection/db.h"

/* Takes what is there; NULL if nothing is. It is the caller's to lend or to put back (pgm__hot_return_locked). */
pgm__lease *pgm__hot_take(pgm_db *db);

/* Puts a clean connection there whose loan has ended; false: it has to be given back under the lock. */
bool pgm__hot_put(pgm__lease *lease);

/* locked: among the idle ones with it, as it was given back. */
void pgm__hot_return_locked(pgm__lease *lease);

#endif
