/* B5, B13: a server that is out of reach for a while. */
#include "handles.h"
#include "support/cluster.h"
#include "support/proxy.h"

static void b05_the_first_acquire_after_a_restart_works(void **state)
{
	static const char *const types[] = {"type=normal", "type=pool pool.min_size=5 pool.max_size=5"};
	static const char *const modes[] = {"fast", "immediate"};
	cluster *c = cluster_start(NULL, NULL);

	(void)state;
	pgtest_use(cluster_server(c));
	for (int t = 0; t < 2; t++) {
		pgm_db *db = must_open("%s", types[t]);
		int64_t start;
		PGconn *conn;
		pgm_error err;

		if (t == 1)
			assert_true(pgm_wait_ready(db, slow(5000), &err));
		for (int m = 0; m < 2; m++) {
			cluster_restart(c, modes[m]);
			start = pgtest_now_ms();
			conn = must_acquire(db);
			assert_within(start, 1000);
			assert_true(works(conn));
			pgm_release(conn);
		}
		assert_true(pgm_wait_ready(db, slow(10000), &err)); /* and it is full again by itself */
		pgm_close(db);
	}
	cluster_stop(c);
}

static void a_waiter_is_served_when_the_server_is_back(void **state)
{
	proxy *p = proxy_start();
	pgm_db *db = must_open("port=%d type=pool pool.min_size=0 pool.max_size=2", proxy_port(p));
	PGconn *conn = must_acquire(db);
	int64_t start;
	borrower b;

	(void)state;
	proxy_set(p, PROXY_REFUSE);
	proxy_cut(p);
	assert_false(works(conn));
	pgm_release(conn);
	borrow_in_thread(&b, db, 30000);
	assert_true(pgtest_log_wait("could not be opened", slow(5000)));
	start = pgtest_now_ms();
	proxy_set(p, PROXY_FORWARD);
	assert_true(borrowed_within(&b, 5000));
	assert_within(start, 1500);
	pgm_release(b.conn);
	proxy_stop(p);
}

/* ----------------------------------------------------------------------------------------- B13 */

static const char *const types[] = {"type=normal", "type=pool pool.min_size=0 pool.max_size=1"};
#define TYPES 2

/* Nothing of the handshake gets through until the proxy forwards. */
static pgm_db *open_held(proxy *p, const char *more)
{
	const pgm_open_options lazy = {.lazy = true};

	proxy_set(p, PROXY_HOLD);
	return must_open_with(&lazy, "port=%d sslmode=disable gssencmode=disable %s", proxy_port(p), more);
}

static void note_timeout(PGresult *res, const pgm_error *err, void *arg)
{
	assert_null(res);
	assert_int_equal(err->code, PGM_ERR_TIMEOUT);
	++*(int *)arg;
}

static void b13_a_connect_outlives_its_impatient_waiter(void **state)
{
	const pgm_query query = {.sql = "SELECT 1", .timeout_ms = 50};
	proxy *p = proxy_start();

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = open_held(p, types[t]);
		int before = proxy_accepted(p), told = 0;
		PGconn *conn;
		pgm_error err;

		assert_null(pgm_acquire_for(db, 50, &err));
		assert_int_equal(err.code, PGM_ERR_TIMEOUT);
		assert_true(pgm_submit(db, &query, note_timeout, &told, &err));
		assert_int_equal(told, 1);
		proxy_set(p, PROXY_FORWARD);
		conn = must_acquire(db); /* the third */
		assert_true(works(conn));
		assert_int_equal(proxy_accepted(p) - before, 1);
		assert_int_equal(pgtest_connections(NULL), 1);
		assert_int_equal(stats_of(db).opened, 1);
		assert_int_equal(stats_of(db).open_failed, 0);
		pgm_release(conn);
		pgm_close(db);
		assert_true(pgtest_connections_become(NULL, 0, slow(2000)));
	}
	proxy_stop(p);
}

static void b13_who_is_next_in_line_gets_what_the_impatient_began(void **state)
{
	proxy *p = proxy_start();

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = open_held(p, types[t]);
		int before = proxy_accepted(p);
		borrower impatient, patient;

		borrow_in_thread(&impatient, db, 200);
		assert_true(proxy_wait_accepted(p, before + 1, slow(5000)));
		borrow_in_thread(&patient, db, 20000);
		assert_false(borrowed_within(&impatient, 5000));
		assert_int_equal(impatient.err.code, PGM_ERR_TIMEOUT);
		proxy_set(p, PROXY_FORWARD);
		assert_true(borrowed_within(&patient, 5000));
		assert_int_equal(proxy_accepted(p) - before, 1);
		pgm_release(patient.conn);
		pgm_close(db);
	}
	proxy_stop(p);
}

/* What went wrong with it while nobody was there is not the next one's error. */
static void b13_what_was_left_behind_and_failed_is_begun_anew(void **state)
{
	proxy *p = proxy_start();

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = open_held(p, types[t]);
		pgm_error err;

		assert_null(pgm_acquire_for(db, 50, &err));
		proxy_cut(p);
		proxy_set(p, PROXY_FORWARD);
		pgm_release(must_acquire(db));
		assert_int_equal(stats_of(db).opened, 1);
		pgm_close(db);
	}
	proxy_stop(p);
}

static void b13_what_was_left_behind_for_too_long_is_begun_anew(void **state)
{
	proxy *p = proxy_start();
	int64_t start = 0;
	pgm_db *db[TYPES];
	pgm_error err;

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		db[t] = open_held(p, pgtest_format("%s connect_timeout=1", types[t]));
		assert_null(pgm_acquire_for(db[t], 50, &err));
		start = pgtest_now_ms();
	}
	while (ms_since(start) < 1050) /* its connect_timeout passes */
		blink();
	proxy_set(p, PROXY_FORWARD);
	for (int t = 0; t < TYPES; t++) {
		pgm_release(must_acquire(db[t]));
		assert_int_equal(stats_of(db[t]).opened, 1);
		pgm_close(db[t]);
	}
	proxy_stop(p);
}

/* A password that is wrong stays wrong: it is tried once, whoever began. */
static void b13_a_refusal_for_good_is_told_at_once(void **state)
{
	proxy *p = proxy_start();
	int before = proxy_accepted(p);
	pgm_db *db = open_held(p, "type=normal password=wrong");
	pgm_error err;

	(void)state;
	assert_null(pgm_acquire_for(db, 50, &err));
	proxy_set(p, PROXY_FORWARD);
	assert_null(pgm_acquire(db, &err));
	assert_int_equal(err.code, PGM_ERR_AUTH);
	assert_int_equal(proxy_accepted(p) - before, 1);
	proxy_stop(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b05_the_first_acquire_after_a_restart_works),
		HANDLE_TEST(a_waiter_is_served_when_the_server_is_back),
		HANDLE_TEST(b13_a_connect_outlives_its_impatient_waiter),
		HANDLE_TEST(b13_who_is_next_in_line_gets_what_the_impatient_began),
		HANDLE_TEST(b13_what_was_left_behind_and_failed_is_begun_anew),
		HANDLE_TEST(b13_what_was_left_behind_for_too_long_is_begun_anew),
		HANDLE_TEST(b13_a_refusal_for_good_is_told_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
