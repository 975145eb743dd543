/* The event-driven types on an event loop: opening, submitting, borrowing; and what such a handle refuses to do. */
#include "looped.h"
#include "support/blackhole.h"
#include "support/proxy.h"

static const char *const types[] = {"type=async", "type=async_pool async_pool.min_size=1 async_pool.max_size=4"};
#define TYPES 2

/* ------------------------------------------------------------------------------------- opening */

static void opening_on_a_loop_connects_to_nothing_and_blocks_for_nothing(void **state)
{
	blackhole *hole = blackhole_start(BLACKHOLE_SYN, NULL, 0);
	loop *l = loop_new();

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		int64_t start = pgtest_now_ms();
		pgm_db *db = loop_open(l, "%s port=%d connect_timeout=60", types[t], blackhole_port(hole));

		assert_within(start, 2000);
		assert_int_equal(stats_of(db).opening, 0);
		assert_int_equal(loop_watched(l, 0), -1);
	}
	assert_int_equal(loop_figures_of(l).timers, 0);
	loop_free(l);
	blackhole_stop(hole);
}

static const struct wrong {
	const char *settings;
	pgm_code code;
	const char *sqlstate, *words;
} wrongs[] = {
	{"password=wrong", PGM_ERR_AUTH, "28P01", "password authentication failed"},
	{"dbname=nowhere", PGM_ERR_AUTH, "3D000", "\"nowhere\" does not exist"},
	{"port=1", PGM_ERR_CONNECT, "", "refused"},
	{"host=nowhere.invalid", PGM_ERR_CONNECT, "", "cannot resolve host \"nowhere.invalid\""},
	{"async.work_mem=much", PGM_ERR_CONFIG, "22023", "work_mem"},
};

/* What opening would have said, had it connected. */
static void the_first_answer_tells_why_there_is_no_connection(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES * (sizeof wrongs / sizeof *wrongs); i++) {
		const struct wrong *w = &wrongs[i / TYPES];
		loop *l = loop_new();
		pgm_db *db = loop_open(l, "%s async_pool.reconnect_timeout=1 %s", types[i % TYPES], w->settings);
		answers a = ask_on(l, db, "SELECT 1");

		expect_code(&a, w->code);
		assert_string_equal(a.sqlstate, w->sqlstate);
		assert_contains(a.message, w->words);
		assert_never_stalled(l);
		loop_free(l);
	}
}

/* -------------------------------------------------------------------------------- submitting */

static void an_answer_comes_while_the_loop_turns_and_not_before(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		const char *params[] = {"20", "22"};
		const pgm_query query = {.sql = "SELECT $1::int + $2::int", .nparams = 2, .params = params};
		loop *l = loop_new();
		pgm_db *db = loop_open(l, "%s", types[t]);
		answers a = {.calls = 0};

		must_submit_with(db, &query, &a);
		poll(NULL, 0, 20);
		assert_int_equal(a.calls, 0);
		must_answer(l, &a);
		expect_code(&a, PGM_OK);
		assert_string_equal(a.value, "42");
		loop_free(l);
	}
}

static void an_error_of_the_server_is_the_answer_of_its_statement_alone(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, "%s", types[0]);
	answers good = {.wanted = 2}, bad = {.calls = 0};

	(void)state;
	must_submit(db, "SELECT 1", &good);
	must_submit(db, "SELECT 1/0", &bad);
	must_submit(db, "SELECT 2", &good);
	must_answer(l, &good);
	expect_code(&good, PGM_OK);
	assert_string_equal(good.value, "2");
	assert_int_equal(bad.calls, 1);
	assert_string_equal(bad.sqlstate, "22012");
	loop_free(l);
}

static void many_statements_are_answered_once_each_without_a_stall(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		enum { MANY = 3000 };
		loop *l = loop_new();
		pgm_db *db = loop_open(l, "%s", types[t]);
		answers a = {.wanted = MANY};

		for (int i = 0; i < MANY; i++)
			must_submit(db, "SELECT 1", &a);
		must_answer(l, &a);
		loop_run(l, 50);
		assert_int_equal(a.calls, MANY);
		assert_never_stalled(l);
		assert_int_equal(stats_of(db).opened, t == 0 ? 1 : 4);
		loop_free(l);
	}
}

