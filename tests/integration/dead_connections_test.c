/* B1, B7: connections that die while they lie idle, and while somebody has them. */
#include "handles.h"
#include "support/cluster.h"

#define MANY 5

/* ------------------------------------------------------------------------------- B1: while idle */

/* Three times: the replacement of a replacement is as good. */
static void survive_kills(pgm_db *db)
{
	for (int round = 0; round < 3; round++) {
		PGconn *conn = must_acquire(db);
		int pid = PQbackendPID(conn);

		pgm_release(conn);
		pgtest_terminate(pid);
		outlive_trust();
		conn = must_acquire(db);
		assert_int_not_equal(PQbackendPID(conn), pid);
		assert_true(works(conn));
		pgm_release(conn);
	}
	assert_int_equal(stats_of(db).lost, 3);
	assert_int_equal(pgtest_log_count("57P01"), 3);
}

static void b01_killed_while_idle_over_tcp(void **state)
{
	(void)state;
	survive_kills(must_open(NULL));
	pgtest_log_clear();
	survive_kills(must_open("type=pool pool.min_size=1 pool.max_size=1"));
}

static void b01_killed_while_idle_over_a_unix_socket(void **state)
{
	(void)state;
	survive_kills(must_open("host='%s'", pgtest_server_now()->socketdir));
	pgtest_log_clear();
	survive_kills(must_open("host='%s' type=pool pool.min_size=1 pool.max_size=1", pgtest_server_now()->socketdir));
}

static void b01_killed_while_idle_over_tls(void **state)
{
	cluster *c = cluster_start(NULL, "hostssl all all all scram-sha-256\nhostnossl all all all reject");
	pgm_db *db;

	(void)state;
	cluster_tls(c, "good");
	pgtest_use(cluster_server(c));
	db = must_open("sslmode=verify-full sslrootcert='%s'", cluster_certificate("ca.crt"));
	survive_kills(db);
	pgm_close(db);
	pgtest_log_clear();
	db = must_open("sslmode=verify-full sslrootcert='%s' type=pool pool.min_size=1 pool.max_size=1",
		       cluster_certificate("ca.crt"));
	survive_kills(db);
	pgm_close(db);
	assert_true(connections_end_unnoticed(slow(3000)));
	cluster_stop(c);
}

static void b01_a_whole_pool_killed_while_idle(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=%d pool.max_size=%d", MANY, MANY);
	PGconn *conn[MANY];
	int pid[MANY];
	pgm_error err;

	(void)state;
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	for (int i = 0; i < MANY; i++)
		conn[i] = must_acquire(db);
	for (int i = 0; i < MANY; i++) {
		pid[i] = PQbackendPID(conn[i]);
		pgm_release(conn[i]);
	}
	for (int i = 0; i < MANY; i++)
		pgtest_terminate(pid[i]);
	outlive_trust();
	for (int i = 0; i < MANY; i++) {
		conn[i] = must_acquire(db);
		assert_true(works(conn[i]));
		for (int k = 0; k < MANY; k++)
			assert_int_not_equal(PQbackendPID(conn[i]), pid[k]);
	}
	for (int i = 0; i < MANY; i++)
		pgm_release(conn[i]);
	assert_int_equal(stats_of(db).lost, MANY);
}

static bool note_backend(PGconn *conn, void *arg, pgm_error *err)
{
	(void)err;
	*(int *)arg = PQbackendPID(conn);
	return works(conn);
}

static void note_result(PGresult *res, const pgm_error *err, void *arg)
{
	if (!err)
		*(int *)arg = atoi(PQgetvalue(res, 0, 0));
	PQclear(res);
}

static void b01_pgm_with_and_pgm_submit_survive_it_too(void **state)
{
	const pgm_query query = {.sql = "SELECT pg_backend_pid()"};
	pgm_db *db = must_open(NULL);
	int first = 0, second = 0, third = 0;
	pgm_error err;

	(void)state;
	assert_true(pgm_with(db, note_backend, &first, &err));
	pgtest_terminate(first);
	outlive_trust();
	assert_true(pgm_with(db, note_backend, &second, &err));
	assert_int_not_equal(second, first);
	pgtest_terminate(second);
	outlive_trust();
	assert_true(pgm_submit(db, &query, note_result, &third, &err));
	assert_true(pgm_wait(db, -1, &err));
	assert_int_not_equal(third, 0);
	assert_int_not_equal(third, second);
}

