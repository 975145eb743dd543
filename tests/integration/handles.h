/*
 * What the tests of handles share. Each test begins with nothing open and must end so: HANDLE_TEST checks
 * after it that descriptors, threads and server connections are as before.
 *
 * must_* end the test's case with a reason; they are for the main thread. In other threads: thread_must.
 */
#ifndef HANDLES_H
#define HANDLES_H

#include "support/pgtest.h"
#include "unit/cmocka_all.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --------------------------------------------------------------------------------------- time */

/* Sanitizers and valgrind take their time: what is compared with a clock gets more. */
static inline int slow(int ms)
{
	return getenv("PGM_TEST_SLOW") ? 10 * ms : ms;
}

static inline int64_t ms_since(int64_t start)
{
	return pgtest_now_ms() - start;
}

#define assert_within(start, limit_ms) assert_in_range(ms_since(start), 0, slow(limit_ms))

/* ------------------------------------------------------------------------------------- turning */

/* The event-driven types do nothing unless they are called: all that waits here has them do what is due. */
enum { TURNING_MOST = 64 };

static pgm_db *turning[TURNING_MOST];
static int turning_count;

static inline void turn_all(void)
{
	for (int i = 0; i < turning_count; i++)
		pgm_wait(turning[i], 0, NULL);
}

/* Waits until this program has no connection, and lets no handle make a new one meanwhile. */
static inline bool connections_end_unnoticed(int timeout_ms)
{
	void (*turns)(void) = pgtest_while_waiting;
	bool ended;

	pgtest_while_waiting = NULL;
	ended = pgtest_connections_become(NULL, 0, timeout_ms);
	pgtest_while_waiting = turns;
	return ended;
}

static inline void turn_from_now_on(pgm_db *db)
{
	for (int i = 0; i < turning_count; i++)
		if (turning[i] == db)
			return;
	if (turning_count == TURNING_MOST)
		pgtest_die("more handles than are turned");
	turning[turning_count++] = db;
	pgtest_while_waiting = turn_all;
}

/* For what has no event to wait for: a counter of the library, the passing of time itself. */
static inline void blink(void)
{
	turn_all();
	poll(NULL, 0, 1);
}

/* A connection that was given back in the last 10 ms is trusted without a look. */
static inline void outlive_trust(void)
{
	for (int64_t start = pgtest_now_ms(); ms_since(start) < 25;)
		blink();
}

/* ------------------------------------------------------------------------------------- opening */

static inline pgm_db *must_open_config(pgm_config *config, const pgm_open_options *options)
{
	pgm_error err;
	pgm_db *db = pgm_manager_open(NULL, config, options, &err);

	pgm_config_free(config);
	if (!db)
		fail_msg("open: %s", err.message);
	assert_int_equal(err.code, PGM_OK);
	if (pgtest_evented())
		turn_from_now_on(db);
	return db;
}

/* Formats as pgtest_config does. */
#define must_open(...) must_open_config(pgtest_config(__VA_ARGS__), NULL)
#define must_open_with(options, ...) must_open_config(pgtest_config(__VA_ARGS__), (options))

/* Expects it to fail. */
static inline pgm_error open_error(pgm_config *config, const pgm_open_options *options)
{
	pgm_error err;
	const pgm_db *db = pgm_manager_open(NULL, config, options, &err);

	pgm_config_free(config);
	assert_null(db);
	assert_int_not_equal(err.code, PGM_OK);
	return err;
}

static inline pgm_stats stats_of(pgm_db *db)
{
	pgm_stats stats;

	pgm_db_stats(db, &stats, sizeof stats);
	return stats;
}

/* A hook that stands still until it is let through. */
typedef struct gate {
	atomic_bool entered, open;
} gate;

static inline bool stand_at(PGconn *conn, void *arg, pgm_error *err)
{
	gate *g = arg;

	(void)conn;
	(void)err;
	atomic_store(&g->entered, true);
	for (int64_t start = pgtest_now_ms(); !atomic_load(&g->open) && ms_since(start) < 30000;)
		blink();
	return true;
}

static inline void wait_entered(gate *g)
{
	for (int64_t start = pgtest_now_ms(); !atomic_load(&g->entered) && ms_since(start) < slow(5000);)
		blink();
	assert_true(atomic_load(&g->entered));
}

