/*
 * B38: a thread that is cancelled while it borrows, or has borrowed with pgm_with, leaves nothing behind: no
 * connection, no place in the line, no lock. (A lock that is left shows at once: nothing goes on.)
 */
#include "handles.h"
#include "support/proxy.h"

#include <stdatomic.h>

static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};
#define TYPES 2

/* Ends soon, because it was cancelled. */
static void expect_cancelled(pgtest_thread *thread)
{
	int64_t start = pgtest_now_ms();

	if (!pgtest_done(thread, slow(10000)))
		fail_msg("it goes on for %lld ms", (long long)ms_since(start));
	assert_ptr_equal(pgtest_join(thread), PTHREAD_CANCELED);
}

static void cancel(pgtest_thread *thread)
{
	pthread_cancel(pgtest_thread_id(thread));
	expect_cancelled(thread);
}

/* Nothing is lent, and the only connection can be had, at once. */
static void expect_nothing_left(pgm_db *db, int pid)
{
	pgm_error err;
	PGconn *conn;

	wait_stats(db, lent, 0);
	assert_int_equal(stats_of(db).waiting, 0);
	conn = must_got(pgm_acquire_for(db, 0, &err), &err);
	assert_int_equal(PQbackendPID(conn), pid);
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	assert_true(works(conn));
	pgm_release(conn);
}

/* --------------------------------------------------------------------------------- in the line */

static void b38_cancelled_in_line_nobody_else_loses_his_place(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		int pid = PQbackendPID(conn);
		borrower b[6];

		for (int i = 0; i < 6; i++) {
			borrow_in_thread(&b[i], db, 20000);
			wait_stats(db, waiting, i + 1);
		}
		outlive_trust();		 /* they are owed the connection by now */
		for (int i = 0; i < 6; i += 2) { /* the first, and two from the middle */
			cancel(b[i].thread);
			assert_int_equal(stats_of(db).waiting, 5 - i / 2);
		}
		for (int i = 1; i < 6; i += 2) {
			pgm_release(conn);
			assert_true(borrowed_within(&b[i], 5000));
			conn = b[i].conn;
			assert_int_equal(stats_of(db).waiting, (5 - i) / 2);
		}
		pgm_release(conn);
		expect_nothing_left(db, pid);
	}
}

static void *borrow_and_give_back(void *arg)
{
	pgm_release(pgm_acquire_for(arg, 20000, NULL));
	return NULL;
}

/* Cancelled in the moment in which it is handed the connection, or is woken to take it. The next in line gets it. */
static void b38_cancelled_as_it_is_served(void **state)
{
	int rounds = getenv("PGM_TEST_SLOW") ? 100 : 400, cancelled = 0;

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		int pid = 0;

		for (int i = 0; i < rounds; i++) {
			PGconn *conn = must_acquire(db);
			pgtest_thread *thread = pgtest_run(borrow_and_give_back, db);
			borrower next;

			assert_true(i == 0 || PQbackendPID(conn) == pid);
			pid = PQbackendPID(conn);
			wait_stats(db, waiting, 1);
			borrow_in_thread(&next, db, 20000);
			wait_stats(db, waiting, 2);
			if (i % 3 == 0)
				blink();
			if (i % 2)
				pthread_cancel(pgtest_thread_id(thread));
			pgm_release(conn);
			if (!(i % 2))
				pthread_cancel(pgtest_thread_id(thread));
			assert_true(pgtest_done(thread, slow(3000)));
			cancelled += pgtest_join(thread) == PTHREAD_CANCELED;
			assert_true(borrowed_within(&next, 3000));
			pgm_release(next.conn);
			assert_int_equal(stats_of(db).lent, 0);
			assert_int_equal(stats_of(db).waiting, 0);
		}
		expect_nothing_left(db, pid);
	}
	print_message("%d of %d were cancelled\n", cancelled, TYPES * rounds);
	assert_in_range(cancelled, 1, TYPES * rounds);
}

