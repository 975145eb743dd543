/* B30, and transactions as a whole: pgm_with, pgm_transaction, by hand, nested. */
#include "handles.h"

static pgm_db *db;
static PGconn *conn;

static int open_with_table(void **state)
{
	handles_setup(state);
	pgtest_exec("CREATE TABLE tx (n int PRIMARY KEY);"
		    "CREATE TABLE tx_child (n int REFERENCES tx DEFERRABLE INITIALLY DEFERRED);"
		    "GRANT ALL ON tx, tx_child TO PUBLIC");
	db = must_open(NULL);
	return 0;
}

static int drop_table(void **state)
{
	int failed = handles_teardown(state);

	pgtest_exec("DROP TABLE tx_child, tx");
	return failed;
}

static long rows(void)
{
	return pgtest_number("SELECT count(*) FROM tx");
}

/* A statement of the work: what it says on failure is the work's error. */
static bool run(PGconn *c, const char *sql, pgm_error *err)
{
	PGresult *res = PQexec(c, sql);
	bool ok = pgm_result_ok(res, err);

	PQclear(res);
	return ok;
}

/* The work is a list of statements, which ends with NULL. */
static bool run_all(PGconn *c, void *arg, pgm_error *err)
{
	for (const char *const *sql = arg; *sql; sql++)
		if (!run(c, *sql, err))
			return false;
	return true;
}

/* Believes that all went well, whatever the server says. */
static bool run_blindly(PGconn *c, void *arg, pgm_error *err)
{
	pgm_error ignored;

	(void)err;
	for (const char *const *sql = arg; *sql; sql++)
		run(c, *sql, &ignored);
	return true;
}

static bool refuse(PGconn *c, void *arg, pgm_error *err)
{
	(void)err;
	PQclear(PQexec(c, arg));
	return false;
}

#define SQL(...) ((void *)(const char *[]){__VA_ARGS__, NULL})

/* ----------------------------------------------------------------------------------------- B30 */

static void b30_commit_of_a_failed_transaction_is_reported(void **state)
{
	pgm_error err;

	(void)state;
	assert_false(pgm_with(db, run_blindly, SQL("INSERT INTO tx VALUES (1)", "SELECT 1/0"), &err));
	assert_int_equal(err.code, PGM_ERR_QUERY);
	assert_string_equal(err.sqlstate, "25P02");
	assert_contains(err.message, "COMMIT did not commit");
	assert_int_equal(rows(), 0);
	assert_int_equal(stats_of(db).rolled_back, 0);
	assert_int_equal(stats_of(db).opened, 1);
}

static void b30_the_same_by_hand(void **state)
{
	pgm_error err;

	(void)state;
	conn = must_acquire(db);
	assert_true(pgm_begin(conn, &err));
	assert_false(run(conn, "SELECT 1/0", &err));
	assert_false(pgm_commit(conn, &err));
	assert_string_equal(err.sqlstate, "25P02");
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	assert_true(works(conn));
	pgm_release(conn);
}

static void b30_a_deferred_constraint_is_reported(void **state)
{
	pgm_error err;

	(void)state;
	assert_false(pgm_with(db, run_all, SQL("INSERT INTO tx_child VALUES (7)"), &err));
	assert_int_equal(err.code, PGM_ERR_QUERY);
	assert_string_equal(err.sqlstate, "23503");
	assert_contains(err.message, "foreign key");
	assert_int_equal(pgtest_number("SELECT count(*) FROM tx_child"), 0);
}

static bool lose_the_connection(PGconn *c, void *arg, pgm_error *err)
{
	(void)arg;
	if (!run(c, "INSERT INTO tx VALUES (1)", err))
		return false;
	pgtest_terminate(PQbackendPID(c));
	return true;
}

