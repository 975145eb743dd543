/*
 * A handle on an event loop, from its opening to its end: whose it is, what its callbacks may do (B39), what other
 * threads may do, and how it closes.
 */
#include "looped.h"
#include "support/proxy.h"

#include <sys/wait.h>

#define POOL "type=async_pool async_pool.min_size=1 async_pool.max_size=3"

/* --------------------------------------------------------------------------------- whose it is */

static pgm_db *open_bound(const pgm_loop *bound, const char *settings)
{
	const pgm_open_options options = {.loop = bound};
	pgm_db *db = must_open_with(&options, "%s", settings);

	loop_attach(bound, db);
	return db;
}

static void the_same_loop_gives_the_same_handle_and_another_loop_another(void **state)
{
	loop *l = loop_new(), *other = loop_new();
	const pgm_loop *bound = loop_bind(l);
	pgm_db *db = open_bound(bound, POOL), *elsewhere = open_bound(loop_bind(other), POOL);
	answers a = {.calls = 0}, b = {.calls = 0};

	(void)state;
	assert_ptr_equal(open_bound(bound, POOL), db);
	assert_ptr_not_equal(elsewhere, db);
	assert_ptr_not_equal(must_open(POOL), db); /* without a loop */
	must_submit(db, "SELECT 'here'", &a);
	must_submit(elsewhere, "SELECT 'there'", &b);
	must_answer(l, &a);
	assert_int_equal(b.calls, 0);
	must_answer(other, &b);
	assert_string_equal(a.value, "here");
	assert_string_equal(b.value, "there");
	loop_free(other);
	assert_string_equal(ask_on(l, db, "SELECT 'still here'").value, "still here");
	loop_free(l);
}

static void two_handles_share_a_loop(void **state)
{
	loop *l = loop_new();
	pgm_db *db[2] = {loop_open(l, POOL), loop_open(l, "type=async application_name='%s'", pgtest_application())};
	answers a = {.wanted = 200};

	(void)state;
	for (int i = 0; i < a.wanted; i++)
		must_submit(db[i % 2], "SELECT 1", &a);
	must_answer(l, &a);
	pgm_close(db[0]);
	assert_string_equal(ask_on(l, db[1], "SELECT 42").value, "42");
	loop_free(l);
}

/* ------------------------------------------------------------------------------ other threads */

typedef struct foreign {
	pgm_db *db;
	PGconn *conn;
	pgm_code submitted, asked, sent;
	answers a;
} foreign;

static void *call_all(void *arg)
{
	const pgm_query query = {.sql = "SELECT 1"};
	foreign *f = arg;
	pgm_error err;

	thread_must(!pgm_submit(f->db, &query, take_result, &f->a, &err));
	f->submitted = err.code;
	thread_must(!pgm_acquire_async(f->db, take_lease, &f->a, &err));
	f->asked = err.code;
	thread_must(!pgm_send(f->conn, &query, take_result, &f->a, &err));
	f->sent = err.code;
	pgm_ready(f->db, PQsocket(f->conn), PGM_READ);
	pgm_tick(f->db);
	return NULL;
}

static void a_handle_belongs_to_the_thread_that_uses_it_first(void **state)
{
	loop *l = loop_new();
	foreign f = {.db = loop_open(l, POOL)};

	(void)state;
	f.conn = must_lend_on(l, f.db);
	pgtest_join(pgtest_run(call_all, &f));
	assert_int_equal(f.submitted, PGM_ERR_MISUSE);
	assert_int_equal(f.asked, PGM_ERR_MISUSE);
	assert_int_equal(f.sent, PGM_ERR_MISUSE);
	assert_int_equal(f.a.calls, 0);
	assert_true(works(f.conn));
	pgm_release(f.conn);
	loop_free(l);
}

static void *open_and_leave(void *arg)
{
	const pgm_open_options options = {.loop = arg};
	pgm_config *config = pgtest_config(POOL);
	pgm_db *db = pgm_manager_open(NULL, config, &options, NULL);

	pgm_config_free(config);
	return db;
}

