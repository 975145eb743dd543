/* The life of a handle: lazy, ready, drained, aged; its threads and its sleep. */
#include "handles.h"
#include "support/proxy.h"

#include <dirent.h>

static void normal_has_no_thread_of_its_own(void **state)
{
	pgm_db *db = must_open(NULL);
	PGconn *conn = must_acquire(db);

	(void)state;
	assert_int_equal(pgtest_threads(), threads_before);
	pgm_release(conn);
	assert_int_equal(pgtest_threads(), threads_before);
	pgm_close(db);
	must_open("type=pool");
	assert_int_equal(pgtest_threads(), threads_before + (pgtest_evented() ? 0 : 1));
}

/* ----------------------------------------------------------------------------------- the keeper */

/* Of all threads of the process but this one: how often they went to sleep. */
static long sleeps_of_others(void)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *entry;
	long sum = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char line[256];
		long count;
		FILE *status;

		if (entry->d_name[0] == '.' || atol(entry->d_name) == (long)getpid())
			continue;
		status = fopen(pgtest_format("/proc/self/task/%s/status", entry->d_name), "re");
		while (status && fgets(line, sizeof line, status))
			if (sscanf(line, "voluntary_ctxt_switches: %ld", &count) == 1)
				sum += count;
		if (status)
			fclose(status);
	}
	closedir(dir);
	return sum;
}

static void let_two_seconds_pass(void)
{
	for (int64_t start = pgtest_now_ms(); ms_since(start) < 2000;)
		poll(NULL, 0, 2000);
}

static void an_idle_pools_keeper_does_not_wake(void **state)
{
	pgm_db *db;
	long before, base;
	pgm_error err;

	(void)state;
	before = sleeps_of_others(); /* a sanitizer has a thread of its own, which wakes as it likes */
	let_two_seconds_pass();
	base = sleeps_of_others() - before;
	db = must_open("type=pool pool.min_size=3 pool.max_size=5");
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	outlive_trust(); /* it goes to sleep */
	before = sleeps_of_others();
	let_two_seconds_pass();
	assert_in_range(sleeps_of_others() - before, 0, base + base / 2);
}

/* Borrowing and giving back is no reason to wake it, but for once each time that it went to sleep, after 10 ms in which the
 * connection lay idle or the machine did; and it may have to wait for a lock. */
static void a_hot_pools_keeper_does_not_wake_either(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=1 pool.max_size=1");
	enum { LOANS = 2000 };
	long before;

	(void)state;
	outlive_trust();
	before = sleeps_of_others();
	for (int i = 0; i < LOANS; i++) {
		PGconn *conn = must_acquire(db);

		assert_true(works(conn));
		pgm_release(conn);
	}
	if (!getenv("PGM_TEST_SLOW"))
		assert_in_range(sleeps_of_others() - before, 0, LOANS / 5);
}

/* ------------------------------------------------------------------------------- lazy, ready */

static void lazy_connects_when_somebody_needs_it(void **state)
{
	static const char *const types[] = {"type=normal", "type=pool pool.min_size=2 pool.max_size=3"};
	const pgm_open_options lazy = {.lazy = true};

	(void)state;
	for (int t = 0; t < 2; t++) {
		pgm_db *db = must_open_with(&lazy, "%s", types[t]);
		PGconn *conn;

		assert_int_equal(stats_of(db).opened, 0);
		assert_int_equal(pgtest_connections(NULL), 0);
		assert_int_equal(pgtest_threads(), threads_before);
		conn = must_acquire(db);
		assert_true(works(conn));
		pgm_release(conn);
		pgm_close(db);
		assert_true(pgtest_connections_become(NULL, 0, slow(2000)));
	}
}

static void a_lazy_handle_tells_what_is_wrong_at_the_first_acquire(void **state)
{
	static const char *const types[] = {"type=normal", "type=pool pool.min_size=0"};
	const pgm_open_options lazy = {.lazy = true};

	(void)state;
	for (int t = 0; t < 2; t++) {
		pgm_db *db = must_open_with(&lazy, "%s password=wrong", types[t]);
		pgm_error err;

		assert_null(pgm_acquire(db, &err));
		assert_int_equal(err.code, PGM_ERR_AUTH);
	}
}

