#include "tools/csv/session.h"

#include "base/clock.h"
#include "base/line.h"
#include "tools/alone.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define ASK_EVERY_MS 100
#define GIVE_UP_AFTER_MS 3000

bool pgm__csv_session_open(pgm__csv_session *session, const pgm_config *config, pgm_error *err)
{
	session->conn = pgm__connect_alone(config, &session->manager, err);
	if (session->conn && PQsetClientEncoding(session->conn, "UTF8") == 0 && PQsetnonblocking(session->conn, 1) == 0)
		return true;
	if (session->conn)
		pgm__csv_fail_result(session, "setting client_encoding to UTF8", NULL, err);
	pgm__csv_session_close(session);
	return false;
}

/* ------------------------------------------------------------------------------------- failures */

static void put_first(const char *doing, pgm_error *err)
{
	const pgm_error why = *err;

	if (!doing)
		return;
	pgm__fail(err, why.code, "%s: %s", doing, why.message);
	pgm__error_sqlstate(err, why.sqlstate);
}

bool pgm__csv_fail_result(const pgm__csv_session *session, const char *doing, const PGresult *res, pgm_error *err)
{
	const char *words = PQerrorMessage(session->conn);
	bool lost = PQstatus(session->conn) != CONNECTION_OK;
	pgm_error why;

	if (!res)
		pgm__fail(&why, lost ? PGM_ERR_BROKEN : PGM_ERR_QUERY, "%s: %.*s",
			  lost ? "the connection was lost" : "libpq refused the call", pgm__line_length(words), words);
	else if (pgm_result_ok(res, &why))
		pgm__fail(&why, PGM_ERR_QUERY, "the server gave an unexpected answer, %s",
			  PQresStatus(PQresultStatus(res)));
	put_first(doing, &why);
	pgm__error_copy(err, &why);
	return false;
}

bool pgm__csv_fail_stopped(pgm_error *err)
{
	pgm__fail(err, PGM_ERR_QUERY, "stopped on request");
	pgm__error_sqlstate(err, "57014");
	return false;
}

/* -------------------------------------------------------------------------------------- waiting */

bool pgm__csv_wait(pgm__csv_session *session, short events, pgm_error *err)
{
	struct pollfd fd = {.fd = PQsocket(session->conn), .events = events};
	char words[128];
	int n;

	if (fd.fd < 0)
		return pgm__csv_fail_result(session, NULL, NULL, err);
	do {
		n = poll(&fd, 1, ASK_EVERY_MS);
		if (n < 0 && errno != EINTR)
			return pgm__fail(err, PGM_ERR_BROKEN, "waiting for the server: %s",
					 pgm__errno_text(errno, words, sizeof(words)));
		if (n <= 0 && session->go_on && !session->go_on(session->arg))
			return pgm__csv_fail_stopped(err);
	} while (n <= 0);
	return true;
}

void pgm__csv_cancel(pgm__csv_session *session)
{
	PGcancel *cancel = PQgetCancel(session->conn);
	char words[256];

	if (cancel)
		PQcancel(cancel, words, sizeof(words));
	PQfreeCancel(cancel);
}

/* Sends what libpq still holds, reading meanwhile what the server has to say, lest both wait for each other. False: stopped.
 * That nothing can be sent any more is seen later, as what the server said last has been read perhaps. */
static bool flush(pgm__csv_session *session, pgm_error *err)
{
	while (PQflush(session->conn) == 1)
		if (!pgm__csv_wait(session, POLLIN | POLLOUT, err))
			return false;
		else if (!PQconsumeInput(session->conn))
			break;
	return true;
}

PGresult *pgm__csv_next_result(pgm__csv_session *session, pgm_error *err)
{
	pgm__error_clear(err);
	if (!flush(session, err))
		return NULL;
	while (PQisBusy(session->conn)) {
		if (!pgm__csv_wait(session, POLLIN, err))
			return NULL;
		if (!PQconsumeInput(session->conn))
			break;
	}
	return PQgetResult(session->conn);
}

/* ----------------------------------------------------------------------------------- statements */

static bool is_copy(const PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);

	return status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
}

