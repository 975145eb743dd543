/* The public calls on the event-driven types. */
#include "connection/evented/calls.h"

#include "base/error.h"
#include "base/thread.h"
#include "connection/clean.h"
#include "connection/evented/evented.h"
#include "connection/libpq_error.h"

static bool fail_with_loop(const char *call, pgm_error *err)
{
	return pgm__fail(err, PGM_ERR_MISUSE,
			 "%s: the handle has an event loop, and this would stall it; the answers come while the loop "
			 "turns",
			 call);
}

bool pgm__ev_may_block(const pgm__lease *lease, const char *call, pgm_error *err)
{
	const pgm__ev *ev = lease->db->ev;

	return !ev || !ev->has_loop || fail_with_loop(call, err);
}

static pgm__time timeout_of(const pgm_db *db, int timeout_ms)
{
	return timeout_ms < 0 ? db->settings->timeout / PGM__MS : timeout_ms;
}

static bool fail_to_accept(pgm_db *db, pgm__request *r, pgm_error *err)
{
	if (r)
		pgm__request_free(db, r);
	else
		pgm__fail_nomem(err, "submit a statement");
	return false;
}

/* ---------------------------------------------------------------------------------- statements */

static pgm__request *statement_new(pgm_db *db, pgm__request_kind kind, const pgm_query *query, pgm_on_result fn,
				   void *arg)
{
	pgm__request *r = pgm__request_new(db, kind);
	int64_t pool_ms = db->settings->timeout / PGM__MS;

	if (!r)
		return NULL;
	r->query = *query;
	r->on_result = fn;
	r->arg = arg;
	r->whole = query->flags & PGM_LONG;
	if (query->timeout_ms > 0) {
		r->timeout_ms = query->timeout_ms;
		r->due = pgm__clock_after_ms(query->timeout_ms);
	}
	r->patience_ms = r->timeout_ms > 0 && r->timeout_ms < pool_ms ? r->timeout_ms : pool_ms;
	return r;
}

static bool waits(const pgm__request *r)
{
	return r->state == PGM__REQUEST_QUEUED || r->state == PGM__REQUEST_CHECKING || r->state == PGM__REQUEST_HELD;
}

static bool submit(pgm_db *db, const pgm_query *query, pgm_on_result fn, void *arg, pgm_error *err)
{
	pgm__request *r = statement_new(db, PGM__REQUEST_STATEMENT, query, fn, arg);
	bool accepted = r && pgm__queue_ask(db, r, true, err);

	if (accepted && waits(r) && !pgm__request_keep(r, query)) {
		pgm__queue_withdraw(db, r);
		pgm__fail_nomem(err, "submit a statement");
		accepted = false;
	}
	if (!accepted)
		return fail_to_accept(db, r, err);
	db->ev->unanswered++;
	return true;
}

bool pgm__ev_submit(pgm_db *db, const pgm_query *query, pgm_on_result fn, void *arg, pgm_error *err)
{
	bool accepted;

	if (!pgm__ev_enter(db, "pgm_submit", err))
		return false;
	accepted = submit(db, query, fn, arg, err);
	if (db->ev->stirred && db->ev->nested == 0) /* else the step around it sees to all that callbacks submit */
		pgm__ev_work(db);
	pgm__ev_leave(db);
	return accepted;
}

static bool send(pgm__lease *lease, const pgm_query *query, pgm_on_result fn, void *arg, pgm_error *err)
{
	pgm_db *db = lease->db;
	pgm__request *r = statement_new(db, PGM__REQUEST_SENT, query, fn, arg);

	/* It may wait for its turn, and then it needs its own copy. */
	if (r && !pgm__request_keep(r, query)) {
		pgm__request_free(db, r);
		r = NULL;
	}
	if (!r)
		return pgm__fail_nomem(err, "send a statement");
	db->ev->unanswered++;
	pgm__wire_send(db, lease->slot, r);
	return true;
}

bool pgm__ev_carries(const pgm__lease *lease)
{
	const pgm__ev *ev = lease->db->ev;

	return ev && lease->slot != PGM__NO_SLOT && (ev->has_loop || !ev->ended);
}

