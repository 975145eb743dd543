/* B37: descriptors. Numbers above 1024, none left, and none that a started program would inherit. */
#include "looped.h"
#include "tour.h"

#include "support/cluster.h"
#include "support/proxy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};
#define TYPES 2

static const char *const ways[] = {"host=127.0.0.1 sslmode=disable", "socket", "host=127.0.0.1 sslmode=require"};
#define WAYS 3

static const char *way(int i)
{
	return strcmp(ways[i], "socket") == 0 ? pgtest_format("host='%s'", pgtest_server_now()->socketdir) : ways[i];
}

static cluster *with_tls; /* for all tests */

static int start_tls(void **state)
{
	(void)state;
	with_tls = cluster_start(NULL, NULL);
	cluster_tls(with_tls, "good");
	return 0;
}

static int stop_tls(void **state)
{
	(void)state;
	cluster_stop(with_tls);
	return 0;
}

static void use_tls(void)
{
	pgtest_use(cluster_server(with_tls));
}

static void stop_using_tls(void)
{
	assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
	pgtest_use(NULL);
}

/* Each type and each way once, if not each with each. */
static bool is_tried(int i)
{
	return !pgtest_evented() || i % TYPES == i / TYPES % TYPES;
}

/* --------------------------------------------------------------------------- taking descriptors */

#define MOST 1200

/* What is taken away from everybody else, until it is given back. */
static struct {
	int fds[MOST], count;
	struct rlimit limit;
} hoard;

static int open_nothing(void)
{
	return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void set_limit(rlim_t most)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &hoard.limit), 0);
	limit = hoard.limit;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < most)
		skip();
	limit.rlim_cur = most;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* All but so many. */
static void hoard_all_but(int left)
{
	int fd = open_nothing();

	assert_true(fd >= 0);
	close(fd);
	set_limit((rlim_t)fd + 64);
	while ((fd = open_nothing()) >= 0)
		hoard.fds[hoard.count++] = fd;
	assert_int_equal(errno, EMFILE);
	for (int i = 0; i < left; i++)
		close(hoard.fds[--hoard.count]);
}

static void give_all_back(void)
{
	while (hoard.count > 0)
		close(hoard.fds[--hoard.count]);
	setrlimit(RLIMIT_NOFILE, &hoard.limit);
}

static int end_hoarding(void **state)
{
	give_all_back();
	return handles_teardown(state);
}

#define DESCRIPTOR_TEST(test) cmocka_unit_test_setup_teardown(test, handles_setup, end_hoarding)

/* ------------------------------------------------------------------------------- above 1024 */

static void b37_descriptors_above_1024_are_as_good_as_others(void **state)
{
	(void)state;
	set_limit(2 * MOST);
	use_tls();
	while (hoard.count < 1100)
		hoard.fds[hoard.count++] = open_nothing();
	assert_true(hoard.fds[hoard.count - 1] > 1100);
	for (int i = 0; i < TYPES * WAYS; i++) {
		PGconn *conn;
		borrower waits;
		pgm_db *db;

		if (!is_tried(i))
			continue;
		db = must_open("%s %s", types[i % TYPES], way(i / TYPES));
		conn = must_acquire(db);
		assert_true(PQsocket(conn) > 1024);
		borrow_in_thread(&waits, db, 20);
		assert_false(borrowed_within(&waits, 5000));
		/* On async it is the same thread that has it. */
		assert_int_equal(waits.err.code, pgtest_evented() && i % TYPES == 0 ? PGM_ERR_MISUSE : PGM_ERR_TIMEOUT);
		pgtest_terminate(PQbackendPID(conn));
		pgm_release(conn);
		outlive_trust();
		pgm_release(must_acquire(db)); /* it is noticed, and replaced */
		tour(db);
		pgm_close(db);
	}
	stop_using_tls();
}

/* What the loop says of a descriptor is looked up by its number. */
static void b37_descriptors_above_1024_on_an_event_loop(void **state)
{
	answers a = {.wanted = 200};
	pgm_db *db;
	loop *l;

	(void)state;
	set_limit(2 * MOST);
	while (hoard.count < 1100)
		hoard.fds[hoard.count++] = open_nothing();
	l = loop_new();
	db = loop_open(l, "type=async_pool async_pool.min_size=3 async_pool.max_size=3");
	for (int i = 0; i < a.wanted; i++)
		must_submit(db, "SELECT 1", &a);
	must_answer(l, &a);
	assert_int_equal(a.failed, 0);
	turn_until_stats(l, db, idle, 3);
	for (int i = 0; i < 4; i++) /* the one by which other threads call, too */
		assert_true(loop_watched(l, i) > 1024);
	loop_free(l);
}

