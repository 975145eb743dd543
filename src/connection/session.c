#include "connection/session.h"

#include "base/strbuf.h"
#include "connection/libpq_error.h"
#include "connection/wait.h"

#include <stdlib.h>

/* SELECT pg_backend_pid(), set_config($1, $2, false), set_config($3, $4, false), ... */
static char *set_config_sql(size_t count)
{
	pgm__strbuf sql = {0};

	pgm__strbuf_puts(&sql, "SELECT pg_catalog.pg_backend_pid()");
	for (size_t i = 0; i < count; i++)
		pgm__strbuf_printf(&sql, ", pg_catalog.set_config($%zu, $%zu, false)", 2 * i + 1, 2 * i + 2);
	return pgm__strbuf_take(&sql);
}

static bool send_gucs(PGconn *conn, const pgm__guc *gucs, size_t count, pgm_error *err)
{
	char *sql = set_config_sql(count);
	const char **params = calloc(2 * count + 1, sizeof *params);
	bool ok = false;

	if (!sql || !params) {
		pgm__fail_nomem(err, "apply session settings");
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		params[2 * i] = gucs[i].name;
		params[2 * i + 1] = gucs[i].value;
	}
	ok = PQsendQueryParams(conn, sql, (int)(2 * count), NULL, params, NULL, NULL, 0) == 1 ||
	     pgm__fail_libpq(err, conn);
out:
	free(params);
	free(sql);
	return ok;
}

bool pgm__session_send(PGconn *conn, const pgm__settings *settings, pgm_error *err)
{
	return send_gucs(conn, settings->gucs, settings->ngucs, err);
}

bool pgm__session_send_one(PGconn *conn, const pgm__guc *guc, pgm_error *err)
{
	return send_gucs(conn, guc, 1, err);
}

bool pgm__session_is_of_backend(const PGconn *conn, const PGresult *res)
{
	return PQntuples(res) == 1 && PQnfields(res) > 0 &&
	       strtol(PQgetvalue(res, 0, 0), NULL, 10) == PQbackendPID(conn);
}

bool pgm__session_refused(const pgm__guc *guc, const PGresult *res, pgm_error *err)
{
	pgm_error server;

	pgm__fail_result(&server, res);
	pgm__fail(err, PGM_ERR_CONFIG, "%s: the server refuses session setting %s: %s", guc->where, guc->name,
		  server.message);
	pgm__error_sqlstate(err, server.sqlstate);
	return false;
}

bool pgm__session_restore(PGconn *conn, const pgm__settings *settings, pgm__time deadline, pgm_error *err)
{
	PGresult *res;
	bool ok;

	if (settings->ngucs == 0)
		return true;
	if (!pgm__session_send(conn, settings, err))
		return false;
	res = pgm__finish_until(conn, deadline, err);
	ok = res && pgm_result_ok(res, err) &&
	     (!pgm__is_copy(res) || pgm__fail(err, PGM_ERR_BROKEN, "the server answers with a COPY"));
	PQclear(res);
	return ok;
}
