/*
 * B36: exit neither hangs nor crashes, whatever is going on. Each case leaves a hundred times, each time in a
 * process of its own: this program, started again with the way's name.
 */
#include "handles.h"
#include "support/blackhole.h"
#include "support/cluster.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>

/* Who leaves in the middle of something frees nothing. */
__attribute__((visibility("default"))) const char *__lsan_default_options(void);

const char *__lsan_default_options(void)
{
	return "detect_leaks=0";
}

__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);

/*
 * OpenSSL's own clean-up at exit frees what it keeps for each thread, without its lock: a race by the book with
 * every thread that is inside a statement over TLS just then, the program's own and not the library's. That of
 * Kerberos destroys its locks, with no regard to a thread that had one once and has not been joined. Only here, where
 * threads are left running on purpose.
 */
const char *__tsan_default_suppressions(void)
{
	return "race:libcrypto.so\nrace:libkrb5support.so\n";
}

extern char **environ;

#define STATUS 7 /* what the helper leaves with, so that no other end looks like it */

/* ---------------------------------------------------------------------------------- the helper */

static const char *helper_yaml; /* a file */

static pgm_db *helper_try_open(bool lazy, pgm_error *err)
{
	pgm_open_options options = {.lazy = lazy};
	pgm_config *config = pgm_config_load(helper_yaml, err);
	pgm_db *db = config ? pgm_manager_open(NULL, config, &options, err) : NULL;

	pgm_config_free(config);
	return db;
}

static pgm_db *helper_open(bool lazy)
{
	pgm_error err;
	pgm_db *db = helper_try_open(lazy, &err);

	if (!db) {
		fprintf(stderr, "helper: %s\n", err.message);
		_exit(1);
	}
	return db;
}

static void exit_idle(void)
{
	helper_open(false);
	exit(STATUS);
}

static void exit_lent(void)
{
	pgm_db *db = helper_open(false);
	PGconn *conn = pgm_acquire(db, NULL);

	PQclear(PQexec(conn, "BEGIN"));
	exit(STATUS);
}

static void exit_in_callback(PGresult *res, const pgm_error *err, void *arg)
{
	(void)err;
	(void)arg;
	PQclear(res);
	exit(STATUS);
}

static void exit_from_a_result_callback(void)
{
	const pgm_query query = {.sql = "SELECT 1"};
	pgm_db *db = helper_open(false);

	pgm_submit(db, &query, exit_in_callback, NULL, NULL);
	pgm_wait(db, -1, NULL); /* event-driven */
}

static void exit_from_a_lease_callback(PGconn *conn, const pgm_error *err, void *arg)
{
	(void)conn;
	(void)err;
	(void)arg;
	exit(STATUS);
}

static void exit_from_lease_callback(void)
{
	pgm_db *db = helper_open(false);

	pgm_acquire_async(db, exit_from_a_lease_callback, NULL, NULL);
	pgm_wait(db, -1, NULL); /* event-driven */
}

static bool exit_in_work(PGconn *conn, void *arg, pgm_error *err)
{
	(void)conn;
	(void)arg;
	(void)err;
	exit(STATUS);
}

static void exit_from_work(void)
{
	pgm_with(helper_open(false), exit_in_work, NULL, NULL);
}

static void exit_in_log(pgm_log_level level, const char *message, void *arg)
{
	(void)level;
	(void)message;
	(void)arg;
	exit(STATUS);
}

static void exit_from_the_log(void)
{
	pgm_db *db = helper_open(false);
	PGconn *conn = pgm_acquire(db, NULL);

	PQclear(PQexec(conn, "BEGIN"));
	pgm_set_log(PGM_LOG_WARNING, exit_in_log, NULL);
	pgm_release(conn);
}

/* The first connection is up, the keeper is making the others; event-driven the call that has just returned was. */
static void exit_while_connecting(void)
{
	pgm_wait(helper_open(false), 0, NULL);
	exit(STATUS);
}

