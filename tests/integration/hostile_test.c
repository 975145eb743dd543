/* A server that is none: it answers in the protocol's words what no PostgreSQL would say. Nothing hangs, nothing turns
 * round and round, and the next one finds a connection. */
#include "driven.h"
#include "pgmonkey/csv.h"
#include "pgmonkey/server.h"
#include "support/hostile.h"

#include <stdatomic.h>

#define SLOW "SELECT 'slow'"
#define CANCEL "pg_cancel_backend"

/* How what the tests ask for is answered. */
typedef enum manner { NO_ROW, NO_COLUMN, ONE_COLUMN, ALL_NULL, COPY_OUT, COPY_BOTH, REFUSED, MANNERS } manner;

static _Atomic manner manner_now;

/* As many as the question asks for, as far as the tools' own questions go. */
static int columns_of(const char *sql)
{
	static const struct {
		const char *text;
		int columns;
	} questions[] = {{"pg_catalog.pg_settings WHERE", 7},
			 {"inet_client_addr", 7},
			 {"pg_hba_file_rules", 11},
			 {"rolconnlimit", 3},
			 {"n.nspname", 4},
			 {"attidentity", 4},
			 {"current_schema", 2}};

	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		if (strstr(sql, questions[i].text))
			return questions[i].columns;
	return 1;
}

static void answer_badly(hostile_session *session, const char *sql)
{
	switch (atomic_load(&manner_now)) {
	case NO_ROW:
		hostile_row(session, NULL);
		break;
	case NO_COLUMN:
		hostile_values(session, 0, NULL);
		break;
	case ONE_COLUMN:
		hostile_row(session, "");
		break;
	case ALL_NULL:
		hostile_values(session, columns_of(sql), NULL);
		break;
	case COPY_OUT:
		hostile_copy(session, 'H');
		break;
	case COPY_BOTH:
		hostile_copy(session, 'W');
		break;
	case REFUSED:
	case MANNERS:
		hostile_error(session, "42501", "permission denied, says the hostile server");
	}
}

static void answer_cancels_badly(hostile_session *session, const char *sql)
{
	if (strstr(sql, CANCEL))
		answer_badly(session, sql);
	else if (strstr(sql, "pg_backend_pid"))
		hostile_row(session, pgtest_format("%d", hostile_pid(session)));
	else if (strcmp(sql, SLOW) != 0)
		hostile_row(session, "answered");
}

static void answer_all_badly(hostile_session *session, const char *sql)
{
	answer_badly(session, sql);
}

static void answer_questions_badly(hostile_session *session, const char *sql)
{
	if (strncmp(sql, "SET", 3) == 0 || strncmp(sql, "set", 3) == 0 || strncmp(sql, "BEGIN", 5) == 0)
		hostile_done(session, "SET");
	else
		answer_badly(session, sql);
}

static const char *place_of(const hostile *h)
{
	return pgtest_format("port=%d sslmode=disable gssencmode=disable", hostile_port(h));
}

/* ------------------------------------------------------------------------------ asked to cancel */

/* On its own connection, where there is but one; on an idle one of the handle's. */
static void b47_a_request_to_cancel_that_is_answered_with_nonsense_is_given_up(void **state)
{
	static const char *const types[] = {"type=async",
					    "type=async_pool async_pool.min_size=2 async_pool.max_size=2"};

	(void)state;
	for (int i = 0; i < MANNERS * 2; i++) { /* each type without a loop for some, and with one for the others */
		hostile *h = hostile_start(answer_cancels_badly);
		const pgm_query slow_query = {.sql = SLOW, .timeout_ms = 100};
		answers late = {.calls = 0};
		driven d;
		int64_t start;

		atomic_store(&manner_now, i / 2);
		d = drive((i + i / 2) % 2, pgtest_format("%s %s", types[i % 2], place_of(h)));
		assert_string_equal(ask_driven(&d, "SELECT 1").value, "answered");
		if (i % 2)
			turn_until(&d, stats_of(d.db).idle == 2);
		start = pgtest_now_ms();
		must_submit_with(d.db, &slow_query, &late);
		must_be_answered(&d, &late);
		assert_within(start, 4000);
		expect_code(&late, PGM_ERR_TIMEOUT);
		assert_contains(late.message, "could not be cancelled");
		if (i / 2 == REFUSED) { /* and would be again */
			assert_contains(late.message, "permission denied");
			assert_int_equal(hostile_asked(h, CANCEL), 1);
		}
		assert_in_range(hostile_asked(h, CANCEL), 1, 20); /* five times a second, three seconds long */
		assert_string_equal(ask_driven(&d, "SELECT 2").value, "answered");
		undrive(&d);
		hostile_stop(h);
	}
}

static atomic_int cancels_asked;

/* The statement ends as soon as somebody asks for it, and whoever asked hears nothing. */
static void answer_no_cancel(hostile_session *session, const char *sql)
{
	int64_t start = pgtest_now_ms();

	if (strstr(sql, CANCEL)) {
		atomic_fetch_add(&cancels_asked, 1);
		return;
	}
	while (strcmp(sql, SLOW) == 0 && atomic_load(&cancels_asked) == 0 && ms_since(start) < slow(5000))
		poll(NULL, 0, 1);
	hostile_row(session, pgtest_format("%d", hostile_pid(session)));
}