/* ------------------------------------------------------------------------------- connecting */

/* The attempt goes on without it: the next one gets it. */
static void b38_cancelled_while_connecting(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	proxy *p = proxy_start();

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db =
			must_open_with(&lazy, "%s port=%d sslmode=disable gssencmode=disable", types[t], proxy_port(p));
		int before = proxy_accepted(p);
		borrower impatient, patient;

		proxy_set(p, PROXY_HOLD);
		borrow_in_thread(&impatient, db, 20000);
		assert_true(proxy_wait_accepted(p, before + 1, slow(5000)));
		borrow_in_thread(&patient, db, 20000);
		wait_stats(db, waiting, t == 0 ? 1 : 2);
		cancel(impatient.thread);
		proxy_set(p, PROXY_FORWARD);
		assert_true(borrowed_within(&patient, 5000));
		assert_int_equal(proxy_accepted(p), before + 1);
		assert_int_equal(stats_of(db).opened, 1);
		pgm_release(patient.conn);
		expect_nothing_left(db, PQbackendPID(patient.conn));
		pgm_close(db);
	}
	proxy_stop(p);
}

static void b38_cancelled_while_connecting_with_nobody_else_there(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	proxy *p = proxy_start();

	(void)state;
	for (int i = 0; i < 2; i++) {
		pgm_db *db = must_open_with(&lazy, "port=%d sslmode=disable gssencmode=disable", proxy_port(p));
		borrower b;

		proxy_set(p, PROXY_HOLD);
		borrow_in_thread(&b, db, 20000);
		assert_true(proxy_wait_accepted(p, i + 1, slow(5000)));
		cancel(b.thread);
		proxy_set(p, PROXY_FORWARD);
		if (i == 0) { /* somebody comes later; or nobody, and it is closed */
			pgm_release(must_acquire(db));
			assert_int_equal(stats_of(db).opened, 1);
		}
		pgm_close(db);
		assert_true(proxy_wait_open(p, 0, slow(3000)));
	}
	proxy_stop(p);
}

/* A cancellation that arrives while libpq is at work waits for it, and then takes nothing along. */
static bool cancel_myself(PGconn *conn, void *arg, pgm_error *err)
{
	(void)conn;
	(void)arg;
	(void)err;
	pthread_cancel(pthread_self());
	return true;
}

static void b38_cancelled_as_the_connection_comes_up(void **state)
{
	const pgm_open_options options = {.lazy = true, .hooks = {.configure = cancel_myself}};
	pgm_db *db = must_open_with(&options, NULL);
	borrower b;

	(void)state;
	borrow_in_thread(&b, db, 20000);
	expect_cancelled(b.thread);
	assert_int_equal(stats_of(db).lent, 0);
	assert_int_equal(stats_of(db).idle, 1);
}

/* ------------------------------------------------------------------------------ pgm_wait_ready */

static void *wait_ready(void *db)
{
	pgm_wait_ready(db, -1, NULL);
	return NULL;
}

static void b38_cancelled_in_pgm_wait_ready(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	proxy *p = proxy_start();

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db;
		pgtest_thread *threads[2];
		int before = proxy_accepted(p);
		pgm_error err;

		proxy_set(p, PROXY_HOLD);
		db = must_open_with(&lazy, "%s port=%d sslmode=disable gssencmode=disable", types[t], proxy_port(p));
		threads[0] = pgtest_run(wait_ready, db);
		assert_true(proxy_wait_accepted(p, before + 1, slow(5000)));
		threads[1] = pgtest_run(wait_ready, db);
		cancel(threads[0]);
		proxy_set(p, PROXY_FORWARD);
		pgtest_join(threads[1]);
		assert_true(pgm_wait_ready(db, 0, &err));
		assert_int_equal(proxy_accepted(p), before + 1);
		pgm_close(db);
	}
	proxy_stop(p);
}

/* --------------------------------------------------------------------------------- in the work */

