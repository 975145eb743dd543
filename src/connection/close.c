#include "connection/close.h"

#include "base/thread.h"
#include "connection/process.h"
#include "connection/wait.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

/* Unread results that are on their way already are read rather than cancelled. */
#define DRAIN_FIRST (5 * PGM__MS)

/* A request that overtakes its statement is lost: the server was still idle. So it is made again. */
#define CANCEL_EVERY (200 * PGM__MS)

void pgm__conn_close(PGconn *conn, bool polite)
{
	if (!pgm__process_enter())
		return; /* the process is exiting, and TLS may have been torn down already */
	if (conn && !polite && PQsocket(conn) >= 0)
		shutdown(PQsocket(conn), SHUT_RDWR);
	PQfinish(conn);
	pgm__process_leave();
}

/* ------------------------------------------------------------------------------------- cancel */

/* PQcancel connects and waits with no limit of its own, so it gets a thread that may be left behind. */
typedef struct cancelling {
	PGcancel *request;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done, sent; /* locked */
	int users;	 /* locked */
} cancelling;

static void leave_cancelling_locked(cancelling *c)
{
	bool last = --c->users == 0;

	pthread_mutex_unlock(&c->lock);
	if (!last)
		return;
	PQfreeCancel(c->request);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static void *cancel_main(void *arg)
{
	cancelling *c = arg;
	char words[256];
	bool sent = PQcancel(c->request, words, sizeof words) == 1;

	pthread_mutex_lock(&c->lock);
	c->done = true;
	c->sent = sent;
	pthread_cond_signal(&c->changed);
	leave_cancelling_locked(c);
	return NULL;
}

static cancelling *cancelling_new(PGconn *conn)
{
	cancelling *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->request = PQgetCancel(conn);
	if (!c->request || !pgm__cond_init(&c->changed)) {
		PQfreeCancel(c->request);
		free(c);
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	c->users = 2;
	return c;
}

bool pgm__conn_cancel(PGconn *conn, pgm__time deadline)
{
	cancelling *c = cancelling_new(conn);
	pthread_t thread;
	bool sent;

	if (!c)
		return false;
	pthread_mutex_lock(&c->lock);
	if (pgm__thread_start(&thread, cancel_main, c)) {
		pthread_detach(thread);
		while (!c->done && pgm__cond_wait_until(&c->changed, &c->lock, deadline))
			continue;
	} else {
		c->users--;
	}
	sent = c->done && c->sent;
	leave_cancelling_locked(c);
	return sent;
}

/* ----------------------------------------------------------------------------- unfinished work */

/* COPY data that nobody wants, until its end. */
static bool skip_copy_out(PGconn *conn, pgm__time deadline)
{
	char *row = NULL;
	int got;

	while ((got = PQgetCopyData(conn, &row, 1)) >= 0) {
		struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};

		PQfreemem(row);
		if (pgm__clock_now() >= deadline)
			return false;
		if (got == 0 && (pgm__poll(&fd, 1, deadline) <= 0 || !PQconsumeInput(conn)))
			return false;
	}
	return true;
}

static bool end_copy_in(PGconn *conn, pgm__time deadline)
{
	int sent;

	while ((sent = PQputCopyEnd(conn, "the connection was given back before the COPY was finished")) == 0) {
		struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN | POLLOUT};

		if (pgm__poll(&fd, 1, deadline) <= 0 || PQflush(conn) < 0)
			return false;
	}
	return sent == 1;
}

/* What one result leaves to be done before the next can be read. */
static bool get_past(PGconn *conn, const PGresult *res, pgm__time deadline)
{
	switch (PQresultStatus(res)) {
	case PGRES_COPY_OUT:
		return skip_copy_out(conn, deadline);
	case PGRES_COPY_IN:
		/* In a pipeline the server takes its end for data, and libpq never gets past it. */
		return PQpipelineStatus(conn) == PQ_PIPELINE_OFF && end_copy_in(conn, deadline);
	case PGRES_COPY_BOTH:
		return false; /* replication: nothing that can go on */
	default:
		return true;
	}
}

/* Reads results until there are none. In a pipeline a NULL only ends one statement. */
static bool drain(PGconn *conn, pgm__time deadline)
{
	pgm_error ignored;

	while (PQtransactionStatus(conn) == PQTRANS_ACTIVE || PQpipelineStatus(conn) != PQ_PIPELINE_OFF) {
		PGresult *res;
		bool ok;

		if (PQpipelineStatus(conn) != PQ_PIPELINE_OFF && PQexitPipelineMode(conn))
			continue;
		if (pgm__clock_now() >= deadline || !pgm__result_ready_until(conn, deadline, &ignored))
			return false;
		res = PQgetResult(conn);
		ok = !res || get_past(conn, res, deadline);
		PQclear(res);
		if (!ok)
			return false;
	}
	return PQstatus(conn) == CONNECTION_OK;
}

static bool end_work(PGconn *conn, pgm__time deadline)
{
	if (PQpipelineStatus(conn) != PQ_PIPELINE_OFF && !PQexitPipelineMode(conn))
		PQpipelineSync(conn); /* without it the server would keep what it has */
	if (drain(conn, pgm__clock_now() + DRAIN_FIRST))
		return true;
	if (PQstatus(conn) != CONNECTION_OK)
		return false;
	while (pgm__conn_cancel(conn, deadline)) {
		pgm__time until = pgm__clock_now() + CANCEL_EVERY;

		if (drain(conn, until < deadline ? until : deadline))
			return true;
		if (until >= deadline || pgm__clock_now() < until)
			return false;
	}
	return false;
}

/* A thread that is cancelled halfway would leave the one that cancels alone with what they share. */
bool pgm__conn_end_work(PGconn *conn, pgm__time deadline)
{
	int before;
	bool ended;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	ended = end_work(conn, deadline);
	pthread_setcancelstate(before, &before);
	return ended;
}
