/* The driver's life: made, stepped, shut, forked. */
#include "base/error.h"
#include "base/pipe.h"
#include "base/thread.h"
#include "connection/due.h"
#include "connection/evented/calls.h"
#include "connection/evented/cancel.h"
#include "connection/evented/evented.h"
#include "connection/open.h"

#include <stdlib.h>

/* ----------------------------------------------------------------------------- making, freeing */

bool pgm__ev_new(pgm_db *db, const pgm_loop *loop, pgm_error *err)
{
	size_t n = (size_t)db->settings->max_size;
	pgm__ev *ev = calloc(1, sizeof *ev);

	db->ev = ev;
	if (!ev)
		return pgm__fail_nomem(err, "open a handle");
	ev->has_loop = loop != NULL;
	if (loop)
		ev->loop = *loop;
	else
		ev->owner = pgm__thread_number();
	ev->wire = calloc(n, sizeof *ev->wire);
	ev->load = calloc(n, sizeof *ev->load);
	ev->fds_size = 1 + 2 * n; /* the pipe, each connection, and one that cancels for each */
	ev->fds = calloc(ev->fds_size, sizeof *ev->fds);
	ev->fd_slots = calloc(ev->fds_size, sizeof *ev->fd_slots);
	if (!ev->wire || !ev->load || !ev->fds || !ev->fd_slots)
		return pgm__fail_nomem(err, "open a handle");
	for (size_t i = 0; i < n; i++) {
		ev->wire[i].watched.fd = -1;
		ev->load[i] = PGM__LOAD_FULL;
	}
	ev->timer_at = ev->connecting_due = PGM__NEVER;
	ev->pipe.fd = -1;
	pgm__fail(&ev->no_words, PGM_ERR_NOMEM, "it failed, and there is no memory to say why");
	return true;
}

void pgm__ev_free(pgm_db *db)
{
	pgm__ev *ev = db->ev;

	if (!ev)
		return;
	while (ev->unused) {
		pgm__request *r = ev->unused;

		ev->unused = r->next;
		free(r->copy);
		free(r);
	}
	pgm__deadlines_free(&ev->deadlines);
	free(ev->by_fd);
	free(ev->fds);
	free(ev->fd_slots);
	free(ev->wire);
	free(ev->load);
	free(ev);
	db->ev = NULL;
}

/* ---------------------------------------------------------------------------- going in and out */

static bool fail_owner(const char *call, pgm_error *err)
{
	return pgm__fail(err, PGM_ERR_MISUSE, "%s: an event-driven handle belongs to one thread, and this is another",
			 call);
}

static bool fail_working(const char *call, pgm_error *err)
{
	return pgm__fail(err, PGM_ERR_MISUSE, "%s: not from inside a hook or a log function", call);
}

static void forget_parents(pgm_db *db);

/* From inside of a callback, and so of another call of this thread's, which keeps the handle: nothing is left to ask. */
static bool is_nested(const pgm__ev *ev, uint64_t self)
{
	return atomic_load_explicit(&ev->by, memory_order_relaxed) == self && !ev->working && !ev->forked;
}

bool pgm__ev_enter(pgm_db *db, const char *call, pgm_error *err)
{
	pgm__ev *ev = db->ev;
	uint64_t self = pgm__thread_number();
	bool is_owner, shut, works = false, forked = false;

	if (is_nested(ev, self)) {
		ev->nested++;
		return true;
	}
	pgm__db_lock(db);
	shut = db->slots.shut;
	if (ev->owner == 0)
		ev->owner = self; /* a loop's thread is the one that uses it first */
	is_owner = ev->owner == self;
	if (is_owner) {
		works = ev->working;
		forked = ev->forked;
		ev->inside += !works;
		db->refs += !works;
		atomic_store_explicit(&ev->by, self, memory_order_relaxed);
	}
	pgm__db_unlock(db);
	if (!is_owner && shut)
		return pgm__fail(err, PGM_ERR_CLOSED, "the handle is closed"); /* by whomever */
	if (!is_owner)
		return fail_owner(call, err);
	if (works)
		return fail_working(call, err);
	if (forked)
		forget_parents(db);
	return true;
}

