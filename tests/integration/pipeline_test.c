/* B43, B44, B46, B48: statements of callers who know nothing of each other, on few connections, in pipelines. */
#include "driven.h"

#include <sys/resource.h>

#define ASYNC "type=async "
#define POOL(size) "type=async_pool async_pool.min_size=" #size " async_pool.max_size=" #size " "

/* Connections are opened before anything is counted on where they are. */
static driven drive_full(int looped, const char *settings, int size)
{
	driven d = drive(looped, settings);

	ask_driven(&d, "SELECT 1");
	turn_until(&d, stats_of(d.db).idle == size);
	return d;
}

static void create_tables(void)
{
	pgtest_exec("CREATE TABLE piped (n int PRIMARY KEY);"
		    "CREATE TABLE piped_child (n int REFERENCES piped DEFERRABLE INITIALLY DEFERRED);"
		    "GRANT ALL ON piped, piped_child TO PUBLIC");
}

static void drop_tables(void)
{
	pgtest_exec("DROP TABLE piped_child, piped");
}

static int table_setup(void **state)
{
	create_tables();
	return handles_setup(state);
}

static int table_teardown(void **state)
{
	int outcome = handles_teardown(state);

	drop_tables();
	return outcome;
}

#define TABLE_TEST(test) cmocka_unit_test_setup_teardown(test, table_setup, table_teardown)

/* ----------------------------------------------------------------------------------------- B43 */

/* What may be wrong with a statement, and what it is told then. */
static const struct bad {
	const char *sql, *sqlstate;
} bads[] = {
	{"SELECT 1/0", "22012"},
	{"SELEC", "42601"},
	{"SELECT 1; SELECT 2", "42601"},
	{"TABLE nowhere", "42P01"},
	{"INSERT INTO piped VALUES (0)", "23505"},
	{"INSERT INTO piped SELECT 1000000 + 1 / (n - 1) FROM generate_series(1, 3) n", "22012"},
	{"INSERT INTO piped_child VALUES (-7)", "23503"},
	{"INSERT INTO piped_child VALUES (-7) RETURNING n", "23503"},
	{"DO $$BEGIN RAISE EXCEPTION USING ERRCODE = 'PM043'; END$$", "PM043"},
};
#define BADS (int)(sizeof bads / sizeof *bads)

/* Good and bad ones by turns, all under way together; parsed once or each time. */
static void run_good_and_bad(const driven *d, unsigned flags)
{
	enum { ROUNDS = 8 };
	static answers good[ROUNDS * BADS], bad[ROUNDS * BADS];

	memset(good, 0, sizeof good);
	memset(bad, 0, sizeof bad);
	for (int i = 0; i < ROUNDS * BADS; i++) {
		const char *sql = pgtest_format("INSERT INTO piped VALUES (%d)", i + 1);
		const pgm_query fine = {.sql = sql, .flags = flags},
				wrong = {.sql = bads[i % BADS].sql, .flags = flags};

		must_submit_with(d->db, &fine, &good[i]);
		must_submit_with(d->db, &wrong, &bad[i]);
	}
	turn_until(d, stats_of(d->db).lent == 0 && stats_of(d->db).waiting == 0);
	for (int i = 0; i < ROUNDS * BADS; i++) {
		assert_int_equal(good[i].calls, 1);
		expect_code(&good[i], PGM_OK);
		assert_int_equal(bad[i].calls, 1);
		expect_code(&bad[i], PGM_ERR_QUERY);
		assert_string_equal(bad[i].sqlstate, bads[i % BADS].sqlstate);
	}
	assert_int_equal(pgtest_number("SELECT count(*) FROM piped"), ROUNDS * BADS + 1);
	assert_int_equal(pgtest_number("SELECT count(*) FROM piped_child"), 0);
}

static void b43_an_error_in_one_statement_touches_no_other(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		driven d = drive(i % 2, ASYNC);

		pgtest_exec("TRUNCATE piped, piped_child; INSERT INTO piped VALUES (0)");
		run_good_and_bad(&d, i < 2 ? 0 : PGM_PREPARE);
		assert_int_equal(stats_of(d.db).opened, 1);
		undrive(&d);
	}
}

