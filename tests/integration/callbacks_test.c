/*
 * B39: exactly one callback for each pgm_submit, pgm_send and pgm_acquire_async that was accepted, and none for one
 * that was not; and from inside of it everything is allowed.
 */
#include "handles.h"
#include "support/proxy.h"

#include <stdatomic.h>

static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1", "type=async",
				    "type=async_pool async_pool.min_size=1 async_pool.max_size=1"};
#define TYPES 4
#define BLOCKING_TYPES 2

/* What was accepted is answered: on the event-driven types by now, on the others before. */
static void settle(pgm_db *db)
{
	if (pgm_db_type(db) == PGM_ASYNC || pgm_db_type(db) == PGM_ASYNC_POOL)
		pgm_wait(db, slow(20000), NULL);
}

/* The answer to a request to cancel may be on its way still. */
static void expect_none_lent(pgm_db *db)
{
	int64_t start = pgtest_now_ms();

	while (stats_of(db).lent > 0 && ms_since(start) < slow(5000) && pgm_wait(db, 0, NULL))
		poll(NULL, 0, 1);
	assert_int_equal(stats_of(db).lent, 0);
}

/* ---------------------------------------------------------------------------------- how often */

typedef struct answer {
	int calls;
	bool has_result;
	pgm_code code;
	PGconn *conn;
} answer;

static void take_result(PGresult *res, const pgm_error *err, void *arg)
{
	answer *a = arg;

	a->calls++;
	a->has_result = res != NULL;
	a->code = err ? err->code : PGM_OK;
	PQclear(res);
}

static void take_lease(PGconn *conn, const pgm_error *err, void *arg)
{
	answer *a = arg;

	a->calls++;
	a->code = err ? err->code : PGM_OK;
	a->conn = conn;
}

static void expect_one(const answer *a, pgm_code code)
{
	assert_int_equal(a->calls, 1);
	if (a->code != code)
		fail_msg("%s instead of %s", pgm_code_name(a->code), pgm_code_name(code));
}

static const struct statement {
	const char *sql;
	int timeout_ms;
	pgm_code code;
	bool has_result;
} statements[] = {
	{"SELECT 1", 0, PGM_OK, true},
	{"", 0, PGM_OK, true},
	{"SELECT generate_series(1, 1000)", 0, PGM_OK, true},
	{"SELECT 1/0", 0, PGM_ERR_QUERY, true},
	{"this is no SQL", 0, PGM_ERR_QUERY, true},
	{"SELECT 1; SELECT 2", 0, PGM_ERR_QUERY, true},
	{"SELECT pg_sleep(60)", 30, PGM_ERR_TIMEOUT, false},
	{"SELECT generate_series(1, 2000000000)", 30, PGM_ERR_TIMEOUT, false},
	{"SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(10)", 0, PGM_ERR_BROKEN, false},
};
#define STATEMENTS (sizeof statements / sizeof *statements)

static void b39_one_callback_for_each_submit(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);

		for (size_t i = 0; i < STATEMENTS; i++) {
			const pgm_query query = {.sql = statements[i].sql, .timeout_ms = statements[i].timeout_ms};
			answer a = {.calls = 0};
			pgm_error err;

			assert_true(pgm_submit(db, &query, take_result, &a, &err));
			assert_int_equal(err.code, PGM_OK);
			settle(db);
			expect_one(&a, statements[i].code);
			assert_int_equal(a.has_result, statements[i].has_result);
			expect_none_lent(db);
		}
	}
}

static void b39_one_callback_for_each_send(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);

		for (size_t i = 0; i < STATEMENTS; i++) {
			const pgm_query query = {.sql = statements[i].sql, .timeout_ms = statements[i].timeout_ms};
			answer a = {.calls = 0};
			pgm_error err;

			assert_true(pgm_send(conn, &query, take_result, &a, &err));
			assert_int_equal(err.code, PGM_OK);
			settle(db);
			expect_one(&a, statements[i].code);
			assert_int_equal(a.has_result, statements[i].has_result);
		}
		pgm_release(conn);
	}
}