/* TLS gets its own handler for the exit only with its first connection, which is not the process's first. */
static void exit_while_connecting_with_the_first_tls(void)
{
	pgm_error err;

	if (!pgm_open(getenv("PGM_TEST_FIRST"), PGM_FROM_CONFIG, &err)) {
		fprintf(stderr, "helper: %s\n", err.message);
		_exit(1);
	}
	helper_open(false);
	poll(NULL, 0, (int)(getpid() % 8)); /* at one step or another */
	exit(STATUS);
}

static void *acquire_for_ever(void *arg)
{
	for (;;) {
		PGconn *conn = pgm_acquire(arg, NULL);

		if (!conn)
			return NULL;
		PQclear(PQexec(conn, "SELECT 1"));
		pgm_release(conn);
	}
}

static void start_threads_of(void *(*fn)(void *), void *arg)
{
	for (int i = 0; i < 6; i++) {
		pthread_t thread;

		pthread_create(&thread, NULL, fn, arg);
		pthread_detach(thread);
	}
}

static void start_threads(pgm_db *db)
{
	start_threads_of(acquire_for_ever, db);
}

static void exit_with_threads_in_acquire(void)
{
	pgm_db *db = helper_open(false);

	start_threads(db);
	while (stats_of(db).acquired < 20 || stats_of(db).waited == 0)
		blink();
	exit(STATUS);
}

/* They wait for a connection that never comes. */
static void exit_with_threads_waiting(void)
{
	pgm_db *db = helper_open(false);
	const PGconn *conn = pgm_acquire(db, NULL);

	start_threads(db);
	while (conn && stats_of(db).waiting < 5)
		blink();
	exit(STATUS);
}

/* Nobody answers; two threads are at it, one by the keeper and one itself. */
static void exit_while_nobody_answers(void)
{
	pgm_db *db = helper_open(true);

	start_threads(db);
	while (stats_of(db).opening == 0)
		blink();
	exit(STATUS);
}

/* Event-driven, each thread has a handle of its own; it is in the middle of what the handle is at. */
static atomic_int answered, begun;

static void count_answer(PGresult *res, const pgm_error *err, void *arg)
{
	(void)err;
	(void)arg;
	PQclear(res);
	atomic_fetch_add(&answered, 1);
}

static void *submit_for_ever(void *lazy)
{
	const pgm_query query = {.sql = "SELECT 1"};
	pgm_error err;
	pgm_db *db = helper_try_open(lazy != NULL, &err); /* the process may be leaving already */

	while (db && pgm_submit(db, &query, count_answer, NULL, NULL)) {
		pgm_submit(db, &query, count_answer, NULL, NULL);
		atomic_fetch_add(&begun, 1);
		pgm_wait(db, -1, NULL);
	}
	return NULL;
}

static void exit_with_threads_that_submit(void)
{
	start_threads_of(submit_for_ever, NULL);
	while (atomic_load(&answered) < 20)
		blink();
	exit(STATUS);
}

static void exit_with_threads_that_connect(void)
{
	static char lazily;

	start_threads_of(submit_for_ever, &lazily);
	while (atomic_load(&begun) < 6)
		blink();
	exit(STATUS);
}

/* All that was accepted is answered before the process ends. */
static int accepted;

/* After the library's own, since it is registered before. */
static void check_answers(void)
{
	if (atomic_load(&answered) < accepted)
		_exit(1);
}

static void exit_with_statements_under_way(void)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(0.05)"};
	pgm_db *db = helper_open(false);

	for (int i = 0; i < 100; i++)
		accepted += pgm_submit(db, &query, count_answer, NULL, NULL);
	pgm_wait(db, 20, NULL);
	exit(accepted == 100 ? STATUS : 1);
}

static bool exit_in_hook(PGconn *conn, void *arg, pgm_error *err)
{
	(void)conn;
	(void)arg;
	(void)err;
	exit(STATUS);
}

/* In the opener's thread the first time. */
static void exit_from_a_configure_hook(void)
{
	pgm_open_options options = {.hooks = {.configure = exit_in_hook}};
	pgm_config *config = pgm_config_load(helper_yaml, NULL);

	pgm_manager_open(NULL, config, &options, NULL);
}