static atomic_int pid_at_work;

static bool insert_and_sleep(PGconn *conn, void *arg, pgm_error *err)
{
	(void)err;
	atomic_store(&pid_at_work, PQbackendPID(conn));
	PQclear(PQexec(conn, "INSERT INTO b38 VALUES (1)"));
	PQclear(PQexec(conn, arg));
	return true;
}

static bool sleep_in_a_savepoint(PGconn *conn, void *arg, pgm_error *err)
{
	return pgm_transaction(conn, insert_and_sleep, arg, err);
}

/* It is not cancelled within PQsendQuery, which would lose what it has in hand. */
static bool read_slowly(PGconn *conn, void *arg, pgm_error *err)
{
	(void)arg;
	(void)err;
	PQclear(PQexec(conn, "INSERT INTO b38 VALUES (1)"));
	PQsendQuery(conn, "SELECT generate_series(1, 20000000), repeat('x', 1000), 'b38 at work'");
	atomic_store(&pid_at_work, PQbackendPID(conn));
	pause(); /* a cancellation point, and no more */
	return true;
}

typedef struct work_of {
	pgm_db *db;
	pgm_work work;
} work_of;

static void *run_work(void *arg)
{
	work_of *w = arg;
	static char sql[] = "SELECT pg_sleep(60), 'b38 at work'";

	pgm_with(w->db, w->work, sql, NULL);
	return NULL;
}

static void b38_cancelled_in_the_work_of_pgm_with(void **state)
{
	static const pgm_work works_cancelled[] = {insert_and_sleep, sleep_in_a_savepoint, read_slowly};

	(void)state;
	pgtest_exec("CREATE TABLE b38 (n int); GRANT ALL ON b38 TO PUBLIC");
	for (int i = 0; i < TYPES * 3; i++) {
		pgm_db *db = must_open("%s", types[i % TYPES]);
		work_of w = {db, works_cancelled[i / TYPES]};
		pgtest_thread *thread;
		borrower next;
		int64_t start;

		atomic_store(&pid_at_work, 0);
		thread = pgtest_run(run_work, &w);
		while (!atomic_load(&pid_at_work))
			blink();
		wait_active(atomic_load(&pid_at_work), "b38 at work");
		borrow_in_thread(&next, db, 20000);
		wait_stats(db, waiting, 1);
		start = pgtest_now_ms();
		cancel(thread);
		assert_true(borrowed_within(&next, 5000)); /* it was given back, not closed */
		assert_within(start, 1000);
		assert_int_equal(PQbackendPID(next.conn), atomic_load(&pid_at_work));
		pgm_release(next.conn);
		expect_nothing_left(db, atomic_load(&pid_at_work));
		assert_int_equal(stats_of(db).rolled_back, i / TYPES + 1);
		assert_int_equal(pgtest_number("SELECT count(*) FROM b38"), 0);
	}
	pgtest_exec("DROP TABLE b38");
}

typedef struct sender {
	const char *settings;
	proxy *p;
	pgm_db *db;
	void *large;
	atomic_int pid;
} sender;

enum { OCTET_LENGTH_OF_BYTEA = 720, LARGE = 16 << 20 };

/* A function call of libpq's own: of a statement whose sending is not finished libpq loses what it noted. */
static bool send_large(PGconn *conn, void *arg, pgm_error *err)
{
	sender *s = arg;
	const PQArgBlock large = {.len = LARGE, .u.ptr = s->large};
	int result, length;

	(void)err;
	proxy_set(s->p, PROXY_HOLD);
	atomic_store(&s->pid, PQbackendPID(conn));
	PQclear(PQfn(conn, OCTET_LENGTH_OF_BYTEA, &result, &length, 1, &large, 1));
	return true;
}

