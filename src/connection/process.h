/*
 * What belongs to the process rather than to one handle: the lock over the registry and the list of
 * handles, and what happens at fork.
 *
 * Order of locks, outermost first: this one, then a manager's, then a handle's. Nobody takes this one
 * with another in hand.
 */
#ifndef PGM_CONNECTION_PROCESS_H
#define PGM_CONNECTION_PROCESS_H

#include "pgmonkey.h"

void pgm__process_lock(void);
void pgm__process_unlock(void);

/* Handles that exist, so that fork finds them. The first call sets up what fork needs; false: it could
 * not (memory, descriptors). */
bool pgm__process_add(pgm_db *db, pgm_error *err);
void pgm__process_remove(pgm_db *db);

/* A connection is up. The first time, at_exit is registered with atexit(3): not earlier, since TLS registers
 * its own clean-up when it is first used, and ours must run before that. */
void pgm__process_connected(void);

/* What a layer above wants done. Set once; the same again is harmless. */
typedef struct pgm__process_hooks {
	void (*before_fork)(void); /* takes its locks */
	void (*after_fork_in_parent)(void);
	void (*after_fork_in_child)(void);
	void (*at_exit)(void);
} pgm__process_hooks;
void pgm__process_set_hooks(const pgm__process_hooks *hooks);

#endif
