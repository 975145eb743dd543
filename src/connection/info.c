/* What one can see of a handle, and the few things one can ask of it as a whole. */
#include "base/error.h"
#include "base/thread.h"
#include "connection/db.h"
#include "connection/evented/calls.h"

#include <limits.h>
#include <string.h>

pgm_type pgm_db_type(const pgm_db *db)
{
	return db ? db->type : PGM_FROM_CONFIG;
}

static int64_t hot_loans_locked(const pgm_db *db)
{
	int64_t loans = db->hot_loans;

	for (int32_t i = 0; i < db->slots.rules.max_size; i++)
		if (db->place[i].lease)
			loans += atomic_load_explicit(&db->place[i].lease->hot_loans, memory_order_relaxed);
	return loans;
}

static pgm_stats stats_locked(const pgm_db *db)
{
	const pgm__slots *s = &db->slots;

	return (pgm_stats){
		.min_size = s->rules.min_size,
		.max_size = s->rules.max_size,
		.size = pgm__slots_open(s),
		.idle = pgm__slots_count(s, PGM__SLOT_IDLE),
		.lent = pgm__slots_count(s, PGM__SLOT_LENT),
		.opening = pgm__slots_count(s, PGM__SLOT_OPENING),
		.waiting = s->queued,
		.acquired = s->acquired + hot_loans_locked(db),
		.waited = s->waited,
		.timed_out = db->timed_out,
		.opened = s->opened,
		.open_failed = s->open_failed,
		.closed = s->closed,
		.lost = s->lost,
		.rolled_back = db->rolled_back,
	};
}

void pgm_db_stats(pgm_db *db, pgm_stats *out, size_t size)
{
	pgm_stats stats = {0};

	if (!out)
		return;
	if (db) {
		pgm__db_lock(db);
		stats = stats_locked(db);
		pgm__db_unlock(db);
	}
	memset(out, 0, size);
	memcpy(out, &stats, size < sizeof stats ? size : sizeof stats);
}

void pgm_drain(pgm_db *db)
{
	if (!db)
		return;
	pgm__db_lock(db);
	pgm__hot_drain_locked(db);
	pgm__slots_drain(&db->slots,
			 pgm__clock_coarse()); /* the clock of pgm_release, which lags behind the exact one */
	pgm__db_wake_locked(db);
	pgm__db_unlock(db);
	if (db->ev)
		pgm__ev_drained(db);
	else if (db->slots.rules.borrower_opens)
		pgm__db_close_due(db); /* there is no keeper to do it */
}

/* What there is to say before min_size is reached: gone, or refused for good. */
static bool has_bad_news_locked(const pgm_db *db, pgm_error *err)
{
	if (db->slots.shut)
		return !pgm__fail(err, PGM_ERR_CLOSED, "the handle is closed");
	if (!db->failed_for_good)
		return false;
	pgm__error_copy(err, &db->last_error);
	return true;
}

static bool wait_ready_locked(pgm_db *db, pgm__time deadline, pgm_error *err)
{
	while (pgm__slots_open(&db->slots) < db->slots.rules.min_size) {
		if (db->keeper_runs && pthread_equal(db->keeper, pthread_self()))
			return pgm__fail(err, PGM_ERR_MISUSE, "the pool's own thread cannot wait for itself");
		if (has_bad_news_locked(db, err))
			return false;
		if (!pgm__db_wait_locked(db, &db->changed, deadline))
			return pgm__fail(err, PGM_ERR_TIMEOUT, "%d of %d connections are open%s%s",
					 (int)pgm__slots_open(&db->slots), (int)db->slots.rules.min_size,
					 db->last_error.code ? "; last connection error: " : "",
					 db->last_error.message);
	}
	return !db->slots.shut || pgm__fail(err, PGM_ERR_CLOSED, "the handle is closed");
}

bool pgm__db_tell_ready(pgm_db *db, pgm_error *err)
{
	bool ready;

	pgm__db_lock(db);
	ready = wait_ready_locked(db, 0, err);
	pgm__db_unlock(db);
	return ready;
}

static void unlock(void *db)
{
	pgm__db_unlock(db);
}

/* Without a keeper nobody opens it but a borrower. */
static bool open_by_borrowing(pgm_db *db, int timeout_ms, pgm_error *err)
{
	pgm_stats stats;
	PGconn *conn;

	pgm_db_stats(db, &stats, sizeof stats);
	if (stats.size > 0)
		return !pgm__db_is_shut(db) || pgm__fail(err, PGM_ERR_CLOSED, "the handle is closed");
	conn = pgm_acquire_at(db, timeout_ms < 0 ? INT_MAX : timeout_ms, "pgm_wait_ready", 0, err);
	pgm_release(conn);
	return conn != NULL;
}

bool pgm_wait_ready(pgm_db *db, int timeout_ms, pgm_error *err)
{
	bool ready;

	pgm__error_clear(err);
	if (!db)
		return pgm__fail(err, PGM_ERR_MISUSE, "pgm_wait_ready: the handle is NULL");
	if (db->ev)
		return pgm__ev_wait_ready(db, timeout_ms, err);
	if (db->slots.rules.borrower_opens)
		return open_by_borrowing(db, timeout_ms, err);
	pgm__db_lock(db);
	pthread_cleanup_push(unlock, db);
	ready = pgm__keeper_start_locked(db, err) && wait_ready_locked(db, pgm__clock_after_ms(timeout_ms), err);
	pthread_cleanup_pop(1);
	return ready;
}
