/* B41, and the cache as a whole: the same configuration gives the same handle. */
#include "handles.h"
#include "support/proxy.h"

#include <fcntl.h>
#include <sys/stat.h>

static pgm_cache_stats cache(void)
{
	pgm_cache_stats stats;

	pgm_cache_info(NULL, &stats, sizeof stats);
	return stats;
}

static pgm_db *must_open_path(const char *path)
{
	pgm_error err;
	pgm_db *db = pgm_open(path, PGM_FROM_CONFIG, &err);

	if (!db)
		fail_msg("%s", err.message);
	return db;
}

/* ----------------------------------------------------------------------------------------- B41 */

#define CALLERS 64
#define MAX_SIZE 4

typedef struct opener {
	const char *path;
	pgtest_barrier *start;
	pgm_db *db;
	pgm_error err;
} opener;

static void *open_and_use(void *arg)
{
	opener *o = arg;
	PGconn *conn;

	pgtest_barrier_wait(o->start);
	o->db = pgm_open(o->path, PGM_FROM_CONFIG, &o->err);
	if (!o->db)
		return NULL;
	conn = pgm_acquire(o->db, &o->err);
	thread_must(conn && works(conn));
	pgm_release(conn);
	return NULL;
}

static void open_together(opener *openers, const char *path)
{
	pgtest_thread *threads[CALLERS];
	pgtest_barrier start;

	pgtest_barrier_init(&start, CALLERS);
	for (int i = 0; i < CALLERS; i++) {
		openers[i] = (opener){.path = path, .start = &start};
		threads[i] = pgtest_run(open_and_use, &openers[i]);
	}
	for (int i = 0; i < CALLERS; i++)
		pgtest_join(threads[i]);
	pgtest_barrier_destroy(&start);
}

/* The proxy counts what the server would see, failed attempts and all. */
static void b41_64_threads_open_the_same_file_at_once(void **state)
{
	static opener openers[CALLERS];
	proxy *p = proxy_start();
	const char *path = pgtest_yaml_file("port=%d sslmode=disable gssencmode=disable type=pool pool.min_size=2 "
					    "pool.max_size=%d",
					    proxy_port(p), MAX_SIZE);
	int64_t misses = cache().misses;

	(void)state;
	for (int round = 1; round <= 5; round++) {
		int before = proxy_accepted(p);

		open_together(openers, path);
		for (int i = 0; i < CALLERS; i++)
			assert_ptr_equal(openers[i].db, openers[0].db);
		assert_in_range(proxy_accepted(p) - before, 1, MAX_SIZE);
		assert_in_range(stats_of(openers[0].db).opened, 1, MAX_SIZE);
		assert_int_equal(stats_of(openers[0].db).acquired, CALLERS);
		assert_int_equal(cache().misses - misses, round);
		assert_int_equal(cache().handles, 1);
		pgm_close(openers[0].db);
	}
	proxy_stop(p);
}

/* An event-driven handle is its thread's: as many as there are threads, none shared, none opened twice. */
static void b41_each_thread_that_opens_the_file_gets_one_event_driven_handle(void **state)
{
	static opener openers[CALLERS];
	const char *path = pgtest_yaml_file("type=pool pool.min_size=1 pool.max_size=1");
	int64_t misses = cache().misses;
	pgm_db *mine;

	(void)state;
	open_together(openers, path);
	for (int i = 0; i < CALLERS; i++) {
		if (!openers[i].db)
			fail_msg("%s", openers[i].err.message);
		assert_int_equal(stats_of(openers[i].db).opened, 1);
		for (int k = 0; k < i; k++)
			assert_ptr_not_equal(openers[k].db, openers[i].db);
	}
	assert_int_equal(cache().misses - misses, CALLERS);
	mine = must_open_path(path);
	assert_ptr_equal(must_open_path(path), mine);
	assert_int_equal(cache().misses - misses, CALLERS + 1);
}