static void a_handle_may_be_opened_by_another_thread_than_its_loops(void **state)
{
	loop *l = loop_new();
	const pgm_loop *bound = loop_bind(l);
	pgm_db *db = pgtest_join(pgtest_run(open_and_leave, (void *)bound));

	(void)state;
	loop_attach(bound, db);
	assert_string_equal(ask_on(l, db, "SELECT 42").value, "42");
	loop_free(l);
}

static void *release_there(void *conn)
{
	pgm_release(conn);
	return NULL;
}

/* Clean or not; the loop has nothing else to do, and no timer is near. */
static void what_another_thread_gives_back_comes_back_at_once(void **state)
{
	static const char *const uses[] = {"SELECT 1", "BEGIN"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		loop *l = loop_new();
		pgm_db *db = loop_open(l, "type=async");
		PGconn *conn = must_lend_on(l, db);

		must_run(conn, uses[i]);
		loop_run(l, 20);
		pgtest_join(pgtest_run(release_there, conn));
		turn_until_stats(l, db, idle, 1);
		assert_int_equal(stats_of(db).rolled_back, i);
		assert_int_equal(pgtest_log_count("the handle is another thread's"), i + 1);
		assert_string_equal(ask_on(l, db, "SELECT 42").value, "42");
		loop_free(l);
	}
}

static void *drain_there(void *db)
{
	pgm_drain(db);
	return NULL;
}

static void what_another_thread_drains_is_replaced_at_once(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, POOL);
	answers before = ask_on(l, db, "SELECT pg_backend_pid()"), after;

	(void)state;
	turn_until_stats(l, db, idle, 1);
	pgtest_join(pgtest_run(drain_there, db));
	turn_until_stats(l, db, opened, 2);
	after = ask_on(l, db, "SELECT pg_backend_pid()");
	assert_string_not_equal(after.value, before.value);
	loop_free(l);
}

/* That makes the handle nobody's: the loop's thread is the one that uses it first. */
static void what_another_thread_drains_before_its_loop_comes_by_is_the_loops(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, POOL);

	(void)state;
	pgtest_join(pgtest_run(drain_there, db));
	assert_string_equal(ask_on(l, db, "SELECT 42").value, "42");
	loop_free(l);
}

static void *close_there(void *db)
{
	pgm_close(db);
	return NULL;
}

static bool is_closed(void *bound)
{
	return loop_has_closed(bound);
}

/* Callbacks and the loop's functions are called on the loop's thread, where it is sure to come by. */
static void what_another_thread_closes_ends_on_the_loop_at_once(void **state)
{
	(void)state;
	for (int under_way = 0; under_way < 2; under_way++) {
		loop *l = loop_new();
		const pgm_loop *bound = loop_bind(l);
		pgm_db *db = open_bound(bound, POOL);
		answers a = {.calls = 0};

		ask_on(l, db, "SELECT 1");
		if (under_way)
			must_submit(db, "SELECT pg_sleep(0.5)", &a);
		loop_run(l, 20);
		pgtest_join(pgtest_run(close_there, db));
		assert_false(loop_has_closed(bound));
		assert_int_equal(a.calls, 0);
		assert_true(loop_run_until(l, slow(1000), is_closed, (void *)bound));
		assert_int_equal(a.calls, under_way);
		if (under_way)
			expect_code(&a, PGM_ERR_CLOSED);
		assert_int_equal(stats_of(db).size, 0);
		loop_free(l);
	}
}

typedef struct last_one {
	pgm_db *db;
	PGconn *conn;
	int wait_us;
} last_one;

static void *close_and_give_back(void *arg)
{
	last_one *last = arg;

	poll(NULL, 0, last->wait_us / 1000);
	pgm_close(last->db);
	pgm_release(last->conn);
	return NULL;
}

