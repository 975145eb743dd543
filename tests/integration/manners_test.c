/*
 * What the event-driven types never do, whatever goes on: start a thread but to resolve a name, turn without having
 * anything to do, call back before the call that was accepted has returned, or under a lock.
 */
#include "driven.h"
#include "outage.h"
#include "support/blackhole.h"
#include "support/shim.h"

#include <time.h>

#define ASYNC "type=async "
#define POOL(size) "type=async_pool async_pool.min_size=" #size " async_pool.max_size=" #size " "

static driven drive_full(int looped, const char *settings, int size)
{
	driven d = drive(looped, settings);

	ask_driven(&d, "SELECT 1");
	turn_until(&d, stats_of(d.db).idle == size);
	return d;
}

static void resolving_takes(int ms)
{
	setenv("PGM_SHIM_RESOLVE_MS", pgtest_format("%d", ms), 1);
}

/* ------------------------------------------------------------------------------------- threads */

/* All that a handle does in its life: queries, errors, time limits, loans, deaths, replacement. */
static void live(const driven *d)
{
	const pgm_query late = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 20};
	answers a = {.wanted = 100}, cancelled = {.wanted = 2};
	PGconn *conn;

	for (int i = 0; i < a.wanted; i++)
		must_submit(d->db, i % 10 ? "SELECT 1" : "SELECT 1/0", &a);
	must_be_answered(d, &a);
	for (int i = 0; i < cancelled.wanted; i++)
		must_submit_with(d->db, &late, &cancelled);
	must_be_answered(d, &cancelled);
	expect_code(&cancelled, PGM_ERR_TIMEOUT);
	conn = must_lend(d);
	must_run(conn, "BEGIN");
	assert_int_equal(PQsendQuery(conn, "SELECT generate_series(1, 20000000), repeat('x', 1000)"), 1);
	pgm_release(conn); /* cancelled, drained, rolled back */
	pgtest_terminate(atoi(ask_driven(d, "SELECT pg_backend_pid()").value));
	turn_until(d, stats_of(d->db).lost == 1);
	assert_string_equal(ask_driven(d, "SELECT 42").value, "42");
	pgm_drain(d->db);
	turn_until(d, stats_of(d->db).closed >= 2);
	assert_string_equal(ask_driven(d, "SELECT 42").value, "42");
}

static void no_thread_is_started_but_to_resolve_a_name(void **state)
{
	static const char *const settings[] = {ASYNC, POOL(2)};

	(void)state;
	for (int i = 0; i < 4; i++) {
		int before = shim_threads_started();
		driven d = drive(i / 2, settings[i % 2]);

		live(&d);
		undrive(&d);
		assert_int_equal(shim_threads_started() - before, 0);
	}
	for (int i = 0; i < 2; i++) { /* one for each connection, and it is gone after it */
		int before = shim_threads_started();
		driven d = drive_full(i, POOL(2) "host=named", 2);

		assert_int_equal(shim_threads_started() - before, 2);
		assert_true(pgtest_threads_become(threads_before, slow(3000)));
		undrive(&d);
	}
}

/* ---------------------------------------------------------------------------------- busy loops */

typedef struct scene {
	driven d;
	proxy *p;
	blackhole *hole;
	PGconn *conn;
	int stopped; /* a backend */
	char *large;
	answers a;
} scene;

static void lie_idle(scene *s, int looped)
{
	s->d = drive_full(looped, POOL(2), 2);
}

static void run_a_slow_statement(scene *s, int looped)
{
	s->d = drive_full(looped, POOL(2), 2);
	must_submit(s->d.db, "SELECT pg_sleep(0.4)", &s->a);
}

static void connect_to_silence(scene *s, int looped)
{
	s->hole = blackhole_start(BLACKHOLE_SILENT, NULL, 0);
	s->d = drive(1, pgtest_format(ASYNC "port=%d", blackhole_port(s->hole)));
	(void)looped; /* opening without one connects */
	must_submit(s->d.db, "SELECT 1", &s->a);
}

static void resolve_a_name(scene *s, int looped)
{
	(void)looped;
	s->d = drive(1, ASYNC "host=named");
	resolving_takes(400);
	must_submit(s->d.db, "SELECT 1", &s->a);
}

static void wait_for_a_server_that_is_down(scene *s, int looped)
{
	s->p = proxy_start();
	s->d = drive_full(looped, pgtest_format(POOL(2) PROXIED, proxy_port(s->p)), 2);
	lose_server(s->p);
	turn_until(&s->d, stats_of(s->d.db).open_failed >= 1);
	must_submit(s->d.db, "SELECT 1", &s->a);
}

