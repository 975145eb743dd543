/* B29, B33: open transactions and misuse; whatever happens, the next borrower finds a clean connection. */
#include "handles.h"

#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};
#define TYPES 2

/* The next borrower's connection is as new; same tells whether it must be the same session, or another. */
static void expect_clean(pgm_db *db, int pid, bool same)
{
	PGconn *conn = must_acquire(db);

	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	assert_int_equal(PQpipelineStatus(conn), PQ_PIPELINE_OFF);
	assert_false(PQisnonblocking(conn));
	assert_int_equal(PQbackendPID(conn) == pid, same);
	assert_true(works(conn));
	pgm_release(conn);
}

/* ----------------------------------------------------------------------------------------- B29 */

static void b29_an_open_transaction_is_rolled_back_and_logged(void **state)
{
	(void)state;
	pgtest_exec("CREATE TABLE b29 (n int); GRANT ALL ON b29 TO PUBLIC");
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		const char *place = pgtest_format("%s:%d", __FILE__, __LINE__ - 1);
		int pid = PQbackendPID(conn);

		pgtest_log_clear();
		must_run(conn, "BEGIN");
		must_run(conn, "INSERT INTO b29 VALUES (1)");
		pgm_release(conn);
		assert_int_equal(pgtest_log_count("a transaction was still open"), 1);
		assert_int_equal(pgtest_log_count(place), 1);
		assert_int_equal(stats_of(db).rolled_back, 1);
		expect_clean(db, pid, true);
		assert_int_equal(pgtest_number("SELECT count(*) FROM b29"), 0);
	}
	pgtest_exec("DROP TABLE b29");
}

static void b29_a_failed_transaction_is_rolled_back_and_logged(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		int pid = PQbackendPID(conn);

		pgtest_log_clear();
		must_run(conn, "BEGIN");
		PQclear(PQexec(conn, "SELECT 1/0"));
		assert_int_equal(PQtransactionStatus(conn), PQTRANS_INERROR);
		pgm_release(conn);
		assert_int_equal(pgtest_log_count("a transaction was still open"), 1);
		assert_int_equal(stats_of(db).rolled_back, 1);
		expect_clean(db, pid, true);
	}
}

static void b29_a_clean_connection_is_given_back_in_silence(void **state)
{
	pgm_db *db = must_open(NULL);
	PGconn *conn = must_acquire(db);
	int pid = PQbackendPID(conn);

	(void)state;
	pgtest_log_clear();
	must_run(conn, "BEGIN; SELECT 1; COMMIT");
	pgm_release(conn);
	expect_clean(db, pid, true);
	assert_int_equal(pgtest_log_count(NULL), 0);
	assert_int_equal(stats_of(db).rolled_back, 0);
}

/* A server that does not answer the ROLLBACK costs three seconds, and the connection. */
static void b29_a_rollback_that_does_not_end_closes_the_connection(void **state)
{
	pgm_db *db = must_open(NULL);
	PGconn *conn = must_acquire(db);
	int pid = PQbackendPID(conn);
	int64_t start;

	(void)state;
	must_run(conn, "BEGIN");
	pgtest_stop(pid);
	start = pgtest_now_ms();
	pgm_release(conn);
	assert_in_range(ms_since(start), 1000, 4000 + slow(500));
	assert_int_equal(pgtest_log_count("could not be rolled back in time"), 1);
	assert_int_equal(stats_of(db).size, 0);
	expect_clean(db, pid, false);
	pgtest_continue(pid);
}

/* ----------------------------------------------------------------------------------------- B33 */

static void b33_pqfinish_on_a_lent_connection_frees_its_place(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		int pid = PQbackendPID(conn);
		int64_t start;
		borrower b;

		borrow_in_thread(&b, db, 20000);
		wait_stats(db, waiting, 1);
		start = pgtest_now_ms();
		PQfinish(conn);
		assert_true(borrowed_within(&b, 5000));
		assert_within(start, 300);
		assert_int_not_equal(PQbackendPID(b.conn), pid);
		assert_int_equal(stats_of(db).lent, 1);
		assert_int_equal(pgtest_log_count("PQfinish was called"), t + 1);
		pgm_release(b.conn);
		pgm_release(conn); /* what it points to is gone: told, not touched */
		assert_int_equal(pgtest_log_count("the call is ignored"), t + 1);
		expect_clean(db, pid, false);
	}
}

static void b33_pqfinish_after_the_handle_was_closed(void **state)
{
	pgm_manager *m = pgm_manager_new(NULL);
	pgm_config *config = pgtest_config(NULL);
	pgm_error err;
	PGconn *conn = must_acquire(pgm_manager_open(m, config, NULL, &err));

	(void)state;
	pgm_config_free(config);
	pgm_manager_free(m);
	PQfinish(conn); /* the last that held the handle */
	assert_int_equal(pgtest_log_count("PQfinish was called"), 1);
}

