/* B27: the date may jump by days, either way; what is measured here is time that passes. */
#include "handles.h"
#include "support/blackhole.h"
#include "support/proxy.h"
#include "support/shim.h"

#include <limits.h>

static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};
#define TYPES 2

static void set_date(const char *days)
{
	setenv("PGM_SHIM_DAYS", days, 1);
}

/* Two days forward and two days back, with each call. */
static void jump(void)
{
	static bool tomorrow;

	tomorrow = !tomorrow;
	set_date(tomorrow ? "1" : "-1");
}

static int start_today(void **state)
{
	set_date("0");
	return handles_setup(state);
}

static int end_today(void **state)
{
	set_date("0");
	return handles_teardown(state);
}

#define CLOCK_TEST(test) cmocka_unit_test_setup_teardown(test, start_today, end_today)

/* ------------------------------------------------------------------------------- time limits */

/* Something that ends at its time limit, in a thread of its own; an event-driven handle is opened there, too. */
typedef struct limited {
	const struct kind *kind;
	const char *type;
	int silent_port, refusing_port;
	pgm_db *db;
	PGconn *lent;
	pgm_error err;
	int64_t took_ms;
	pgtest_thread *thread;
} limited;

typedef struct kind {
	const char *name;
	int limit_ms;
	pgm_code code;
	void (*prepare)(limited *);
	void (*run)(limited *);
} kind;

static void open_handle(limited *l, const char *more, bool lazy)
{
	/* The argument of the hooks is part of the cache key: a handle for each. */
	const pgm_open_options options = {.lazy = lazy, .hooks = {.arg = l}};
	pgm_config *config = pgtest_config("%s %s", l->type, more);

	l->db = pgm_manager_open(NULL, config, &options, &l->err);
	pgm_config_free(config);
	if (!l->db)
		pgtest_die("%s", l->err.message);
}

static void open_good(limited *l)
{
	open_handle(l, "", false);
}

static void open_and_lend(limited *l)
{
	open_good(l);
	l->lent = pgm_acquire(l->db, &l->err);
	thread_must(l->lent);
}

static void open_silent(limited *l)
{
	open_handle(l, pgtest_format("port=%d connect_timeout=1", l->silent_port), true);
}

static void open_refused(limited *l)
{
	open_handle(l, pgtest_format("port=%d pool.reconnect_timeout=1", l->refusing_port), true);
}

static void acquire_for_300(limited *l)
{
	thread_must(!pgm_acquire_for(l->db, 300, &l->err));
}

static void acquire_for_long(limited *l)
{
	thread_must(!pgm_acquire_for(l->db, 30000, &l->err));
}

static void note_error(PGresult *res, const pgm_error *err, void *arg)
{
	limited *l = arg;

	PQclear(res);
	thread_must(err);
	l->err = *err;
}

static void submit_for_300(limited *l)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 300};
	pgm_error err;

	thread_must(pgm_submit(l->db, &query, note_error, l, &err));
	thread_must(pgm_wait(l->db, -1, &err));
}

static void read_for_300(limited *l)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 300};
	pgm_cursor *cursor = pgm_cursor_open(l->lent, &query, &l->err);

	thread_must(cursor);
	thread_must(!pgm_cursor_next(cursor, &l->err));
	pgm_cursor_close(cursor);
}

static void wait_ready_for_300(limited *l)
{
	thread_must(!pgm_wait_ready(l->db, 300, &l->err));
}

static const kind kinds[] = {
	{"acquire", 300, PGM_ERR_TIMEOUT, open_and_lend, acquire_for_300},
	{"submit", 300, PGM_ERR_TIMEOUT, open_good, submit_for_300},
	{"submit, in line", 300, PGM_ERR_TIMEOUT, open_and_lend, submit_for_300},
	{"cursor", 300, PGM_ERR_TIMEOUT, open_and_lend, read_for_300},
	{"wait_ready", 300, PGM_ERR_TIMEOUT, open_silent, wait_ready_for_300},
	{"connect_timeout", 1000, PGM_ERR_CONNECT, open_silent, acquire_for_long},
	{"reconnect_timeout", 1000, PGM_ERR_CONNECT, open_refused, acquire_for_long},
};
#define KINDS (int)(sizeof kinds / sizeof *kinds)

/* Normal is ready when it is open, and does not try again; async does. Who holds async himself is told at once. */
static bool applies(const kind *k, int type)
{
	if (type == 0 && pgtest_evented())
		return (k->prepare != open_silent || k->run == wait_ready_for_300) && k->run != acquire_for_300;
	if (type == 0)
		return k->prepare != open_refused && k->run != wait_ready_for_300;
	return k->prepare != open_silent || k->run == wait_ready_for_300;
}

