/* B37: signals. None of ours kills the program, none of its own disturbs us, and the pool's threads take none. */
#include "tour.h"

#include "support/cluster.h"
#include "support/proxy.h"
#include "support/sigtimer.h"

#include <dirent.h>
#include <signal.h>

static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};
#define TYPES 2

/* Over TCP, a Unix socket and TLS, to the server in use, which must speak TLS. */
static const char *const ways[] = {"host=127.0.0.1 sslmode=disable", "socket", "host=127.0.0.1 sslmode=require"};
#define WAYS 3

static const char *way(int i)
{
	return strcmp(ways[i], "socket") == 0 ? pgtest_format("host='%s'", pgtest_server_now()->socketdir) : ways[i];
}

/* ------------------------------------------------------------------------------------- SIGPIPE */

/* By its default the first write to a socket that nobody reads ends the program. */
static void sigpipe_ends_us(void)
{
	struct sigaction action;

	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(sigaction(SIGPIPE, NULL, &action), 0);
	assert_true(action.sa_handler == SIG_DFL);
}

static PGconn *acquire_killed(pgm_db *db)
{
	PGconn *conn = must_acquire(db);

	pgtest_terminate(PQbackendPID(conn));
	return conn;
}

static void write_to_killed(pgm_db *db)
{
	PGconn *conn = acquire_killed(db);

	for (int i = 0; i < 5; i++) {
		PQsendQuery(conn, "SELECT 1");
		PQflush(conn);
	}
	pgm_release(conn);
}

static void roll_back_killed(pgm_db *db)
{
	PGconn *conn = must_acquire(db);

	must_run(conn, "BEGIN");
	pgtest_terminate(PQbackendPID(conn));
	pgm_release(conn);
}

static void end_rows_of_killed(pgm_db *db)
{
	PGconn *conn = must_acquire(db);

	PQsendQuery(conn, "SELECT generate_series(1, 20000000), repeat('x', 1000)");
	pgtest_terminate(PQbackendPID(conn));
	pgm_release(conn);
}

static bool kill_and_go_on(PGconn *conn, void *arg, pgm_error *err)
{
	(void)arg;
	(void)err;
	pgtest_terminate(PQbackendPID(conn));
	return true;
}