/* ------------------------------------------------------------------------------------- EMFILE */

static void check_out_of_descriptors(const pgm_error *err)
{
	assert_contains(err->message, strerror(EMFILE));
	if (err->code != PGM_ERR_IO && err->code != PGM_ERR_CONNECT)
		fail_msg("%s: %s", pgm_code_name(err->code), err->message);
}

/* With none, with one, ... until there are enough: each time it is said, and nothing is left behind. */
static void b37_too_few_descriptors_are_a_clean_error_of_pgm_open(void **state)
{

	(void)state;
	use_tls();
	for (int i = 0; i < TYPES * WAYS; i++) {
		const char *path = pgtest_yaml_file("%s %s", types[i % TYPES], way(i / TYPES));
		int before, needed = 0;
		pgm_db *db = NULL;

		if (!is_tried(i))
			continue;
		pgm_close(must_open("%s", way(i / TYPES))); /* what libraries open once */
		before = pgtest_fds();
		for (; !db && needed < 10; needed++) {
			pgm_error err;

			hoard_all_but(needed);
			db = pgm_open(path, PGM_FROM_CONFIG, &err);
			give_all_back();
			if (!db)
				check_out_of_descriptors(&err);
			if (!db)
				assert_int_equal(pgtest_fds(), before);
		}
		assert_non_null(db);
		assert_in_range(needed - 1, 3, 6); /* the pipe, a socket, and what TLS reads meanwhile */
		tour(db);
		pgm_close(db);
	}
	stop_using_tls();
}

static void b37_too_few_descriptors_are_a_clean_error_of_pgm_acquire_on_normal(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	pgm_db *db = must_open_with(&lazy, NULL);
	int64_t start = pgtest_now_ms();
	pgm_error err;

	(void)state;
	hoard_all_but(0);
	assert_null(pgm_acquire(db, &err));
	assert_within(start, 1000);
	assert_int_equal(err.code, PGM_ERR_CONNECT);
	check_out_of_descriptors(&err);
	give_all_back();
	tour(db);
}

