#include "connection/connect.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "connection/endpoint.h"
#include "connection/libpq_error.h"
#include "connection/process.h"
#include "connection/resolve.h"
#include "connection/server_message.h"
#include "connection/session.h"
#include "connection/wait.h"

#include <stdlib.h>
#include <string.h>

typedef enum phase {
	PHASE_BEGIN,
	PHASE_RESOLVING,
	PHASE_ADDRESS,	  /* start with the next address */
	PHASE_CONNECTING, /* libpq is at it */
	PHASE_SETTINGS,	  /* all session settings in one statement */
	PHASE_PROBE,	  /* one by one, to name the one that was refused */
	PHASE_CONFIGURE,
	PHASE_DONE,
	PHASE_FAILED
} phase;

struct pgm__connector {
	const pgm__settings *settings;
	const pgm_hooks *hooks;
	phase phase;
	pgm__progress progress;

	pgm__endpoint endpoint;
	pgm__resolving *resolving; /* while that is going on */
	pgm__addresses addresses;  /* none: libpq needs no address from us */
	size_t tried;
	PGconn *conn;
	PGresult *refusal; /* the first error among the results being read */
	bool reaches_backend;
	size_t probing;

	pgm__time began, deadline, address_deadline;
	pgm__connect_step at;
	pgm__time at_since, spent[PGM__STEPS];

	pgm__strbuf failures; /* of the addresses tried so far */
	pgm_error error;
	bool for_good;
};

/* -------------------------------------------------------------------------------- the account */

static void enter(pgm__connector *c, pgm__connect_step step)
{
	pgm__time now = pgm__clock_now();

	c->spent[c->at] += now - c->at_since;
	c->at_since = now;
	c->at = step;
}

static const char *step_words(pgm__connect_step step)
{
	static const char *const words[PGM__STEPS] = {
		[PGM__STEP_RESOLVE] = "resolving the host name",
		[PGM__STEP_CONNECT] = "reaching the server",
		[PGM__STEP_TLS] = "negotiating TLS",
		[PGM__STEP_AUTHENTICATE] = "authenticating",
		[PGM__STEP_SETTINGS] = "applying session settings",
		[PGM__STEP_DONE] = "done",
	};
	return words[step];
}

static pgm__progress fail(pgm__connector *c, bool for_good)
{
	c->phase = PHASE_FAILED;
	c->for_good = for_good;
	enter(c, c->at);
	PQfinish(c->conn);
	c->conn = NULL;
	return PGM__CONNECT_FAILED;
}

/* ---------------------------------------------------------------------------------- addresses */

static pgm__progress begin(pgm__connector *c)
{
	if (!pgm__endpoint_find(c->settings, &c->endpoint, &c->error))
		return fail(c, c->error.code == PGM_ERR_CONFIG);
	c->deadline = c->began + c->endpoint.connect_timeout;
	c->phase = PHASE_ADDRESS;
	if (pgm__host_is_socket(c->endpoint.host) || c->endpoint.hostaddr[0] != '\0' ||
	    pgm__resolve_number(c->endpoint.host, &c->addresses))
		return PGM__GO_ON;
	c->resolving = pgm__resolve_begin(c->endpoint.host, &c->error);
	if (!c->resolving)
		return fail(c, false);
	c->phase = PHASE_RESOLVING;
	return PGM__WANTS_READ;
}

static pgm__progress go_on_resolving(pgm__connector *c)
{
	bool ok;

	if (!pgm__resolve_is_done(c->resolving)) {
		if (pgm__clock_now() < c->deadline)
			return PGM__WANTS_READ;
		pgm__fail(&c->error, PGM_ERR_CONNECT, "cannot resolve host \"%s\": timed out after %.3g s",
			  c->endpoint.host, (double)(pgm__clock_now() - c->began) / (double)PGM__SECOND);
		return fail(c, false);
	}
	ok = pgm__resolve_end(c->resolving, &c->addresses, &c->error);
	c->resolving = NULL;
	c->phase = PHASE_ADDRESS;
	return ok ? PGM__GO_ON : fail(c, false);
}

static PGconn *start_libpq(const pgm__connector *c)
{
	if (c->addresses.count > 0)
		return pgm__libpq_start(c->settings, "hostaddr", c->addresses.text[c->tried]);
	return pgm__libpq_start(c->settings, NULL, NULL);
}

static bool has_more_addresses(const pgm__connector *c)
{
	return c->tried + 1 < c->addresses.count;
}

