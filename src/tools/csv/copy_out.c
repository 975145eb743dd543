#include "tools/csv/copy_out.h"

#include <poll.h>

/* In text format a row ends with a line end, and no backslash takes it for its own. */
static bool is_whole(const char *row, int len)
{
	int slashes = 0;

	while (slashes < len - 1 && row[len - 2 - slashes] == '\\')
		slashes++;
	return row[len - 1] == '\n' && slashes % 2 == 0;
}

/* All rows that have come. False: there are no more, or (err) one is none. */
static bool convert_rows(pgm__copy_out *copy, pgm_error *err)
{
	bool whole = true;
	char *row;
	int len = 0;

	while (whole && (len = PQgetCopyData(copy->session->conn, &row, 1)) > 0) {
		whole = is_whole(row, len);
		if (whole)
			pgm__csv_text_row(copy->text, row, (size_t)len, copy->out);
		PQfreemem(row);
		copy->rows++;
	}
	return whole ? len == 0 : pgm__fail(err, PGM_ERR_BROKEN, "the server sent a row that breaks off");
}

static bool is_to_stop(const pgm__copy_out *copy)
{
	const pgm__csv_session *session = copy->session;

	return copy->out->failed || (session->go_on && !session->go_on(session->arg));
}

/* A lost connection is told by finish, with the server's last words. */
static bool copy_rows(pgm__copy_out *copy, pgm_error *err)
{
	while (convert_rows(copy, err)) {
		if (is_to_stop(copy) || !pgm__csv_wait(copy->session, POLLIN, err))
			return false;
		if (!PQconsumeInput(copy->session->conn))
			break;
	}
	return !copy->out->failed && err->code == PGM_OK;
}

/* What the server says at the end; nothing comes behind it. */
static bool finish(pgm__copy_out *copy, pgm_error *err)
{
	PGresult *res = pgm__csv_next_result(copy->session, err);
	bool ok = PQresultStatus(res) == PGRES_COMMAND_OK;

	if (!ok && (res || err->code == PGM_OK))
		pgm__csv_fail_result(copy->session, NULL, res, err);
	PQclear(res);
	while (ok && (res = pgm__csv_next_result(copy->session, err)))
		PQclear(res);
	return ok && err->code == PGM_OK;
}

/* What went wrong while rows came says not what was being done. */
static bool put_doing_first(const pgm__copy_out *copy, pgm_error *err)
{
	const pgm_error why = *err;

	if (why.code == PGM_OK)
		return false;
	pgm__fail(err, why.code, "%s: %s", copy->doing, why.message);
	pgm__error_sqlstate(err, why.sqlstate);
	return false;
}

bool pgm__copy_out_run(pgm__copy_out *copy, const char *sql, pgm_error *err)
{
	pgm_error why = {0};
	PGresult *res = pgm__csv_run(copy->session, copy->doing, sql, 0, NULL, &why);
	bool ok = res && ((copy_rows(copy, &why) && finish(copy, &why)) || put_doing_first(copy, &why));

	PQclear(res);
	pgm__error_copy(err, &why);
	return ok;
}
