#include "base/error.h"
#include "connection/close.h"
#include "connection/db.h"
#include "connection/libpq_error.h"
#include "connection/wait.h"

#include <stdlib.h>

#define CLOSE_WITHIN (3 * PGM__SECOND)

struct pgm_cursor {
	PGconn *conn;
	PGresult *row;
	pgm__time deadline;
	bool done;
};

static bool check(const PGconn *conn, const pgm_query *query, pgm_error *err)
{
	const pgm__lease *lease = conn ? pgm__registry_find(conn) : NULL;

	if (!lease || !atomic_load_explicit(&lease->lent, memory_order_relaxed))
		return pgm__fail(err, PGM_ERR_MISUSE, "pgm_cursor_open: not a connection borrowed from a handle");
	if (!query || !query->sql)
		return pgm__fail(err, PGM_ERR_MISUSE, "pgm_cursor_open: there is no SQL");
	if (PQtransactionStatus(conn) == PQTRANS_ACTIVE)
		return pgm__fail(err, PGM_ERR_MISUSE,
				 "pgm_cursor_open: the connection is busy with another statement or cursor");
	return true;
}

pgm_cursor *pgm_cursor_open(PGconn *conn, const pgm_query *query, pgm_error *err)
{
	pgm_cursor *cursor;

	pgm__error_clear(err);
	if (!check(conn, query, err))
		return NULL;
	cursor = calloc(1, sizeof *cursor);
	if (!cursor) {
		pgm__fail_nomem(err, "open a cursor");
		return NULL;
	}
	cursor->conn = conn;
	cursor->deadline = pgm__clock_after_ms(query->timeout_ms > 0 ? query->timeout_ms : -1);
	if (PQsendQueryParams(conn, query->sql, query->nparams, query->types, query->params, query->lengths,
			      query->formats, query->result_format) &&
	    PQsetSingleRowMode(conn))
		return cursor;
	pgm__fail_libpq(err, conn);
	free(cursor);
	return NULL;
}

/* The statement is over, well or not; what is left of its results is read away. */
static const PGresult *end(pgm_cursor *cursor, bool ok, pgm_error *err)
{
	cursor->done = true;
	PQclear(cursor->row);
	cursor->row = NULL;
	if (ok && pgm__result_ready_until(cursor->conn, cursor->deadline, err))
		PQclear(PQgetResult(cursor->conn)); /* the NULL behind the last result */
	if (ok)
		pgm__error_clear(err);
	return NULL;
}

const PGresult *pgm_cursor_next(pgm_cursor *cursor, pgm_error *err)
{
	pgm__error_clear(err);
	if (!cursor || cursor->done)
		return NULL;
	PQclear(cursor->row);
	cursor->row = NULL;
	if (!pgm__result_ready_until(cursor->conn, cursor->deadline, err))
		return end(cursor, false, err);
	cursor->row = PQgetResult(cursor->conn);
	switch (PQresultStatus(cursor->row)) {
	case PGRES_SINGLE_TUPLE:
		return cursor->row;
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
		return end(cursor, true, err);
	default:
		break;
	}
	if (PQresultStatus(cursor->row) == PGRES_COPY_IN || PQresultStatus(cursor->row) == PGRES_COPY_OUT)
		pgm__fail(err, PGM_ERR_MISUSE,
			  "a cursor cannot carry COPY; use PQexec and the COPY functions of libpq");
	else
		pgm_result_ok(cursor->row, err);
	return end(cursor, false, err);
}

void pgm_cursor_close(pgm_cursor *cursor)
{
	PGconn *conn;
	bool was_nonblocking;

	if (!cursor)
		return;
	conn = cursor->conn;
	PQclear(cursor->row);
	free(cursor);
	if (PQstatus(conn) != CONNECTION_OK || PQtransactionStatus(conn) != PQTRANS_ACTIVE)
		return;
	was_nonblocking = PQisnonblocking(conn);
	PQsetnonblocking(conn, 1);
	if (pgm__conn_end_work(conn, pgm__clock_now() + CLOSE_WITHIN) && !was_nonblocking)
		PQsetnonblocking(conn, 0);
}