static void *run_sender(void *arg)
{
	sender *s = arg;
	pgm_config *config =
		pgtest_config("%s sslmode=disable gssencmode=disable port=%d", s->settings, proxy_port(s->p));

	s->db = pgm_manager_open(NULL, config, NULL, NULL);
	pgm_config_free(config);
	thread_must(s->db);
	pgm_with(s->db, send_large, s, NULL);
	return NULL;
}

/* The server has a part of the request, and libpq does not know of any. */
static void cancel_while_libpq_sends(sender *s, const char *settings)
{
	pgtest_thread *thread;

	*s = (sender){.settings = settings, .p = proxy_start(), .large = calloc(1, LARGE)};
	assert_non_null(s->large);
	thread = pgtest_run(run_sender, s);
	while (!atomic_load(&s->pid))
		blink();
	pthread_cancel(pgtest_thread_id(thread));
	proxy_set(s->p, PROXY_FORWARD);
	expect_cancelled(thread);
	free(s->large);
}

static void b38_cancelled_in_the_work_while_libpq_sends_nobody_else_gets_that_connection(void **state)
{
	static const char *const autocommits[] = {"autocommit=false", "autocommit=true"};

	(void)state;
	for (int i = 0; i < TYPES * 2; i++) {
		sender s;
		PGconn *conn;

		cancel_while_libpq_sends(&s, pgtest_format("%s %s", types[i % TYPES], autocommits[i / TYPES]));
		conn = must_acquire(s.db);
		assert_string_equal(ask(conn, "SELECT 42"), "42");
		assert_int_not_equal(PQbackendPID(conn), atomic_load(&s.pid));
		pgm_release(conn);
		pgm_close(s.db);
		proxy_stop(s.p);
	}
}

/* ------------------------------------------------------------------------- in the other calls */

typedef struct submitter {
	pgm_db *db;
	const char *sql;
	int calls;
} submitter;

static void count_call(PGresult *res, const pgm_error *err, void *arg)
{
	(void)err;
	PQclear(res);
	++*(int *)arg;
}

static void *submit_it(void *arg)
{
	submitter *s = arg;
	const pgm_query query = {.sql = s->sql};

	pgm_submit(s->db, &query, count_call, &s->calls, NULL);
	return NULL;
}

static void b38_cancelled_in_pgm_submit(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		submitter s = {.db = db, .sql = "SELECT pg_sleep(60), 'b38 submitted'"};
		PGconn *conn = must_acquire(db);
		int pid = PQbackendPID(conn);
		pgtest_thread *thread = pgtest_run(submit_it, &s);

		wait_stats(db, waiting, 1);
		cancel(thread); /* in line */
		pgm_release(conn);
		thread = pgtest_run(submit_it, &s);
		wait_active(pid, "b38 submitted");
		cancel(thread); /* while the server is at it */
		assert_int_equal(s.calls, 0);
		expect_nothing_left(db, pid);
	}
}

static void *submit_when_cancelled(void *arg)
{
	pthread_cancel(pthread_self());
	return submit_it(arg);
}

/* A connection is there at once, and so sending is where it could end first: in libpq, halfway. */
static void b38_cancelled_before_pgm_submit_sends(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		submitter s = {.db = db, .sql = "SELECT 'b38', pg_sleep(60)"};
		PGconn *conn = must_acquire(db);
		int pid = PQbackendPID(conn);

		pgm_release(conn);
		expect_cancelled(pgtest_run(submit_when_cancelled, &s));
		assert_int_equal(s.calls, 0);
		expect_nothing_left(db, pid);
	}
}

typedef struct opener {
	int port;
	pgm_db *db;
} opener;

static void *open_it(void *arg)
{
	opener *o = arg;
	pgm_config *config = pgtest_config("port=%d sslmode=disable gssencmode=disable", o->port);

	o->db = pgm_manager_open(NULL, config, NULL, NULL);
	pgm_config_free(config);
	pthread_testcancel();
	return o;
}