static void *run_limited(void *arg)
{
	limited *l = arg;
	int64_t start;

	if (pgtest_evented())
		l->kind->prepare(l);
	start = pgtest_now_ms();
	l->kind->run(l);
	l->took_ms = ms_since(start);
	pgm_release(l->lent);
	return NULL;
}

static void jump_until_done(limited *all, int count)
{
	for (int i = 0; i < count; i++) {
		int64_t start = pgtest_now_ms();

		do
			jump();
		while (!pgtest_done(all[i].thread, 3) && ms_since(start) < slow(10000));
		if (!pgtest_done(all[i].thread, 0))
			fail_msg("%s of %s does not end", all[i].kind->name, all[i].type);
		pgtest_join(all[i].thread);
	}
}

static void check_limited(const limited *l)
{
	const char *what = pgtest_format("%s of %s: %s after %lld ms: %s", l->kind->name, l->type,
					 pgm_code_name(l->err.code), (long long)l->took_ms, l->err.message);

	if (l->err.code != l->kind->code || l->took_ms < l->kind->limit_ms - 1 ||
	    l->took_ms > l->kind->limit_ms + slow(1000))
		fail_msg("%s", what);
}

static void b27_time_limits_hold_while_the_date_jumps(void **state)
{
	blackhole *hole = blackhole_start(BLACKHOLE_SILENT, NULL, 0);
	proxy *p = proxy_start();
	limited all[TYPES * KINDS];
	int count = 0;

	(void)state;
	proxy_set(p, PROXY_REFUSE);
	for (int i = 0; i < TYPES * KINDS; i++) {
		limited *l = &all[count];

		*l = (limited){.kind = &kinds[i / TYPES],
			       .type = types[i % TYPES],
			       .silent_port = blackhole_port(hole),
			       .refusing_port = proxy_port(p)};
		if (!applies(l->kind, i % TYPES))
			continue;
		if (!pgtest_evented())
			l->kind->prepare(l);
		count++;
	}
	for (int i = 0; i < count; i++)
		all[i].thread = pgtest_run(run_limited, &all[i]);
	jump_until_done(all, count);
	for (int i = 0; i < count; i++)
		check_limited(&all[i]);
	proxy_stop(p);
	blackhole_stop(hole);
}

/* Who has time left is not sent away by a jump, and is served. */
static void b27_the_patient_are_served_whatever_the_date(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		borrower b;

		borrow_in_thread(&b, db, 20000);
		for (int i = 0; i < 20; i++) {
			jump();
			assert_false(borrower_done(&b, 3));
		}
		pgm_release(conn);
		assert_true(borrowed_within(&b, 5000));
		assert_true(works(b.conn));
		pgm_release(b.conn);
	}
}

/* ------------------------------------------------------------------------------- what grows old */

static void b27_connections_grow_old_by_time_that_passes(void **state)
{
	const pgm_open_options options = {.leak_after_ms = 500};
	pgm_db *idle, *old, *leaking;
	PGconn *leak;
	int64_t start, idle_ms = 0, old_ms = 0, leak_ms = 0;

	(void)state;
	jump();
	idle = must_open("type=pool pool.min_size=0 pool.max_size=1 pool.max_idle=1");
	old = must_open("type=pool pool.min_size=1 pool.max_size=2 pool.max_lifetime=1");
	leaking = must_open_with(&options, "type=pool pool.min_size=1 pool.max_size=1");
	start = pgtest_now_ms();
	leak = must_acquire(leaking);
	pgm_release(must_acquire(idle));
	while ((!idle_ms || !old_ms || !leak_ms) && ms_since(start) < slow(5000)) {
		jump();
		blink();
		if (!idle_ms && stats_of(idle).closed == 1)
			idle_ms = ms_since(start);
		if (!old_ms && stats_of(old).closed == 1)
			old_ms = ms_since(start);
		if (!leak_ms && pgtest_log_count("has been lent for"))
			leak_ms = ms_since(start);
	}
	pgm_release(leak);
	/* The coarse clock lags behind by a tick; a life may be a tenth shorter, and began before the start. */
	assert_in_range(idle_ms, 985, 1000 + slow(1000));
	assert_in_range(old_ms, 700, 1000 + slow(1000));
	assert_in_range(leak_ms, 485, 500 + slow(1000));
}

