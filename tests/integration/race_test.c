/* B26: a waiter that leaves in the very moment in which it is served neither loses nor doubles a connection. */
#include "handles.h"

#include <stdatomic.h>

#define THREADS 64
#define MOST_CONNECTIONS 3

/* Encounters of a time limit with a connection that comes back: acquires that had to wait. */
static int encounters(void)
{
	return getenv("PGM_TEST_SLOW") ? 10000 : 100000;
}

/* Who has which, by the threads' own account. */
typedef struct possession {
	_Atomic(PGconn *) conn;
	atomic_int holders;
} possession;

typedef struct race {
	pgm_db *db;
	int connections, hold_us;
	atomic_bool over;
	atomic_int got, timed_out;
	possession had[MOST_CONNECTIONS];
} race;

typedef struct racer {
	race *race;
	unsigned seed;
} racer;

static possession *possession_of(race *r, PGconn *conn)
{
	for (int i = 0; i < r->connections; i++) {
		PGconn *seen = NULL;

		if (atomic_compare_exchange_strong(&r->had[i].conn, &seen, conn) || seen == conn)
			return &r->had[i];
	}
	pgtest_die("there are more than %d connections", r->connections);
}

static void hold(racer *me)
{
	struct timespec pause = {.tv_nsec = rand_r(&me->seed) % me->race->hold_us * 1000L};

	nanosleep(&pause, NULL);
}

static void have_it(racer *me, PGconn *conn)
{
	possession *p = possession_of(me->race, conn);

	thread_must(atomic_fetch_add(&p->holders, 1) == 0);
	thread_must(PQtransactionStatus(conn) == PQTRANS_IDLE);
	hold(me);
	thread_must(atomic_fetch_sub(&p->holders, 1) == 1);
	atomic_fetch_add(&me->race->got, 1);
	pgm_release(conn);
}

/* One millisecond is when a waiter begins to be handed what comes back, two is past it. */
static void *run_race(void *arg)
{
	racer *me = arg;

	while (!atomic_load(&me->race->over)) {
		pgm_error err;
		PGconn *conn = pgm_acquire_for(me->race->db, 1 + rand_r(&me->seed) % 2, &err);

		if (conn) {
			have_it(me, conn);
			continue;
		}
		thread_must(err.code == PGM_ERR_TIMEOUT);
		atomic_fetch_add(&me->race->timed_out, 1);
	}
	return NULL;
}

/* As many as there should be, each once, each good. */
static void count_connections(pgm_db *db, int connections)
{
	PGconn *conns[MOST_CONNECTIONS];
	pgm_error err;

	for (int i = 0; i < connections; i++) {
		conns[i] = must_got(pgm_acquire_for(db, 0, &err), &err);
		assert_true(works(conns[i]));
		for (int k = 0; k < i; k++)
			assert_ptr_not_equal(conns[k], conns[i]);
	}
	assert_null(pgm_acquire_for(db, 0, &err));
	for (int i = 0; i < connections; i++)
		pgm_release(conns[i]);
	assert_int_equal(pgtest_connections(NULL), connections);
}

static void check_account(race *r)
{
	pgm_stats stats = stats_of(r->db);
	int got = atomic_load(&r->got), timed_out = atomic_load(&r->timed_out);

	print_message("%lld waited, %d got one, %d left without\n", (long long)stats.waited, got, timed_out);
	assert_int_equal(stats.acquired, got);
	assert_int_equal(stats.timed_out, timed_out);
	assert_int_equal(stats.waiting, 0);
	assert_int_equal(stats.lent, 0);
	assert_int_equal(stats.idle, r->connections);
	assert_int_equal(stats.opened, r->connections);
}

/* Both outcomes often enough: else it was no race. */
static bool is_enough(race *r)
{
	int least = encounters() / 100;

	return stats_of(r->db).waited >= encounters() && atomic_load(&r->got) >= least &&
	       atomic_load(&r->timed_out) >= least;
}

static void race_for(pgm_db *db, int connections, int hold_us)
{
	race r = {.db = db, .connections = connections, .hold_us = hold_us};
	pgtest_thread *threads[THREADS];
	racer racers[THREADS];
	pgm_error err;

	assert_true(pgm_wait_ready(db, slow(5000), &err));
	for (int i = 0; i < THREADS; i++) {
		racers[i] = (racer){.race = &r, .seed = (unsigned)i + 1};
		threads[i] = pgtest_run(run_race, &racers[i]);
	}
	while (!is_enough(&r))
		blink();
	atomic_store(&r.over, true);
	for (int i = 0; i < THREADS; i++)
		pgtest_join(threads[i]);
	check_account(&r);
	count_connections(db, connections);
}

