/* One connection that is lent: to whom, since when, and what is to be told of it. */
#include "base/error.h"
#include "base/log.h"
#include "base/thread.h"
#include "connection/db.h"

#include <inttypes.h>

bool pgm__is_lent(const pgm__lease *lease)
{
	return atomic_load_explicit(&lease->loan, memory_order_acquire) != PGM__NOT_LENT;
}

pgm__lease *pgm__lease_of(const PGconn *conn, const char *call, pgm_error *err)
{
	pgm__lease *lease = conn ? pgm__registry_find(conn) : NULL;

	pgm__error_clear(err);
	if (lease && pgm__is_lent(lease))
		return lease;
	pgm__fail(err, PGM_ERR_MISUSE, "%s: not a connection borrowed from a handle", call);
	return NULL;
}

void pgm__lease_mark_lent(pgm__lease *lease, const pgm__caller *caller, pgm__time now)
{
	atomic_store_explicit(&lease->file, caller->file, memory_order_relaxed);
	atomic_store_explicit(&lease->line, caller->line, memory_order_relaxed);
	atomic_store_explicit(&lease->borrower, pthread_self(), memory_order_relaxed);
	if (lease->db->slots.rules.borrower_opens)
		atomic_store_explicit(&lease->borrower_number, pgm__thread_number(), memory_order_relaxed);
	atomic_store_explicit(&lease->lent_at, now, memory_order_relaxed);
	atomic_store_explicit(&lease->overdue, false, memory_order_relaxed);
	lease->savepoints = 0;
	lease->began = false;
	atomic_store_explicit(&lease->loan, PGM__LENT, memory_order_release);
}

bool pgm__is_overdue(const pgm__lease *lease, pgm__time now)
{
	return now - atomic_load_explicit(&lease->lent_at, memory_order_relaxed) > lease->db->slots.rules.leak_after ||
	       atomic_load_explicit(&lease->overdue, memory_order_relaxed);
}

pgm__loan pgm__loan_of(const pgm__lease *lease, pgm__time now)
{
	return (pgm__loan){
		.file = atomic_load_explicit(&lease->file, memory_order_relaxed),
		.line = atomic_load_explicit(&lease->line, memory_order_relaxed),
		.thread = (uintptr_t)atomic_load_explicit(&lease->borrower, memory_order_relaxed),
		.held = now - atomic_load_explicit(&lease->lent_at, memory_order_relaxed),
	};
}

void pgm__report_leak(const pgm__loan *loan)
{
	pgm__log(PGM_LOG_WARNING,
		 "a connection has been lent for %" PRId64 " s: borrowed at %s:%d by thread 0x%" PRIxPTR
		 " and not given back",
		 loan->held / PGM__SECOND, loan->file, loan->line, loan->thread);
}