/* No connection is to be had: that is an answer, too. */
static void b39_one_callback_where_there_is_no_connection(void **state)
{
	const pgm_query query = {.sql = "SELECT 1", .timeout_ms = 100};
	proxy *p = proxy_start();

	(void)state;
	proxy_set(p, PROXY_REFUSE);
	for (int t = 0; t < TYPES; t++) {
		const pgm_open_options lazy = {.lazy = true};
		const pgm_code code = t == 0 ? PGM_ERR_CONNECT : PGM_ERR_TIMEOUT;
		pgm_db *db = must_open_with(&lazy, "%s port=%d pool.timeout=1 async_pool.timeout=1", types[t],
					    proxy_port(p));
		answer a = {.calls = 0};
		pgm_error err;

		assert_true(pgm_submit(db, &query, take_result, &a, &err));
		settle(db);
		expect_one(&a, code);
		a = (answer){.calls = 0};
		assert_true(pgm_acquire_async(db, take_lease, &a, &err));
		settle(db);
		expect_one(&a, code);
		assert_null(a.conn);
		pgm_close(db);
	}
	proxy_stop(p);
}

static void b39_one_callback_for_each_lease(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);

		for (int i = 0; i < 3; i++) {
			answer a = {.calls = 0};
			pgm_error err;

			assert_true(pgm_acquire_async(db, take_lease, &a, &err));
			settle(db);
			expect_one(&a, PGM_OK);
			assert_true(works(a.conn));
			assert_int_equal(stats_of(db).lent, 1);
			pgm_release(a.conn);
		}
	}
}

/* Many at once, while connections are killed and the handle is closed in the middle. */
typedef struct crowd {
	pgm_db *db;
	atomic_int accepted, refused, called;
} crowd;

static void count_call(PGresult *res, const pgm_error *err, void *arg)
{
	(void)err;
	PQclear(res);
	atomic_fetch_add(&((crowd *)arg)->called, 1);
}

static void *submit_until_closed(void *arg)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(0.001)", .timeout_ms = 20};
	crowd *c = arg;
	pgm_error err;

	do {
		if (pgm_submit(c->db, &query, count_call, c, &err))
			atomic_fetch_add(&c->accepted, 1);
		else
			atomic_fetch_add(&c->refused, 1);
		if (err.code == PGM_ERR_BUSY)
			blink();
	} while (err.code != PGM_ERR_CLOSED);
	return NULL;
}

static void b39_one_callback_each_under_load(void **state)
{
	enum { SUBMITTERS = 8 };
	pgtest_thread *threads[SUBMITTERS];
	crowd c = {.db = must_open("type=pool pool.min_size=2 pool.max_size=3 pool.max_waiting=3")};

	(void)state;
	for (int i = 0; i < SUBMITTERS; i++)
		threads[i] = pgtest_run(submit_until_closed, &c);
	for (int i = 1; i <= 10; i++) {
		while (atomic_load(&c.called) < 100 * i)
			blink();
		pgtest_exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '%s' "
			    "LIMIT 1",
			    pgtest_application());
	}
	pgm_close(c.db);
	for (int i = 0; i < SUBMITTERS; i++)
		pgtest_join(threads[i]);
	print_message("%d accepted, %d refused\n", atomic_load(&c.accepted), atomic_load(&c.refused));
	assert_int_equal(atomic_load(&c.called), atomic_load(&c.accepted));
	assert_in_range(atomic_load(&c.refused), SUBMITTERS, INT32_MAX);
}

/* Each thread keeps a few dozen under way on a handle of its own, which is closed from elsewhere meanwhile (B25). */
typedef struct owner {
	const char *type;
	_Atomic(pgm_db *) db;
	crowd c;
} owner;

static void *submit_until_closed_elsewhere(void *arg)
{
	owner *o = arg;
	pgm_config *config = pgtest_config("%s", o->type);
	pgm_error err;

	o->c.db = pgm_manager_open(NULL, config, NULL, &err);
	pgm_config_free(config);
	thread_must(o->c.db);
	atomic_store(&o->db, o->c.db);
	do {
		for (int i = 0; i < 40; i++) {
			const pgm_query query = {.sql = "SELECT pg_sleep(0.001)", .timeout_ms = i % 2 ? 20 : 0};

			if (pgm_submit(o->c.db, &query, count_call, &o->c, &err))
				atomic_fetch_add(&o->c.accepted, 1);
			else
				atomic_fetch_add(&o->c.refused, 1);
		}
	} while (pgm_wait(o->c.db, -1, &err));
	thread_must(err.code == PGM_ERR_CLOSED);
	return NULL;
}

