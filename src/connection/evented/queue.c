/*
 * Who waits, and who gets what. All requests stand in the one queue of the slots, first come, first served. A
 * statement takes an idle connection; else it waits for the one that is being opened, while there is room for
 * more; else it goes behind others on the least loaded. A loan, and a statement that is said to be long, take
 * only a whole connection: for each of them that waits one connection at work is reserved and takes no more.
 */
#include "base/error.h"
#include "connection/evented/cancel.h"
#include "connection/evented/evented.h"
#include "connection/look.h"
#include "connection/open.h"

static pgm__request *request_of(pgm__waiter *w)
{
	return (pgm__request *)w;
}

static bool shares(const pgm__request *r)
{
	return r->kind == PGM__REQUEST_STATEMENT && !r->whole;
}

/* -------------------------------------------------------------------------------- wires that take */

/* Too old to take more, so that it comes to its end and is replaced; while the server takes no new connections an
 * old one is better than none. */
static bool has_expired(const pgm_db *db, int32_t slot)
{
	return (db->ev->wire[slot].outlived || db->place[slot].lease->expires <= pgm__clock_coarse()) &&
	       db->slots.failing_since == 0;
}

static bool takes(const pgm_db *db, int32_t slot)
{
	const pgm__wire *w = &db->ev->wire[slot];

	return w->use == PGM__WIRE_AT_WORK && !w->blocked && !w->whole && !w->reserved && !w->cancelling &&
	       !has_expired(db, slot);
}

void pgm__queue_count(pgm_db *db, int32_t slot)
{
	pgm__ev *ev = db->ev;
	pgm__wire *w = &ev->wire[slot];

	if (w->use != PGM__WIRE_AT_WORK && w->reserved) {
		w->reserved = false;
		ev->reserved--;
	}
	ev->load[slot] = takes(db, slot) ? w->sent.count : PGM__LOAD_FULL;
	if (ev->load[slot] < PGM__DEPTH && ev->statements > 0)
		ev->stirred = true;
}

static int32_t least_loaded(const pgm_db *db)
{
	return pgm__choose_least(db->ev->load, db->slots.rules.max_size);
}

/* One for each that wants one whole, as far as there are any. */
static void reserve(pgm_db *db)
{
	pgm__ev *ev = db->ev;

	while (ev->reserved < ev->wholes) {
		int32_t slot = least_loaded(db);

		if (slot < 0)
			return;
		ev->wire[slot].reserved = true;
		ev->reserved++;
		pgm__queue_count(db, slot);
	}
	for (int32_t i = 0; i < db->slots.rules.max_size && ev->reserved > ev->wholes; i++) {
		if (!ev->wire[i].reserved)
			continue;
		ev->wire[i].reserved = false;
		ev->reserved--;
		pgm__queue_count(db, i);
	}
}

/* ---------------------------------------------------------------------------- in and out of line */

static void count_waiting(pgm_db *db, const pgm__request *r, int32_t by)
{
	if (shares(r))
		db->ev->statements += by;
	else
		db->ev->wholes += by;
}

static pgm__time sooner(pgm__time a, pgm__time b)
{
	return a < b ? a : b;
}

static void stand_in_line(pgm_db *db, pgm__request *r)
{
	r->state = PGM__REQUEST_QUEUED;
	count_waiting(db, r, +1);
	if (r->deadline.place == 0)
		pgm__deadlines_set(&db->ev->deadlines, &r->deadline, sooner(r->due, r->patience));
	db->ev->stirred = true;
}

static void leave_line(pgm_db *db, pgm__request *r)
{
	count_waiting(db, r, -1);
	r->state = PGM__REQUEST_NEW;
}

static void fail_waiting(pgm_db *db, pgm__request *r, pgm__verdict verdict)
{
	pgm_error why;

	pgm__db_lock(db);
	pgm__fail_verdict(db, verdict, r->patience_ms, &why);
	pgm__request_answer(db, r, &why);
}

