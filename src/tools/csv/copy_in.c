#include "tools/csv/copy_in.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* So long is waited for the rest of a notice, before what came is taken for an error. */
#define REST_OF_NOTICE_MS 50

/* ------------------------------------------------------------------------------- what the server says */

static void count_notice(void *arg, const PGresult *res)
{
	pgm__copy_in *copy = arg;

	copy->notices++;
	if (copy->before)
		copy->before(NULL, res);
}

/* Says in front of the server's words where that is in the file. */
static void name_place(const pgm__copy_in *copy, const PGresult *res, pgm_error *err)
{
	const pgm_error server = *err;
	uint64_t row, line;
	const char *column =
		pgm__copy_context_read(PQresultErrorField(res, PG_DIAG_CONTEXT), copy->relation, copy->columns, &row);
	const char *colon = column ? ": column " : "";

	if (!row)
		return;
	line = pgm__line_map_find(&copy->lines, row);
	if (line)
		pgm__fail(err, server.code, "%s:%" PRIu64 "%s%s: %s", copy->file, line, colon, column ? column : "",
			  server.message);
	else
		pgm__fail(err, server.code, "%s: record %" PRIu64 "%s%s: %s", copy->file, row, colon,
			  column ? column : "", server.message);
	pgm__error_sqlstate(err, server.sqlstate);
}

/* Reads on to the end of the COPY: the first thing that is wrong counts. */
bool pgm__copy_in_finish(pgm__copy_in *copy, int64_t *rows, pgm_error *err)
{
	pgm_error why = {0}, ignored;
	PGresult *res;

	*rows = 0;
	while ((res = pgm__csv_next_result(copy->session, why.code ? &ignored : &why)) != NULL) {
		if (why.code == PGM_OK && !pgm_result_ok(res, &why))
			name_place(copy, res, &why);
		if (PQresultStatus(res) == PGRES_COMMAND_OK)
			*rows = strtoll(PQcmdTuples(res), NULL, 10);
		PQclear(res);
	}
	PQsetNoticeReceiver(copy->session->conn, copy->before, NULL);
	pgm__error_copy(err, &why);
	return why.code == PGM_OK;
}

/* The server said no, or is gone. libpq keeps its last words until the COPY is ended from this side too, and gives them even
 * if that could not be sent. */
static bool fail_by_server(pgm__copy_in *copy, pgm_error *err)
{
	int64_t rows;

	(void)PQputCopyEnd(copy->session->conn, "the server answered before the end");
	return pgm__copy_in_finish(copy, &rows, err) &&
	       pgm__fail(err, PGM_ERR_QUERY, "the server ended the COPY before its end");
}

static bool has_input(const pgm__copy_in *copy, int wait_ms)
{
	struct pollfd fd = {.fd = PQsocket(copy->session->conn), .events = POLLIN};

	return poll(&fd, 1, wait_ms) > 0;
}

/*
 * During a COPY the server sends notices, which libpq hands over, and at most one error, which libpq keeps for the end of
 * the COPY. So something that came and was no notice is that error, or half a notice of which the rest is under way.
 */
static bool heard_no_error(pgm__copy_in *copy, pgm_error *err)
{
	int64_t before = copy->notices;
	PGconn *conn = copy->session->conn;

	do {
		if (!PQconsumeInput(conn))
			return fail_by_server(copy, err);
		(void)PQisBusy(conn); /* hands the notices over */
	} while (copy->notices == before && has_input(copy, REST_OF_NOTICE_MS));
	return copy->notices != before || fail_by_server(copy, err);
}

/* -------------------------------------------------------------------------------------- sending */

bool pgm__copy_in_begin(pgm__copy_in *copy, const char *sql, pgm_error *err)
{
	PGresult *res = pgm__csv_run(copy->session, "beginning to import", sql, 0, NULL, err);

	PQclear(res);
	if (!res)
		return false;
	copy->before = PQsetNoticeReceiver(copy->session->conn, count_notice, copy);
	return true;
}

bool pgm__copy_in_flush(pgm__copy_in *copy, bool *unsent, pgm_error *err)
{
	int left;

	if (has_input(copy, 0) && !heard_no_error(copy, err))
		return false;
	left = PQflush(copy->session->conn);
	*unsent = left == 1;
	return left >= 0 || fail_by_server(copy, err);
}

bool pgm__copy_in_put(pgm__copy_in *copy, const char *bytes, size_t len, pgm_error *err)
{
	return PQputCopyData(copy->session->conn, bytes, (int)len) == 1 || fail_by_server(copy, err);
}

bool pgm__copy_in_end(pgm__copy_in *copy, pgm_error *err)
{
	/* What cannot be sent at once goes on its way in finish. */
	if (PQputCopyEnd(copy->session->conn, NULL) == 1 && PQflush(copy->session->conn) >= 0)
		return true;
	return fail_by_server(copy, err);
}

void pgm__copy_in_free(pgm__copy_in *copy)
{
	pgm__line_map_free(&copy->lines);
}
