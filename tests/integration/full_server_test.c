/* B16: a server that has no room for as many connections as the pool would like. */
#include "outage.h"
#include "support/cluster.h"

#define MOST 8

/* As many as the server has room for; the next one waits in vain, until one is given back. */
static void must_be_smaller_and_not_broken(pgm_db *db, int room, const char *words)
{
	PGconn *conn[MOST];
	pgm_error err;
	borrower b;

	wait_stats(db, size, room);
	wait_failures(db, (int)stats_of(db).open_failed + 1); /* after the last success, which clears the error */
	assert_false(pgm_wait_ready(db, 0, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_contains(err.message, words);
	for (int i = 0; i < room; i++)
		conn[i] = must_acquire(db);
	borrow_in_thread(&b, db, 60000);
	wait_stats(db, waiting, 1);
	/* For longer than reconnect_timeout, which is for a server that is not there at all. */
	assert_null(pgm_acquire_for(db, 1300, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_contains(err.message, pgtest_format("%d of %d lent", room, MOST));
	assert_contains(err.message, "last connection error: ");
	assert_contains(err.message, words);
	assert_false(borrower_done(&b, 0));
	pgm_release(conn[0]);
	assert_true(borrowed_within(&b, 5000));
	conn[0] = b.conn;
	for (int i = 0; i < room; i++) {
		assert_true(works(conn[i]));
		pgm_release(conn[i]);
	}
	assert_int_equal(stats_of(db).size, room);
	assert_int_equal(stats_of(db).lost, 0);
}

static pgm_db *must_open_large(void)
{
	return must_open("type=pool pool.min_size=%d pool.max_size=%d pool.reconnect_timeout=1", MOST, MOST);
}

static void b16_max_connections_makes_the_pool_smaller_not_broken(void **state)
{
	cluster *c = cluster_start("max_connections = 7\nsuperuser_reserved_connections = 3", NULL); /* 4 are left */
	pgm_db *db;

	(void)state;
	pgtest_use(cluster_server(c));
	db = must_open_large();
	must_be_smaller_and_not_broken(db, 4, "remaining connection slots are reserved");
	pgm_close(db);
	cluster_stop(c);
}

static void limit_role(int most)
{
	pgtest_exec("ALTER ROLE %s CONNECTION LIMIT %d", pgtest_server_now()->user, most);
}

static void b16_a_roles_limit_makes_the_pool_smaller_until_it_is_lifted(void **state)
{
	cluster *c = cluster_start(NULL, NULL);
	PGconn *conn[MOST];
	pgm_db *db;

	(void)state;
	pgtest_use(cluster_server(c));
	limit_role(3);
	db = must_open_large();
	must_be_smaller_and_not_broken(db, 3, "too many connections for role");
	for (int i = 0; i < 3; i++)
		conn[i] = must_acquire(db);
	limit_role(-1);
	for (int i = 3; i < MOST; i++)
		conn[i] = must_acquire(db);
	assert_int_equal(pgtest_connections(NULL), MOST);
	for (int i = 0; i < MOST; i++)
		pgm_release(conn[i]);
	pgm_close(db);
	cluster_stop(c);
}

/* The places are all taken by another program (here: another handle). */
static void b16_without_a_single_place_the_servers_words_are_told(void **state)
{
	static const char *const types[] = {"type=normal", "type=pool pool.min_size=0 pool.max_size=2"};
	const pgm_open_options lazy = {.lazy = true};
	cluster *c = cluster_start(NULL, NULL);
	PGconn *conn;
	pgm_db *other;

	(void)state;
	pgtest_use(cluster_server(c));
	limit_role(1);
	for (int t = 0; t < 2; t++) {
		pgm_db *db = must_open_with(&lazy, "%s", types[t]);
		pgm_error err;

		other = must_open("application_name=other");
		assert_null(pgm_acquire_for(db, slow(300), &err));
		assert_int_equal(err.code, t == 0 && !pgtest_evented() ? PGM_ERR_CONNECT : PGM_ERR_TIMEOUT);
		assert_contains(err.message, "too many connections for role");
		pgm_close(other);
		assert_true(pgtest_connections_become("other", 0, slow(3000)));
		conn = must_acquire(db);
		assert_true(works(conn));
		pgm_release(conn);
		pgm_close(db);
		assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
	}
	cluster_stop(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b16_max_connections_makes_the_pool_smaller_not_broken),
		HANDLE_TEST(b16_a_roles_limit_makes_the_pool_smaller_until_it_is_lifted),
		HANDLE_TEST(b16_without_a_single_place_the_servers_words_are_told),
	};

	return run_handle_tests(tests);
}
