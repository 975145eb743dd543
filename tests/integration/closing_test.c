/* B25: closing ends promptly, whatever is going on. */
#include "handles.h"
#include "support/blackhole.h"

#include <stdatomic.h>

static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};
#define TYPES 2

static void assert_closed(pgm_db *db)
{
	pgm_error err;

	assert_null(pgm_acquire(db, &err));
	assert_int_equal(err.code, PGM_ERR_CLOSED);
}

static void b25_waiters_are_told_at_once(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		int64_t start;
		borrower b[5];

		for (int i = 0; i < 5; i++)
			borrow_in_thread(&b[i], db, 60000);
		wait_stats(db, waiting, 5);
		start = pgtest_now_ms();
		pgm_close(db);
		for (int i = 0; i < 5; i++) {
			assert_false(borrowed_within(&b[i], 2000));
			assert_int_equal(b[i].err.code, PGM_ERR_CLOSED);
		}
		assert_within(start, 500);
		pgm_release(conn);
	}
}

/* The borrower goes on undisturbed; the connection goes when it comes back. */
static void b25_a_lent_connection_is_closed_on_release(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		int64_t start = pgtest_now_ms();

		pgm_close(db);
		assert_within(start, 500);
		assert_true(works(conn));
		assert_int_equal(pgtest_connections(NULL), 1);
		pgm_release(conn);
		assert_true(pgtest_connections_become(NULL, 0, slow(2000)));
		assert_int_equal(stats_of(db).size, 0);
		assert_closed(db);
	}
}

static void b25_closing_twice_is_harmless(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);

		pgm_close(db);
		pgm_close(db);
		assert_closed(db);
	}
	pgm_close(NULL);
}

typedef struct closer {
	pgm_db *db;
	pgtest_barrier *start;
} closer;

static void *close_it(void *arg)
{
	closer *c = arg;

	if (c->start)
		pgtest_barrier_wait(c->start);
	pgm_close(c->db);
	return NULL;
}

static void close_from_many_threads(pgm_db *db)
{
	pgtest_thread *threads[4];
	pgtest_barrier start;
	closer c = {.db = db, .start = &start};
	int64_t began;

	pgtest_barrier_init(&start, 4);
	began = pgtest_now_ms();
	for (int i = 0; i < 4; i++)
		threads[i] = pgtest_run(close_it, &c);
	for (int i = 0; i < 4; i++)
		pgtest_join(threads[i]);
	assert_within(began, 1000);
	pgtest_barrier_destroy(&start);
	assert_closed(db);
}

static void b25_closing_from_several_threads_is_harmless(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++)
		close_from_many_threads(must_open("%s", types[round % TYPES]));
}

/* A borrower that connects itself (normal), a keeper that does (pool). */
static void b25_closing_while_connecting_ends_promptly(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	blackhole *hole = blackhole_start(BLACKHOLE_SILENT, NULL, 0);

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open_with(&lazy, "port=%d connect_timeout=60 %s", blackhole_port(hole), types[t]);
		int64_t start;
		borrower b;

		borrow_in_thread(&b, db, 60000);
		wait_stats(db, opening, 1);
		start = pgtest_now_ms();
		pgm_close(db);
		assert_within(start, 500);
		assert_false(borrowed_within(&b, 2000));
		assert_within(start, 500);
		assert_int_equal(b.err.code, PGM_ERR_CLOSED);
		assert_int_equal(stats_of(db).opening, 0);
	}
	blackhole_stop(hole);
}

