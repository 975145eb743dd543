/* The cursor: rows one at a time, in constant memory. */
#include "handles.h"

#include <sys/resource.h>

static pgm_db *db;
static PGconn *conn;

static int borrow_one(void **state)
{
	handles_setup(state);
	db = must_open(NULL);
	conn = must_acquire(db);
	return 0;
}

static int give_back(void **state)
{
	pgm_release(conn);
	return handles_teardown(state);
}

static pgm_cursor *must_open_cursor(const char *sql)
{
	const pgm_query query = {.sql = sql};
	pgm_error err;
	pgm_cursor *cursor = pgm_cursor_open(conn, &query, &err);

	if (!cursor)
		fail_msg("%s: %s", sql, err.message);
	return cursor;
}

/* The rest of the rows; -1 if it ends with an error. */
static long count_rows(pgm_cursor *cursor, pgm_error *err)
{
	long count = 0;

	while (pgm_cursor_next(cursor, err))
		count++;
	return err->code == PGM_OK ? count : -1;
}

static void it_reads_rows_in_order_and_then_ends(void **state)
{
	pgm_cursor *cursor = must_open_cursor("SELECT n FROM generate_series(1, 5) n");
	const PGresult *row;
	pgm_error err;

	(void)state;
	for (int i = 1; i <= 5; i++) {
		row = pgm_cursor_next(cursor, &err);
		assert_non_null(row);
		assert_int_equal(PQntuples(row), 1);
		assert_int_equal(atoi(PQgetvalue(row, 0, 0)), i);
	}
	for (int i = 0; i < 3; i++) {
		assert_null(pgm_cursor_next(cursor, &err));
		assert_int_equal(err.code, PGM_OK);
	}
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	assert_true(works(conn)); /* even before it is closed */
	pgm_cursor_close(cursor);
	assert_true(works(conn));
	pgm_cursor_close(NULL);
}

static void parameters_and_binary_results_are_those_of_libpq(void **state)
{
	const char *params[] = {"3"};
	const pgm_query query = {.sql = "SELECT g FROM generate_series(1, $1::int) g",
				 .nparams = 1,
				 .params = params,
				 .result_format = 1};
	pgm_error err;
	pgm_cursor *cursor = pgm_cursor_open(conn, &query, &err);
	const PGresult *row;

	(void)state;
	assert_non_null(cursor);
	row = pgm_cursor_next(cursor, &err);
	assert_int_equal(PQfformat(row, 0), 1);
	assert_memory_equal(PQgetvalue(row, 0, 0), "\0\0\0\1", 4);
	assert_int_equal(count_rows(cursor, &err), 2);
	pgm_cursor_close(cursor);
}

static void statements_without_rows_end_at_once(void **state)
{
	static const char *const statements[] = {"SELECT 1 WHERE false", "SET work_mem = '1MB'", ""};

	(void)state;
	for (int i = 0; i < 3; i++) {
		pgm_cursor *cursor = must_open_cursor(statements[i]);
		pgm_error err;

		assert_int_equal(count_rows(cursor, &err), 0);
		pgm_cursor_close(cursor);
		assert_true(works(conn));
	}
}

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* A hundred megabytes go through. */
static void a_million_rows_take_constant_memory(void **state)
{
	long rows = getenv("PGM_TEST_SLOW") ? 100000 : 1000000, before;
	pgm_cursor *cursor = must_open_cursor(pgtest_format("SELECT generate_series(1, %ld), repeat('x', 100)", rows));
	pgm_error err;

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_non_null(pgm_cursor_next(cursor, &err));
	before = peak_kib();
	assert_int_equal(count_rows(cursor, &err), rows - 1000);
	if (!getenv("PGM_TEST_SLOW")) /* a sanitizer keeps what is freed */
		assert_in_range(peak_kib() - before, 0, 4096);
	pgm_cursor_close(cursor);
}

static void an_early_close_cancels_on_the_server(void **state)
{
	int64_t start = pgtest_now_ms();
	pgm_cursor *cursor = must_open_cursor("SELECT generate_series(1, 100000000), repeat('x', 1000), 'early'");
	pgm_error err;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_non_null(pgm_cursor_next(cursor, &err));
	pgm_cursor_close(cursor);
	assert_within(start, 1500);
	assert_true(pgtest_until(slow(1000),
				 "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %d AND state = 'active'",
				 PQbackendPID(conn)));
	assert_false(PQisnonblocking(conn));
	assert_true(works(conn));
}