/* Until a number of the statistics is as wanted: wait_stats(db, waiting, 3). */
#define wait_stats(db, field, wanted)                                                        \
	do {                                                                                 \
		int64_t wait_start_ = pgtest_now_ms();                                       \
		while (stats_of(db).field != (wanted) && ms_since(wait_start_) < slow(5000)) \
			blink();                                                             \
		assert_int_equal(stats_of(db).field, (wanted));                              \
	} while (0)

/* ----------------------------------------------------------------------------------- borrowing */

static inline PGconn *must_got(PGconn *conn, const pgm_error *err)
{
	if (!conn)
		fail_msg("acquire: %s", err->message);
	assert_int_equal(err->code, PGM_OK);
	assert_int_equal(PQstatus(conn), CONNECTION_OK);
	return conn;
}

static inline PGconn *must_acquire_at(pgm_db *db, const char *file, int line)
{
	pgm_error err;

	return must_got(pgm_acquire_at(db, PGM_TIMEOUT_FROM_CONFIG, file, line, &err), &err);
}
#define must_acquire(db) must_acquire_at((db), __FILE__, __LINE__)

/* In a thread of its own; an event-driven handle belongs to one thread, and does it without. */
typedef struct borrower {
	pgm_db *db;
	PGconn *conn;
	int64_t start, took_ms;
	pgtest_thread *thread;
	int timeout_ms;
	pgm_error err;
	bool done;
} borrower;

static inline void *borrow(void *arg)
{
	borrower *b = arg;

	b->conn = pgm_acquire_for(b->db, b->timeout_ms, &b->err);
	b->took_ms = ms_since(b->start);
	return NULL;
}

static inline void note_loan(PGconn *conn, const pgm_error *err, void *arg)
{
	borrower *b = arg;

	b->conn = conn;
	if (err)
		b->err = *err;
	b->took_ms = ms_since(b->start);
	b->done = true;
}

/* An event-driven handle has the patience that its file says, or waits at once. */
static inline void borrow_in_thread(borrower *b, pgm_db *db, int timeout_ms)
{
	*b = (borrower){.db = db, .timeout_ms = timeout_ms, .start = pgtest_now_ms()};
	if (!pgtest_evented()) {
		b->thread = pgtest_run(borrow, b);
	} else if (timeout_ms >= 0 && timeout_ms < 5000) {
		borrow(b);
		b->done = true;
	} else {
		b->done = !pgm_acquire_async(db, note_loan, b, &b->err);
	}
}

/* Whether it has got one, or failed to, waiting that long. */
static inline bool borrower_done(borrower *b, int limit_ms)
{
	int64_t start = pgtest_now_ms();

	if (!pgtest_evented())
		return pgtest_done(b->thread, limit_ms);
	turn_all();
	while (!b->done && ms_since(start) < limit_ms)
		blink();
	return b->done;
}

/* True if it got one. */
static inline bool borrowed_within(borrower *b, int limit_ms)
{
	bool done = borrower_done(b, slow(limit_ms));

	if (b->thread)
		pgtest_join(b->thread);
	b->thread = NULL;
	assert_true(done);
	return b->conn != NULL;
}