/* It may be carried out at any time, and would hit what is sent next: that goes elsewhere. */
static void b47_a_request_to_cancel_that_is_never_answered_costs_the_connection(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		hostile *h = hostile_start(answer_no_cancel);
		const pgm_query slow_query = {.sql = SLOW, .timeout_ms = 100};
		answers late = {.calls = 0};
		const char *before;
		driven d;

		atomic_store(&cancels_asked, 0);
		d = drive(i, pgtest_format("type=async %s", place_of(h)));
		before = pgtest_keep(strdup(ask_driven(&d, "SELECT 1").value));
		must_submit_with(d.db, &slow_query, &late);
		must_be_answered(&d, &late);
		assert_int_equal(atomic_load(&cancels_asked), 1);
		assert_string_not_equal(ask_driven(&d, "SELECT 2").value, before);
		assert_int_equal(stats_of(d.db).lost, 1);
		undrive(&d);
		hostile_stop(h);
	}
}

/* --------------------------------------------------------------------------------- the blocking types */

static bool do_nothing_at_all(PGconn *conn, void *arg, pgm_error *err)
{
	(void)conn;
	(void)err;
	++*(int *)arg;
	return true;
}

static void count_result(PGresult *res, const pgm_error *err, void *arg)
{
	answers *a = arg;

	note_error(a, err);
	PQclear(res);
}

static void statements_that_are_answered_with_a_copy_cost_the_connection(void **state)
{
	static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};
	static const manner copies[] = {COPY_OUT, COPY_BOTH};

	(void)state;
	for (int i = 0; i < 2; i++) {
		hostile *h = hostile_start(answer_all_badly);
		pgm_db *db = must_open("%s %s", types[i], place_of(h));
		const pgm_query query = {.sql = "SELECT 1"};
		answers a = {.calls = 0};
		int worked = 0;
		pgm_error err;

		atomic_store(&manner_now, copies[i]);
		assert_true(pgm_submit(db, &query, count_result, &a, &err));
		assert_int_equal(a.calls, 1);
		assert_int_not_equal(a.code, PGM_OK);
		assert_false(pgm_with(db, do_nothing_at_all, &worked, &err));
		assert_int_not_equal(err.code, PGM_OK);
		assert_int_equal(stats_of(db).lent, 0);
		atomic_store(&manner_now, NO_ROW);
		a.calls = 0;
		assert_true(pgm_submit(db, &query, count_result, &a, &err));
		expect_code(&a, PGM_OK);
		pgm_close(db);
		hostile_stop(h);
	}
}

static void session_settings_that_are_answered_with_nonsense_let_nobody_in(void **state)
{
	static const char *const types[] = {"type=normal sync.work_mem=4MB", "type=pool sync.work_mem=4MB"};
	static const manner manners[] = {COPY_OUT, COPY_BOTH, REFUSED};

	(void)state;
	for (int i = 0; i < 6; i++) {
		hostile *h = hostile_start(answer_all_badly);
		pgm_config *config = pgtest_config("%s %s", types[i % 2], place_of(h));
		pgm_error err;

		atomic_store(&manner_now, manners[i / 2]);
		if (pgm_manager_open(NULL, config, NULL, &err))
			fail_msg("%s: answered with %d, and open", types[i % 2], manners[i / 2]);
		assert_contains(err.message,
				manners[i / 2] == REFUSED ? "permission denied" : "the server answers with a COPY");
		pgm_config_free(config);
		hostile_stop(h);
	}
}

enum { CHATTERS_MS = 20000 };

static void answer_and_chatter(hostile_session *session, const char *sql)
{
	hostile_row(session, "1");
	if (strstr(sql, "chatter"))
		hostile_chatter(session, CHATTERS_MS);
}

/* Whatever looks at the connection leaves off: giving it back, lending it, watching it while it lies idle. */
static void a_server_that_never_stops_talking_keeps_nobody(void **state)
{
	static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		hostile *h = hostile_start(answer_and_chatter);
		pgm_db *db = must_open("%s %s", types[i], place_of(h));
		PGconn *conn = must_acquire(db);
		int64_t start = pgtest_now_ms();

		PQclear(PQexec(conn, "SELECT 'chatter'"));
		pgm_release(conn);
		outlive_trust();
		pgm_release(must_acquire(db));
		pgm_close(db);
		assert_within(start, 2000);
		hostile_stop(h);
	}
}

/* --------------------------------------------------------------------------------------- the tools */

static const char *make_csv(void)
{
	const char *path = pgtest_format("%s/hostile.csv", pgtest_dir());
	FILE *file = fopen(path, "w");

	if (!file)
		pgtest_die("cannot write %s", path);
	fputs("a,b\n1,2\n", file);
	fclose(file);
	return path;
}