static void b39_one_callback_each_on_handles_that_are_closed_by_another_thread(void **state)
{
	static owner owners[] = {{.type = "type=async"},
				 {.type = "type=async_pool async_pool.min_size=1 async_pool.max_size=3"},
				 {.type = "type=async_pool async_pool.min_size=1 async_pool.max_size=2 "
					  "async_pool.max_waiting=5"}};
	enum { OWNERS = sizeof owners / sizeof *owners };
	pgtest_thread *threads[OWNERS];

	(void)state;
	for (int i = 0; i < OWNERS; i++)
		threads[i] = pgtest_run(submit_until_closed_elsewhere, &owners[i]);
	for (int i = 0; i < OWNERS; i++) {
		while (atomic_load(&owners[i].c.called) < 200)
			blink();
		pgtest_exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '%s' "
			    "LIMIT 1",
			    pgtest_application());
	}
	for (int i = 0; i < OWNERS; i++)
		pgm_close(atomic_load(&owners[i].db));
	for (int i = 0; i < OWNERS; i++) {
		assert_true(pgtest_done(threads[i], slow(5000)));
		pgtest_join(threads[i]);
		assert_int_equal(atomic_load(&owners[i].c.called), atomic_load(&owners[i].c.accepted));
		assert_int_equal(stats_of(owners[i].c.db).size, 0);
	}
	assert_true(atomic_load(&owners[2].c.refused) > 0);
}

/* Whose calls are short, so that now and then it is closed between two of them, or as one begins. */
static void *call_until_closed_elsewhere(void *arg)
{
	owner *o = arg;
	const pgm_query query = {.sql = "SELECT 1"};
	const pgm_open_options lazy = {.lazy = true};
	pgm_config *config = pgtest_config("%s", o->type);
	pgm_error err;

	o->c.db = pgm_manager_open(NULL, config, &lazy, NULL);
	pgm_config_free(config);
	thread_must(o->c.db);
	atomic_store(&o->db, o->c.db);
	while (pgm_submit(o->c.db, &query, count_call, &o->c, &err)) {
		atomic_fetch_add(&o->c.accepted, 1);
		for (int i = 0; i < 20 && pgm_wait(o->c.db, 0, &err); i++)
			continue;
	}
	thread_must(err.code == PGM_ERR_CLOSED || err.code == PGM_ERR_BUSY);
	pgm_wait(o->c.db, -1, NULL);
	return NULL;
}

static void b39_one_callback_each_on_handles_that_are_closed_between_two_calls(void **state)
{
	int rounds = pgtest_under_valgrind() ? 20 : 1000;

	(void)state;
	for (int i = 0; i < rounds; i++) {
		owner o = {.type = "type=async"};
		pgtest_thread *thread = pgtest_run(call_until_closed_elsewhere, &o);
		pgm_db *db;

		while (!(db = atomic_load(&o.db)))
			continue;
		for (volatile int k = 0; k < i * 37 % 20000; k++)
			continue;
		pgm_close(db);
		pgtest_join(thread);
		assert_int_equal(atomic_load(&o.c.called), atomic_load(&o.c.accepted));
	}
}

/* ------------------------------------------------------------------------ from inside of one */

/* What a callback does, and on what. */
typedef struct inner {
	pgm_db *db;
	PGconn *conn;	      /* held when the callback came */
	PGconn *keep;	      /* what the callback leaves to be given back */
	pgm_manager *manager; /* the handle's own */
	int depth;
	bool is_closed;
} inner;

typedef void inside(inner *);

static void submit_inside(inner *in)
{
	const pgm_query query = {.sql = "SELECT 1"};
	answer a = {.calls = 0};

	assert_true(pgm_submit(in->db, &query, take_result, &a, NULL));
	settle(in->db);
	expect_one(&a, PGM_OK);
}

