#include "connection/look.h"

#include "base/log.h"
#include "connection/clean.h"
#include "connection/libpq_error.h"
#include "connection/wait.h"

#include <stdio.h>
#include <string.h>

/* The look at the socket costs a system call; one that was used this recently is trusted. */
#define TRUSTED_FOR (10 * PGM__MS)
/* check_on_checkout costs a round trip; left out for one that was used this recently. */
#define UNCHECKED_FOR PGM__SECOND
#define CHECK_WITHIN (2 * PGM__SECOND)
/* But this long even for a borrower with less patience: what has not answered by then is dropped. */
#define CHECK_AT_LEAST (500 * PGM__MS)

/* A server that goes on sending while nobody asked must not keep a borrower, or the keeper, for ever. */
#define LOOK_WITHIN (100 * PGM__MS)

/* ------------------------------------------------------------------------------ the last words */

typedef struct words {
	char sqlstate[6];
	char text[256];
} words;

/* After a crash and at an immediate shutdown the last words are a WARNING; what tells is the SQLSTATE, one of
 * those by which an operator intervenes (PostgreSQL manual, appendix A: 57P01 to 57P05). */
static bool are_last(const char *severity, const char *sqlstate)
{
	return strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0 ||
	       (sqlstate && strncmp(sqlstate, "57P0", 4) == 0);
}

/* What the server says to an idle connection before it closes it comes as a notice. */
static void note_words(void *arg, const PGresult *res)
{
	words *last = arg;
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	if (!severity || !are_last(severity, sqlstate))
		return;
	snprintf(last->sqlstate, sizeof last->sqlstate, "%s", sqlstate ? sqlstate : "");
	snprintf(last->text, sizeof last->text, "%s: %s", severity, primary ? primary : "");
}

static const char *advice(const char *sqlstate)
{
	static const struct {
		const char *sqlstate, *text;
	} table[] = {
		{"57P01", "an administrator or a restart ended it"},
		{"57P02", "the server crashed"},
		{"57P05", "set idle_session_timeout of the server above max_idle, or to 0"},
		{"25P03", "it was idle in a transaction for longer than idle_in_transaction_session_timeout"},
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (strcmp(table[i].sqlstate, sqlstate) == 0)
			return table[i].text;
	return NULL;
}

static bool fail_with(const words *last, const PGconn *conn, pgm_error *err)
{
	const char *hint = advice(last->sqlstate);

	if (last->text[0] == '\0')
		return pgm__fail_libpq(err, conn);
	pgm__fail(err, PGM_ERR_BROKEN, "the server closed it while it was idle: %s (%s)%s%s", last->text,
		  last->sqlstate, hint ? "; " : "", hint ? hint : "");
	pgm__error_sqlstate(err, last->sqlstate);
	return false;
}

/* -------------------------------------------------------------------------------------- looking */

static bool is_readable(const PGconn *conn)
{
	struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};

	return pgm__poll(&fd, 1, 0) > 0;
}

void pgm__swallow_notifications(PGconn *conn)
{
	PGnotify *notify;

	while ((notify = PQnotifies(conn)) != NULL) /* also makes libpq parse what came */
		PQfreemem(notify);
}

bool pgm__look(PGconn *conn, pgm_error *err)
{
	words last = {.sqlstate = ""};
	pgm__time deadline;
	bool alive = PQstatus(conn) == CONNECTION_OK;

	if (alive && !is_readable(conn))
		return true;
	deadline = pgm__clock_now() + LOOK_WITHIN;
	PQsetNoticeReceiver(conn, note_words, &last);
	while (alive && is_readable(conn) && pgm__clock_now() < deadline) {
		alive = PQconsumeInput(conn) == 1;
		pgm__swallow_notifications(conn);
		alive = alive && PQstatus(conn) == CONNECTION_OK && last.text[0] == '\0';
	}
	PQsetNoticeReceiver(conn, pgm__notice_to_log, NULL);
	return alive || fail_with(&last, conn, err);
}

/* ------------------------------------------------------------------------------- before lending */

static bool answers(PGconn *conn, pgm__time deadline, pgm_error *err)
{
	PGresult *res = pgm__exec_until(conn, "", deadline, err);
	bool ok = res && pgm_result_ok(res, err) &&
		  (!pgm__is_copy(res) || pgm__fail(err, PGM_ERR_BROKEN, "the server answers with a COPY"));

	PQclear(res);
	return ok;
}

/* A connection that is not good is in no state that libpq would call idle. */
static bool is_untouched(const PGconn *conn)
{
	return PQtransactionStatus(conn) == PQTRANS_IDLE;
}

static bool clean_after_misuse(pgm__lease *lease, pgm_error *err)
{
	bool rolled_back;

	if (PQstatus(lease->conn) != CONNECTION_OK)
		return pgm__fail_libpq(err, lease->conn);
	pgm__log(PGM_LOG_WARNING, "a connection was used after pgm_release; it is cleaned");
	return pgm__clean(lease, &rolled_back, err);
}

bool pgm__lease_passes_hook(const pgm__lease *lease, pgm_error *err)
{
	const pgm_hooks *hooks = &lease->db->hooks;

	if (!hooks->check || hooks->check(lease->conn, hooks->arg, err))
		return true;
	if (err->code == PGM_OK)
		pgm__fail(err, PGM_ERR_CONNECT, "the check hook rejected it");
	return false;
}

/* On any connection of the handle since it was used. */
static bool deaths_since(const pgm__lease *lease)
{
	return lease->given_back <= atomic_load_explicit(&lease->db->last_death, memory_order_relaxed);
}

/* Where one has died others may be as silent, and the borrower is to reach one that answers in his time. */
pgm__time pgm__check_deadline(const pgm__lease *lease, pgm__time now, pgm__time until)
{
	pgm__time most = now + CHECK_WITHIN, least = now + CHECK_AT_LEAST;

	if (deaths_since(lease) || until < least)
		return least;
	return until < most ? until : most;
}

static bool looks_due(const pgm__lease *lease, pgm__time now)
{
	return now - lease->given_back >= TRUSTED_FOR || deaths_since(lease);
}

bool pgm__lease_is_fresh(const pgm__lease *lease, pgm__time now)
{
	return !looks_due(lease, now) && is_untouched(lease->conn) && !lease->db->hooks.check;
}

bool pgm__lease_check_is_due(const pgm__lease *lease, pgm__time now)
{
	return lease->db->settings->check_on_checkout && now - lease->given_back >= UNCHECKED_FOR;
}

pgm__fitness pgm__lease_fitness(pgm__lease *lease, pgm__time until, pgm_error *err)
{
	pgm__time now = pgm__clock_now();
	bool check = pgm__lease_check_is_due(lease, now);

	pgm__error_clear(err);
	if (!is_untouched(lease->conn) && !clean_after_misuse(lease, err))
		return PGM__DEAD;
	if (looks_due(lease, now) && !pgm__look(lease->conn, err))
		return PGM__DEAD;
	if (check && !answers(lease->conn, pgm__check_deadline(lease, now, until), err))
		return PGM__DEAD;
	return pgm__lease_passes_hook(lease, err) ? PGM__FIT : PGM__REJECTED;
}
