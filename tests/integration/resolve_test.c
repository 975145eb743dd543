/* B9, B10: a name with several addresses, and a resolver that takes its time. */
#include "handles.h"
#include "support/blackhole.h"
#include "support/proxy.h"
#include "support/shim.h"

/* What waits for the resolver takes that long, what does not takes next to nothing. */
#define RESOLVE_MS (getenv("PGM_TEST_SLOW") ? 3000 : 700)

static void hosts_are(const char *hosts)
{
	setenv("PGM_SHIM_HOSTS", hosts, 1);
}

static void resolving_takes(int ms)
{
	setenv("PGM_SHIM_RESOLVE_MS", pgtest_format("%d", ms), 1);
}

static int resolver_setup(void **state)
{
	hosts_are("");
	resolving_takes(0);
	return handles_setup(state);
}

#define RESOLVER_TEST(test) cmocka_unit_test_setup_teardown(test, resolver_setup, handles_teardown)

/* Connecting is the same code for all types: what is its alone is tried on the blocking ones. */
#define BLOCKING_RESOLVER_TEST(test) TEST_OF(BLOCKING_ONLY, test, resolver_setup, handles_teardown)

static const char *const types[] = {"normal", "pool"};

/* Both threads have ended before anything is found wrong. */
static void expect_both(borrower b[2], bool to_borrow, int limit_ms)
{
	bool borrowed[2];

	for (int i = 0; i < 2; i++)
		borrowed[i] = borrowed_within(&b[i], limit_ms);
	for (int i = 0; i < 2; i++)
		if (borrowed[i] != to_borrow)
			fail_msg("%s: %s", types[i], borrowed[i] ? "borrowed" : b[i].err.message);
}

static pgm_db *must_open_lazily(const char *type, const char *settings)
{
	const pgm_open_options lazy = {.lazy = true};

	return must_open_with(&lazy, "type=%s pool.min_size=0 pool.max_size=2 pool.reconnect_timeout=1 %s", type,
			      settings);
}

/* ---------------------------------------------------------------------------------- addresses */

static void expect_second_address(blackhole_kind kind)
{
	int total_ms = slow(1000);
	blackhole *hole = blackhole_start(kind, "127.0.0.2", atoi(pgtest_server_now()->port));
	borrower b[2];

	for (int i = 0; i < 2; i++)
		borrow_in_thread(
			&b[i],
			must_open_lazily(types[i], pgtest_format("host=two connect_timeout=%d", total_ms / 1000)),
			slow(10000));
	expect_both(b, true, 2000);
	for (int i = 0; i < 2; i++) {
		assert_string_equal(PQhostaddr(b[i].conn), "127.0.0.1");
		/* Its share of the time was the black hole's, and no more. */
		assert_in_range(b[i].took_ms, total_ms / 2, total_ms - 1);
		assert_int_equal(stats_of(b[i].db).open_failed, 0);
		pgm_release(b[i].conn);
		pgm_close(b[i].db);
	}
	blackhole_stop(hole);
}

static void b09_the_second_address_is_reached_when_the_first_drops_packets(void **state)
{
	(void)state;
	hosts_are("two=127.0.0.2,127.0.0.1");
	expect_second_address(BLACKHOLE_SYN);
}

static void b09_the_second_address_is_reached_when_the_first_never_answers(void **state)
{
	(void)state;
	hosts_are("two=127.0.0.2,127.0.0.1");
	expect_second_address(BLACKHOLE_SILENT);
}

/* The one that nobody listens on says so at once. */
static void b09_an_address_that_refuses_costs_no_time(void **state)
{
	pgm_db *db;
	int64_t start = pgtest_now_ms();

	(void)state;
	hosts_are("two=127.0.0.3,127.0.0.1");
	db = must_open("host=two connect_timeout=20");
	assert_within(start, 3000);
	pgm_close(db);
}

static void expect_all_told(const pgm_error *err)
{
	assert_int_equal(err->code, PGM_ERR_CONNECT);
	assert_contains(err->message, "three");
	assert_contains(err->message, "connection to 127.0.0.2, port ");
	assert_contains(err->message, ", timed out after ");
	assert_contains(err->message, "at \"127.0.0.3\"");
	assert_contains(err->message, "Connection refused");
	assert_contains(err->message, "at \"127.0.0.1\"");
	assert_contains(err->message, "closed the connection unexpectedly");
	assert_null(strchr(err->message, '\n'));
}