static void b30_a_connection_lost_at_commit_is_reported(void **state)
{
	pgm_error err;

	(void)state;
	assert_false(pgm_with(db, lose_the_connection, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_BROKEN);
	assert_contains(err.message, "may or may not");
	assert_string_equal(err.sqlstate, "08007");
	assert_int_equal(rows(), 0);
	conn = must_acquire(db);
	assert_true(works(conn));
	pgm_release(conn);
}

/* ------------------------------------------------------------------------------------ pgm_with */

static void with_commits_when_the_work_succeeds(void **state)
{
	pgm_error err;

	(void)state;
	assert_true(pgm_with(db, run_all, SQL("INSERT INTO tx VALUES (1)", "INSERT INTO tx VALUES (2)"), &err));
	assert_int_equal(err.code, PGM_OK);
	assert_int_equal(rows(), 2);
	assert_int_equal(stats_of(db).lent, 0);
}

static void with_rolls_back_when_the_work_fails_and_keeps_its_error(void **state)
{
	pgm_error err;

	(void)state;
	assert_false(pgm_with(db, run_all, SQL("INSERT INTO tx VALUES (1)", "INSERT INTO tx VALUES (1)"), &err));
	assert_int_equal(err.code, PGM_ERR_QUERY);
	assert_string_equal(err.sqlstate, "23505");
	assert_int_equal(rows(), 0);
	assert_int_equal(stats_of(db).rolled_back, 0); /* nothing was left open */
}

static void with_explains_work_that_fails_without_a_word(void **state)
{
	pgm_error err;

	(void)state;
	assert_false(pgm_with(db, refuse, (void *)"INSERT INTO tx VALUES (1)", &err));
	assert_int_equal(err.code, PGM_ERR_QUERY);
	assert_contains(err.message, "roll-back");
	assert_false(pgm_with(db, refuse, (void *)"SELECT 1/0", &err));
	assert_contains(err.message, "division by zero");
	assert_int_equal(rows(), 0);
}

static void with_needs_no_error_to_write_to(void **state)
{
	(void)state;
	assert_true(pgm_with(db, run_all, SQL("INSERT INTO tx VALUES (1)"), NULL));
	assert_false(pgm_with(db, run_all, SQL("INSERT INTO tx VALUES (1)"), NULL));
	assert_false(pgm_with(db, refuse, (void *)"SELECT 1", NULL));
	assert_false(pgm_with(db, NULL, NULL, NULL));
	assert_int_equal(rows(), 1);
	pgm_close(db);
	assert_false(pgm_with(db, run_all, SQL("INSERT INTO tx VALUES (2)"), NULL));
}

static void with_on_autocommit_begins_no_transaction(void **state)
{
	pgm_db *plain = must_open("autocommit=true");
	pgm_error err;

	(void)state;
	assert_false(pgm_with(plain, run_all, SQL("INSERT INTO tx VALUES (1)", "VACUUM tx", "SELECT 1/0"), &err));
	assert_string_equal(err.sqlstate, "22012");
	assert_int_equal(rows(), 1);
	assert_int_equal(stats_of(plain).lent, 0);
}

/* ------------------------------------------------------------------------------------- nesting */

static bool fail_inside_and_go_on(PGconn *c, void *arg, pgm_error *err)
{
	pgm_error inner;

	(void)arg;
	if (!run(c, "INSERT INTO tx VALUES (1)", err))
		return false;
	thread_must(!pgm_transaction(c, run_all, SQL("INSERT INTO tx VALUES (2)", "SELECT 1/0"), &inner));
	thread_must(strcmp(inner.sqlstate, "22012") == 0);
	thread_must(pgm_transaction(c, run_all, SQL("INSERT INTO tx VALUES (3)"), &inner));
	return run(c, "INSERT INTO tx VALUES (4)", err);
}

static void a_nested_transaction_is_a_savepoint(void **state)
{
	pgm_error err;

	(void)state;
	assert_true(pgm_with(db, fail_inside_and_go_on, NULL, &err));
	assert_string_equal(pgtest_query("SELECT string_agg(n::text, ',' ORDER BY n) FROM tx"), "1,3,4");
}

static bool commit_inside_then_fail(PGconn *c, void *arg, pgm_error *err)
{
	(void)arg;
	return pgm_transaction(c, run_all, SQL("INSERT INTO tx VALUES (1)"), err) && run(c, "SELECT 1/0", err);
}

static void the_outer_rollback_takes_the_inner_commit_with_it(void **state)
{
	pgm_error err;

	(void)state;
	assert_false(pgm_with(db, commit_inside_then_fail, NULL, &err));
	assert_int_equal(rows(), 0);
}

static void savepoints_by_hand_nest(void **state)
{
	pgm_error err;

	(void)state;
	conn = must_acquire(db);
	assert_true(pgm_begin(conn, &err));
	must_run(conn, "INSERT INTO tx VALUES (1)");
	assert_true(pgm_begin(conn, &err));
	must_run(conn, "INSERT INTO tx VALUES (2)");
	assert_true(pgm_begin(conn, &err));
	must_run(conn, "INSERT INTO tx VALUES (3)");
	assert_true(pgm_rollback(conn, &err));
	assert_true(pgm_begin(conn, &err));
	must_run(conn, "INSERT INTO tx VALUES (4)");
	assert_true(pgm_commit(conn, &err));
	assert_true(pgm_commit(conn, &err));
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_INTRANS);
	assert_true(pgm_commit(conn, &err));
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	pgm_release(conn);
	assert_string_equal(pgtest_query("SELECT string_agg(n::text, ',' ORDER BY n) FROM tx"), "1,2,4");
}

