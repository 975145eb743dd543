/* B35: after fork the child's handles are empty and reconnect; the parent's connections go on working. */
#include "handles.h"
#include "support/cluster.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

/* What the parent's threads would have freed is a leak in the child, where they do not exist. */
__attribute__((visibility("default"))) const char *__lsan_default_options(void);

const char *__lsan_default_options(void)
{
	return "detect_leaks=0";
}

typedef enum ending { BY_EXIT, BY__EXIT } ending;

/* What the child saw goes to the parent as its exit status: 0 is good. */
#define child_must(condition)                                                                  \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			fprintf(stderr, "child: %s:%d: %s\n", __FILE__, __LINE__, #condition); \
			_exit(1);                                                              \
		}                                                                              \
	} while (0)

static void end_child(ending how)
{
	if (how == BY_EXIT)
		exit(0);
	_exit(0);
}

/* It has ended by then, whatever it did. */
static bool ended_well(pid_t child)
{
	int64_t start = pgtest_now_ms();
	int status = -1;

	if (child < 0)
		return false;
	while (waitpid(child, &status, WNOHANG) == 0) {
		if (ms_since(start) > slow(10000)) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			print_error("the child hung\n");
			return false;
		}
		blink();
	}
	if (status != 0)
		print_error("the child ended with status %x\n", (unsigned)status);
	return status == 0;
}

static void must_end_well(pid_t child)
{
	assert_true(ended_well(child));
}

static const char *const types[] = {"type=normal", "type=pool pool.min_size=2 pool.max_size=4"};
#define TYPES 2

/* Everything that is done for each type of handle, plain and TLS. */
typedef void fork_case(pgm_db *db, ending how);

static void for_each(fork_case *run, const char *settings)
{
	for (int t = 0; t < TYPES; t++) {
		for (ending how = BY_EXIT; how <= BY__EXIT; how++) {
			pgm_db *db = must_open("%s %s", types[t], settings);
			pgm_error err;

			if (t == 1)
				assert_true(pgm_wait_ready(db, slow(5000), &err));
			run(db, how);
			pgm_close(db);
			assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
		}
	}
}

static cluster *with_tls; /* for all tests */

static void plain_and_tls(fork_case *run)
{
	if (!pgtest_evented()) /* what is theirs is the same with TLS and without */
		for_each(run, "");
	pgtest_use(cluster_server(with_tls));
	for_each(run, pgtest_format("sslmode=verify-full sslrootcert='%s'", cluster_certificate("ca.crt")));
	pgtest_use(NULL);
}

static int start_tls(void **state)
{
	(void)state;
	with_tls = cluster_start(NULL, "hostssl all all all scram-sha-256\nhostnossl all all all reject");
	cluster_tls(with_tls, "good");
	return 0;
}

static int stop_tls(void **state)
{
	(void)state;
	cluster_stop(with_tls);
	return 0;
}

/* The thread sanitizer cannot start a thread in the child of a process that has some. */
#if defined(__SANITIZE_THREAD__)
#define CHILD_HAS_THREADS 0
#else
#define CHILD_HAS_THREADS 1
#endif

static PGconn *acquire_in_child(pgm_db *db)
{
	pgm_error err;
	PGconn *conn = pgm_acquire(db, &err);

	if (conn && works(conn))
		return conn;
	fprintf(stderr, "child: %s\n", conn ? PQerrorMessage(conn) : err.message);
	_exit(1);
}

static void use_in_child(pgm_db *db, int parents_pid, ending how)
{
	pgm_stats stats = stats_of(db);
	PGconn *conn;

	child_must(stats.size == 0 && stats.lent == 0 && stats.idle == 0);
	if (pgm_db_type(db) == PGM_POOL && !CHILD_HAS_THREADS)
		end_child(how);
	conn = acquire_in_child(db);
	child_must(PQbackendPID(conn) != parents_pid);
	pgm_release(conn);
	end_child(how);
}

static void idle(pgm_db *db, ending how)
{
	PGconn *conn = must_acquire(db);
	int pid = PQbackendPID(conn);
	pid_t child;

	pgm_release(conn);
	child = pgtest_fork();
	if (child == 0)
		use_in_child(db, pid, how);
	must_end_well(child);
	outlive_trust();
	conn = must_acquire(db);
	assert_int_equal(PQbackendPID(conn), pid);
	assert_true(works(conn));
	pgm_release(conn);
	assert_int_equal(stats_of(db).lost, 0);
}

static void b35_fork_while_idle(void **state)
{
	(void)state;
	plain_and_tls(idle);
}

static void untouched(pgm_db *db, ending how)
{
	PGconn *conn = must_acquire(db);
	pid_t child = pgtest_fork();

	if (child == 0)
		end_child(how);
	must_end_well(child);
	assert_true(works(conn));
	pgm_release(conn);
}

static void b35_fork_by_a_child_that_does_nothing(void **state)
{
	(void)state;
	plain_and_tls(untouched);
}