/* With what the borrower does on it himself. */
static bool is_busy_otherwise(const pgm__lease *lease)
{
	const pgm__wire *w = &lease->db->ev->wire[lease->slot];

	return w->sent.count == 0 && w->held.count == 0 && pgm__is_busy(lease->conn);
}

bool pgm__ev_send(pgm__lease *lease, const pgm_query *query, pgm_on_result fn, void *arg, pgm_error *err)
{
	pgm_db *db = lease->db;
	bool accepted;

	if (!pgm__ev_enter(db, "pgm_send", err))
		return false;
	if (db->ev->ended) {
		accepted =
			pgm__fail(err, PGM_ERR_CLOSED, "pgm_send: the handle is closed, and must not stall its loop");
	} else if (PQstatus(lease->conn) != CONNECTION_OK) {
		accepted = pgm__fail(err, PGM_ERR_BROKEN, "pgm_send: the connection was lost");
	} else if (is_busy_otherwise(lease)) {
		accepted = pgm__fail_busy(err, "pgm_send");
	} else {
		accepted = send(lease, query, fn, arg, err);
		pgm__ev_work(db);
	}
	pgm__ev_leave(db);
	return accepted;
}

/* --------------------------------------------------------------------------------------- loans */

static pgm__request *loan_new(pgm_db *db, const pgm__caller *caller, int64_t timeout_ms, pgm_on_lease fn, void *arg)
{
	pgm__request *r = pgm__request_new(db, PGM__REQUEST_LOAN);

	if (!r)
		return NULL;
	r->on_lease = fn;
	r->arg = arg;
	r->caller = *caller;
	r->whole = true;
	r->patience_ms = timeout_ms;
	return r;
}

static bool ask_for_loan(pgm_db *db, pgm__request *r, bool may_wait, pgm_error *err)
{
	if (!r || !pgm__queue_ask(db, r, may_wait, err))
		return fail_to_accept(db, r, err);
	db->ev->unanswered++;
	return true;
}

bool pgm__ev_acquire_async(pgm_db *db, pgm_on_lease fn, void *arg, pgm_error *err)
{
	const pgm__caller caller = {"pgm_acquire_async", 0};
	bool accepted;

	if (!pgm__ev_enter(db, "pgm_acquire_async", err))
		return false;
	accepted = ask_for_loan(db, loan_new(db, &caller, timeout_of(db, -1), fn, arg), true, err);
	pgm__ev_work(db);
	pgm__ev_leave(db);
	return accepted;
}

/* ------------------------------------------------------------------------------------- waiting */

/* What a waiting call waits for. */
typedef bool (*reached)(pgm_db *db, void *arg);

/* What callbacks have submitted is on its way at the end of it; whatever is answered by then waits for the next. */
static void step(pgm_db *db)
{
	pgm__ev_work(db);
	pgm__ev_deliver(db);
	if (db->ev->stirred)
		pgm__ev_work(db);
}

/* Steps, without a loop. True once it is reached; false: not by then. */
static bool step_until(pgm_db *db, pgm__time deadline, reached is_reached, void *arg)
{
	bool polled = false;

	for (;;) {
		pgm__time until;

		step(db);
		if (is_reached(db, arg))
			return true;
		if (polled && pgm__clock_now() >= deadline)
			return false;
		until = pgm__watch_until(db);
		pgm__watch_poll(db, until < deadline ? until : deadline);
		polled = true;
	}
}

static bool all_is_answered(pgm_db *db, void *arg)
{
	(void)arg;
	return db->ev->unanswered == 0;
}

static bool wait_for_answers(pgm_db *db, int timeout_ms, pgm_error *err)
{
	if (db->ev->has_loop)
		return fail_with_loop("pgm_wait", err);
	if (db->ev->unanswered == 0 && !db->ev->ended)
		pgm__watch_poll(db, 0); /* nobody else will see to what has come meanwhile */
	if (!step_until(db, pgm__clock_after_ms(timeout_ms), all_is_answered, NULL))
		return pgm__fail(err, PGM_ERR_TIMEOUT, "%lld are not answered after %d ms",
				 (long long)db->ev->unanswered, timeout_ms);
	return !pgm__db_is_shut(db) || pgm__fail(err, PGM_ERR_CLOSED, "the handle is closed");
}