static void closing_before_the_first_row_is_fine(void **state)
{
	(void)state;
	pgm_cursor_close(must_open_cursor("SELECT pg_sleep(60)"));
	assert_true(works(conn));
	pgm_cursor_close(must_open_cursor("SELECT 1"));
	assert_true(works(conn));
}

static void an_error_in_the_middle_is_reported(void **state)
{
	pgm_cursor *cursor = must_open_cursor("SELECT 1000 / (5000 - n) FROM generate_series(1, 10000) n");
	pgm_error err;
	int rows = 0;

	(void)state;
	while (pgm_cursor_next(cursor, &err))
		rows++;
	assert_int_equal(rows, 4999);
	assert_int_equal(err.code, PGM_ERR_QUERY);
	assert_string_equal(err.sqlstate, "22012");
	assert_null(pgm_cursor_next(cursor, &err));
	pgm_cursor_close(cursor);
	assert_true(works(conn));
}

static void a_statement_that_is_refused_is_reported_by_the_first_next(void **state)
{
	pgm_cursor *cursor = must_open_cursor("SELECT nonsense");
	pgm_error err;

	(void)state;
	assert_null(pgm_cursor_next(cursor, &err));
	assert_string_equal(err.sqlstate, "42703");
	pgm_cursor_close(cursor);
	assert_true(works(conn));
}

static void a_timeout_ends_it_and_the_connection_goes_on(void **state)
{
	const pgm_query query = {.sql = "SELECT n, pg_sleep(CASE n WHEN 3 THEN 60 ELSE 0 END) "
					"FROM generate_series(1, 5) n",
				 .timeout_ms = 200};
	pgm_error err;
	pgm_cursor *cursor = pgm_cursor_open(conn, &query, &err);
	int64_t start = pgtest_now_ms();

	(void)state;
	assert_non_null(cursor);
	assert_int_equal(count_rows(cursor, &err), -1);
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_in_range(ms_since(start), 190, 200 + slow(300));
	pgm_cursor_close(cursor);
	assert_true(pgtest_until(slow(2000), "SELECT state = 'idle' FROM pg_stat_activity WHERE pid = %d",
				 PQbackendPID(conn)));
	assert_true(works(conn));
}

static void a_lost_connection_is_reported(void **state)
{
	pgm_cursor *cursor = must_open_cursor("SELECT generate_series(1, 100000000), repeat('x', 1000)");
	pgm_error err;

	(void)state;
	assert_non_null(pgm_cursor_next(cursor, &err));
	pgtest_exec("SELECT pg_terminate_backend(%d)",
		    PQbackendPID(conn)); /* it is busy sending: no waiting for its end */
	assert_int_equal(count_rows(cursor, &err), -1);
	assert_int_equal(err.code, PGM_ERR_BROKEN);
	pgm_cursor_close(cursor);
}

static void copy_is_refused_and_the_connection_goes_on(void **state)
{
	static const char *const copies[] = {"COPY (SELECT 1) TO STDOUT", "COPY b_cursor FROM STDIN"};

	(void)state;
	must_run(conn, "CREATE TEMP TABLE b_cursor (n int)");
	for (int i = 0; i < 2; i++) {
		pgm_cursor *cursor = must_open_cursor(copies[i]);
		pgm_error err;

		assert_null(pgm_cursor_next(cursor, &err));
		assert_int_equal(err.code, PGM_ERR_MISUSE);
		assert_contains(err.message, "COPY");
		pgm_cursor_close(cursor);
		assert_true(works(conn));
	}
}