static bool exit_in_second_hook(PGconn *conn, void *arg, pgm_error *err)
{
	int *calls = arg;

	(void)conn;
	(void)err;
	if ((*calls)++ > 0)
		exit(STATUS);
	return true;
}

/* In the keeper, which cannot wait for its own end. */
static void exit_from_the_keeper(void)
{
	static int calls;
	pgm_open_options options = {.hooks = {.configure = exit_in_second_hook, .arg = &calls}};
	pgm_config *config = pgm_config_load(helper_yaml, NULL);

	while (pgtest_evented())
		pgm_wait_ready(pgm_manager_open(NULL, config, &options, NULL), -1, NULL);
	pgm_manager_open(NULL, config, &options, NULL);
	for (;;)
		pause();
}

static const struct {
	const char *name;
	void (*leave)(void);
} ways[] = {
	{"idle", exit_idle},
	{"lent", exit_lent},
	{"result-callback", exit_from_a_result_callback},
	{"lease-callback", exit_from_lease_callback},
	{"work", exit_from_work},
	{"log", exit_from_the_log},
	{"connecting", exit_while_connecting},
	{"connecting-first-tls", exit_while_connecting_with_the_first_tls},
	{"threads-in-acquire", exit_with_threads_in_acquire},
	{"threads-waiting", exit_with_threads_waiting},
	{"nobody-answers", exit_while_nobody_answers},
	{"configure-hook", exit_from_a_configure_hook},
	{"keeper", exit_from_the_keeper},
	{"threads-that-submit", exit_with_threads_that_submit},
	{"threads-that-connect", exit_with_threads_that_connect},
	{"under-way", exit_with_statements_under_way},
};

static int be_helper(const char *way, const char *yaml)
{
	pgtest_leaves_memory();
	atexit(check_answers);
	helper_yaml = yaml;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (strcmp(ways[i].name, way) == 0)
			ways[i].leave();
	return 1;
}

/* ----------------------------------------------------------------------------------- the tests */

static char *this_program;

static pid_t start_helper(const char *way, const char *yaml)
{
	char *argv[] = {this_program, (char *)way, (char *)yaml, NULL};
	pid_t pid;

	if (posix_spawn(&pid, this_program, NULL, NULL, argv, environ) != 0)
		fail_msg("cannot start %s", this_program);
	return pid;
}

static void await_helper(pid_t pid, const char *way)
{
	int64_t start = pgtest_now_ms();
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (ms_since(start) > slow(5000)) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			fail_msg("%s: it hung", way);
		}
		blink();
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != STATUS)
		fail_msg("%s: it ended with status %x", way, (unsigned)status);
}

#define AT_ONCE 4

/* share: of the hundred. Sanitizers and valgrind make seconds of milliseconds; event-driven no other thread is at it,
 * so that it does not take a hundred to meet what may happen. */
static void leave_often(const char *way, const char *yaml, int share)
{
	int times = getenv("PGM_TEST_SLOW") ? AT_ONCE : pgtest_evented() ? share / 9 : share;

	for (int done = 0; done < times; done += AT_ONCE) {
		pid_t pids[AT_ONCE];

		for (int i = 0; i < AT_ONCE; i++)
			pids[i] = start_helper(way, yaml);
		for (int i = 0; i < AT_ONCE; i++)
			await_helper(pids[i], way);
	}
	assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
}

static const char *pool_file(const char *more)
{
	return pgtest_yaml_file("type=pool pool.min_size=3 pool.max_size=3 %s", more);
}

static void b36_exit_with_connections_idle_or_lent(void **state)
{
	(void)state;
	leave_often("idle", pgtest_yaml_file(NULL), 36);
	leave_often("idle", pool_file(""), 36);
	leave_often("lent", pool_file(""), 36);
}

static void b36_exit_from_a_callback(void **state)
{
	(void)state;
	leave_often("result-callback", pool_file(""), 28);
	leave_often("lease-callback", pgtest_yaml_file(NULL), 28);
	leave_often("work", pool_file(""), 28);
	leave_often("log", pool_file(""), 28);
}