/* Nothing is left that the loop would have to call for. */
static bool is_over(const pgm__ev *ev)
{
	return ev->ended && ev->inside == 0 && !ev->answers.first && !ev->is_told;
}

void pgm__ev_leave(pgm_db *db)
{
	pgm__ev *ev = db->ev;
	const pgm_loop loop = ev->loop;
	bool last, over;

	if (ev->nested > 0) {
		ev->nested--;
		return;
	}
	if (!ev->ended)
		pgm__watch_pipe(db);
	if (!ev->ended || ev->answers.first)
		pgm__watch_timer(db);
	pgm__db_lock(db);
	if (--ev->inside == 0)
		atomic_store_explicit(&ev->by, 0, memory_order_relaxed);
	over = is_over(ev);
	ev->is_told = ev->is_told || over;
	last = pgm__db_unref_locked(db);
	pgm__db_unlock(db);
	if (last)
		pgm__db_free(db);
	if (over && loop.closed)
		loop.closed(loop.ctx);
}

/* ------------------------------------------------------------------------------------- the work */

static void do_due(pgm_db *db)
{
	pgm__ev *ev = db->ev;
	pgm__due due;

	do {
		due = pgm__db_do_due(db);
		if (due.what == PGM__DUE_OPEN)
			pgm__watch_slot(db, due.slot);
	} while (due.what != PGM__DUE_NOTHING);
	ev->slots_due = due.until;
}

/* Those that take too long; and when the first of the others will have. */
static void go_on_connecting(pgm_db *db, pgm__time now)
{
	pgm__ev *ev = db->ev;

	ev->connecting_due = PGM__NEVER;
	for (int32_t i = db->slots.list[PGM__SLOT_OPENING].first, next; i != PGM__NO_SLOT; i = next) {
		const pgm__connector *c = db->place[i].connector;
		pgm__time until = c ? pgm__connector_deadline(c) : PGM__NEVER;

		next = db->slot[i].next;
		if (until <= now) {
			pgm__unwatch_slot(db, i);
			pgm__db_go_on_connecting(db, i, false);
			pgm__watch_slot(db, i);
			ev->stirred = true;
		} else if (until < ev->connecting_due) {
			ev->connecting_due = until;
		}
	}
}

static void take_strays(pgm_db *db)
{
	pgm__lease *lease, *next;

	pgm__db_lock(db);
	lease = db->ev->strays;
	db->ev->strays = NULL;
	pgm__db_unlock(db);
	for (; lease; lease = next) {
		next = lease->next_orphan;
		pgm__return_stray(lease);
	}
}

static void end(pgm_db *db);

/* What others, and the slots, have left to be done. */
typedef struct agenda {
	bool stir, woken, strays, shut;
} agenda;

static agenda look_for_work(pgm_db *db)
{
	agenda a;

	pgm__db_lock(db);
	a = (agenda){.stir = db->slots.stir,
		     .woken = db->slots.woken_first != NULL,
		     .strays = db->ev->strays != NULL,
		     .shut = db->slots.shut};
	pgm__db_unlock(db);
	return a;
}

static void work_once(pgm_db *db, const agenda *a)
{
	pgm__time now = pgm__clock_now();

	db->ev->stirred = false;
	if (a->strays)
		take_strays(db);
	if (a->stir || now >= db->ev->slots_due)
		do_due(db);
	if (db->ev->resumes)
		pgm__wire_resume(db);
	if (db->ev->refused)
		pgm__watch_give_up_refused(db);
	if (pgm__queue_serve(db, a->woken))
		db->ev->stirred = true;
	pgm__queue_expire(db, now);
	pgm__cancel_expire(db, now);
	go_on_connecting(db, now);
}

void pgm__ev_work(pgm_db *db)
{
	pgm__ev *ev = db->ev;
	agenda a;

	if (ev->working || ev->ended)
		return;
	ev->working = true;
	a = look_for_work(db);
	do {
		work_once(db, &a);
		a = look_for_work(db);
	} while ((a.stir || a.woken || a.strays || ev->stirred) && !a.shut);
	ev->working = false;
	if (a.shut)
		end(db);
}

