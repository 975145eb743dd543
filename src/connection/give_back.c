#include "base/log.h"
#include "base/thread.h"
#include "connection/clean.h"
#include "connection/db.h"
#include "connection/evented/calls.h"
#include "connection/hot.h"
#include "connection/open.h"

#include <inttypes.h>
#include <stdlib.h>

/* Anything given back that is not lent: told, and nothing is touched. */
static void complain(const char *what)
{
	pgm__log(PGM_LOG_ERROR, "pgm_release: %s; the call is ignored", what);
}

static void complain_of_unlent(const pgm__lease *lease)
{
	complain(lease ? "this connection has been given back already"
		       : "not a borrowed connection: given back before, or closed by PQfinish");
}

/* A connection that a fork left behind: it has no server any more. */
static void forget_orphan(pgm__lease *lease)
{
	pgm_db *db = lease->db;
	bool last;

	pgm__db_lock(db);
	last = pgm__db_unref_locked(db);
	pgm__db_unlock(db);
	pgm__registry_remove(lease->conn);
	PQfinish(lease->conn);
	free(lease);
	if (last)
		pgm__db_free(db);
}

/* False: another thread was quicker, and gives it back. */
static bool end_loan(pgm__lease *lease)
{
	int lent = PGM__LENT;

	return atomic_compare_exchange_strong_explicit(&lease->loan, &lent, PGM__RETURNING, memory_order_relaxed,
						       memory_order_relaxed);
}

typedef struct ended {
	pgm__loan loan;
	bool late;
} ended;

static ended end_loan_locked(pgm__lease *lease, pgm__time now)
{
	ended e = {.loan = pgm__loan_of(lease, now), .late = pgm__is_overdue(lease, now)};

	atomic_store_explicit(&lease->loan, PGM__NOT_LENT, memory_order_relaxed);
	lease->given_back = now;
	return e;
}

static void report_late_return(const pgm__loan *loan)
{
	pgm__log(PGM_LOG_WARNING,
		 "a connection borrowed at %s:%d by thread 0x%" PRIxPTR " came back after %" PRId64 " s", loan->file,
		 loan->line, loan->thread, loan->held / PGM__SECOND);
}

void pgm__put_back(pgm__lease *lease, bool usable, bool rolled_back)
{
	pgm_db *db = lease->db;
	pgm__time now;
	ended e;
	bool kept = false, last;
	int32_t slot;
	int before;

	pgm__db_lock(db);
	now = db->slots.head ? pgm__clock_now() : pgm__clock_coarse(); /* exact where waiting is measured */
	e = end_loan_locked(lease, now);
	db->rolled_back += rolled_back;
	if (usable) {
		kept = pgm__slots_release(&db->slots, lease->slot, now);
		if (kept)
			pgm__keeper_expect_look_locked(db);
	} else {
		atomic_store_explicit(&db->last_death, now, memory_order_relaxed);
		pgm__slots_lost(&db->slots, lease->slot);
	}
	pgm__db_wake_locked(db);
	lease->counted = !kept;
	last = kept && pgm__db_unref_locked(db);
	slot = lease->slot;
	pgm__db_unlock(db);
	if (kept && db->ev)
		pgm__ev_given_back(db, slot);
	if (kept && !last && !e.late)
		return;
	before = pgm__cancel_disable();
	if (!kept) {
		pgm__db_close_lease(db, lease, usable && !pgm__is_busy(lease->conn));
		pgm__db_unref(db);
	} else if (last) {
		pgm__db_free(db);
	}
	if (e.late)
		report_late_return(&e.loan);
	pgm__cancel_restore(before);
}

void pgm__tell_what_was_left(const pgm__lease *lease, bool rolled_back, bool usable, const pgm_error *err)
{
	const pgm__loan loan = pgm__loan_of(lease, 0);

	if (rolled_back)
		pgm__log(PGM_LOG_WARNING,
			 "a transaction was still open when the connection borrowed at %s:%d was given back; %s",
			 loan.file, loan.line, usable ? "it is rolled back" : "it could not be rolled back in time");
	if (!usable)
		pgm__log(PGM_LOG_WARNING, "the connection borrowed at %s:%d is closed, not kept: %s", loan.file,
			 loan.line, err->message);
}

/* Once the handle is shut it will be closed as it is, and the hooks may be gone. */
static void clean_and_put_back(pgm__lease *lease)
{
	pgm_error err;
	bool rolled_back = false, usable = true;
	int before = pgm__cancel_disable();

	if (lease->db->ev && !pgm__ev_give_back(lease)) {
		pgm__cancel_restore(before);
		return;
	}
	if (!pgm__db_is_shut(lease->db)) {
		usable = pgm__clean(lease, &rolled_back, &err);
		pgm__tell_what_was_left(lease, rolled_back, usable, &err);
	}
	if (lease->slot == PGM__NO_SLOT)
		forget_orphan(lease); /* a hook forked, and this is the child */
	else
		pgm__put_back(lease, usable, rolled_back);
	pgm__cancel_restore(before);
}

void pgm__return_stray(pgm__lease *lease)
{
	clean_and_put_back(lease);
}

static void give_back(pgm__lease *lease)
{
	if (!pgm__clean_quickly(lease)) {
		clean_and_put_back(lease);
		return;
	}
	atomic_store_explicit(&lease->loan, PGM__NOT_LENT, memory_order_relaxed);
	if (!pgm__hot_put(lease) && !(lease->db->ev && pgm__ev_keeps_back(lease)))
		pgm__put_back(lease, true, false);
}

void pgm_release(PGconn *conn)
{
	pgm__lease *lease = conn ? pgm__registry_find(conn) : NULL;

	if (!conn)
		return;
	if (!lease || atomic_load_explicit(&lease->loan, memory_order_relaxed) != PGM__LENT) {
		complain_of_unlent(lease);
		return;
	}
	if (lease->slot == PGM__NO_SLOT)
		forget_orphan(lease);
	else if (end_loan(lease))
		give_back(lease);
	else
		complain_of_unlent(lease);
}

void pgm__release_when_cancelled(void *conn)
{
	pgm_release(conn);
}