bool pgm__ev_wait(pgm_db *db, int timeout_ms, pgm_error *err)
{
	bool ok;
	int before;

	if (!pgm__ev_enter(db, "pgm_wait", err))
		return false;
	before = pgm__cancel_disable();
	ok = wait_for_answers(db, timeout_ms, err);
	pgm__cancel_restore(before);
	pgm__ev_leave(db);
	return ok;
}

static bool is_ready(pgm_db *db, void *arg)
{
	bool ready;

	(void)arg;
	pgm__db_lock(db);
	ready = db->slots.shut || db->failed_for_good || pgm__slots_open(&db->slots) >= db->slots.rules.min_size;
	pgm__db_unlock(db);
	return ready;
}

bool pgm__ev_wait_ready(pgm_db *db, int timeout_ms, pgm_error *err)
{
	bool ok;
	int before;

	if (!pgm__ev_enter(db, "pgm_wait_ready", err))
		return false;
	before = pgm__cancel_disable();
	if (db->ev->has_loop) {
		ok = fail_with_loop("pgm_wait_ready", err);
	} else {
		step_until(db, pgm__clock_after_ms(timeout_ms), is_ready, NULL);
		ok = pgm__db_tell_ready(db, err);
	}
	pgm__cancel_restore(before);
	pgm__ev_leave(db);
	return ok;
}

/* ---------------------------------------------------------------------------- blocking acquire */

typedef struct borrowing {
	bool done;
	PGconn *conn;
	pgm_error *err;
} borrowing;

static void take_loan(PGconn *conn, const pgm_error *err, void *arg)
{
	borrowing *b = arg;

	b->done = true;
	b->conn = conn;
	if (err)
		pgm__error_copy(b->err, err);
}

static bool is_borrowed(pgm_db *db, void *arg)
{
	(void)db;
	return ((const borrowing *)arg)->done;
}

/* Whoever holds the only connection would wait for himself, as on normal. */
static bool check_not_held(const pgm_db *db, pgm_error *err)
{
	if (db->type != PGM_ASYNC || db->ev->wire[0].use != PGM__WIRE_LENT)
		return true;
	return pgm__fail(err, PGM_ERR_MISUSE, "this thread holds the only connection of the handle already");
}

static PGconn *borrow(pgm_db *db, int timeout_ms, const pgm__caller *caller, pgm_error *err)
{
	int64_t ms = timeout_of(db, timeout_ms);
	borrowing b = {.err = err};

	if (db->ev->has_loop) {
		fail_with_loop("pgm_acquire", err);
		return NULL;
	}
	if (db->slots.list[PGM__SLOT_OPENING].count > 0)
		pgm__watch_poll(db, 0); /* where one is always idle nobody else would see to those that are coming up */
	pgm__ev_work(db);		/* what has come back or died meanwhile */
	if (!check_not_held(db, err))
		return NULL;
	if (ask_for_loan(db, loan_new(db, caller, ms, take_loan, &b), ms > 0, err))
		step_until(db, PGM__NEVER, is_borrowed, &b); /* it has a deadline of its own */
	return b.conn;
}

PGconn *pgm__ev_acquire(pgm_db *db, int timeout_ms, const pgm__caller *caller, pgm_error *err)
{
	PGconn *conn;
	int before;

	if (!pgm__ev_enter(db, "pgm_acquire", err))
		return NULL;
	before = pgm__cancel_disable();
	conn = borrow(db, timeout_ms, caller, err);
	pgm__db_forget_orphans(db);
	pgm__cancel_restore(before);
	pgm__ev_leave(db);
	return conn;
}

/* ------------------------------------------------------------------------------------ the loop */

void pgm_ready(pgm_db *db, int fd, unsigned events)
{
	if (!db || !db->ev || !pgm__ev_enter(db, "pgm_ready", NULL))
		return;
	db->ev->working = true;
	pgm__watch_ready(db, fd, events);
	db->ev->working = false;
	step(db);
	pgm__ev_leave(db);
}

void pgm_tick(pgm_db *db)
{
	if (!db || !db->ev || !pgm__ev_enter(db, "pgm_tick", NULL))
		return;
	db->ev->timer_at = PGM__NEVER;
	step(db);
	pgm__ev_leave(db);
}