/* It reads nothing: what is left to be written waits. */
static void write_to_who_does_not_read(scene *s, int looped)
{
	enum { SIZE = 8 << 20 };
	const char *params[1];
	const pgm_query query = {.sql = "SELECT length($1::text)", .nparams = 1, .params = params};

	s->d = drive_full(looped, ASYNC, 1);
	s->stopped = atoi(ask_driven(&s->d, "SELECT pg_backend_pid()").value);
	pgtest_stop(s->stopped);
	params[0] = s->large = malloc(SIZE + 1);
	assert_non_null(s->large);
	memset(s->large, 'x', SIZE);
	s->large[SIZE] = '\0';
	must_submit_with(s->d.db, &query, &s->a);
}

/* The cancel is asked for, and does not help. */
static void cancel_what_does_not_end(scene *s, int looped)
{
	const pgm_query late = {.sql = "SELECT pg_sleep(0.4)", .timeout_ms = 20};

	s->d = drive_full(looped, POOL(2), 2);
	s->stopped = atoi(ask_driven(&s->d, "SELECT pg_backend_pid()").value);
	must_submit_with(s->d.db, &late, &s->a);
	pgtest_stop(s->stopped);
	turn_for(&s->d, 30);
}

/* Given back in a transaction, to a server that does not answer; without a loop giving back waits for it. */
static void clean_in_vain(scene *s, int looped)
{
	PGconn *conn;

	(void)looped;
	s->d = drive_full(1, ASYNC, 1);
	conn = must_lend(&s->d);
	must_run(conn, "BEGIN");
	s->stopped = PQbackendPID(conn);
	pgtest_stop(s->stopped);
	pgm_release(conn);
	must_submit(s->d.db, "SELECT 1", &s->a);
}

/* What comes on a connection that is lent is the borrower's to read; its end, too. */
static void leave_unread(scene *s, int looped)
{
	s->d = drive_full(looped, ASYNC, 1);
	s->conn = must_lend(&s->d);
	assert_int_equal(PQsendQuery(s->conn, "SELECT 1"), 1);
	must_submit(s->d.db, "SELECT 1", &s->a); /* in line */
}

static void leave_dead(scene *s, int looped)
{
	s->d = drive_full(looped, ASYNC, 1);
	s->conn = must_lend(&s->d);
	pgtest_terminate(PQbackendPID(s->conn));
	must_submit(s->d.db, "SELECT 1", &s->a);
}

static const struct {
	const char *name;
	void (*begin)(scene *, int looped);
	bool waits; /* for something: pgm_wait can be called */
} scenes[] = {
	{"idle", lie_idle, false},
	{"a slow statement", run_a_slow_statement, true},
	{"a server that does not answer while connecting", connect_to_silence, false},
	{"a slow resolver", resolve_a_name, false},
	{"a server that is down", wait_for_a_server_that_is_down, true},
	{"a server that does not read", write_to_who_does_not_read, true},
	{"a statement that cannot be cancelled", cancel_what_does_not_end, true},
	{"a connection that cannot be cleaned", clean_in_vain, false},
	{"a lent connection with an answer", leave_unread, true},
	{"a lent connection that is dead", leave_dead, true},
};
#define SCENES (int)(sizeof scenes / sizeof *scenes)

static void end_scene(scene *s)
{
	if (s->stopped)
		pgtest_continue(s->stopped);
	pgm_release(s->conn);
	if (s->p)
		proxy_set(s->p, PROXY_FORWARD);
	resolving_takes(0);
	undrive(&s->d);
	if (s->p)
		proxy_stop(s->p);
	if (s->hole)
		blackhole_stop(s->hole);
	free(s->large);
}

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

#define FOR_MS 150

/* A tenth of the time is far more than it needs, and less than what is left for a busy loop on a busy machine. */
static void expect_sleep(const scene *s, const char *name)
{
	double cpu = cpu_ms();
	int64_t start = pgtest_now_ms();

	if (s->d.l) {
		loop_forget_figures(s->d.l);
		loop_run(s->d.l, FOR_MS);
		/* The loop's own clock ticks thirty times. */
		if (loop_figures_of(s->d.l).turns > FOR_MS / 5 + 25)
			fail_msg("%s: %d turns in %d ms", name, loop_figures_of(s->d.l).turns, FOR_MS);
	} else {
		assert_false(pgm_wait(s->d.db, FOR_MS, NULL));
	}
	cpu = cpu_ms() - cpu;
	if (cpu > (double)ms_since(start) / (getenv("PGM_TEST_SLOW") ? 3 : 10))
		fail_msg("%s: %.0f ms of %lld", name, cpu, (long long)ms_since(start));
}

