/*
 * The slots core: who holds what, who waits, what must be opened or closed next.
 *
 * Pure: no I/O, no lock, no clock (the time is an argument), no memory of its own. It decides; a driver
 * acts. A slot is a place for one connection, named by its index; the driver keeps the PGconn that
 * belongs to it.
 *
 * Every slot is in exactly one state, and the state names the list that it lives in:
 *
 *   EMPTY -> OPENING -> IDLE <-> LENT          CHECKING is a keeper's own short loan of an idle one.
 *              |         |  \      |           CLOSING ends with pgm__slots_closed, when the driver has
 *              v         v  CHECKING           really closed; until then the place is not free, so the
 *            EMPTY     CLOSING <---+           server never sees more than max_size.
 *
 * Waiting is first come, first served. A connection that comes back wakes the head of the queue, which
 * takes it unless a newcomer is quicker; a head that has waited longer than hand_over_after is given
 * the connection directly, and then no newcomer may pass. (Waking keeps throughput, handing over keeps
 * fairness.)
 */
#ifndef PGM_CONNECTION_SLOTS_H
#define PGM_CONNECTION_SLOTS_H

#include "base/clock.h"

#include <stdbool.h>
#include <stdint.h>

#define PGM__NO_SLOT (-1)

typedef enum pgm__slot_state {
	PGM__SLOT_EMPTY,
	PGM__SLOT_OPENING,
	PGM__SLOT_IDLE,
	PGM__SLOT_LENT,
	PGM__SLOT_CHECKING,
	PGM__SLOT_CLOSING,
	PGM__SLOT_STATES
} pgm__slot_state;

typedef struct pgm__slot {
	pgm__time since;   /* when it became idle or was lent */
	pgm__time expires; /* max_lifetime with its jitter, fixed when it was opened */
	int32_t next, prev;
	uint8_t state;
	bool parked;   /* OPENING, and whoever was at it has left (borrower_opens) */
	bool outdated; /* OPENING, and drained meanwhile: it may be made with what was to be replaced */
	bool reported; /* LENT, and the leak has been told */
} pgm__slot;

typedef struct pgm__slot_list {
	int32_t first, last, count;
} pgm__slot_list;

typedef enum pgm__waiter_state {
	PGM__WAITER_OUT, /* not in the queue */
	PGM__WAITER_QUEUED,
	PGM__WAITER_GRANTED, /* slot holds the answer */
	PGM__WAITER_REFUSED  /* the handle is shut, or connecting has failed for too long */
} pgm__waiter_state;

/* Owned by whoever waits; zero it before the first call. In the queue only while QUEUED. One that got a
 * connection which turned out to be dead asks again with the same waiter, and keeps its place: since stays. */
typedef struct pgm__waiter {
	struct pgm__waiter *next, *prev;
	struct pgm__waiter *next_woken;
	pgm__time since; /* of the first call */
	int32_t slot;
	uint8_t state;
	bool counted; /* has been in the queue */
	bool nudged;  /* has been woken to look again, and has not looked yet */
	bool woken;   /* is in the list of pgm__slots_next_woken */
} pgm__waiter;

/* What never changes while the handle lives. Durations in nanoseconds. */
typedef struct pgm__slot_rules {
	int32_t min_size, max_size;
	int32_t max_waiting;	     /* 0: no limit */
	int32_t num_workers;	     /* openings at the same time, at most */
	pgm__time max_idle;	     /* 0: never */
	pgm__time max_lifetime;	     /* 0: never */
	pgm__time reconnect_timeout; /* 0: never give up */
	pgm__time leak_after;	     /* 0: never */
	pgm__time hand_over_after;
	bool borrower_opens; /* no keeper: whoever needs a connection opens it (normal); max_size is 1 */
} pgm__slot_rules;

typedef struct pgm__slots {
	pgm__slot_rules rules;
	pgm__slot *slot; /* max_size of them, the driver's memory */
	pgm__slot_list list[PGM__SLOT_STATES];

	pgm__waiter *head, *tail;
	int32_t queued;
	pgm__waiter *woken_first, *woken_last;

	bool shut;
	bool missed;	 /* somebody who would not wait found nothing: one more is worth opening */
	bool stir;	 /* something is due earlier than pgm__slots_due last said: wake the keeper */
	pgm__time until; /* what pgm__slots_due last said */

	/* The retry clock. failing_since 0: the last attempt was good, or nothing is wanted. */
	pgm__time failing_since, failed_at, retry_at, backoff;
	int32_t ramp; /* openings allowed at once; falls to 1 on failure, doubles with each success */

	uint64_t random;

	int64_t acquired, waited, opened, open_failed, closed, lost;
} pgm__slots;

typedef enum pgm__verdict {
	PGM__GOT,     /* waiter->slot is lent to you */
	PGM__OPEN,    /* waiter->slot is yours to open (or to go on opening): then opened_lent, failed or park */
	PGM__WAIT,    /* you are in the queue; wait to be woken, then retry or leave */
	PGM__NONE,    /* nothing free, and you did not want to wait; or: you left the queue with nothing */
	PGM__BUSY,    /* max_waiting are queueing already */
	PGM__REFUSED, /* connecting failed: the driver knows the last error */
	PGM__SHUT
} pgm__verdict;