#define thread_must(condition)                                                   \
	do {                                                                     \
		if (!(condition))                                                \
			pgtest_die("%s:%d: %s", __FILE__, __LINE__, #condition); \
	} while (0)

/* ------------------------------------------------------------------------------------- asking */

/* The statement must be accepted. */
static inline void must_run(PGconn *conn, const char *sql)
{
	PGresult *res = PQexec(conn, sql);
	pgm_error err;

	if (!pgm_result_ok(res, &err)) {
		PQclear(res);
		fail_msg("%s: %s", sql, err.message);
	}
	PQclear(res);
}

/* The first value of the answer, "" if there is none. */
static inline const char *ask(PGconn *conn, const char *sql)
{
	PGresult *res = PQexec(conn, sql);
	const char *value = pgtest_format("%s", PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "");

	if (PQresultStatus(res) != PGRES_TUPLES_OK) {
		value = pgtest_format("%s: %s", sql, PQerrorMessage(conn));
		PQclear(res);
		fail_msg("%s", value);
	}
	PQclear(res);
	return value;
}

static inline bool works(PGconn *conn)
{
	PGresult *res = PQexec(conn, "SELECT 42");
	bool ok = PQresultStatus(res) == PGRES_TUPLES_OK && strcmp(PQgetvalue(res, 0, 0), "42") == 0;

	PQclear(res);
	return ok;
}

/* Until the server runs the statement of this backend: what a cancel or a kill must hit. */
static inline void wait_active(int pid, const char *sql_part)
{
	assert_true(pgtest_until(slow(5000),
				 "SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = %d AND state = 'active' "
				 "AND query LIKE '%%%s%%'",
				 pid, sql_part));
}

#define assert_contains(text, part)                                          \
	do {                                                                 \
		if (!strstr((text), (part)))                                 \
			fail_msg("\"%s\" is not in \"%s\"", (part), (text)); \
	} while (0)

#define assert_lacks(text, part)                                         \
	do {                                                             \
		if (strstr((text), (part)))                              \
			fail_msg("\"%s\" is in \"%s\"", (part), (text)); \
	} while (0)

/* --------------------------------------------------------------------------- before and after */

static int descriptors_before, threads_before;

static inline void *do_nothing(void *arg)
{
	return arg;
}

static inline int handles_setup(void **state)
{
	static bool warm;

	(void)state;
	pgtest_admin();
	pgtest_log_start(PGM_LOG_DEBUG);
	if (!warm) { /* what is made once per process and stays: for fork, inside OpenSSL, a sanitizer's own thread */
		pgm_close(must_open(NULL));
		pgtest_join(pgtest_run(do_nothing, NULL));
		warm = true;
	}
	pgtest_log_clear();
	descriptors_before = pgtest_fds();
	threads_before = pgtest_threads();
	return 0;
}

static inline bool descriptors_become(int count)
{
	int64_t start = pgtest_now_ms();

	while (pgtest_fds() > count && ms_since(start) < slow(3000))
		blink();
	return pgtest_fds() <= count;
}

static inline int handles_teardown(void **state)
{
	(void)state;
	pgm_clear_cache(NULL);
	turning_count = 0;
	pgtest_while_waiting = NULL;
	if (!pgtest_connections_become(NULL, 0, slow(3000)))
		print_error("%d connections are left on the server\n", pgtest_connections(NULL));
	else if (!pgtest_threads_become(threads_before, slow(3000)))
		print_error("%d threads are left\n", pgtest_threads() - threads_before);
	else if (!descriptors_become(descriptors_before)) {
		print_error("%d descriptors are left\n", pgtest_fds() - descriptors_before);
		pgtest_say_fds();
	} else
		return 0;
	return -1;
}

/* Which types a test is of, as its initial state, which no test of handles has; NULL: of all. */
static char of_blocking_types, of_evented_types;

#define BLOCKING_ONLY (&of_blocking_types)
#define EVENTED_ONLY (&of_evented_types)

/* A promise of all types; of normal and pool, as it is about threads that share one; of async and async_pool. */
#define TEST_OF(types, test, setup, teardown) cmocka_unit_test_prestate_setup_teardown(test, setup, teardown, types)
#define HANDLE_TEST(test) TEST_OF(NULL, test, handles_setup, handles_teardown)
#define BLOCKING_TEST(test) TEST_OF(BLOCKING_ONLY, test, handles_setup, handles_teardown)
#define EVENTED_TEST(test) TEST_OF(EVENTED_ONLY, test, handles_setup, handles_teardown)

/* Those that are meant for the types that the program is run for (pgtest_evented). */
static inline int run_handle_tests_of(const struct CMUnitTest *tests, size_t count, CMFixtureFunction group_setup,
				      CMFixtureFunction group_teardown)
{
	struct CMUnitTest chosen[64] = {0};
	const char *others = pgtest_evented() ? BLOCKING_ONLY : EVENTED_ONLY;
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (tests[i].initial_state == others)
			continue;
		if (n == sizeof chosen / sizeof *chosen)
			pgtest_die("more tests than there is room for");
		chosen[n++] = tests[i];
	}
	return cmocka_run_group_tests(chosen, group_setup, group_teardown); /* what is empty is passed over */
}
#define run_handle_tests_in(tests, group_setup, group_teardown) \
	run_handle_tests_of((tests), sizeof(tests) / sizeof *(tests), (group_setup), (group_teardown))
#define run_handle_tests(tests) run_handle_tests_in(tests, NULL, NULL)

#endif
