/* B14, B15: how a pool behaves while there is no server, and finds it again. */
#include "outage.h"
#include "support/cluster.h"

#define TWENTY 20

/* ------------------------------------------------------------------------------------ B14: no storm */

#define WORKERS 4

static void crowd_comes(borrower *crowd, pgm_db *db)
{
	for (int i = 0; i < TWENTY; i++)
		borrow_in_thread(&crowd[i], db, 60000);
	wait_stats(db, waiting, TWENTY);
}

/* All have one at the same time. */
static void crowd_is_served(borrower *crowd)
{
	for (int i = 0; i < TWENTY; i++)
		assert_true(borrowed_within(&crowd[i], 10000));
	for (int i = 0; i < TWENTY; i++)
		assert_true(works(crowd[i].conn));
	for (int i = 0; i < TWENTY; i++)
		pgm_release(crowd[i].conn);
}

/* Seconds after which an attempt that hangs has failed; no less than a good one needs. */
static int connect_timeout(void)
{
	return slow(1) > 1 ? 4 : 1;
}

static pgm_db *must_open_for_a_crowd(const proxy *p)
{
	pgm_db *db = must_open(PROXIED " connect_timeout=%d type=pool pool.min_size=5 pool.max_size=%d "
				       "pool.num_workers=%d",
			       proxy_port(p), connect_timeout(), TWENTY, WORKERS);

	wait_stats(db, idle, 5);
	return db;
}

/* Attempts that hang show how many there are at once. */
static void b14_one_attempt_at_a_time_while_the_server_is_down(void **state)
{
	proxy *p = proxy_start();
	pgm_db *db = must_open_for_a_crowd(p);
	borrower crowd[TWENTY];
	int most = 0, before;

	(void)state;
	lose_server(p);
	wait_failures(db, WORKERS);
	crowd_comes(crowd, db);
	before = proxy_accepted(p);
	proxy_set(p, PROXY_HOLD);
	for (int64_t start = pgtest_now_ms(); ms_since(start) < 1200; blink())
		most = stats_of(db).opening > most ? stats_of(db).opening : most;
	assert_int_equal(most, 1);
	assert_in_range(proxy_accepted(p) - before, 1, 2);
	proxy_set(p, PROXY_FORWARD);
	crowd_is_served(crowd);
	pgm_close(db);
	proxy_stop(p);
}

#define POOLS 8
#define FAILURES 6

/* Nominal distances are 25, 50, 100, 200 and 400 ms. The machine's other work makes any of them longer, never
 * shorter: of the early ones the shortest counts. */
static void check_distances(int64_t when[POOLS][FAILURES])
{
	int64_t early = INT64_MAX, late = 0, shortest = INT64_MAX, longest = 0;

	for (int i = 0; i < POOLS; i++) {
		int64_t all = when[i][FAILURES - 1] - when[i][0];

		early = when[i][2] - when[i][1] < early ? when[i][2] - when[i][1] : early;
		late += when[i][FAILURES - 1] - when[i][FAILURES - 2];
		shortest = all < shortest ? all : shortest;
		longest = all > longest ? all : longest;
	}
	print_message("attempts %d ms apart, then %d; all in %d to %d ms\n", (int)early, (int)late / POOLS,
		      (int)shortest, (int)longest);
	assert_true(late / POOLS > 2 * early);
	assert_true(longest - shortest > 25);
}

static void b14_attempts_grow_rarer_and_pools_do_not_attempt_in_step(void **state)
{
	proxy *p = proxy_start();
	int64_t when[POOLS][FAILURES];
	int noted[POOLS] = {0}, missing = POOLS * FAILURES;
	pgm_db *db[POOLS];

	(void)state;
	for (int i = 0; i < POOLS; i++)
		db[i] = must_open(PROXIED " type=pool pool.min_size=1 pool.max_waiting=%d", proxy_port(p), i);
	lose_server(p);
	for (int64_t start = pgtest_now_ms(); missing > 0 && ms_since(start) < slow(10000); blink())
		for (int i = 0; i < POOLS; i++)
			for (int64_t f = stats_of(db[i]).open_failed; noted[i] < f && noted[i] < FAILURES; missing--)
				when[i][noted[i]++] = pgtest_now_ms();
	assert_int_equal(missing, 0);
	check_distances(when);
	for (int i = 0; i < POOLS; i++)
		pgm_close(db[i]);
	proxy_stop(p);
}

/* Each opening takes a while, so that those under way at once can be counted; the answer is the most there were. */
static int watch_openings(pgm_db *db, int64_t opened_before)
{
	int most = 0;

	for (int64_t start = pgtest_now_ms(); ms_since(start) < slow(10000); blink()) {
		pgm_stats now = stats_of(db);
		int64_t opened = now.opened - opened_before;

		if (now.waiting == 0)
			break;
		assert_true(now.opening <= (opened < 2 ? 1 << opened : WORKERS));
		most = now.opening > most ? now.opening : most;
	}
	return most;
}

static void b14_when_it_is_back_openings_ramp_up_and_twenty_waiters_are_served(void **state)
{
	proxy *p = proxy_start();
	pgm_db *db = must_open_for_a_crowd(p);
	borrower crowd[TWENTY];
	int64_t start;

	(void)state;
	lose_server(p);
	wait_failures(db, 1);
	wait_stats(db, opening, 0); /* some began together */
	crowd_comes(crowd, db);
	start = pgtest_now_ms();
	wait_failures(db, (int)stats_of(db).open_failed + 5); /* in 0.8 s, by a quarter more or less */
	assert_true(ms_since(start) > 400);
	assert_within(start, 5000);

	proxy_delay(p, 10);
	start = pgtest_now_ms();
	proxy_set(p, PROXY_FORWARD);
	assert_int_equal(watch_openings(db, stats_of(db).opened), WORKERS);
	assert_within(start, 4000);
	crowd_is_served(crowd);
	pgm_close(db);
	proxy_stop(p);
}