/* ------------------------------------------------------------------------------- a whole connection */

static bool check(pgm_db *db, int32_t slot, pgm__request *r)
{
	static const pgm_query nothing = {.sql = ""};
	pgm__wire *w = &db->ev->wire[slot];
	pgm__time until = pgm__check_deadline(db->place[slot].lease, pgm__clock_now(), sooner(r->due, r->patience));

	pgm__wire_begin(db, slot, PGM__WIRE_CHECKING);
	w->pending = r;
	r->state = PGM__REQUEST_CHECKING;
	r->slot = slot;
	if (r->deadline.place == 0)
		pgm__deadlines_set(&db->ev->deadlines, &r->deadline, sooner(r->due, r->patience));
	if (pgm__wire_send_own(db, slot, PGM__REQUEST_CHECK, &nothing, until)) {
		pgm__watch_slot(db, slot);
		return true;
	}
	w->pending = NULL;
	r->state = PGM__REQUEST_NEW;
	return false;
}

/* False: the check hook rejected the connection, which has been dropped. */
static bool give(pgm_db *db, int32_t slot, pgm__request *r)
{
	pgm__deadlines_remove(&db->ev->deadlines, &r->deadline);
	db->ev->wire[slot].outlived = false;
	if (r->kind == PGM__REQUEST_LOAN)
		return pgm__loan_give(db, slot, r);
	pgm__wire_begin(db, slot, PGM__WIRE_AT_WORK);
	pgm__wire_send(db, slot, r);
	return true;
}

/* The slot is LENT to the driver, for r. False: its connection was dead, and has been dropped. */
static bool try_slot(pgm_db *db, int32_t slot, pgm__request *r)
{
	pgm__lease *lease = db->place[slot].lease;
	pgm__time now = pgm__clock_now();
	pgm_error why = {.code = PGM_OK};

	if (!pgm__lease_is_fresh(lease, now)) {
		if (PQtransactionStatus(lease->conn) != PQTRANS_IDLE)
			pgm__fail(&why, PGM_ERR_MISUSE, "it was used after pgm_release");
		else
			pgm__look(lease->conn, &why);
		if (why.code != PGM_OK) {
			pgm__db_drop(db, lease, &why);
			return false;
		}
	}
	if (pgm__lease_check_is_due(lease, now) && check(db, slot, r))
		return true;
	return give(db, slot, r);
}

static pgm__verdict ask_again(pgm_db *db, pgm__request *r)
{
	pgm__verdict verdict;

	pgm__db_lock(db);
	verdict = pgm__slots_acquire(&db->slots, &r->waiter, true, pgm__clock_now());
	pgm__db_unlock(db);
	return verdict;
}

/* What the slots answered, to its end. */
static void go_on(pgm_db *db, pgm__request *r, pgm__verdict verdict)
{
	while (verdict == PGM__GOT && !try_slot(db, r->waiter.slot, r))
		verdict = ask_again(db, r);
	if (verdict == PGM__WAIT)
		stand_in_line(db, r);
	else if (verdict != PGM__GOT)
		fail_waiting(db, r, verdict);
}

void pgm__queue_checked(pgm_db *db, int32_t slot)
{
	pgm__wire *w = &db->ev->wire[slot];
	pgm__request *r = w->pending;

	w->pending = NULL;
	if (!r) {
		pgm__wire_end(db, slot); /* it did not want to wait any longer */
		return;
	}
	r->state = PGM__REQUEST_NEW;
	if (!give(db, slot, r))
		go_on(db, r, ask_again(db, r));
}

void pgm__queue_check_failed(pgm_db *db, pgm__request *r)
{
	r->state = PGM__REQUEST_NEW;
	go_on(db, r, ask_again(db, r));
}

/* -------------------------------------------------------------------------------------- asking */

/* More are coming up, or may be opened at once. */
static bool can_grow(const pgm__slots *s)
{
	return s->failing_since == 0 &&
	       pgm__slots_count(s, PGM__SLOT_EMPTY) + pgm__slots_count(s, PGM__SLOT_OPENING) > 0;
}

