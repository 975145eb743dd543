/* B5, B13: the first to ask after a restart, and while a connect is slow. */
#include "outage.h"
#include "support/cluster.h"

#define TWENTY 20

/* ----------------------------------------------------------------------------- B5: server restarted */

/* Every connection has been lent, used, and given back. The answers lie there for a while, so that the keeper has
 * looked, and found them lent. */
static void use_all(pgm_db *db)
{
	PGconn *conn[TWENTY];
	int n = stats_of(db).max_size;

	for (int i = 0; i < n; i++) {
		conn[i] = must_acquire(db);
		assert_true(PQsendQuery(conn[i], "SELECT 1"));
	}
	outlive_trust();
	for (int i = 0; i < n; i++)
		assert_true(works(conn[i])); /* reads what has come, first */
	for (int i = 0; i < n; i++)
		pgm_release(conn[i]);
}

/* A new process of the server may take long on a busy machine, but not every time. */
static void b05_the_first_acquire_after_a_restart_works(void **state)
{
	static const char *const types[] = {"normal", "pool"};
	static const char *const modes[] = {"fast", "immediate", "fast"};
	cluster *c = cluster_start(NULL, NULL);

	(void)state;
	pgtest_use(cluster_server(c));
	for (int t = 0; t < 2; t++) {
		pgm_db *db = must_open_full(types[t], t == 0 ? 1 : TWENTY);
		int64_t best = INT64_MAX, took;
		pgm_error err;

		for (int m = 0; m < 3; m++) {
			use_all(db);
			cluster_restart(c, modes[m]);
			took = first_acquire(db);
			best = took < best ? took : best;
			assert_true(t == 0 || pgm_wait_ready(db, slow(15000), &err)); /* full again by itself */
		}
		assert_in_range(best, 0, slow(1000));
		pgm_close(db);
	}
	cluster_stop(c);
}

/* However rarely the server has been tried by then: whoever asks is worth an attempt. */
static void b05_the_first_acquire_after_a_long_outage_works(void **state)
{
	proxy *p = proxy_start();
	pgm_db *db = must_open(PROXIED " type=pool pool.min_size=1 pool.max_size=2", proxy_port(p));

	(void)state;
	lose_server(p);
	wait_failures(db, 7); /* the next attempt would be in 1.6 s, by a quarter more or less */
	proxy_set(p, PROXY_FORWARD);
	assert_in_range(first_acquire(db), 0, slow(1000));
	pgm_close(db);
	proxy_stop(p);
}

/* All are given back within the 10 ms in which nobody would look at them; the last one broken. */
static void b05_the_first_death_makes_the_others_be_looked_at(void **state)
{
	pgm_db *db = must_open_full("pool", TWENTY);
	PGconn *conn[TWENTY];

	(void)state;
	for (int i = 0; i < TWENTY; i++)
		conn[i] = must_acquire(db);
	for (int i = 0; i < TWENTY; i++)
		pgtest_terminate(PQbackendPID(conn[i]));
	assert_false(works(conn[0]));
	for (int i = TWENTY - 1; i >= 0; i--)
		pgm_release(conn[i]);
	for (int i = 0; i < TWENTY; i++)
		assert_true(works(conn[i] = must_acquire(db)));
	for (int i = 0; i < TWENTY; i++)
		pgm_release(conn[i]);
	assert_int_equal(stats_of(db).lost, TWENTY);
}

/* And nobody has to ask for it: the pool finds the dead ones and is full again. Nothing ages, or the keeper would be
 * told of what came back. */
static void b05_idle_connections_that_died_are_replaced_unasked(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=3 pool.max_size=3 pool.max_idle=0 pool.max_lifetime=0");

	(void)state;
	wait_stats(db, idle, 3);
	use_all(db);
	pgtest_exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '%s'",
		    pgtest_application());
	wait_stats(db, lost, 3);
	wait_stats(db, idle, 3);
	assert_int_equal(stats_of(db).opened, 6);
	assert_true(pgtest_connections_become(NULL, 3, slow(3000)));
}

/* ------------------------------------------------------------------ B13: whoever waits for it meanwhile */

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
		assert_true(pgm_wait(db, -1, &err));
		assert_int_equal(told, 1);
		proxy_set(p, PROXY_FORWARD);
		conn = must_acquire(db); /* the third */
		assert_true(works(conn));
		assert_int_equal(proxy_accepted(p) - before, 1);
		assert_true(pgtest_connections_become(NULL, 1, slow(3000)));
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
	int seconds = getenv("PGM_TEST_SLOW") ? 5 : 1; /* the new attempt has to make it, too */

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		db[t] = open_held(p, pgtest_format("%s connect_timeout=%d", types[t], seconds));
		assert_null(pgm_acquire_for(db[t], 50, &err));
		start = pgtest_now_ms();
	}
	while (ms_since(start) < 1000 * seconds + 50) /* its connect_timeout passes */
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
		HANDLE_TEST(b05_the_first_acquire_after_a_long_outage_works),
		HANDLE_TEST(b05_the_first_death_makes_the_others_be_looked_at),
		HANDLE_TEST(b05_idle_connections_that_died_are_replaced_unasked),
		HANDLE_TEST(a_waiter_is_served_when_the_server_is_back),
		HANDLE_TEST(b13_a_connect_outlives_its_impatient_waiter),
		HANDLE_TEST(b13_who_is_next_in_line_gets_what_the_impatient_began),
		HANDLE_TEST(b13_what_was_left_behind_and_failed_is_begun_anew),
		HANDLE_TEST(b13_what_was_left_behind_for_too_long_is_begun_anew),
		HANDLE_TEST(b13_a_refusal_for_good_is_told_at_once),
	};

	return run_handle_tests(tests);
}