/* The child gives back what its parent had borrowed, as a program does that forks in the middle of a function. */
static void lent(pgm_db *db, ending how)
{
	PGconn *conn = must_acquire(db);
	int pid = PQbackendPID(conn);
	pid_t child;

	must_run(conn, "BEGIN");
	child = pgtest_fork();
	if (child == 0) {
		pgm_release(conn);
		use_in_child(db, pid, how);
	}
	must_end_well(child);
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_INTRANS);
	assert_true(works(conn));
	must_run(conn, "COMMIT");
	pgm_release(conn);
	outlive_trust();
	conn = must_acquire(db);
	assert_int_equal(PQbackendPID(conn), pid);
	pgm_release(conn);
}

static void b35_fork_while_lent(void **state)
{
	(void)state;
	plain_and_tls(lent);
}

/* The child tries to use the parent's connection: it fails, and the parent's session never hears of it. */
static void misused(pgm_db *db, ending how)
{
	PGconn *conn = must_acquire(db);
	pid_t child = pgtest_fork();

	if (child == 0) {
		signal(SIGPIPE, SIG_IGN);
		PQclear(PQexec(conn, "SELECT pg_terminate_backend(pg_backend_pid())"));
		child_must(PQstatus(conn) == CONNECTION_BAD);
		PQfinish(conn);
		use_in_child(db, -1, how);
	}
	must_end_well(child);
	assert_true(works(conn));
	pgm_release(conn);
}

static void b35_a_child_that_uses_the_parents_connection_does_no_harm(void **state)
{
	(void)state;
	plain_and_tls(misused);
}

static void mid_query(pgm_db *db, ending how)
{
	PGconn *conn = must_acquire(db);
	int pid = PQbackendPID(conn);
	PGresult *res;
	pid_t child;

	assert_true(PQsendQuery(conn, "SELECT 7 FROM pg_sleep(0.05)"));
	child = pgtest_fork();
	if (child == 0) {
		pgm_release(conn);
		use_in_child(db, pid, how);
	}
	must_end_well(child);
	res = PQgetResult(conn);
	assert_int_equal(PQresultStatus(res), PGRES_TUPLES_OK);
	assert_string_equal(PQgetvalue(res, 0, 0), "7");
	PQclear(res);
	assert_null(PQgetResult(conn));
	assert_int_equal(PQbackendPID(conn), pid);
	pgm_release(conn);
}

static void b35_fork_in_the_middle_of_a_query(void **state)
{
	(void)state;
	plain_and_tls(mid_query);
}

static void close_in_child(pgm_db *db, ending how)
{
	PGconn *conn = must_acquire(db);
	pid_t child = pgtest_fork();

	if (child == 0) {
		pgm_close(db);
		pgm_release(conn);
		end_child(how);
	}
	must_end_well(child);
	assert_true(works(conn));
	pgm_release(conn);
}

static void b35_the_child_closes_its_handle(void **state)
{
	(void)state;
	plain_and_tls(close_in_child);
}

/* A whole manager of the parent's is the child's to free, too; and a new one works. */
static void manager_in_child(pgm_db *db, ending how)
{
	PGconn *conn = must_acquire(db);
	pid_t child;

	pgm_release(conn);
	child = pgtest_fork();
	if (child == 0) {
		pgm_config *config = pgtest_config("application_name=other");
		pgm_error err;
		pgm_db *mine;

		pgm_clear_cache(NULL);
		mine = pgm_manager_open(NULL, config, NULL, &err);
		child_must(mine && (conn = pgm_acquire(mine, &err)) && works(conn));
		pgm_release(conn);
		pgm_config_free(config);
		end_child(how);
	}
	must_end_well(child);
	outlive_trust();
	conn = must_acquire(db);
	assert_true(works(conn));
	pgm_release(conn);
	assert_int_equal(stats_of(db).lost, 0);
}

static void b35_the_child_clears_the_cache_and_opens_anew(void **state)
{
	(void)state;
	for_each(manager_in_child, "");
}

/* Forks while other threads are anywhere in the library: no lock stays taken in the child. */
static atomic_bool stop_busy;

static void *be_busy(void *arg)
{
	while (!atomic_load(&stop_busy)) {
		pgm_error err;
		PGconn *conn = pgm_acquire(arg, &err);

		thread_must(conn && works(conn));
		pgm_release(conn);
	}
	return NULL;
}

static void b35_fork_while_other_threads_borrow(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=1 pool.max_size=3");
	pgtest_thread *threads[5];
	int failed = 0, forks = getenv("PGM_TEST_SLOW") ? 10 : 30;

	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	skip(); /* GCC 12's allocator of the address sanitizer may stay locked in the child of busy threads */
#endif
	atomic_store(&stop_busy, false);
	for (int i = 0; i < 5; i++)
		threads[i] = pgtest_run(be_busy, db);
	for (int i = 0; i < forks; i++) {
		pid_t child = pgtest_fork();

		if (child == 0)
			use_in_child(db, -1, i % 2 ? BY_EXIT : BY__EXIT);
		failed += !ended_well(child);
	}
	atomic_store(&stop_busy, true);
	for (int i = 0; i < 5; i++)
		pgtest_join(threads[i]);
	assert_int_equal(failed, 0);
	assert_int_equal(stats_of(db).lost, 0);
}

