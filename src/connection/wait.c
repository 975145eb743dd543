#include "connection/wait.h"

#include "base/thread.h"
#include "connection/libpq_error.h"

#include <errno.h>
#include <string.h>

int pgm__poll(struct pollfd *fds, nfds_t n, pgm__time deadline)
{
	for (;;) {
		int ready = poll(fds, n, pgm__clock_poll_timeout(deadline));

		if (ready > 0)
			return ready;
		if (ready < 0 && errno != EINTR)
			return -1;
		if (ready == 0 && pgm__clock_now() >= deadline)
			return 0;
	}
}

static bool fail_late(pgm_error *err)
{
	return pgm__fail(err, PGM_ERR_TIMEOUT, "the server did not answer in time");
}

static bool wait_for(PGconn *conn, short events, pgm__time deadline, pgm_error *err)
{
	struct pollfd fd = {.fd = PQsocket(conn), .events = events};
	char text[128];
	int ready = fd.fd < 0 ? 0 : pgm__poll(&fd, 1, deadline);

	if (fd.fd < 0)
		return pgm__fail_libpq(err, conn);
	if (ready > 0)
		return true;
	if (ready < 0)
		return pgm__fail(err, PGM_ERR_BROKEN, "waiting for the server failed: %s",
				 pgm__errno_text(errno, text, sizeof text));
	return fail_late(err);
}

/* Only poll may end a cancelled thread. send(2) and recv(2) are cancellation points as well, and one that ends there
 * leaves libpq in the dark about what the server has got, and is at. */
static bool flush_and_read(PGconn *conn, bool readable, int *unsent)
{
	int before = pgm__cancel_disable();
	bool ok = !readable || PQconsumeInput(conn);

	if (ok)
		*unsent = PQflush(conn);
	pgm__cancel_restore(before);
	return ok;
}

bool pgm__result_ready_until(PGconn *conn, pgm__time deadline, pgm_error *err)
{
	for (bool readable = false;; readable = true) {
		int unsent;

		if (!flush_and_read(conn, readable, &unsent))
			return pgm__fail_libpq(err, conn);
		/* Reading goes on while writing waits: a server whose own buffer is full reads nothing. */
		if (unsent == 0 && !PQisBusy(conn))
			return true;
		/* Rows that come faster than they are read never make poll wait. */
		if (deadline != PGM__NEVER && pgm__clock_now() >= deadline)
			return fail_late(err);
		if (unsent < 0 && PQstatus(conn) == CONNECTION_BAD)
			return pgm__fail_libpq(err, conn);
		if (!wait_for(conn, unsent > 0 ? POLLIN | POLLOUT : POLLIN, deadline, err))
			return false;
	}
}

bool pgm__is_copy(const PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);

	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}
bool pgm__collect_until(PGconn *conn, pgm__time deadline, PGresult **last, pgm_error *err)
{
	while (pgm__result_ready_until(conn, deadline, err)) {
		PGresult *res = PQgetResult(conn);

		if (!res)
			return true;
		PQclear(*last);
		*last = res;
		if (pgm__is_copy(res))
			return true;
	}
	return false;
}

PGresult *pgm__finish_until(PGconn *conn, pgm__time deadline, pgm_error *err)
{
	PGresult *last = NULL;

	if (pgm__collect_until(conn, deadline, &last, err)) {
		pgm__error_clear(err);
		if (last && PQstatus(conn) != CONNECTION_BAD)
			return last;
		pgm__fail_libpq(err, conn);
	}
	PQclear(last);
	return NULL;
}

/* While libpq is in blocking mode sending may block for ever on a server that does not read. */
static bool go_nonblocking(PGconn *conn, bool *was_nonblocking, pgm_error *err)
{
	*was_nonblocking = PQisnonblocking(conn);
	return PQsetnonblocking(conn, 1) == 0 || pgm__fail_libpq(err, conn);
}

static void go_back(PGconn *conn, bool was_nonblocking)
{
	if (!was_nonblocking && PQflush(conn) == 0)
		PQsetnonblocking(conn, 0);
}

static bool send_query(PGconn *conn, const pgm_query *query)
{
	int before = pgm__cancel_disable();
	bool sent = PQsendQueryParams(conn, query->sql, query->nparams, query->types, query->params, query->lengths,
				      query->formats, query->result_format);

	pgm__cancel_restore(before);
	return sent;
}

bool pgm__query_until(PGconn *conn, const pgm_query *query, pgm__time deadline, PGresult **last, pgm_error *err)
{
	bool was_nonblocking, ended;

	if (!go_nonblocking(conn, &was_nonblocking, err))
		return false;
	if (send_query(conn, query))
		ended = pgm__collect_until(conn, deadline, last, err);
	else
		ended = pgm__fail_libpq(err, conn);
	go_back(conn, was_nonblocking);
	return ended;
}

PGresult *pgm__exec_until(PGconn *conn, const char *sql, pgm__time deadline, pgm_error *err)
{
	PGresult *res = NULL;
	bool was_nonblocking;

	if (!go_nonblocking(conn, &was_nonblocking, err))
		return NULL;
	if (PQsendQuery(conn, sql))
		res = pgm__finish_until(conn, deadline, err);
	else
		pgm__fail_libpq(err, conn);
	go_back(conn, was_nonblocking);
	return res;
}
