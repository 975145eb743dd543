#include "base/error.h"
#include "base/log.h"
#include "base/thread.h"
#include "connection/db.h"
#include "connection/evented/calls.h"
#include "connection/hot.h"
#include "connection/look.h"

/* Whoever does not want to wait still gives the servers of idle connections that long to answer. */
#define LOOKS_AT_ONCE (2 * PGM__SECOND)

/* One call of pgm_acquire_at, on its way. */
typedef struct request {
	pgm_db *db;
	pgm__caller caller;
	int64_t timeout_ms; /* as asked, for the message */
	pgm__time deadline;
	pgm__time looks_until; /* for finding out which of the idle ones are dead */
	bool silent;	       /* the last of them did not answer; err tells */
	pgm_error *err;
	pgm__thread_waiter w;
	bool may_be_cancelled; /* what the thread had set before the call */
} request;

/* Unlocks. */
static PGconn *fail_verdict(request *r, pgm__verdict verdict)
{
	pgm__fail_verdict(r->db, verdict, r->timeout_ms, r->err);
	return NULL;
}

/* ------------------------------------------------------------------------------- the short way */

/* Lending may be what the keeper has to know of (leak_after), most times it is not. */
static pgm__lease *lend_locked(pgm_db *db, int32_t slot, const pgm__caller *caller)
{
	pgm__lease *lease = db->place[slot].lease;

	pgm__db_lend_locked(lease, caller);
	if ((db->slots.stir && db->keeper_runs) || db->slots.woken_first)
		pgm__db_wake_locked(db);
	return lease;
}

/* The exact time only where waiting is going to be measured. */
static pgm__time now_locked(const pgm_db *db)
{
	return db->slots.head || pgm__slots_count(&db->slots, PGM__SLOT_IDLE) == 0 ? pgm__clock_now()
										   : pgm__clock_coarse();
}

/* On a handle of one connection whoever holds it would wait for himself. */
static bool is_held_by_this_thread_locked(const pgm_db *db)
{
	const pgm__lease *lease = db->place[0].lease;

	return db->slots.rules.borrower_opens && !db->slots.shut && lease && pgm__is_lent(lease) &&
	       atomic_load_explicit(&lease->borrower_number, memory_order_relaxed) == pgm__thread_number();
}

/* -------------------------------------------------------------------------------- the long way */

/* Locked on entry and exit, as conditions demand; a cancelled thread leaves nothing behind. */
static void leave_when_cancelled(void *arg)
{
	request *r = arg;
	pgm_db *db = r->db;
	bool kept = true;
	int32_t slot = PGM__NO_SLOT;

	pgm__hot_shut_locked(db); /* the wait did not come to its own end */
	if (pgm__slots_leave(&db->slots, &r->w.waiter, pgm__clock_now()) == PGM__GOT) {
		slot = r->w.waiter.slot;
		kept = pgm__slots_release(&db->slots, slot, pgm__clock_now());
	}
	pgm__db_wake_locked(db);
	pgm__db_unlock(db);
	pthread_cond_destroy(&r->w.served);
	if (!kept)
		pgm__db_close_lease(db, db->place[slot].lease, true);
}

static pgm__verdict wait_once_locked(request *r)
{
	pgm_db *db = r->db;
	pgm__verdict verdict;
	int ignored;
	bool in_time;

	pthread_cleanup_push(leave_when_cancelled, r);
	pthread_setcancelstate(r->may_be_cancelled ? PTHREAD_CANCEL_ENABLE : PTHREAD_CANCEL_DISABLE, &ignored);
	in_time = pgm__db_wait_locked(db, &r->w.served, r->deadline);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &ignored);
	pthread_cleanup_pop(0);
	verdict = in_time ? pgm__slots_retry(&db->slots, &r->w.waiter, pgm__clock_now())
			  : pgm__slots_leave(&db->slots, &r->w.waiter, pgm__clock_now());
	pgm__db_wake_locked(db);
	return verdict;
}

static pgm__verdict wait_in_line_locked(request *r)
{
	pgm__verdict verdict = PGM__WAIT;

	if (!pgm__keeper_start_locked(r->db, &r->db->last_error) || !pgm__cond_init(&r->w.served)) {
		pgm__slots_leave(&r->db->slots, &r->w.waiter, pgm__clock_now());
		return PGM__REFUSED;
	}
	pgm__db_wake_locked(r->db);
	while (verdict == PGM__WAIT)
		verdict = wait_once_locked(r);
	pthread_cond_destroy(&r->w.served);
	return verdict;
}

