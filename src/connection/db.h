/*
 * The handle: one database, one type. Private to src/connection.
 *
 * The lock guards what is marked "locked". Nothing is sent, received, freed or called back under it:
 * collect, unlock, act. (Waking is not acting: conditions are signalled and the wake pipe, which never
 * blocks, is written under it, since a waiter's memory may be gone a moment later.)
 */
#ifndef PGM_CONNECTION_DB_H
#define PGM_CONNECTION_DB_H

#include "config/settings.h"
#include "connection/connect.h"
#include "connection/registry.h"
#include "connection/slots.h"
#include "pgmonkey.h"

#include <pthread.h>
#include <stdatomic.h>

/* The state of a loan. Of several threads that give back the same connection the one that changes it does it. */
enum {
	PGM__NOT_LENT, /* zeroed memory begins with it */
	PGM__LENT,
	PGM__RETURNING, /* somebody is at giving it back */
};

/* One open connection, from the moment it is up until it is closed. */
struct pgm__lease {
	PGconn *conn;
	pgm_db *db;
	int32_t slot; /* locked; PGM__NO_SLOT: inherited over fork, in nobody's slot */
	int fd;	      /* locked; PQsocket at opening or after PQreset */
	bool counted; /* locked; as one of db->refs: from being lent until the slots have it back */

	/* Who has it: written by the borrower, read by whoever tells of it. */
	atomic_int loan; /* PGM__LENT and so on; the last of these to be written */
	_Atomic(const char *) file;
	atomic_int line;
	_Atomic(pthread_t) borrower;	   /* for messages */
	_Atomic(uint64_t) borrower_number; /* pgm__thread_number; only where there is one connection */
	_Atomic(pgm__time) lent_at;
	_Atomic(int64_t) hot_loans; /* those that the slots do not know of */
	atomic_bool overdue;	    /* the loan has been told of as a leak */

	/* Fixed when it is opened. */
	pgm__time expires;
	uintptr_t mark;	      /* see hot.h */
	bool reaches_backend; /* event-driven types: pg_cancel_backend with PQbackendPID hits what runs on it */
	bool registered;      /* libpq tells us what the borrower does with it: events.h */

	/* The borrower's own. */
	int savepoints;		 /* open ones of ours */
	bool began;		 /* the transaction is ours to commit */
	int encoding;		 /* client encoding at opening, restored on release */
	pgm__time given_back;	 /* by the coarse clock; 0: fresh */
	pgm__lease *next_orphan; /* after fork */
};

/* What the keeper watches while it sleeps; made with the handle, so that nothing is missing when it starts. */
typedef struct pgm__watch pgm__watch;
pgm__watch *pgm__watch_new(int32_t max_size);
void pgm__watch_free(pgm__watch *watch);

/* See hot.h. */
typedef struct pgm__hot {
	atomic_uintptr_t place;
	atomic_uintptr_t vacant; /* the mark; changed under the lock, while the place is shut */
} pgm__hot;

/* A thread in the queue. */
typedef struct pgm__thread_waiter {
	pgm__waiter waiter; /* first, so that the one is found from the other */
	pthread_cond_t served;
} pgm__thread_waiter;

/* Who borrows, for the messages about who holds what. */
typedef struct pgm__caller {
	const char *file;
	int line;
} pgm__caller;

/* A loan that lasts too long, or lasted: taken down under the lock, told without it. */
typedef struct pgm__loan {
	const char *file;
	int line;
	uintptr_t thread; /* as debuggers name it */
	pgm__time held;
} pgm__loan;

/* What the driver keeps for a slot. At most one of the two. */
typedef struct pgm__place {
	pgm__lease *lease;
	pgm__connector *connector; /* OPENING; whoever opens is at it, nobody if the slot is parked */
} pgm__place;

/* The event-driven types' own; see evented/evented.h. */
typedef struct pgm__ev pgm__ev;

struct pgm_db {
	/* Fixed once the handle is open. */
	pgm_type type;
	pgm__settings *settings;
	pgm_hooks hooks;
	pgm_db *next, *prev; /* the list of the process, under its lock */
	bool listed;	     /* it is in that list */

	pthread_mutex_t lock;
	pgm__slots slots;	/* locked */
	pgm__slot *slot;	/* locked */
	pgm__place *place;	/* locked; max_size of them */
	pgm_error last_error;	/* locked; of the last attempt to connect or check; cleared when one opens */
	bool failed_for_good;	/* locked; of last_error: trying again will not change it */
	int64_t rolled_back;	/* locked */
	int64_t timed_out;	/* locked */
	int64_t hot_loans;	/* locked; those of connections that are closed now */
	pthread_cond_t changed; /* something opened, failed or was shut: for pgm_wait_ready */

	/* The keeper: pool only. */
	pthread_t keeper;    /* locked */
	bool keeper_runs;    /* locked; between its creation and its last use of db */
	bool keeper_started; /* locked; somebody has to join it */
	bool keeper_told;    /* locked; a byte is in the pipe */
	pthread_cond_t keeper_gone;
	pgm__watch *watch; /* the keeper's own */
	int wake[2];	   /* a pipe, both ends nonblocking; also ends the waiting of a borrower that connects */

	pgm__ev *ev; /* NULL: not event-driven */

	pgm__hot hot;
	_Atomic(pgm__time) look_at;    /* when the keeper looks at what has come back; 0: not expected to */
	_Atomic(pgm__time) last_death; /* whatever has not been used since is looked at */

	int32_t refs;	     /* locked: the manager, the keeper, each lent connection */
	pgm__lease *orphans; /* locked; idle connections inherited over fork, to be forgotten */
};