/* One that is slow to read what it is sent, and sends much: both sides' buffers are full. */
static void large_statements_and_large_answers_pass_without_a_stall(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, "%s", types[0]);
	answers a = {.wanted = 8};
	char *large = malloc(4 << 20);
	const char *params[] = {large};
	const pgm_query query = {.sql = "SELECT length($1), repeat('x', 4194304)", .nparams = 1, .params = params};

	(void)state;
	memset(large, 'y', (4 << 20) - 1);
	large[(4 << 20) - 1] = '\0';
	for (int i = 0; i < a.wanted; i++)
		must_submit_with(db, &query, &a);
	free(large);
	must_answer(l, &a);
	expect_code(&a, PGM_OK);
	assert_string_equal(a.value, "4194303");
	loop_free(l);
}

static void an_idle_handle_lets_its_loop_sleep(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, "type=async_pool async_pool.min_size=3 async_pool.max_size=4");

	(void)state;
	ask_on(l, db, "SELECT 1");
	turn_until_stats(l, db, idle, 3);
	loop_run(l, 100);
	loop_forget_figures(l);
	loop_run(l, 500);
	/* Its own clock makes a hundred. */
	assert_in_range(loop_figures_of(l).turns, 1, 115);
	assert_in_range(loop_figures_of(l).timers, 0, 3);
	assert_int_equal(loop_figures_of(l).watches, 0);
	loop_free(l);
}

/* One that waits for its answer as well: there is nothing to do meanwhile. */
static void a_slow_statement_lets_its_loop_sleep(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, "%s", types[0]);
	const pgm_query query = {.sql = "SELECT pg_sleep(0.5)", .timeout_ms = slow(5000)};
	answers a = {.calls = 0};

	(void)state;
	ask_on(l, db, "SELECT 1");
	loop_forget_figures(l);
	must_submit_with(db, &query, &a);
	must_answer(l, &a);
	expect_code(&a, PGM_OK);
	assert_in_range(loop_figures_of(l).turns, 1, 120);
	loop_free(l);
}

/* --------------------------------------------------------------------------------- borrowing */

static void a_borrowed_connection_is_the_callers_and_comes_back(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		loop *l = loop_new();
		pgm_db *db = loop_open(l, "%s", types[t]);
		PGconn *conn = must_lend_on(l, db);

		assert_int_equal(stats_of(db).lent, 1);
		assert_int_equal(PQpipelineStatus(conn), PQ_PIPELINE_OFF);
		assert_int_equal(PQisnonblocking(conn), 0);
		assert_int_equal(loop_events(l, PQsocket(conn)), 0); /* the caller may watch it himself */
		must_run(conn, "CREATE TEMPORARY TABLE mine (n int)");
		must_run(conn, "DROP TABLE mine");
		pgm_release(conn);
		assert_int_equal(stats_of(db).lent, 0);
		expect_code(&(answers){.code = ask_on(l, db, "SELECT 1").code}, PGM_OK);
		loop_free(l);
	}
}

static void statements_sent_on_a_borrowed_connection_make_one_transaction(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, "%s", types[1]);
	PGconn *conn = must_lend_on(l, db);
	static const char *const statements[] = {"BEGIN", "SELECT pg_current_xact_id()",
						 "SELECT pg_current_xact_id_if_assigned() IS NOT NULL", "COMMIT"};
	answers each[4] = {{.calls = 0}};

	(void)state;
	for (int i = 0; i < 4; i++) {
		const pgm_query query = {.sql = statements[i]};
		pgm_error err;

		if (!pgm_send(conn, &query, take_result, &each[i], &err))
			fail_msg("%s", err.message);
	}
	must_answer(l, &each[3]);
	for (int i = 0; i < 4; i++)
		expect_code(&each[i], PGM_OK);
	assert_string_equal(each[2].value, "t");
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	assert_int_equal(PQpipelineStatus(conn), PQ_PIPELINE_OFF);
	pgm_release(conn);
	loop_free(l);
}

