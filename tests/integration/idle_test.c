/* B2, B3: what a connection hears while it lies idle, and what is told when it dies there. */
#include "handles.h"
#include "support/cluster.h"
#include "support/proxy.h"

#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <time.h>

static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};
#define TYPES ((int)(sizeof types / sizeof *types))

/* ------------------------------------------------------------------------- B2: readable is not dead */

/* Through a proxy, which knows what has been delivered to an idle connection. */
typedef struct listener {
	proxy *line;
	pgm_db *db;
	int pid, fd;
	long heard; /* bytes delivered before anything was said */
} listener;

/* The answer lies there for a while, so that the keeper has looked, and found the connection lent. */
static void listen_for_news(PGconn *conn)
{
	assert_true(PQsendQuery(conn, "LISTEN news"));
	outlive_trust();
	assert_true(works(conn)); /* reads what has come, first */
}

static listener lie_idle_listening(const char *type, const char *more)
{
	listener l = {.line = proxy_start()};
	PGconn *conn;

	l.db = must_open("port=%d sslmode=disable gssencmode=disable %s %s", proxy_port(l.line), type, more);
	conn = must_acquire(l.db);
	l.pid = PQbackendPID(conn);
	l.fd = PQsocket(conn);
	listen_for_news(conn);
	pgm_release(conn);
	l.heard = proxy_bytes(l.line, PROXY_TO_CLIENT);
	return l;
}

static void wait_heard(const listener *l, long bytes)
{
	int64_t start = pgtest_now_ms();

	while (proxy_bytes(l->line, PROXY_TO_CLIENT) < l->heard + bytes && ms_since(start) < slow(10000))
		blink();
	assert_true(proxy_bytes(l->line, PROXY_TO_CLIENT) >= l->heard + bytes);
	outlive_trust();
}

static void must_be_as_it_was(const listener *l)
{
	PGconn *conn = must_acquire(l->db);

	assert_int_equal(PQbackendPID(conn), l->pid);
	assert_null(PQnotifies(conn));
	assert_true(works(conn));
	pgm_release(conn);
	assert_int_equal(stats_of(l->db).opened, 1);
	assert_int_equal(stats_of(l->db).closed, 0);
}

static void listener_close(const listener *l)
{
	pgm_close(l->db);
	proxy_stop(l->line);
}

static void b02_a_pending_notification_is_consumed_and_the_backend_kept(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		listener l = lie_idle_listening(types[t], "");

		pgtest_exec("NOTIFY news, 'something happened'");
		wait_heard(&l, 1);
		must_be_as_it_was(&l);
		listener_close(&l);
	}
}

/* The borrower takes one of three, without a statement, as the libpq manual shows (34.9); the next one gets none of them. */
static void b02_notifications_that_a_borrower_left_are_not_the_next_ones(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		listener l = lie_idle_listening(types[t], "");
		PGconn *conn = must_acquire(l.db);
		int64_t start = pgtest_now_ms();
		PGnotify *first = NULL;

		for (int i = 0; i < 3; i++)
			pgtest_exec("NOTIFY news, '%d'", i);
		wait_heard(&l, 3 * (long)(1 + 4 + 4 + sizeof "news" + sizeof "0"));
		while (!(first = PQnotifies(conn)) && ms_since(start) < slow(5000)) {
			poll(NULL, 0, 1);
			assert_true(PQconsumeInput(conn));
		}
		assert_non_null(first);
		PQfreemem(first);
		pgm_release(conn);
		must_be_as_it_was(&l);
		listener_close(&l);
	}
}

/* trace_notify makes the server say so when it looks through its notifications, also those for others. */
static void b02_a_pending_notice_is_consumed_and_the_backend_kept(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		listener l = lie_idle_listening(types[t], "sync.trace_notify=on sync.client_min_messages=debug1");

		pgtest_exec("NOTIFY other_news");
		wait_heard(&l, 1);
		must_be_as_it_was(&l);
		listener_close(&l);
	}
}

