/* Submitting on the blocking types: at once, in the calling thread, answered before it returns. */
#include "base/error.h"
#include "connection/close.h"
#include "connection/db.h"
#include "connection/wait.h"

#define STOP_WITHIN (3 * PGM__SECOND)

static bool check_query(const char *call, const pgm_query *query, pgm_error *err)
{
	return (query && query->sql) || pgm__fail(err, PGM_ERR_MISUSE, "%s: there is no SQL", call);
}

static bool check_handle(const char *call, const pgm_db *db, pgm_error *err)
{
	return db || pgm__fail(err, PGM_ERR_MISUSE, "%s: the handle is NULL", call);
}

static bool fail_without_callback(const char *call, pgm_error *err)
{
	return pgm__fail(err, PGM_ERR_MISUSE, "%s: the callback is NULL", call);
}

/* Ends a statement that took too long, so that the connection can go on. */
static void stop(PGconn *conn)
{
	PQsetnonblocking(conn, 1);
	if (pgm__conn_end_work(conn, pgm__clock_now() + STOP_WITHIN))
		PQsetnonblocking(conn, 0);
}

/* NULL, or refused, or good: err tells. */
static PGresult *run(PGconn *conn, const pgm_query *query, pgm__time deadline, pgm_error *err)
{
	PGresult *res = pgm__query_until(conn, query, deadline, err);

	if (res)
		pgm_result_ok(res, err);
	if (!res && err->code == PGM_ERR_TIMEOUT) {
		stop(conn);
		pgm__fail(err, PGM_ERR_TIMEOUT, "the statement did not end within %d ms and was cancelled",
			  query->timeout_ms);
	}
	if (err->code == PGM_ERR_BROKEN) {
		pgm_error lost = *err;

		pgm__fail(err, PGM_ERR_BROKEN, "the statement may or may not have run: %s", lost.message);
		pgm__error_sqlstate(err, lost.sqlstate);
	}
	return res;
}

/* The connection is free again before the callback, which may want one itself. */
static PGresult *run_and_release(PGconn *conn, const pgm_query *query, pgm__time deadline, pgm_error *err)
{
	PGresult *res;

	pthread_cleanup_push(pgm__release_when_cancelled, conn);
	res = run(conn, query, deadline, err);
	pthread_cleanup_pop(1);
	return res;
}

static void call_back(pgm_on_result fn, void *arg, PGresult *res, const pgm_error *err)
{
	fn(res, err->code == PGM_OK ? NULL : err, arg);
}

static pgm__time deadline_of(const pgm_query *query)
{
	return pgm__clock_after_ms(query->timeout_ms > 0 ? query->timeout_ms : -1);
}

/* Waiting for a connection counts too; the pool's own timeout stays a limit. */
static PGconn *acquire_by(pgm_db *db, pgm__time deadline, pgm_error *err)
{
	pgm__time left = deadline == PGM__NEVER ? PGM__NEVER : deadline - pgm__clock_now();

	if (left >= db->settings->timeout)
		return pgm_acquire_at(db, PGM_TIMEOUT_FROM_CONFIG, "pgm_submit", 0, err);
	return pgm_acquire_at(db, left > 0 ? (int)(left / PGM__MS) : 0, "pgm_submit", 0, err);
}

bool pgm_submit(pgm_db *db, const pgm_query *query, pgm_on_result fn, void *arg, pgm_error *err)
{
	pgm__time deadline;
	PGconn *conn;
	pgm_error why;

	pgm__error_clear(err);
	if (!fn)
		return fail_without_callback("pgm_submit", err);
	if (!check_handle("pgm_submit", db, err) || !check_query("pgm_submit", query, err))
		return false;
	deadline = deadline_of(query);
	conn = acquire_by(db, deadline, &why);
	if (!conn && (why.code == PGM_ERR_CLOSED || why.code == PGM_ERR_BUSY || why.code == PGM_ERR_MISUSE)) {
		pgm__error_copy(err, &why);
		return false;
	}
	call_back(fn, arg, conn ? run_and_release(conn, query, deadline, &why) : NULL, &why);
	return true;
}

bool pgm_send(PGconn *conn, const pgm_query *query, pgm_on_result fn, void *arg, pgm_error *err)
{
	const pgm__lease *lease = conn ? pgm__registry_find(conn) : NULL;
	PGresult *res;
	pgm_error why;

	pgm__error_clear(err);
	if (!fn)
		return fail_without_callback("pgm_send", err);
	if (!check_query("pgm_send", query, err))
		return false;
	if (!lease || !atomic_load_explicit(&lease->lent, memory_order_relaxed))
		return pgm__fail(err, PGM_ERR_MISUSE, "pgm_send: not a connection borrowed from a handle");
	if (PQtransactionStatus(conn) == PQTRANS_ACTIVE)
		return pgm__fail(err, PGM_ERR_MISUSE,
				 "pgm_send: the connection is busy with another statement or cursor");
	res = run(conn, query, deadline_of(query), &why);
	call_back(fn, arg, res, &why);
	return true;
}

bool pgm_acquire_async(pgm_db *db, pgm_on_lease fn, void *arg, pgm_error *err)
{
	pgm_error why;
	PGconn *conn;

	pgm__error_clear(err);
	if (!fn)
		return fail_without_callback("pgm_acquire_async", err);
	if (!check_handle("pgm_acquire_async", db, err))
		return false;
	conn = pgm_acquire_at(db, PGM_TIMEOUT_FROM_CONFIG, "pgm_acquire_async", 0, &why);
	if (!conn && (why.code == PGM_ERR_CLOSED || why.code == PGM_ERR_BUSY || why.code == PGM_ERR_MISUSE)) {
		pgm__error_copy(err, &why);
		return false;
	}
	fn(conn, conn ? NULL : &why, arg);
	return true;
}

bool pgm_wait(pgm_db *db, int timeout_ms, pgm_error *err)
{
	(void)timeout_ms; /* all that was submitted has been answered */
	pgm__error_clear(err);
	if (!check_handle("pgm_wait", db, err))
		return false;
	return !pgm__db_is_shut(db) || pgm__fail(err, PGM_ERR_CLOSED, "the handle is closed");
}
