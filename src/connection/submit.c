/* Submitting, the same on all types; on the blocking ones at once, in the calling thread, answered before it returns. */
#include "base/error.h"
#include "base/thread.h"
#include "connection/clean.h"
#include "connection/close.h"
#include "connection/db.h"
#include "connection/evented/calls.h"
#include "connection/libpq_error.h"
#include "connection/statement_kind.h"
#include "connection/wait.h"

#include <limits.h>
#include <string.h>

#define STOP_WITHIN (3 * PGM__SECOND)
#define CANCEL_EVERY (200 * PGM__MS)
#define CANCELLED "57014" /* PostgreSQL manual, appendix A */

static bool check_query(const char *call, const pgm_query *query, pgm_error *err)
{
	return (query && query->sql) || pgm__fail(err, PGM_ERR_MISUSE, "%s: there is no SQL", call);
}

static bool refuse_copy(const char *call, pgm_error *err)
{
	return pgm__fail(err, PGM_ERR_MISUSE,
			 "%s: for COPY borrow a connection (pgm_acquire) and use the COPY functions of libpq", call);
}

/* Others' statements run on the same connection, before it and behind it. */
static bool check_submittable(const pgm_query *query, pgm_error *err)
{
	switch (pgm__statement_kind_of(query->sql)) {
	case PGM__STATEMENT_COPY:
		return refuse_copy("pgm_submit", err);
	case PGM__STATEMENT_TRANSACTION:
		return pgm__fail(
			err, PGM_ERR_MISUSE,
			"pgm_submit: each statement is its own transaction; for a longer one borrow a connection");
	case PGM__STATEMENT_SESSION:
		return pgm__fail(err, PGM_ERR_MISUSE,
				 "pgm_submit: this would change the session for others; borrow a connection "
				 "(pgm_acquire), or use the file's session settings");
	case PGM__STATEMENT_PLAIN:
		break;
	}
	return true;
}

/* In a pipeline it would be the end of the connection. */
static bool check_sendable(const pgm_query *query, pgm_error *err)
{
	return pgm__statement_kind_of(query->sql) != PGM__STATEMENT_COPY || refuse_copy("pgm_send", err);
}

static bool check_handle(const char *call, const pgm_db *db, pgm_error *err)
{
	return db || pgm__fail(err, PGM_ERR_MISUSE, "%s: the handle is NULL", call);
}

static bool fail_without_callback(const char *call, pgm_error *err)
{
	return pgm__fail(err, PGM_ERR_MISUSE, "%s: the callback is NULL", call);
}

typedef struct answer {
	PGresult *res;
	pgm_error err; /* PGM_OK: the statement was accepted */
} answer;

/* A statement that takes too long is cancelled, and answers that; or it ends just before the request reaches it, and
 * then it has run. A request that comes before its statement is lost, so it is made again. */
static bool cancel(PGconn *conn, PGresult **res, pgm_error *err)
{
	pgm__time deadline = pgm__clock_now() + STOP_WITHIN;
	bool ended = false;

	PQsetnonblocking(conn, 1);
	while (!ended && err->code == PGM_ERR_TIMEOUT && pgm__conn_cancel(conn, deadline)) {
		pgm__time until = pgm__clock_now() + CANCEL_EVERY;

		ended = pgm__collect_until(conn, until < deadline ? until : deadline, res, err);
	}
	if (ended)
		PQsetnonblocking(conn, 0);
	return ended;
}

static void drop_result(answer *a)
{
	PQclear(a->res);
	a->res = NULL;
}

/* All of the answer is there. */
static void judge(answer *a, PGconn *conn, const pgm_query *query, bool late)
{
	if (!a->res) {
		pgm__fail_libpq(&a->err, conn);
	} else if (pgm__is_copy(a->res)) {
		drop_result(a);
		refuse_copy("submitting", &a->err);
	} else if (pgm_result_ok(a->res, &a->err)) {
		return;
	} else if (late && strcmp(a->err.sqlstate, CANCELLED) == 0) {
		drop_result(a);
		pgm__fail_cancelled(&a->err, query->timeout_ms);
	} else {
		pgm__hint_if_several(a->res, &a->err);
	}
}

/* The answer is not there, or says that the connection is gone. */
static void explain_loss(answer *a, const pgm_query *query)
{
	pgm_error lost = a->err;

	if (lost.code == PGM_ERR_BROKEN)
		pgm__fail_unknown(&a->err, PGM_ERR_BROKEN, lost.message);
	else if (lost.code == PGM_ERR_TIMEOUT)
		pgm__fail_uncancelled(&a->err, query->timeout_ms, "the server did not answer in time");
}