static void b33_pqreset_gets_the_session_settings_again(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s sync.statement_timeout=12345 sync.work_mem=4321kB", types[t]);
		PGconn *conn = must_acquire(db);
		int before = PQbackendPID(conn), after;

		must_run(conn, "SET statement_timeout = 1000");
		PQreset(conn);
		after = PQbackendPID(conn);
		assert_int_not_equal(after, before);
		assert_string_equal(ask(conn, "SHOW statement_timeout"), "12345ms");
		assert_string_equal(ask(conn, "SHOW work_mem"), "4321kB");
		pgm_release(conn);
		expect_clean(db, after, true);
		assert_int_equal(stats_of(db).size, 1);

		conn = must_acquire(db); /* the new session's death is noticed, too */
		pgm_release(conn);
		pgtest_terminate(after);
		outlive_trust();
		expect_clean(db, after, false);
	}
}

/* The number that the socket had before is somebody else's now, and nothing ever comes there. */
static void b33_pqreset_on_another_descriptor(void **state)
{
	int lower = open("/dev/null", O_RDONLY | O_CLOEXEC), silent[2], before;
	pgm_db *db = must_open("type=pool pool.min_size=1 pool.max_size=1");
	PGconn *conn = must_acquire(db);

	(void)state;
	assert_int_equal(pipe(silent), 0);
	before = PQsocket(conn);
	close(lower);
	PQreset(conn);
	assert_int_not_equal(PQsocket(conn), before);
	assert_int_equal(dup2(silent[0], before), before);
	pgm_release(conn);
	pgtest_terminate(PQbackendPID(conn));
	wait_stats(db, lost, 1); /* its thread looks where the connection is now */
	close(before);
	close(silent[0]);
	close(silent[1]);
}

static void b33_pqreset_of_a_broken_connection_heals_it(void **state)
{
	pgm_db *db = must_open("sync.statement_timeout=12345");
	PGconn *conn = must_acquire(db);
	int after;

	(void)state;
	pgtest_terminate(PQbackendPID(conn));
	assert_false(works(conn));
	PQreset(conn);
	after = PQbackendPID(conn);
	assert_string_equal(ask(conn, "SHOW statement_timeout"), "12345ms");
	pgm_release(conn);
	expect_clean(db, after, true);
}

static void b33_a_double_release_is_logged_and_harmless(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		int pid = PQbackendPID(conn);
		borrower b;

		pgm_release(conn);
		pgm_release(conn);
		assert_int_equal(pgtest_log_count("given back already"), t + 1);
		assert_int_equal(stats_of(db).idle, 1);
		conn = must_acquire(db);
		borrow_in_thread(&b, db, 50);
		assert_false(borrowed_within(&b, 2000)); /* nobody else got the same one */
		pgm_release(conn);
		expect_clean(db, pid, true);
	}
}

static void b33_releasing_what_is_not_ours_is_logged_and_harmless(void **state)
{
	const pgtest_server *server = pgtest_server_now();
	PGconn *own = PQconnectdb(pgtest_format("host=%s port=%s dbname=%s user=%s password=%s", server->host,
						server->port, server->dbname, server->user, server->password));

	(void)state;
	assert_int_equal(PQstatus(own), CONNECTION_OK);
	pgm_release(own);
	pgm_release(NULL);
	assert_int_equal(pgtest_log_count("not a borrowed connection"), 1);
	assert_true(works(own));
	PQfinish(own);
}

/* On normal: a pool's keeper reads what comes on an idle connection, and would take the answer away. The event-driven
 * types replace the connection. */
static void b33_use_after_release_is_logged_and_cleaned(void **state)
{
	pgm_db *db = must_open(NULL);
	PGconn *conn = must_acquire(db);
	int pid = PQbackendPID(conn);

	(void)state;
	pgm_release(conn);
	PQclear(PQexec(conn, "BEGIN")); /* wrong */
	expect_clean(db, pid, !pgtest_evented());
	assert_int_equal(pgtest_log_count("used after pgm_release"), 1);
}

static void b33_a_broken_connection_used_after_release_is_replaced(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=1 pool.max_size=1");
	PGconn *conn = must_acquire(db);
	int pid = PQbackendPID(conn);

	(void)state;
	must_run(conn, "BEGIN");
	pgtest_terminate(pid);
	pgm_release(conn);
	expect_clean(db, pid, false);
}

/* A release by several threads at once: one of them counts. */
#define RACES 3000
static pgtest_barrier all_release;

static void *release_it(void *arg)
{
	pgtest_barrier_wait(&all_release);
	pgm_release(arg);
	return NULL;
}