/* What went wrong with an attempt that somebody else left behind is no answer to this caller: a new one. */
static bool begin_anew(pgm_db *db, int32_t slot)
{
	pgm__connector *old = db->place[slot].connector, *anew = pgm__connector_new(db->settings, &db->hooks);

	if (!anew)
		return false;
	pgm__db_lock(db);
	db->place[slot].connector = anew;
	pgm__db_unlock(db);
	pgm__connector_free(old);
	return true;
}

/* What is on its way is left to whoever comes next; true if there is something. Unlocks if not. */
static bool park_locked(request *r, bool failed)
{
	pgm_db *db = r->db;
	int32_t slot = r->w.waiter.slot;
	pgm__connector *c = db->place[slot].connector;

	if (!failed && !db->slots.shut) {
		pgm__slots_park(&db->slots, slot, pgm__clock_now());
		pgm__db_wake_locked(db);
		return true;
	}
	pgm__db_unlock(db);
	pgm__db_connect_failed(db, slot, c, r->err);
	return false;
}

static void park_when_cancelled(void *arg)
{
	request *r = arg;

	pgm__db_lock(r->db);
	if (park_locked(r, false))
		pgm__db_unlock(r->db);
}

static pgm__progress drive(request *r)
{
	pgm_db *db = r->db;
	pgm__progress progress;

	pthread_cleanup_push(park_when_cancelled, r);
	progress = pgm__db_drive(db, db->place[r->w.waiter.slot].connector, r->deadline, r->may_be_cancelled);
	pthread_cleanup_pop(0);
	return progress;
}

/* The caller connects, or goes on with what an impatient one before it had begun. Unlocks. */
static PGconn *open_it(request *r)
{
	pgm_db *db = r->db;
	int32_t slot = r->w.waiter.slot;
	pgm__place *place = &db->place[slot];
	bool is_anothers = place->connector != NULL;
	pgm__progress progress;
	pgm__lease *lease;

	if (!place->connector)
		place->connector = pgm__connector_new(db->settings, &db->hooks);
	pgm__db_unlock(db);
	if (!place->connector) {
		pgm__db_cannot_connect(db, slot, r->err);
		return NULL;
	}
	progress = drive(r);
	if (progress == PGM__CONNECT_FAILED && is_anothers && !pgm__connector_failed_for_good(place->connector) &&
	    begin_anew(db, slot))
		progress = drive(r);
	if (progress == PGM__CONNECTED) {
		lease = pgm__db_adopt(db, slot, place->connector, &r->caller, r->err);
		return lease ? lease->conn : NULL;
	}
	pgm__db_lock(db);
	return park_locked(r, progress == PGM__CONNECT_FAILED) ? fail_verdict(r, PGM__NONE) : NULL;
}

typedef enum inspected {
	USABLE,
	ONE_LESS, /* it was dropped; there may be others */
	HOPELESS  /* the check hook rejected one that was just opened: the next would fare no better */
} inspected;

/* What is lent already is fit for use, or dropped. */
static inspected inspect(request *r, pgm__lease *lease)
{
	bool was_new = lease->given_back == 0;
	pgm_error why;
	pgm__fitness fitness = pgm__lease_fitness(lease, r->looks_until, &why);

	if (fitness == PGM__FIT)
		return USABLE;
	r->silent = fitness == PGM__DEAD && why.code == PGM_ERR_TIMEOUT;
	if (r->silent)
		pgm__error_copy(r->err, &why);
	pgm__db_drop(r->db, lease, &why);
	if (fitness == PGM__DEAD || !was_new)
		return ONE_LESS;
	pgm__error_copy(r->err, &why);
	return HOPELESS;
}

static pgm__verdict ask_again_locked(request *r)
{
	pgm__time now = pgm__clock_now();

	if (now >= r->looks_until) {
		if (r->silent)
			pgm__error_copy(&r->db->last_error, r->err);
		return PGM__NONE;
	}
	return pgm__slots_acquire(&r->db->slots, &r->w.waiter, now < r->deadline, now);
}

/* Locked on entry. */
static PGconn *borrow_slowly(request *r, pgm__verdict verdict)
{
	pgm_db *db = r->db;

	for (;;) {
		pgm__lease *lease;
		inspected outcome;

		if (verdict == PGM__WAIT)
			verdict = wait_in_line_locked(r);
		if (verdict == PGM__OPEN)
			return open_it(r);
		if (verdict != PGM__GOT)
			return fail_verdict(r, verdict);
		lease = lend_locked(db, r->w.waiter.slot, &r->caller);
		pgm__db_unlock(db);
		outcome = inspect(r, lease);
		if (outcome != ONE_LESS)
			return outcome == USABLE ? lease->conn : NULL;
		pgm__db_lock(db);
		verdict = ask_again_locked(r);
	}
}

static int64_t timeout_of(const pgm_db *db, int timeout_ms)
{
	return timeout_ms < 0 ? db->settings->timeout / PGM__MS : timeout_ms;
}