static double cpu_ms(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

static bool is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* The keeper reads what came, without anybody's asking; then nothing happens for a while, and the processor must
 * not notice either. */
static void must_read_and_rest(const listener *l)
{
	int64_t start = pgtest_now_ms();
	double before;

	while (is_readable(l->fd) && ms_since(start) < slow(5000))
		blink();
	assert_false(is_readable(l->fd));
	before = cpu_ms();
	poll(NULL, 0, 200);
	assert_true(cpu_ms() - before < 20);
}

static void b02_the_keeper_reads_what_comes_and_does_not_spin(void **state)
{
	listener l = lie_idle_listening("type=pool pool.min_size=1 pool.max_size=1", "");

	(void)state;
	pgtest_exec("NOTIFY news, 'something happened'");
	wait_heard(&l, 1);
	must_read_and_rest(&l);
	must_be_as_it_was(&l);

	l.heard = proxy_bytes(l.line, PROXY_TO_CLIENT);
	proxy_limit(l.line, PROXY_TO_CLIENT, l.heard + 7, PROXY_HOLD); /* the beginning of a message, and no more */
	pgtest_exec("NOTIFY news, 'something happened'");
	wait_heard(&l, 7);
	must_read_and_rest(&l);
	assert_int_equal(stats_of(l.db).idle, 1);
	listener_close(&l);
}

size_t __sanitizer_get_current_allocated_bytes(void) /* NOLINT(bugprone-reserved-identifier): the sanitizers' name */
	__attribute__((weak));

/* In use, whatever has been freed. Valgrind's own is not seen: nothing grows there. */
static long heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	if (__sanitizer_get_current_allocated_bytes)
		return (long)__sanitizer_get_current_allocated_bytes();
	return (long)(info.uordblks + info.hblkhd);
}

#define NOTIFICATIONS 200000
#define PAYLOAD 100
#define MESSAGE (1 + 4 + 4 + (long)sizeof "news" + PAYLOAD + 1) /* PostgreSQL manual, 55.7: NotificationResponse */

static void notify_many(void)
{
	pgtest_exec("SELECT count(pg_notify('news', lpad(i::text, %d))) FROM generate_series(1, %d) i", PAYLOAD,
		    NOTIFICATIONS);
}

static void b02_many_notifications_do_not_grow_memory(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		bool has_keeper = t == 1; /* which reads them as they come; on normal the server waits for a reader */
		listener l = lie_idle_listening(types[t], "");
		long before = heap_bytes();

		notify_many();
		wait_heard(&l, has_keeper ? NOTIFICATIONS * MESSAGE : 1);
		must_be_as_it_was(&l);
		assert_in_range(proxy_bytes(l.line, PROXY_TO_CLIENT) - l.heard, NOTIFICATIONS * MESSAGE, LONG_MAX);
		assert_true(heap_bytes() - before < 1000000);
		listener_close(&l);
	}
}

/* Also what libpq has read already while the connection was lent, and its borrower did not fetch. */
static void b02_what_the_borrower_left_unread_is_consumed_too(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		listener l = lie_idle_listening(types[t], "");
		PGconn *conn = must_acquire(l.db);

		must_run(conn, "NOTIFY news");
		pgm_release(conn);
		must_be_as_it_was(&l); /* at once, without a look */
		conn = must_acquire(l.db);
		must_run(conn, "NOTIFY news");
		must_run(conn, "BEGIN"); /* to be rolled back: the long way of giving back */
		pgm_release(conn);
		must_be_as_it_was(&l);
		listener_close(&l);
	}
}

/* ---------------------------------------------------------------------------- B3: the reason is kept */

/* One that can be waited for: neither type opens another by itself. */
static const char *const mortal_types[] = {"type=normal", "type=pool pool.min_size=0 pool.max_size=1"};

static int lie_idle(pgm_db *db)
{
	PGconn *conn = must_acquire(db);
	int pid = PQbackendPID(conn);

	pgm_release(conn);
	return pid;
}

/* After the server has ended the only connection. Counted while the next one is lent, which may die as well. */
static void must_tell_once(pgm_db *db, const char *sqlstate, const char *advice)
{
	PGconn *conn;

	outlive_trust();
	conn = must_acquire(db);
	assert_int_equal(pgtest_log_count("warning: a connection is dropped: the server closed it while it was idle"),
			 1);
	assert_int_equal(pgtest_log_count(sqlstate), 1);
	assert_int_equal(pgtest_log_count(advice), 1);
	assert_int_equal(pgtest_log_count("dropped"), 1);
	assert_int_equal(pgtest_log_count("error: "), 0);
	assert_int_equal(stats_of(db).lost, 1);
	assert_true(works(conn));
	pgm_release(conn);
}

