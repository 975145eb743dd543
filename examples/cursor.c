/* A million rows, one at a time: the client holds one row, however many the statement has. */
#include <inttypes.h>
#include <pgmonkey.h>
#include <stdio.h>
#include <stdlib.h>

static bool add_up(PGconn *conn, pgm_error *err)
{
	const char *params[] = {"1000000"};
	const pgm_query query = {.sql = "SELECT generate_series(1, $1::int)", .nparams = 1, .params = params};
	pgm_cursor *cursor = pgm_cursor_open(conn, &query, err);
	const PGresult *row;
	int64_t rows = 0, sum = 0;

	if (!cursor)
		return false;
	while ((row = pgm_cursor_next(cursor, err)) != NULL) {
		rows++;
		sum += strtoll(PQgetvalue(row, 0, 0), NULL, 10);
	}
	pgm_cursor_close(cursor);
	printf("%" PRId64 " rows add up to %" PRId64 "\n", rows, sum);
	return err->code == PGM_OK && rows == 1000000 && sum == INT64_C(500000500000); /* NULL: the end, or an error */
}

/* Closing early cancels the rest on the server; the connection is good for the next statement. */
static bool look_at_three(PGconn *conn, pgm_error *err)
{
	const pgm_query query = {.sql = "SELECT generate_series(1, 100000000)"};
	pgm_cursor *cursor = pgm_cursor_open(conn, &query, err);
	const PGresult *row;
	int seen = 0;

	while (cursor && seen < 3 && (row = pgm_cursor_next(cursor, err)) != NULL)
		printf("row %d: %s\n", ++seen, PQgetvalue(row, 0, 0));
	pgm_cursor_close(cursor);
	return seen == 3;
}

int main(int argc, char **argv)
{
	pgm_error err;
	pgm_db *db = pgm_open(argc > 1 ? argv[1] : "db.yaml", PGM_NORMAL, &err);
	PGconn *conn = db ? pgm_acquire(db, &err) : NULL;
	bool ok = conn && look_at_three(conn, &err) && add_up(conn, &err);

	if (!ok)
		fprintf(stderr, "%s\n", err.code ? err.message : "not what was expected");
	pgm_release(conn);
	return ok ? 0 : 1;
}
