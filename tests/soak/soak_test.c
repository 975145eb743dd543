/* B42: every fault together. See soak.h. */
#include "soak.h"

#include "integration/handles.h"

#include <inttypes.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

/* max_lifetime, max_idle and connect_timeout are short, so that ageing and giving up are part of it. */
#define COMMON "connect_timeout=5 sslmode=disable gssencmode=disable "
#define POOL                                                                                                    \
	COMMON "type=pool pool.min_size=3 pool.max_size=8 pool.timeout=20 pool.max_idle=2 pool.max_lifetime=7 " \
	       "pool.check_on_checkout="

#define ASYNC_POOL                                                                                  \
	COMMON "type=async_pool async_pool.min_size=1 async_pool.max_size=3 async_pool.timeout=20 " \
	       "async_pool.max_idle=2 async_pool.max_lifetime=7 async_pool.check_on_checkout="

static target targets[] = {
	{.name = "normal", .yaml = COMMON "type=normal", .writers = 6, .rests_at = 1},
	{.name = "normal, proxied", .yaml = COMMON "type=normal", .writers = 6, .proxied = true, .rests_at = 1},
	{.name = "pool", .yaml = POOL "false", .writers = 16, .rests_at = 3},
	{.name = "pool, proxied", .yaml = POOL "true", .writers = 16, .proxied = true, .rests_at = 3},
	{.name = "async", .yaml = COMMON "type=async", .writers = 2, .own = true, .rests_at = 1},
	{.name = "async_pool", .yaml = ASYNC_POOL "false", .writers = 2, .own = true, .rests_at = 1},
	{.name = "async_pool, proxied",
	 .yaml = ASYNC_POOL "true",
	 .writers = 2,
	 .proxied = true,
	 .own = true,
	 .rests_at = 1},
};
#define TARGETS (int)(sizeof targets / sizeof *targets)

/* --------------------------------------------------------------------------------------- chance */

uint64_t soak_random(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9E3779B97F4A7C15);

	x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

int soak_between(uint64_t *state, int least, int most)
{
	return least + (int)(soak_random(state) % (uint64_t)(most - least + 1));
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoull(text, NULL, 10) : otherwise;
}

/* ------------------------------------------------------------------------------------------ log */

/* No lock: a child of fork logs too. */
static atomic_int log_lines, log_secrets;

static void count_line(pgm_log_level level, const char *message, void *arg)
{
	(void)level;
	atomic_fetch_add(&log_lines, 1);
	if (strstr(message, arg))
		atomic_fetch_add(&log_secrets, 1);
}

/* ---------------------------------------------------------------------------------------- world */

static void set_up(world *w)
{
	static char password[128];

	w->cluster = cluster_start(NULL, NULL);
	pgtest_use(cluster_server(w->cluster));
	pgtest_exec("CREATE TABLE soak (writer int, number int)");
	pgtest_exec("GRANT ALL ON soak TO %s", pgtest_server_now()->user);
	w->proxy = proxy_start();
	w->targets = targets;
	w->ntargets = TARGETS;
	for (int i = 0; i < TARGETS; i++) {
		int port = targets[i].proxied ? proxy_port(w->proxy) : atoi(pgtest_server_now()->port);

		targets[i].config = pgtest_config("%s port=%d", targets[i].yaml, port);
	}
	snprintf(password, sizeof password, "%s", pgtest_server_now()->password);
	pgm_set_log(PGM_LOG_DEBUG, count_line, password);
}

static void tear_down(const world *w)
{
	pgm_set_log(PGM_LOG_WARNING, NULL, NULL);
	for (int i = 0; i < TARGETS; i++)
		pgm_config_free(targets[i].config);
	proxy_stop(w->proxy);
	cluster_stop(w->cluster);
}

pgm_db *soak_open(const world *w, const target *t, pgm_error *err)
{
	return pgm_manager_open(w->manager, t->config, NULL, err);
}

static void must_make_manager(world *w)
{
	pgm_error err;

	w->manager = pgm_manager_new(&err);
	if (!w->manager)
		fail_msg("%s", err.message);
}

/* What is made once per process, here and in libpq, is made before anything is counted. */
static void warm_up(world *w)
{
	must_make_manager(w);
	for (int i = 0; i < TARGETS; i++) {
		pgm_error err;
		pgm_db *db = soak_open(w, &targets[i], &err);

		if (!db || !pgm_wait_ready(db, slow(10000), &err))
			fail_msg("%s", err.message);
		soak_tell(i, soak_write_one(db, i, atomic_load(&soak_ledger[i].rows)));
	}
	pgm_manager_free(w->manager);
	pgtest_connections_become(NULL, 0, slow(5000));
}

/* ----------------------------------------------------------------------------- what must not grow */

typedef struct held {
	int descriptors, threads;
	long heap; /* bytes in use; 0: not known here */
} held;

static long heap_in_use(void)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	struct mallinfo2 info = mallinfo2();

	return pgtest_under_valgrind() ? 0 : (long)(info.uordblks + info.hblkhd);
#else
	return 0; /* the sanitizers look for leaks by themselves */
#endif
}

static held count_held(void)
{
	return (held){.descriptors = pgtest_fds(), .threads = pgtest_threads(), .heap = heap_in_use()};
}

/* The tools of the tests keep every text they make until the end, some kilobytes for each restart. */
#define SLACK (64 * 1024)
#define SLACK_PER_RESTART (16 * 1024)