/* An inner commit that the server refuses leaves the inner transaction to be rolled back. */
static void a_refused_inner_commit_can_be_rolled_back(void **state)
{
	pgm_error err;

	(void)state;
	conn = must_acquire(db);
	assert_true(pgm_begin(conn, &err));
	must_run(conn, "INSERT INTO tx VALUES (1)");
	assert_true(pgm_begin(conn, &err));
	assert_false(run(conn, "SELECT 1/0", &err));
	assert_false(pgm_commit(conn, &err));
	assert_string_equal(err.sqlstate, "25P02");
	assert_true(pgm_rollback(conn, &err));
	assert_true(pgm_commit(conn, &err));
	pgm_release(conn);
	assert_int_equal(rows(), 1);
}

/* ------------------------------------------------------------- what the work leaves unfinished */

static bool leave_rows_unread(PGconn *c, void *arg, pgm_error *err)
{
	(void)err;
	return run(c, "INSERT INTO tx VALUES (1)", err) && PQsendQuery(c, "SELECT generate_series(1, 3)") && arg;
}

/* Rows that nobody read hide the open transaction from libpq's view of it. */
static void work_that_leaves_rows_unread_is_rolled_back_whatever_it_says(void **state)
{
	pgm_error err;

	(void)state;
	conn = must_acquire(db);
	assert_false(pgm_transaction(conn, leave_rows_unread, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_QUERY);
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	assert_false(pgm_transaction(conn, leave_rows_unread, "says yes", &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_contains(err.message, "busy");
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	assert_true(pgm_transaction(conn, run_all, SQL("INSERT INTO tx VALUES (2)"), &err));
	pgm_release(conn);
	assert_int_equal(pgtest_number("SELECT sum(n) FROM tx"), 2);
}

static bool nest_under_a_cursor(PGconn *c, void *arg, pgm_error *err)
{
	const pgm_query query = {.sql = "SELECT generate_series(1, 3)"};
	pgm_cursor *cursor = pgm_cursor_open(c, &query, err);
	int *seen = arg;

	for (; cursor && pgm_cursor_next(cursor, err); ++*seen) {
		pgm_error inner;

		assert_false(pgm_transaction(c, run_all, SQL("INSERT INTO tx VALUES (1)"), &inner));
		assert_int_equal(inner.code, PGM_ERR_MISUSE);
		assert_contains(inner.message, "busy");
	}
	pgm_cursor_close(cursor);
	return *seen == 3;
}

/* BEGIN would throw its rows away, and take the open transaction for none. */
static void a_transaction_under_an_open_cursor_is_refused(void **state)
{
	pgm_error err;
	int seen = 0;

	(void)state;
	assert_true(pgm_with(db, nest_under_a_cursor, &seen, &err));
	assert_int_equal(rows(), 0);
}

static bool fail_blindly_inside(PGconn *c, void *arg, pgm_error *err)
{
	pgm_error inner;

	(void)arg;
	assert_false(pgm_transaction(c, run_blindly, SQL("INSERT INTO tx VALUES (1)", "SELECT nonsense"), &inner));
	assert_int_equal(inner.code, PGM_ERR_QUERY);
	return run(c, "INSERT INTO tx VALUES (2)", err);
}

static void a_failed_inner_commit_is_rolled_back_and_the_outer_goes_on(void **state)
{
	pgm_error err;

	(void)state;
	assert_true(pgm_with(db, fail_blindly_inside, NULL, &err));
	assert_int_equal(pgtest_number("SELECT sum(n) FROM tx"), 2);
}

static bool begin_and_forget(PGconn *c, void *arg, pgm_error *err)
{
	(void)arg;
	return pgm_begin(c, err) && run(c, "INSERT INTO tx VALUES (1)", err);
}

static void a_transaction_that_the_work_begins_and_does_not_end_is_told(void **state)
{
	pgm_error err;

	(void)state;
	conn = must_acquire(db);
	assert_false(pgm_transaction(conn, begin_and_forget, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	pgm_release(conn);
	assert_int_equal(rows(), 0);
}

static bool close_the_connection(PGconn *c, void *arg, pgm_error *err)
{
	(void)arg;
	(void)err;
	PQfinish(c);
	return false;
}

static void b33_work_that_calls_pqfinish_is_survived(void **state)
{
	pgm_error err;

	(void)state;
	conn = must_acquire(db);
	assert_false(pgm_transaction(conn, close_the_connection, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	conn = must_acquire(db);
	assert_true(works(conn));
	pgm_release(conn);
}

/* The statement's text may hold what the server's words do not. */
static void an_explanation_has_the_servers_words_and_not_the_statement(void **state)
{
	pgm_error err;

	(void)state;
	assert_false(pgm_with(db, refuse, "ALTER ROLE pgm_test PASWORD 'SekritXYZZY'", &err));
	assert_contains(err.message, "a statement failed: ERROR:");
	assert_lacks(err.message, "SekritXYZZY");
	assert_lacks(err.message, "LINE");
}

static void without_a_transaction_commit_is_misuse(void **state)
{
	PGconn *gone;
	pgm_error err;

	(void)state;
	conn = gone = must_acquire(db);
	assert_false(pgm_commit(conn, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(pgm_rollback(conn, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	must_run(conn, "BEGIN");
	assert_false(pgm_commit(conn, &err)); /* not ours to commit */
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	must_run(conn, "ROLLBACK");
	assert_true(pgm_begin(conn, &err));
	must_run(conn, "COMMIT"); /* behind our back */
	assert_false(pgm_commit(conn, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_true(pgm_begin(conn, &err));
	assert_true(pgm_rollback(conn, &err));
	pgm_release(conn);
	assert_false(pgm_begin(gone, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(pgm_begin(NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
}

/* The next borrower starts at depth zero, whatever was open before. */
static void depth_is_forgotten_when_the_connection_comes_back(void **state)
{
	pgm_error err;

	(void)state;
	conn = must_acquire(db);
	assert_true(pgm_begin(conn, &err));
	assert_true(pgm_begin(conn, &err));
	pgm_release(conn);
	assert_int_equal(stats_of(db).rolled_back, 1);
	conn = must_acquire(db);
	assert_false(pgm_commit(conn, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_true(pgm_begin(conn, &err));
	must_run(conn, "INSERT INTO tx VALUES (1)");
	assert_true(pgm_commit(conn, &err));
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	pgm_release(conn);
	assert_int_equal(rows(), 1);
}

#define TX_TEST(test) cmocka_unit_test_setup_teardown(test, open_with_table, drop_table)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TX_TEST(work_that_leaves_rows_unread_is_rolled_back_whatever_it_says),
		TX_TEST(a_transaction_under_an_open_cursor_is_refused),
		TX_TEST(a_failed_inner_commit_is_rolled_back_and_the_outer_goes_on),
		TX_TEST(a_transaction_that_the_work_begins_and_does_not_end_is_told),
		TX_TEST(b33_work_that_calls_pqfinish_is_survived),
		TX_TEST(an_explanation_has_the_servers_words_and_not_the_statement),
		TX_TEST(b30_commit_of_a_failed_transaction_is_reported),
		TX_TEST(b30_the_same_by_hand),
		TX_TEST(b30_a_deferred_constraint_is_reported),
		TX_TEST(b30_a_connection_lost_at_commit_is_reported),
		TX_TEST(with_commits_when_the_work_succeeds),
		TX_TEST(with_rolls_back_when_the_work_fails_and_keeps_its_error),
		TX_TEST(with_explains_work_that_fails_without_a_word),
		TX_TEST(with_needs_no_error_to_write_to),
		TX_TEST(with_on_autocommit_begins_no_transaction),
		TX_TEST(a_nested_transaction_is_a_savepoint),
		TX_TEST(the_outer_rollback_takes_the_inner_commit_with_it),
		TX_TEST(savepoints_by_hand_nest),
		TX_TEST(a_refused_inner_commit_can_be_rolled_back),
		TX_TEST(without_a_transaction_commit_is_misuse),
		TX_TEST(depth_is_forgotten_when_the_connection_comes_back),
	};

	return run_handle_tests(tests);
}