static void call_back(pgm__request *r)
{
	PGresult *res = r->res;

	r->res = NULL;
	if (r->on_lease)
		r->on_lease(r->conn, r->err, r->arg);
	else if (r->on_result)
		r->on_result(res, r->err, r->arg);
}

void pgm__ev_deliver(pgm_db *db)
{
	pgm__request *r;

	while ((r = pgm__requests_pop(&db->ev->answers)) != NULL) {
		db->ev->unanswered--;
		call_back(r);
		pgm__request_free(db, r);
		if (db->ev->forked) /* in there: the others are the parent's */
			forget_parents(db);
	}
}

/* ------------------------------------------------------------------------------------- the end */

static void end_wires(pgm_db *db)
{
	pgm_error why;

	pgm__fail(&why, PGM_ERR_CLOSED, "the handle was closed before the answer came");
	for (int32_t i = 0; i < db->slots.rules.max_size; i++)
		if (db->ev->wire[i].use != PGM__WIRE_NONE)
			pgm__wire_lose(db, i, &why);
}

static void end_connecting(pgm_db *db)
{
	for (int32_t i = 0; i < db->slots.rules.max_size; i++) {
		if (!db->place[i].connector)
			continue;
		pgm__unwatch_slot(db, i);
		pgm__db_connect_failed(db, i, db->place[i].connector, NULL);
	}
}

/* From here on whoever gives back a connection closes it. False: before, somebody has left one to be closed. */
static bool is_end(pgm_db *db)
{
	bool is;

	pgm__db_lock(db);
	is = db->ev->ended = db->ev->strays == NULL;
	if (is)
		pgm__db_close_pipe_locked(db);
	pgm__db_unlock(db);
	return is;
}

/* The slots are shut: all that is under way is answered, all that is not lent is closed. */
static void end(pgm_db *db)
{
	pgm__ev *ev = db->ev;

	ev->working = true;
	take_strays(db);
	pgm__cancel_forget_all(db);
	end_wires(db);
	end_connecting(db);
	pgm__queue_serve(db, true);
	pgm__db_close_due(db);
	pgm__watch_end(db);
	while (!is_end(db))
		take_strays(db);
	ev->working = false;
}

/* A handle without a loop belongs to nobody while its thread is not inside: the thread may have ended. */
static bool take_over(pgm_db *db)
{
	pgm__ev *ev = db->ev;
	bool taken;

	pgm__db_lock(db);
	if (ev->owner == 0 || (!ev->has_loop && ev->inside == 0))
		ev->owner = pgm__thread_number();
	taken = ev->owner == pgm__thread_number();
	if (!taken)
		pgm__pipe_wake(db->wake);
	pgm__db_unlock(db);
	return taken;
}

void pgm__ev_shut(pgm_db *db)
{
	if (!take_over(db) || !pgm__ev_enter(db, "pgm_close", NULL))
		return; /* whoever is at work ends it */
	if (!db->ev->ended)
		end(db);
	pgm__ev_deliver(db);
	pgm__ev_leave(db);
}

void pgm__ev_closing(pgm_db *db, int32_t slot)
{
	pgm__wire *w = &db->ev->wire[slot];

	pgm__cancel_forget(db, slot);
	pgm__unwatch_slot(db, slot);
	pgm__prepared_clear(&w->prepared);
	*w = (pgm__wire){.watched = {.fd = -1}};
	if (db->ev->ended) /* this may be any thread, and there is nothing left to choose */
		return;
	pgm__queue_count(db, slot);
	db->ev->stirred = true;
}

void pgm__ev_finished(pgm_db *db, int32_t slot)
{
	pgm_error why;

	if (db->ev->ended || !pgm__ev_enter(db, "PQfinish", NULL))
		return;
	pgm__fail(&why, PGM_ERR_BROKEN, "PQfinish was called on its connection");
	pgm__wire_abort(db, slot, &why);
	pgm__ev_closing(db, slot);
	pgm__ev_leave(db);
}

/* Its socket may be another one of the same number. */
void pgm__ev_reset(pgm_db *db, int32_t slot)
{
	pgm__wire *w = &db->ev->wire[slot];
	pgm_error why;

	if (db->ev->ended || !pgm__ev_enter(db, "PQreset", NULL))
		return;
	pgm__fail(&why, PGM_ERR_BROKEN, "PQreset was called on its connection");
	pgm__wire_abort(db, slot, &why);
	pgm__cancel_forget(db, slot);
	pgm__unwatch_slot(db, slot);
	pgm__prepared_clear(&w->prepared);
	w->blocked = w->nulled = false;
	pgm__ev_leave(db);
}

