/* B31: whatever a borrower left unfinished is ended in bounded time; the next one finds a clean connection. */
#include "handles.h"
#include "support/proxy.h"

static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};
#define TYPES 2

/* The next borrower's connection is as new; same tells whether it must be the same session, or another. */
static void expect_clean(pgm_db *db, int pid, bool same)
{
	PGconn *conn = must_acquire(db);

	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	assert_int_equal(PQpipelineStatus(conn), PQ_PIPELINE_OFF);
	assert_false(PQisnonblocking(conn));
	assert_int_equal(PQbackendPID(conn) == pid, same);
	assert_true(works(conn));
	pgm_release(conn);
}

/* ----------------------------------------------------------------------------------------- B31 */

#define MANY_ROWS "SELECT generate_series(1, 20000000), repeat('x', 100)"

typedef void leave_behind(PGconn *conn);

static void unread_rows(PGconn *conn)
{
	PQsendQuery(conn, MANY_ROWS);
}

static void unread_single_rows(PGconn *conn)
{
	PQsendQuery(conn, MANY_ROWS);
	PQsetSingleRowMode(conn);
	PQclear(PQgetResult(conn));
}

static void few_unread_rows(PGconn *conn)
{
	PQsendQuery(conn, "SELECT 1; SELECT 2; SELECT 3");
	PQclear(PQgetResult(conn));
}

static void running_statement(PGconn *conn)
{
	PQsendQuery(conn, "SELECT pg_sleep(60)");
}

static void running_in_a_transaction(PGconn *conn)
{
	PQclear(PQexec(conn, "BEGIN"));
	PQsendQuery(conn, "SELECT pg_sleep(60)");
}

static void copy_out(PGconn *conn)
{
	char *row;

	PQclear(PQexec(conn, "COPY (" MANY_ROWS ") TO STDOUT"));
	PQgetCopyData(conn, &row, 0);
	PQfreemem(row);
}

static void copy_in(PGconn *conn)
{
	PQclear(PQexec(conn, "CREATE TEMP TABLE IF NOT EXISTS b31 (n int)"));
	PQclear(PQexec(conn, "COPY b31 FROM STDIN"));
	PQputCopyData(conn, "1\n", 2);
}

static void copy_in_within_a_transaction(PGconn *conn)
{
	PQclear(PQexec(conn, "BEGIN"));
	copy_in(conn);
}

static void pipeline(PGconn *conn)
{
	PQenterPipelineMode(conn);
	for (int i = 0; i < 10; i++)
		PQsendQueryParams(conn, "SELECT 1", 0, NULL, NULL, NULL, NULL, 0);
}

static void pipeline_with_an_error(PGconn *conn)
{
	PQenterPipelineMode(conn);
	PQsendQueryParams(conn, "SELECT 1", 0, NULL, NULL, NULL, NULL, 0);
	PQsendQueryParams(conn, "SELECT 1/0", 0, NULL, NULL, NULL, NULL, 0);
	PQpipelineSync(conn);
	PQsendQueryParams(conn, "SELECT 2", 0, NULL, NULL, NULL, NULL, 0);
	PQpipelineSync(conn);
	PQclear(PQgetResult(conn));
}

static void pipeline_with_a_long_statement(PGconn *conn)
{
	PQenterPipelineMode(conn);
	PQsendQueryParams(conn, "SELECT pg_sleep(60)", 0, NULL, NULL, NULL, NULL, 0);
	PQpipelineSync(conn);
}

static void empty_pipeline(PGconn *conn)
{
	PQenterPipelineMode(conn);
}

static void pipeline_in_a_transaction(PGconn *conn)
{
	PQclear(PQexec(conn, "BEGIN"));
	pipeline(conn);
}

static void unread_rows_in_a_transaction(PGconn *conn)
{
	PQclear(PQexec(conn, "BEGIN"));
	unread_rows(conn);
}

static void one_large_value(PGconn *conn)
{
	PQsendQuery(conn, "SELECT repeat('x', 20000000)");
}

static void several_statements(PGconn *conn)
{
	PQsendQuery(conn, "SELECT 1; SELECT pg_sleep(60); SELECT 2");
}

/* The borrower has cancelled it, and read neither that nor what came before. */
static void cancelled_rows(PGconn *conn)
{
	PGcancel *cancel = PQgetCancel(conn);
	char words[256];

	unread_single_rows(conn);
	PQcancel(cancel, words, sizeof words);
	PQfreeCancel(cancel);
}

static void failed_statement(PGconn *conn)
{
	PQsendQuery(conn, "SELECT 1/(n - 2) FROM generate_series(1, 3) n");
}

/* More than fits into the sockets' buffers, so that most of it is still here. */
static void unsent_statement(PGconn *conn)
{
	enum { SIZE = 20000000 };
	char *value = malloc(SIZE + 1);
	const char *params[] = {value};

	memset(value, 'x', SIZE);
	value[SIZE] = '\0';
	PQsetnonblocking(conn, 1);
	PQsendQueryParams(conn, "SELECT length($1)", 1, NULL, params, NULL, NULL, 0);
	free(value);
}