static void files_go_nowhere_and_nothing_hangs(void **state)
{
	const pgm_csv_import_options in = {.size = sizeof in, .table = "t", .file = make_csv()};
	const pgm_csv_export_options out = {
		.size = sizeof out, .table = "t", .file = pgtest_format("%s/hostile-out.csv", pgtest_dir())};

	(void)state;
	for (int m = 0; m < MANNERS; m++) {
		hostile *h = hostile_start(answer_questions_badly);
		pgm_config *config = pgtest_config("%s", place_of(h));
		int64_t start = pgtest_now_ms();
		pgm_csv_result result;
		pgm_error err;

		atomic_store(&manner_now, m);
		assert_false(pgm_csv_import(config, &in, &result, &err));
		assert_int_not_equal(err.code, PGM_OK);
		assert_false(pgm_csv_export(config, &out, &result, &err));
		assert_int_not_equal(err.code, PGM_OK);
		assert_int_equal(access(out.file, F_OK), -1);
		assert_within(start, 8000);
		pgm_config_free(config);
		hostile_stop(h);
	}
}

/* What it takes for an export to come to its rows; the last one is none. */
static void answer_up_to_the_rows(hostile_session *session, const char *sql)
{
	static const char *const table[] = {"16384", "r", "public", "t"};

	if (strstr(sql, "n.nspname"))
		hostile_values(session, 4, table);
	else if (strstr(sql, "row_security_active"))
		hostile_row(session, NULL);
	else if (strstr(sql, "attname"))
		hostile_row(session, "a");
	else if (strncmp(sql, "COPY", 4) == 0)
		hostile_copied(session, "x\\\n");
	else if (strncmp(sql, "SELECT", 6) == 0 || strncmp(sql, "EXPLAIN", 7) == 0)
		hostile_row(session, "-1");
	else
		hostile_done(session, "SET");
}

static void a_row_that_breaks_off_goes_nowhere(void **state)
{
	const pgm_csv_export_options out = {
		.size = sizeof out, .table = "t", .file = pgtest_format("%s/hostile-out.csv", pgtest_dir())};
	hostile *h = hostile_start(answer_up_to_the_rows);
	pgm_config *config = pgtest_config("%s", place_of(h));
	pgm_csv_result result;
	pgm_error err;

	(void)state;
	assert_false(pgm_csv_export(config, &out, &result, &err));
	assert_contains(err.message, "the server sent a row that breaks off");
	assert_int_equal(access(out.file, F_OK), -1);
	pgm_config_free(config);
	hostile_stop(h);
}

/* It says who it is, and nothing more. */
static void answer_the_first_question(hostile_session *session, const char *sql)
{
	static const char *const who[] = {"1", "u", "d", NULL, NULL, NULL, "on"};

	if (strstr(sql, "inet_client_addr"))
		hostile_values(session, 7, who);
	else
		hostile_values(session, columns_of(sql), NULL);
}

static void an_audit_that_is_told_nothing_says_so(void **state)
{
	hostile *h = hostile_start(answer_the_first_question);
	pgm_config *config = pgtest_config("sync.search_path=a %s", place_of(h));
	pgm_error err;
	pgm_server_client *client = pgm_server_client_new(config, &err);
	pgm_server_report *report;

	(void)state;
	assert_non_null(client);
	report = pgm_server_audit(config, client, &err);
	assert_non_null(report);
	assert_int_equal(report->error.code, PGM_OK);
	assert_string_equal(report->user, "u");
	pgm_server_report_free(report);
	pgm_server_client_free(client);
	pgm_config_free(config);
	hostile_stop(h);
}

static void an_audit_says_that_it_learnt_nothing(void **state)
{
	(void)state;
	for (int m = 0; m < MANNERS; m++) {
		hostile *h = hostile_start(answer_all_badly);
		pgm_config *config = pgtest_config("%s", place_of(h));
		int64_t start = pgtest_now_ms();
		pgm_server_client *client;
		pgm_server_report *report;
		pgm_error err;

		atomic_store(&manner_now, m);
		client = pgm_server_client_new(config, &err);
		assert_non_null(client);
		report = pgm_server_audit(config, client, &err);
		assert_true(!report || report->error.code != PGM_OK);
		assert_true(report || err.code != PGM_OK);
		assert_within(start, 8000);
		pgm_server_report_free(report);
		pgm_server_client_free(client);
		pgm_config_free(config);
		hostile_stop(h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b47_a_request_to_cancel_that_is_answered_with_nonsense_is_given_up),
		HANDLE_TEST(b47_a_request_to_cancel_that_is_never_answered_costs_the_connection),
		HANDLE_TEST(statements_that_are_answered_with_a_copy_cost_the_connection),
		HANDLE_TEST(session_settings_that_are_answered_with_nonsense_let_nobody_in),
		HANDLE_TEST(a_server_that_never_stops_talking_keeps_nobody),
		HANDLE_TEST(files_go_nowhere_and_nothing_hangs),
		HANDLE_TEST(a_row_that_breaks_off_goes_nowhere),
		HANDLE_TEST(an_audit_that_is_told_nothing_says_so),
		HANDLE_TEST(an_audit_says_that_it_learnt_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