/* ---------------------------------------------------------------- what the files of the driver share */

/* The lock. Whoever has it sees every connection where it belongs: the hot one is put among the idle before. */
void pgm__db_lock(pgm_db *db);
void pgm__db_unlock(pgm_db *db);

/* locked, on a condition of the lock. False once the deadline has passed. */
bool pgm__db_wait_locked(pgm_db *db, pthread_cond_t *cond, pgm__time deadline);

/* hot.c: what the three above need, and a drain. */
void pgm__hot_init(pgm__hot *hot);
void pgm__hot_shut_locked(pgm_db *db);
void pgm__hot_open_locked(pgm_db *db);
void pgm__hot_drain_locked(pgm_db *db);

/* locked: wakes whoever the slots named, and the keeper if something is due earlier than it sleeps. */
void pgm__db_wake_locked(pgm_db *db);

/* locked: closes the wake pipe once the handle is shut and neither keeper nor borrower watches it any more. */
void pgm__db_close_pipe_locked(pgm_db *db);

/* locked: drops one reference; true if it was the last: then unlock and call pgm__db_free. */
bool pgm__db_unref_locked(pgm_db *db);
void pgm__db_free(pgm_db *db);

/* What a public call was given: the lease if conn is borrowed, else NULL and _MISUSE naming the call. */
pgm__lease *pgm__lease_of(const PGconn *conn, const char *call, pgm_error *err);

/* Borrowed, and not given back yet. */
bool pgm__is_lent(const pgm__lease *lease);

/* Marks the lease, which the calling thread has in hand, as this caller's. */
void pgm__lease_mark_lent(pgm__lease *lease, const pgm__caller *caller, pgm__time now);

/* locked: the same for what the slots have just lent. */
void pgm__db_lend_locked(pgm__lease *lease, const pgm__caller *caller);

/* Of a lease that is lent. */
pgm__loan pgm__loan_of(const pgm__lease *lease, pgm__time now);
void pgm__report_leak(const pgm__loan *loan);

/* locked: the slots say that the loan of this one is a leak. False: it is not, they know an older one. */
bool pgm__db_leaks_locked(pgm_db *db, int32_t slot, pgm__loan *loan);

/* Lent for longer than leak_after: told when it comes back. */
bool pgm__is_overdue(const pgm__lease *lease, pgm__time now);

/* locked: fills err with why there is no connection (any verdict but GOT, OPEN and WAIT). Unlocks. */
void pgm__fail_verdict(pgm_db *db, pgm__verdict verdict, int64_t timeout_ms, pgm_error *err);

/* A slot that is OPENING, a connector that has CONNECTED: puts the connection into its slot, idle or
 * lent to caller. NULL: the handle was shut or memory is out; it has been closed, err tells. Frees c. */
pgm__lease *pgm__db_adopt(pgm_db *db, int32_t slot, pgm__connector *c, const pgm__caller *caller, pgm_error *err);

/* A slot that is OPENING, a connector that did not make it: the reason becomes the handle's last error.
 * Frees c. */
void pgm__db_connect_failed(pgm_db *db, int32_t slot, pgm__connector *c, pgm_error *err);

/* The same where there was no memory for a connector. */
void pgm__db_cannot_connect(pgm_db *db, int32_t slot, pgm_error *err);

/* Drives c in the calling thread until it is through, the deadline passes or the handle is shut. The thread may
 * be cancelled while it waits, if it may be cancelled at all, and not while libpq is at work. */
pgm__progress pgm__db_drive(pgm_db *db, pgm__connector *c, pgm__time deadline, bool may_be_cancelled);

/* pgm_release, as a thread's cleanup handler wants it. */
void pgm__release_when_cancelled(void *conn);

/* Closes a connection whose slot is CLOSING, and frees the slot. polite: says goodbye to the server. */
void pgm__db_close_lease(pgm_db *db, pgm__lease *lease, bool polite);

/* A connection that the caller holds (LENT or CHECKING) turned out dead: says why in the log, closes it. */
void pgm__db_drop(pgm_db *db, pgm__lease *lease, const pgm_error *why);

/* Of one whose loan has ended: to the slots, or closed if it is not usable or not wanted any more; and what is told of it
 * before. */
void pgm__put_back(pgm__lease *lease, bool usable, bool rolled_back);
void pgm__tell_what_was_left(const pgm__lease *lease, bool rolled_back, bool usable, const pgm_error *err);

/* What another thread gave back that could not do it itself. */
void pgm__return_stray(pgm__lease *lease);

/* How waiting for min_size connections ended: true if they are open, else why not. */
bool pgm__db_tell_ready(pgm_db *db, pgm_error *err);

/* True once pgm_close and the like have been here. */
bool pgm__db_is_shut(pgm_db *db);

/* Closes what the slots say is due to be closed, and tells of leaks. For threads that are not the keeper. */
void pgm__db_close_due(pgm_db *db);

/* locked: starts the keeper if this type has one and it does not run. */
bool pgm__keeper_start_locked(pgm_db *db, pgm_error *err);

/* locked: something has come back while the keeper slept; wake it afterwards (pgm__db_wake_locked). */
void pgm__keeper_expect_look_locked(pgm_db *db);

/* The handle has been shut: waits for the keeper to end, two seconds at most. */
void pgm__keeper_stop(pgm_db *db);

/* locked, in the child of a fork: no keeper, no connection, nobody waiting. dead_fd replaces every socket. */
void pgm__db_forked_locked(pgm_db *db, int dead_fd);

/* Frees what a fork left behind: connections that have no server any more. */
void pgm__db_forget_orphans(pgm_db *db);

#endif