static void submit_with_timeout_inside(inner *in)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 20};
	answer a = {.calls = 0};

	assert_true(pgm_submit(in->db, &query, take_result, &a, NULL));
	settle(in->db);
	expect_one(&a, PGM_ERR_TIMEOUT);
}

static void submit_again(PGresult *res, const pgm_error *err, void *arg)
{
	const pgm_query query = {.sql = "SELECT 1"};
	inner *in = arg;

	assert_null(err);
	PQclear(res);
	if (in->depth++ < 100)
		assert_true(pgm_submit(in->db, &query, submit_again, in, NULL));
}

static void submit_in_a_chain_inside(inner *in)
{
	in->depth = 0;
	submit_again(NULL, NULL, in);
	settle(in->db);
	assert_int_equal(in->depth, 101);
}

static void acquire_inside(inner *in)
{
	PGconn *conn = must_acquire(in->db);

	assert_true(works(conn));
	pgm_release(conn);
}

static void acquire_and_keep_inside(inner *in)
{
	in->keep = must_acquire(in->db);
}

static bool select_one(PGconn *conn, void *arg, pgm_error *err)
{
	(void)arg;
	(void)err;
	return works(conn);
}

static void with_inside(inner *in)
{
	assert_true(pgm_with(in->db, select_one, NULL, NULL));
}

static void acquire_async_inside(inner *in)
{
	answer a = {.calls = 0};

	assert_true(pgm_acquire_async(in->db, take_lease, &a, NULL));
	settle(in->db);
	expect_one(&a, PGM_OK);
	pgm_release(a.conn);
}

static void drain_inside(inner *in)
{
	pgm_drain(in->db);
}

static void close_inside(inner *in)
{
	pgm_close(in->db);
	in->is_closed = true;
}

static void close_and_try_inside(inner *in)
{
	const pgm_query query = {.sql = "SELECT 1"};
	answer a = {.calls = 0};
	pgm_error err;

	close_inside(in);
	assert_false(pgm_submit(in->db, &query, take_result, &a, &err));
	assert_int_equal(err.code, PGM_ERR_CLOSED);
	assert_false(pgm_acquire_async(in->db, take_lease, &a, &err));
	assert_int_equal(err.code, PGM_ERR_CLOSED);
	assert_int_equal(a.calls, 0);
}

static void free_the_manager_inside(inner *in)
{
	pgm_manager_free(in->manager);
	in->manager = NULL;
	in->is_closed = true;
}

static void send_inside(inner *in)
{
	const pgm_query query = {.sql = "SELECT 1"};
	answer a = {.calls = 0};

	assert_true(pgm_send(in->conn, &query, take_result, &a, NULL));
	settle(in->db);
	expect_one(&a, PGM_OK);
}

static void release_inside(inner *in)
{
	pgm_release(in->conn);
	in->conn = NULL;
}

static void release_and_acquire_inside(inner *in)
{
	pgm_release(in->conn);
	in->conn = must_acquire(in->db);
}

static void release_and_close_inside(inner *in)
{
	release_inside(in);
	close_inside(in);
}

static void close_and_release_inside(inner *in)
{
	close_inside(in);
	release_inside(in);
}

static void close_and_send_inside(inner *in)
{
	close_inside(in);
	send_inside(in); /* it is lent, and works until it is given back */
}

static void finish_inside(inner *in)
{
	PQfinish(in->conn);
	in->conn = NULL;
}

static void reset_inside(inner *in)
{
	PQreset(in->conn);
	send_inside(in);
}

/* Where nothing is held while the callback runs. */
static inside *const after_submit[] = {
	submit_inside,
	submit_with_timeout_inside,
	submit_in_a_chain_inside,
	acquire_inside,
	acquire_and_keep_inside,
	with_inside,
	acquire_async_inside,
	drain_inside,
	close_inside,
	close_and_try_inside,
	free_the_manager_inside,
};

/* Where a connection is held. */
static inside *const while_held[] = {
	send_inside,
	release_inside,
	release_and_acquire_inside,
	release_and_close_inside,
	close_inside,
	close_and_release_inside,
	close_and_send_inside,
	finish_inside,
	reset_inside,
	free_the_manager_inside,
	drain_inside,
	close_and_try_inside,
};