static void b26_a_waiter_that_leaves_as_it_is_served_on_a_pool(void **state)
{
	(void)state;
	race_for(must_open("type=pool pool.min_size=3 pool.max_size=3"), 3, 1000);
}

static void b26_a_waiter_that_leaves_as_it_is_served_on_normal(void **state)
{
	(void)state;
	race_for(must_open(NULL), 1, 500);
}

/* ------------------------------------------------------------------------- event-driven types */

/*
 * Statements that want a whole connection, as a loan does, and whose time is up when their turn comes: the same
 * encounter in one thread, with the deadline that cancels what runs as a third in it.
 */
typedef struct crowd {
	pgm_db *db;
	unsigned seed;
	int accepted, answered, fine, late;
} crowd;

static void submit_in_a_hurry(crowd *c);

static void note_outcome(PGresult *res, const pgm_error *err, void *arg)
{
	crowd *c = arg;

	PQclear(res);
	c->answered++;
	c->fine += !err;
	c->late += err && err->code == PGM_ERR_TIMEOUT;
	if (err && err->code != PGM_ERR_TIMEOUT)
		fail_msg("%s", err->message);
	if (c->accepted < encounters() / 40)
		submit_in_a_hurry(c);
}

static void submit_in_a_hurry(crowd *c)
{
	const pgm_query query = {
		.sql = "SELECT pg_sleep(0.0005)", .flags = PGM_LONG, .timeout_ms = 5 + rand_r(&c->seed) % 15};

	assert_true(pgm_submit(c->db, &query, note_outcome, c, NULL));
	c->accepted++;
}

static void b26_a_deadline_that_passes_as_its_statement_is_served(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=3 pool.max_size=3");
	crowd c = {.db = db, .seed = 26};
	pgm_error err;

	(void)state;
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	for (int i = 0; i < 30; i++)
		submit_in_a_hurry(&c);
	assert_true(pgm_wait(db, slow(60000), &err));
	print_message("%d in time, %d late\n", c.fine, c.late);
	assert_int_equal(c.answered, c.accepted);
	assert_int_equal(c.fine + c.late, c.accepted);
	assert_true(c.fine > 0 && c.late > 0);
	wait_stats(db, idle, 3); /* none lost, none doubled, none left behind for a statement that had gone */
	assert_int_equal(stats_of(db).waiting, 0);
	assert_int_equal(stats_of(db).lost, 0);
	count_connections(db, 3);
}

static void *close_soon(void *arg)
{
	static atomic_uint seed;
	struct timespec pause = {.tv_nsec = atomic_fetch_add(&seed, 37) % 200 * 1000L};

	nanosleep(&pause, NULL);
	pgm_close(arg);
	return NULL;
}

/* The thread sanitizer sees what they would do to each other. */
static void b25_giving_back_beside_closing(void **state)
{
	(void)state;
	for (int i = 0; i < (getenv("PGM_TEST_SLOW") ? 30 : 200); i++) {
		pgm_config *config = pgtest_config("type=async");
		pgm_db *db = pgm_open_config(config, PGM_FROM_CONFIG, NULL);
		PGconn *conn = pgm_acquire(db, NULL);
		pgtest_thread *thread;

		pgm_config_free(config);
		assert_non_null(conn);
		must_run(conn, "SELECT 1");
		thread = pgtest_run(close_soon, db);
		poll(NULL, 0, i % 2);
		pgm_release(conn);
		pgtest_join(thread);
		assert_int_equal(stats_of(db).size, 0);
		pgm_clear_cache(NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLOCKING_TEST(b26_a_waiter_that_leaves_as_it_is_served_on_a_pool),
		BLOCKING_TEST(b26_a_waiter_that_leaves_as_it_is_served_on_normal),
		EVENTED_TEST(b26_a_deadline_that_passes_as_its_statement_is_served),
		EVENTED_TEST(b25_giving_back_beside_closing),
	};

	return run_handle_tests(tests);
}