/* What is watched is the loop's to be told of, also where the handle is closed: by then, or while it ends there. */
static void b25_b39_what_another_thread_closes_and_gives_back_ends_on_the_loop(void **state)
{
	const pgm_query slow_query = {.sql = "SELECT pg_sleep(0.2)"};

	(void)state;
	for (int i = 0; i < 24; i++) {
		loop *l = loop_new();
		const pgm_loop *bound = loop_bind(l);
		last_one last = {.db = open_bound(bound, POOL), .wait_us = i % 3 * 1000};
		answers sent = {.calls = 0}, others = {.wanted = 20};
		pgtest_thread *thread;

		last.conn = must_lend_on(l, last.db);
		if (i % 2)
			assert_true(pgm_send(last.conn, &slow_query, take_result, &sent, NULL));
		for (int k = 0; k < others.wanted; k++)
			must_submit(last.db, "SELECT 1", &others);
		thread = pgtest_run(close_and_give_back, &last);
		if (i % 4 < 2) {
			pgtest_join(thread);
			assert_int_equal(others.calls, 0);
		}
		assert_true(loop_run_until(l, slow(5000), is_closed, (void *)bound));
		if (i % 4 >= 2)
			pgtest_join(thread);
		assert_int_equal(others.calls, others.wanted);
		assert_int_equal(sent.calls, i % 2);
		loop_free(l);
	}
}

static void one_that_was_never_used_can_be_closed_by_anybody(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, POOL);

	(void)state;
	pgm_db_stats(db, &(pgm_stats){0}, sizeof(pgm_stats));
	pgm_close(db);
	loop_free(l);
}

/* ------------------------------------------------------------------------ from inside of a callback */

typedef struct inner {
	loop *l;
	const pgm_loop *bound;
	pgm_manager *manager;
	pgm_db *db;
	PGconn *conn; /* lent, where the callback is that of a loan */
	int depth, calls;
	bool ended; /* no more will come */
	answers later;
} inner;

typedef void inside(inner *);

static void submit_inside(inner *in)
{
	must_submit(in->db, "SELECT 1", &in->later);
}

static void submit_again(PGresult *res, const pgm_error *err, void *arg)
{
	const pgm_query query = {.sql = "SELECT 1"};
	inner *in = arg;

	PQclear(res);
	assert_null(err);
	if (in->depth++ < 100)
		assert_true(pgm_submit(in->db, &query, submit_again, in, NULL));
	else
		in->later.calls++;
}

static void submit_in_a_chain_inside(inner *in)
{
	submit_again(NULL, NULL, in);
}

static void keep_later(PGconn *conn, const pgm_error *err, void *arg)
{
	take_lease(conn, err, arg);
	pgm_release(conn);
}

static void acquire_inside(inner *in)
{
	assert_true(pgm_acquire_async(in->db, keep_later, &in->later, NULL));
}