static void wake_owner(pgm_db *db)
{
	pgm__db_lock(db);
	if (!db->ev->ended)
		pgm__pipe_wake(db->wake);
	pgm__db_unlock(db);
}

/* Any thread may ask for it, which does not make that one the handle's. */
static bool is_owner(pgm_db *db)
{
	bool is;

	pgm__db_lock(db);
	is = db->ev->owner == pgm__thread_number();
	pgm__db_unlock(db);
	return is;
}

void pgm__ev_drained(pgm_db *db)
{
	atomic_store(&db->ev->drained, true);
	if (!is_owner(db) || !pgm__ev_enter(db, "pgm_drain", NULL)) {
		wake_owner(db);
		return;
	}
	pgm__ev_work(db);
	pgm__ev_leave(db);
}

/* ---------------------------------------------------------------------------------------- fork */

/* Memory that cannot be trusted is lost to the child. */
static void leave_behind(pgm_db *db)
{
	pgm__ev *ev = db->ev;

	for (int32_t i = 0; i < db->slots.rules.max_size; i++)
		ev->wire[i] = (pgm__wire){.watched = {.fd = -1}};
	ev->deadlines = (pgm__deadlines){.count = 0};
	ev->answers = (pgm__requests){.count = 0};
	ev->unused = NULL;
	ev->unused_count = 0;
	ev->requests = 0;
	ev->by_fd = NULL;
	ev->by_fd_size = 0;
	db->slots.head = NULL;
}

/* What waits, runs or is to be called back is the parent's. The loop is not told either, not even of the end: what it
 * watches it shares with the parent's. */
void pgm__ev_forked_locked(pgm_db *db)
{
	pgm__ev *ev = db->ev;

	ev->is_told = ev->is_told || ev->owner != 0;
	if (ev->owner != pgm__thread_number()) {
		if (ev->inside > 0)
			leave_behind(db); /* its thread may be in the middle of anything */
		db->refs -= ev->inside;
		ev->inside = ev->nested = 0;
		atomic_store_explicit(&ev->by, 0, memory_order_relaxed);
		ev->working = false;
		ev->owner = pgm__thread_number();
	}
	db->refs += ev->nested; /* from here on they leave one by one */
	ev->inside += ev->nested;
	ev->nested = 0;
	ev->forked = true;
	ev->forked_queue = db->slots.head;
	ev->strays = NULL;
}

static void free_list(pgm_db *db, pgm__requests *list)
{
	pgm__request *r;

	while ((r = pgm__requests_pop(list)) != NULL)
		pgm__request_free(db, r);
}

static void forget_wire(pgm_db *db, pgm__wire *w)
{
	free_list(db, &w->sent);
	free_list(db, &w->held);
	if (w->pending)
		pgm__request_free(db, w->pending);
	pgm__prepared_clear(&w->prepared);
	*w = (pgm__wire){.watched = {.fd = -1}};
}

static void forget_parents(pgm_db *db)
{
	pgm__ev *ev = db->ev;

	for (pgm__waiter *w = ev->forked_queue, *next; w; w = next) {
		next = w->next;
		pgm__request_free(db, (pgm__request *)w);
	}
	for (int32_t i = 0; i < db->slots.rules.max_size; i++) {
		forget_wire(db, &ev->wire[i]);
		ev->load[i] = PGM__LOAD_FULL;
	}
	free_list(db, &ev->answers);
	for (size_t i = 0; i < ev->by_fd_size; i++)
		ev->by_fd[i] = 0;
	ev->cancels = NULL; /* as connectors: another thread may have been at them */
	ev->wholes = ev->statements = ev->reserved = 0;
	ev->unanswered = 0;
	ev->timer_at = ev->connecting_due = PGM__NEVER;
	ev->pipe.fd = -1;
	ev->slots_due = 0;
	ev->forked_queue = NULL;
	ev->forked = false;
}
