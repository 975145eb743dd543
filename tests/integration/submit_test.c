/* pgm_submit, pgm_send, pgm_acquire_async and pgm_wait: one callback each, on all four types. */
#include "handles.h"
#include "support/proxy.h"

#include <sys/wait.h>
#include <unistd.h>

static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1", "type=async",
				    "type=async_pool async_pool.min_size=1 async_pool.max_size=1"};
#define TYPES 4
#define BLOCKING_TYPES 2

/* What a callback was told. */
typedef struct answer {
	int calls;
	PGresult *res;
	bool has_error;
	pgm_error err;
	PGconn *conn;
} answer;

static void take_result(PGresult *res, const pgm_error *err, void *arg)
{
	answer *a = arg;

	a->calls++;
	PQclear(a->res);
	a->res = res;
	a->has_error = err != NULL;
	if (err)
		a->err = *err;
}

static void take_lease(PGconn *conn, const pgm_error *err, void *arg)
{
	answer *a = arg;

	a->calls++;
	a->conn = conn;
	a->has_error = err != NULL;
	if (err)
		a->err = *err;
}

static void forget(answer *a)
{
	PQclear(a->res);
	*a = (answer){.calls = 0};
}

/* The answers are there. */
static void settle(pgm_db *db)
{
	pgm_error err;

	if (!pgm_wait(db, slow(20000), &err))
		fail_msg("pgm_wait: %s", err.message);
}

static void a_statement_is_answered_before_submit_returns_or_while_waiting(void **state)
{
	const char *params[] = {"20", NULL};
	const pgm_query query = {.sql = "SELECT $1::int + 22, $2::text", .nparams = 2, .params = params};
	answer a = {.calls = 0};
	pgm_error err;

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);

		assert_true(pgm_submit(db, &query, take_result, &a, &err));
		assert_int_equal(a.calls, t < BLOCKING_TYPES);
		settle(db);
		assert_int_equal(a.calls, 1);
		assert_false(a.has_error);
		assert_string_equal(PQgetvalue(a.res, 0, 0), "42");
		assert_true(PQgetisnull(a.res, 0, 1));
		assert_int_equal(stats_of(db).lent, 0);
		assert_true(pgm_wait(db, 0, &err));
		forget(&a);
	}
}

static void a_refused_statement_gives_its_result_and_what_it_says(void **state)
{
	const pgm_query query = {.sql = "SELECT 1/0"};
	answer a = {.calls = 0};
	pgm_error err;

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);

		assert_true(pgm_submit(db, &query, take_result, &a, &err));
		assert_int_equal(err.code, PGM_OK);
		settle(db);
		assert_int_equal(a.calls, 1);
		assert_int_equal(a.err.code, PGM_ERR_QUERY);
		assert_string_equal(a.err.sqlstate, "22012");
		assert_int_equal(PQresultStatus(a.res), PGRES_FATAL_ERROR);
		forget(&a);
	}
}

static void a_timeout_cancels_the_statement_on_the_server(void **state)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(60), 'submitted'", .timeout_ms = 200};
	answer a = {.calls = 0};
	pgm_error err;

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		int64_t start = pgtest_now_ms();
		PGconn *conn = must_acquire(db);
		int pid = PQbackendPID(conn);

		pgm_release(conn);
		assert_true(pgm_submit(db, &query, take_result, &a, &err));
		settle(db);
		assert_in_range(ms_since(start), 190, 200 + slow(500));
		assert_int_equal(a.calls, 1);
		assert_int_equal(a.err.code, PGM_ERR_TIMEOUT);
		assert_null(a.res);
		assert_true(pgtest_until(
			slow(1000), "SELECT count(*) = 0 FROM pg_stat_activity WHERE state = 'active' AND pid = %d",
			pid));
		conn = must_acquire(db);
		assert_int_equal(PQbackendPID(conn), pid); /* and the connection goes on */
		assert_true(works(conn));
		pgm_release(conn);
		forget(&a);
	}
}

/* What cancels is opened as the first connection was, gets as far, and hears no more. */
static void let_no_cancel_be_answered(proxy *p)
{
	proxy_limit_new(p, PROXY_TO_CLIENT, proxy_bytes(p, PROXY_TO_CLIENT) + 2, PROXY_HOLD);
}