static void b03_a_terminated_session_is_told_once(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", mortal_types[t]);

		pgtest_terminate(lie_idle(db));
		must_tell_once(db, "(57P01)", "an administrator or a restart ended it");
		pgm_close(db);
		pgtest_log_clear();
	}
}

static void b03_a_session_ended_for_being_idle_is_told_once(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s sync.idle_session_timeout=200", mortal_types[t]);

		lie_idle(db);
		assert_true(connections_end_unnoticed(slow(5000)));
		must_tell_once(db, "(57P05)", "set idle_session_timeout of the server above max_idle");
		pgm_close(db);
		pgtest_log_clear();
	}
}

static void crash(cluster *c)
{
	(void)c;
	if (kill((pid_t)pgtest_number("SELECT pg_backend_pid()"), SIGKILL) != 0)
		pgtest_die("cannot kill a backend");
	/* Others may still connect until the server has noticed. Once it has ended all, who gets an answer gets it from a
	 * server that is up again. */
	assert_true(connections_end_unnoticed(slow(20000)));
	assert_true(pgtest_until(slow(20000), "SELECT true"));
}

static void restart_immediately(cluster *c)
{
	cluster_restart(c, "immediate");
}

/* Then the server's last words are no FATAL but a WARNING. */
static void b03_a_crash_and_an_immediate_shutdown_are_told_once(void **state)
{
	static const struct {
		void (*happen)(cluster *c);
		const char *sqlstate, *advice;
	} ends[] = {
		{crash, "(57P02)", "the server crashed"},
		{restart_immediately, "(57P01)", "an administrator or a restart ended it"},
	};
	cluster *c = cluster_start(NULL, NULL);

	(void)state;
	pgtest_use(cluster_server(c));
	for (int t = 0; t < TYPES; t++) {
		for (int e = 0; e < 2; e++) {
			pgm_db *db = must_open("%s", mortal_types[t]);

			lie_idle(db);
			ends[e].happen(c);
			must_tell_once(db, ends[e].sqlstate, ends[e].advice);
			pgm_close(db);
			pgtest_log_clear();
		}
	}
	cluster_stop(c);
}

/* Not even of one who does not want to wait, as long as there is another. Nothing ages, or the keeper would be told
 * of what came back, and be the first to find the dead one. */
static void b03_an_idle_death_is_nobodys_error(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=0 pool.max_size=2 pool.max_idle=0 pool.max_lifetime=0");
	PGconn *first = must_acquire(db), *second = must_acquire(db);
	int pid = PQbackendPID(second);
	pgm_error err;

	(void)state;
	pgm_release(first);
	pgm_release(second); /* used last, so it is the next to be lent */
	pgtest_terminate(pid);
	outlive_trust();
	first = must_got(pgm_acquire_for(db, 0, &err), &err);
	assert_int_not_equal(PQbackendPID(first), pid);
	assert_true(works(first));
	pgm_release(first);
	assert_int_equal(stats_of(db).timed_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b02_a_pending_notification_is_consumed_and_the_backend_kept),
		HANDLE_TEST(b02_notifications_that_a_borrower_left_are_not_the_next_ones),
		HANDLE_TEST(b02_a_pending_notice_is_consumed_and_the_backend_kept),
		HANDLE_TEST(b02_the_keeper_reads_what_comes_and_does_not_spin),
		HANDLE_TEST(b02_many_notifications_do_not_grow_memory),
		HANDLE_TEST(b02_what_the_borrower_left_unread_is_consumed_too),
		HANDLE_TEST(b03_a_terminated_session_is_told_once),
		HANDLE_TEST(b03_a_session_ended_for_being_idle_is_told_once),
		HANDLE_TEST(b03_a_crash_and_an_immediate_shutdown_are_told_once),
		HANDLE_TEST(b03_an_idle_death_is_nobodys_error),
	};

	return run_handle_tests(tests);
}