static pgm__progress start_address(pgm__connector *c)
{
	pgm__time now = pgm__clock_now();
	size_t left = c->addresses.count > c->tried ? c->addresses.count - c->tried : 1;

	enter(c, PGM__STEP_CONNECT);
	c->address_deadline = now + (c->deadline - now) / (pgm__time)left;
	c->conn = start_libpq(c);
	if (!c->conn) {
		pgm__fail_nomem(&c->error, "connect");
		return fail(c, false);
	}
	PQsetNoticeReceiver(c->conn, pgm__notice_to_log, NULL);
	PQsetNoticeProcessor(c->conn, pgm__notice_text_to_log, NULL);
	PQsetErrorVerbosity(c->conn, PQERRORS_VERBOSE); /* puts the SQLSTATE into the message */
	c->phase = PHASE_CONNECTING;
	if (PQstatus(c->conn) == CONNECTION_BAD)
		return PGM__GO_ON;
	return PGM__WANTS_WRITE; /* as the manual says: act as if PQconnectPoll had said so */
}

static const char *address_of(const pgm__connector *c)
{
	if (c->addresses.count > 0)
		return c->addresses.text[c->tried];
	if (c->endpoint.hostaddr[0])
		return c->endpoint.hostaddr;
	return c->endpoint.host[0] ? c->endpoint.host : "the default socket";
}

/* What went wrong with this address: the server's and libpq's words, or the time that was not enough. */
static void tell_failure(pgm__connector *c, bool timed_out, char *text, size_t size, char sqlstate[6])
{
	sqlstate[0] = '\0';
	if (timed_out)
		snprintf(text, size, "connection to %s, port %s, timed out after %.3g s while %s", address_of(c),
			 c->endpoint.port, (double)(pgm__clock_now() - c->began) / (double)PGM__SECOND,
			 step_words(c->at));
	else
		pgm__server_message(PQerrorMessage(c->conn), text, size, sqlstate);
}

static pgm__progress fail_address(pgm__connector *c, bool timed_out)
{
	char text[sizeof c->error.message], sqlstate[6];
	bool answered = c->at != PGM__STEP_CONNECT && !timed_out;
	bool names = c->addresses.count > 0 && strcmp(c->endpoint.host, c->addresses.text[0]) != 0;
	pgm_code code;

	tell_failure(c, timed_out, text, sizeof text, sqlstate);
	code = PQconnectionNeedsPassword(c->conn) ? PGM_ERR_AUTH : pgm__connect_code(sqlstate);
	if (c->failures.len > 0)
		pgm__strbuf_puts(&c->failures, "; ");
	pgm__strbuf_puts(&c->failures, text);
	if (!answered && has_more_addresses(c) && pgm__clock_now() < c->deadline) {
		PQfinish(c->conn);
		c->conn = NULL;
		c->tried++;
		c->phase = PHASE_ADDRESS;
		return PGM__GO_ON;
	}
	/* libpq's words have the address only. */
	pgm__fail(&c->error, code, "cannot connect%s%s: %s", names ? " to " : "", names ? c->endpoint.host : "",
		  c->failures.text ? c->failures.text : text);
	pgm__error_sqlstate(&c->error, sqlstate);
	return fail(c, code == PGM_ERR_AUTH);
}

/* --------------------------------------------------------------------------------- connecting */

static pgm__connect_step step_of(const PGconn *conn)
{
	switch (PQstatus(conn)) {
	case CONNECTION_STARTED:
	case CONNECTION_NEEDED:
		return PGM__STEP_CONNECT;
	case CONNECTION_SSL_STARTUP:
	case CONNECTION_GSS_STARTUP:
		return PGM__STEP_TLS;
	default:
		return PGM__STEP_AUTHENTICATE;
	}
}

static pgm__progress fail_here(pgm__connector *c)
{
	if (c->error.code == PGM_ERR_BROKEN)
		c->error.code = PGM_ERR_CONNECT; /* it never was up for anybody */
	return fail(c, false);
}

/* The event-driven types may have to cancel, and must know whom. */
static bool asks_backend(const pgm__connector *c)
{
	return c->settings->type == PGM_ASYNC || c->settings->type == PGM_ASYNC_POOL;
}