static void b36_exit_from_a_hook(void **state)
{
	(void)state;
	leave_often("configure-hook", pool_file(""), 52);
	leave_often("keeper", pool_file(""), 52);
}

static void b36_exit_while_connecting(void **state)
{
	blackhole *hole = blackhole_start(BLACKHOLE_SILENT, NULL, 0);
	const char *nobody = pgtest_evented() ? "threads-that-connect" : "nobody-answers";

	(void)state;
	leave_often("connecting", pgtest_yaml_file("type=pool pool.min_size=10 pool.max_size=10 pool.num_workers=5"),
		    36);
	leave_often(nobody, pool_file(pgtest_format("port=%d", blackhole_port(hole))), 36);
	leave_often(nobody, pgtest_yaml_file("port=%d", blackhole_port(hole)), 36);
	blackhole_stop(hole);
}

static void b36_exit_with_threads_in_acquire(void **state)
{
	(void)state;
	leave_often("threads-in-acquire", pgtest_yaml_file("type=pool pool.min_size=2 pool.max_size=2"), 36);
	leave_often("threads-waiting", pgtest_yaml_file("type=pool pool.min_size=1 pool.max_size=1"), 36);
	leave_often("threads-waiting", pgtest_yaml_file(NULL), 36);
}

static void b36_exit_with_threads_that_submit(void **state)
{
	(void)state;
	leave_often("threads-that-submit", pgtest_yaml_file("type=pool pool.min_size=2 pool.max_size=2"), 36);
	leave_often("threads-that-submit", pgtest_yaml_file(NULL), 36);
}

static void b36_exit_answers_what_is_under_way(void **state)
{
	(void)state;
	leave_often("under-way", pgtest_yaml_file("type=pool pool.min_size=1 pool.max_size=2"), 36);
	leave_often("under-way", pgtest_yaml_file(NULL), 36);
}

/* Measured: with atexit too early this crashed 60 times of 60, inside OpenSSL's own clean-up. */
static void b36_exit_while_connecting_with_tls(void **state)
{
	cluster *c = cluster_start(NULL, "local all all trust");
	const char *yaml;

	(void)state;
	cluster_tls(c, "good");
	pgtest_use(cluster_server(c));
	/* Without a password either: that would be reckoned with by the library of TLS. */
	setenv("PGM_TEST_FIRST",
	       pgtest_yaml_file("type=normal sslmode=disable host='%s'", pgtest_server_now()->socketdir), 1);
	yaml = pgtest_yaml_file("type=pool pool.min_size=6 pool.max_size=6 pool.num_workers=5 sslmode=verify-full "
				"sslrootcert='%s'",
				cluster_certificate("ca.crt"));
	leave_often("connecting", yaml, 36);
	leave_often(pgtest_evented() ? "threads-that-submit" : "threads-in-acquire", yaml, 36);
	leave_often("keeper", yaml, 36);
	leave_often(
		"connecting-first-tls",
		pgtest_yaml_file("type=pool pool.min_size=12 pool.max_size=12 pool.num_workers=6 sslmode=verify-full "
				 "sslrootcert='%s'",
				 cluster_certificate("ca.crt")),
		100);
	unsetenv("PGM_TEST_FIRST");
	cluster_stop(c);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b36_exit_with_connections_idle_or_lent),
		HANDLE_TEST(b36_exit_from_a_callback),
		HANDLE_TEST(b36_exit_from_a_hook),
		HANDLE_TEST(b36_exit_while_connecting),
		BLOCKING_TEST(b36_exit_with_threads_in_acquire),
		EVENTED_TEST(b36_exit_with_threads_that_submit),
		EVENTED_TEST(b36_exit_answers_what_is_under_way),
		HANDLE_TEST(b36_exit_while_connecting_with_tls),
	};

	if (argc == 3)
		return be_helper(argv[1], argv[2]);
	this_program = argv[0];
	return run_handle_tests(tests);
}