static void b09_when_all_addresses_fail_all_are_told(void **state)
{
	proxy *p = proxy_start();
	blackhole *hole = blackhole_start(BLACKHOLE_SYN, "127.0.0.2", proxy_port(p));
	const char *settings = pgtest_format("host=three port=%d connect_timeout=1", proxy_port(p));
	borrower b[2];

	(void)state;
	hosts_are("three=127.0.0.2,127.0.0.3,127.0.0.1");
	proxy_set(p, PROXY_CLOSE);
	for (int i = 0; i < 2; i++)
		borrow_in_thread(&b[i], must_open_lazily(types[i], settings), slow(10000));
	expect_both(b, false, 10000);
	for (int i = 0; i < 2; i++) {
		expect_all_told(&b[i].err);
		pgm_close(b[i].db);
	}
	blackhole_stop(hole);
	proxy_stop(p);
}

static void b09_many_dead_addresses_share_one_timeout(void **state)
{
	blackhole *holes[3];
	int64_t start;
	pgm_error err;

	(void)state;
	hosts_are("dead=127.0.0.2,127.0.0.3,127.0.0.4");
	for (int i = 0; i < 3; i++)
		holes[i] = blackhole_start(BLACKHOLE_SYN, pgtest_format("127.0.0.%d", i + 2),
					   i ? blackhole_port(holes[0]) : 0);
	start = pgtest_now_ms();
	err = open_error(pgtest_config("host=dead port=%d connect_timeout=1", blackhole_port(holes[0])), NULL);
	assert_in_range(ms_since(start), 1000, 1000 + slow(900));
	for (int i = 0; i < 3; i++) {
		assert_contains(err.message, pgtest_format("connection to 127.0.0.%d, port", i + 2));
		blackhole_stop(holes[i]);
	}
}

static void b09_the_time_for_resolving_is_part_of_the_total(void **state)
{
	int64_t start = pgtest_now_ms();
	pgm_error err;

	(void)state;
	hosts_are("late=127.0.0.1");
	resolving_takes(1000 + RESOLVE_MS);
	err = open_error(pgtest_config("host=late connect_timeout=1"), NULL);
	assert_in_range(ms_since(start), 1000, 1000 + RESOLVE_MS - 1);
	assert_int_equal(err.code, PGM_ERR_CONNECT);
	assert_contains(err.message, "cannot resolve host \"late\": timed out");
}

/* ------------------------------------------------------------------------------ a slow resolver */

/* A pool of two, both lent, that is resolving for a third; somebody waits for it. */
static pgm_db *open_resolving(PGconn *lent[2], borrower *waiting)
{
	pgm_db *db;
	pgm_error err;

	hosts_are("late=127.0.0.1");
	db = must_open("type=pool pool.min_size=2 pool.max_size=3 host=late");
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	for (int i = 0; i < 2; i++)
		lent[i] = must_acquire(db);
	resolving_takes(RESOLVE_MS);
	borrow_in_thread(waiting, db, slow(5000));
	wait_stats(db, waiting, 1);
	wait_stats(db, opening, 1);
	return db;
}

static void assert_is_resolving(pgm_db *db)
{
	pgm_stats stats = stats_of(db);

	assert_int_equal(stats.opening, 1);
	assert_int_equal(stats.opened, 2);
}