/* slot: array of rules->max_size. seed: for jitter; 0 is taken for some other number. */
void pgm__slots_init(pgm__slots *s, const pgm__slot_rules *rules, pgm__slot *slot, uint64_t seed);

/* ------------------------------------------------------------------------------ the borrower */

pgm__verdict pgm__slots_acquire(pgm__slots *s, pgm__waiter *w, bool may_wait, pgm__time now);

/* After having been woken. */
pgm__verdict pgm__slots_retry(pgm__slots *s, pgm__waiter *w, pgm__time now);

/* Out of time, or out of will. PGM__GOT and PGM__REFUSED if the answer came first, else PGM__NONE. */
pgm__verdict pgm__slots_leave(pgm__slots *s, pgm__waiter *w, pgm__time now);

/* LENT -> IDLE (true), or -> CLOSING (false): then close it and call pgm__slots_closed. */
bool pgm__slots_release(pgm__slots *s, int32_t i, pgm__time now);

/*
 * A driver may lend a connection again by itself, without a word, while nobody is in the queue: to the slots it
 * stays LENT. Return is LENT -> IDLE for one that it holds like that, given back at since, by a caller that has
 * just taken the lock; it was not expired then. lent_again: the loan that pgm__slots_due reported is newer than the
 * slots know.
 */
void pgm__slots_return(pgm__slots *s, int32_t i, pgm__time since);
void pgm__slots_lent_again(pgm__slots *s, int32_t i, pgm__time since);

/* Pops whoever must be woken, in the order of waking; call until NULL before the lock is given up. */
pgm__waiter *pgm__slots_next_woken(pgm__slots *s);

/* -------------------------------------------------------------------------------- the opener */

/* EMPTY -> OPENING, for an opening that nobody waits for: the first one. NO_SLOT if there is no room. */
int32_t pgm__slots_begin(pgm__slots *s);

/* OPENING -> IDLE; -> CLOSING (false) if the handle has been shut meanwhile. */
bool pgm__slots_opened(pgm__slots *s, int32_t i, pgm__time now);

/* OPENING -> LENT, to the borrower that opened it; -> CLOSING (false) if shut. */
bool pgm__slots_opened_lent(pgm__slots *s, int32_t i, pgm__time now);

/* OPENING -> EMPTY. for_good: an answer that trying again will not change; waiters are refused at once. */
void pgm__slots_failed(pgm__slots *s, int32_t i, bool for_good, pgm__time now);

/* The borrower leaves in the middle of opening; the next one goes on with it. */
void pgm__slots_park(pgm__slots *s, int32_t i, pgm__time now);

/* ----------------------------------------------------------------------- looking and closing */

/* IDLE -> CHECKING; false if it is not idle any more. */
bool pgm__slots_check(pgm__slots *s, int32_t i);

/* CHECKING -> IDLE; -> CLOSING (false) if shut. */
bool pgm__slots_check_done(pgm__slots *s, int32_t i, pgm__time now);

/* LENT, CHECKING or IDLE -> CLOSING: it is broken. */
void pgm__slots_lost(pgm__slots *s, int32_t i);

/* CLOSING -> EMPTY. */
void pgm__slots_closed(pgm__slots *s, int32_t i, pgm__time now);

/* Everything open now is to be replaced: idle ones when due, lent ones when they come back. */
void pgm__slots_drain(pgm__slots *s, pgm__time now);

/* No more lending: waiters are refused, pgm__slots_due then closes what is idle. */
void pgm__slots_shut(pgm__slots *s);

/* Forgets everything, as after fork: all slots empty, nobody waiting, counters kept. */
void pgm__slots_forget(pgm__slots *s);

typedef enum pgm__due_what {
	PGM__DUE_NOTHING, /* until then */
	PGM__DUE_OPEN,	  /* slot is now OPENING */
	PGM__DUE_CLOSE,	  /* slot is now CLOSING */
	PGM__DUE_REPORT	  /* slot has been lent for longer than leak_after; said once per loan */
} pgm__due_what;

typedef struct pgm__due {
	pgm__due_what what;
	int32_t slot;
	pgm__time until; /* for NOTHING; PGM__NEVER if nothing will be due by itself */
} pgm__due;

/* What the keeper must do now. Call until NOTHING; then sleep until then, or until stir is set. */
pgm__due pgm__slots_due(pgm__slots *s, pgm__time now);

/* --------------------------------------------------------------------------------- the state */

static inline int32_t pgm__slots_count(const pgm__slots *s, pgm__slot_state state)
{
	return s->list[state].count;
}

/* Connections open now. */
static inline int32_t pgm__slots_open(const pgm__slots *s)
{
	return s->list[PGM__SLOT_IDLE].count + s->list[PGM__SLOT_LENT].count + s->list[PGM__SLOT_CHECKING].count;
}

#endif