/* It comes when the statement has its OK already, and its row. */
static void b43_a_deferred_constraint_is_reported_not_the_ok_before_it(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive(i, ASYNC);
		answers a = {.calls = 0}, next = {.calls = 0};

		must_submit(d.db, "INSERT INTO piped_child VALUES (7) RETURNING n", &a);
		must_submit(d.db, "SELECT count(*) FROM piped_child", &next);
		must_be_answered(&d, &next);
		assert_int_equal(a.calls, 1);
		expect_code(&a, PGM_ERR_QUERY);
		assert_string_equal(a.sqlstate, "23503");
		assert_contains(a.message, "piped_child");
		assert_string_equal(a.value, "");
		assert_string_equal(next.value, "0");
		undrive(&d);
	}
}

/* What only a statement of its own may do. */
static void each_statement_under_way_is_a_transaction_of_its_own(void **state)
{
	driven d = drive(0, ASYNC);
	answers ids[5] = {{.calls = 0}}, vacuum = {.calls = 0}, in = {.calls = 0};

	(void)state;
	for (int i = 0; i < 5; i++) {
		must_submit(d.db, "SELECT pg_current_xact_id()", &ids[i]);
		if (i == 2)
			must_submit(d.db, "VACUUM piped", &vacuum);
	}
	must_submit(d.db, "SELECT current_setting('transaction_isolation')", &in);
	must_be_answered(&d, &in);
	expect_code(&vacuum, PGM_OK);
	for (int i = 1; i < 5; i++)
		assert_string_not_equal(ids[i].value, ids[i - 1].value);
	undrive(&d);
}

/* ----------------------------------------------------------------------------------------- B44 */

/* Written so that its first word is not the first thing. */
static void b44_what_a_pipeline_cannot_carry_is_refused_however_it_is_written(void **state)
{
	static const char *const refused[] = {
		"copy piped to stdout",
		";;COPY piped FROM STDIN",
		"/* a /* b */ */ COPY (SELECT 1) TO STDOUT",
		"--x\n--y\nBEGIN",
		"(((ROLLBACK",
		"\t\n\f SET LOCAL work_mem = '1MB'",
		"SAVEPOINT a",
		"EXECUTE piped",
		"CREATE LOCAL TEMP TABLE t ()",
		"UNLISTEN *",
		"DEALLOCATE ALL",
		"LOCK TABLE piped",
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive(i, ASYNC);

		for (size_t k = 0; k < sizeof refused / sizeof *refused; k++) {
			const pgm_query query = {.sql = refused[k]};
			answers a = {.calls = 0};
			pgm_error err;

			if (pgm_submit(d.db, &query, take_result, &a, &err))
				fail_msg("%s is accepted", refused[k]);
			assert_int_equal(err.code, PGM_ERR_MISUSE);
			assert_contains(err.message, "borrow a connection");
			assert_int_equal(a.calls, 0);
		}
		assert_int_equal(stats_of(d.db).lost, 0);
		assert_string_equal(ask_driven(&d, "SELECT 42").value, "42");
		undrive(&d);
	}
}

/* Between them, before them and after them: the borrower's session and theirs do not meet. */
static void b44_an_exclusive_borrow_never_meets_submitted_statements(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive_full(i, POOL(2), 2);
		answers before = {.wanted = 40}, during = {.wanted = 40}, after = {.wanted = 40};
		PGconn *conn;
		int pid;

		for (int k = 0; k < before.wanted; k++)
			must_submit(d.db, "SELECT pg_backend_pid() FROM pg_sleep(0.002)", &before);
		conn = must_lend(&d);
		pid = PQbackendPID(conn);
		assert_int_equal(PQpipelineStatus(conn), PQ_PIPELINE_OFF);
		assert_int_equal(PQisnonblocking(conn), 0);
		assert_null(PQgetResult(conn));
		must_run(conn, "BEGIN");
		must_run(conn, "SET LOCAL application_name = 'b44'");
		must_run(conn, "INSERT INTO piped VALUES (44)");
		for (int k = 0; k < during.wanted; k++)
			must_submit(d.db,
				    pgtest_format("SELECT 1 / (1 - (pg_backend_pid() = %d OR EXISTS (TABLE piped) OR "
						  "current_setting('application_name') = 'b44')::int)",
						  pid),
				    &during);
		must_be_answered(&d, &before);
		must_be_answered(&d, &during);
		assert_int_equal(before.failed + during.failed, 0);
		assert_int_equal(PQtransactionStatus(conn), PQTRANS_INTRANS);
		assert_string_equal(ask(conn, "SELECT count(*) FROM piped"), "1");
		assert_null(PQgetResult(conn));
		pgm_release(conn); /* and the transaction goes */
		for (int k = 0; k < after.wanted; k++)
			must_submit(d.db, "SELECT count(*) FROM piped", &after);
		must_be_answered(&d, &after);
		assert_string_equal(after.value, "0");
		turn_until(&d, stats_of(d.db).rolled_back == 1); /* the other connection may have answered first */
		assert_int_equal(stats_of(d.db).opened, 2);
		undrive(&d);
	}
}