/* All are told, and the server is not stormed. */
static void b41_64_threads_open_what_fails(void **state)
{
	static opener openers[CALLERS];
	const char *path = pgtest_yaml_file("password=wrong type=pool");

	(void)state;
	open_together(openers, path);
	for (int i = 0; i < CALLERS; i++) {
		assert_null(openers[i].db);
		assert_int_equal(openers[i].err.code, PGM_ERR_AUTH);
		assert_string_equal(openers[i].err.sqlstate, "28P01");
	}
	assert_int_equal(cache().handles, 0);
}

/* --------------------------------------------------------------------------------------- files */

static void the_same_file_gives_the_same_handle(void **state)
{
	const char *path = pgtest_yaml_file(NULL);
	pgm_db *db = must_open_path(path);
	int64_t hits = cache().hits, reads;
	struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	pgm_error err;

	(void)state;
	assert_ptr_equal(must_open_path(path), db);
	assert_int_equal(cache().hits, hits + 1);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0); /* long settled: need not be read again */
	must_open_path(path);
	reads = cache().file_reads;
	for (int i = 0; i < 10; i++)
		assert_ptr_equal(must_open_path(path), db);
	assert_int_equal(cache().file_reads, reads);
	assert_ptr_not_equal(pgm_open(path, PGM_POOL, &err), db);
	assert_ptr_equal(pgm_open(path, pgtest_evented() ? PGM_ASYNC : PGM_NORMAL, &err), db);
	assert_int_equal(cache().handles, 2);
}

static void the_same_configuration_gives_the_same_handle(void **state)
{
	pgm_db *db = must_open("sync.statement_timeout=1000 type=pool");

	(void)state;
	assert_ptr_equal(must_open("type=pool sync.statement_timeout=1000"), db);
	assert_ptr_equal(must_open("type=pool sync.statement_timeout=1000 port=0%s", pgtest_server_now()->port), db);
	assert_ptr_not_equal(must_open("type=pool sync.statement_timeout=2000"), db);
	assert_ptr_equal(must_open_path(pgtest_yaml_file("type=pool sync.statement_timeout=1000")), db);
}

/* The same size, within the same tick of the clock that file times go by. */
static void a_changed_file_is_noticed_even_within_the_same_moment(void **state)
{
	const char *first = pgtest_yaml("sync.statement_timeout=1111"),
		   *second = pgtest_yaml("sync.statement_timeout=2222");
	const char *path = pgtest_file("changing.yaml", first);

	(void)state;
	for (int i = 0; i < 10; i++) {
		const char *content = i % 2 ? second : first;
		FILE *file = fopen(path, "we"); /* in place: the inode stays */
		PGconn *conn;
		pgm_db *db;

		fputs(content, file);
		fclose(file);
		db = must_open_path(path);
		conn = must_acquire(db);
		assert_string_equal(ask(conn, "SHOW statement_timeout"), i % 2 ? "2222ms" : "1111ms");
		pgm_release(conn);
	}
	assert_int_equal(cache().handles, 2);
}