static void b10_a_slow_resolver_does_not_keep_others_from_the_pool(void **state)
{
	PGconn *lent[2];
	borrower waiting;
	pgm_error err;
	pgm_db *db = open_resolving(lent, &waiting);

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_is_resolving(db);
	assert_null(pgm_acquire_for(db, 20, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	pgm_release(lent[0]); /* to who waits for the third */
	assert_true(borrowed_within(&waiting, 1000));
	assert_ptr_equal(waiting.conn, lent[0]);
	pgm_release(waiting.conn);
	for (int i = 0; i < 100; i++) {
		PGconn *conn = must_acquire(db);

		assert_true(works(conn));
		pgm_release(conn);
	}
	assert_is_resolving(db);
	pgm_release(lent[1]);
	pgm_close(db);
}

static void b10_closing_does_not_wait_for_the_resolver(void **state)
{
	PGconn *lent[2];
	borrower waiting;
	pgm_db *db = open_resolving(lent, &waiting);
	int64_t start = pgtest_now_ms();

	(void)state;
	pgm_close(db);
	assert_in_range(ms_since(start), 0, RESOLVE_MS - 1);
	assert_false(borrowed_within(&waiting, 1000));
	assert_int_equal(waiting.err.code, PGM_ERR_CLOSED);
	for (int i = 0; i < 2; i++)
		pgm_release(lent[i]);
}

static void b10_an_acquire_does_not_wait_for_the_resolver_longer_than_it_said(void **state)
{
	borrower b[2];

	(void)state;
	hosts_are("late=127.0.0.1");
	resolving_takes(RESOLVE_MS);
	for (int i = 0; i < 2; i++)
		borrow_in_thread(&b[i], must_open_lazily(types[i], "host=late"), 50);
	expect_both(b, false, 1000);
	for (int i = 0; i < 2; i++) {
		assert_in_range(b[i].took_ms, 50, RESOLVE_MS - 1);
		assert_int_equal(b[i].err.code, PGM_ERR_TIMEOUT);
	}
	for (int i = 0; i < 2; i++) {
		pgm_release(must_acquire(b[i].db)); /* it was not for nothing */
		assert_int_equal(stats_of(b[i].db).opened, 1);
		assert_int_equal(stats_of(b[i].db).open_failed, 0);
		pgm_close(b[i].db);
	}
}

/* One after the other they would take three times as long, and the first ones miss their connect_timeout. */
static void b10_openings_do_not_wait_for_each_others_names(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	int64_t start = pgtest_now_ms();
	pgm_error err;
	pgm_db *db;

	(void)state;
	hosts_are("late=127.0.0.1");
	resolving_takes(RESOLVE_MS);
	db = must_open_with(&lazy, "type=pool pool.min_size=3 pool.max_size=3 host=late connect_timeout=%d",
			    (RESOLVE_MS + 999) / 1000 + (RESOLVE_MS > 1000));
	if (!pgm_wait_ready(db, slow(10000), &err))
		fail_msg("%s", err.message);
	assert_in_range(ms_since(start), RESOLVE_MS, 2 * RESOLVE_MS - 1);
	assert_int_equal(stats_of(db).opened, 3);
	assert_int_equal(stats_of(db).open_failed, 0);
	pgm_close(db);
}

static void b10_a_resolver_that_fails_late_is_told(void **state)
{
	borrower b;

	(void)state;
	hosts_are("nowhere=");
	resolving_takes(100);
	borrow_in_thread(&b, must_open_lazily("normal", "host=nowhere"), slow(5000));
	assert_false(borrowed_within(&b, 5000));
	assert_int_equal(b.err.code, PGM_ERR_CONNECT);
	assert_contains(b.err.message, "cannot resolve host \"nowhere\"");
	assert_in_range(b.took_ms, 100, slow(5000));
	pgm_close(b.db);
}

static void b10_every_new_connection_resolves_anew(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		PGconn *conn;
		pgm_error err;
		pgm_db *db;

		hosts_are("moving=127.0.0.1");
		db = must_open("type=%s pool.min_size=1 pool.max_size=1 host=moving", types[i]);
		conn = must_acquire(db);
		assert_string_equal(PQhostaddr(conn), "127.0.0.1");
		hosts_are("moving=127.0.0.2"); /* where no server is */
		pgm_drain(db);
		pgm_release(conn);
		assert_null(pgm_acquire_for(db, slow(200), &err));
		assert_contains(err.message, "at \"127.0.0.2\"");
		hosts_are("moving=127.0.0.1");
		conn = must_acquire(db);
		assert_string_equal(PQhostaddr(conn), "127.0.0.1");
		pgm_release(conn);
		pgm_close(db);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		RESOLVER_TEST(b09_the_second_address_is_reached_when_the_first_drops_packets),
		BLOCKING_RESOLVER_TEST(b09_the_second_address_is_reached_when_the_first_never_answers),
		RESOLVER_TEST(b09_an_address_that_refuses_costs_no_time),
		BLOCKING_RESOLVER_TEST(b09_when_all_addresses_fail_all_are_told),
		BLOCKING_RESOLVER_TEST(b09_many_dead_addresses_share_one_timeout),
		BLOCKING_RESOLVER_TEST(b09_the_time_for_resolving_is_part_of_the_total),
		RESOLVER_TEST(b10_a_slow_resolver_does_not_keep_others_from_the_pool),
		RESOLVER_TEST(b10_closing_does_not_wait_for_the_resolver),
		RESOLVER_TEST(b10_an_acquire_does_not_wait_for_the_resolver_longer_than_it_said),
		RESOLVER_TEST(b10_openings_do_not_wait_for_each_others_names),
		BLOCKING_RESOLVER_TEST(b10_a_resolver_that_fails_late_is_told),
		RESOLVER_TEST(b10_every_new_connection_resolves_anew),
	};

	(void)argc;
	/* There from the beginning: what is changed later stays in its place, whoever reads it meanwhile. */
	hosts_are("");
	resolving_takes(0);
	shim_preload("getaddrinfo", argv);
	return run_handle_tests(tests);
}