/* The only connection: what was sent before is answered first, what comes meanwhile waits. */
static void b44_on_async_statements_wait_for_the_borrower(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive_full(i, ASYNC, 1);
		answers before = {.wanted = 30}, during = {.wanted = 10};
		PGconn *conn;

		for (int k = 0; k < before.wanted; k++)
			must_submit(d.db, "SELECT 1", &before);
		conn = must_lend(&d);
		assert_int_equal(before.calls, before.wanted);
		for (int k = 0; k < during.wanted; k++)
			must_submit(d.db, "SELECT 2", &during);
		turn_for(&d, 30);
		assert_int_equal(during.calls, 0);
		assert_int_equal(stats_of(d.db).waiting, during.wanted);
		assert_true(works(conn));
		pgm_release(conn);
		must_be_answered(&d, &during);
		expect_code(&during, PGM_OK);
		undrive(&d);
	}
}

/* ----------------------------------------------------------------------------------------- B46 */

static long peak_kib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* As many as are accepted, then turns until there is room again. */
static void submit_patiently(const driven *d, const pgm_query *query, answers *a, int count)
{
	for (int i = 0; i < count;) {
		pgm_error err;

		if (pgm_submit(d->db, query, take_result, a, &err)) {
			i++;
			continue;
		}
		assert_int_equal(err.code, PGM_ERR_BUSY);
		turn(d, 50);
	}
}

/* A server that sends does not read, a client that only writes does not either: megabytes each way, many times. */
static void b46_full_buffers_on_both_sides_never_deadlock(void **state)
{
	enum { SIZE = 1 << 20 };
	char *large = malloc(SIZE + 1);
	const char *params[] = {large};
	const pgm_query query = {
		.sql = "SELECT repeat('x', 2097152), length($1::text)", .nparams = 1, .params = params};

	(void)state;
	assert_non_null(large);
	memset(large, 'y', SIZE);
	large[SIZE] = '\0';
	for (int i = 0; i < 2; i++) {
		/* What a Unix socket takes is little: each side has to wait for the other. */
		driven d = drive_full(
			i, pgtest_format(ASYNC "async_pool.max_waiting=8 host='%s'", pgtest_server_now()->socketdir),
			1);
		answers a = {.wanted = 24};
		long before = peak_kib();

		submit_patiently(&d, &query, &a, a.wanted);
		must_be_answered(&d, &a);
		assert_int_equal(a.calls, a.wanted);
		assert_int_equal(a.failed, 0);
		/* Seventy megabytes have passed: eight waited, one or two were on their way, one or two had come. */
		if (!getenv("PGM_TEST_SLOW"))
			assert_in_range(peak_kib() - before, 0, 40 << 10);
		assert_int_equal(stats_of(d.db).lost, 0);
		undrive(&d);
	}
	free(large);
}

