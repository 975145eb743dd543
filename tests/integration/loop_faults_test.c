/* What goes wrong around a handle on an event loop: the loop never stalls (B8, B10), and everything ends (B15, B17, B47). */
#include "looped.h"
#include "outage.h"
#include "support/blackhole.h"
#include "support/cluster.h"
#include "support/shim.h"
#include "support/stall.h"

#define POOL "type=async_pool async_pool.min_size=1 async_pool.max_size=3"

static void resolving_takes(int ms)
{
	setenv("PGM_SHIM_RESOLVE_MS", pgtest_format("%d", ms), 1);
}

/* ----------------------------------------------------------------------------- silent servers */

/* One handle for each step at which a server can get stuck, all on one loop. */
static void b08_connect_timeout_is_kept_on_a_loop_wherever_the_server_gets_stuck(void **state)
{
	enum { HANDLES = STALL_STEPS + 2 };
	stall *stalls[STALL_STEPS];
	blackhole *holes[2] = {blackhole_start(BLACKHOLE_SYN, NULL, 0), blackhole_start(BLACKHOLE_SILENT, NULL, 0)};
	answers a[HANDLES] = {{.calls = 0}};
	loop *l = loop_new();
	int64_t start = pgtest_now_ms();

	(void)state;
	for (int i = 0; i < HANDLES; i++) {
		int port = i < 2 ? blackhole_port(holes[i]) : 0;
		pgm_db *db;

		if (i >= 2) {
			stalls[i - 2] = stall_start((stall_step)(i - 2));
			port = stall_port(stalls[i - 2]);
		}
		db = loop_open(l,
			       "type=async host=127.0.0.1 port=%d connect_timeout=1 async_pool.reconnect_timeout=1 "
			       "async.statement_timeout=60000",
			       port);
		must_submit(db, "SELECT 1", &a[i]);
	}
	for (int i = 0; i < HANDLES; i++) {
		must_answer(l, &a[i]);
		assert_int_equal(a[i].calls, 1);
		expect_code(&a[i], PGM_ERR_CONNECT);
		assert_contains(a[i].message, "timed out");
	}
	/* A second attempt may begin just before reconnect_timeout ends. */
	assert_in_range(ms_since(start), 1000, 2700 + slow(900));
	assert_never_stalled(l);
	loop_free(l);
	for (int i = 0; i < STALL_STEPS; i++)
		stall_stop(stalls[i]);
	for (int i = 0; i < 2; i++)
		blackhole_stop(holes[i]);
}

/* Running, behind it, held back: each has its own limit. Cancelling is of no use where nobody listens. */
static void b47_deadlines_are_kept_on_a_loop_when_the_server_falls_silent(void **state)
{
	static const proxy_mode modes[] = {PROXY_HOLD, PROXY_SWALLOW};

	(void)state;
	for (int m = 0; m < 2; m++) {
		const pgm_query query = {.sql = "SELECT 1", .timeout_ms = 200};
		proxy *p = proxy_start();
		loop *l = loop_new();
		pgm_db *db = loop_open(l, "type=async connect_timeout=1 " PROXIED, proxy_port(p));
		answers a = {.wanted = 20};
		int64_t start;

		ask_on(l, db, "SELECT 1");
		proxy_set(p, modes[m]);
		start = pgtest_now_ms();
		for (int i = 0; i < a.wanted; i++)
			must_submit_with(db, &query, &a);
		must_answer(l, &a);
		/* Three seconds for cancelling the one that runs. */
		assert_in_range(ms_since(start), 200, 4200 + slow(500));
		expect_code(&a, PGM_ERR_TIMEOUT);
		assert_never_stalled(l);
		proxy_set(p, PROXY_FORWARD);
		assert_string_equal(ask_on(l, db, "SELECT 42").value, "42");
		loop_free(l);
		proxy_stop(p);
	}
}

static void b47_a_late_statement_is_cancelled_on_a_loop_and_its_neighbours_run(void **state)
{
	const pgm_query late = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 100};
	loop *l = loop_new();
	pgm_db *db = loop_open(l, "type=async");
	answers a = {.calls = 0}, others = {.wanted = 3};
	int64_t start;

	(void)state;
	must_submit(db, "SELECT 1", &others);
	must_submit_with(db, &late, &a);
	for (int i = 1; i < others.wanted; i++)
		must_submit(db, "SELECT 1", &others);
	start = pgtest_now_ms();
	must_answer(l, &others);
	assert_within(start, 3000);
	assert_int_equal(a.calls, 1);
	expect_code(&a, PGM_ERR_TIMEOUT);
	expect_code(&others, PGM_OK);
	assert_int_equal(stats_of(db).lost, 0);
	assert_never_stalled(l);
	loop_free(l);
}

