/* Every adapter: linked with one of with_*.c each time. */
#include "integration/handles.h"
#include "support/proxy.h"
#include "turner.h"

#define POOL "type=async_pool async_pool.min_size=1 async_pool.max_size=3"

typedef struct answers {
	int calls;
	pgm_code code;
	char value[64];
	PGconn *conn;
	pgm_db *closes; /* inside of the callback */
	pgm_manager *frees;
} answers;

static void note(answers *a, const pgm_error *err)
{
	a->calls++;
	a->code = err ? err->code : PGM_OK;
	pgm_close(a->closes);
	pgm_manager_free(a->frees);
	a->closes = NULL;
	a->frees = NULL;
}

static void take_result(PGresult *res, const pgm_error *err, void *arg)
{
	answers *a = arg;

	snprintf(a->value, sizeof a->value, "%s", res && PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");
	PQclear(res);
	note(a, err);
}

static void take_lease(PGconn *conn, const pgm_error *err, void *arg)
{
	answers *a = arg;

	a->conn = conn;
	note(a, err);
}

static pgm_db *must_open_on(turner *t, pgm_manager *manager, pgm_config *config)
{
	pgm_error err;
	pgm_db *db = turner_open(t, manager, config, &err);

	pgm_config_free(config);
	if (!db)
		fail_msg("open: %s", err.message);
	return db;
}

static void must_submit(pgm_db *db, const char *sql, int timeout_ms, answers *a)
{
	const pgm_query query = {.sql = sql, .timeout_ms = timeout_ms};
	pgm_error err;

	if (!pgm_submit(db, &query, take_result, a, &err))
		fail_msg("submit: %s", err.message);
}

static void turn_until_calls(turner *t, const answers *a, int count)
{
	int64_t start = pgtest_now_ms();

	while (a->calls < count && ms_since(start) < slow(10000))
		turner_turn(t, 20);
	assert_int_equal(a->calls, count);
}

#define turn_until(t, condition)                                      \
	do {                                                          \
		int64_t start_ = pgtest_now_ms();                     \
		while (!(condition) && ms_since(start_) < slow(5000)) \
			turner_turn((t), 20);                         \
		assert_true(condition);                               \
	} while (0)

static void statements_are_answered_once_each(void **state)
{
	turner *t = turner_new();
	pgm_db *db = must_open_on(t, NULL, pgtest_config(POOL));
	answers a = {.calls = 0};

	(void)state;
	for (int i = 0; i < 500; i++)
		must_submit(db, "SELECT 42", 0, &a);
	assert_int_equal(a.calls, 0);
	turn_until_calls(t, &a, 500);
	assert_int_equal(a.code, PGM_OK);
	assert_string_equal(a.value, "42");
	assert_false(turner_free(t)); /* its own handle is on it */
	pgm_close(db);
	assert_true(turner_free(t));
}

/* Both are watched for, reading and writing. */
static void what_is_large_gets_through_both_ways(void **state)
{
	turner *t = turner_new();
	pgm_db *db = must_open_on(t, NULL, pgtest_config("type=async"));
	answers a = {.calls = 0};
	char *large = malloc(4 << 20);
	const char *params[] = {large};
	const pgm_query query = {.sql = "SELECT length($1), repeat('x', 4194304)", .nparams = 1, .params = params};

	(void)state;
	memset(large, 'y', (4 << 20) - 1);
	large[(4 << 20) - 1] = '\0';
	for (int i = 0; i < 4; i++)
		assert_true(pgm_submit(db, &query, take_result, &a, NULL));
	free(large);
	turn_until_calls(t, &a, 4);
	assert_string_equal(a.value, "4194303");
	pgm_close(db);
	assert_true(turner_free(t));
}

static void the_timer_goes_off(void **state)
{
	turner *t = turner_new();
	pgm_db *db = must_open_on(t, NULL, pgtest_config("type=async"));
	answers a = {.calls = 0};

	(void)state;
	must_submit(db, "SELECT 1", 0, &a);
	turn_until_calls(t, &a, 1);
	must_submit(db, "SELECT pg_sleep(60)", 100, &a);
	turn_until_calls(t, &a, 2);
	assert_int_equal(a.code, PGM_ERR_TIMEOUT);
	pgm_close(db);
	assert_true(turner_free(t));
}

static void an_idle_handle_lets_the_loop_sleep(void **state)
{
	turner *t = turner_new();
	pgm_db *db = must_open_on(t, NULL, pgtest_config(POOL));
	answers a = {.calls = 0};
	int64_t start;
	int turns = 0;

	(void)state;
	must_submit(db, "SELECT 1", 0, &a);
	turn_until_calls(t, &a, 1);
	turn_until(t, stats_of(db).idle == 1);
	for (start = pgtest_now_ms(); ms_since(start) < 300; turns++)
		turner_turn(t, 20);
	assert_in_range(turns, 1, 25);
	pgm_close(db);
	assert_true(turner_free(t));
}

static void a_borrowed_connection_can_be_used_sent_to_and_given_back(void **state)
{
	const pgm_query query = {.sql = "SELECT 42"};
	turner *t = turner_new();
	pgm_db *db = must_open_on(t, NULL, pgtest_config(POOL));
	answers a = {.calls = 0};

	(void)state;
	assert_true(pgm_acquire_async(db, take_lease, &a, NULL));
	turn_until_calls(t, &a, 1);
	assert_true(works(a.conn));
	assert_true(pgm_send(a.conn, &query, take_result, &a, NULL));
	turn_until_calls(t, &a, 2);
	assert_string_equal(a.value, "42");
	must_run(a.conn, "BEGIN");
	pgm_release(a.conn);
	turn_until(t, stats_of(db).idle == 1);
	assert_int_equal(stats_of(db).rolled_back, 1);
	pgm_close(db);
	assert_true(turner_free(t));
}

/* Ends of file, resets, refusals: what poll(2) calls errors. Sockets are closed, and their numbers used again. */
static void a_server_that_goes_and_comes_back_is_found_again(void **state)
{
	proxy *p = proxy_start();
	turner *t = turner_new();
	pgm_db *db = must_open_on(t, NULL, pgtest_config(POOL " port=%d", proxy_port(p)));
	answers a = {.calls = 0}, b = {.calls = 0};

	(void)state;
	for (int i = 0; i < 3; i++)
		must_submit(db, "SELECT pg_sleep(0.5)", 0, &a);
	turn_until(t, stats_of(db).size == 3);
	proxy_set(p, PROXY_REFUSE);
	proxy_cut(p);
	turn_until_calls(t, &a, 3);
	assert_int_equal(a.code, PGM_ERR_BROKEN);
	turn_until(t, stats_of(db).open_failed > 0);
	proxy_set(p, PROXY_FORWARD);
	turn_until(t, stats_of(db).idle == 1);
	must_submit(db, "SELECT 42", 0, &b);
	turn_until_calls(t, &b, 1);
	assert_string_equal(b.value, "42");
	pgm_close(db);
	assert_true(turner_free(t));
	proxy_stop(p);
}

/* From what the loop calls for a descriptor, and for the timer. */
static void a_handle_may_be_closed_inside_a_callback(void **state)
{
	static const int timeouts[] = {0, 50};

	(void)state;
	for (int i = 0; i < 4; i++) {
		turner *t = turner_new();
		pgm_manager *manager = pgm_manager_new(NULL);
		pgm_db *db = must_open_on(t, manager, pgtest_config(POOL));
		answers a = {.closes = i < 2 ? db : NULL, .frees = i < 2 ? NULL : manager};
		int timeout = timeouts[i % 2];

		must_submit(db, timeout ? "SELECT pg_sleep(0.5)" : "SELECT 1", timeout, &a);
		turn_until_calls(t, &a, 1);
		assert_true(turner_free(t));
		if (i < 2)
			pgm_manager_free(manager);
	}
}

static void *close_there(void *db)
{
	pgm_close(db);
	return NULL;
}

static void another_thread_may_close_the_handle(void **state)
{
	turner *t = turner_new();
	pgm_db *db = must_open_on(t, NULL, pgtest_config(POOL));
	answers a = {.calls = 0};

	(void)state;
	must_submit(db, "SELECT 1", 0, &a);
	turn_until_calls(t, &a, 1);
	pgtest_join(pgtest_run(close_there, db));
	turn_until(t, stats_of(db).size == 0);
	assert_true(turner_free(t));
}

static void what_cannot_be_opened_leaves_nothing_on_the_loop(void **state)
{
	turner *t = turner_new();
	pgm_config *blocking = pgtest_config("type=pool");
	pgm_error err;

	(void)state;
	assert_null(turner_open(t, NULL, blocking, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	pgm_config_free(blocking);
	assert_null(turner_open(t, NULL, NULL, NULL));
	assert_true(turner_free(t));
}

/* Where the loop itself does not insist on the right order. */
static void a_loop_that_goes_first_does_no_harm(void **state)
{
	turner *t = turner_new();
	pgm_db *db = must_open_on(t, NULL, pgtest_config(POOL));
	answers a = {.calls = 0};

	(void)state;
	must_submit(db, "SELECT 1", 0, &a);
	turn_until_calls(t, &a, 1);
	must_submit(db, "SELECT pg_sleep(0.5)", 0, &a);
	if (!turner_goes_first(t)) {
		pgm_close(db);
		assert_true(turner_free(t));
		return;
	}
	must_submit(db, "SELECT 1", 0, &a);
	pgm_close(db);
	assert_int_equal(a.calls, 3);
	assert_int_equal(a.code, PGM_ERR_CLOSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(statements_are_answered_once_each),
		HANDLE_TEST(what_is_large_gets_through_both_ways),
		HANDLE_TEST(the_timer_goes_off),
		HANDLE_TEST(an_idle_handle_lets_the_loop_sleep),
		HANDLE_TEST(a_borrowed_connection_can_be_used_sent_to_and_given_back),
		HANDLE_TEST(a_server_that_goes_and_comes_back_is_found_again),
		HANDLE_TEST(a_handle_may_be_closed_inside_a_callback),
		HANDLE_TEST(another_thread_may_close_the_handle),
		HANDLE_TEST(what_cannot_be_opened_leaves_nothing_on_the_loop),
		HANDLE_TEST(a_loop_that_goes_first_does_no_harm),
	};

	turner_free(turner_new()); /* libuv keeps two descriptors from its first loop on */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
