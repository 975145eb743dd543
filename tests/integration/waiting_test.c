/* B21, B22, B23, B24, B28: the line of those who wait for a connection. */
#include "handles.h"
#include "support/proxy.h"

#include <inttypes.h>

/* ----------------------------------------------------------------------------------------- B21 */

#define CALLERS 100
#define CONNECTIONS 10
#define TURNS 10

typedef struct caller {
	pgm_db *db;
	pgtest_barrier *start;
	double waited_ms[TURNS];
} caller;

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void *take_turns(void *arg)
{
	caller *c = arg;

	pgtest_barrier_wait(c->start);
	for (int i = 0; i < TURNS; i++) {
		double start = now_ms();
		pgm_error err;
		PGconn *conn = pgm_acquire(c->db, &err);

		thread_must(conn);
		c->waited_ms[i] = now_ms() - start;
		PQclear(PQexec(conn, "SELECT pg_sleep(0.01)"));
		pgm_release(conn);
	}
	return NULL;
}

/* While all are in line: the first turn begins with an empty line, in the last it empties. */
static void check_fairness(const caller *callers)
{
	double sum = 0, most = 0;

	for (int k = 0; k < CALLERS; k++) {
		for (int i = 1; i < TURNS - 1; i++) {
			sum += callers[k].waited_ms[i];
			most = callers[k].waited_ms[i] > most ? callers[k].waited_ms[i] : most;
		}
	}
	print_message("mean wait %.1f ms, longest %.1f ms\n", sum / (CALLERS * (TURNS - 2)), most);
	assert_true(most < 3 * sum / (CALLERS * (TURNS - 2)));
}

static void b21_first_come_first_served(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=%d pool.max_size=%d", CONNECTIONS, CONNECTIONS);
	static caller callers[CALLERS];
	pgtest_thread *threads[CALLERS];
	pgtest_barrier start;
	pgm_error err;

	(void)state;
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	pgtest_barrier_init(&start, CALLERS);
	for (int i = 0; i < CALLERS; i++) {
		callers[i] = (caller){.db = db, .start = &start};
		threads[i] = pgtest_run(take_turns, &callers[i]);
	}
	for (int i = 0; i < CALLERS; i++)
		pgtest_join(threads[i]);
	pgtest_barrier_destroy(&start);
	assert_int_equal(stats_of(db).acquired, CALLERS * TURNS);
	assert_int_equal(stats_of(db).opened, CONNECTIONS);
	assert_int_equal(stats_of(db).idle, CONNECTIONS);
	check_fairness(callers);
}

/* The same of one thread: each asks again when it has given back. */
typedef struct asker {
	pgm_db *db;
	PGconn *conn;
	int turn;
	double asked;
	double waited_ms[TURNS];
} asker;

static void ask_for_turn(asker *a);

static void end_turn(PGresult *res, const pgm_error *err, void *arg)
{
	asker *a = arg;

	PQclear(res);
	if (err)
		fail_msg("%s", err->message);
	pgm_release(a->conn);
	if (++a->turn < TURNS)
		ask_for_turn(a);
}

static void begin_turn(PGconn *conn, const pgm_error *err, void *arg)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(0.01)"};
	asker *a = arg;

	if (!conn)
		fail_msg("%s", err->message);
	a->waited_ms[a->turn] = now_ms() - a->asked;
	a->conn = conn;
	assert_true(pgm_send(conn, &query, end_turn, a, NULL));
}

static void ask_for_turn(asker *a)
{
	a->asked = now_ms();
	assert_true(pgm_acquire_async(a->db, begin_turn, a, NULL));
}

static void b21_first_come_first_served_by_callbacks(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=%d pool.max_size=%d", CONNECTIONS, CONNECTIONS);
	static asker askers[CALLERS];
	double sum = 0, most = 0;
	pgm_error err;

	(void)state;
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	for (int i = 0; i < CALLERS; i++) {
		askers[i] = (asker){.db = db};
		ask_for_turn(&askers[i]);
	}
	assert_true(pgm_wait(db, slow(20000), &err));
	for (int k = 0; k < CALLERS; k++) {
		assert_int_equal(askers[k].turn, TURNS);
		for (int i = 1; i < TURNS - 1; i++) {
			sum += askers[k].waited_ms[i];
			most = askers[k].waited_ms[i] > most ? askers[k].waited_ms[i] : most;
		}
	}
	print_message("mean wait %.1f ms, longest %.1f ms\n", sum / (CALLERS * (TURNS - 2)), most);
	assert_true(most < 3 * sum / (CALLERS * (TURNS - 2)));
	assert_int_equal(stats_of(db).acquired, CALLERS * TURNS);
	assert_int_equal(stats_of(db).opened, CONNECTIONS);
	assert_int_equal(stats_of(db).idle, CONNECTIONS);
}