/* Others may be waiting for the very same handle: it is opened all the same. */
static void b38_cancelled_in_pgm_open(void **state)
{
	proxy *p = proxy_start();
	opener o[3] = {{.port = proxy_port(p)}, {.port = proxy_port(p)}, {.port = proxy_port(p)}};
	pgtest_thread *threads[3];

	(void)state;
	proxy_set(p, PROXY_HOLD);
	threads[0] = pgtest_run(open_it, &o[0]);
	assert_true(proxy_wait_accepted(p, 1, slow(5000)));
	for (int i = 1; i < 3; i++)
		threads[i] = pgtest_run(open_it, &o[i]);
	for (int i = 0; i < 2; i++)
		pthread_cancel(pgtest_thread_id(threads[i]));
	proxy_set(p, PROXY_FORWARD);
	expect_cancelled(threads[0]);
	expect_cancelled(threads[1]);
	assert_true(pgtest_done(threads[2], slow(5000)));
	assert_ptr_equal(pgtest_join(threads[2]), &o[2]);
	assert_non_null(o[2].db);
	for (int i = 0; i < 2; i++)
		assert_ptr_equal(o[i].db, o[2].db);
	pgm_release(must_acquire(o[2].db));
	assert_int_equal(stats_of(o[2].db).opened, 1);
	proxy_stop(p);
}

/* What a thread does whose cancellation is pending: it must get through our calls as through any other code
 * that is no cancellation point, and may be stopped in those that are. */
typedef struct doomed {
	pgm_db *db;
	PGconn *conn;
	void (*last_call)(struct doomed *);
} doomed;

static void doom(void)
{
	pthread_cancel(pthread_self());
}

static void *be_doomed(void *arg)
{
	doomed *d = arg;

	d->last_call(d);
	pthread_testcancel();
	return NULL;
}

static void release_it(doomed *d)
{
	doom();
	pgm_release(d->conn);
}

static void release_in_a_transaction(doomed *d)
{
	PQsendQuery(d->conn, "BEGIN; SELECT generate_series(1, 20000000), repeat('x', 1000)");
	doom();
	pgm_release(d->conn);
}

static void close_and_release(doomed *d)
{
	doom();
	pgm_close(d->db);
	pgm_release(d->conn);
}

static void drain_and_release(doomed *d)
{
	doom();
	pgm_drain(d->db);
	pgm_release(d->conn);
}

static void release_twice(doomed *d)
{
	doom();
	pgm_release(d->conn);
	pgm_release(d->conn);
}

static void release_and_drain(doomed *d)
{
	doom();
	pgm_release(d->conn);
	pgm_drain(d->db);
}

static void release_and_close(doomed *d)
{
	doom();
	pgm_release(d->conn);
	pgm_close(d->db);
}

static void release_and_clear(doomed *d)
{
	doom();
	pgm_release(d->conn);
	pgm_clear_cache(NULL);
}

static void close_cursor_and_release(doomed *d)
{
	const pgm_query query = {.sql = "SELECT generate_series(1, 20000000), repeat('x', 1000)"};
	pgm_cursor *cursor = pgm_cursor_open(d->conn, &query, NULL);

	doom();
	pgm_cursor_close(cursor);
	pgm_release(d->conn);
}

static void release_and_borrow(doomed *d)
{
	doom();
	pgm_release(d->conn);
	pgm_release(pgm_acquire(d->db, NULL));
}

static void release_and_borrow_stale(doomed *d)
{
	doom();
	pgm_release(d->conn);
	for (int64_t start = pgtest_now_ms(); ms_since(start) < 15;)
		continue;
	pgm_release(pgm_acquire(d->db, NULL));
}

static void release_and_open(doomed *d)
{
	pgm_error err;
	pgm_config *config = pgtest_config("type=pool sync.work_mem=3MB pool.min_size=2");

	doom();
	pgm_release(d->conn);
	pgm_manager_open(NULL, config, NULL, &err);
	pgm_config_free(config);
}