/* Giving back rolls back, and does not wait for that. */
static void a_transaction_left_open_is_rolled_back_by_and_by(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, "%s", types[0]);
	PGconn *conn = must_lend_on(l, db);
	int pid = PQbackendPID(conn);
	int64_t start;

	(void)state;
	must_run(conn, "BEGIN");
	pgtest_stop(pid); /* the server does not answer */
	start = pgtest_now_ms();
	pgm_release(conn);
	assert_within(start, 2000);
	loop_run(l, 100);
	assert_never_stalled(l);
	pgtest_continue(pid);
	turn_until_stats(l, db, idle, 1);
	assert_int_equal(stats_of(db).rolled_back, 1);
	assert_int_equal(stats_of(db).lost, 0);
	loop_free(l);
}

/* ----------------------------------------------------------------------------------- refusals */

static bool never_called(PGconn *conn, void *arg, pgm_error *err)
{
	(void)conn;
	(void)arg;
	(void)err;
	fail_msg("the work was called");
	return false;
}

#define expect_misuse(call)                                                                  \
	do {                                                                                 \
		pgm_error err = {.code = PGM_OK};                                            \
		int64_t start_ = pgtest_now_ms();                                            \
		assert_false(call);                                                          \
		assert_within(start_, 500);                                                  \
		if (err.code != PGM_ERR_MISUSE)                                              \
			fail_msg("%s: %s: %s", #call, pgm_code_name(err.code), err.message); \
		assert_contains(err.message, "loop");                                        \
	} while (0)

static void calls_that_would_stall_the_loop_are_refused(void **state)
{
	const pgm_query query = {.sql = "SELECT 1"};

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		loop *l = loop_new();
		pgm_db *db = loop_open(l, "%s", types[t]);
		PGconn *conn;

		expect_misuse(pgm_acquire(db, &err));
		expect_misuse(pgm_acquire_for(db, 0, &err));
		expect_misuse(pgm_with(db, never_called, NULL, &err));
		expect_misuse(pgm_wait(db, 1000, &err));
		expect_misuse(pgm_wait_ready(db, 1000, &err));
		conn = must_lend_on(l, db);
		expect_misuse(pgm_cursor_open(conn, &query, &err));
		expect_misuse(pgm_begin(conn, &err));
		expect_misuse(pgm_transaction(conn, never_called, NULL, &err));
		pgm_release(conn);
		assert_string_equal(ask_on(l, db, "SELECT 42").value, "42");
		loop_free(l);
	}
}

static void a_blocking_type_takes_no_loop(void **state)
{
	static const char *const blocking[] = {"normal", "pool"};
	loop *l = loop_new();

	(void)state;
	for (int i = 0; i < 2; i++)
		expect_misuse(loop_try_open(l, NULL, pgtest_config("type=%s", blocking[i]), &err));
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(opening_on_a_loop_connects_to_nothing_and_blocks_for_nothing),
		HANDLE_TEST(the_first_answer_tells_why_there_is_no_connection),
		HANDLE_TEST(an_answer_comes_while_the_loop_turns_and_not_before),
		HANDLE_TEST(an_error_of_the_server_is_the_answer_of_its_statement_alone),
		HANDLE_TEST(many_statements_are_answered_once_each_without_a_stall),
		HANDLE_TEST(large_statements_and_large_answers_pass_without_a_stall),
		HANDLE_TEST(an_idle_handle_lets_its_loop_sleep),
		HANDLE_TEST(a_slow_statement_lets_its_loop_sleep),
		HANDLE_TEST(a_borrowed_connection_is_the_callers_and_comes_back),
		HANDLE_TEST(statements_sent_on_a_borrowed_connection_make_one_transaction),
		HANDLE_TEST(a_transaction_left_open_is_rolled_back_by_and_by),
		HANDLE_TEST(calls_that_would_stall_the_loop_are_refused),
		HANDLE_TEST(a_blocking_type_takes_no_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
