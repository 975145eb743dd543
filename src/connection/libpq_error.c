#include "connection/libpq_error.h"

#include "base/line.h"

#include <inttypes.h>
#include <string.h>

bool pgm__fail_libpq(pgm_error *err, const PGconn *conn)
{
	const char *words = PQerrorMessage(conn);
	int len = pgm__line_length(words);

	if (PQstatus(conn) != CONNECTION_OK)
		return len ? pgm__fail(err, PGM_ERR_BROKEN, "the connection was lost: %.*s", len, words)
			   : pgm__fail(err, PGM_ERR_BROKEN, "the connection was lost");
	return len ? pgm__fail(err, PGM_ERR_MISUSE, "libpq refused the call: %.*s", len, words)
		   : pgm__fail(err, PGM_ERR_MISUSE, "libpq refused the call");
}

/* FATAL and PANIC end the session; an error without an SQLSTATE is libpq's own: the connection is gone. */
static bool ends_session(const PGresult *res, const char *sqlstate)
{
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);

	return !sqlstate || (severity && (strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0));
}

bool pgm__fail_result(pgm_error *err, const PGresult *res)
{
	const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY);
	const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
	pgm_code code = ends_session(res, sqlstate) ? PGM_ERR_BROKEN : PGM_ERR_QUERY;
	const char *words = PQresultErrorMessage(res);

	if (primary)
		pgm__fail(err, code, "%s: %s%s%s", severity ? severity : "ERROR", primary, detail ? "; " : "",
			  detail ? detail : "");
	else
		pgm__fail(err, code, "the connection was lost: %.*s", pgm__line_length(words), words);
	pgm__error_sqlstate(err, sqlstate);
	return false;
}

/* The words are not asked for: they may be in any language. Other syntax errors have a position, this has none. */
void pgm__hint_if_several(const PGresult *res, pgm_error *err)
{
	const pgm_error server = *err;

	if (strcmp(server.sqlstate, "42601") != 0 || PQresultErrorField(res, PG_DIAG_STATEMENT_POSITION))
		return;
	pgm__fail(err, server.code, "%s; to run several statements at once borrow a connection", server.message);
	pgm__error_sqlstate(err, server.sqlstate);
}

bool pgm__fail_busy(pgm_error *err, const char *call)
{
	return pgm__fail(err, PGM_ERR_MISUSE, "%s: the connection is busy with another statement or cursor", call);
}

void pgm__fail_cancelled(pgm_error *err, int64_t timeout_ms)
{
	pgm__fail(err, PGM_ERR_TIMEOUT, "the statement did not end within %" PRId64 " ms and was cancelled",
		  timeout_ms);
}

void pgm__fail_uncancelled(pgm_error *err, int64_t timeout_ms, const char *reason)
{
	pgm__fail(err, PGM_ERR_TIMEOUT,
		  "the statement did not end within %" PRId64 " ms and could not be cancelled (%s): it may or may not "
		  "have run",
		  timeout_ms, reason);
	pgm__error_sqlstate(err, PGM__UNRESOLVED);
}

void pgm__fail_unknown(pgm_error *err, pgm_code code, const char *words)
{
	pgm__fail(err, code, "the statement may or may not have run: %s", words);
	pgm__error_sqlstate(err, PGM__UNRESOLVED);
}

bool pgm_result_ok(const PGresult *res, pgm_error *err)
{
	switch (PQresultStatus(res)) {
	case PGRES_BAD_RESPONSE:
	case PGRES_FATAL_ERROR:
		if (res)
			return pgm__fail_result(err, res);
		return pgm__fail(err, PGM_ERR_BROKEN, "no result: the connection is lost or busy, or memory is out");
	case PGRES_NONFATAL_ERROR:
		return pgm__fail_result(err, res);
	case PGRES_PIPELINE_ABORTED:
		return pgm__fail(err, PGM_ERR_QUERY, "not run: an earlier statement of the pipeline failed");
	default:
		pgm__error_clear(err);
		return true;
	}
}