/* It is asked by an idle connection, which gets no answer either. */
static void b47_the_connection_that_cancels_for_another_is_given_up_as_well(void **state)
{
	const pgm_query late = {.sql = "SELECT pg_sleep(1)", .timeout_ms = 200};
	proxy *p = proxy_start();
	loop *l = loop_new();
	pgm_db *db =
		loop_open(l, "type=async_pool async_pool.min_size=2 async_pool.max_size=2 " PROXIED, proxy_port(p));
	answers a = {.calls = 0};

	(void)state;
	ask_on(l, db, "SELECT 1");
	turn_until_stats(l, db, idle, 2);
	must_submit_with(db, &late, &a);
	loop_run(l, 50);
	proxy_set(p, PROXY_SWALLOW);
	must_answer(l, &a);
	expect_code(&a, PGM_ERR_TIMEOUT);
	assert_string_equal(a.sqlstate, "08007");
	proxy_set(p, PROXY_FORWARD);
	turn_until_stats(l, db, lost, 2);
	turn_until_stats(l, db, idle, 2);
	loop_free(l);
	proxy_stop(p);
}

static void b10_a_resolver_that_takes_five_seconds_does_not_stall_a_loop(void **state)
{
	loop *l = loop_new();
	pgm_db *other = loop_open(l, "type=async"), *db = loop_open(l, POOL " host=late connect_timeout=20");
	answers a = {.calls = 0};
	int64_t start = pgtest_now_ms();
	int meanwhile = 0;

	(void)state;
	resolving_takes(5000);
	must_submit(db, "SELECT 42", &a);
	while (a.calls == 0 && ms_since(start) < slow(10000)) {
		answers b = ask_on(l, other, "SELECT 1");

		expect_code(&b, PGM_OK);
		meanwhile++;
		loop_run(l, 20);
	}
	resolving_takes(0);
	assert_string_equal(a.value, "42");
	assert_true(ms_since(start) >= 5000);
	assert_true(meanwhile > 20);
	assert_never_stalled(l);
	loop_free(l);
}

/* ------------------------------------------------------------------------------ going and coming */

/* One after the other, for as long as it is told. */
typedef struct stream {
	pgm_db *db;
	bool stop;
	int under_way, fine, failed, unknown;
} stream;

static void next_of_stream(PGresult *res, const pgm_error *err, void *arg);

static void submit_to_stream(stream *s)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(0.002)"};

	if (pgm_submit(s->db, &query, next_of_stream, s, NULL))
		s->under_way++;
}

static void next_of_stream(PGresult *res, const pgm_error *err, void *arg)
{
	stream *s = arg;

	s->under_way--;
	s->fine += !err;
	s->failed += err != NULL;
	s->unknown += err && strcmp(err->sqlstate, "08007") == 0;
	PQclear(res);
	if (!s->stop)
		submit_to_stream(s);
}

static bool has_run_dry(void *arg)
{
	return ((const stream *)arg)->under_way == 0;
}

static bool goes_on(void *arg)
{
	return ((const stream *)arg)->fine >= 50;
}

static void b17_a_restart_under_a_loop_is_told_to_each_statement_it_hit_and_no_other(void **state)
{
	static const char *const modes[] = {"fast", "immediate"};
	cluster *c = cluster_start(NULL, NULL);

	(void)state;
	pgtest_use(cluster_server(c));
	for (int m = 0; m < 2; m++) {
		loop *l = loop_new();
		stream s = {.db = loop_open(l, POOL)};

		for (int i = 0; i < 8; i++)
			submit_to_stream(&s);
		assert_true(loop_run_until(l, slow(5000), goes_on, &s));
		cluster_restart(c, modes[m]);
		s.fine = 0;
		assert_true(loop_run_until(l, slow(10000), goes_on, &s));
		s.stop = true;
		assert_true(loop_run_until(l, slow(5000), has_run_dry, &s));
		/* Eight are under way at a time, and some more are sent while the server goes down. */
		assert_in_range(s.failed, 1, 24);
		assert_int_equal(s.unknown, s.failed);
		assert_never_stalled(l);
		loop_free(l);
	}
	assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
	cluster_stop(c);
	pgtest_use(NULL);
}