static void serve_in_order(pgm_db *db)
{
	PGconn *conn = must_acquire(db);
	borrower b[5];

	for (int i = 0; i < 5; i++) {
		borrow_in_thread(&b[i], db, 20000);
		wait_stats(db, waiting, i + 1);
	}
	outlive_trust(); /* everybody has waited for over a millisecond: hand-over, not a race */
	for (int i = 0; i < 5; i++) {
		pgm_release(conn);
		assert_true(borrowed_within(&b[i], 5000));
		conn = b[i].conn;
		assert_int_equal(stats_of(db).waiting, 4 - i);
	}
	pgm_release(conn);
}

static void b21_the_one_who_came_first_is_served_first(void **state)
{
	(void)state;
	serve_in_order(must_open(NULL));
	serve_in_order(must_open("type=pool pool.min_size=1 pool.max_size=1"));
}

/* Nobody can pass somebody who is owed a connection, however often he asks. */
static void b21_a_newcomer_does_not_pass_who_has_waited(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=1 pool.max_size=1");
	PGconn *conn = must_acquire(db);
	pgm_error err;
	borrower b;

	(void)state;
	borrow_in_thread(&b, db, 20000);
	wait_stats(db, waiting, 1);
	outlive_trust();
	pgm_release(conn);
	assert_null(pgm_acquire_for(db, 0, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_true(borrowed_within(&b, 5000));
	pgm_release(b.conn);
}

/* ----------------------------------------------------------------------------------------- B22 */

static void b22_a_timeout_tells_who_holds_the_connections(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=2 pool.max_size=2");
	PGconn *first, *second;
	borrower other;
	const char *place;
	int64_t start;
	pgm_error err;

	(void)state;
	place = pgtest_format("%s:%d)", __FILE__, __LINE__ + 1);
	first = must_acquire(db);
	second = must_acquire(db);
	borrow_in_thread(&other, db, 30000);
	wait_stats(db, waiting, 1);
	start = pgtest_now_ms();
	assert_null(pgm_acquire_for(db, 200, &err));
	assert_in_range(ms_since(start), 199, 200 + slow(300));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_contains(err.message, "no connection within 0.2 s: 2 of 2 lent (oldest ");
	if (!getenv("PGM_TEST_SLOW")) /* there it may take a second to get this far */
		assert_contains(err.message, "(oldest 0.");
	assert_contains(err.message, place);
	assert_contains(err.message, ", 1 waiting");
	assert_lacks(err.message, "last connection error");
	assert_int_equal(stats_of(db).timed_out, 1);
	pgm_release(first);
	assert_true(borrowed_within(&other, 5000));
	pgm_release(other.conn);
	pgm_release(second);
}

static PGconn *wrapped_acquire(pgm_db *db, const char *file, int line, pgm_error *err)
{
	return pgm_acquire_at(db, PGM_TIMEOUT_FROM_CONFIG, file, line, err);
}

static void b22_a_wrapper_can_pass_on_its_callers_place(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=1 pool.max_size=1 pool.timeout=1");
	PGconn *conn = wrapped_acquire(db, "worker.c", 88, NULL);
	int64_t start = pgtest_now_ms();
	pgm_error err;

	(void)state;
	assert_non_null(conn);
	assert_null(wrapped_acquire(db, "other.c", 1, &err));
	assert_in_range(ms_since(start), 999, 1000 + slow(500));
	assert_contains(err.message, "no connection within 1 s: 1 of 1 lent (oldest 1.");
	assert_contains(err.message, "worker.c:88)");
	pgm_release(conn);
}

static void b22_a_timeout_tells_the_last_connection_error(void **state)
{
	static const char *const types[] = {"pool", "normal"};
	const pgm_open_options lazy = {.lazy = true};
	proxy *p = proxy_start();

	(void)state;
	proxy_set(p, PROXY_HOLD);
	for (int i = 0; i < 2; i++) {
		pgm_db *db = must_open_with(&lazy, "port=%d connect_timeout=1 type=%s pool.min_size=0 pool.max_size=3",
					    proxy_port(p), types[i]);
		pgm_error err;

		assert_null(pgm_acquire_for(db, 100, &err));
		assert_int_equal(err.code, PGM_ERR_TIMEOUT);
		assert_contains(err.message, "0 of ");
		assert_contains(err.message, "1 being opened");
		pgm_close(db);
	}
	proxy_set(p, PROXY_REFUSE);
	pgm_db *db = must_open_with(&lazy, "port=%d type=pool pool.min_size=0 pool.max_size=3", proxy_port(p));
	pgm_error err;
	assert_null(pgm_acquire_for(db, 300, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_contains(err.message, "0 of 3 lent");
	assert_contains(err.message, "; last connection error: ");
	assert_contains(err.message, "Connection refused");
	proxy_stop(p);
}

/* ----------------------------------------------------------------------------------------- B23 */

static bool nest(PGconn *conn, void *arg, pgm_error *err)
{
	pgm_db *db = arg;
	pgm_error inner;

	(void)conn;
	thread_must(!pgm_acquire(db, &inner) && inner.code == PGM_ERR_MISUSE);
	(void)err;
	return true;
}

static void never_called(PGresult *res, const pgm_error *err, void *arg)
{
	(void)res;
	(void)err;
	(void)arg;
	pgtest_die("called back");
}

static void b23_a_nested_acquire_on_normal_is_misuse_at_once(void **state)
{
	const pgm_query query = {.sql = "SELECT 1"};
	pgm_db *db = must_open("pool.timeout=60");
	PGconn *conn = must_acquire(db);
	int64_t start = pgtest_now_ms();
	borrower other;
	pgm_error err;

	(void)state;
	assert_null(pgm_acquire(db, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_contains(err.message, "holds the only connection");
	assert_false(pgm_with(db, nest, db, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(pgm_submit(db, &query, never_called, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_within(start, 1000);

	borrow_in_thread(&other, db, 20000); /* another thread may wait */
	wait_stats(db, waiting, 1);
	pgm_release(conn);
	assert_true(borrowed_within(&other, 5000));
	pgm_release(other.conn);

	assert_true(pgm_with(db, nest, db, &err));
	conn = must_acquire(db); /* and this one may again */
	pgm_release(conn);
}

static void note_run(PGresult *res, const pgm_error *err, void *arg)
{
	*(bool *)arg = !err;
	PQclear(res);
}

/* What is submitted waits for nobody's sake but its own; a call that would wait for itself is refused. */
static void b23_a_nested_acquire_on_async_is_misuse_and_a_submit_is_queued(void **state)
{
	const pgm_query query = {.sql = "SELECT 1"};
	pgm_db *db = must_open("pool.timeout=60");
	PGconn *conn = must_acquire(db);
	bool has_run = false;
	pgm_error err;

	(void)state;
	assert_null(pgm_acquire(db, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_contains(err.message, "holds the only connection");
	assert_true(pgm_submit(db, &query, note_run, &has_run, &err));
	assert_false(pgm_wait(db, 50, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_false(has_run);
	pgm_release(conn);
	assert_true(pgm_wait(db, slow(5000), &err));
	assert_true(has_run);
	assert_true(pgm_with(db, nest, db, &err));
}

/* ----------------------------------------------------------------------------------------- B24 */

/* Where it was borrowed, as the log says it. */
static const char *by_thread(const char *place, pthread_t thread)
{
	return pgtest_format("borrowed at %s by thread 0x%" PRIxPTR, place, (uintptr_t)thread);
}

static void let_pass(int64_t since, int ms)
{
	while (ms_since(since) < ms)
		blink();
}

static void b24_a_leak_is_told_once_and_again_when_it_comes_back(void **state)
{
	const pgm_open_options options = {.leak_after_ms = 100};
	pgm_db *db = must_open_with(&options, "type=pool pool.min_size=1 pool.max_size=1");
	const char *place = pgtest_format("%s:%d", __FILE__, __LINE__ + 6);
	PGconn *conn;
	int64_t start;

	(void)state;
	outlive_trust(); /* the keeper is asleep, and has to be woken for it */
	start = pgtest_now_ms(), conn = must_acquire(db);
	assert_true(pgtest_log_wait("has been lent for", slow(3000)));
	assert_true(ms_since(start) >= 85); /* the coarse clock lags behind by a tick */
	assert_int_equal(pgtest_log_count(by_thread(place, pthread_self())), 1);
	let_pass(start, 350);
	assert_int_equal(pgtest_log_count("has been lent for"), 1);
	pgm_release(conn);
	assert_int_equal(pgtest_log_count("came back after"), 1);
	assert_int_equal(pgtest_log_count(by_thread(place, pthread_self())), 2);
	pgm_release(must_acquire(db)); /* a loan that ends in time is no leak, after one that was */
	assert_int_equal(pgtest_log_count("came back after"), 1);
	assert_int_equal(pgtest_log_count("warning: "), 2);
}

/* There is no thread that could tell by itself. */
static void b24_on_normal_a_leak_is_told_by_whoever_waits_in_vain(void **state)
{
	const pgm_open_options options = {.leak_after_ms = 100};
	pgm_db *db = must_open_with(&options, NULL);
	const char *place = pgtest_format("%s:%d", __FILE__, __LINE__ + 4);
	borrower other;

	(void)state;
	PGconn *conn = must_acquire(db);
	borrow_in_thread(&other, db, 20);
	assert_false(borrowed_within(&other, 5000));
	assert_true(getenv("PGM_TEST_SLOW") || pgtest_log_count("has been lent for") == 0); /* not yet */
	for (int i = 0; i < 2; i++) {
		borrow_in_thread(&other, db, 110);
		assert_false(borrowed_within(&other, 5000));
		assert_int_equal(pgtest_log_count("has been lent for"), 1);
	}
	assert_int_equal(pgtest_log_count(by_thread(place, pthread_self())), 1);
	pgm_release(conn);
	assert_int_equal(pgtest_log_count("came back after"), 1);
	assert_int_equal(pgtest_log_count(by_thread(place, pthread_self())), 2);
}

static void b24_on_normal_a_leak_is_told_when_it_comes_back(void **state)
{
	const pgm_open_options options = {.leak_after_ms = 50};
	pgm_db *db = must_open_with(&options, NULL);
	PGconn *conn = must_acquire(db);
	const char *place = pgtest_format("%s:%d", __FILE__, __LINE__ - 1);

	(void)state;
	let_pass(pgtest_now_ms(), 75);
	pgm_release(conn);
	assert_int_equal(pgtest_log_count("came back after"), 1);
	assert_int_equal(pgtest_log_count(by_thread(place, pthread_self())), 1);
}

static void b24_a_leak_is_never_taken_away(void **state)
{
	static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};
	const pgm_open_options options = {.leak_after_ms = 50};

	(void)state;
	for (int t = 0; t < 2; t++) {
		pgm_db *db = must_open_with(&options, "%s", types[t]);
		PGconn *conn = must_acquire(db);
		int pid = PQbackendPID(conn);
		borrower other;

		borrow_in_thread(&other, db, 200);
		assert_false(borrowed_within(&other, 5000));
		assert_int_equal(other.err.code, pgtest_evented() && t == 0 ? PGM_ERR_MISUSE : PGM_ERR_TIMEOUT);
		assert_true(pgtest_log_wait_count("has been lent for", t + 1, slow(3000)));
		assert_int_equal(stats_of(db).lent, 1);
		assert_int_equal(atoi(ask(conn, "SELECT pg_backend_pid()")), pid);
		pgm_release(conn);
		conn = must_acquire(db);
		assert_int_equal(PQbackendPID(conn), pid);
		pgm_release(conn);
		pgm_close(db);
	}
}

typedef struct leaker {
	pgm_db *db;
	const char *file;
	PGconn *conn;
} leaker;

static void *leak(void *arg)
{
	leaker *l = arg;

	l->conn = pgm_acquire_at(l->db, PGM_TIMEOUT_FROM_CONFIG, l->file, 7, NULL);
	thread_must(l->conn);
	return NULL;
}

static void b24_each_leak_is_told_with_its_own_place_and_thread(void **state)
{
	static const char *const files[] = {"first.c", "second.c", "third.c"};
	const pgm_open_options options = {.leak_after_ms = 100};
	pgm_db *db = must_open_with(&options, "type=pool pool.min_size=3 pool.max_size=3");
	const char *told[3];
	pgtest_thread *threads[3];
	leaker leakers[3];
	pgm_error err;

	(void)state;
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	for (int i = 0; i < 3; i++) {
		leakers[i] = (leaker){.db = db, .file = files[i]};
		threads[i] = pgtest_run(leak, &leakers[i]);
		told[i] = by_thread(pgtest_format("%s:7", files[i]), pgtest_thread_id(threads[i]));
	}
	for (int i = 0; i < 3; i++)
		pgtest_join(threads[i]);
	assert_true(pgtest_log_wait_count("has been lent for", 3, slow(3000)));
	for (int i = 0; i < 3; i++)
		assert_int_equal(pgtest_log_count(told[i]), 1);
	for (int i = 0; i < 3; i++)
		pgm_release(leakers[i].conn);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pgtest_log_count(told[i]), 2);
}

/* ----------------------------------------------------------------------------------------- B28 */

static void b28_too_many_waiting_is_busy_at_once(void **state)
{
	static const char *const types[] = {"pool", "normal"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		pgm_db *db = must_open("type=%s pool.min_size=1 pool.max_size=1 pool.max_waiting=2", types[i]);
		PGconn *conn = must_acquire(db);
		borrower waits[2], busy;

		for (int k = 0; k < 2; k++) {
			borrow_in_thread(&waits[k], db, 20000);
			wait_stats(db, waiting, k + 1);
		}
		borrow_in_thread(&busy, db, 20000);
		assert_false(borrowed_within(&busy, 2000));
		assert_int_equal(busy.err.code, PGM_ERR_BUSY);
		assert_contains(busy.err.message, "2 callers wait");
		assert_in_range(busy.took_ms, 0, slow(100));
		pgm_release(conn);
		for (int k = 0; k < 2; k++) {
			assert_true(borrowed_within(&waits[k], 5000));
			pgm_release(waits[k].conn);
		}
		assert_int_equal(stats_of(db).waiting, 0);
	}
}

static void *borrow_and_end(void *arg)
{
	return must_acquire(arg);
}

/* The system gives the id of a thread that has ended to the next one. */
static void b23_a_new_thread_is_not_taken_for_the_one_that_ended(void **state)
{
	pgm_db *db = must_open(NULL);
	PGconn *conn = pgtest_join(pgtest_run(borrow_and_end, db)); /* handed on by a thread that is gone */
	borrower b;

	(void)state;
	borrow_in_thread(&b, db, 100);
	assert_false(borrowed_within(&b, 5000));
	assert_int_equal(b.err.code, PGM_ERR_TIMEOUT);
	pgm_release(conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLOCKING_TEST(b23_a_new_thread_is_not_taken_for_the_one_that_ended),
		BLOCKING_TEST(b21_first_come_first_served),
		EVENTED_TEST(b21_first_come_first_served_by_callbacks),
		HANDLE_TEST(b21_the_one_who_came_first_is_served_first),
		HANDLE_TEST(b21_a_newcomer_does_not_pass_who_has_waited),
		HANDLE_TEST(b22_a_timeout_tells_who_holds_the_connections),
		HANDLE_TEST(b22_a_wrapper_can_pass_on_its_callers_place),
		HANDLE_TEST(b22_a_timeout_tells_the_last_connection_error),
		BLOCKING_TEST(b23_a_nested_acquire_on_normal_is_misuse_at_once),
		EVENTED_TEST(b23_a_nested_acquire_on_async_is_misuse_and_a_submit_is_queued),
		HANDLE_TEST(b24_a_leak_is_told_once_and_again_when_it_comes_back),
		BLOCKING_TEST(b24_on_normal_a_leak_is_told_by_whoever_waits_in_vain),
		BLOCKING_TEST(b24_on_normal_a_leak_is_told_when_it_comes_back),
		HANDLE_TEST(b24_a_leak_is_never_taken_away),
		BLOCKING_TEST(b24_each_leak_is_told_with_its_own_place_and_thread),
		HANDLE_TEST(b28_too_many_waiting_is_busy_at_once),
	};

	return run_handle_tests(tests);
}