static void b33_two_threads_release_the_same(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=1 pool.max_size=1");

	(void)state;
	pgtest_barrier_init(&all_release, 2);
	for (int round = 0; round < 50; round++) {
		PGconn *conn = must_acquire(db);
		pgtest_thread *threads[2];

		if (round % 2)
			must_run(conn, "BEGIN"); /* then it takes a round trip to clean it */
		for (int i = 0; i < 2; i++)
			threads[i] = pgtest_run(release_it, conn);
		for (int i = 0; i < 2; i++)
			pgtest_join(threads[i]);
		wait_stats(db, idle, 1); /* event-driven: taken back by the thread whose handle it is */
		assert_int_equal(stats_of(db).lent, 0);
	}
	assert_int_equal(pgtest_log_count("the call is ignored"), 50);
	pgtest_barrier_destroy(&all_release);
}

/* Within nanoseconds of each other, which a barrier that sleeps does not do. */
typedef struct race {
	PGconn *conn;
	atomic_int round, through;
} race;

static void *release_in_each_round(void *arg)
{
	race *r = arg;

	for (int i = 1; i <= RACES; i++) {
		for (int spins = 1; atomic_load(&r->round) != i; spins++)
			if (spins % 10000 == 0)
				sched_yield();
		pgm_release(r->conn);
		atomic_fetch_add(&r->through, 1);
	}
	return NULL;
}

static void b33_two_threads_release_the_same_at_once(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=1 pool.max_size=1");
	race r = {0};
	pgtest_thread *threads[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		threads[i] = pgtest_run(release_in_each_round, &r);
	for (int i = 1; i <= RACES; i++) {
		r.conn = must_acquire(db);
		atomic_store(&r.round, i);
		while (atomic_load(&r.through) != 2 * i)
			sched_yield();
	}
	for (int i = 0; i < 2; i++)
		pgtest_join(threads[i]);
	wait_stats(db, idle, 1);
	assert_int_equal(stats_of(db).lent, 0);
	assert_int_equal(pgtest_log_count("the call is ignored"), RACES);
}

static bool read_the_argument(PGconn *conn, void *arg, pgm_error *err)
{
	(void)conn;
	(void)err;
	++*(int *)arg;
	return true;
}

/* What the hook works with may be gone with the manager. */
static void no_hook_is_called_once_the_manager_is_gone(void **state)
{
	int *calls = calloc(1, sizeof *calls);
	const pgm_open_options options = {.hooks = {.reset = read_the_argument, .arg = calls}};
	pgm_config *config = pgtest_config(NULL);
	pgm_error err;
	pgm_manager *manager = pgm_manager_new(&err);
	pgm_db *db;
	PGconn *conn;

	(void)state;
	db = pgm_manager_open(manager, config, &options, &err);
	assert_non_null(db);
	pgm_release(must_acquire(db));
	assert_int_equal(*calls, 1);
	conn = must_acquire(db);
	pgm_manager_free(manager);
	free(calls);
	pgm_release(conn); /* the address sanitizer would see it */
	pgm_config_free(config);
	assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
}

#if defined(__GNUC__)
static void autorelease_gives_it_back_at_the_end_of_the_scope(void **state)
{
	pgm_db *db = must_open(NULL);

	(void)state;
	for (int i = 0; i < 3; i++) {
		PGM_AUTORELEASE PGconn *conn = must_acquire(db);

		assert_true(works(conn));
		assert_int_equal(stats_of(db).lent, 1);
	}
	assert_int_equal(stats_of(db).lent, 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b29_an_open_transaction_is_rolled_back_and_logged),
		HANDLE_TEST(b29_a_failed_transaction_is_rolled_back_and_logged),
		HANDLE_TEST(b29_a_clean_connection_is_given_back_in_silence),
		HANDLE_TEST(b29_a_rollback_that_does_not_end_closes_the_connection),
		HANDLE_TEST(b33_pqfinish_on_a_lent_connection_frees_its_place),
		HANDLE_TEST(b33_pqfinish_after_the_handle_was_closed),
		HANDLE_TEST(b33_pqreset_gets_the_session_settings_again),
		BLOCKING_TEST(b33_pqreset_on_another_descriptor),
		HANDLE_TEST(b33_pqreset_of_a_broken_connection_heals_it),
		HANDLE_TEST(b33_a_double_release_is_logged_and_harmless),
		HANDLE_TEST(b33_releasing_what_is_not_ours_is_logged_and_harmless),
		HANDLE_TEST(b33_use_after_release_is_logged_and_cleaned),
		HANDLE_TEST(b33_a_broken_connection_used_after_release_is_replaced),
		HANDLE_TEST(b33_two_threads_release_the_same),
		HANDLE_TEST(b33_two_threads_release_the_same_at_once),
		HANDLE_TEST(no_hook_is_called_once_the_manager_is_gone),
#if defined(__GNUC__)
		HANDLE_TEST(autorelease_gives_it_back_at_the_end_of_the_scope),
#endif
	};

	return run_handle_tests(tests);
}