static void expect_no_growth(const held *before, int restarts)
{
	held now;

	assert_true(pgtest_connections_become(NULL, 0, slow(5000)));
	assert_true(pgtest_threads_become(before->threads, slow(5000)));
	assert_true(descriptors_become(before->descriptors));
	now = count_held();
	print_message("# heap: %ld bytes more\n", now.heap - before->heap);
	assert_true(now.heap - before->heap <= SLACK + (long)restarts * SLACK_PER_RESTART);
}

/* ------------------------------------------------------------------------------------- the course */

static writer writers[WRITERS];
static pgtest_thread *threads[WRITERS];

/* Under valgrind, where one runs at a time, a few of each stand for all. */
static int writers_of(const target *t)
{
	return pgtest_under_valgrind() ? 2 : t->writers;
}

static int start_writers(world *w)
{
	uint64_t random = w->seed;
	int n = 0;

	for (int t = 0; t < TARGETS; t++) {
		for (int i = 0; i < writers_of(&targets[t]); i++, n++) {
			writers[n] =
				(writer){.world = w, .target = &targets[t], .id = n, .random = soak_random(&random)};
			soak_ledger[n] = (account){0};
		}
	}
	pgtest_exec("TRUNCATE soak");
	for (int i = 0; i < n; i++)
		threads[i] = pgtest_run(soak_write, &writers[i]);
	return n;
}

/* Once all is well again each of them commits, soon. */
static void expect_progress(int n)
{
	int before[WRITERS];
	int64_t start = pgtest_now_ms();

	for (int i = 0; i < n; i++)
		before[i] = atomic_load(&soak_ledger[i].committed);
	for (int i = 0; i < n; i++) {
		while (atomic_load(&soak_ledger[i].committed) == before[i] &&
		       atomic_load(&soak_ledger[i].rows) < MOST_ROWS && ms_since(start) < slow(20000))
			blink();
		if (atomic_load(&soak_ledger[i].committed) == before[i] &&
		    atomic_load(&soak_ledger[i].rows) < MOST_ROWS)
			fail_msg("writer %d (%s) does not get anywhere", i, writers[i].target->name);
	}
}

static int64_t stop_writers(world *w, int n)
{
	int64_t longest = 0;

	atomic_store(&w->stop, true);
	for (int i = 0; i < n; i++) {
		if (!pgtest_done(threads[i], slow(30000)))
			pgtest_die("writer %d (%s) hangs", i, writers[i].target->name);
		pgtest_join(threads[i]);
		if (writers[i].longest_wait_ms > longest)
			longest = writers[i].longest_wait_ms;
	}
	return longest;
}

/* Nothing lent, nobody waiting, and as many connections as asked for, no more: also as the server sees it. */
static void expect_rest(const world *w)
{
	int expected = 0;

	for (int i = 0; i < TARGETS; i++) {
		pgm_error err;
		pgm_db *db = soak_open(w, &targets[i], &err);
		int64_t start = pgtest_now_ms();
		pgm_stats s;

		if (!db)
			fail_msg("%s: %s", targets[i].name, err.message);
		do {
			pgm_wait(db, 0, NULL); /* event-driven: it does nothing by itself */
			blink();
			s = stats_of(db);
		} while ((s.size != targets[i].rests_at || s.idle != s.size || s.opening) &&
			 ms_since(start) < slow(10000));
		assert_int_equal(s.size, targets[i].rests_at);
		assert_int_equal(s.idle, targets[i].rests_at);
		assert_int_equal(s.lent, 0);
		assert_int_equal(s.waiting, 0);
		expected += targets[i].rests_at;
	}
	/* One may just be replaced for its age. */
	assert_true(pgtest_connections_become(NULL, expected, slow(5000)));
}

static void b42_every_row_is_accounted_for(void **state)
{
	world w = {.seed = number_of("PGM_SOAK_SEED", (uint64_t)pgtest_now_ms() ^ ((uint64_t)getpid() << 32))};
	int seconds = (int)number_of("PGM_SOAK_SECONDS", 60), totals[OUTCOMES] = {0};
	int n, wrong, restarts;
	int64_t longest;
	held before;

	(void)state;
	print_message("# PGM_SOAK_SEED=%" PRIu64 " PGM_SOAK_SECONDS=%d\n", w.seed, seconds);
	set_up(&w);
	warm_up(&w);
	before = count_held();
	must_make_manager(&w);
	n = start_writers(&w);
	soak_harm(&w, seconds);
	expect_progress(n);
	longest = stop_writers(&w, n);
	restarts = soak_tell_harm();
	expect_rest(&w);
	wrong = soak_audit(totals);
	print_message(
		"# %d rows committed, %d failed, %d unknown; longest wait for a connection %.1f s; %d lines logged\n",
		totals[COMMITTED], totals[FAILED], totals[UNKNOWN], (double)longest / 1000, atomic_load(&log_lines));
	assert_int_equal(wrong, 0);
	assert_int_equal(atomic_load(&log_secrets), 0);
	pgm_manager_free(w.manager);
	expect_no_growth(&before, restarts);
	tear_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(b42_every_row_is_accounted_for)};

#if defined(__GLIBC__)
	mallopt(M_ARENA_MAX, 1); /* mallinfo2 counts one arena */
#endif
	return cmocka_run_group_tests(tests, NULL, NULL);
}