/* A statement that was stopped leaves the connection in the middle of it; the end of the session is not far then. */
PGresult *pgm__csv_run(pgm__csv_session *session, const char *doing, const char *sql, int nparams,
		       const char *const *params, pgm_error *err)
{
	pgm_error why = {0};
	PGresult *res = NULL, *next;

	if (!PQsendQueryParams(session->conn, sql, nparams, NULL, params, NULL, NULL, 0)) {
		pgm__csv_fail_result(session, doing, NULL, err);
		return NULL;
	}
	while (!is_copy(res) && (next = pgm__csv_next_result(session, &why)) != NULL) {
		PQclear(res);
		res = next;
	}
	if (why.code != PGM_OK) {
		if (strcmp(why.sqlstate, "57014") == 0)
			pgm__csv_cancel(session);
		else
			put_first(doing, &why);
	} else if (!res) {
		pgm__csv_fail_result(session, doing, NULL, &why);
	} else if (!pgm_result_ok(res, &why)) {
		put_first(doing, &why);
	}
	pgm__error_copy(err, &why);
	if (why.code == PGM_OK)
		return res;
	PQclear(res);
	return NULL;
}

PGresult *pgm__csv_ask(pgm__csv_session *session, const char *doing, const char *sql, int nparams,
		       const char *const *params, int columns, pgm_error *err)
{
	PGresult *res = pgm__csv_run(session, doing, sql, nparams, params, err);

	if (!res || (PQresultStatus(res) == PGRES_TUPLES_OK && PQnfields(res) == columns))
		return res;
	PQclear(res);
	pgm__fail(err, PGM_ERR_BROKEN, "%s: the server's answer does not fit the question", doing);
	return NULL;
}

bool pgm__csv_do(pgm__csv_session *session, const char *doing, const char *sql, pgm_error *err)
{
	PGresult *res = pgm__csv_run(session, doing, sql, 0, NULL, err);

	PQclear(res);
	return res != NULL;
}

/* ----------------------------------------------------------------------------------- giving up */

typedef struct hurry {
	pgm__csv_session session;
	pgm__time deadline;
} hurry;

/* A request to cancel that overtakes its statement is lost, so it is said again. */
static bool insist(void *arg)
{
	hurry *h = arg;

	if (PQtransactionStatus(h->session.conn) == PQTRANS_ACTIVE)
		pgm__csv_cancel(&h->session);
	return pgm__clock_now() < h->deadline;
}

static bool skip_rows(pgm__csv_session *session)
{
	char *row;
	int n;

	while ((n = PQgetCopyData(session->conn, &row, 1)) >= 0) {
		PQfreemem(row);
		if (n == 0 && (!pgm__csv_wait(session, POLLIN, NULL) || !PQconsumeInput(session->conn)))
			return false;
	}
	return true;
}

/* Reads on to the end of what runs. */
static void end_statement(pgm__csv_session *session)
{
	PGresult *res;
	bool goes_on = true;

	while (goes_on && (res = pgm__csv_next_result(session, NULL)) != NULL) {
		if (PQresultStatus(res) == PGRES_COPY_IN)
			goes_on = PQputCopyEnd(session->conn, "given up by the client") == 1;
		else if (PQresultStatus(res) == PGRES_COPY_OUT)
			goes_on = skip_rows(session);
		else if (PQresultStatus(res) == PGRES_COPY_BOTH) /* of a server that is none: it has no end */
			goes_on = false;
		PQclear(res);
	}
}

void pgm__csv_give_up(pgm__csv_session *session)
{
	hurry h = {{.conn = session->conn, .go_on = insist, .arg = &h}, pgm__clock_after_ms(GIVE_UP_AFTER_MS)};

	if (PQstatus(session->conn) != CONNECTION_OK)
		return;
	if (PQtransactionStatus(session->conn) == PQTRANS_ACTIVE) {
		pgm__csv_cancel(session);
		end_statement(&h.session);
	}
	if (PQtransactionStatus(session->conn) > PQTRANS_ACTIVE)
		pgm__csv_do(&h.session, NULL, "ROLLBACK", NULL);
}

void pgm__csv_session_close(pgm__csv_session *session)
{
	if (session->conn) {
		pgm__csv_give_up(session);
		/* First the handle: nobody need be told that a lost connection is not kept. */
		pgm_clear_cache(session->manager);
		pgm_release(session->conn);
	}
	pgm_manager_free(session->manager);
	session->conn = NULL;
	session->manager = NULL;
}