/* ------------------------------------------------------------------------------- B7: while lent */

/* A new connection is a new process of the server, and on a busy machine that alone may take long: of several
 * losses in a row at least one must be made good in the promised time. A wait of ours would be in all of them. */
#define ROUNDS 5
#define PROMISED_MS 100

typedef int64_t (*loss)(pgm_db *db);

/* Plays the loss, which answers how long it took until there was a connection again. */
static void made_good_in_time(pgm_db *db, loss play)
{
	int64_t best = INT64_MAX;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t took = play(db);

		best = took < best ? took : best;
	}
	assert_in_range(best, 0, slow(PROMISED_MS));
	assert_int_equal(stats_of(db).lost, ROUNDS);
	assert_int_equal(stats_of(db).size, 1);
}

static int64_t lose_while_lent(pgm_db *db)
{
	PGconn *conn = must_acquire(db);
	int pid = PQbackendPID(conn);
	int64_t start, took;

	pgtest_terminate(pid);
	assert_false(works(conn));
	start = pgtest_now_ms();
	pgm_release(conn);
	conn = must_acquire(db);
	took = ms_since(start);
	assert_true(works(conn));
	assert_int_not_equal(PQbackendPID(conn), pid);
	pgm_release(conn);
	return took;
}

static void b07_broken_while_lent_frees_its_place_on_normal(void **state)
{
	(void)state;
	made_good_in_time(must_open(NULL), lose_while_lent);
}

static void b07_broken_while_lent_frees_its_place_on_a_pool_of_one(void **state)
{
	(void)state;
	made_good_in_time(must_open("type=pool pool.min_size=0 pool.max_size=1"), lose_while_lent);
}

static int64_t lose_unnoticed(pgm_db *db)
{
	PGconn *conn = must_acquire(db);
	int64_t start, took;

	pgtest_terminate(PQbackendPID(conn));
	pgm_release(conn);
	outlive_trust();
	start = pgtest_now_ms();
	conn = must_acquire(db);
	took = ms_since(start);
	assert_true(works(conn));
	pgm_release(conn);
	return took;
}

/* Also when the borrower has not noticed. */
static void b07_released_before_anybody_noticed(void **state)
{
	(void)state;
	made_good_in_time(must_open("type=pool pool.min_size=1 pool.max_size=1"), lose_unnoticed);
}

static int64_t give_waiter_the_place(pgm_db *db)
{
	PGconn *conn = must_acquire(db);
	borrower b;
	int64_t start, took;

	borrow_in_thread(&b, db, 20000);
	wait_stats(db, waiting, 1);
	pgtest_terminate(PQbackendPID(conn));
	assert_false(works(conn));
	start = pgtest_now_ms();
	pgm_release(conn);
	assert_true(borrowed_within(&b, 5000));
	took = ms_since(start);
	assert_true(works(b.conn));
	pgm_release(b.conn);
	return took;
}

static void b07_whoever_waits_gets_the_place(void **state)
{
	(void)state;
	made_good_in_time(must_open(NULL), give_waiter_the_place);
	made_good_in_time(must_open("type=pool pool.min_size=1 pool.max_size=1"), give_waiter_the_place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b01_killed_while_idle_over_tcp),
		HANDLE_TEST(b01_killed_while_idle_over_a_unix_socket),
		HANDLE_TEST(b01_killed_while_idle_over_tls),
		HANDLE_TEST(b01_a_whole_pool_killed_while_idle),
		HANDLE_TEST(b01_pgm_with_and_pgm_submit_survive_it_too),
		HANDLE_TEST(b07_broken_while_lent_frees_its_place_on_normal),
		HANDLE_TEST(b07_broken_while_lent_frees_its_place_on_a_pool_of_one),
		HANDLE_TEST(b07_released_before_anybody_noticed),
		HANDLE_TEST(b07_whoever_waits_gets_the_place),
	};

	return run_handle_tests(tests);
}
