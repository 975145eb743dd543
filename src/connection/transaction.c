#include "base/error.h"
#include "base/log.h"
#include "connection/clean.h"
#include "connection/close.h"
#include "connection/db.h"
#include "connection/evented/calls.h"
#include "connection/libpq_error.h"

#include <pthread.h>
#include <string.h>

/* A savepoint may hide an older one of the same name, and RELEASE and ROLLBACK TO mean the newest (PostgreSQL
 * manual, SAVEPOINT), so one name serves every depth. */
#define SAVEPOINT "pgmonkey"

static bool run(PGconn *conn, const char *sql, pgm_error *err)
{
	PGresult *res = PQexec(conn, sql);
	bool ok = res ? pgm_result_ok(res, err) : pgm__fail_libpq(err, conn);

	PQclear(res);
	return ok;
}

static bool check_idle(const PGconn *conn, const char *call, pgm_error *err)
{
	return !pgm__is_busy(conn) ||
	       pgm__fail(err, PGM_ERR_MISUSE,
			 "%s: the connection is busy with another statement, cursor, COPY or pipeline; end that first",
			 call);
}

bool pgm_begin(PGconn *conn, pgm_error *err)
{
	pgm__lease *lease = pgm__lease_of(conn, "pgm_begin", err);

	if (!lease || !pgm__ev_may_block(lease, "pgm_begin", err) || !check_idle(conn, "pgm_begin", err))
		return false;
	if (pgm__is_in_transaction(conn)) {
		if (!run(conn, "SAVEPOINT " SAVEPOINT, err))
			return false;
		lease->savepoints++;
		return true;
	}
	lease->savepoints = 0;
	lease->began = run(conn, "BEGIN", err);
	return lease->began;
}

/* COMMIT of a failed transaction is answered with OK and the tag ROLLBACK. */
static bool commit(PGconn *conn, pgm_error *err)
{
	PGresult *res = PQexec(conn, "COMMIT");
	pgm_error why;
	bool ok = res ? pgm_result_ok(res, &why) : pgm__fail_libpq(&why, conn);

	if (ok && strcmp(PQcmdStatus(res), "COMMIT") != 0) {
		ok = pgm__fail(err, PGM_ERR_QUERY,
			       "COMMIT did not commit: a statement of the transaction had failed, and the server "
			       "rolled it back");
		pgm__error_sqlstate(err, "25P02");
	} else if (!ok && why.code == PGM_ERR_BROKEN) {
		pgm__fail(err, why.code, "during COMMIT, which may or may not have happened: %s", why.message);
		pgm__error_sqlstate(err, PGM__UNRESOLVED);
	} else if (!ok) {
		pgm__error_copy(err, &why);
	}
	PQclear(res);
	return ok;
}

/* The level that the next commit or rollback ends. */
static bool check_open(const pgm__lease *lease, const char *call, pgm_error *err)
{
	if (PQstatus(lease->conn) != CONNECTION_OK)
		return pgm__fail_libpq(err, lease->conn);
	if (!check_idle(lease->conn, call, err))
		return false;
	if (!pgm__is_in_transaction(lease->conn))
		return pgm__fail(err, PGM_ERR_MISUSE, "%s: no transaction is open", call);
	if (lease->savepoints == 0 && !lease->began)
		return pgm__fail(err, PGM_ERR_MISUSE, "%s: the open transaction was not begun with pgm_begin", call);
	return true;
}

bool pgm_commit(PGconn *conn, pgm_error *err)
{
	pgm__lease *lease = pgm__lease_of(conn, "pgm_commit", err);

	if (!lease || !check_open(lease, "pgm_commit", err))
		return false;
	if (lease->savepoints == 0) {
		lease->began = false;
		return commit(conn, err);
	}
	if (!run(conn, "RELEASE SAVEPOINT " SAVEPOINT, err))
		return false;
	lease->savepoints--;
	return true;
}

bool pgm_rollback(PGconn *conn, pgm_error *err)
{
	pgm__lease *lease = pgm__lease_of(conn, "pgm_rollback", err);

	if (!lease || !check_open(lease, "pgm_rollback", err))
		return false;
	if (lease->savepoints == 0) {
		lease->began = false;
		return run(conn, "ROLLBACK", err);
	}
	lease->savepoints--;
	return run(conn, "ROLLBACK TO SAVEPOINT " SAVEPOINT, err) && run(conn, "RELEASE SAVEPOINT " SAVEPOINT, err);
}

/* ---------------------------------------------------------------------------- around your work */

#define UNDO_WITHIN (3 * PGM__SECOND)

/* The work said no without saying why: the best there is. The first line only, without the statement's text. */
static void explain_refusal(const PGconn *conn, pgm_error *err)
{
	const char *words = PQerrorMessage(conn);

	if (err->code != PGM_OK)
		return;
	if (PQstatus(conn) != CONNECTION_OK)
		pgm__fail_libpq(err, conn);
	else if (PQtransactionStatus(conn) == PQTRANS_INERROR && words[0])
		pgm__fail(err, PGM_ERR_QUERY, "a statement failed: %.*s", (int)strcspn(words, "\n"), words);
	else
		pgm__fail(err, PGM_ERR_QUERY, "the work asked for a roll-back");
}