/* Nobody is before it, no connection is idle and none to come: then it need not stand in line to go behind others. */
static int32_t shortcut_locked(const pgm_db *db, const pgm__request *r)
{
	const pgm__slots *s = &db->slots;

	if (!shares(r) || s->shut || s->head || s->list[PGM__SLOT_IDLE].count > 0 || can_grow(s))
		return PGM__NO_SLOT;
	return least_loaded(db);
}

bool pgm__queue_ask(pgm_db *db, pgm__request *r, bool may_wait, pgm_error *err)
{
	pgm__verdict verdict;
	int32_t slot;

	pgm__db_lock(db);
	slot = shortcut_locked(db, r);
	if (slot != PGM__NO_SLOT) {
		pgm__db_unlock(db);
		pgm__wire_send(db, slot, r);
		return true;
	}
	r->patience = pgm__clock_after_ms(r->patience_ms);
	verdict = pgm__slots_acquire(&db->slots, &r->waiter, may_wait, pgm__clock_now());
	if (verdict != PGM__GOT && verdict != PGM__WAIT) {
		pgm__fail_verdict(db, verdict, r->patience_ms, err);
		db->ev->stirred = true;
		return false;
	}
	pgm__db_unlock(db);
	go_on(db, r, verdict);
	return true;
}

void pgm__queue_withdraw(pgm_db *db, pgm__request *r)
{
	pgm__deadlines_remove(&db->ev->deadlines, &r->deadline);
	db->ev->stirred = true;
	if (r->state == PGM__REQUEST_CHECKING) {
		db->ev->wire[r->slot].pending = NULL;
		return;
	}
	pgm__db_lock(db);
	pgm__slots_leave(&db->slots, &r->waiter, pgm__clock_now());
	pgm__db_unlock(db);
	leave_line(db, r);
}

/* ------------------------------------------------------------------------------------- serving */

static bool serve_woken(pgm_db *db)
{
	bool any = false;

	for (;;) {
		pgm__verdict verdict = PGM__WAIT;
		pgm__waiter *w;

		pgm__db_lock(db);
		w = pgm__slots_next_woken(&db->slots);
		if (w)
			verdict = pgm__slots_retry(&db->slots, w, pgm__clock_now());
		pgm__db_unlock(db);
		if (!w)
			return any;
		if (verdict == PGM__WAIT)
			continue;
		any = true;
		leave_line(db, request_of(w));
		go_on(db, request_of(w), verdict);
	}
}

/* The first in line that would share, out of it. */
static pgm__request *take_first_sharing(pgm_db *db)
{
	pgm__waiter *w;

	pgm__db_lock(db);
	w = can_grow(&db->slots) ? NULL : db->slots.head;
	while (w && !shares(request_of(w)))
		w = w->next;
	if (w && pgm__slots_leave(&db->slots, w, pgm__clock_now()) != PGM__NONE)
		w = NULL;
	pgm__db_unlock(db);
	return w ? request_of(w) : NULL;
}

static bool double_up(pgm_db *db)
{
	bool any = false;

	while (db->ev->statements > 0) {
		int32_t slot = least_loaded(db);
		pgm__request *r = slot < 0 ? NULL : take_first_sharing(db);

		if (!r)
			break;
		any = true;
		leave_line(db, r);
		pgm__deadlines_remove(&db->ev->deadlines, &r->deadline);
		pgm__wire_send(db, slot, r);
	}
	return any;
}

static void note_drain(pgm_db *db)
{
	pgm__time now;

	if (!atomic_load_explicit(&db->ev->drained, memory_order_relaxed) || !atomic_exchange(&db->ev->drained, false))
		return;
	now = pgm__clock_now();
	pgm__db_lock(db);
	for (int32_t i = 0; i < db->slots.rules.max_size; i++)
		db->ev->wire[i].outlived = db->slot[i].expires <= now;
	pgm__db_unlock(db);
	for (int32_t i = 0; i < db->slots.rules.max_size; i++)
		pgm__queue_count(db, i);
}