static void b38_cancelled_beforehand(void **state)
{
	static const struct {
		const char *name;
		void (*call)(doomed *);
	} last_calls[] = {
		{"release", release_it},
		{"release in a transaction", release_in_a_transaction},
		{"close and release", close_and_release},
		{"drain and release", drain_and_release},
		{"release twice", release_twice},
		{"release and drain", release_and_drain},
		{"release and close", release_and_close},
		{"release and clear", release_and_clear},
		{"close cursor and release", close_cursor_and_release},
		{"release and borrow", release_and_borrow},
		{"release and borrow stale", release_and_borrow_stale},
		{"release and open", release_and_open},
	};

	(void)state;
	for (size_t i = 0; i < TYPES * sizeof last_calls / sizeof *last_calls; i++) {
		/* Giving back what is above min_size is what the keeper has to be woken for. */
		static const char *const kinds[] = {"type=normal", "type=pool pool.min_size=0 pool.max_size=1"};
		doomed d = {.db = must_open("%s", kinds[i % TYPES]), .last_call = last_calls[i / TYPES].call};
		pgtest_thread *thread;

		outlive_trust(); /* the keeper goes to sleep */
		d.conn = must_acquire(d.db);
		thread = pgtest_run(be_doomed, &d);
		if (!pgtest_done(thread, slow(5000)))
			fail_msg("%s on %s does not end", last_calls[i / TYPES].name, kinds[i % TYPES]);
		assert_ptr_equal(pgtest_join(thread), PTHREAD_CANCELED);
		if (stats_of(d.db).lent != 0)
			fail_msg("%s on %s leaves one lent", last_calls[i / TYPES].name, kinds[i % TYPES]);
		if (i / TYPES != 2 && i / TYPES != 6 && i / TYPES != 7) { /* not closed */
			PGconn *conn = must_acquire(d.db);
			assert_true(works(conn));
			pgm_release(conn);
		}
		pgm_clear_cache(NULL);
		assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
	}
}

/* ------------------------------------------------------------------------- event-driven types */

/* A handle of the thread's own, as they are. Its waiting calls are no cancellation points: each goes on to its end,
 * and the thread ends at the next one that is. */
typedef struct owner {
	const char *type;
	void (*wait)(struct owner *);
	atomic_bool waits;
	pgm_db *db;
	PGconn *conn;
	int calls;
	pgm_error err;
} owner;

static void give_back(void *arg)
{
	owner *o = arg;

	pgm_release(o->conn);
}

static void *be_owner(void *arg)
{
	owner *o = arg;
	pgm_config *config = pgtest_config("%s", o->type);

	o->db = pgm_manager_open(NULL, config, NULL, &o->err);
	pgm_config_free(config);
	thread_must(o->db);
	pthread_cleanup_push(give_back, o);
	atomic_store(&o->waits, true);
	o->wait(o);
	pthread_testcancel();
	pthread_cleanup_pop(0);
	return NULL;
}

/* By a thread that waits: what it had is back, what it asked for is answered, once. */
static void cancel_owner(owner *o)
{
	pgtest_thread *thread = pgtest_run(be_owner, o);

	while (!atomic_load(&o->waits))
		poll(NULL, 0, 1);
	poll(NULL, 0, 20);
	cancel(thread);
	assert_int_equal(stats_of(o->db).lent, 0);
	assert_int_equal(stats_of(o->db).waiting, 0);
	assert_int_equal(stats_of(o->db).size, 1);
	pgm_close(o->db); /* its thread has gone: anybody may */
	assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
}

static void wait_in_line(owner *o)
{
	o->conn = pgm_acquire(o->db, &o->err);
	thread_must(o->conn);
	thread_must(!pgm_acquire_for(o->db, 200, &o->err));
}

static void wait_for_an_answer(owner *o)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(0.2)"};

	thread_must(pgm_submit(o->db, &query, count_call, &o->calls, NULL));
	thread_must(pgm_wait(o->db, -1, &o->err));
}