/* ----------------------------------------------------------------------------- B15: it always recovers */

#define RECONNECT_TIMEOUT 1000

static void must_be_told(borrower *b, int from_ms, int to_ms)
{
	assert_false(borrowed_within(b, 20000));
	assert_int_equal(b->err.code, PGM_ERR_CONNECT);
	assert_contains(b->err.message, "Connection refused");
	assert_in_range(b->took_ms, from_ms, slow(to_ms));
}

static void wait_told(pgm_db *const *db, int pools)
{
	borrower b[3];

	for (int i = 0; i < pools; i++)
		borrow_in_thread(&b[i], db[i], 60000);
	for (int i = 0; i < pools; i++)
		must_be_told(&b[i], RECONNECT_TIMEOUT / 2, 3 * RECONNECT_TIMEOUT);
	for (int i = 0; i < pools; i++) /* and whoever comes later is told at once */
		borrow_in_thread(&b[i], db[i], 60000);
	for (int i = 0; i < pools; i++)
		must_be_told(&b[i], 0, RECONNECT_TIMEOUT / 2);
}

static void b15_waiters_are_told_and_the_pool_recovers_by_itself(void **state)
{
	proxy *p = proxy_start();
	const char *proxied = pgtest_format(PROXIED " pool.reconnect_timeout=1", proxy_port(p));
	pgm_db *pool = must_open("%s type=pool pool.min_size=3 pool.max_size=4", proxied);
	pgm_db *empty = must_open("%s type=pool pool.min_size=0 pool.max_size=4", proxied);
	pgm_db *normal = must_open("%s", proxied), *pools[] = {pool, empty, normal};
	int64_t start = pgtest_now_ms();
	borrower b;

	(void)state;
	wait_stats(pool, idle, 3);
	lose_server(p);
	wait_told(pools, pgtest_evented() ? 3 : 2);
	borrow_in_thread(&b, normal, 60000);
	must_be_told(&b, 0, RECONNECT_TIMEOUT / 2); /* there the borrower opens, and tries once */
	while (ms_since(start) < 3 * RECONNECT_TIMEOUT)
		blink();
	assert_int_equal(stats_of(pool).size, 0);
	proxy_set(p, PROXY_FORWARD);
	wait_stats(pool, idle, 3);
	if (pgtest_evented())
		wait_stats(normal, idle, 1);
	assert_true(
		pgtest_connections_become(NULL, pgtest_evented() ? 4 : 3, slow(3000))); /* async opens its own, too */
	assert_in_range(first_acquire(pool), 0, slow(1000));
	assert_in_range(first_acquire(empty), 0, slow(1000));
	assert_in_range(first_acquire(normal), 0, slow(1000));
	for (int i = 0; i < 2; i++)
		pgm_close(pools[i]);
	pgm_close(normal);
	proxy_stop(p);
}

static void b15_the_keeper_outlives_every_kind_of_failure(void **state)
{
	static const proxy_mode modes[] = {PROXY_REFUSE, PROXY_CLOSE, PROXY_RESET, PROXY_SWALLOW, PROXY_HOLD};
	proxy *p = proxy_start();
	pgm_db *db = must_open(PROXIED " connect_timeout=%d type=pool pool.min_size=2 pool.max_size=2", proxy_port(p),
			       connect_timeout());

	(void)state;
	for (int m = 0; m < (int)(sizeof modes / sizeof *modes); m++) {
		int failed;

		wait_stats(db, idle, 2);
		failed = (int)stats_of(db).open_failed;
		proxy_set(p, modes[m]);
		proxy_cut(p);
		wait_failures(db, failed + 1);
		proxy_set(p, PROXY_FORWARD);
	}
	wait_stats(db, idle, 2);
	assert_in_range(first_acquire(db), 0, slow(1000));
	pgm_close(db);
	proxy_stop(p);
}

/* The server said no for good; yet somebody may change that. */
static void b15_a_role_that_may_log_in_again_is_served_again(void **state)
{
	cluster *c = cluster_start(NULL, NULL);
	pgm_error err;
	pgm_db *db;

	(void)state;
	pgtest_use(cluster_server(c));
	db = must_open_full("pool", 2);
	pgtest_exec("ALTER ROLE %s NOLOGIN", cluster_server(c)->user);
	pgtest_exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '%s'",
		    pgtest_application());
	wait_failures(db, 2);
	assert_null(pgm_acquire(db, &err));
	assert_int_equal(err.code, PGM_ERR_AUTH);
	assert_string_equal(err.sqlstate, "28000");
	pgtest_exec("ALTER ROLE %s LOGIN", cluster_server(c)->user);
	wait_stats(db, idle, 2);
	assert_in_range(first_acquire(db), 0, slow(1000));
	pgm_close(db);
	cluster_stop(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b14_one_attempt_at_a_time_while_the_server_is_down),
		HANDLE_TEST(b14_attempts_grow_rarer_and_pools_do_not_attempt_in_step),
		HANDLE_TEST(b14_when_it_is_back_openings_ramp_up_and_twenty_waiters_are_served),
		HANDLE_TEST(b15_waiters_are_told_and_the_pool_recovers_by_itself),
		HANDLE_TEST(b15_the_keeper_outlives_every_kind_of_failure),
		HANDLE_TEST(b15_a_role_that_may_log_in_again_is_served_again),
	};

	return run_handle_tests(tests);
}
