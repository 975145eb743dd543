#include "connection/close.h"

#include "base/thread.h"
#include "connection/process.h"
#include "connection/wait.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

/* A request that overtakes its statement is lost: the server was still idle. So it is made again. */
#define CANCEL_EVERY (200 * PGM__MS)
#define GIVE_UP_WITHIN (1000 * PGM__MS)

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

void pgm__conn_give_up(PGconn *conn)
{
	if (PQstatus(conn) != CONNECTION_OK)
		return;
	pgm__conn_cancel(conn, pgm__clock_now() + GIVE_UP_WITHIN);
	shutdown(PQsocket(conn), SHUT_RDWR);
	PQsetnonblocking(conn, 1); /* what is given back like this is looked at */
}

/* ----------------------------------------------------------------------------- unfinished work */

static bool is_under_way(const PGconn *conn)
{
	return PQtransactionStatus(conn) == PQTRANS_ACTIVE || PQpipelineStatus(conn) != PQ_PIPELINE_OFF;
}

/* COPY data that nobody wants: what has come of it. */
static pgm__skipped skip_copy_out(PGconn *conn)
{
	char *row = NULL;
	int got;

	while ((got = PQgetCopyData(conn, &row, 1)) > 0)
		PQfreemem(row);
	return got == 0 ? PGM__SKIP_WAITS : PGM__SKIP_ENDED;
}

static pgm__skipped end_copy_in(PGconn *conn)
{
	static const char words[] = "the connection was given back before the COPY was finished";
	int sent;

	/* In a pipeline the server takes its end for data, and libpq never gets past it. */
	if (PQpipelineStatus(conn) != PQ_PIPELINE_OFF)
		return PGM__SKIP_HOPELESS;
	sent = PQputCopyEnd(conn, words);
	if (sent == 0 && PQflush(conn) == 0)
		sent = PQputCopyEnd(conn, words); /* now there is room, and nothing that would tell of it later */
	if (sent == 0)
		return PGM__SKIP_WAITS;
	return sent > 0 ? PGM__SKIP_ENDED : PGM__SKIP_HOPELESS;
}

/* What one result leaves to be done before the next can be read. */
static pgm__skipped get_past(PGconn *conn, const PGresult *res)
{
	switch (PQresultStatus(res)) {
	case PGRES_COPY_OUT:
		return skip_copy_out(conn);
	case PGRES_COPY_IN:
		return end_copy_in(conn);
	case PGRES_COPY_BOTH:
		return PGM__SKIP_HOPELESS; /* replication: nothing that can go on */
	default:
		return PGM__SKIP_ENDED;
	}
}

/* In a pipeline a NULL only ends one statement. */
pgm__skipped pgm__conn_skip(PGconn *conn)
{
	while (is_under_way(conn)) {
		pgm__skipped skipped = PGM__SKIP_ENDED;
		PGresult *res;

		if (PQpipelineStatus(conn) != PQ_PIPELINE_OFF && PQexitPipelineMode(conn))
			continue;
		if (PQisBusy(conn))
			return PGM__SKIP_WAITS;
		res = PQgetResult(conn);
		if (res)
			skipped = get_past(conn, res);
		PQclear(res);
		if (skipped != PGM__SKIP_ENDED)
			return skipped;
	}
	if (PQstatus(conn) != CONNECTION_OK)
		return PGM__SKIP_HOPELESS;
	return PQflush(conn) > 0 ? PGM__SKIP_WAITS : PGM__SKIP_ENDED; /* the rest of a COPY that the server refused */
}

void pgm__conn_begin_skip(PGconn *conn)
{
	if (PQpipelineStatus(conn) != PQ_PIPELINE_OFF && !PQexitPipelineMode(conn))
		PQpipelineSync(conn); /* without it the server would keep what it has */
}

/* Reading goes on while writing waits: both buffers may be full. */
static bool wait_for_more(PGconn *conn, pgm__time deadline)
{
	int unsent = PQflush(conn);
	struct pollfd fd = {.fd = PQsocket(conn), .events = unsent > 0 ? POLLIN | POLLOUT : POLLIN};

	if (fd.fd < 0 || pgm__clock_now() >= deadline || pgm__poll(&fd, 1, deadline) <= 0)
		return false;
	return PQconsumeInput(conn) == 1;
}

static bool drain(PGconn *conn, pgm__time deadline)
{
	pgm__skipped skipped;

	while ((skipped = pgm__conn_skip(conn)) == PGM__SKIP_WAITS)
		if (!wait_for_more(conn, deadline))
			return false;
	return skipped == PGM__SKIP_ENDED;
}

static bool end_work(PGconn *conn, pgm__time deadline)
{
	pgm__conn_begin_skip(conn);
	if (drain(conn, pgm__clock_now() + PGM__SKIP_FIRST))
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
	int before = pgm__cancel_disable();
	bool ended = end_work(conn, deadline);

	pgm__cancel_restore(before);
	return ended;
}