/* Nobody asks for anything: only the timer brings it back. */
static void b15_a_pool_on_a_loop_recovers_by_its_timer_alone(void **state)
{
	proxy *p = proxy_start();
	loop *l = loop_new();
	pgm_db *db =
		loop_open(l, "type=async_pool async_pool.min_size=2 async_pool.max_size=3 " PROXIED, proxy_port(p));

	(void)state;
	ask_on(l, db, "SELECT 1");
	turn_until_stats(l, db, idle, 2);
	lose_server(p);
	turn_until_stats(l, db, size, 0);
	loop_forget_figures(l);
	loop_run(l, 500);
	assert_in_range(stats_of(db).open_failed, 1, 20);
	assert_in_range(loop_figures_of(l).turns, 1, 200);
	proxy_set(p, PROXY_FORWARD);
	turn_until_stats(l, db, idle, 2);
	assert_never_stalled(l);
	loop_free(l);
	proxy_stop(p);
}

static void a_pool_on_a_loop_shrinks_and_renews_itself_by_its_timer_alone(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, "type=async_pool async_pool.min_size=1 async_pool.max_size=3 async_pool.max_idle=1");
	pgm_db *aging = loop_open(l, "type=async_pool async_pool.min_size=1 async_pool.max_size=3 "
				     "async_pool.max_lifetime=1");
	answers a = {.wanted = 60};

	(void)state;
	for (int i = 0; i < a.wanted; i++)
		must_submit(db, "SELECT pg_sleep(0.01)", &a);
	ask_on(l, aging, "SELECT 1");
	must_answer(l, &a);
	turn_until_stats(l, db, idle, 3);
	turn_until_stats(l, db, size, 1);
	assert_int_equal(stats_of(db).closed, 2);
	assert_int_equal(stats_of(db).lost, 0);
	turn_until_stats(l, aging, opened, 2);
	turn_until_stats(l, aging, size, 1);
	assert_int_equal(stats_of(aging).lost, 0);
	loop_free(l);
}

/* ------------------------------------------------------------------------------ loops that fail */

static void what_the_loop_does_not_watch_is_given_up_and_told(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, "type=async async_pool.reconnect_timeout=1");
	answers a;

	(void)state;
	loop_refuse_watches(l, true);
	a = ask_on(l, db, "SELECT 1");
	expect_code(&a, PGM_ERR_CONNECT);
	assert_contains(a.message, "event loop");
	loop_refuse_watches(l, false);
	turn_until_stats(l, db, idle, 1);
	assert_string_equal(ask_on(l, db, "SELECT 42").value, "42");
	loop_free(l);
}

/* One that was borrowed is watched anew when it comes back. */
static void a_connection_that_is_not_watched_any_more_is_replaced(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, "type=async");
	PGconn *conn = must_lend_on(l, db);
	const pgm_query query = {.sql = "SELECT 1"};
	answers a = {.calls = 0};

	(void)state;
	loop_refuse_watches(l, true);
	assert_true(pgm_send(conn, &query, take_result, &a, NULL));
	must_answer(l, &a);
	expect_code(&a, PGM_ERR_BROKEN);
	assert_contains(a.message, "event loop");
	assert_true(pgtest_log_count("the event loop does not watch") > 0);
	pgm_release(conn);
	loop_refuse_watches(l, false);
	assert_string_equal(ask_on(l, db, "SELECT 42").value, "42");
	loop_free(l);
}

static void a_timer_that_failed_is_set_again(void **state)
{
	const pgm_query late = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 100};
	loop *l = loop_new();
	pgm_db *db = loop_open(l, POOL);
	answers a = {.calls = 0};

	(void)state;
	ask_on(l, db, "SELECT 1");
	loop_refuse_timers(l, true);
	must_submit_with(db, &late, &a);
	loop_run(l, 20);
	assert_true(pgtest_log_count("the event loop does not set a timer") > 0);
	loop_refuse_timers(l, false);
	ask_on(l, db, "SELECT 1"); /* whatever comes next */
	must_answer(l, &a);
	expect_code(&a, PGM_ERR_TIMEOUT);
	loop_free(l);
}