/* A connect that was begun by a borrower who has left. */
static void b25_closing_while_a_connect_is_parked(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	blackhole *hole = blackhole_start(BLACKHOLE_SILENT, NULL, 0);
	pgm_db *db = must_open_with(&lazy, "port=%d connect_timeout=60", blackhole_port(hole));
	pgm_error err;

	(void)state;
	assert_null(pgm_acquire_for(db, 50, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_int_equal(stats_of(db).opening, 1);
	pgm_close(db);
	assert_int_equal(stats_of(db).opening, 0);
	blackhole_stop(hole);
}

/* Two seconds it is waited for, and then it ends by itself. */
static void b25_closing_while_a_hook_keeps_the_pools_thread(void **state)
{
	gate g = {.entered = false};
	const pgm_open_options options = {.lazy = true, .hooks = {.configure = stand_at, .arg = &g}};
	pgm_db *db = must_open_with(&options, "%s", types[1]);
	borrower b;
	int64_t start;

	(void)state;
	borrow_in_thread(&b, db, 60000);
	wait_entered(&g);
	start = pgtest_now_ms();
	pgm_close(db);
	assert_in_range(ms_since(start), 1900, 2000 + slow(2000));
	assert_false(borrowed_within(&b, slow(1000)));
	assert_int_equal(b.err.code, PGM_ERR_CLOSED);
	atomic_store(&g.open, true);
	assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
	assert_int_equal(stats_of(db).size, 0);
}

static void b25_closing_while_a_backend_is_stopped(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		int pid = PQbackendPID(conn);
		int64_t start;

		pgm_release(conn);
		pgtest_stop(pid);
		start = pgtest_now_ms();
		pgm_close(db);
		assert_within(start, 500);
		pgtest_continue(pid);
		assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
	}
}

static void *run_sleep(void *arg)
{
	PQclear(PQexec(arg, "SELECT pg_sleep(60)"));
	return NULL;
}

/* The statement's backend stands; its borrower ends the wait by cancelling, as he would anyway. */
static void b25_closing_while_a_lent_backend_runs(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=2 pool.max_size=2");
	PGconn *conn = must_acquire(db);
	pgtest_thread *thread = pgtest_run(run_sleep, conn);
	int64_t start;

	(void)state;
	wait_active(PQbackendPID(conn), "pg_sleep(60)");
	start = pgtest_now_ms();
	pgm_close(db);
	assert_within(start, 500);
	pgtest_exec("SELECT pg_cancel_backend(%d)", PQbackendPID(conn));
	pgtest_join(thread);
	pgm_release(conn);
}

/* Borrowers that come and go while it happens: each has a connection that works, or is told. */
static void *come_and_go(void *arg)
{
	pgm_db *db = arg;

	for (;;) {
		pgm_error err;
		PGconn *conn = pgm_acquire(db, &err);

		if (!conn) {
			thread_must(err.code == PGM_ERR_CLOSED);
			return NULL;
		}
		thread_must(works(conn));
		pgm_release(conn);
	}
}

static void b25_closing_while_borrowers_come_and_go(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		pgm_db *db = must_open("type=pool pool.min_size=0 pool.max_size=3");
		pgtest_thread *threads[6];
		int64_t start;

		for (int i = 0; i < 6; i++)
			threads[i] = pgtest_run(come_and_go, db);
		while (stats_of(db).acquired < 50 + round * 7)
			blink();
		start = pgtest_now_ms();
		pgm_close(db);
		for (int i = 0; i < 6; i++)
			pgtest_join(threads[i]);
		assert_within(start, 1000);
		assert_int_equal(stats_of(db).size, 0);
	}
}

static void note_code(PGresult *res, const pgm_error *err, void *arg)
{
	PQclear(res);
	*(pgm_code *)arg = err ? err->code : PGM_OK;
}

static bool wait_for_ready(pgm_db *db)
{
	pgm_error err;

	return pgm_wait_ready(db, 60000, &err) || err.code != PGM_ERR_CLOSED;
}

static void *wait_in_thread(void *arg)
{
	return wait_for_ready(arg) ? arg : NULL;
}

static void b25_whoever_waits_for_ready_is_told(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	blackhole *hole = blackhole_start(BLACKHOLE_SILENT, NULL, 0);
	pgm_db *db = must_open_with(&lazy, "port=%d connect_timeout=60 type=pool pool.min_size=1 pool.max_size=1",
				    blackhole_port(hole));
	pgtest_thread *thread = pgtest_run(wait_in_thread, db);

	(void)state;
	wait_stats(db, opening, 1);
	pgm_close(db);
	assert_true(pgtest_done(thread, slow(1000)));
	assert_null(pgtest_join(thread));
	blackhole_stop(hole);
}

