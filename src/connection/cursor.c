#include "base/error.h"
#include "base/thread.h"
#include "connection/clean.h"
#include "connection/close.h"
#include "connection/db.h"
#include "connection/evented/calls.h"
#include "connection/libpq_error.h"
#include "connection/wait.h"

#include <stdlib.h>

#define CLOSE_WITHIN (3 * PGM__SECOND)

/* The connection is nonblocking while the cursor is open: sending to a server that does not read must not
 * outlast the deadline either. */
struct pgm_cursor {
	PGconn *conn;
	PGresult *row;
	int timeout_ms;
	pgm__time deadline;
	bool was_nonblocking;
	bool done;
	pgm_error error; /* how it ended; every later call answers the same */
};

static bool check(const PGconn *conn, const pgm_query *query, pgm_error *err)
{
	const pgm__lease *lease = pgm__lease_of(conn, "pgm_cursor_open", err);

	if (!lease || !pgm__ev_may_block(lease, "pgm_cursor_open", err))
		return false;
	if (!query || !query->sql)
		return pgm__fail(err, PGM_ERR_MISUSE, "pgm_cursor_open: there is no SQL");
	if (pgm__is_busy(conn))
		return pgm__fail_busy(err, "pgm_cursor_open");
	return true;
}

static void restore_blocking(const pgm_cursor *cursor)
{
	if (!cursor->was_nonblocking && PQflush(cursor->conn) == 0)
		PQsetnonblocking(cursor->conn, 0);
}

pgm_cursor *pgm_cursor_open(PGconn *conn, const pgm_query *query, pgm_error *err)
{
	pgm_cursor *cursor;

	if (!check(conn, query, err))
		return NULL;
	cursor = calloc(1, sizeof *cursor);
	if (!cursor) {
		pgm__fail_nomem(err, "open a cursor");
		return NULL;
	}
	cursor->conn = conn;
	cursor->timeout_ms = query->timeout_ms;
	cursor->deadline = pgm__clock_after_ms(query->timeout_ms > 0 ? query->timeout_ms : -1);
	cursor->was_nonblocking = PQisnonblocking(conn);
	if (PQsetnonblocking(conn, 1) == 0 &&
	    PQsendQueryParams(conn, query->sql, query->nparams, query->types, query->params, query->lengths,
			      query->formats, query->result_format) &&
	    PQsetSingleRowMode(conn))
		return cursor;
	pgm__fail_libpq(err, conn);
	restore_blocking(cursor);
	free(cursor);
	return NULL;
}

/* What is known first is what went wrong; the rest follows from it. */
static void note_error(pgm_cursor *cursor, const pgm_error *why)
{
	if (cursor->error.code == PGM_OK)
		cursor->error = *why;
}

static bool is_ready(pgm_cursor *cursor)
{
	pgm_error why;

	if (pgm__result_ready_until(cursor->conn, cursor->deadline, &why))
		return true;
	if (why.code == PGM_ERR_TIMEOUT)
		pgm__fail(&why, PGM_ERR_TIMEOUT, "the cursor's statement did not end within %d ms", cursor->timeout_ms);
	note_error(cursor, &why);
	return false;
}

/* Reads on until the NULL behind the last result. A deferred constraint speaks up only now, after the OK. */
static void read_the_end(pgm_cursor *cursor)
{
	while (is_ready(cursor)) {
		PGresult *res = PQgetResult(cursor->conn);
		pgm_error why;

		if (!res) {
			restore_blocking(cursor);
			return;
		}
		if (!pgm_result_ok(res, &why))
			note_error(cursor, &why);
		PQclear(res);
	}
}

/* Anything but a row ends it. */
static void end(pgm_cursor *cursor)
{
	pgm_error why;

	cursor->done = true;
	if (pgm__is_copy(cursor->row)) { /* pgm_cursor_close ends it */
		pgm__fail(&cursor->error, PGM_ERR_MISUSE,
			  "a cursor cannot carry COPY; use PQexec and the COPY functions of libpq");
	} else if (cursor->row) {
		if (!pgm_result_ok(cursor->row, &why))
			note_error(cursor, &why);
		read_the_end(cursor);
	}
	PQclear(cursor->row);
	cursor->row = NULL;
}

const PGresult *pgm_cursor_next(pgm_cursor *cursor, pgm_error *err)
{
	pgm__error_clear(err);
	if (!cursor) {
		pgm__fail(err, PGM_ERR_MISUSE, "pgm_cursor_next: the cursor is NULL");
		return NULL;
	}
	if (!cursor->done) {
		PQclear(cursor->row);
		cursor->row = is_ready(cursor) ? PQgetResult(cursor->conn) : NULL;
		if (PQresultStatus(cursor->row) == PGRES_SINGLE_TUPLE)
			return cursor->row;
		end(cursor);
	}
	pgm__error_copy(err, &cursor->error);
	return NULL;
}

void pgm_cursor_close(pgm_cursor *cursor)
{
	int before;

	if (!cursor)
		return;
	PQclear(cursor->row);
	before = pgm__cancel_disable();
	if (PQstatus(cursor->conn) == CONNECTION_OK && PQtransactionStatus(cursor->conn) == PQTRANS_ACTIVE &&
	    PQsetnonblocking(cursor->conn, 1) == 0 && pgm__conn_end_work(cursor->conn, pgm__clock_now() + CLOSE_WITHIN))
		restore_blocking(cursor);
	pgm__cancel_restore(before);
	free(cursor);
}
