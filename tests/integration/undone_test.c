/* B32: what a borrower changed on the connection itself is undone before the next one has it. */
#include "handles.h"

static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};
#define TYPES 2

static int strangers_notices;

static void strangers_receiver(void *arg, const PGresult *res)
{
	(void)arg;
	(void)res;
	strangers_notices++;
}

static void strangers_processor(void *arg, const char *message)
{
	(void)arg;
	(void)message;
	strangers_notices++;
}

static FILE *trace;

static void set_nonblocking(PGconn *conn)
{
	assert_int_equal(PQsetnonblocking(conn, 1), 0);
}

static void set_receiver(PGconn *conn)
{
	PQsetNoticeReceiver(conn, strangers_receiver, NULL);
}

static void set_processor(PGconn *conn)
{
	PQsetNoticeProcessor(conn, strangers_processor, NULL);
}

static void set_verbosity(PGconn *conn)
{
	PQsetErrorVerbosity(conn, PQERRORS_SQLSTATE);
}

static void set_visibility(PGconn *conn)
{
	PQsetErrorContextVisibility(conn, PQSHOW_CONTEXT_ALWAYS);
}

static void set_trace(PGconn *conn)
{
	PQtrace(conn, trace);
	PQsetTraceFlags(conn, PQTRACE_REGRESS_MODE);
}

static void set_encoding(PGconn *conn)
{
	assert_int_equal(PQsetClientEncoding(conn, "LATIN1"), 0);
}

static void set_encoding_by_sql(PGconn *conn)
{
	must_run(conn, "SET client_encoding = 'EUC_JP'");
}

static void set_encoding_in_a_transaction(PGconn *conn)
{
	must_run(conn, "BEGIN");
	set_encoding(conn);
}

static void set_pipeline(PGconn *conn)
{
	assert_int_equal(PQenterPipelineMode(conn), 1);
}

static void set_all(PGconn *conn)
{
	set_receiver(conn);
	set_processor(conn);
	set_verbosity(conn);
	set_visibility(conn);
	set_encoding(conn);
	set_trace(conn);
	set_nonblocking(conn);
	set_pipeline(conn);
}

static const struct change {
	const char *name;
	void (*make)(PGconn *);
} changes[] = {
	{"nonblocking", set_nonblocking},
	{"notice receiver", set_receiver},
	{"notice processor", set_processor},
	{"verbosity", set_verbosity},
	{"context visibility", set_visibility},
	{"tracing", set_trace},
	{"encoding", set_encoding},
	{"encoding by SQL", set_encoding_by_sql},
	{"encoding in a transaction", set_encoding_in_a_transaction},
	{"pipeline mode", set_pipeline},
	{"all", set_all},
};
#define CHANGES (sizeof changes / sizeof *changes)

/* What libpq itself does with notices: it passes them to the processor. */
static PQnoticeReceiver receiver_of_libpq(void)
{
	PGconn *conn = PQconnectStart("");
	PQnoticeReceiver receiver = PQsetNoticeReceiver(conn, NULL, NULL);

	PQfinish(conn);
	return receiver;
}

static void warn(PGconn *conn)
{
	must_run(conn, "DO $$ BEGIN RAISE WARNING 'b32 speaks'; END $$");
}

static void expect_notices_in_the_log(PGconn *conn)
{
	PQnoticeReceiver ours;

	strangers_notices = 0;
	pgtest_log_clear();
	warn(conn);
	assert_int_equal(pgtest_log_count("b32 speaks"), 1);
	ours = PQsetNoticeReceiver(conn, receiver_of_libpq(), NULL);
	warn(conn);
	assert_int_equal(pgtest_log_count("b32 speaks"), 2);
	PQsetNoticeReceiver(conn, ours, NULL);
	assert_int_equal(strangers_notices, 0);
}

static void expect_unchanged(PGconn *conn, const char *encoding)
{
	long traced;

	assert_false(PQisnonblocking(conn));
	assert_int_equal(PQpipelineStatus(conn), PQ_PIPELINE_OFF);
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	assert_int_equal(PQsetErrorVerbosity(conn, PQERRORS_DEFAULT), PQERRORS_DEFAULT);
	assert_int_equal(PQsetErrorContextVisibility(conn, PQSHOW_CONTEXT_ERRORS), PQSHOW_CONTEXT_ERRORS);
	fflush(trace);
	traced = ftell(trace);
	assert_string_equal(ask(conn, "SHOW client_encoding"), encoding);
	assert_string_equal(pg_encoding_to_char(PQclientEncoding(conn)), encoding);
	fflush(trace);
	assert_int_equal(ftell(trace), traced);
	expect_notices_in_the_log(conn);
}

static void b32_connection_level_changes_are_undone(void **state)
{
	static const char *const encodings[] = {"UTF8", "LATIN9"};

	(void)state;
	trace = tmpfile();
	assert_non_null(trace);
	for (int t = 0; t < 2 * TYPES; t++) {
		pgm_db *db = must_open("%s client_encoding=%s", types[t / 2], encodings[t % 2]);

		for (size_t i = 0; i < CHANGES; i++) {
			PGconn *conn = must_acquire(db);
			int pid = PQbackendPID(conn);

			changes[i].make(conn);
			pgm_release(conn);
			conn = must_acquire(db);
			if (PQbackendPID(conn) != pid)
				fail_msg("%s cost the connection: %s", changes[i].name, pgtest_log_text());
			expect_unchanged(conn, encodings[t % 2]);
			pgm_release(conn);
		}
		pgm_close(db);
	}
	fclose(trace);
}

/* The borrower's hooks, and what they point to, may be gone when the connection comes back. */
static void b32_what_is_left_of_a_statement_is_not_told_to_the_borrowers_hooks(void **state)
{
	pgm_db *db = must_open(NULL);
	PGconn *conn = must_acquire(db);

	(void)state;
	strangers_notices = 0;
	set_receiver(conn);
	PQsendQuery(conn, "DO $$ BEGIN RAISE WARNING 'b32 speaks'; END $$");
	pgm_release(conn);
	assert_int_equal(strangers_notices, 0);
	assert_int_equal(pgtest_log_count("b32 speaks"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b32_connection_level_changes_are_undone),
		HANDLE_TEST(b32_what_is_left_of_a_statement_is_not_told_to_the_borrowers_hooks),
	};

	return run_handle_tests(tests);
}
