/* A whole connection in the caller's hands, out of pipeline mode and blocking: lent, and given back. */
#include "base/error.h"
#include "base/log.h"
#include "base/pipe.h"
#include "base/thread.h"
#include "connection/clean.h"
#include "connection/evented/calls.h"
#include "connection/evented/cancel.h"
#include "connection/evented/evented.h"
#include "connection/events.h"
#include "connection/libpq_error.h"
#include "connection/look.h"

#define CLEAN_WITHIN (3 * PGM__SECOND)

/* One that was just opened and is rejected at once: the next would fare no better. */
static bool reject(pgm_db *db, pgm__lease *lease, pgm__request *r, const pgm_error *why)
{
	bool was_new = lease->given_back == 0;

	if (was_new)
		pgm__request_answer(db, r, why);
	pgm__db_drop(db, lease, why);
	return was_new;
}

bool pgm__loan_give(pgm_db *db, int32_t slot, pgm__request *r)
{
	pgm__lease *lease = db->place[slot].lease;
	pgm_error why;

	pgm__error_clear(&why);
	if (!pgm__events_register(lease)) {
		pgm__fail_nomem(&why, "lend a connection");
		return reject(db, lease, r, &why);
	}
	if (!pgm__wire_make_plain(lease->conn)) {
		pgm__fail_libpq(&why, lease->conn);
		return reject(db, lease, r, &why);
	}
	if (!pgm__lease_passes_hook(lease, &why))
		return reject(db, lease, r, &why);
	pgm__wire_begin(db, slot, PGM__WIRE_LENT);
	pgm__db_lock(db);
	pgm__db_lend_locked(lease, &r->caller);
	pgm__db_unlock(db);
	r->conn = lease->conn;
	pgm__watch_slot(db, slot);
	pgm__request_answer(db, r, NULL);
	return true;
}

/* ----------------------------------------------------------------------------------- giving back */

/* What was sent on it and is not answered yet will not be. */
static void answer_the_rest(pgm_db *db, int32_t slot)
{
	pgm_error why;

	pgm__fail(&why, PGM_ERR_BROKEN, "the connection was given back before the answer came");
	pgm__wire_lose(db, slot, &why);
}

void pgm__loan_lost(pgm_db *db, int32_t slot, const pgm_error *why)
{
	pgm__wire *w = &db->ev->wire[slot];
	pgm__lease *lease = db->place[slot].lease;

	pgm__tell_what_was_left(lease, w->rolled_back, false, why);
	w->use = PGM__WIRE_NONE;
	pgm__put_back(lease, false, w->rolled_back);
}

static void cleaned(pgm_db *db, int32_t slot)
{
	pgm__wire *w = &db->ev->wire[slot];
	pgm__lease *lease = db->place[slot].lease;
	bool usable;
	pgm_error why;

	pgm__error_clear(&why);
	usable = pgm__wire_make_plain(lease->conn) && PQtransactionStatus(lease->conn) == PQTRANS_IDLE;
	if (!usable)
		pgm__fail_libpq(&why, lease->conn);
	if (db->hooks.reset)
		pgm__prepared_clear(&w->prepared); /* it may say DISCARD ALL */
	if (!usable || !pgm__look(lease->conn, &why) || !pgm__clean_by_hook(lease, &why)) {
		pgm__loan_lost(db, slot, &why);
		return;
	}
	pgm__tell_what_was_left(lease, w->rolled_back, true, &why);
	w->use = PGM__WIRE_NONE;
	pgm__swallow_notifications(lease->conn);
	pgm__put_back(lease, true, w->rolled_back);
}

static void run(pgm_db *db, int32_t slot, const char *sql)
{
	pgm__wire *w = &db->ev->wire[slot];
	const pgm_query query = {.sql = sql};
	pgm_error why;

	if (pgm__wire_send_own(db, slot, PGM__REQUEST_CLEAN, &query, w->clean_until)) {
		if (w->use == PGM__WIRE_CLEANING)
			pgm__watch_slot(db, slot);
		return;
	}
	pgm__fail_nomem(&why, "clean it");
	pgm__loan_lost(db, slot, &why);
}