/* The same where the other side does not read for a while: what is to be sent waits, and is not lost. */
static void b46_a_server_that_reads_nothing_for_a_while_gets_everything(void **state)
{
	enum { SIZE = 4 << 20 };
	char *large = malloc(SIZE + 1);
	const char *params[] = {large};
	const pgm_query query = {.sql = "SELECT length($1::text)", .nparams = 1, .params = params};

	(void)state;
	assert_non_null(large);
	memset(large, 'y', SIZE);
	large[SIZE] = '\0';
	for (int i = 0; i < 2; i++) {
		driven d = drive_full(i, ASYNC, 1);
		answers a = {.wanted = 4};
		int pid = atoi(ask_driven(&d, "SELECT pg_backend_pid()").value);

		pgtest_stop(pid);
		for (int k = 0; k < a.wanted; k++)
			must_submit_with(d.db, &query, &a);
		turn_for(&d, 100);
		assert_int_equal(a.calls, 0);
		assert_in_range(stats_of(d.db).waiting, 2, 3); /* what does not fit is not piled up in libpq */
		pgtest_continue(pid);
		must_be_answered(&d, &a);
		expect_code(&a, PGM_OK);
		assert_string_equal(a.value, "4194304");
		undrive(&d);
	}
	free(large);
}

/* A borrower has left a LISTEN behind: what comes of that between the answers belongs to nobody. */
static void notifications_between_answers_cost_no_memory(void **state)
{
	static const char notify[] = "SELECT pg_notify('piped', repeat('x', 7000) || n) FROM generate_series(1, 300) n";
	driven d = drive_full(0, ASYNC, 1);
	answers a = {.wanted = 20};
	PGconn *conn = must_lend(&d);
	long before;

	(void)state;
	must_run(conn, "LISTEN piped");
	pgm_release(conn);
	ask_driven(&d, notify);
	before = peak_kib();
	for (int i = 0; i < a.wanted; i++) /* forty megabytes */
		must_submit(d.db, notify, &a);
	must_be_answered(&d, &a);
	assert_int_equal(a.failed, 0);
	if (!getenv("PGM_TEST_SLOW"))
		assert_in_range(peak_kib() - before, 0, 8 << 10);
	assert_int_equal(stats_of(d.db).lost, 0);
	undrive(&d);
}

/* libpq's buffers never shrink: what carried a very large answer is replaced, once nobody needs it. */
static void a_connection_that_has_grown_large_is_replaced_when_it_is_idle(void **state)
{
	driven d = drive_full(0, ASYNC, 1);
	answers large = {.calls = 0}, next = {.calls = 0};

	(void)state;
	must_submit(d.db, "SELECT repeat('x', 20000000), pg_backend_pid()", &large);
	must_submit(d.db, "SELECT 1", &next); /* behind it: it is not hurt */
	must_be_answered(&d, &next);
	expect_code(&large, PGM_OK);
	expect_code(&next, PGM_OK);
	turn_until(&d, stats_of(d.db).closed == 1);
	assert_string_equal(ask_driven(&d, "SELECT 42").value, "42");
	assert_int_equal(stats_of(d.db).opened, 2);
	assert_int_equal(stats_of(d.db).lost, 0);
	undrive(&d);
}

/* ----------------------------------------------------------------------------------------- B48 */

static void b48_what_nobody_reads_is_bounded_then_refused(void **state)
{
	enum { MANY = 100000, WAITING = 1000 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive_full(i, ASYNC "async_pool.max_waiting=1000", 1);
		const pgm_query query = {.sql = "SELECT 'b48'"};
		int pid = atoi(ask_driven(&d, "SELECT pg_backend_pid()").value), accepted = 0;
		long before = peak_kib();
		answers a = {.calls = 0};

		pgtest_stop(pid);
		for (int k = 0; k < MANY; k++) {
			pgm_error err;

			if (pgm_submit(d.db, &query, take_result, &a, &err))
				accepted++;
			else if (err.code != PGM_ERR_BUSY)
				fail_msg("%s: %s", pgm_code_name(err.code), err.message);
			if (k % 20000 == 0)
				turn(&d, 1);
		}
		assert_int_equal(a.calls, 0);
		assert_int_equal(accepted, WAITING + DEPTH);
		assert_int_equal(stats_of(d.db).waiting, WAITING);
		if (!getenv("PGM_TEST_SLOW"))
			assert_in_range(peak_kib() - before, 0, 4 << 10);
		pgtest_continue(pid);
		a.wanted = accepted;
		must_be_answered(&d, &a);
		assert_int_equal(a.calls, accepted);
		assert_int_equal(a.failed, 0);
		assert_string_equal(ask_driven(&d, "SELECT 42").value, "42"); /* there is room again */
		undrive(&d);
	}
}