static pgm__progress after_connected(pgm__connector *c)
{
	PQsetErrorVerbosity(c->conn, PQERRORS_DEFAULT);
	PQsetnonblocking(c->conn, 1);
	c->phase = PHASE_CONFIGURE;
	if (c->settings->ngucs > 0 || asks_backend(c)) {
		enter(c, PGM__STEP_SETTINGS);
		c->phase = PHASE_SETTINGS;
		if (!pgm__session_send(c->conn, c->settings, &c->error))
			return fail_here(c);
	}
	return PGM__GO_ON;
}

static pgm__progress go_on_connecting(pgm__connector *c)
{
	PostgresPollingStatusType polled = PGRES_POLLING_FAILED;

	if (pgm__clock_now() >= c->address_deadline)
		return fail_address(c, true);
	if (PQstatus(c->conn) != CONNECTION_BAD)
		polled = PQconnectPoll(c->conn);
	if (polled == PGRES_POLLING_FAILED)
		return fail_address(c, false);
	if (step_of(c->conn) != c->at)
		enter(c, step_of(c->conn));
	if (polled == PGRES_POLLING_OK)
		return after_connected(c);
	return polled == PGRES_POLLING_READING ? PGM__WANTS_READ : PGM__WANTS_WRITE;
}

/* --------------------------------------------------------------------------- session settings */

/* Reads what has come. CONNECTED: the statement is answered, c->refusal holds its error if there was one. */
static pgm__progress read_answer(pgm__connector *c)
{
	PGresult *res;
	int unsent;

	if (pgm__clock_now() >= c->deadline)
		return fail_address(c, true);
	unsent = PQflush(c->conn);
	if (unsent < 0 || !PQconsumeInput(c->conn)) {
		pgm__fail_libpq(&c->error, c->conn);
		return fail_here(c);
	}
	while (!PQisBusy(c->conn)) {
		if (pgm__clock_now() >= c->deadline)
			return fail_address(c, true);
		res = PQgetResult(c->conn);
		if (!res)
			return PGM__CONNECTED;
		if (pgm__is_copy(res)) { /* it would be given again and again */
			PQclear(res);
			pgm__fail(&c->error, PGM_ERR_CONNECT, "cannot connect: the server answers with a COPY");
			return fail_here(c);
		}
		c->reaches_backend = pgm__session_is_of_backend(c->conn, res);
		if (!c->refusal && !pgm_result_ok(res, &c->error))
			c->refusal = res;
		else
			PQclear(res);
	}
	return unsent > 0 ? PGM__WANTS_WRITE : PGM__WANTS_READ;
}

static pgm__progress probe_next(pgm__connector *c)
{
	if (c->probing == c->settings->ngucs) {
		c->phase = PHASE_CONFIGURE; /* one by one all were taken */
		return PGM__GO_ON;
	}
	if (!pgm__session_send_one(c->conn, &c->settings->gucs[c->probing], &c->error))
		return fail_here(c);
	c->phase = PHASE_PROBE;
	return PGM__GO_ON;
}

static pgm__progress go_on_setting(pgm__connector *c)
{
	pgm__progress progress = read_answer(c);
	bool refused = c->refusal != NULL;

	if (progress != PGM__CONNECTED)
		return progress;
	if (refused && c->error.code == PGM_ERR_BROKEN)
		return fail_here(c);
	if (refused && c->phase == PHASE_PROBE) {
		pgm__session_refused(&c->settings->gucs[c->probing], c->refusal, &c->error);
		return fail(c, true);
	}
	PQclear(c->refusal);
	c->refusal = NULL;
	if (c->phase == PHASE_PROBE)
		c->probing++;
	else if (!refused)
		c->probing = c->settings->ngucs;
	return probe_next(c);
}

static pgm__progress configure(pgm__connector *c)
{
	PQsetnonblocking(c->conn, 0);
	pgm__error_clear(&c->error);
	if (c->hooks->configure && !c->hooks->configure(c->conn, c->hooks->arg, &c->error)) {
		if (c->error.code == PGM_OK)
			pgm__fail(&c->error, PGM_ERR_CONNECT, "the configure hook rejected the connection");
		return fail(c, false);
	}
	enter(c, PGM__STEP_DONE);
	c->phase = PHASE_DONE;
	return PGM__CONNECTED;
}

/* ------------------------------------------------------------------------------------ the door */

pgm__connector *pgm__connector_new(const pgm__settings *settings, const pgm_hooks *hooks)
{
	pgm__connector *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->settings = settings;
	c->hooks = hooks;
	c->began = c->at_since = pgm__clock_now();
	c->progress = PGM__GO_ON;
	c->deadline = PGM__NEVER; /* until the endpoint is known */
	return c;
}