static void a_file_that_went_wrong_is_an_error_and_the_handle_stays(void **state)
{
	const char *path = pgtest_file("broken.yaml", pgtest_yaml(NULL));
	pgm_db *db = must_open_path(path);
	PGconn *conn;
	pgm_error err;

	(void)state;
	pgtest_file("broken.yaml", "connection_settings: [");
	assert_null(pgm_open(path, PGM_FROM_CONFIG, &err));
	assert_int_equal(err.code, PGM_ERR_CONFIG);
	assert_contains(err.message, "broken.yaml:");
	assert_null(pgm_open(pgtest_format("%s.none", path), PGM_FROM_CONFIG, &err));
	assert_int_equal(err.code, PGM_ERR_IO);
	assert_null(pgm_open(NULL, PGM_FROM_CONFIG, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	conn = must_acquire(db);
	pgm_release(conn);
}

/* ------------------------------------------------------------------------------------- closing */

static void assert_closed(pgm_db *db)
{
	pgm_error err;

	assert_null(pgm_acquire(db, &err));
	assert_int_equal(err.code, PGM_ERR_CLOSED);
	assert_false(pgm_wait(db, 0, &err));
	assert_int_equal(err.code, PGM_ERR_CLOSED);
	assert_false(pgm_wait_ready(db, 0, &err));
	assert_int_equal(err.code, PGM_ERR_CLOSED);
}

static void force_reload_closes_the_old_handle(void **state)
{
	const pgm_open_options reload = {.force_reload = true};
	pgm_db *old = must_open("type=pool");
	pgm_db *fresh = must_open_with(&reload, "type=pool");

	(void)state;
	assert_ptr_not_equal(fresh, old);
	assert_closed(old);
	assert_ptr_equal(must_open("type=pool"), fresh);
	assert_int_equal(cache().handles, 1);
}

static void clear_cache_closes_every_handle(void **state)
{
	pgm_db *a = must_open(NULL), *b = must_open("type=pool");
	const char *path = pgtest_yaml_file("type=pool pool.min_size=1");
	pgm_db *c = must_open_path(path);

	(void)state;
	assert_int_equal(cache().handles, 3);
	pgm_clear_cache(NULL);
	assert_int_equal(cache().handles, 0);
	assert_closed(a);
	assert_closed(b);
	assert_closed(c);
	assert_true(pgtest_connections_become(NULL, 0, slow(2000)));
	assert_ptr_not_equal(must_open_path(path), c);
	assert_closed(c);
}

static void a_closed_handle_is_opened_anew(void **state)
{
	const char *path = pgtest_yaml_file(NULL);

	(void)state;
	for (int i = 0; i < 3; i++) {
		pgm_db *db = must_open_path(path);
		PGconn *conn = must_acquire(db);

		assert_true(works(conn));
		pgm_release(conn);
		pgm_close(db);
		assert_closed(db);
	}
}

static void a_failing_open_is_not_cached(void **state)
{
	proxy *p = proxy_start();
	const char *path = pgtest_yaml_file("port=%d", proxy_port(p));
	pgm_error err;

	(void)state;
	proxy_set(p, PROXY_REFUSE);
	assert_null(pgm_open(path, PGM_FROM_CONFIG, &err));
	assert_int_equal(err.code, PGM_ERR_CONNECT);
	assert_int_equal(cache().handles, 0);
	proxy_set(p, PROXY_FORWARD);
	must_open_path(path);
	proxy_stop(p);
}

/* ------------------------------------------------------------------------------------ managers */

static void two_managers_share_nothing(void **state)
{
	pgm_manager *m = pgm_manager_new(NULL);
	pgm_config *config = pgtest_config(NULL);
	pgm_db *here = must_open(NULL);
	pgm_db *there = pgm_manager_open(m, config, NULL, NULL);
	pgm_cache_stats stats;
	PGconn *conn;

	(void)state;
	assert_non_null(there);
	assert_ptr_not_equal(here, there);
	assert_ptr_equal(pgm_manager_open(m, config, NULL, NULL), there);
	pgm_cache_info(m, &stats, sizeof stats);
	assert_int_equal(stats.handles, 1);
	assert_int_equal(stats.hits, 1);
	assert_int_equal(stats.misses, 1);
	pgm_clear_cache(NULL);
	assert_closed(here);
	conn = must_acquire(there);
	assert_true(works(conn));
	pgm_release(conn);
	pgm_config_free(config);
	pgm_manager_free(m);
}

static bool yes(PGconn *conn, void *arg, pgm_error *err)
{
	(void)conn;
	(void)arg;
	(void)err;
	return true;
}

static void hooks_are_part_of_the_key(void **state)
{
	const pgm_open_options hooked = {.hooks = {.check = yes}};
	pgm_db *plain = must_open(NULL), *with_hook = must_open_with(&hooked, NULL);

	(void)state;
	assert_ptr_not_equal(plain, with_hook);
	assert_ptr_equal(must_open_with(&hooked, NULL), with_hook);
}

static void clearing_the_cache_reaches_what_is_being_opened(void **state)
{
	proxy *p = proxy_start();
	static opener o;
	pgtest_barrier start;
	pgtest_thread *thread;

	(void)state;
	pgtest_barrier_init(&start, 1);
	proxy_set(p, PROXY_HOLD);
	o = (opener){.path = pgtest_yaml_file("port=%d", proxy_port(p)), .start = &start};
	thread = pgtest_run(open_and_use, &o);
	assert_true(proxy_wait_accepted(p, 1, slow(3000)));
	pgm_clear_cache(NULL);
	proxy_set(p, PROXY_FORWARD);
	pgtest_join(thread);
	assert_null(o.db);
	assert_int_equal(o.err.code, PGM_ERR_CLOSED);
	pgtest_barrier_destroy(&start);
	proxy_stop(p);
}

/* A struct that has grown since the caller was compiled: no more is written than it has room for. */
static void statistics_respect_the_callers_size(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=3 pool.max_size=7");
	pgm_stats stats;
	pgm_cache_stats cached;

	(void)state;
	memset(&stats, 0x5a, sizeof stats);
	pgm_db_stats(db, &stats, 8);
	assert_int_equal(stats.min_size, 3);
	assert_int_equal(stats.max_size, 7);
	assert_int_equal(stats.size, 0x5a5a5a5a);
	memset(&cached, 0x5a, sizeof cached);
	pgm_cache_info(NULL, &cached, 8);
	assert_int_equal(cached.handles, 1);
	assert_true(cached.hits == INT64_C(0x5a5a5a5a5a5a5a5a));
	pgm_db_stats(NULL, &stats, sizeof stats);
	assert_int_equal(stats.max_size, 0);
}

static pgm_error inner_error;

static bool open_the_same(PGconn *conn, void *arg, pgm_error *err)
{
	const pgm_open_options options = {.hooks = {.configure = open_the_same, .arg = arg}};
	const pgm_db *db = pgm_manager_open(NULL, arg, &options, &inner_error);

	(void)conn;
	(void)err;
	return db == NULL;
}

static void opening_the_same_from_inside_is_misuse_and_no_deadlock(void **state)
{
	pgm_config *config = pgtest_config(NULL);
	const pgm_open_options options = {.hooks = {.configure = open_the_same, .arg = config}};
	pgm_error err;

	(void)state;
	assert_non_null(pgm_manager_open(NULL, config, &options, &err));
	assert_int_equal(inner_error.code, PGM_ERR_MISUSE);
	pgm_clear_cache(NULL);
	pgm_config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(opening_the_same_from_inside_is_misuse_and_no_deadlock),
		BLOCKING_TEST(b41_64_threads_open_the_same_file_at_once),
		EVENTED_TEST(b41_each_thread_that_opens_the_file_gets_one_event_driven_handle),
		HANDLE_TEST(b41_64_threads_open_what_fails),
		HANDLE_TEST(the_same_file_gives_the_same_handle),
		HANDLE_TEST(the_same_configuration_gives_the_same_handle),
		HANDLE_TEST(a_changed_file_is_noticed_even_within_the_same_moment),
		HANDLE_TEST(a_file_that_went_wrong_is_an_error_and_the_handle_stays),
		HANDLE_TEST(force_reload_closes_the_old_handle),
		HANDLE_TEST(clear_cache_closes_every_handle),
		HANDLE_TEST(a_closed_handle_is_opened_anew),
		HANDLE_TEST(a_failing_open_is_not_cached),
		HANDLE_TEST(two_managers_share_nothing),
		HANDLE_TEST(hooks_are_part_of_the_key),
		HANDLE_TEST(clearing_the_cache_reaches_what_is_being_opened),
		HANDLE_TEST(statistics_respect_the_callers_size),
	};

	return run_handle_tests(tests);
}