static PGconn *take_the_long_way(request *r, pgm__verdict verdict)
{
	int before;
	PGconn *conn;

	before = pgm__cancel_disable();
	if (verdict == PGM__NONE && pgm__keeper_start_locked(r->db, NULL))
		pgm__db_wake_locked(r->db); /* the next who asks may find one */
	r->may_be_cancelled = before == PTHREAD_CANCEL_ENABLE;
	conn = borrow_slowly(r, verdict);
	if (!conn && r->db->slots.rules.borrower_opens)
		pgm__db_close_due(r->db); /* there is no keeper to tell of a leak */
	pgm__db_forget_orphans(r->db);
	pthread_cleanup_push(pgm__release_when_cancelled, conn);
	pgm__cancel_restore(before);
	pthread_testcancel(); /* what came while libpq was at work */
	pthread_cleanup_pop(0);
	return conn;
}

/* A hook or a log function that the keeper calls would wait for what only the keeper can do. */
static bool is_keeper_locked(const pgm_db *db)
{
	return db->keeper_runs && pthread_equal(db->keeper, pthread_self());
}

/* With the lock; hot: one that was taken without it and could not be lent at once. */
static PGconn *borrow_locked(pgm_db *db, int timeout_ms, const pgm__caller *caller, pgm__lease *hot, pgm_error *err)
{
	request r;
	pgm_error unwanted;
	pgm__verdict verdict;
	pgm__time now;

	if (db->ev)
		return pgm__ev_acquire(db, timeout_ms, caller, err ? err : &unwanted);
	r.db = db;
	r.caller = *caller;
	r.err = err ? err : &unwanted;
	r.silent = false;
	r.w.waiter = (pgm__waiter){.slot = PGM__NO_SLOT};
	r.timeout_ms = timeout_of(db, timeout_ms);
	pgm__db_lock(db);
	if (hot)
		pgm__hot_return_locked(hot);
	now = now_locked(db);
	if (is_held_by_this_thread_locked(db)) {
		pgm__db_unlock(db);
		pgm__fail(err, PGM_ERR_MISUSE, "this thread holds the only connection of the handle already");
		return NULL;
	}
	verdict = pgm__slots_acquire(&db->slots, &r.w.waiter, r.timeout_ms > 0 && !is_keeper_locked(db), now);
	if (verdict == PGM__NONE && r.timeout_ms > 0) {
		pgm__db_unlock(db);
		pgm__fail(err, PGM_ERR_MISUSE,
			  "no connection is free, and the pool's own thread cannot wait for itself to open one");
		return NULL;
	}
	if (verdict == PGM__GOT) {
		pgm__lease *lease = db->place[r.w.waiter.slot].lease;

		if (pgm__lease_is_fresh(lease, now)) {
			lend_locked(db, r.w.waiter.slot, &r.caller);
			pgm__db_unlock(db);
			return lease->conn;
		}
	}
	r.deadline = pgm__clock_after_ms(r.timeout_ms);
	r.looks_until = r.timeout_ms > 0 ? r.deadline : pgm__clock_now() + LOOKS_AT_ONCE;
	return take_the_long_way(&r, verdict);
}

/* Most of the time there is no more to it than this. The order of the questions: what costs least first. */
static bool lend_hot(pgm_db *db, pgm__lease *lease, const pgm__caller *caller)
{
	pgm__time now = pgm__clock_coarse();

	if (lease->expires <= now || lease->mark != atomic_load_explicit(&db->hot.vacant, memory_order_relaxed) ||
	    !pgm__lease_is_fresh(lease, now))
		return false;
	atomic_store_explicit(&lease->hot_loans, atomic_load_explicit(&lease->hot_loans, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	pgm__lease_mark_lent(lease, caller, now);
	return true;
}

PGconn *pgm_acquire_at(pgm_db *db, int timeout_ms, const char *file, int line, pgm_error *err)
{
	const pgm__caller caller = {file, line};
	pgm__lease *lease;

	pgm__error_clear(err);
	if (!db) {
		pgm__fail(err, PGM_ERR_MISUSE, "pgm_acquire: the handle is NULL");
		return NULL;
	}
	lease = pgm__hot_take(db);
	if (lease && lend_hot(db, lease, &caller))
		return lease->conn;
	return borrow_locked(db, timeout_ms, &caller, lease, err);
}

PGconn *(pgm_acquire)(pgm_db *db, pgm_error *err)
{
	return pgm_acquire_at(db, PGM_TIMEOUT_FROM_CONFIG, "(caller unknown)", 0, err);
}

PGconn *(pgm_acquire_for)(pgm_db *db, int timeout_ms, pgm_error *err)
{
	return pgm_acquire_at(db, timeout_ms, "(caller unknown)", 0, err);
}
