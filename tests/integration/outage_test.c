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

static void b13_a_connect_outlives_its_impatient_waiter(void **state)
{
	static const char *const types[] = {"type=normal", "type=pool pool.min_size=0 pool.max_size=2"};
	const pgm_open_options lazy = {.lazy = true};
	proxy *p = proxy_start();

	(void)state;
	for (int t = 0; t < 2; t++) {
		int before = proxy_accepted(p);
		PGconn *conn = NULL;
		pgm_error err;
		pgm_db *db =
			must_open_with(&lazy, "port=%d sslmode=disable gssencmode=disable %s", proxy_port(p), types[t]);

		proxy_delay(p, 60);
		assert_null(pgm_acquire_for(db, 50, &err));
		assert_int_equal(err.code, PGM_ERR_TIMEOUT);
		for (int i = 0; i < 100 && !conn; i++)
			conn = pgm_acquire_for(db, 50, &err);
		assert_non_null(conn);
		assert_int_equal(proxy_accepted(p) - before, 1);
		pgm_release(conn);
		pgm_close(db);
		proxy_delay(p, 0);
	}
	proxy_stop(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b05_the_first_acquire_after_a_restart_works),
		HANDLE_TEST(a_waiter_is_served_when_the_server_is_back),
		HANDLE_TEST(b13_a_connect_outlives_its_impatient_waiter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