/* ------------------------------------------------------------------------------ who goes where */

/* 64 on each at most, whatever is slow; the rest waits where it can still go elsewhere. */
static void a_connection_is_given_64_statements_at_most(void **state)
{
	driven d = drive_full(0, POOL(2), 2);
	answers a = {.wanted = 2 * DEPTH + 5}, slow_one = {.calls = 0};

	(void)state;
	must_submit(d.db, "SELECT pg_sleep(0.3)", &slow_one);
	for (int i = 0; i < a.wanted; i++)
		must_submit(d.db, "SELECT 1", &a);
	assert_int_equal(stats_of(d.db).waiting, 1 + a.wanted - 2 * DEPTH);
	turn_until(&d, a.calls >= a.wanted - (DEPTH - 1));
	assert_int_equal(slow_one.calls, 0); /* 63 are behind it, and no more */
	must_be_answered(&d, &a);
	undrive(&d);
}

/* All idle ones first, then the least loaded. */
static void statements_spread_before_they_share(void **state)
{
	driven d = drive_full(0, POOL(4), 4);
	answers a[8] = {{.calls = 0}};

	(void)state;
	for (int i = 0; i < 8; i++)
		must_submit(d.db, "SELECT pg_backend_pid() FROM pg_sleep(0.05)", &a[i]);
	for (int i = 0; i < 8; i++)
		must_be_answered(&d, &a[i]);
	for (int i = 0; i < 8; i++) {
		int same = 0;

		for (int k = 0; k < 8; k++)
			same += strcmp(a[i].value, a[k].value) == 0;
		assert_int_equal(same, 2);
	}
	undrive(&d);
}

static void connections_are_opened_before_any_is_shared(void **state)
{
	driven d = drive(0, "type=async_pool async_pool.min_size=0 async_pool.max_size=4");
	answers a = {.wanted = 4};

	(void)state;
	for (int i = 0; i < a.wanted; i++)
		must_submit(d.db, "SELECT pg_sleep(0.1)", &a);
	turn_until(&d, stats_of(d.db).opened == 4);
	must_be_answered(&d, &a);
	undrive(&d);
}

static void a_long_statement_shares_its_connection_with_nothing(void **state)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(0.3)", .flags = PGM_LONG};

	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive_full(i, POOL(2), 2);
		answers a = {.wanted = 60}, slow_one = {.calls = 0};

		must_submit_with(d.db, &query, &slow_one);
		for (int k = 0; k < a.wanted; k++)
			must_submit(d.db, "SELECT 1", &a);
		must_be_answered(&d, &a);
		assert_int_equal(slow_one.calls, 0);
		must_be_answered(&d, &slow_one);
		expect_code(&slow_one, PGM_OK);
		undrive(&d);
	}
}

/* Short ones that never end: each answer asks the next, and they come one by one. */
typedef struct stream {
	pgm_db *db;
	bool stop;
	int under_way, answered;
} stream;

static void go_on(stream *s);

static void next_of_stream(PGresult *res, const pgm_error *err, void *arg)
{
	stream *s = arg;

	PQclear(res);
	assert_null(err);
	s->under_way--;
	s->answered++;
	if (!s->stop)
		go_on(s);
}

static void go_on(stream *s)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(0.002)"};

	s->under_way++;
	assert_true(pgm_submit(s->db, &query, next_of_stream, s, NULL));
}

static void short_statements_keep_no_long_one_and_no_borrower_waiting(void **state)
{
	const pgm_query query = {.sql = "SELECT 'long'", .flags = PGM_LONG};

	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive_full(i, ASYNC, 1);
		stream s = {.db = d.db};
		answers a = {.calls = 0};

		for (int k = 0; k < 20; k++)
			go_on(&s);
		turn_until(&d, s.answered > 30);
		must_submit_with(d.db, &query, &a);
		must_be_answered(&d, &a);
		assert_string_equal(a.value, "long");
		pgm_release(must_lend(&d));
		s.stop = true;
		turn_until(&d, s.under_way == 0);
		undrive(&d);
	}
}