/* The row comes, the OK comes, and then the commit fails: that is the answer. */
static void b30_a_deferred_constraint_ends_the_cursor_with_its_error(void **state)
{
	pgm_cursor *cursor;
	pgm_error err;

	(void)state;
	pgtest_exec("CREATE TABLE once (n int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO once VALUES (1);"
		    "GRANT ALL ON once TO PUBLIC");
	cursor = must_open_cursor("INSERT INTO once VALUES (1) RETURNING n");
	assert_non_null(pgm_cursor_next(cursor, &err));
	for (int i = 0; i < 2; i++) {
		assert_null(pgm_cursor_next(cursor, &err));
		assert_int_equal(err.code, PGM_ERR_QUERY);
		assert_string_equal(err.sqlstate, "23505");
	}
	pgm_cursor_close(cursor);
	assert_true(works(conn));
	pgtest_exec("DROP TABLE once");
}

static void how_it_ended_is_said_again_and_again(void **state)
{
	pgm_cursor *cursor = must_open_cursor("SELECT 1 / (3 - n) FROM generate_series(1, 5) n");
	pgm_error err;

	(void)state;
	assert_int_equal(count_rows(cursor, &err), -1);
	for (int i = 0; i < 2; i++) {
		assert_null(pgm_cursor_next(cursor, &err));
		assert_string_equal(err.sqlstate, "22012");
	}
	pgm_cursor_close(cursor);
	assert_null(pgm_cursor_next(NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
}

/* A server that reads nothing keeps who sends waiting, too. */
static void a_timeout_counts_while_sending(void **state)
{
	size_t size = (size_t)64 << 20;
	char *large = malloc(size + 1);
	const char *params[] = {large};
	const pgm_query query = {.sql = "SELECT length($1::text)", .nparams = 1, .params = params, .timeout_ms = 300};
	int64_t start = pgtest_now_ms();
	pgm_cursor *cursor;
	pgm_error err;

	(void)state;
	assert_non_null(large);
	memset(large, 'x', size);
	large[size] = '\0';
	pgtest_stop(PQbackendPID(conn));
	cursor = pgm_cursor_open(conn, &query, &err);
	assert_non_null(cursor);
	assert_null(pgm_cursor_next(cursor, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_contains(err.message, "300 ms");
	assert_within(start, 2000);
	pgtest_continue(PQbackendPID(conn));
	pgm_cursor_close(cursor);
	free(large);
}

static void what_cannot_carry_a_cursor_is_misuse(void **state)
{
	const pgm_query query = {.sql = "SELECT 1"}, none = {.sql = NULL};
	pgm_cursor *cursor;
	pgm_error err;

	(void)state;
	assert_null(pgm_cursor_open(NULL, &query, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_null(pgm_cursor_open(conn, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_null(pgm_cursor_open(conn, &none, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	cursor = must_open_cursor("SELECT 1");
	assert_null(pgm_cursor_open(conn, &query, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	pgm_cursor_close(cursor);
	assert_null(pgm_cursor_next(NULL, &err));
}

#define CURSOR_TEST(test) cmocka_unit_test_setup_teardown(test, borrow_one, give_back)

/* What costs time, and is the cursor's own: it is the same code for all types. */
#define BLOCKING_CURSOR_TEST(test) TEST_OF(BLOCKING_ONLY, test, borrow_one, give_back)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CURSOR_TEST(b30_a_deferred_constraint_ends_the_cursor_with_its_error),
		CURSOR_TEST(how_it_ended_is_said_again_and_again),
		CURSOR_TEST(a_timeout_counts_while_sending),
		CURSOR_TEST(it_reads_rows_in_order_and_then_ends),
		CURSOR_TEST(parameters_and_binary_results_are_those_of_libpq),
		CURSOR_TEST(statements_without_rows_end_at_once),
		BLOCKING_CURSOR_TEST(a_million_rows_take_constant_memory),
		CURSOR_TEST(an_early_close_cancels_on_the_server),
		CURSOR_TEST(closing_before_the_first_row_is_fine),
		CURSOR_TEST(an_error_in_the_middle_is_reported),
		CURSOR_TEST(a_statement_that_is_refused_is_reported_by_the_first_next),
		CURSOR_TEST(a_timeout_ends_it_and_the_connection_goes_on),
		CURSOR_TEST(a_lost_connection_is_reported),
		CURSOR_TEST(copy_is_refused_and_the_connection_goes_on),
		CURSOR_TEST(what_cannot_carry_a_cursor_is_misuse),
	};

	return run_handle_tests(tests);
}