/* As long as nobody knows whether a request for cancelling has arrived, it may hit what is sent next. */
static void b47_nothing_is_sent_while_a_request_to_cancel_may_still_hit_it(void **state)
{
	const pgm_query late = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 100}, next = {.sql = "SELECT 42"};
	answer first = {.calls = 0}, second = {.calls = 0};
	proxy *p = proxy_start();
	pgm_db *db = must_open("type=async host=127.0.0.1 port=%d", proxy_port(p));
	pgm_error err;

	(void)state;
	let_no_cancel_be_answered(p);
	assert_true(pgm_submit(db, &late, take_result, &first, &err));
	settle(db);
	assert_non_null(strstr(first.err.message, "was cancelled"));
	assert_true(pgm_submit(db, &next, take_result, &second, &err));
	assert_false(pgm_wait(db, 500, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_int_equal(second.calls, 0);
	proxy_limit_new(p, PROXY_TO_CLIENT, -1, PROXY_FORWARD);
	settle(db); /* three seconds, then it is given up, and so is the connection that it may still hit */
	assert_int_equal(second.calls, 1);
	assert_string_equal(PQgetvalue(second.res, 0, 0), "42");
	assert_int_equal(stats_of(db).lost, 1);
	forget(&first);
	forget(&second);
	proxy_stop(p);
}

/* The same for whoever borrows it next. */
static void b47_nobody_gets_a_connection_that_a_request_to_cancel_may_still_hit(void **state)
{
	const pgm_query late = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 100};
	answer a = {.calls = 0};
	proxy *p = proxy_start();
	pgm_db *db = must_open("type=async host=127.0.0.1 port=%d", proxy_port(p));
	PGconn *conn = must_acquire(db);
	pgm_error err;

	(void)state;
	let_no_cancel_be_answered(p);
	assert_true(pgm_send(conn, &late, take_result, &a, &err));
	settle(db);
	assert_non_null(strstr(a.err.message, "was cancelled"));
	proxy_limit_new(p, PROXY_TO_CLIENT, -1, PROXY_FORWARD);
	pgm_release(conn); /* three seconds, then it is given up */
	conn = must_acquire(db);
	assert_true(works(conn));
	assert_int_equal(stats_of(db).opened, 2);
	pgm_release(conn);
	forget(&a);
	proxy_stop(p);
}

/* The answer to a request for cancelling is still owed when the next statement is to be cancelled. */
static void b47_a_request_to_cancel_that_is_never_answered_is_the_only_one(void **state)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 100};
	answer first = {.calls = 0}, second = {.calls = 0};
	proxy *p = proxy_start();
	pgm_db *db = must_open("type=async host=127.0.0.1 port=%d", proxy_port(p));
	pgm_error err;

	(void)state;
	let_no_cancel_be_answered(p);
	assert_true(pgm_submit(db, &query, take_result, &first, &err));
	assert_true(pgm_submit(db, &query, take_result, &second, &err));
	turn_from_now_on(db);
	while (first.calls == 0)
		blink();
	assert_int_equal(first.err.code, PGM_ERR_TIMEOUT);
	assert_non_null(strstr(first.err.message, "was cancelled"));
	proxy_limit_new(p, PROXY_TO_CLIENT, -1, PROXY_FORWARD);
	wait_stats(db, lost, 1); /* the second goes on until nobody waits for it any more */
	assert_int_equal(second.err.code, PGM_ERR_TIMEOUT);
	settle(db);
	pgtest_number("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query = '%s'", query.sql);
	assert_int_equal(first.calls, 1);
	assert_int_equal(second.calls, 1);
	assert_in_range(proxy_accepted(p), 2, 3); /* it, one that cancels, and perhaps the next */
	forget(&first);
	forget(&second);
	proxy_stop(p);
}

/* Rows that come as fast as they are read leave no moment in which nothing is to be done. */
static void a_timeout_ends_a_statement_that_never_stops_sending(void **state)
{
	const pgm_query query = {.sql = "SELECT generate_series(1, 1000000000), repeat('x', 200)", .timeout_ms = 300};
	pgm_db *db = must_open("host='%s'", pgtest_server_now()->socketdir);
	int64_t start = pgtest_now_ms();
	answer a = {.calls = 0};
	PGconn *conn;
	pgm_error err;

	(void)state;
	assert_true(pgm_submit(db, &query, take_result, &a, &err));
	assert_in_range(ms_since(start), 290, 300 + slow(700));
	assert_int_equal(a.calls, 1);
	assert_int_equal(a.err.code, PGM_ERR_TIMEOUT);
	conn = must_acquire(db);
	assert_true(works(conn));
	pgm_release(conn);
}