/* ------------------------------------------------------------------------------------ prepared */

#define PREPARED "SELECT count(*) FROM pg_prepared_statements"

static answers ask_prepared(const driven *d, const char *sql)
{
	const pgm_query query = {.sql = sql, .flags = PGM_PREPARE};
	answers a = {.calls = 0};

	must_submit_with(d->db, &query, &a);
	must_be_answered(d, &a);
	assert_int_equal(a.calls, 1);
	return a;
}

static void a_statement_is_parsed_once_per_connection_where_that_is_asked_for(void **state)
{
	driven d = drive_full(0, ASYNC, 1);
	const pgm_query query = {.sql = "SELECT 'once'", .flags = PGM_PREPARE};
	answers a = {.wanted = 20};

	(void)state;
	for (int i = 0; i < 5; i++)
		ask_driven(&d, "SELECT 'each time'");
	assert_string_equal(ask_driven(&d, PREPARED).value, "0");
	for (int i = 0; i < a.wanted; i++)
		must_submit_with(d.db, &query, &a);
	must_be_answered(&d, &a);
	expect_code(&a, PGM_OK);
	assert_string_equal(a.value, "once");
	assert_string_equal(ask_driven(&d, PREPARED).value, "1");
	ask_prepared(&d, "SELECT 'once'");
	assert_string_equal(ask_driven(&d, PREPARED).value, "1");
	for (int i = 0; i < 300; i++)
		expect_code(&(answers){.code = ask_prepared(&d, pgtest_format("SELECT %d", i)).code}, PGM_OK);
	assert_string_equal(ask_driven(&d, PREPARED).value, "256"); /* and no more */
	undrive(&d);
}

/* Its error is reported, once; nothing is run again behind anybody's back; the next one is fine. */
static void a_stale_prepared_statement_is_told_and_parsed_anew(void **state)
{
	static const struct {
		const char *change, *sqlstate;
	} changes[] = {{"ALTER TABLE piped ADD COLUMN more text", "0A000"}, {"DEALLOCATE ALL", "26000"}};

	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive_full(0, ASYNC, 1);
		answers a = ask_prepared(&d, "TABLE piped");
		PGconn *conn;

		expect_code(&a, PGM_OK);
		if (i == 0) {
			pgtest_exec("%s", changes[i].change);
		} else {
			conn = must_lend(&d);
			must_run(conn, changes[i].change);
			pgm_release(conn);
		}
		a = ask_prepared(&d, "TABLE piped");
		expect_code(&a, PGM_ERR_QUERY);
		assert_string_equal(a.sqlstate, changes[i].sqlstate);
		a = ask_prepared(&d, "TABLE piped");
		expect_code(&a, PGM_OK);
		undrive(&d);
	}
}

static bool discard_all(PGconn *conn, void *arg, pgm_error *err)
{
	PGresult *res = PQexec(conn, arg);
	bool ok = pgm_result_ok(res, err);

	PQclear(res);
	return ok;
}

/* The names that the hook has made the server forget are not used again; nor those that it has not. */
static void b44_a_reset_hook_may_discard_what_was_prepared(void **state)
{
	static const char *const hooks[] = {"DISCARD ALL", "SELECT 1"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		const pgm_open_options options = {.hooks = {.reset = discard_all, .arg = (void *)hooks[i / 2]}};
		driven d = {.l = i % 2 ? loop_new() : NULL};

		d.db = d.l ? loop_try_open(d.l, &options, pgtest_config(ASYNC), NULL) : must_open_with(&options, ASYNC);
		assert_non_null(d.db);
		for (int k = 0; k < 3; k++) {
			answers a = ask_prepared(&d, "TABLE piped");

			expect_code(&a, PGM_OK);
			pgm_release(must_lend(&d));
		}
		undrive(&d);
	}
}