static void open_inner(inner *in, const char *type)
{
	pgm_config *config = pgtest_config("%s", type);
	pgm_error err;

	*in = (inner){.manager = pgm_manager_new(NULL)};
	in->db = pgm_manager_open(in->manager, config, NULL, &err);
	pgm_config_free(config);
	if (!in->db)
		fail_msg("open: %s", err.message);
}

/* Nothing is lent when all is given back, and the handle goes on, if it is open. */
static void close_inner(inner *in)
{
	pgm_release(in->keep);
	pgm_release(in->conn);
	if (!in->is_closed) {
		expect_none_lent(in->db);
		acquire_inside(in);
	}
	pgm_manager_free(in->manager);
	assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
}

static inside *now_inside;

static void in_result(PGresult *res, const pgm_error *err, void *arg)
{
	(void)err;
	PQclear(res);
	now_inside(arg);
}

static void in_lease(PGconn *conn, const pgm_error *err, void *arg)
{
	inner *in = arg;

	assert_null(err);
	in->conn = conn;
	now_inside(in);
}

/* After a good statement, and one that cost the connection. */
static void b39_everything_is_allowed_in_the_callback_of_submit(void **state)
{
	static const size_t chosen[] = {0, STATEMENTS - 1};

	(void)state;
	for (size_t i = 0; i < TYPES * 2 * (sizeof after_submit / sizeof *after_submit); i++) {
		const struct statement *s = &statements[chosen[i / TYPES % 2]];
		const pgm_query query = {.sql = s->sql, .timeout_ms = s->timeout_ms};
		inner in;

		open_inner(&in, types[i % TYPES]);
		now_inside = after_submit[i / TYPES / 2];
		assert_true(pgm_submit(in.db, &query, in_result, &in, NULL));
		if (i % TYPES >= BLOCKING_TYPES)
			pgm_wait(in.db, slow(20000), NULL);
		close_inner(&in);
	}
}

/* After a good statement, and one that was cancelled. */
static void b39_everything_is_allowed_in_the_callback_of_send(void **state)
{
	static const size_t chosen[] = {0, 6};

	(void)state;
	for (size_t i = 0; i < TYPES * 2 * (sizeof while_held / sizeof *while_held); i++) {
		const struct statement *s = &statements[chosen[i / TYPES % 2]];
		const pgm_query query = {.sql = s->sql, .timeout_ms = s->timeout_ms};
		inner in;

		open_inner(&in, types[i % TYPES]);
		in.conn = must_acquire(in.db);
		now_inside = while_held[i / TYPES / 2];
		assert_true(pgm_send(in.conn, &query, in_result, &in, NULL));
		if (i % TYPES >= BLOCKING_TYPES)
			pgm_wait(in.db, slow(20000), NULL);
		close_inner(&in);
	}
}

static void b39_everything_is_allowed_in_the_callback_of_acquire_async(void **state)
{
	(void)state;
	for (size_t i = 0; i < TYPES * (sizeof while_held / sizeof *while_held); i++) {
		inner in;

		open_inner(&in, types[i % TYPES]);
		now_inside = while_held[i / TYPES];
		assert_true(pgm_acquire_async(in.db, in_lease, &in, NULL));
		if (i % TYPES >= BLOCKING_TYPES)
			pgm_wait(in.db, slow(20000), NULL);
		close_inner(&in);
	}
}

/* The answer that there is no connection. */
static void b39_everything_is_allowed_in_a_callback_without_a_connection(void **state)
{
	static inside *const possible[] = {close_inside, close_and_try_inside, free_the_manager_inside, drain_inside};
	const pgm_query query = {.sql = "SELECT 1", .timeout_ms = 20};

	(void)state;
	for (size_t i = 0; i < TYPES * (sizeof possible / sizeof *possible); i++) {
		bool blocks = i % TYPES < BLOCKING_TYPES;
		borrower other;
		inner in;

		open_inner(&in, types[i % TYPES]);
		if (blocks) {
			borrow_in_thread(&other, in.db, 20000);
			assert_true(borrowed_within(&other, 5000));
		} else {
			other.conn = must_acquire(in.db); /* it is this thread's, and submitting does not wait */
		}
		now_inside = possible[i / TYPES];
		assert_true(pgm_submit(in.db, &query, in_result, &in, NULL));
		if (!blocks)
			pgm_wait(in.db, slow(20000), NULL);
		pgm_release(other.conn);
		close_inner(&in);
	}
}