static void commit_on_killed(pgm_db *db)
{
	pgm_error err;

	assert_false(pgm_with(db, kill_and_go_on, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_BROKEN);
}

static void close_cursor_of_killed(pgm_db *db)
{
	const pgm_query query = {.sql = "SELECT generate_series(1, 20000000), repeat('x', 1000)"};
	PGconn *conn = must_acquire(db);
	pgm_cursor *cursor = pgm_cursor_open(conn, &query, NULL);
	pgm_error err;

	assert_non_null(pgm_cursor_next(cursor, &err));
	pgtest_terminate(PQbackendPID(conn));
	pgm_cursor_close(cursor);
	pgm_release(conn);
}

static void lend_killed(pgm_db *db)
{
	PGconn *conn = must_acquire(db);
	int pid = PQbackendPID(conn);

	pgm_release(conn);
	pgtest_terminate(pid); /* within the time for which it is trusted */
}

static void b37_writing_to_a_server_that_is_gone_is_no_sigpipe(void **state)
{
	static void (*const writes[])(pgm_db *) = {write_to_killed,  roll_back_killed,	     end_rows_of_killed,
						   commit_on_killed, close_cursor_of_killed, lend_killed};
	cluster *c = cluster_start(NULL, NULL);

	(void)state;
	sigpipe_ends_us();
	pgtest_use(cluster_server(c));
	cluster_tls(c, "good");
	for (int i = 0; i < TYPES * WAYS; i++) {
		pgm_db *db = must_open("%s %s", types[i % TYPES], way(i / TYPES));

		for (size_t k = 0; k < sizeof writes / sizeof *writes; k++) {
			writes[k](db);
			outlive_trust();
			PGconn *conn = must_acquire(db);
			assert_true(works(conn));
			pgm_release(conn);
		}
		cluster_restart(c, "immediate");
		pgm_close(db); /* says goodbye to nobody */
	}
	cluster_stop(c);
}

/* --------------------------------------------------------------------------------------- EINTR */

static void b37_a_thousand_signals_a_second_disturb_nothing(void **state)
{
	cluster *c = cluster_start(NULL, NULL);

	(void)state;
	pgtest_use(cluster_server(c));
	cluster_tls(c, "good");
	sigtimer_start();
	for (int i = 0; i < TYPES * WAYS; i++) {
		const char *path = pgtest_yaml_file("%s %s", types[i % TYPES], way(i / TYPES));
		pgm_error err;
		pgm_db *db = pgm_open(path, PGM_FROM_CONFIG, &err);

		if (!db)
			fail_msg("%s: %s", way(i / TYPES), err.message);
		tour(db);
		pgm_close(db);
	}
	assert_true(sigtimer_count() > 100);
	sigtimer_stop();
	cluster_stop(c);
}

/* Where one waits there is nothing but signals: for the server, for a connection, for one's time to be over. */
static void b37_a_thousand_signals_a_second_neither_shorten_nor_prolong_a_wait(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	proxy *p = proxy_start();

	(void)state;
	sigtimer_start();
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open_with(&lazy, "%s port=%d", types[t], proxy_port(p));
		borrower in_vain, served;
		int64_t start;
		PGconn *conn;

		proxy_delay(p, 30);
		conn = must_acquire(db); /* opens it */
		proxy_delay(p, 0);
		borrow_in_thread(&in_vain, db, 200);
		assert_false(borrowed_within(&in_vain, 5000));
		if (pgtest_evented() && t == 0) { /* the thread that holds it would wait for itself */
			assert_int_equal(in_vain.err.code, PGM_ERR_MISUSE);
		} else {
			assert_int_equal(in_vain.err.code, PGM_ERR_TIMEOUT);
			assert_in_range(in_vain.took_ms, 199, 200 + slow(300));
		}
		borrow_in_thread(&served, db, 20000);
		for (start = pgtest_now_ms(); ms_since(start) < 100;)
			blink();
		assert_false(borrower_done(&served, 0));
		pgm_release(conn);
		assert_true(borrowed_within(&served, 5000));
		pgm_release(served.conn);
		pgm_close(db);
	}
	sigtimer_stop();
	proxy_stop(p);
}

static void b37_a_thousand_signals_a_second_do_not_end_wait_ready(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	proxy *p = proxy_start();
	pgm_db *db;
	int64_t start;
	pgm_error err;

	(void)state;
	proxy_set(p, PROXY_HOLD);
	db = must_open_with(&lazy, "%s port=%d", types[1], proxy_port(p));
	sigtimer_start();
	start = pgtest_now_ms();
	assert_false(pgm_wait_ready(db, 200, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_in_range(ms_since(start), 199, 200 + slow(300));
	proxy_set(p, PROXY_FORWARD);
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	sigtimer_stop();
	proxy_stop(p);
}

/* ---------------------------------------------------------------------- threads that we start */

#define MOST_THREADS 64

typedef struct thread_list {
	long id[MOST_THREADS];
	int count;
} thread_list;

static thread_list threads_now(void)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *entry;
	thread_list all = {.count = 0};

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL && all.count < MOST_THREADS)
		if (entry->d_name[0] != '.')
			all.id[all.count++] = atol(entry->d_name);
	closedir(dir);
	return all;
}

static bool has_thread(const thread_list *all, long id)
{
	for (int i = 0; i < all->count; i++)
		if (all->id[i] == id)
			return true;
	return false;
}