static void unsent_copy_in(PGconn *conn)
{
	char rows[10000];

	memset(rows, '1', sizeof rows);
	for (size_t i = 7; i < sizeof rows; i += 8)
		rows[i] = '\n';
	copy_in(conn);
	PQsetnonblocking(conn, 1);
	for (int i = 0; i < 1000; i++)
		PQputCopyData(conn, rows, sizeof rows);
}

static void two_copies(PGconn *conn)
{
	PQclear(PQexec(conn, "CREATE TEMP TABLE IF NOT EXISTS b31 (n int)"));
	PQsendQuery(conn, "COPY b31 FROM STDIN; COPY b31 FROM STDIN; COPY (" MANY_ROWS ") TO STDOUT");
	PQclear(PQgetResult(conn));
}

static void copy_out_in_a_transaction(PGconn *conn)
{
	PQclear(PQexec(conn, "BEGIN"));
	copy_out(conn);
}

static void pipeline_with_unread_rows(PGconn *conn)
{
	PQenterPipelineMode(conn);
	for (int i = 0; i < 3; i++) {
		PQsendQueryParams(conn, MANY_ROWS, 0, NULL, NULL, NULL, NULL, 0);
		PQpipelineSync(conn);
	}
}

/* The error is read, what it aborted is not. */
static void aborted_pipeline(PGconn *conn)
{
	PQenterPipelineMode(conn);
	PQsendQueryParams(conn, "SELECT 1/0", 0, NULL, NULL, NULL, NULL, 0);
	for (int i = 0; i < 10; i++)
		PQsendQueryParams(conn, "SELECT 1", 0, NULL, NULL, NULL, NULL, 0);
	PQpipelineSync(conn);
	PQclear(PQgetResult(conn));
	PQclear(PQgetResult(conn));
	PQclear(PQgetResult(conn));
	assert_int_equal(PQpipelineStatus(conn), PQ_PIPELINE_ABORTED);
}

static void pipeline_with_single_rows(PGconn *conn)
{
	PQenterPipelineMode(conn);
	PQsendQueryParams(conn, MANY_ROWS, 0, NULL, NULL, NULL, NULL, 0);
	PQpipelineSync(conn);
	PQsetSingleRowMode(conn);
	PQclear(PQgetResult(conn));
}

static void copy_out_in_a_pipeline(PGconn *conn)
{
	PQenterPipelineMode(conn);
	PQsendQueryParams(conn, "COPY (" MANY_ROWS ") TO STDOUT", 0, NULL, NULL, NULL, NULL, 0);
	PQsendQueryParams(conn, "SELECT 1", 0, NULL, NULL, NULL, NULL, 0);
	PQpipelineSync(conn);
}

static void copy_in_in_a_pipeline(PGconn *conn)
{
	PQclear(PQexec(conn, "CREATE TEMP TABLE IF NOT EXISTS b31 (n int)"));
	PQenterPipelineMode(conn);
	PQsendQueryParams(conn, "COPY b31 FROM STDIN", 0, NULL, NULL, NULL, NULL, 0);
	PQpipelineSync(conn);
}

static const struct leftover {
	const char *name;
	leave_behind *leave;
} leftovers[] = {
	{"unread rows", unread_rows},
	{"unread single rows", unread_single_rows},
	{"few unread rows", few_unread_rows},
	{"unread rows in a transaction", unread_rows_in_a_transaction},
	{"one large value", one_large_value},
	{"running statement", running_statement},
	{"running in a transaction", running_in_a_transaction},
	{"several statements", several_statements},
	{"cancelled rows", cancelled_rows},
	{"failed statement", failed_statement},
	{"unsent statement", unsent_statement},
	{"COPY OUT", copy_out},
	{"COPY OUT in a transaction", copy_out_in_a_transaction},
	{"COPY IN", copy_in},
	{"COPY IN within a transaction", copy_in_within_a_transaction},
	{"unsent COPY IN", unsent_copy_in},
	{"two COPY", two_copies},
	{"pipeline", pipeline},
	{"pipeline with an error", pipeline_with_an_error},
	{"pipeline with a long statement", pipeline_with_a_long_statement},
	{"pipeline with unread rows", pipeline_with_unread_rows},
	{"pipeline with single rows", pipeline_with_single_rows},
	{"pipeline in a transaction", pipeline_in_a_transaction},
	{"aborted pipeline", aborted_pipeline},
	{"COPY OUT in a pipeline", copy_out_in_a_pipeline},
	{"empty pipeline", empty_pipeline},
};
#define LEFTOVERS (sizeof leftovers / sizeof *leftovers)

/* Reading twenty million rows, or waiting for the statement's end, would take seconds. */
static void check_bounded(const char *what, int64_t start)
{
	if (ms_since(start) > slow(700))
		fail_msg("%s took %lld ms: %s", what, (long long)ms_since(start), pgtest_log_text());
}