/* A new session knows none of them. */
static void b33_after_a_reset_what_was_prepared_is_parsed_anew(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive_full(i, ASYNC, 1);
		answers a = ask_prepared(&d, "TABLE piped");
		PGconn *conn = must_lend(&d);

		expect_code(&a, PGM_OK);
		PQreset(conn);
		pgm_release(conn);
		a = ask_prepared(&d, "TABLE piped");
		expect_code(&a, PGM_OK);
		undrive(&d);
	}
}

/* What libpq does not take has not run, whatever was to be done with it. */
static void b45_what_libpq_refuses_is_told_as_that(void **state)
{
	enum { MANY = 70000 };
	static const char *params[MANY] = {"1"};
	static const int binary[] = {1};
	const pgm_query queries[] = {{.sql = "SELECT 1", .nparams = MANY, .params = params},
				     {.sql = "SELECT $1::int", .nparams = 1, .params = params, .formats = binary}};

	(void)state;
	for (int i = 0; i < 8; i++) {
		driven d = drive_full(i % 2, ASYNC, 1);
		pgm_query query = queries[i / 2 % 2];
		answers a = {.calls = 0};

		query.flags = i < 4 ? 0 : PGM_PREPARE;
		must_submit_with(d.db, &query, &a);
		must_be_answered(&d, &a);
		expect_code(&a, PGM_ERR_MISUSE);
		assert_contains(a.message, "libpq refused the call");
		assert_string_equal(a.sqlstate, "");
		assert_string_equal(ask_driven(&d, PREPARED).value, "0");
		a = ask_prepared(&d, "TABLE piped");
		expect_code(&a, PGM_OK);
		undrive(&d);
	}
}

/* Two of a text that cannot be parsed: the second must not be told of a statement that does not exist. */
static void a_text_that_cannot_be_parsed_is_told_so_to_everybody(void **state)
{
	driven d = drive_full(0, ASYNC, 1);
	const pgm_query query = {.sql = "SELECT nonsense", .flags = PGM_PREPARE};
	answers a[3] = {{.calls = 0}};

	(void)state;
	for (int i = 0; i < 3; i++)
		must_submit_with(d.db, &query, &a[i]);
	for (int i = 0; i < 3; i++) {
		must_be_answered(&d, &a[i]);
		assert_string_equal(a[i].sqlstate, "42703");
	}
	assert_string_equal(ask_driven(&d, PREPARED).value, "0");
	undrive(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TABLE_TEST(b43_an_error_in_one_statement_touches_no_other),
		TABLE_TEST(b43_a_deferred_constraint_is_reported_not_the_ok_before_it),
		TABLE_TEST(each_statement_under_way_is_a_transaction_of_its_own),
		TABLE_TEST(b44_what_a_pipeline_cannot_carry_is_refused_however_it_is_written),
		TABLE_TEST(b44_an_exclusive_borrow_never_meets_submitted_statements),
		TABLE_TEST(b44_on_async_statements_wait_for_the_borrower),
		TABLE_TEST(b46_full_buffers_on_both_sides_never_deadlock),
		TABLE_TEST(b46_a_server_that_reads_nothing_for_a_while_gets_everything),
		TABLE_TEST(notifications_between_answers_cost_no_memory),
		TABLE_TEST(a_connection_that_has_grown_large_is_replaced_when_it_is_idle),
		TABLE_TEST(b48_what_nobody_reads_is_bounded_then_refused),
		TABLE_TEST(a_connection_is_given_64_statements_at_most),
		TABLE_TEST(statements_spread_before_they_share),
		TABLE_TEST(connections_are_opened_before_any_is_shared),
		TABLE_TEST(a_long_statement_shares_its_connection_with_nothing),
		TABLE_TEST(short_statements_keep_no_long_one_and_no_borrower_waiting),
		TABLE_TEST(a_statement_is_parsed_once_per_connection_where_that_is_asked_for),
		TABLE_TEST(b44_a_reset_hook_may_discard_what_was_prepared),
		TABLE_TEST(b33_after_a_reset_what_was_prepared_is_parsed_anew),
		TABLE_TEST(b45_what_libpq_refuses_is_told_as_that),
		TABLE_TEST(a_stale_prepared_statement_is_told_and_parsed_anew),
		TABLE_TEST(a_text_that_cannot_be_parsed_is_told_so_to_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