bool pgm__queue_serve(pgm_db *db, bool woken)
{
	bool any;

	note_drain(db);
	any = woken && serve_woken(db);
	if (db->ev->wholes > 0 || db->ev->reserved > 0)
		reserve(db);
	return double_up(db) || any;
}

/* ------------------------------------------------------------------------------------ deadlines */

static pgm__request *request_of_deadline(pgm__deadline *d)
{
	return (pgm__request *)(void *)((char *)d - offsetof(pgm__request, deadline));
}

static void expire_waiting(pgm_db *db, pgm__request *r)
{
	pgm__verdict verdict;

	pgm__db_lock(db);
	verdict = pgm__slots_leave(&db->slots, &r->waiter, pgm__clock_now());
	pgm__db_unlock(db);
	leave_line(db, r);
	if (verdict == PGM__NONE)
		fail_waiting(db, r, PGM__NONE);
	else
		go_on(db, r, verdict);
}

static void fail_late(const pgm__request *r, const char *what, bool known, pgm_error *err)
{
	pgm__fail(err, PGM_ERR_TIMEOUT, "the statement did not end within %lld ms%s", (long long)r->timeout_ms, what);
	if (!known)
		pgm__error_sqlstate(err, "08007");
}

static void fail_silent(pgm_error *err)
{
	pgm__fail(err, PGM_ERR_TIMEOUT, "the server did not answer in time");
}

/* For those who wait in vain, to say why. */
static void note_silence(pgm_db *db)
{
	pgm__db_lock(db);
	fail_silent(&db->last_error);
	pgm__db_unlock(db);
}

static void expire_on_wire(pgm_db *db, pgm__request *r)
{
	pgm__wire *w = &db->ev->wire[r->slot];
	pgm_error why;

	if (r->kind == PGM__REQUEST_CHECK || r->kind == PGM__REQUEST_CLEAN ||
	    r->kind == PGM__REQUEST_CANCEL) { /* a DRAIN is cancelled as a statement is */
		if (r->kind == PGM__REQUEST_CHECK)
			note_silence(db);
		fail_silent(&why);
		pgm__wire_lose(db, r->slot, &why);
	} else if (w->sent.first == r) {
		if (!r->cancelled)
			pgm__cancel_begin(db, r->slot);
	} else {
		fail_late(r, ": it waits behind others on its connection, and may still run", false, &why);
		if (!pgm__wire_abandon(db, r, &why))
			pgm__deadlines_set(&db->ev->deadlines, &r->deadline, pgm__clock_now() + PGM__SECOND);
	}
}

static void expire_one(pgm_db *db, pgm__request *r)
{
	pgm_error why;

	switch (r->state) {
	case PGM__REQUEST_QUEUED:
		expire_waiting(db, r);
		break;
	case PGM__REQUEST_CHECKING:
		db->ev->wire[r->slot].pending = NULL;
		note_silence(db);
		fail_waiting(db, r, PGM__NONE);
		break;
	case PGM__REQUEST_HELD:
		pgm__requests_remove(&db->ev->wire[r->slot].held, r);
		fail_late(r, ": it had not been sent", true, &why);
		pgm__request_answer(db, r, &why);
		break;
	case PGM__REQUEST_ON_WIRE:
		expire_on_wire(db, r);
		break;
	case PGM__REQUEST_NEW:
	case PGM__REQUEST_ANSWERED:
		break;
	}
}

void pgm__queue_expire(pgm_db *db, pgm__time now)
{
	pgm__deadline *d;

	while ((d = pgm__deadlines_first(&db->ev->deadlines)) != NULL && d->at <= now) {
		pgm__deadlines_remove(&db->ev->deadlines, d);
		expire_one(db, request_of_deadline(d));
	}
}