/* ---------------------------------------------------------------------------------- the files */

static void b27_a_changed_file_is_noticed_whatever_the_date(void **state)
{
	const char *dates[] = {"1", "-1", "0"}, *name = "b27.yaml", *path;
	pgm_db *db, *again;

	(void)state;
	path = pgtest_file(name, pgtest_yaml(NULL));
	db = pgm_open(path, PGM_FROM_CONFIG, NULL);
	assert_non_null(db);
	for (int i = 0; i < 3; i++) {
		set_date(dates[i]);
		again = pgm_open(path, PGM_FROM_CONFIG, NULL);
		assert_ptr_equal(again, db);
		pgtest_file(name, pgtest_yaml("connect_timeout=%d", 20 + i));
		again = pgm_open(path, PGM_FROM_CONFIG, NULL);
		assert_non_null(again);
		assert_ptr_not_equal(again, db);
		db = again;
	}
}

/* -------------------------------------------------------------------------------- 64-bit time */

typedef struct submitter {
	pgm_db *db;
	int timeout_ms, answers;
} submitter;

static void count_answer(PGresult *res, const pgm_error *err, void *arg)
{
	PQclear(res);
	thread_must(!err);
	++*(int *)arg;
}

static void *submit_without_hurry(void *arg)
{
	submitter *s = arg;
	const pgm_query query = {.sql = "SELECT 1", .timeout_ms = s->timeout_ms};

	thread_must(pgm_submit(s->db, &query, count_answer, &s->answers, NULL));
	return NULL;
}

/* An event-driven handle is this thread's, and does not wait. */
static pgtest_thread *submit_in_thread(submitter *s)
{
	if (!pgtest_evented())
		return pgtest_run(submit_without_hurry, s);
	submit_without_hurry(s);
	return NULL;
}

/* 12,884,902 seconds are 112 milliseconds, for who counts in 32 bits. */
static void b27_long_time_limits_do_not_wrap_around(void **state)
{
	const pgm_open_options options = {.leak_after_ms = INT64_MAX};

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open_with(&options,
					    "%s pool.timeout=12884902 pool.max_idle=2147483647 "
					    "pool.max_lifetime=2147483647 pool.reconnect_timeout=2147483647 "
					    "connect_timeout=2147483647",
					    types[t]);
		PGconn *conn = must_acquire(db);
		submitter s[] = {{.db = db}, {.db = db, .timeout_ms = INT_MAX}};
		pgtest_thread *submits[] = {submit_in_thread(&s[0]), submit_in_thread(&s[1])};
		borrower b[2];
		pgm_error err;

		wait_stats(db, waiting, 2);
		borrow_in_thread(&b[0], db, PGM_TIMEOUT_FROM_CONFIG);
		wait_stats(db, waiting, 3);
		borrow_in_thread(&b[1], db, INT_MAX);
		wait_stats(db, waiting, 4);
		for (int64_t start = pgtest_now_ms(); ms_since(start) < 200;)
			blink();
		assert_int_equal(stats_of(db).waiting, 4);
		assert_true(pgm_wait_ready(db, INT_MAX, &err));
		pgm_release(conn);
		for (int i = 0; i < 2; i++) {
			assert_true(borrowed_within(&b[i], 5000));
			pgm_release(b[i].conn);
		}
		for (int i = 0; i < 2; i++) {
			if (submits[i])
				pgtest_join(submits[i]);
			assert_int_equal(s[i].answers, 1);
		}
		assert_int_equal(pgtest_log_count("lent for"), 0);
		assert_int_equal(pgtest_log_count("came back after"), 0);
	}
}

static void b27_a_connect_timeout_of_the_environment_does_not_wrap_around(void **state)
{
	(void)state;
	setenv("PGCONNECT_TIMEOUT", "9999999999", 1);
	pgm_close(must_open(NULL));
	unsetenv("PGCONNECT_TIMEOUT");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		CLOCK_TEST(b27_time_limits_hold_while_the_date_jumps),
		CLOCK_TEST(b27_the_patient_are_served_whatever_the_date),
		CLOCK_TEST(b27_connections_grow_old_by_time_that_passes),
		CLOCK_TEST(b27_a_changed_file_is_noticed_whatever_the_date),
		CLOCK_TEST(b27_long_time_limits_do_not_wrap_around),
		CLOCK_TEST(b27_a_connect_timeout_of_the_environment_does_not_wrap_around),
	};

	(void)argc;
	shim_preload("clock", argv);
	return run_handle_tests(tests);
}
