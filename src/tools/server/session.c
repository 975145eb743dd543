#include "tools/server/session.h"

#include "base/error.h"
#include "base/strbuf.h"
#include "tools/alone.h"

#include <string.h>

#define CONNECTION "connection_settings"
#define CONNECT_TIMEOUT "10"  /* seconds, where the file says nothing */
#define QUESTION_TIMEOUT 5000 /* milliseconds */
#define UNRESOLVED "08007"    /* transaction_resolution_unknown: see pgmonkey.h */
#define READ_ONLY "-c default_transaction_read_only=on"
#define NO_TIMEOUT " -c statement_timeout=0"

/* ------------------------------------------------------------------------------------------ open */

static bool copy_connection(const pgm_config *from, pgm_config *to, pgm_error *err)
{
	const char *key;

	for (size_t i = 0; (key = pgm_config_key(from, CONNECTION, i)); i++)
		if (!pgm_config_set(to, CONNECTION, key, pgm_config_get(from, CONNECTION, key), err))
			return false;
	return pgm_config_set(to, CONNECTION, "client_encoding", "UTF8", err) &&
	       (pgm_config_get(from, CONNECTION, "connect_timeout") ||
		pgm_config_set(to, CONNECTION, "connect_timeout", CONNECT_TIMEOUT, err));
}

/* As a start-up option: from the first statement on, and nothing that a pooler could hand on to somebody else. */
static bool forbid_writing(pgm_config *config, const char *given, pgm_error *err)
{
	pgm__strbuf options = {0};
	bool ok;

	pgm__strbuf_printf(&options, "%s%s" READ_ONLY, given, given[0] ? " " : "");
	if (strstr(given, "statement_timeout")) /* the questions have a time limit of their own */
		pgm__strbuf_puts(&options, NO_TIMEOUT);
	ok = options.failed ? pgm__fail_nomem(err, "preparing an audit")
			    : pgm_config_set(config, CONNECTION, "options", options.text, err);
	pgm__strbuf_free(&options);
	return ok;
}

static bool connect_with(pgm__audit_session *session, const pgm_config *config, pgm_error *err)
{
	session->conn = pgm__connect_alone(config, &session->manager, err);
	return session->conn != NULL;
}

/* PgBouncer knows no start-up option but a few. All that is asked only reads anyway. */
static bool refuses_options(const pgm_error *err)
{
	return strcmp(err->sqlstate, "08P01") == 0 && strstr(err->message, "options");
}

bool pgm__audit_open(pgm__audit_session *session, const pgm_config *config, const char *options, pgm_error *err)
{
	pgm_config *copy = pgm_config_new();
	pgm_error why;
	bool ok;

	*session = (pgm__audit_session){0};
	if (!copy)
		return pgm__fail_nomem(err, "preparing an audit");
	ok = copy_connection(config, copy, &why) && forbid_writing(copy, options, &why) &&
	     connect_with(session, copy, &why);
	if (!ok && refuses_options(&why))
		ok = pgm_config_set(copy, CONNECTION, "options", pgm_config_get(config, CONNECTION, "options"), &why) &&
		     connect_with(session, copy, &why);
	pgm_config_free(copy);
	pgm__error_copy(err, &why);
	return ok;
}

void pgm__audit_close(pgm__audit_session *session)
{
	pgm_release(session->conn);
	pgm_manager_free(session->manager);
	*session = (pgm__audit_session){0};
}

/* ------------------------------------------------------------------------------------------- ask */

typedef struct answer {
	PGresult *res;
	pgm_error *err;
} answer;

static void take(PGresult *res, const pgm_error *err, void *arg)
{
	answer *a = arg;

	a->res = res;
	if (err)
		pgm__error_copy(a->err, err);
}

/* Cut off, or stuck in a question that could not be cancelled. */
static bool is_lost(const pgm_error *err)
{
	return err->code == PGM_ERR_BROKEN || (err->code == PGM_ERR_TIMEOUT && strcmp(err->sqlstate, UNRESOLVED) == 0);
}

static bool fits(const PGresult *res, int columns, pgm_error *err)
{
	return (PQresultStatus(res) == PGRES_TUPLES_OK && PQnfields(res) == columns) ||
	       pgm__fail(err, PGM_ERR_BROKEN, "the server's answer does not fit the question");
}

PGresult *pgm__audit_ask(pgm__audit_session *session, const char *sql, int nparams, const char *const *params,
			 int columns, pgm_error *err)
{
	const pgm_query query = {.sql = sql, .nparams = nparams, .params = params, .timeout_ms = QUESTION_TIMEOUT};
	pgm_error why = session->lost;
	answer a = {.err = &why};

	if (why.code != PGM_OK || !pgm_send(session->conn, &query, take, &a, &why) || why.code != PGM_OK ||
	    !fits(a.res, columns, &why)) {
		PQclear(a.res);
		a.res = NULL;
	}
	if (is_lost(&why))
		session->lost = why;
	pgm__error_copy(err, &why);
	return a.res;
}