typedef struct waiting_owner {
	int port;
	_Atomic(pgm_db *) db;
	bool (*wait)(pgm_db *db);
} waiting_owner;

static bool wait_for_an_answer(pgm_db *db)
{
	const pgm_query query = {.sql = "SELECT 1"};
	pgm_code told = PGM_OK;
	pgm_error err;

	return !pgm_submit(db, &query, note_code, &told, &err) || pgm_wait(db, -1, &err) ||
	       err.code != PGM_ERR_CLOSED || told != PGM_ERR_CLOSED;
}

static bool wait_for_a_connection(pgm_db *db)
{
	pgm_error err;

	return pgm_acquire_for(db, 60000, &err) || err.code != PGM_ERR_CLOSED;
}

static void *open_and_wait(void *arg)
{
	const pgm_open_options lazy = {.lazy = true};
	waiting_owner *o = arg;
	pgm_config *config = pgtest_config("port=%d connect_timeout=60 type=pool", o->port);
	pgm_db *db = pgm_manager_open(NULL, config, &lazy, NULL);

	pgm_config_free(config);
	thread_must(db);
	atomic_store(&o->db, db);
	return o->wait(db) ? arg : NULL;
}

/* Whatever the thread waits for whose event-driven handle it is. */
static void b25_an_event_driven_handle_is_closed_while_its_thread_waits(void **state)
{
	static bool (*const waits[])(pgm_db *) = {wait_for_ready, wait_for_an_answer, wait_for_a_connection};
	blackhole *hole = blackhole_start(BLACKHOLE_SILENT, NULL, 0);

	(void)state;
	for (int i = 0; i < 3; i++) {
		waiting_owner o = {.port = blackhole_port(hole), .wait = waits[i]};
		pgtest_thread *thread = pgtest_run(open_and_wait, &o);

		while (!atomic_load(&o.db) || stats_of(atomic_load(&o.db)).opening == 0)
			poll(NULL, 0, 1);
		pgm_close(atomic_load(&o.db));
		assert_true(pgtest_done(thread, slow(1000)));
		assert_null(pgtest_join(thread));
	}
	blackhole_stop(hole);
}

/* A handle whose last connection comes back after its manager has gone. */
static void manager_free_with_a_connection_still_lent(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_manager *m = pgm_manager_new(NULL);
		pgm_config *config = pgtest_config("%s", types[t]);
		pgm_error err;
		pgm_db *db = pgm_manager_open(m, config, NULL, &err);
		PGconn *conn;

		assert_non_null(db);
		conn = must_acquire(db);
		pgm_config_free(config);
		pgm_manager_free(m);
		assert_true(works(conn));
		pgm_release(conn);
		assert_true(pgtest_connections_become(NULL, 0, slow(2000)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b25_waiters_are_told_at_once),
		HANDLE_TEST(b25_a_lent_connection_is_closed_on_release),
		HANDLE_TEST(b25_closing_twice_is_harmless),
		HANDLE_TEST(b25_closing_from_several_threads_is_harmless),
		HANDLE_TEST(b25_closing_while_connecting_ends_promptly),
		HANDLE_TEST(b25_closing_while_a_connect_is_parked),
		BLOCKING_TEST(b25_closing_while_a_hook_keeps_the_pools_thread),
		HANDLE_TEST(b25_closing_while_a_backend_is_stopped),
		HANDLE_TEST(b25_closing_while_a_lent_backend_runs),
		BLOCKING_TEST(b25_closing_while_borrowers_come_and_go),
		BLOCKING_TEST(b25_whoever_waits_for_ready_is_told),
		EVENTED_TEST(b25_an_event_driven_handle_is_closed_while_its_thread_waits),
		HANDLE_TEST(manager_free_with_a_connection_still_lent),
	};

	return run_handle_tests(tests);
}