/* An event-driven handle is its thread's own; in the child nobody is left who could be at it. */
static atomic_int busy_submits;

static void count_submit(PGresult *res, const pgm_error *err, void *arg)
{
	(void)arg;
	PQclear(res);
	thread_must(!err);
	atomic_fetch_add(&busy_submits, 1);
}

static void *submit_busily(void *arg)
{
	const pgm_query query = {.sql = "SELECT 1"};
	pgm_config *config = pgtest_config("%s", (const char *)arg);
	pgm_db *mine = pgm_manager_open(NULL, config, NULL, NULL);

	pgm_config_free(config);
	thread_must(mine);
	while (!atomic_load(&stop_busy)) {
		for (int i = 0; i < 10; i++)
			thread_must(pgm_submit(mine, &query, count_submit, NULL, NULL));
		thread_must(pgm_wait(mine, -1, NULL));
	}
	pgm_close(mine);
	return NULL;
}

static void b35_fork_while_other_threads_submit(void **state)
{
	pgm_db *db = must_open("%s", types[1]);
	pgtest_thread *threads[4];
	int failed = 0, forks = 10;

	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	skip(); /* as above */
#endif
	atomic_store(&stop_busy, false);
	for (int i = 0; i < 4; i++)
		threads[i] = pgtest_run(submit_busily, (void *)types[i % TYPES]);
	for (int i = 0; i < forks; i++) {
		int before = atomic_load(&busy_submits);
		pid_t child = pgtest_fork();

		if (child == 0) {
			if (i % 3 == 0)
				pgm_clear_cache(NULL); /* the threads' handles too */
			else
				use_in_child(db, -1, i % 2 ? BY_EXIT : BY__EXIT);
			end_child(BY_EXIT);
		}
		failed += !ended_well(child);
		while (atomic_load(&busy_submits) == before)
			blink();
	}
	atomic_store(&stop_busy, true);
	for (int i = 0; i < 4; i++)
		pgtest_join(threads[i]);
	assert_int_equal(failed, 0);
	assert_int_equal(stats_of(db).lost, 0);
}

/* What another thread is in the middle of is not the child's: nobody here will end it, and nothing waits for it. */
static void b35_fork_while_a_connection_is_being_opened(void **state)
{
	static const char *const of_one[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		gate g = {.entered = false};
		const pgm_open_options options = {.lazy = true, .hooks = {.configure = stand_at, .arg = &g}};
		pgm_db *db = must_open_with(&options, "%s", of_one[t]);
		int64_t start;
		pid_t child;
		borrower b;

		borrow_in_thread(&b, db, 60000);
		wait_entered(&g);
		start = pgtest_now_ms();
		child = pgtest_fork();
		if (child == 0) {
			atomic_store(&g.open, true);
			child_must(stats_of(db).opening == 0 && stats_of(db).waiting == 0);
			use_in_child(db, 0, BY_EXIT);
		}
		must_end_well(child);
		assert_within(start, 1500); /* at exit one waits two seconds for those who are in libpq */
		atomic_store(&g.open, true);
		assert_true(borrowed_within(&b, slow(5000)));
		assert_true(works(b.conn));
		pgm_release(b.conn);
	}
}

static void b35_a_grandchild_is_as_good(void **state)
{
	pgm_db *db = must_open("%s", types[CHILD_HAS_THREADS]);
	PGconn *conn = must_acquire(db);
	pid_t child;
	pgm_error err;

	(void)state;
	pgm_release(conn);
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	child = pgtest_fork();
	if (child == 0) {
		pid_t grandchild;
		int status;

		conn = acquire_in_child(db);
		child_must(pgm_wait_ready(db, slow(5000), &err));
		grandchild = pgtest_fork();
		if (grandchild == 0)
			use_in_child(db, PQbackendPID(conn), BY_EXIT);
		child_must(waitpid(grandchild, &status, 0) == grandchild && status == 0);
		child_must(works(conn));
		pgm_release(conn);
		exit(0);
	}
	must_end_well(child);
	outlive_trust();
	conn = must_acquire(db);
	assert_true(works(conn));
	pgm_release(conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b35_fork_while_idle),
		HANDLE_TEST(b35_fork_by_a_child_that_does_nothing),
		HANDLE_TEST(b35_fork_while_lent),
		HANDLE_TEST(b35_a_child_that_uses_the_parents_connection_does_no_harm),
		HANDLE_TEST(b35_fork_in_the_middle_of_a_query),
		HANDLE_TEST(b35_the_child_closes_its_handle),
		HANDLE_TEST(b35_the_child_clears_the_cache_and_opens_anew),
		BLOCKING_TEST(b35_fork_while_other_threads_borrow),
		EVENTED_TEST(b35_fork_while_other_threads_submit),
		BLOCKING_TEST(b35_fork_while_a_connection_is_being_opened),
		HANDLE_TEST(b35_a_grandchild_is_as_good),
	};

	return run_handle_tests_in(tests, start_tls, stop_tls);
}