/* Another thread closes the handle while a statement runs: it is answered by the server, once. */
static void *submit_slowly(void *arg)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(0.2), 'b39 runs'"};
	inner *in = arg;
	answer a = {.calls = 0};

	thread_must(pgm_submit(in->db, &query, take_result, &a, NULL));
	in->depth = a.calls == 1 && a.code == PGM_OK && a.has_result;
	return NULL;
}

static void b39_closing_while_a_statement_runs_leaves_its_answer(void **state)
{
	(void)state;
	for (int t = 0; t < BLOCKING_TYPES; t++) {
		pgtest_thread *thread;
		inner in;

		open_inner(&in, types[t]);
		thread = pgtest_run(submit_slowly, &in);
		assert_true(pgtest_until(slow(5000),
					 "SELECT count(*) = 1 FROM pg_stat_activity WHERE state = 'active' AND "
					 "application_name = '%s' AND query LIKE '%%b39 runs%%'",
					 pgtest_application()));
		close_inside(&in);
		pgtest_join(thread);
		assert_int_equal(in.depth, 1);
		close_inner(&in);
	}
}

/* ------------------------------------------------------------------- on the pool's own thread */

static pgm_db *logged_db;
static pgm_error logged_error;
static atomic_int logged_acquires;

/* Called by the keeper when it finds the dead connection. */
static void acquire_in_log(pgm_log_level level, const char *message, void *arg)
{
	static _Thread_local bool logging;
	PGconn *conn;

	(void)level;
	(void)arg;
	if (logging || !strstr(message, "is dropped"))
		return;
	logging = true;
	conn = pgm_acquire(logged_db, &logged_error);
	pgm_release(conn);
	atomic_fetch_add(&logged_acquires, 1);
	logging = false;
}

/* It would wait for what only that thread can do: open one. */
static void b39_the_pools_own_thread_does_not_wait_for_itself(void **state)
{
	int64_t start;
	int pid;
	PGconn *conn;

	(void)state;
	logged_db = must_open("type=pool pool.min_size=1 pool.max_size=1");
	conn = must_acquire(logged_db);
	pid = PQbackendPID(conn);
	pgm_release(conn);
	pgm_set_log(PGM_LOG_DEBUG, acquire_in_log, NULL);
	start = pgtest_now_ms();
	pgtest_terminate(pid);
	while (atomic_load(&logged_acquires) == 0 && ms_since(start) < slow(10000))
		blink();
	pgtest_log_start(PGM_LOG_DEBUG);
	assert_int_equal(atomic_load(&logged_acquires), 1);
	assert_int_equal(logged_error.code, PGM_ERR_MISUSE);
	conn = must_acquire(logged_db);
	assert_true(works(conn));
	pgm_release(conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b39_the_pools_own_thread_does_not_wait_for_itself),
		HANDLE_TEST(b39_one_callback_for_each_submit),
		HANDLE_TEST(b39_one_callback_for_each_send),
		HANDLE_TEST(b39_one_callback_where_there_is_no_connection),
		HANDLE_TEST(b39_one_callback_for_each_lease),
		HANDLE_TEST(b39_one_callback_each_under_load),
		HANDLE_TEST(b39_one_callback_each_on_handles_that_are_closed_by_another_thread),
		HANDLE_TEST(b39_one_callback_each_on_handles_that_are_closed_between_two_calls),
		HANDLE_TEST(b39_everything_is_allowed_in_the_callback_of_submit),
		HANDLE_TEST(b39_everything_is_allowed_in_the_callback_of_send),
		HANDLE_TEST(b39_everything_is_allowed_in_the_callback_of_acquire_async),
		HANDLE_TEST(b39_everything_is_allowed_in_a_callback_without_a_connection),
		HANDLE_TEST(b39_closing_while_a_statement_runs_leaves_its_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