/* Of what is watched, of what is not, and of what was: while it resolves, connects, works, and lies idle. */
static void an_event_that_is_not_true_is_harmless(void **state)
{
	blackhole *hole = blackhole_start(BLACKHOLE_SYN, NULL, 0);
	loop *l = loop_new();
	pgm_db *db = loop_open(l, POOL " host=late"),
	       *stuck = loop_open(l, "type=async port=%d connect_timeout=1 async_pool.reconnect_timeout=1",
				  blackhole_port(hole));
	answers a = {.wanted = 500}, nothing = {.calls = 0};

	(void)state;
	resolving_takes(50);
	loop_lie(l, true);
	must_submit(stuck, "SELECT 1", &nothing);
	for (int i = 0; i < a.wanted; i++)
		must_submit(db, "SELECT 1", &a);
	must_answer(l, &a);
	expect_code(&a, PGM_OK);
	must_answer(l, &nothing);
	expect_code(&nothing, PGM_ERR_CONNECT);
	assert_contains(nothing.message, "timed out");
	resolving_takes(0);
	loop_run(l, 50);
	assert_int_equal(stats_of(db).lost, 0);
	assert_int_equal(stats_of(db).open_failed, 0);
	assert_never_stalled(l);
	loop_free(l);
	blackhole_stop(hole);
}

/* --------------------------------------------------------------------- libpq behind our back */

static void must_send(PGconn *conn, const char *sql, answers *a)
{
	const pgm_query query = {.sql = sql};
	pgm_error err;

	if (!pgm_send(conn, &query, take_result, a, &err))
		fail_msg("%s", err.message);
}

static void statements_on_a_connection_that_is_reset_or_finished_are_answered(void **state)
{
	(void)state;
	for (int finish = 0; finish < 2; finish++) {
		loop *l = loop_new();
		pgm_db *db = loop_open(l, POOL);
		PGconn *conn = must_lend_on(l, db);
		answers a = {.wanted = 3}, again = {.calls = 0};

		for (int i = 0; i < a.wanted; i++)
			must_send(conn, "SELECT pg_sleep(0.3)", &a);
		loop_run(l, 20);
		if (finish)
			PQfinish(conn);
		else
			PQreset(conn);
		must_answer(l, &a);
		expect_code(&a, PGM_ERR_BROKEN);
		assert_string_equal(a.sqlstate, "08007");
		if (!finish) {
			must_send(conn, "SELECT 42", &again);
			must_answer(l, &again);
			assert_string_equal(again.value, "42");
			pgm_release(conn);
		}
		assert_string_equal(ask_on(l, db, "SELECT 42").value, "42");
		loop_free(l);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b08_connect_timeout_is_kept_on_a_loop_wherever_the_server_gets_stuck),
		HANDLE_TEST(b47_deadlines_are_kept_on_a_loop_when_the_server_falls_silent),
		HANDLE_TEST(b47_a_late_statement_is_cancelled_on_a_loop_and_its_neighbours_run),
		HANDLE_TEST(b47_the_connection_that_cancels_for_another_is_given_up_as_well),
		HANDLE_TEST(b10_a_resolver_that_takes_five_seconds_does_not_stall_a_loop),
		HANDLE_TEST(b17_a_restart_under_a_loop_is_told_to_each_statement_it_hit_and_no_other),
		HANDLE_TEST(b15_a_pool_on_a_loop_recovers_by_its_timer_alone),
		HANDLE_TEST(a_pool_on_a_loop_shrinks_and_renews_itself_by_its_timer_alone),
		HANDLE_TEST(what_the_loop_does_not_watch_is_given_up_and_told),
		HANDLE_TEST(a_connection_that_is_not_watched_any_more_is_replaced),
		HANDLE_TEST(a_timer_that_failed_is_set_again),
		HANDLE_TEST(an_event_that_is_not_true_is_harmless),
		HANDLE_TEST(statements_on_a_connection_that_is_reset_or_finished_are_answered),
	};

	(void)argc;
	/* There from the beginning: what is changed later stays in its place, whoever reads it meanwhile. */
	setenv("PGM_SHIM_HOSTS", "late=127.0.0.1", 1);
	resolving_takes(0);
	shim_preload("getaddrinfo", argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