/* Rows that nobody read, a COPY that was not ended: they stand between us and the roll-back. */
static bool end_unfinished_work(PGconn *conn)
{
	bool was_nonblocking = PQisnonblocking(conn), ok;

	if (!pgm__is_busy(conn))
		return true;
	PQsetnonblocking(conn, 1);
	ok = pgm__conn_end_work(conn, pgm__clock_now() + UNDO_WITHIN);
	if (!was_nonblocking && PQflush(conn) == 0)
		PQsetnonblocking(conn, 0);
	return ok;
}

/* Back to where the work began: depth is how many savepoints were open once its own was. */
static bool roll_back_to(pgm__lease *lease, int depth, pgm_error *err)
{
	if (!pgm__is_in_transaction(lease->conn))
		return true;
	if (depth == 0) {
		lease->savepoints = 0;
		return pgm_rollback(lease->conn, err);
	}
	while (lease->savepoints >= depth)
		if (!pgm_rollback(lease->conn, err))
			return false;
	return true;
}

static void undo(pgm__lease *lease, int depth)
{
	pgm_error why;

	if (PQstatus(lease->conn) != CONNECTION_OK)
		return;
	if (!end_unfinished_work(lease->conn))
		pgm__log(PGM_LOG_WARNING, "rolling back after failed work: what it left unfinished could not be ended");
	else if (!roll_back_to(lease, depth, &why))
		pgm__log(PGM_LOG_WARNING, "rolling back after failed work: %s", why.message);
}

/* Only what was begun here is committed here. */
static bool commit_at(const pgm__lease *lease, int depth, pgm_error *err)
{
	if (lease->savepoints > depth)
		return pgm__fail(
			err, PGM_ERR_MISUSE,
			"pgm_transaction: the work did not end a transaction that it began (pgm_begin); all of it "
			"is rolled back");
	return pgm_commit(lease->conn, err);
}

bool pgm_transaction(PGconn *conn, pgm_work work, void *arg, pgm_error *err)
{
	pgm__lease *lease;
	pgm_error unwanted;
	bool ok;
	int depth;

	if (!err)
		err = &unwanted;
	if (!work)
		return pgm__fail(err, PGM_ERR_MISUSE, "pgm_transaction: the work is NULL");
	if (!pgm_begin(conn, err))
		return false;
	depth = pgm__registry_find(conn)->savepoints;
	ok = work(conn, arg, err);
	lease = pgm__registry_find(conn);
	if (!lease)
		return pgm__fail(err, PGM_ERR_MISUSE, "pgm_transaction: the work closed the connection");
	if (!ok)
		explain_refusal(conn, err);
	else if (commit_at(lease, depth, err))
		return true;
	undo(lease, depth);
	return false;
}

static bool work_without_transaction(PGconn *conn, pgm_work work, void *arg, pgm_error *err)
{
	if (work(conn, arg, err))
		return true;
	explain_refusal(conn, err);
	return false;
}

/* A thread that is cancelled in the middle of the work leaves nothing behind either. Where libpq waits for an answer
 * the work is ended and the connection kept. Elsewhere it may have been in the middle of sending, and libpq does not
 * know what the server is at: whoever came next would read somebody else's answer. */
static void release_when_cancelled(void *arg)
{
	PGconn *conn = arg;

	if (pgm__registry_find(conn) && PQtransactionStatus(conn) != PQTRANS_ACTIVE)
		pgm__conn_give_up(conn);
	pgm_release(conn);
}

static bool work_and_release(const pgm_db *db, PGconn *conn, pgm_work work, void *arg, pgm_error *err)
{
	bool ok;

	pthread_cleanup_push(release_when_cancelled, conn);
	ok = db->settings->autocommit ? work_without_transaction(conn, work, arg, err)
				      : pgm_transaction(conn, work, arg, err);
	pthread_cleanup_pop(0);
	pgm_release(conn);
	return ok;
}

bool pgm_with_at(pgm_db *db, pgm_work work, void *arg, const char *file, int line, pgm_error *err)
{
	pgm_error unwanted;
	pgm_error *why = err ? err : &unwanted;
	PGconn *conn;

	if (!work)
		return pgm__fail(why, PGM_ERR_MISUSE, "pgm_with: the work is NULL");
	conn = pgm_acquire_at(db, PGM_TIMEOUT_FROM_CONFIG, file, line, why);
	return conn && work_and_release(db, conn, work, arg, why);
}

bool(pgm_with)(pgm_db *db, pgm_work work, void *arg, pgm_error *err)
{
	return pgm_with_at(db, work, arg, "(caller unknown)", 0, err);
}
