#include "connection/wait.h"

#include "connection/libpq_error.h"

#include <errno.h>
#include <pthread.h>
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
	int ready = fd.fd < 0 ? 0 : pgm__poll(&fd, 1, deadline);

	if (fd.fd < 0)
		return pgm__fail_libpq(err, conn);
	if (ready > 0)
		return true;
	if (ready < 0)
		return pgm__fail(err, PGM_ERR_BROKEN, "waiting for the server failed: %s", strerror(errno));
	return fail_late(err);
}

bool pgm__result_ready_until(PGconn *conn, pgm__time deadline, pgm_error *err)
{
	for (;;) {
		int unsent = PQflush(conn);

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
		if (!PQconsumeInput(conn))
			return pgm__fail_libpq(err, conn);
	}
}

static bool is_copy(const PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);

	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

static bool read_results(PGconn *conn, PGresult **last, pgm__time deadline, pgm_error *err)
{
	while (pgm__result_ready_until(conn, deadline, err)) {
		PGresult *res = PQgetResult(conn);

		if (res) {
			PQclear(*last);
			*last = res;
		}
		if (!res || is_copy(res))
			return (*last && PQstatus(conn) != CONNECTION_BAD) || pgm__fail_libpq(err, conn);
	}
	return false;
}

static void clear_result(void *res)
{
	PQclear(*(PGresult **)res);
	*(PGresult **)res = NULL;
}

/* Nothing is kept on failure, nor if the thread is cancelled while it waits. */
static bool read_or_clear(PGconn *conn, PGresult **last, pgm__time deadline, pgm_error *err)
{
	bool ok;

	pthread_cleanup_push(clear_result, last);
	ok = read_results(conn, last, deadline, err);
	pthread_cleanup_pop(!ok);
	return ok;
}

PGresult *pgm__finish_until(PGconn *conn, pgm__time deadline, pgm_error *err)
{
	PGresult *last = NULL;

	if (read_or_clear(conn, &last, deadline, err))
		pgm__error_clear(err);
	return last;
}

/* While libpq is in blocking mode sending may block for ever on a server that does not read. */
static bool go_nonblocking(PGconn *conn, bool *was_nonblocking, pgm_error *err)
{
	*was_nonblocking = PQisnonblocking(conn);
	return PQsetnonblocking(conn, 1) == 0 || pgm__fail_libpq(err, conn);
}

static PGresult *finish(PGconn *conn, int sent, bool was_nonblocking, pgm__time deadline, pgm_error *err)
{
	PGresult *res = NULL;

	if (sent)
		res = pgm__finish_until(conn, deadline, err);
	else
		pgm__fail_libpq(err, conn);
	if (!was_nonblocking && PQflush(conn) == 0)
		PQsetnonblocking(conn, 0);
	return res;
}

PGresult *pgm__query_until(PGconn *conn, const pgm_query *query, pgm__time deadline, pgm_error *err)
{
	bool was_nonblocking;
	int sent;

	if (!go_nonblocking(conn, &was_nonblocking, err))
		return NULL;
	sent = PQsendQueryParams(conn, query->sql, query->nparams, query->types, query->params, query->lengths,
				 query->formats, query->result_format);
	return finish(conn, sent, was_nonblocking, deadline, err);
}

PGresult *pgm__exec_until(PGconn *conn, const char *sql, pgm__time deadline, pgm_error *err)
{
	bool was_nonblocking;

	if (!go_nonblocking(conn, &was_nonblocking, err))
		return NULL;
	return finish(conn, PQsendQuery(conn, sql), was_nonblocking, deadline, err);
}
