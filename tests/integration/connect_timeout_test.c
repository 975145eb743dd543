/* B8: connect_timeout is kept, wherever the server gets stuck. */
#include "handles.h"
#include "support/blackhole.h"
#include "support/proxy.h"
#include "support/stall.h"

#define CONNECT_TIMEOUT_MS 1000

/* One attempt at a place that does not answer, beside the others. */
typedef struct attempt {
	pgm_manager *manager;
	const char *what;
	pgm_config *config;
	bool lazy; /* then the keeper connects, for a borrower */
	bool connected;
	int64_t took_ms;
	pgm_error err;
	pgtest_thread *thread;
} attempt;

static void *make_attempt(void *arg)
{
	attempt *a = arg;
	const pgm_open_options options = {.lazy = a->lazy};
	int64_t start = pgtest_now_ms();
	pgm_db *db = pgm_manager_open(a->manager, a->config, &options, &a->err);
	PGconn *conn = NULL;

	if (a->lazy) {
		thread_must(db);
		conn = pgm_acquire(db, &a->err);
	}
	a->took_ms = ms_since(start);
	a->connected = a->lazy ? conn != NULL : db != NULL;
	pgm_release(conn);
	pgm_close(db);
	return NULL;
}

/* With a session setting, so that there is a query to get stuck at, too. */
static void start_attempt(attempt *a, const char *what, int port, bool lazy)
{
	*a = (attempt){.what = what, .lazy = lazy};
	a->manager = pgm_manager_new(NULL);
	a->config = pgtest_config("port=%d connect_timeout=1 sync.statement_timeout=60000 type=%s pool.min_size=0 "
				  "pool.max_size=2 pool.timeout=20 pool.reconnect_timeout=1",
				  port, lazy ? "pool" : "normal");
	a->thread = pgtest_run(make_attempt, a);
}

/* A keeper tries again for as long as reconnect_timeout (a second) says, so it may take two attempts. */
static void check_attempt(attempt *a)
{
	int64_t most = (a->lazy ? 2 * CONNECT_TIMEOUT_MS + 700 : CONNECT_TIMEOUT_MS) + slow(900);

	pgtest_join(a->thread);
	if (a->connected || a->took_ms < CONNECT_TIMEOUT_MS || a->took_ms > most)
		fail_msg("%s, %s: connected %d after %lld ms: %s", a->what, a->lazy ? "pool" : "normal", a->connected,
			 (long long)a->took_ms, a->err.message);
	assert_int_equal(a->err.code, PGM_ERR_CONNECT);
	assert_contains(a->err.message, "timed out");
	assert_lacks(a->err.message, pgtest_server_now()->password);
	pgm_config_free(a->config);
	pgm_manager_free(a->manager);
}

static void check_port(const char *what, int port)
{
	attempt now, later;

	start_attempt(&now, what, port, false);
	start_attempt(&later, what, port, true);
	check_attempt(&now);
	check_attempt(&later);
}

static void b08_a_syn_black_hole_ends_on_time(void **state)
{
	blackhole *hole = blackhole_start(BLACKHOLE_SYN, NULL, 0);

	(void)state;
	check_port("SYN black hole", blackhole_port(hole));
	blackhole_stop(hole);
}

static void b08_a_listener_that_never_accepts_ends_on_time(void **state)
{
	blackhole *hole = blackhole_start(BLACKHOLE_SILENT, NULL, 0);

	(void)state;
	check_port("never accepts", blackhole_port(hole));
	blackhole_stop(hole);
}

static void b08_a_server_that_stalls_at_any_step_of_the_handshake_ends_on_time(void **state)
{
	stall *stalls[STALL_STEPS];
	attempt attempts[2 * STALL_STEPS];

	(void)state;
	for (int i = 0; i < STALL_STEPS; i++) {
		const char *what = pgtest_format("stalls at step %d", i);

		stalls[i] = stall_start((stall_step)i);
		start_attempt(&attempts[2 * i], what, stall_port(stalls[i]), false);
		start_attempt(&attempts[2 * i + 1], what, stall_port(stalls[i]), true);
	}
	for (int i = 0; i < 2 * STALL_STEPS; i++)
		check_attempt(&attempts[i]);
	for (int i = 0; i < STALL_STEPS; i++) {
		assert_true(stall_accepted(stalls[i]) >= 2);
		stall_stop(stalls[i]);
	}
}

/* The server's real bytes, cut off after so many. */
static void b08_a_proxy_that_stalls_anywhere_in_the_handshake_ends_on_time(void **state)
{
	static const int after[] = {0, 1, 9, 24, 60, 118, 180, 300};
	enum { COUNT = sizeof after / sizeof *after };
	proxy *proxies[COUNT];
	attempt attempts[COUNT];

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		proxies[i] = proxy_start();
		proxy_limit(proxies[i], PROXY_TO_CLIENT, after[i], PROXY_HOLD);
		start_attempt(&attempts[i], pgtest_format("held after %d bytes", after[i]), proxy_port(proxies[i]),
			      i % 2);
	}
	for (int i = 0; i < COUNT; i++)
		check_attempt(&attempts[i]);
	for (int i = 0; i < COUNT; i++)
		proxy_stop(proxies[i]);
}

/* The limit is for connecting as a whole: a server that is slow but gets there is not cut off. */
static void b08_a_slow_server_is_not_a_stalled_one(void **state)
{
	proxy *p = proxy_start();
	int64_t start = pgtest_now_ms();

	(void)state;
	proxy_delay(p, 40);
	pgm_close(must_open("port=%d connect_timeout=%d", proxy_port(p), slow(5000) / 1000));
	assert_true(ms_since(start) >= 80);
	proxy_stop(p);
}

/* libpq gives a COPY as a result again and again, and is never busy meanwhile. */
static void b08_a_copy_in_answer_to_the_session_settings_is_refused_at_once(void **state)
{
	stall *s = stall_start(STALL_IN_COPY);
	int64_t start = pgtest_now_ms();
	pgm_error err;

	(void)state;
	err = open_error(pgtest_config("host=127.0.0.1 port=%d connect_timeout=60 sync.lock_timeout=1", stall_port(s)),
			 NULL);
	assert_int_equal(err.code, PGM_ERR_CONNECT);
	assert_contains(err.message, "COPY");
	assert_within(start, 5000);
	stall_stop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b08_a_copy_in_answer_to_the_session_settings_is_refused_at_once),
		HANDLE_TEST(b08_a_syn_black_hole_ends_on_time),
		HANDLE_TEST(b08_a_listener_that_never_accepts_ends_on_time),
		HANDLE_TEST(b08_a_server_that_stalls_at_any_step_of_the_handshake_ends_on_time),
		HANDLE_TEST(b08_a_proxy_that_stalls_anywhere_in_the_handshake_ends_on_time),
		HANDLE_TEST(b08_a_slow_server_is_not_a_stalled_one),
	};

	return run_handle_tests(tests);
}