/* What it blocks, a bit for each signal beginning with 1. */
static unsigned long long blocked_by(long id)
{
	FILE *status = fopen(pgtest_format("/proc/self/task/%ld/status", id), "re");
	unsigned long long blocked = 0;
	char line[256];

	while (status && fgets(line, sizeof line, status))
		if (sscanf(line, "SigBlk: %llx", &blocked) == 1)
			break;
	if (status)
		fclose(status);
	return blocked;
}

/* All that can be blocked: not SIGKILL and SIGSTOP, nor the two that the C library keeps for itself. */
static unsigned long long all_signals(void)
{
	sigset_t all, before;
	unsigned long long blocked;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	blocked = blocked_by(getpid());
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	assert_true(blocked & 1ULL << (SIGALRM - 1));
	return blocked;
}

/* Threads that were not there before; of these, those that take no signal. */
static int new_threads(const thread_list *before, bool deaf)
{
	thread_list now = threads_now();
	unsigned long long all = all_signals();
	int count = 0;

	for (int i = 0; i < now.count; i++)
		count += !has_thread(before, now.id[i]) && (!deaf || (blocked_by(now.id[i]) & all) == all);
	return count;
}

static void b37_the_keeper_takes_no_signals(void **state)
{
	unsigned long long mine = blocked_by(getpid());
	thread_list before = threads_now();
	sigset_t usr1, pending;
	pgm_error err;

	(void)state;
	if (pgtest_under_valgrind())
		skip();
	must_open("type=pool pool.min_size=2 pool.max_size=2");
	assert_true(pgm_wait_ready(must_open("type=pool pool.min_size=1"), slow(5000), &err));
	assert_int_equal(new_threads(&before, false), 2);
	assert_int_equal(new_threads(&before, true), 2);
	assert_true(blocked_by(getpid()) == mine); /* the caller's own mask is as before */

	signal(SIGUSR1, SIG_DFL); /* it ends the program, if any thread takes it */
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	sigpending(&pending);
	assert_true(sigismember(&pending, SIGUSR1)); /* nobody has taken it */
	signal(SIGUSR1, SIG_IGN);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	signal(SIGUSR1, SIG_DFL);
}

static void *release(void *conn)
{
	pgm_release(conn);
	return NULL;
}

/* Releasing unread rows cancels, which has a thread of its own; here it waits for an answer. */
static void b37_a_thread_that_cancels_takes_no_signals(void **state)
{
	pgtest_thread *releases;
	thread_list before;
	int connections;
	PGconn *conn;
	proxy *p;

	(void)state;
	if (pgtest_under_valgrind())
		skip();
	p = proxy_start();
	conn = must_acquire(must_open("port=%d", proxy_port(p)));
	connections = proxy_accepted(p);
	PQsendQuery(conn, "SELECT generate_series(1, 20000000)");
	wait_active(PQbackendPID(conn), "generate_series");
	proxy_set(p, PROXY_HOLD);
	before = threads_now();
	releases = pgtest_run(release, conn);
	assert_true(proxy_wait_accepted(p, connections + 1, slow(5000)));
	assert_int_equal(new_threads(&before, false), 2); /* who releases, and who cancels for him */
	/* So does the first, for the moment in which it starts the other. */
	for (int64_t start = pgtest_now_ms(); new_threads(&before, true) == 2 && ms_since(start) < slow(1000);)
		blink();
	assert_int_equal(new_threads(&before, true), 1);
	proxy_set(p, PROXY_FORWARD);
	pgtest_join(releases);
	proxy_stop(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b37_writing_to_a_server_that_is_gone_is_no_sigpipe),
		HANDLE_TEST(b37_a_thousand_signals_a_second_disturb_nothing),
		HANDLE_TEST(b37_a_thousand_signals_a_second_neither_shorten_nor_prolong_a_wait),
		HANDLE_TEST(b37_a_thousand_signals_a_second_do_not_end_wait_ready),
		BLOCKING_TEST(b37_the_keeper_takes_no_signals),
		BLOCKING_TEST(b37_a_thread_that_cancels_takes_no_signals),
	};

	return run_handle_tests(tests);
}
