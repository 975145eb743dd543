/*
 * All that a program does with a handle, once each: for tests of what must not disturb any of it. Every step
 * must succeed. The handle is normal, or a pool that is left alone meanwhile.
 */
#ifndef TOUR_H
#define TOUR_H

#include "handles.h"

static inline bool tour_select(PGconn *conn, void *arg, pgm_error *err)
{
	PGresult *res = PQexec(conn, "SELECT pg_sleep(0.005)");
	bool ok = pgm_result_ok(res, err) && arg == NULL;

	PQclear(res);
	return ok;
}

static inline void tour_transactions(pgm_db *db)
{
	pgm_error err;

	if (!pgm_with(db, tour_select, NULL, &err))
		fail_msg("pgm_with: %s", err.message);
	assert_false(pgm_with(db, tour_select, db, &err)); /* rolled back */
	assert_int_equal(err.code, PGM_ERR_QUERY);
}

static inline void tour_cursor(pgm_db *db, bool to_the_end)
{
	const pgm_query query = {.sql = to_the_end ? "SELECT n, pg_sleep(0.001) FROM generate_series(1, 20) n"
						   : "SELECT generate_series(1, 20000000), repeat('x', 1000)"};
	PGconn *conn = must_acquire(db);
	pgm_cursor *cursor = pgm_cursor_open(conn, &query, NULL);
	pgm_error err;
	int rows = 0;

	assert_non_null(cursor);
	while (rows < (to_the_end ? 30 : 10) && pgm_cursor_next(cursor, &err))
		rows++;
	assert_int_equal(err.code, PGM_OK);
	assert_int_equal(rows, to_the_end ? 20 : 10);
	pgm_cursor_close(cursor); /* early: cancels */
	assert_true(works(conn));
	pgm_release(conn);
}

static inline void tour_note_code(PGresult *res, const pgm_error *err, void *arg)
{
	PQclear(res);
	*(pgm_code *)arg = err ? err->code : PGM_OK;
}

static inline void tour_submit(pgm_db *db)
{
	const pgm_query good = {.sql = "SELECT pg_sleep(0.005)"};
	const pgm_query slow_one = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 50};
	pgm_code code = PGM_ERR_MISUSE;
	pgm_error err;

	assert_true(pgm_submit(db, &good, tour_note_code, &code, &err));
	assert_true(pgm_wait(db, -1, &err));
	assert_int_equal(code, PGM_OK);
	assert_true(pgm_submit(db, &slow_one, tour_note_code, &code, &err));
	assert_true(pgm_wait(db, -1, &err));
	assert_int_equal(code, PGM_ERR_TIMEOUT);
}

/* More than the buffers hold in both directions, then rows and a transaction that are left behind. */
static inline void tour_release(pgm_db *db)
{
	enum { SIZE = 1000000 };
	char *value = malloc(SIZE + 1);
	const char *params[] = {value};
	PGconn *conn = must_acquire(db);
	PGresult *res;

	memset(value, 'x', SIZE);
	value[SIZE] = '\0';
	res = PQexecParams(conn, "SELECT $1::text", 1, NULL, params, NULL, NULL, 0);
	assert_int_equal(PQgetlength(res, 0, 0), SIZE);
	PQclear(res);
	free(value);
	must_run(conn, "BEGIN");
	assert_int_equal(PQsendQuery(conn, "SELECT generate_series(1, 20000000), repeat('x', 1000)"), 1);
	pgm_release(conn);
}

static inline void tour(pgm_db *db)
{
	int64_t lost = stats_of(db).lost;
	pgm_error err;

	assert_true(pgm_wait_ready(db, slow(5000), &err));
	tour_transactions(db);
	tour_cursor(db, true);
	tour_cursor(db, false);
	tour_submit(db);
	tour_release(db);
	PGconn *conn = must_acquire(db);
	assert_true(works(conn));
	pgm_release(conn);
	assert_int_equal(stats_of(db).lost, lost);
	assert_int_equal(stats_of(db).lent, 0);
}

#endif