static void b37_too_few_descriptors_are_a_clean_error_of_pgm_acquire_on_a_pool(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	pgm_db *db = must_open_with(&lazy, "type=pool pool.min_size=0 pool.max_size=2");
	borrower waits;
	int64_t start;
	pgm_error err;

	(void)state;
	hoard_all_but(0);
	assert_null(pgm_acquire_for(db, 200, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_contains(err.message, "last connection error");
	assert_contains(err.message, strerror(EMFILE));
	borrow_in_thread(&waits, db, 20000);
	wait_stats(db, waiting, 1);
	assert_true(pgtest_log_wait("could not be opened", slow(3000)));
	start = pgtest_now_ms();
	give_all_back();
	assert_true(borrowed_within(&waits, 5000)); /* it recovers by itself */
	assert_within(start, 1500);
	pgm_release(waits.conn);
	tour(db);
}

/* With one of three open the pool is smaller, not broken, and whole again by itself. */
static void b37_too_few_descriptors_make_the_keeper_try_again(void **state)
{
	pgm_db *db;
	pgm_error err;

	(void)state;
	hoard_all_but(3); /* a pipe and a socket */
	db = must_open("type=pool pool.min_size=3 pool.max_size=3");
	assert_true(pgtest_log_wait("could not be opened", slow(3000)));
	assert_int_equal(stats_of(db).size, 1);
	for (int i = 0; i < 10; i++)
		pgm_release(must_acquire(db));
	assert_false(pgm_wait_ready(db, 50, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_contains(err.message, strerror(EMFILE));
	give_all_back();
	assert_true(pgm_wait_ready(db, slow(6000), &err));
	assert_int_equal(stats_of(db).size, 3);
}

/* Cancelling wants a descriptor: without one the connection is given up, in time. */
static void b37_too_few_descriptors_do_not_keep_release_waiting(void **state)
{
	/* It cannot be cancelled on the server, which goes on with it. */
	const pgm_query query = {.sql = "SELECT pg_sleep(0.5)", .timeout_ms = 50};

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		pgm_code code = PGM_OK;
		int64_t start;
		pgm_error err;

		PQsendQuery(conn, "SELECT generate_series(1, 20000000), repeat('x', 1000)");
		hoard_all_but(0);
		start = pgtest_now_ms();
		pgm_release(conn);
		assert_true(pgm_submit(db, &query, tour_note_code, &code, &err));
		assert_true(pgm_wait(db, -1, &err));
		assert_within(start, 2000);
		assert_int_equal(code, PGM_ERR_TIMEOUT);
		conn = must_acquire(db); /* in the place of the one that was closed */
		assert_true(works(conn));
		pgm_release(conn);
		give_all_back();
		tour(db);
		pgm_close(db);
	}
}

/* --------------------------------------------------------------------------------- FD_CLOEXEC */

static bool inherited[MOST]; /* from who started us */

static void note_inherited(void)
{
	for (int fd = 0; fd < MOST; fd++)
		inherited[fd] = fcntl(fd, F_GETFD) >= 0;
}

/* Descriptors that a program started now would inherit, and should not. */
static int leaking_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < MOST; fd++) {
		int flags = fcntl(fd, F_GETFD);

		if (flags >= 0 && !inherited[fd] && !(flags & FD_CLOEXEC)) {
			print_error("descriptor %d is inherited over exec\n", fd);
			count++;
		}
	}
	return count;
}

static bool look_while_configuring(PGconn *conn, void *arg, pgm_error *err)
{
	(void)conn;
	(void)err;
	*(int *)arg += leaking_descriptors();
	return true;
}

static void b37_no_descriptor_is_inherited_over_exec(void **state)
{
	int leaking = 0;

	(void)state;
	use_tls();
	for (int i = 0; i < TYPES * WAYS; i++) {
		const pgm_open_options options = {.hooks = {.configure = look_while_configuring, .arg = &leaking}};
		pgm_db *db = must_open_with(&options, "%s %s", types[i % TYPES], way(i / TYPES));
		PGconn *conn = must_acquire(db);

		assert_int_equal(leaking_descriptors(), 0);
		PQreset(conn);
		assert_int_equal(leaking_descriptors(), 0);
		pgm_release(conn);
	}
	assert_int_equal(leaking_descriptors(), 0);
	assert_int_equal(leaking, 0);
	pgm_clear_cache(NULL);
	stop_using_tls();
}

static void b37_nor_is_one_while_connecting(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	proxy *p = proxy_start();
	borrower waits[TYPES];

	(void)state;
	proxy_set(p, PROXY_HOLD);
	for (int t = 0; t < TYPES; t++)
		borrow_in_thread(&waits[t], must_open_with(&lazy, "%s port=%d", types[t], proxy_port(p)), 20000);
	assert_true(proxy_wait_accepted(p, TYPES, slow(5000)));
	assert_int_equal(leaking_descriptors(), 0);
	proxy_set(p, PROXY_FORWARD);
	for (int t = 0; t < TYPES; t++) {
		assert_true(borrowed_within(&waits[t], 5000));
		pgm_release(waits[t].conn);
	}
	proxy_stop(p);
}

/* In a child the sockets are others, and the pipes new. It ends without a word, and tells through this memory. */
static void b37_nor_is_one_in_a_forked_child(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=2 pool.max_size=2");
	PGconn *conn = must_acquire(db);
	int *leaking = mmap(NULL, sizeof *leaking, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	(void)state;
	assert_true(leaking != MAP_FAILED);
	*leaking = -1;
	child = pgtest_fork();
	if (child == 0) {
		*leaking = leaking_descriptors();
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_int_equal(*leaking, 0);
	munmap(leaking, sizeof *leaking);
	pgm_release(conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DESCRIPTOR_TEST(b37_descriptors_above_1024_are_as_good_as_others),
		TEST_OF(EVENTED_ONLY, b37_descriptors_above_1024_on_an_event_loop, handles_setup, end_hoarding),
		DESCRIPTOR_TEST(b37_too_few_descriptors_are_a_clean_error_of_pgm_open),
		/* Event-driven it is the same as a pool's. */
		TEST_OF(BLOCKING_ONLY, b37_too_few_descriptors_are_a_clean_error_of_pgm_acquire_on_normal,
			handles_setup, end_hoarding),
		DESCRIPTOR_TEST(b37_too_few_descriptors_are_a_clean_error_of_pgm_acquire_on_a_pool),
		DESCRIPTOR_TEST(b37_too_few_descriptors_make_the_keeper_try_again),
		DESCRIPTOR_TEST(b37_too_few_descriptors_do_not_keep_release_waiting),
		DESCRIPTOR_TEST(b37_no_descriptor_is_inherited_over_exec),
		DESCRIPTOR_TEST(b37_nor_is_one_while_connecting),
		DESCRIPTOR_TEST(b37_nor_is_one_in_a_forked_child),
	};

	note_inherited();
	return run_handle_tests_in(tests, start_tls, stop_tls);
}