static void b31_unfinished_work_is_ended_in_bounded_time(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);

		for (size_t i = 0; i < LEFTOVERS; i++) {
			PGconn *conn = must_acquire(db);
			int pid = PQbackendPID(conn);
			int64_t start;

			leftovers[i].leave(conn);
			start = pgtest_now_ms();
			pgm_release(conn);
			check_bounded(leftovers[i].name, start);
			conn = must_acquire(db);
			if (PQbackendPID(conn) != pid)
				fail_msg("%s cost the connection: %s", leftovers[i].name, pgtest_log_text());
			pgm_release(conn);
			expect_clean(db, pid, true);
		}
	}
}

static bool leave_it(PGconn *conn, void *arg, pgm_error *err)
{
	const struct leftover *l = arg;

	(void)err;
	l->leave(conn);
	return true;
}

/* What is not finished cannot be committed, and that is said. */
static void b31_unfinished_work_in_pgm_with_is_ended_in_bounded_time(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);

		for (size_t i = 0; i < LEFTOVERS; i++) {
			struct leftover l = leftovers[i];
			int64_t start = pgtest_now_ms();
			pgm_error err;

			if (pgm_with(db, leave_it, &l, &err))
				fail_msg("%s was committed", l.name);
			check_bounded(l.name, start);
			assert_int_equal(err.code, PGM_ERR_MISUSE);
			assert_lacks(err.message, "no transaction is open");
			PGconn *conn = must_acquire(db);
			assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
			assert_true(works(conn));
			pgm_release(conn);
		}
		assert_int_equal(stats_of(db).lost, 0);
	}
}

/* libpq does not allow it, but only says so when it is too late: there is no way out of it. */
static void b31_a_copy_in_within_a_pipeline_costs_the_connection(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		int pid = PQbackendPID(conn);
		int64_t start;

		copy_in_in_a_pipeline(conn);
		start = pgtest_now_ms();
		pgm_release(conn);
		check_bounded("COPY IN in a pipeline", start);
		assert_int_equal(pgtest_log_count("is closed, not kept"), t + 1);
		expect_clean(db, pid, false);
	}
}

/* The connection is given up, within three seconds and a little, if the server does not play along. */
typedef struct stuck {
	PGconn *conn;
	int64_t took_ms;
	pgtest_thread *thread;
} stuck;

static void *give_it_back(void *arg)
{
	stuck *s = arg;
	int64_t start = pgtest_now_ms();

	pgm_release(s->conn);
	s->took_ms = ms_since(start);
	return NULL;
}

static void b31_a_server_that_does_not_answer_costs_the_connection(void **state)
{
	proxy *p = proxy_start();
	pgm_db *stopped = must_open("%s", types[0]), *behind = must_open("%s port=%d", types[1], proxy_port(p));
	stuck s[] = {{.conn = must_acquire(stopped)}, {.conn = must_acquire(behind)}};
	int pids[] = {PQbackendPID(s[0].conn), PQbackendPID(s[1].conn)};

	(void)state;
	unread_rows(s[0].conn);
	unread_rows(s[1].conn);
	pgtest_stop(pids[0]);
	proxy_set(p, PROXY_HOLD); /* the cancel request, too */
	for (int i = 0; i < 2; i++) {
		if (pgtest_evented())
			give_it_back(&s[i]);
		else
			s[i].thread = pgtest_run(give_it_back, &s[i]);
	}
	for (int i = 0; i < 2; i++) {
		if (!pgtest_evented())
			pgtest_join(s[i].thread);
		assert_in_range(s[i].took_ms, 0, 4000 + slow(500));
	}
	assert_int_equal(pgtest_log_count("is closed, not kept"), 2);
	proxy_set(p, PROXY_FORWARD);
	expect_clean(stopped, pids[0], false);
	expect_clean(behind, pids[1], false);
	pgtest_continue(pids[0]);
	proxy_stop(p);
}

/* These are the session's, and SQL's to undo; what is announced to a LISTEN left behind disturbs nobody. */
static void what_sql_changed_in_the_session_stays(void **state)
{
	(void)state;
	for (int t = 0; t < TYPES; t++) {
		pgm_db *db = must_open("%s", types[t]);
		PGconn *conn = must_acquire(db);
		int pid = PQbackendPID(conn);

		must_run(conn, "SET work_mem = '7MB'; PREPARE b31 AS SELECT 7; LISTEN b31");
		pgm_release(conn);
		pgtest_exec("NOTIFY b31");
		outlive_trust();
		expect_clean(db, pid, true);
		conn = must_acquire(db);
		assert_string_equal(ask(conn, "SHOW work_mem"), "7MB");
		assert_string_equal(ask(conn, "EXECUTE b31"), "7");
		assert_string_equal(ask(conn, "SELECT pg_listening_channels()"), "b31");
		pgm_release(conn);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b31_unfinished_work_is_ended_in_bounded_time),
		HANDLE_TEST(b31_unfinished_work_in_pgm_with_is_ended_in_bounded_time),
		HANDLE_TEST(b31_a_copy_in_within_a_pipeline_costs_the_connection),
		HANDLE_TEST(b31_a_server_that_does_not_answer_costs_the_connection),
		HANDLE_TEST(what_sql_changed_in_the_session_stays),
	};

	return run_handle_tests(tests);
}