static void nothing_turns_in_vain(void **state)
{
	(void)state;
	for (int i = 0; i < 2 * SCENES; i++) {
		int looped = i % 2;
		scene s = {.stopped = 0};

		if (!looped && !scenes[i / 2].waits)
			continue;
		scenes[i / 2].begin(&s, looped);
		turn(&s.d, 5); /* what there is to do at once */
		expect_sleep(&s, scenes[i / 2].name);
		end_scene(&s);
	}
}

/* ----------------------------------------------------------------------------------- callbacks */

static int accepting; /* a call that may be accepted has not returned */
static bool in_accepted_call;
static pgm_db *watched_db;
static int looks;

/* Takes each lock that there is: the handle's, the cache's, that of the process. */
static void *take_locks(void *db)
{
	pgm_cache_stats cache;
	pgm_stats stats;

	pgm_db_stats(db, &stats, sizeof stats);
	pgm_cache_info(NULL, &cache, sizeof cache);
	pgm_manager_free(pgm_manager_new(NULL));
	pgm_close(NULL);
	return NULL;
}

static void expect_no_lock(const char *where)
{
	pgtest_thread *thread;

	if (!watched_db || looks > 400)
		return;
	looks++;
	thread = pgtest_run(take_locks, watched_db);
	if (!pgtest_done(thread, slow(5000)))
		pgtest_die("%s is called under a lock", where);
	pgtest_join(thread);
}

static void check_callback(const char *where)
{
	if (accepting > 0)
		in_accepted_call = true;
	expect_no_lock(where);
}

static void on_result(PGresult *res, const pgm_error *err, void *arg)
{
	check_callback("the callback of a statement");
	take_result(res, err, arg);
}

static void on_lease(PGconn *conn, const pgm_error *err, void *arg)
{
	check_callback("the callback of a loan");
	take_lease(conn, err, arg);
}

static bool hook(PGconn *conn, void *arg, pgm_error *err)
{
	(void)conn;
	(void)arg;
	(void)err;
	expect_no_lock("a hook");
	return true;
}

static void on_log(pgm_log_level level, const char *message, void *arg)
{
	(void)level;
	(void)message;
	(void)arg;
	expect_no_lock("the log function");
}

/* The loop's functions, each with a look before it. */
static pgm_loop inner;

static int watch(void *ctx, int fd, unsigned events)
{
	expect_no_lock("watch");
	return inner.watch(ctx, fd, events);
}

static int timer(void *ctx, int64_t timeout_ms)
{
	expect_no_lock("timer");
	return inner.timer(ctx, timeout_ms);
}

static void closed(void *ctx)
{
	expect_no_lock("closed");
	inner.closed(ctx);
}

static driven drive_watched(int looped, const char *settings)
{
	driven d = {.l = looped ? loop_new() : NULL};
	pgm_open_options options = {.hooks = {.configure = hook, .check = hook, .reset = hook}, .lazy = true};
	const pgm_loop *bound = looped ? loop_bind(d.l) : NULL;
	pgm_loop outer;

	if (looped) {
		inner = *bound;
		outer = (pgm_loop){.ctx = inner.ctx, .watch = watch, .timer = timer, .closed = closed};
		options.loop = &outer;
	}
	looks = 0;
	d.db = watched_db = must_open_with(&options, "%s", settings);
	if (looped)
		loop_attach(bound, d.db);
	return d;
}

static void undrive_watched(const driven *d)
{
	undrive(d);
	watched_db = NULL;
}

static bool submit(pgm_db *db, const pgm_query *query, answers *a)
{
	bool accepted;

	accepting++;
	accepted = pgm_submit(db, query, on_result, a, NULL);
	accepting--;
	return accepted;
}

static void must_submit_watched(const driven *d, const char *sql, int timeout_ms, answers *a)
{
	const pgm_query query = {.sql = sql, .timeout_ms = timeout_ms};

	a->wanted += submit(d->db, &query, a);
}

static PGconn *lend_watched(const driven *d)
{
	answers a = {.wanted = 0};

	accepting++;
	a.wanted += pgm_acquire_async(d->db, on_lease, &a, NULL);
	accepting--;
	must_be_answered(d, &a);
	return a.conn;
}