/* Waiting for a connection is part of it. */
static void a_timeout_counts_while_waiting_for_a_connection(void **state)
{
	const pgm_query query = {.sql = "SELECT 1", .timeout_ms = 150};
	pgm_db *db = must_open("type=pool pool.min_size=1 pool.max_size=1");
	PGconn *conn = must_acquire(db);
	int64_t start = pgtest_now_ms();
	answer a = {.calls = 0};
	pgm_error err;

	(void)state;
	assert_true(pgm_submit(db, &query, take_result, &a, &err));
	assert_in_range(ms_since(start), 140, 150 + slow(300));
	assert_int_equal(a.calls, 1);
	assert_int_equal(a.err.code, PGM_ERR_TIMEOUT);
	pgm_release(conn);
}

static void a_lost_connection_is_answered_once_and_nothing_runs_again(void **state)
{
	const pgm_query query = {.sql = "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(10)"};
	answer a = {.calls = 0};
	pgm_error err;

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn;

		assert_true(pgm_submit(db, &query, take_result, &a, &err));
		settle(db);
		assert_int_equal(a.calls, 1);
		assert_int_equal(a.err.code, PGM_ERR_BROKEN);
		assert_contains(a.err.message, "may or may not have run");
		assert_string_equal(a.err.sqlstate, "08007");
		forget(&a);
		conn = must_acquire(db);
		assert_true(works(conn));
		pgm_release(conn);
	}
}

static void each_submitted_statement_is_its_own_transaction(void **state)
{
	const pgm_query query = {.sql = "SELECT pg_current_xact_id()"};
	pgm_error err;

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		answer first = {.calls = 0}, second = {.calls = 0};

		assert_true(pgm_submit(db, &query, take_result, &first, &err));
		assert_true(pgm_submit(db, &query, take_result, &second, &err));
		settle(db);
		assert_string_not_equal(PQgetvalue(first.res, 0, 0), PQgetvalue(second.res, 0, 0));
		forget(&first);
		forget(&second);
	}
}

/* The hint says what to do instead. */
static void b44_what_others_would_feel_is_refused_at_submit(void **state)
{
	static const char *const refused[] = {
		"BEGIN",
		" /* first */ start transaction",
		"COPY pg_am TO STDOUT",
		"SET search_path TO nowhere",
		"LISTEN b44",
		"PREPARE b44 AS SELECT 1",
		"DISCARD ALL",
		"CREATE TEMPORARY TABLE b44 (i int)",
		"-- a comment\nCOMMIT",
		"DECLARE c CURSOR WITH HOLD FOR SELECT 1",
	};

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);

		for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
			const pgm_query query = {.sql = refused[i]};
			answer a = {.calls = 0};
			pgm_error err;

			assert_false(pgm_submit(db, &query, take_result, &a, &err));
			assert_int_equal(err.code, PGM_ERR_MISUSE);
			assert_contains(err.message, "borrow a connection");
			settle(db);
			assert_int_equal(a.calls, 0);
		}
	}
}

/* Whoever holds the connection has libpq's functions for it; through a pipeline it would break the connection. */
static void b44_copy_is_refused_at_send_with_a_hint(void **state)
{
	static const char *const copies[] = {"COPY pg_am TO STDOUT", "copy pg_am from stdin"};

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);

		for (int i = 0; i < 2; i++) {
			const pgm_query query = {.sql = copies[i]};
			answer a = {.calls = 0};
			pgm_error err;

			assert_false(pgm_send(conn, &query, take_result, &a, &err));
			assert_int_equal(err.code, PGM_ERR_MISUSE);
			assert_contains(err.message, "COPY functions of libpq");
			assert_int_equal(a.calls, 0);
			assert_true(works(conn));
		}
		pgm_release(conn);
		assert_int_equal(stats_of(db).lost, 0);
	}
}