static pgm__progress advance(pgm__connector *c)
{
	switch (c->phase) {
	case PHASE_BEGIN:
		return begin(c);
	case PHASE_RESOLVING:
		return go_on_resolving(c);
	case PHASE_ADDRESS:
		return start_address(c);
	case PHASE_CONNECTING:
		return go_on_connecting(c);
	case PHASE_SETTINGS:
	case PHASE_PROBE:
		return go_on_setting(c);
	case PHASE_CONFIGURE:
		return configure(c);
	case PHASE_DONE:
		return PGM__CONNECTED;
	case PHASE_FAILED:
		break;
	}
	return PGM__CONNECT_FAILED;
}

/* What libpq has of it is left alone. */
static pgm__progress give_up_at_exit(pgm__connector *c)
{
	c->conn = NULL;
	c->phase = PHASE_FAILED;
	c->progress = PGM__CONNECT_FAILED;
	pgm__fail(&c->error, PGM_ERR_CLOSED, "the process is exiting");
	return c->progress;
}

pgm__progress pgm__connector_step(pgm__connector *c)
{
	if (!pgm__process_enter())
		return give_up_at_exit(c);
	do
		c->progress = advance(c);
	while (c->progress == PGM__GO_ON);
	pgm__process_leave();
	return c->progress;
}

void pgm__connector_give_up(pgm__connector *c, const char *reason)
{
	if (!pgm__process_enter()) {
		give_up_at_exit(c);
		return;
	}
	pgm__fail(&c->error, PGM_ERR_CONNECT, "cannot connect: %s", reason);
	c->progress = fail(c, false);
	pgm__process_leave();
}

pgm__progress pgm__connector_progress(const pgm__connector *c)
{
	return c->progress;
}

int pgm__connector_fd(const pgm__connector *c)
{
	if (c->resolving)
		return pgm__resolve_fd(c->resolving);
	return c->conn ? PQsocket(c->conn) : -1;
}

bool pgm__connector_is_ready(const pgm__connector *c)
{
	struct pollfd fd = {.fd = pgm__connector_fd(c), .events = c->progress == PGM__WANTS_READ ? POLLIN : POLLOUT};

	return pgm__poll(&fd, 1, 0) > 0;
}

pgm__time pgm__connector_deadline(const pgm__connector *c)
{
	return c->phase == PHASE_CONNECTING ? c->address_deadline : c->deadline;
}

PGconn *pgm__connector_take(pgm__connector *c)
{
	PGconn *conn = c->conn;

	c->conn = NULL;
	return conn;
}

bool pgm__connector_reaches_backend(const pgm__connector *c)
{
	return c->reaches_backend;
}

const pgm_error *pgm__connector_error(const pgm__connector *c)
{
	return &c->error;
}

bool pgm__connector_failed_for_good(const pgm__connector *c)
{
	return c->for_good;
}

pgm__connect_step pgm__connector_at(const pgm__connector *c)
{
	return c->at;
}

pgm__time pgm__connector_spent(const pgm__connector *c, pgm__connect_step step)
{
	return c->spent[step];
}

const PGconn *pgm__connector_conn(const pgm__connector *c)
{
	return c->conn;
}

void pgm__connector_free(pgm__connector *c)
{
	if (!c)
		return;
	PQclear(c->refusal);
	if (c->conn && pgm__process_enter()) {
		PQfinish(c->conn);
		pgm__process_leave();
	}
	pgm__strbuf_free(&c->failures);
	pgm__resolve_drop(c->resolving);
	pgm__addresses_free(&c->addresses);
	pgm__endpoint_free(&c->endpoint);
	free(c);
}

/* NOTICE and INFO are what libpq would print; only a WARNING is worth the default log. */
void pgm__notice_to_log(void *arg, const PGresult *res)
{
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	bool quiet = severity && (strcmp(severity, "NOTICE") == 0 || strcmp(severity, "INFO") == 0 ||
				  strcmp(severity, "LOG") == 0 || strcmp(severity, "DEBUG") == 0);

	(void)arg;
	pgm__log(quiet ? PGM_LOG_INFO : PGM_LOG_WARNING, "the server says: %s: %s", severity ? severity : "NOTICE",
		 primary ? primary : PQresultErrorMessage(res));
}

/* libpq asks a processor only where its own receiver is in force: if a borrower has put that back. */
void pgm__notice_text_to_log(void *arg, const char *message)
{
	(void)arg;
	pgm__log(PGM_LOG_INFO, "the server says: %s", message);
}