static void drop_when_cancelled(void *a)
{
	drop_result(a);
}

/* While it runs the thread may be cancelled. */
static bool run_in_time(PGconn *conn, const pgm_query *query, pgm__time deadline, answer *a)
{
	bool ended;

	pthread_cleanup_push(drop_when_cancelled, a);
	ended = pgm__query_until(conn, query, deadline, &a->res, &a->err);
	pthread_cleanup_pop(0);
	return ended;
}

static void run(PGconn *conn, const pgm_query *query, pgm__time deadline, answer *a)
{
	bool ended = run_in_time(conn, query, deadline, a);
	bool late = !ended && a->err.code == PGM_ERR_TIMEOUT;
	int before = pgm__cancel_disable();

	if (late)
		ended = cancel(conn, &a->res, &a->err);
	if (ended)
		judge(a, conn, query, late);
	else
		drop_result(a);
	if (!ended || a->err.code == PGM_ERR_BROKEN)
		explain_loss(a, query);
	pgm__cancel_restore(before);
}

static void run_and_release(PGconn *conn, const pgm_query *query, pgm__time deadline, answer *a)
{
	pthread_cleanup_push(pgm__release_when_cancelled, conn);
	run(conn, query, deadline, a);
	pthread_cleanup_pop(1);
}

static void tell(const answer *a, pgm_on_result fn, void *arg)
{
	fn(a->res, a->err.code == PGM_OK ? NULL : &a->err, arg);
}

static pgm__time deadline_of(const pgm_query *query)
{
	return pgm__clock_after_ms(query->timeout_ms > 0 ? query->timeout_ms : -1);
}

/* Waiting for a connection counts too; the pool's own timeout stays a limit. */
static PGconn *acquire_by(pgm_db *db, pgm__time deadline, pgm_error *err)
{
	pgm__time left = deadline == PGM__NEVER ? PGM__NEVER : deadline - pgm__clock_now();
	pgm__time ms = (left < db->settings->timeout ? (left > 0 ? left : 0) : db->settings->timeout) / PGM__MS;

	return pgm_acquire_at(db, ms < INT_MAX ? (int)ms : INT_MAX, "pgm_submit", 0, err);
}

/* The connection is free again before the callback, which may want one itself. */
static bool submit_at_once(pgm_db *db, const pgm_query *query, pgm_on_result fn, void *arg, pgm_error *err)
{
	pgm__time deadline = deadline_of(query);
	answer a = {.res = NULL};
	pgm_error why;
	PGconn *conn = acquire_by(db, deadline, &why);

	if (!conn && (why.code == PGM_ERR_CLOSED || why.code == PGM_ERR_BUSY || why.code == PGM_ERR_MISUSE)) {
		pgm__error_copy(err, &why);
		return false;
	}
	if (!conn) {
		fn(NULL, &why, arg);
		return true;
	}
	run_and_release(conn, query, deadline, &a);
	tell(&a, fn, arg);
	return true;
}

bool pgm_submit(pgm_db *db, const pgm_query *query, pgm_on_result fn, void *arg, pgm_error *err)
{
	pgm__error_clear(err);
	if (!fn)
		return fail_without_callback("pgm_submit", err);
	if (!check_handle("pgm_submit", db, err) || !check_query("pgm_submit", query, err) ||
	    !check_submittable(query, err))
		return false;
	return (db->ev ? pgm__ev_submit : submit_at_once)(db, query, fn, arg, err);
}

bool pgm_send(PGconn *conn, const pgm_query *query, pgm_on_result fn, void *arg, pgm_error *err)
{
	answer a = {.res = NULL};
	pgm__lease *lease;

	if (!fn)
		return fail_without_callback("pgm_send", err);
	if (!check_query("pgm_send", query, err) || !check_sendable(query, err))
		return false;
	lease = pgm__lease_of(conn, "pgm_send", err);
	if (!lease)
		return false;
	if (pgm__ev_carries(lease))
		return pgm__ev_send(lease, query, fn, arg, err);
	if (pgm__is_busy(conn))
		return pgm__fail_busy(err, "pgm_send");
	run(conn, query, deadline_of(query), &a);
	tell(&a, fn, arg);
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
	if (db->ev)
		return pgm__ev_acquire_async(db, fn, arg, err);
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
	pgm__error_clear(err);
	if (!check_handle("pgm_wait", db, err))
		return false;
	if (db->ev)
		return pgm__ev_wait(db, timeout_ms, err);
	/* All that was submitted has been answered. */
	return !pgm__db_is_shut(db) || pgm__fail(err, PGM_ERR_CLOSED, "the handle is closed");
}