/* libpq refuses it, before anything is sent. */
static void submit_the_impossible(const driven *d, answers *a)
{
	static const char *params[70000];
	const pgm_query query = {.sql = "SELECT 1", .nparams = 70000, .params = params};

	a->wanted += submit(d->db, &query, a);
}

static void must_send_watched(PGconn *conn, const char *sql, answers *a)
{
	const pgm_query query = {.sql = sql};

	accepting++;
	a->wanted += pgm_send(conn, &query, on_result, a, NULL);
	accepting--;
}

/* Whatever could be answered at once: it is not before the call has returned. */
static void ask_for_all_kinds(const driven *d)
{
	answers a = {.wanted = 0};
	PGconn *conn;

	must_submit_watched(d, "SELECT 1", 0, &a); /* connects first */
	must_be_answered(d, &a);
	submit_the_impossible(d, &a); /* on an idle connection, which would be told at once */
	must_be_answered(d, &a);
	for (int i = 0; i < 12; i++)
		must_submit_watched(d, i % 3 ? "SELECT 1" : "SELEC", i % 4 ? 0 : 1, &a);
	submit_the_impossible(d, &a);
	must_be_answered(d, &a);
	conn = lend_watched(d);
	must_send_watched(conn, "BEGIN", &a);
	must_send_watched(conn, "SELECT 1/0", &a);
	must_be_answered(d, &a);
	pgm_release(conn);
	must_submit_watched(d, "SELECT pg_terminate_backend(pg_backend_pid())", 0, &a);
	must_submit_watched(d, "SELECT 1", 0, &a);
	must_be_answered(d, &a);
	conn = lend_watched(d);
	pgtest_terminate(PQbackendPID(conn)); /* sending on it finds out */
	must_send_watched(conn, "SELECT 1", &a);
	must_send_watched(conn, "SELECT 1", &a);
	must_be_answered(d, &a);
	pgm_release(conn);
	must_submit_watched(d, "SELECT pg_sleep(60)", 20, &a);
	must_be_answered(d, &a);
	must_submit_watched(d, "SELECT pg_sleep(0.2)", 0, &a); /* answered by closing */
	turn(d, 1);
	pgm_close(d->db);
	assert_int_equal(a.calls, a.wanted);
}

static void no_callback_comes_before_its_call_has_returned_or_under_a_lock(void **state)
{
	static const char *const settings[] = {ASYNC, POOL(2) "async_pool.check_on_checkout=true"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		driven d = drive_watched(i / 2, settings[i % 2]);

		pgm_set_log(PGM_LOG_DEBUG, on_log, NULL);
		in_accepted_call = false;
		ask_for_all_kinds(&d);
		assert_false(in_accepted_call);
		print_message("%d looks\n", looks);
		assert_true(looks > 25);
		undrive_watched(&d);
		pgtest_log_start(PGM_LOG_DEBUG);
	}
}

/* Where connecting fails in the very call. */
static void no_callback_comes_before_its_call_where_there_is_no_server(void **state)
{
	static const char *const nowhere[] = {"port=1", "host=/nowhere", "host=unknown"};

	(void)state;
	for (int i = 0; i < 6; i++) {
		driven d = drive_watched(
			i % 2,
			pgtest_format(ASYNC "async_pool.reconnect_timeout=1 async_pool.timeout=1 %s", nowhere[i / 2]));
		answers a = {.wanted = 0};

		in_accepted_call = false;
		must_submit_watched(&d, "SELECT 1", 50, &a);
		accepting++;
		a.wanted += pgm_acquire_async(d.db, on_lease, &a, NULL);
		accepting--;
		turn(&d, 20);
		pgm_close(d.db);
		assert_int_equal(a.calls, a.wanted);
		assert_int_equal(a.failed, 2);
		assert_false(in_accepted_call);
		undrive_watched(&d);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(no_thread_is_started_but_to_resolve_a_name),
		HANDLE_TEST(nothing_turns_in_vain),
		HANDLE_TEST(no_callback_comes_before_its_call_has_returned_or_under_a_lock),
		HANDLE_TEST(no_callback_comes_before_its_call_where_there_is_no_server),
	};

	(void)argc;
	/* There from the beginning: what is changed later stays in its place, whoever reads it meanwhile. */
	setenv("PGM_SHIM_HOSTS", "named=127.0.0.1 unknown=", 1);
	resolving_takes(0);
	shim_preload("getaddrinfo", argv);
	shim_preload("threads", argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