/* The server finds several statements in one string. */
static void b44_several_statements_at_once_are_refused_with_a_hint(void **state)
{
	const pgm_query query = {.sql = "SELECT 1; SELECT 2"};

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		answer a = {.calls = 0};

		assert_true(pgm_submit(db, &query, take_result, &a, NULL));
		settle(db);
		assert_int_equal(a.calls, 1);
		assert_int_equal(a.err.code, PGM_ERR_QUERY);
		assert_string_equal(a.err.sqlstate, "42601");
		assert_contains(a.err.message, "borrow a connection");
		forget(&a);
	}
}

static void copy_does_not_get_stuck(void **state)
{
	static const char *const copies[] = {"COPY (SELECT 1) TO STDOUT", "COPY pg_am FROM STDIN"};
	pgm_db *db = must_open(NULL);

	(void)state;
	for (int i = 0; i < 2; i++) {
		const pgm_query query = {.sql = copies[i], .timeout_ms = slow(5000)};
		int64_t start = pgtest_now_ms();
		answer a = {.calls = 0};
		PGconn *conn;
		pgm_error err;

		if (pgm_submit(db, &query, take_result, &a, &err))
			assert_int_equal(a.calls, 1);
		assert_within(start, 2000);
		forget(&a);
		conn = must_acquire(db);
		assert_true(works(conn));
		pgm_release(conn);
	}
}

