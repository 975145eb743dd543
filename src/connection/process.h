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

/* Handles that exist, so that fork finds them. The first call sets up what fork and exit need; false: it
 * could not (memory, descriptors). */
bool pgm__process_add(pgm_db *db, pgm_error *err);
void pgm__process_remove(pgm_db *db);

/*
 * Exit. While exit(3) runs, other threads go on, and the libraries under libpq (TLS, Kerberos) tear
 * themselves down under their hands. So at_exit closes every handle first. It must run before TLS cleans
 * up, that is, be registered after TLS was first used: once the first connection is up, and the first with TLS. When it is through, nobody
 * is let into libpq any more to connect or to close, and who is in there is waited for. A second handler, registered
 * with the first handle, does that for a process that never got so far.
 */
void pgm__process_connected(bool tls); /* a connection is up */

/* Around libpq's connecting and closing. False: the process is exiting, keep out. */
bool pgm__process_enter(void);
void pgm__process_leave(void);

/* What a layer above wants done. Set once; the same again is harmless. */
typedef struct pgm__process_hooks {
	void (*before_fork)(void); /* takes its locks */
	void (*after_fork_in_parent)(void);
	void (*after_fork_in_child)(void);
	void (*at_exit)(void);
} pgm__process_hooks;
void pgm__process_set_hooks(const pgm__process_hooks *hooks);

#endif