static void wait_ready_waits_for_min_size(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	pgm_db *db = must_open("type=pool pool.min_size=6 pool.max_size=8");
	pgm_error err;

	(void)state;
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	assert_int_equal(stats_of(db).size, 6);
	assert_int_equal(stats_of(db).idle, 6);
	assert_int_equal(pgtest_connections(NULL), 6);
	db = must_open_with(&lazy, "type=pool pool.min_size=2 pool.max_size=2 application_name=lazy");
	assert_true(pgm_wait_ready(db, slow(5000), &err)); /* which makes it begin */
	assert_int_equal(stats_of(db).size, 2);
	assert_true(pgm_wait_ready(must_open(NULL), 0, &err));
	db = must_open_with(&lazy, "application_name=lazy");
	assert_true(pgm_wait_ready(db, -1, &err));
	assert_int_equal(stats_of(db).idle, 1);
	assert_false(pgm_wait_ready(NULL, 0, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
}

static void wait_ready_opens_the_connection_of_normal(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	pgm_db *db = must_open_with(&lazy, NULL);
	pgm_error err;

	(void)state;
	for (int i = 1; i <= 2; i++) {
		assert_true(pgm_wait_ready(db, slow(5000), &err));
		assert_int_equal(stats_of(db).idle, 1);
		assert_int_equal(stats_of(db).opened, 1);
	}
	pgm_drain(db);
	assert_true(pgm_wait_ready(db, -1, &err));
	assert_int_equal(stats_of(db).opened, 2);
	db = must_open_with(&lazy, "port=1");
	assert_false(pgm_wait_ready(db, 1000, &err));
	assert_int_equal(err.code, pgtest_evented() ? PGM_ERR_TIMEOUT : PGM_ERR_CONNECT);
	assert_contains(err.message, "Connection refused");
}

static void wait_ready_tells_why_it_takes_so_long(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	proxy *p = proxy_start();
	pgm_db *db = must_open_with(&lazy, "port=%d type=pool pool.min_size=2 pool.max_size=2", proxy_port(p));
	int64_t start = pgtest_now_ms();
	pgm_error err;

	(void)state;
	proxy_set(p, PROXY_REFUSE);
	assert_false(pgm_wait_ready(db, 300, &err));
	assert_in_range(ms_since(start), 290, 300 + slow(300));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_contains(err.message, "0 of 2 connections are open; last connection error:");
	db = must_open_with(&lazy, "password=wrong type=pool pool.min_size=2 pool.max_size=2");
	start = pgtest_now_ms();
	assert_false(pgm_wait_ready(db, 60000, &err));
	assert_int_equal(err.code, PGM_ERR_AUTH);
	assert_within(start, 2000);
	proxy_stop(p);
}

/* ------------------------------------------------------------------------------ growing, ageing */

#define MOST 6

static void wait_ready_opens_what_nobody_else_would(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	pgm_db *db = must_open_with(&lazy, NULL);
	pgm_error err;
	PGconn *conn;

	(void)state;
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	assert_int_equal(stats_of(db).idle, 1);
	pgm_drain(db);
	assert_true(pgm_wait_ready(db, -1, &err));
	assert_int_equal(stats_of(db).opened, 2);
	conn = must_acquire(db);
	assert_true(pgm_wait_ready(db, 0, &err)); /* lent, and so open */
	pgm_release(conn);
	pgm_close(db);
	assert_false(pgm_wait_ready(db, -1, &err));
	assert_int_equal(err.code, PGM_ERR_CLOSED);
}

static void wait_ready_says_at_once_what_waiting_will_not_change(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	static const char *const wrong[] = {"type=pool password=wrong", "password=wrong",
					    "type=pool sync.no_such_setting=1", "sync.no_such_setting=1"};
	pgm_error err;

	(void)state;
	for (int i = 0; i < 4; i++) {
		pgm_db *db = must_open_with(&lazy, "%s", wrong[i]);

		assert_false(pgm_wait_ready(db, -1, &err));
		assert_int_equal(err.code, i < 2 ? PGM_ERR_AUTH : PGM_ERR_CONFIG);
	}
}

/* Borrowers that do not wait come back for what was opened for them. */
static void a_pool_grows_for_those_who_do_not_wait(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	pgm_db *db = must_open_with(&lazy, "type=pool pool.min_size=0 pool.max_size=2");
	PGconn *conns[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		int64_t start = pgtest_now_ms();

		while ((conns[i] = pgm_acquire_for(db, 0, NULL)) == NULL && ms_since(start) < slow(5000))
			blink();
		assert_non_null(conns[i]);
	}
	assert_int_equal(stats_of(db).size, 2);
	for (int i = 0; i < 2; i++)
		pgm_release(conns[i]);
}

static void a_pool_grows_to_max_size_and_no_further(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=1 pool.max_size=%d", MOST);
	PGconn *conn[MOST];
	pgm_stats stats;
	pgm_error err;

	(void)state;
	for (int i = 0; i < MOST; i++)
		conn[i] = must_acquire(db);
	assert_null(pgm_acquire_for(db, 50, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_int_equal(pgtest_connections(NULL), MOST);
	stats = stats_of(db);
	assert_int_equal(stats.min_size, 1);
	assert_int_equal(stats.max_size, MOST);
	assert_int_equal(stats.size, MOST);
	assert_int_equal(stats.lent, MOST);
	assert_int_equal(stats.idle, 0);
	assert_int_equal(stats.acquired, MOST);
	assert_int_equal(stats.opened, MOST);
	assert_int_equal(stats.timed_out, 1);
	assert_true(stats.waited >= MOST);
	for (int i = 0; i < MOST; i++)
		pgm_release(conn[i]);
	assert_int_equal(stats_of(db).idle, MOST);
	pgm_close(db);
	assert_int_equal(stats_of(db).closed, MOST);
	assert_int_equal(stats_of(db).lost, 0);
}

static void what_is_idle_above_min_size_goes_after_max_idle(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=2 pool.max_size=4 pool.max_idle=1");
	PGconn *conn[4];
	int64_t start;

	(void)state;
	for (int i = 0; i < 4; i++)
		conn[i] = must_acquire(db);
	for (int i = 0; i < 4; i++)
		pgm_release(conn[i]);
	start = pgtest_now_ms();
	assert_true(pgtest_connections_become(NULL, 2, slow(4000)));
	assert_true(ms_since(start) >= 900);
	wait_stats(db, size, 2);
	assert_int_equal(stats_of(db).lost, 0);
}

static void connections_are_replaced_after_max_lifetime(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=2 pool.max_size=3 pool.max_lifetime=1");
	PGconn *conn = must_acquire(db);
	int pid = PQbackendPID(conn);
	pgm_error err;

	(void)state;
	pgm_release(conn);
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	assert_true(pgtest_until(slow(4000), "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %d", pid));
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	assert_int_equal(stats_of(db).lost, 0);
	conn = must_acquire(db);
	assert_int_not_equal(PQbackendPID(conn), pid);
	pgm_release(conn);
}

/* --------------------------------------------------------------------------------------- drain */

static void drain_replaces_every_connection_as_it_comes_back(void **state)
{
	static const char *const types[] = {"type=normal", "type=pool pool.min_size=2 pool.max_size=2"};

	(void)state;
	for (int t = 0; t < 2; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		int lent = PQbackendPID(conn), idle = 0;
		pgm_error err;

		if (t == 1) {
			PGconn *other = must_acquire(db);

			idle = PQbackendPID(other);
			pgm_release(other);
		}
		pgm_drain(db);
		assert_true(works(conn)); /* undisturbed */
		assert_int_equal(PQbackendPID(conn), lent);
		pgm_release(conn);
		assert_true(pgtest_until(slow(3000), "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid IN (%d, %d)",
					 lent, idle));
		conn = must_acquire(db);
		assert_true(works(conn));
		pgm_release(conn);
		assert_true(t == 0 || pgm_wait_ready(db, slow(3000), &err));
		assert_int_equal(stats_of(db).lost, 0);
		pgm_close(db);
	}
	pgm_drain(NULL);
}

/* A changed password is used by the next connection of a new handle; the old one goes on with what it has. */
static void an_idle_normal_handle_is_drained_at_once(void **state)
{
	pgm_db *db = must_open(NULL);

	(void)state;
	pgm_drain(db);
	assert_true(pgtest_connections_become(NULL, 0, slow(2000)));
	assert_int_equal(stats_of(db).size, 0);
	pgm_release(must_acquire(db));
	assert_int_equal(stats_of(db).size, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(normal_has_no_thread_of_its_own),
		HANDLE_TEST(an_idle_pools_keeper_does_not_wake),
		HANDLE_TEST(a_hot_pools_keeper_does_not_wake_either),
		HANDLE_TEST(lazy_connects_when_somebody_needs_it),
		HANDLE_TEST(a_lazy_handle_tells_what_is_wrong_at_the_first_acquire),
		HANDLE_TEST(wait_ready_waits_for_min_size),
		HANDLE_TEST(wait_ready_opens_the_connection_of_normal),
		HANDLE_TEST(wait_ready_tells_why_it_takes_so_long),
		HANDLE_TEST(wait_ready_opens_what_nobody_else_would),
		HANDLE_TEST(wait_ready_says_at_once_what_waiting_will_not_change),
		HANDLE_TEST(a_pool_grows_for_those_who_do_not_wait),
		HANDLE_TEST(a_pool_grows_to_max_size_and_no_further),
		HANDLE_TEST(what_is_idle_above_min_size_goes_after_max_idle),
		HANDLE_TEST(connections_are_replaced_after_max_lifetime),
		HANDLE_TEST(drain_replaces_every_connection_as_it_comes_back),
		HANDLE_TEST(an_idle_normal_handle_is_drained_at_once),
	};

	return run_handle_tests(tests);
}