static void what_is_not_accepted_is_never_answered(void **state)
{
	const pgm_query query = {.sql = "SELECT 1"}, none = {.sql = NULL};
	pgm_db *db = must_open(NULL);
	answer a = {.calls = 0};
	pgm_error err;

	(void)state;
	assert_false(pgm_submit(NULL, &query, take_result, &a, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(pgm_submit(db, NULL, take_result, &a, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(pgm_submit(db, &none, take_result, &a, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(pgm_submit(db, &query, NULL, &a, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(pgm_acquire_async(NULL, take_lease, &a, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	pgm_close(db);
	assert_false(pgm_submit(db, &query, take_result, &a, &err));
	assert_int_equal(err.code, PGM_ERR_CLOSED);
	assert_false(pgm_acquire_async(db, take_lease, &a, &err));
	assert_int_equal(err.code, PGM_ERR_CLOSED);
	assert_false(pgm_wait(db, 0, &err));
	assert_int_equal(err.code, PGM_ERR_CLOSED);
	assert_int_equal(a.calls, 0);
}

static void send_runs_on_the_borrowed_connection(void **state)
{
	const pgm_query query = {.sql = "SELECT pg_backend_pid(), pg_current_xact_id()"};
	pgm_error err;

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		answer a = {.calls = 0};

		must_run(conn, "BEGIN");
		for (int i = 1; i <= 3; i++) {
			assert_true(pgm_send(conn, &query, take_result, &a, &err));
			settle(db);
			assert_int_equal(a.calls, i);
			assert_int_equal(atoi(PQgetvalue(a.res, 0, 0)), PQbackendPID(conn));
			assert_int_equal(PQtransactionStatus(conn), PQTRANS_INTRANS);
		}
		must_run(conn, "COMMIT");
		PQsendQuery(conn, "SELECT 1");
		assert_false(pgm_send(conn, &query, take_result, &a, &err));
		assert_int_equal(err.code, PGM_ERR_MISUSE);
		pgm_release(conn);
		assert_false(pgm_send(conn, &query, take_result, &a, &err));
		assert_int_equal(err.code, PGM_ERR_MISUSE);
		assert_int_equal(a.calls, 3);
		forget(&a);
	}
}

static void send_times_out_and_the_transaction_has_failed(void **state)
{
	const pgm_query begin = {.sql = "BEGIN", .timeout_ms = slow(10000)};
	const pgm_query query = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 100};
	pgm_error err;

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		answer a = {.calls = 0};

		assert_true(pgm_send(conn, &begin, take_result, &a, &err));
		assert_true(pgm_send(conn, &query, take_result, &a, &err));
		settle(db);
		assert_int_equal(a.calls, 2);
		assert_int_equal(a.err.code, PGM_ERR_TIMEOUT);
		assert_int_equal(PQtransactionStatus(conn), PQTRANS_INERROR);
		must_run(conn, "ROLLBACK");
		assert_true(works(conn));
		pgm_release(conn);
		forget(&a);
	}
}

static void acquire_async_calls_back_with_a_connection_or_the_reason(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=1 pool.max_size=1 pool.timeout=1");
	answer first = {.calls = 0}, second = {.calls = 0};
	pgm_error err;

	(void)state;
	assert_true(pgm_acquire_async(db, take_lease, &first, &err));
	assert_int_equal(first.calls, 1);
	assert_false(first.has_error);
	assert_true(works(first.conn));
	assert_true(pgm_acquire_async(db, take_lease, &second, &err));
	assert_int_equal(second.calls, 1);
	assert_int_equal(second.err.code, PGM_ERR_TIMEOUT);
	assert_null(second.conn);
	pgm_release(first.conn);
}

static pid_t forked;

static void fork_and_take_result(PGresult *res, const pgm_error *err, void *arg)
{
	take_result(res, err, arg);
	forked = pgtest_fork();
}

/* In the child: the other answers are not its own, its handle works, and its end is in good order. */
static bool goes_on_in_child(pgm_db *db, const answer *others)
{
	const pgm_query query = {.sql = "SELECT 42"};
	answer a = {.calls = 0};
	bool ok = others->calls == 0 && pgm_submit(db, &query, take_result, &a, NULL) && pgm_wait(db, slow(5000), NULL);

	ok = ok && a.calls == 1 && !a.has_error && others->calls == 0;
	forget(&a);
	pgm_close(db);
	return ok;
}

static void b35_a_callback_may_fork_and_the_other_answers_are_the_parents(void **state)
{
	const pgm_query queries[] = {{.sql = "SELECT 1"}, {.sql = "SELECT 2"}, {.sql = "SELECT 3 FROM pg_sleep(0.2)"}};

	(void)state;
	for (int t = BLOCKING_TYPES; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		answer first = {.calls = 0}, others = {.calls = 0};
		pgm_error err;
		int status;

		forked = -1;
		assert_true(pgm_submit(db, &queries[0], fork_and_take_result, &first, &err));
		for (int i = 1; i < 3; i++)
			assert_true(pgm_submit(db, &queries[i], take_result, &others, &err));
		if (!pgm_wait(db, slow(5000), &err))
			fail_msg("pgm_wait: %s", err.message);
		if (forked == 0)
			_exit(goes_on_in_child(db, &others) ? 0 : 1);
		assert_int_equal(waitpid(forked, &status, 0), forked);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		assert_int_equal(first.calls, 1);
		assert_int_equal(others.calls, 2);
		assert_int_equal(stats_of(db).lost, 0);
		forget(&first);
		forget(&others);
		pgm_close(db);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(a_statement_is_answered_before_submit_returns_or_while_waiting),
		HANDLE_TEST(a_refused_statement_gives_its_result_and_what_it_says),
		HANDLE_TEST(a_timeout_cancels_the_statement_on_the_server),
		HANDLE_TEST(b47_nothing_is_sent_while_a_request_to_cancel_may_still_hit_it),
		HANDLE_TEST(b47_nobody_gets_a_connection_that_a_request_to_cancel_may_still_hit),
		HANDLE_TEST(b47_a_request_to_cancel_that_is_never_answered_is_the_only_one),
		HANDLE_TEST(a_timeout_ends_a_statement_that_never_stops_sending),
		HANDLE_TEST(a_timeout_counts_while_waiting_for_a_connection),
		HANDLE_TEST(a_lost_connection_is_answered_once_and_nothing_runs_again),
		HANDLE_TEST(each_submitted_statement_is_its_own_transaction),
		HANDLE_TEST(copy_does_not_get_stuck),
		HANDLE_TEST(what_is_not_accepted_is_never_answered),
		HANDLE_TEST(send_runs_on_the_borrowed_connection),
		HANDLE_TEST(send_times_out_and_the_transaction_has_failed),
		HANDLE_TEST(acquire_async_calls_back_with_a_connection_or_the_reason),
		HANDLE_TEST(b35_a_callback_may_fork_and_the_other_answers_are_the_parents),
		HANDLE_TEST(b44_what_others_would_feel_is_refused_at_submit),
		HANDLE_TEST(b44_copy_is_refused_at_send_with_a_hint),
		HANDLE_TEST(b44_several_statements_at_once_are_refused_with_a_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