static void b38_cancelled_while_an_event_driven_handle_waits(void **state)
{
	owner in_line = {.type = types[1], .wait = wait_in_line}; /* on async it would be told at once */

	(void)state;
	for (int t = 0; t < TYPES; t++) {
		owner for_answer = {.type = types[t], .wait = wait_for_an_answer};

		cancel_owner(&for_answer);
		assert_int_equal(for_answer.calls, 1);
	}
	cancel_owner(&in_line);
	assert_int_equal(in_line.err.code, PGM_ERR_TIMEOUT);
}

static void *run_work_on_its_own(void *arg)
{
	owner *o = arg;
	static char sql[] = "SELECT pg_sleep(60), 'b38 at work'";
	pgm_config *config = pgtest_config("%s", o->type);

	o->db = pgm_manager_open(NULL, config, NULL, &o->err);
	pgm_config_free(config);
	thread_must(o->db);
	pgm_with(o->db, insert_and_sleep, sql, NULL);
	return NULL;
}

/* In libpq, which is a cancellation point: rolled back, given back, whole. */
static void b38_cancelled_in_the_work_on_an_event_driven_handle(void **state)
{
	(void)state;
	pgtest_exec("CREATE TABLE b38 (n int); GRANT ALL ON b38 TO PUBLIC");
	for (int t = 0; t < TYPES; t++) {
		owner o = {.type = types[t]};
		pgtest_thread *thread;

		atomic_store(&pid_at_work, 0);
		thread = pgtest_run(run_work_on_its_own, &o);
		while (!atomic_load(&pid_at_work))
			blink();
		wait_active(atomic_load(&pid_at_work), "b38 at work");
		cancel(thread);
		assert_int_equal(stats_of(o.db).lent, 0);
		assert_int_equal(stats_of(o.db).idle, 1);
		assert_int_equal(stats_of(o.db).lost, 0);
		assert_int_equal(stats_of(o.db).rolled_back, 1);
		assert_int_equal(pgtest_number("SELECT count(*) FROM b38"), 0);
		pgm_close(o.db);
	}
	pgtest_exec("DROP TABLE b38");
}

static void b38_cancelled_while_libpq_sends_on_an_event_driven_handle(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		sender s;

		cancel_while_libpq_sends(&s, pgtest_format("%s autocommit=true", types[t]));
		assert_int_equal(stats_of(s.db).lent, 0);
		assert_int_equal(stats_of(s.db).idle, 0);
		assert_int_equal(stats_of(s.db).lost, 1);
		pgm_close(s.db);
		proxy_stop(s.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLOCKING_TEST(b38_cancelled_in_line_nobody_else_loses_his_place),
		BLOCKING_TEST(b38_cancelled_as_it_is_served),
		BLOCKING_TEST(b38_cancelled_while_connecting),
		BLOCKING_TEST(b38_cancelled_while_connecting_with_nobody_else_there),
		BLOCKING_TEST(b38_cancelled_as_the_connection_comes_up),
		BLOCKING_TEST(b38_cancelled_in_pgm_wait_ready),
		BLOCKING_TEST(b38_cancelled_in_the_work_of_pgm_with),
		BLOCKING_TEST(b38_cancelled_in_the_work_while_libpq_sends_nobody_else_gets_that_connection),
		BLOCKING_TEST(b38_cancelled_in_pgm_submit),
		BLOCKING_TEST(b38_cancelled_before_pgm_submit_sends),
		BLOCKING_TEST(b38_cancelled_in_pgm_open),
		BLOCKING_TEST(b38_cancelled_beforehand),
		EVENTED_TEST(b38_cancelled_while_an_event_driven_handle_waits),
		EVENTED_TEST(b38_cancelled_in_the_work_on_an_event_driven_handle),
		EVENTED_TEST(b38_cancelled_while_libpq_sends_on_an_event_driven_handle),
	};

	return run_handle_tests(tests);
}