/* One thing after the other: each is sent, and its answer comes by and by. */
void pgm__loan_clean(pgm_db *db, int32_t slot)
{
	pgm__wire *w = &db->ev->wire[slot];
	pgm__lease *lease = db->place[slot].lease;
	char sql[96];

	if (w->cancelling)
		return; /* it would hit what is sent now */
	if (!w->rolled_back && pgm__is_in_transaction(lease->conn)) {
		w->rolled_back = true;
		run(db, slot, "ROLLBACK");
	} else if (!w->encoded && pgm__clean_encoding(lease, sql)) {
		w->encoded = true;
		run(db, slot, sql);
	} else {
		cleaned(db, slot);
	}
}

static void begin_cleaning(pgm_db *db, pgm__lease *lease, int32_t slot)
{
	pgm__wire *w = &db->ev->wire[slot];
	PGconn *conn = lease->conn;
	pgm_error why;

	pgm__clean_local(conn);
	pgm__wire_begin(db, slot, PGM__WIRE_CLEANING);
	w->clean_until = pgm__clock_now() + CLEAN_WITHIN;
	if (PQstatus(conn) != CONNECTION_OK || PQsetnonblocking(conn, 1) != 0) {
		pgm__fail_libpq(&why, conn);
		pgm__loan_lost(db, slot, &why);
	} else if (!pgm__is_busy(conn)) {
		pgm__loan_clean(db, slot);
	} else if (!pgm__wire_drain(db, slot)) {
		pgm__fail_nomem(&why, "clean it");
		pgm__loan_lost(db, slot, &why);
	}
}

/* True if the calling thread may not touch what is the owner's: then the owner gives it back, at its next step. */
static bool leave_to_owner(pgm__lease *lease)
{
	pgm_db *db = lease->db;
	bool is_owner, shut;

	pgm__db_lock(db);
	shut = db->slots.shut;
	is_owner = db->ev->owner == pgm__thread_number() || db->ev->ended;
	if (!is_owner) {
		lease->next_orphan = db->ev->strays;
		db->ev->strays = lease;
		atomic_store_explicit(&lease->loan, PGM__RETURNING, memory_order_relaxed);
		pgm__pipe_wake(db->wake);
	}
	pgm__db_unlock(db);
	if (!is_owner && !shut)
		pgm__log(PGM_LOG_ERROR,
			 "pgm_release: the handle is another thread's, and takes the connection at its next use");
	return !is_owner;
}

/* Without a loop nobody else would do it. The answers of others wait meanwhile. */
static void wait_until_clean(pgm_db *db, int32_t slot)
{
	while (db->ev->wire[slot].use == PGM__WIRE_CLEANING) {
		pgm__watch_poll(db, pgm__watch_due(db));
		pgm__ev_work(db);
	}
}

bool pgm__ev_give_back(pgm__lease *lease)
{
	pgm_db *db = lease->db;
	int32_t slot = lease->slot;

	if (leave_to_owner(lease))
		return false;
	if (db->ev->wire[slot].sent.count > 0 || db->ev->wire[slot].held.count > 0)
		answer_the_rest(db, slot);
	if (db->slots.shut || !pgm__ev_enter(db, "pgm_release", NULL)) {
		pgm__cancel_forget(db, slot);
		return true;
	}
	pgm__cancel_end(db, slot);
	begin_cleaning(db, lease, slot);
	pgm__ev_work(db);
	if (!db->ev->has_loop)
		wait_until_clean(db, slot);
	pgm__ev_leave(db);
	return false;
}

bool pgm__ev_keeps_back(pgm__lease *lease)
{
	if (leave_to_owner(lease))
		return true;
	if (!lease->db->ev->wire[lease->slot].cancelling)
		return false;
	atomic_store_explicit(&lease->loan, PGM__RETURNING, memory_order_relaxed);
	return !pgm__ev_give_back(lease);
}

void pgm__ev_given_back(pgm_db *db, int32_t slot)
{
	db->ev->wire[slot].use = PGM__WIRE_NONE;
	db->ev->stirred = true;
	pgm__watch_slot(db, slot);
	if (!pgm__ev_enter(db, "pgm_release", NULL))
		return;
	pgm__ev_work(db);
	pgm__ev_leave(db);
}