static void block_inside(inner *in)
{
	pgm_error err;

	assert_null(pgm_acquire(in->db, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(pgm_wait(in->db, 1000, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	in->later.calls++;
}

static void drain_inside(inner *in)
{
	pgm_drain(in->db);
	submit_inside(in);
}

/* What the loop calls, called from where it does not come from. */
static void turn_inside(inner *in)
{
	for (int fd = 0; fd < 64; fd++)
		pgm_ready(in->db, fd, PGM_READ | PGM_WRITE);
	pgm_tick(in->db);
	submit_inside(in);
}

static void close_inside(inner *in)
{
	pgm_close(in->db);
	in->ended = true;
	in->later.calls++;
}

static void close_and_try_inside(inner *in)
{
	const pgm_query query = {.sql = "SELECT 1"};
	pgm_error err;

	submit_inside(in); /* it is accepted, so it is answered */
	pgm_close(in->db);
	in->ended = true;
	assert_int_equal(in->later.calls, 1);
	expect_code(&in->later, PGM_ERR_CLOSED);
	assert_false(pgm_submit(in->db, &query, take_result, &in->later, &err));
	assert_int_equal(err.code, PGM_ERR_CLOSED);
	assert_false(pgm_acquire_async(in->db, take_lease, &in->later, &err));
	assert_int_equal(err.code, PGM_ERR_CLOSED);
}

static void free_the_manager_inside(inner *in)
{
	pgm_release(in->conn);
	in->conn = NULL;
	pgm_manager_free(in->manager);
	in->manager = NULL;
	in->ended = true;
	in->later.calls++;
}

static void send_inside(inner *in)
{
	const pgm_query query = {.sql = "SELECT 1"};

	if (in->conn)
		assert_true(pgm_send(in->conn, &query, take_result, &in->later, NULL));
	else
		in->later.calls++;
}

static void release_and_acquire_inside(inner *in)
{
	pgm_release(in->conn);
	in->conn = NULL;
	acquire_inside(in);
}

static void finish_inside(inner *in)
{
	if (in->conn)
		PQfinish(in->conn);
	in->conn = NULL;
	submit_inside(in);
}

static inside *const insides[] = {
	submit_inside,
	submit_in_a_chain_inside,
	acquire_inside,
	block_inside,
	drain_inside,
	turn_inside,
	close_inside,
	close_and_try_inside,
	free_the_manager_inside,
	send_inside,
	release_and_acquire_inside,
	finish_inside,
};
#define INSIDES (sizeof insides / sizeof *insides)
static inside *now_inside;

static void in_result(PGresult *res, const pgm_error *err, void *arg)
{
	inner *in = arg;

	(void)err;
	PQclear(res);
	in->calls++;
	now_inside(in);
}

static void in_lease(PGconn *conn, const pgm_error *err, void *arg)
{
	inner *in = arg;

	assert_null(err);
	in->conn = conn;
	in->calls++;
	now_inside(in);
}

static void open_inner(inner *in, const char *settings)
{
	pgm_open_options options = {.size = sizeof options};
	pgm_config *config = pgtest_config("%s", settings);
	pgm_error err;

	*in = (inner){.l = loop_new(), .manager = pgm_manager_new(NULL)};
	options.loop = in->bound = loop_bind(in->l);
	in->db = pgm_manager_open(in->manager, config, &options, &err);
	pgm_config_free(config);
	assert_non_null(in->db);
	loop_attach(in->bound, in->db);
}

static void close_inner(inner *in)
{
	must_answer(in->l, &in->later);
	loop_run(in->l, 5);
	assert_int_equal(in->calls, 1);
	assert_int_equal(in->later.calls, 1);
	assert_int_equal(loop_has_closed(in->bound), in->ended);
	pgm_release(in->conn);
	if (in->manager)
		pgm_close(in->db);
	assert_true(loop_has_closed(in->bound));
	loop_free(in->l);
	pgm_manager_free(in->manager);
}

static const char *const small[] = {"type=async", POOL};

static void b39_everything_is_allowed_inside_the_callback_of_a_statement(void **state)
{
	const pgm_query query = {.sql = "SELECT 1"};

	(void)state;
	for (size_t i = 0; i < 2 * INSIDES; i++) {
		inner in;

		open_inner(&in, small[i % 2]);
		now_inside = insides[i / 2];
		assert_true(pgm_submit(in.db, &query, in_result, &in, NULL));
		close_inner(&in);
	}
}

/* On async what is submitted from inside of it waits until the connection comes back. */
static void b39_everything_is_allowed_inside_the_callback_of_a_loan(void **state)
{
	(void)state;
	for (size_t i = 0; i < INSIDES; i++) {
		inner in;

		open_inner(&in, POOL);
		now_inside = insides[i];
		assert_true(pgm_acquire_async(in.db, in_lease, &in, NULL));
		close_inner(&in);
	}
}

/* The callback that closes is one of many: the others are answered inside of it. */
static void b39_closing_inside_a_callback_answers_all_the_others(void **state)
{
	const pgm_query query = {.sql = "SELECT 1"};
	inner in;
	answers others = {.wanted = 100};

	(void)state;
	open_inner(&in, POOL);
	now_inside = close_inside;
	must_submit(in.db, "SELECT 1", &others);
	assert_true(pgm_submit(in.db, &query, in_result, &in, NULL));
	for (int i = 1; i < others.wanted; i++)
		must_submit(in.db, "SELECT pg_sleep(0.01)", &others);
	must_answer(in.l, &others);
	assert_int_equal(others.calls, 100);
	expect_code(&others, PGM_ERR_CLOSED);
	close_inner(&in);
}

static void b39_the_end_of_an_idle_connection_is_noticed_and_made_good(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, "type=async_pool async_pool.min_size=2 async_pool.max_size=3");
	answers a = ask_on(l, db, "SELECT pg_backend_pid()");

	(void)state;
	turn_until_stats(l, db, idle, 2);
	pgtest_terminate(atoi(a.value));
	turn_until_stats(l, db, lost, 1);
	assert_int_equal(pgtest_log_count("57P01"), 1);
	turn_until_stats(l, db, opened, 3); /* no thread, nobody asked for one: the timer alone */
	turn_until_stats(l, db, idle, 2);
	assert_never_stalled(l);
	loop_free(l);
}

/* --------------------------------------------------------------------------------------- closing */

static void closing_answers_all_that_is_under_way_at_once(void **state)
{
	loop *l = loop_new();
	const pgm_loop *bound = loop_bind(l);
	pgm_db *db = open_bound(bound, POOL);
	PGconn *conn = must_lend_on(l, db);
	answers a = {.wanted = 50}, loan = {.calls = 0};
	int64_t start;

	(void)state;
	for (int i = 0; i < a.wanted; i++)
		must_submit(db, "SELECT pg_sleep(0.5)", &a);
	assert_true(pgm_acquire_async(db, take_lease, &loan, NULL));
	loop_run(l, 100);
	start = pgtest_now_ms();
	pgm_close(db);
	assert_within(start, 1000);
	assert_int_equal(a.calls, a.wanted);
	expect_code(&a, PGM_ERR_CLOSED);
	assert_int_equal(loan.calls, 1);
	expect_code(&loan, PGM_ERR_CLOSED);
	assert_true(loop_has_closed(bound)); /* the loop may go: what is lent needs it no more */
	assert_true(works(conn));
	pgm_release(conn);
	assert_int_equal(stats_of(db).size, 0);
	loop_free(l);
}

static void closing_while_connecting_answers_at_once(void **state)
{
	proxy *p = proxy_start();
	loop *l = loop_new();
	pgm_db *db = loop_open(l, POOL " port=%d", proxy_port(p));
	answers a = {.calls = 0};

	(void)state;
	proxy_set(p, PROXY_HOLD);
	must_submit(db, "SELECT 1", &a);
	loop_run(l, 50);
	assert_int_equal(stats_of(db).opening, 1);
	pgm_close(db);
	assert_int_equal(a.calls, 1);
	expect_code(&a, PGM_ERR_CLOSED);
	loop_free(l);
	proxy_stop(p);
}

static void clearing_the_cache_closes_handles_on_their_loops(void **state)
{
	loop *l = loop_new();
	const pgm_loop *bound[2] = {loop_bind(l), loop_bind(l)};
	pgm_db *db[2] = {open_bound(bound[0], POOL), open_bound(bound[1], "type=async")};
	answers a = {.wanted = 2};

	(void)state;
	for (int i = 0; i < 2; i++)
		must_submit(db[i], "SELECT pg_sleep(0.5)", &a);
	loop_run(l, 50);
	pgm_clear_cache(NULL);
	assert_int_equal(a.calls, 2);
	expect_code(&a, PGM_ERR_CLOSED);
	for (int i = 0; i < 2; i++)
		assert_true(loop_has_closed(bound[i]));
	loop_free(l);
}

/* ------------------------------------------------------------------------------ exit, fork */

#define STATUS 7

static loop *exit_loop;
static answers exit_answers;
static bool leaves;

/* After the library's own, since main has it registered before. */
static void check_at_exit(void)
{
	if (leaves)
		_exit(exit_answers.calls == exit_answers.wanted ? STATUS : 1);
}

static pgm_db *exit_open(void)
{
	exit_loop = loop_new();
	return loop_open(exit_loop, POOL);
}

static void exit_idle(void)
{
	ask_on(exit_loop, exit_open(), "SELECT 1");
	exit(STATUS);
}

static void exit_with_statements_under_way(void)
{
	pgm_db *db = exit_open();

	exit_answers.wanted = 20;
	ask_on(exit_loop, db, "SELECT 1");
	for (int i = 0; i < 20; i++)
		must_submit(db, "SELECT pg_sleep(0.5)", &exit_answers);
	loop_run(exit_loop, 50);
	exit(STATUS);
}

static void exit_while_lent(void)
{
	must_lend_on(exit_loop, exit_open());
	exit(STATUS);
}

static void exit_in_callback(PGresult *res, const pgm_error *err, void *arg)
{
	(void)err;
	(void)arg;
	PQclear(res);
	exit(STATUS);
}

static void exit_inside_a_callback(void)
{
	const pgm_query query = {.sql = "SELECT 1"};
	pgm_db *db = exit_open();

	exit_answers.wanted = 1;
	ask_on(exit_loop, db, "SELECT 1");
	assert_true(pgm_submit(db, &query, exit_in_callback, NULL, NULL));
	must_submit(db, "SELECT pg_sleep(0.5)", &exit_answers);
	loop_run(exit_loop, 5000);
}

/* The process ends as it was told, within a second, and every callback was made. */
static void expect_exit(void (*leave)(void))
{
	pid_t pid = pgtest_fork();
	int64_t start = pgtest_now_ms();
	int status;

	if (pid == 0) {
		leaves = true;
		leave();
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_within(start, 3000);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), STATUS);
}

static void b36_exit_answers_what_is_under_way_on_a_loop(void **state)
{
	static void (*const ways[])(void) = {exit_idle, exit_with_statements_under_way, exit_while_lent,
					     exit_inside_a_callback};

	(void)state;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		expect_exit(ways[i]);
}

/* What the parent waits for is not the child's, nor is the loop. */
static void b35_a_child_makes_no_callback_and_leaves_the_loop_alone(void **state)
{
	loop *l = loop_new();
	pgm_db *db = loop_open(l, POOL);
	answers a = {.calls = 0};
	int status;
	pid_t pid;

	(void)state;
	ask_on(l, db, "SELECT 1");
	loop_forget_figures(l);
	must_submit(db, "SELECT pg_sleep(0.2), 'parent'", &a);
	loop_turn(l, 20);
	loop_forget_figures(l);
	pid = pgtest_fork();
	if (pid == 0) {
		pgm_close(db);
		_exit(a.calls == 0 && loop_figures_of(l).watches == 0 && loop_figures_of(l).timers == 0 ? STATUS : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == STATUS);
	must_answer(l, &a);
	expect_code(&a, PGM_OK);
	assert_int_equal(stats_of(db).lost, 0);
	loop_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(the_same_loop_gives_the_same_handle_and_another_loop_another),
		HANDLE_TEST(two_handles_share_a_loop),
		HANDLE_TEST(a_handle_belongs_to_the_thread_that_uses_it_first),
		HANDLE_TEST(a_handle_may_be_opened_by_another_thread_than_its_loops),
		HANDLE_TEST(what_another_thread_gives_back_comes_back_at_once),
		HANDLE_TEST(what_another_thread_drains_is_replaced_at_once),
		HANDLE_TEST(what_another_thread_drains_before_its_loop_comes_by_is_the_loops),
		HANDLE_TEST(what_another_thread_closes_ends_on_the_loop_at_once),
		HANDLE_TEST(b25_b39_what_another_thread_closes_and_gives_back_ends_on_the_loop),
		HANDLE_TEST(one_that_was_never_used_can_be_closed_by_anybody),
		HANDLE_TEST(b39_everything_is_allowed_inside_the_callback_of_a_statement),
		HANDLE_TEST(b39_everything_is_allowed_inside_the_callback_of_a_loan),
		HANDLE_TEST(b39_closing_inside_a_callback_answers_all_the_others),
		HANDLE_TEST(b39_the_end_of_an_idle_connection_is_noticed_and_made_good),
		HANDLE_TEST(closing_answers_all_that_is_under_way_at_once),
		HANDLE_TEST(closing_while_connecting_answers_at_once),
		HANDLE_TEST(clearing_the_cache_closes_handles_on_their_loops),
		HANDLE_TEST(b36_exit_answers_what_is_under_way_on_a_loop),
		HANDLE_TEST(b35_a_child_makes_no_callback_and_leaves_the_loop_alone),
	};

	atexit(check_at_exit);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
