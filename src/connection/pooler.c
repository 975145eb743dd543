#include "connection/pooler.h"

#include "connection/close.h"
#include "connection/connect.h"
#include "connection/wait.h"

#include <stdlib.h>

/* A pool of one connection keeps the second client waiting, and then the first. */
#define LOOK_WITHIN (2 * PGM__SECOND)

/* The server's number for the backend that answers; 0: there was no answer. */
static int ask_backend(PGconn *conn, pgm__time deadline)
{
	PGresult *res = pgm__exec_until(conn, "SELECT pg_catalog.pg_backend_pid()", deadline, NULL);
	int pid = PQntuples(res) == 1 && PQnfields(res) == 1 ? (int)strtol(PQgetvalue(res, 0, 0), NULL, 10) : 0;

	PQclear(res);
	return pid;
}

static bool run(PGconn *conn, const char *sql, pgm__time deadline)
{
	PGresult *res = pgm__exec_until(conn, sql, deadline, NULL);
	bool ok = pgm_result_ok(res, NULL);

	PQclear(res);
	return ok;
}

/* Without session settings: where they do not hold, others would get them. */
static PGconn *connect_another(const pgm__settings *settings, pgm__time deadline)
{
	static const pgm_hooks no_hooks;
	pgm__settings plain = *settings;
	pgm__connector *c;
	pgm__progress progress;
	PGconn *conn = NULL;

	plain.ngucs = 0;
	c = pgm__connector_new(&plain, &no_hooks);
	if (!c)
		return NULL;
	progress = pgm__connector_step(c);
	while ((progress == PGM__WANTS_READ || progress == PGM__WANTS_WRITE) && pgm__clock_now() < deadline) {
		struct pollfd fd = {.fd = pgm__connector_fd(c),
				    .events = progress == PGM__WANTS_READ ? POLLIN : POLLOUT};

		pgm__poll(&fd, 1, deadline);
		progress = pgm__connector_step(c);
	}
	if (progress == PGM__CONNECTED)
		conn = pgm__connector_take(c);
	pgm__connector_free(c);
	return conn;
}

pgm__pooling pgm__pooling_of(PGconn *conn, const pgm__settings *settings)
{
	pgm__time deadline = pgm__clock_now() + LOOK_WITHIN;
	int before = ask_backend(conn, deadline), after = 0;
	PGconn *other;

	/* A pooler has given this client a number of its own, to be cancelled by. */
	if (before == 0 || before == PQbackendPID(conn))
		return PGM__POOLING_NONE;
	other = connect_another(settings, deadline);
	/* In a transaction it has a backend to itself: the one that was used last, or the next in turn. */
	if (other && run(other, "BEGIN", deadline))
		after = ask_backend(conn, deadline);
	pgm__conn_close(other, other && run(other, "ROLLBACK", deadline));
	if (after == 0)
		return PGM__POOLING_UNKNOWN;
	return after == before ? PGM__POOLING_STEADY : PGM__POOLING_CHANGING;
}
