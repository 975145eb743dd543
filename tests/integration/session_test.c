/* Session settings of the file, and the hooks: what makes a connection the way its user wants it. */
#include "handles.h"
#include "support/cluster.h"

#include <stdatomic.h>

/* ------------------------------------------------------------------------------------ settings */

/* Statements that this program's connections have sent, by the server's log. */
static int logged_statements(const cluster *c)
{
	const char *command = pgtest_format("grep -c '%s LOG:  \\(execute\\|statement\\)' '%s'", pgtest_application(),
					    cluster_server(c)->log);
	FILE *out = popen(command, "re");
	int count = -1;

	assert_non_null(out);
	assert_int_equal(fscanf(out, "%d", &count), 1);
	pclose(out);
	return count;
}

static void all_settings_are_applied_in_one_round_trip(void **state)
{
	cluster *c = cluster_start("log_statement = 'all'", NULL);
	pgm_db *db;
	PGconn *conn;

	(void)state;
	pgtest_use(cluster_server(c));
	db = must_open(
		"sync.statement_timeout=11111 sync.lock_timeout=2222 sync.work_mem=3MB sync.search_path='\"$user\", "
		"pg_temp'");
	assert_int_equal(logged_statements(c), 1);
	conn = must_acquire(db);
	assert_string_equal(ask(conn, "SHOW statement_timeout"), "11111ms");
	assert_string_equal(ask(conn, "SHOW lock_timeout"), "2222ms");
	assert_string_equal(ask(conn, "SHOW work_mem"), "3MB");
	assert_string_equal(ask(conn, "SHOW search_path"), "\"$user\", pg_temp");
	assert_int_equal(logged_statements(c), 5);
	pgm_release(conn);
	conn = must_acquire(db);
	pgm_release(conn);
	assert_int_equal(logged_statements(c), 5); /* lending and giving back cost none */
	pgm_close(db);
	cluster_stop(c);
}

static void a_value_is_never_pasted_into_sql(void **state)
{
	pgm_db *db = must_open("sync.app.note='a\\'); DROP TABLE x; --'");
	PGconn *conn = must_acquire(db);

	(void)state;
	assert_string_equal(ask(conn, "SELECT current_setting('app.note')"), "a'); DROP TABLE x; --");
	pgm_release(conn);
}

static void a_refused_setting_names_its_place_in_the_file(void **state)
{
	const char *path =
		pgtest_file("refused.yaml",
			    pgtest_format("%s%s:\n  work_mem: 4MB\n"
					  "  statement_timeout: soon\n",
					  pgtest_yaml(NULL), pgtest_evented() ? "async_settings" : "sync_settings"));
	pgm_error err;

	(void)state;
	assert_null(pgm_open(path, PGM_FROM_CONFIG, &err));
	assert_int_equal(err.code, PGM_ERR_CONFIG);
	assert_string_equal(err.sqlstate, "22023");
	assert_contains(err.message, "refused.yaml:");
	assert_contains(err.message, ":3: "); /* the column */
	assert_contains(err.message, "statement_timeout");
	assert_contains(err.message, "soon");
	assert_lacks(err.message, "work_mem");
	assert_null(pgm_open(pgtest_yaml_file("sync.no_such_setting=1 sync.work_mem=4MB"), PGM_FROM_CONFIG, &err));
	assert_int_equal(err.code, PGM_ERR_CONFIG);
	assert_contains(err.message, "no_such_setting");
	assert_null(pgm_open(pgtest_yaml_file("type=pool sync.fsync=off"), PGM_FROM_CONFIG, &err));
	assert_int_equal(err.code, PGM_ERR_CONFIG);
	assert_contains(err.message, "fsync");
}

/* The async types' section is not for these. */
static void settings_of_the_other_types_are_not_applied(void **state)
{
	pgm_db *db = must_open("async.work_mem=7MB sync.work_mem=6MB");
	PGconn *conn = must_acquire(db);

	(void)state;
	assert_string_equal(ask(conn, "SHOW work_mem"), "6MB");
	pgm_release(conn);
}

/* --------------------------------------------------------------------------------------- hooks */

typedef struct hook_log {
	atomic_int configured, checked;
	atomic_int check_refuses, reset_refuses, configure_refuses; /* so many times */
} hook_log;

static bool refuse_some(atomic_int *times)
{
	return atomic_load(times) > 0 && atomic_fetch_sub(times, 1) > 0;
}

static bool on_configure(PGconn *conn, void *arg, pgm_error *err)
{
	hook_log *h = arg;

	(void)err;
	atomic_fetch_add(&h->configured, 1);
	PQclear(PQexec(conn, "SELECT set_config('app.configured', current_setting('statement_timeout'), false)"));
	return !refuse_some(&h->configure_refuses);
}

static bool on_check(PGconn *conn, void *arg, pgm_error *err)
{
	hook_log *h = arg;

	(void)err;
	atomic_fetch_add(&h->checked, 1);
	return works(conn) && !refuse_some(&h->check_refuses);
}

static bool on_reset(PGconn *conn, void *arg, pgm_error *err)
{
	hook_log *h = arg;

	(void)err;
	return works(conn) && !refuse_some(&h->reset_refuses);
}

/* ----------------------------------------------------------------------------------------- B34 */

static const char *const both_types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};

static pgm_db *open_with_settings(const char *type, const pgm_open_options *options)
{
	return must_open_with(options,
			      "%s sync.statement_timeout=12345 sync.work_mem=4321kB sync.search_path='b34, public' "
			      "sync.app.note='it\\'s mine'",
			      type);
}

static void expect_settings(PGconn *conn)
{
	assert_string_equal(ask(conn, "SHOW statement_timeout"), "12345ms");
	assert_string_equal(ask(conn, "SHOW work_mem"), "4321kB");
	assert_string_equal(ask(conn, "SHOW search_path"), "b34, public");
	assert_string_equal(ask(conn, "SELECT current_setting('app.note')"), "it's mine");
}

static void change_settings(PGconn *conn)
{
	must_run(conn, "SET statement_timeout = 999; SET work_mem = '1MB'; SET search_path = pg_catalog; "
		       "SET app.note = 'yours'");
}

static bool reset_by_sql(PGconn *conn, void *arg, pgm_error *err)
{
	PGresult *res = PQexec(conn, arg);
	bool ok = pgm_result_ok(res, err);

	PQclear(res);
	return ok;
}

static bool reset_by_pqreset(PGconn *conn, void *arg, pgm_error *err)
{
	(void)arg;
	(void)err;
	PQreset(conn);
	return PQstatus(conn) == CONNECTION_OK;
}

static void b34_settings_survive_a_reset_hook(void **state)
{
	static char sql[][32] = {"RESET ALL", "DISCARD ALL", "SET statement_timeout = 7"};

	(void)state;
	for (int i = 0; i < 2 * 4; i++) {
		const pgm_open_options options = {.hooks = {.reset = i / 2 < 3 ? reset_by_sql : reset_by_pqreset,
							    .arg = i / 2 < 3 ? sql[i / 2] : NULL}};
		pgm_db *db = open_with_settings(both_types[i % 2], &options);

		for (int turn = 0; turn < 3; turn++) {
			PGconn *conn = must_acquire(db);

			expect_settings(conn);
			change_settings(conn);
			pgm_release(conn);
		}
		assert_int_equal(stats_of(db).opened, 1);
		pgm_close(db);
	}
}

static void reset_at_once(PGconn *conn)
{
	PQreset(conn);
}

static void reset_step_by_step(PGconn *conn)
{
	PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;

	assert_int_equal(PQresetStart(conn), 1);
	while (wanted == PGRES_POLLING_WRITING || wanted == PGRES_POLLING_READING) {
		struct pollfd fd = {.fd = PQsocket(conn), .events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT};

		poll(&fd, 1, -1);
		wanted = PQresetPoll(conn);
	}
	assert_int_equal(wanted, PGRES_POLLING_OK);
}

static void reset_in_nonblocking_mode(PGconn *conn)
{
	assert_int_equal(PQsetnonblocking(conn, 1), 0);
	reset_step_by_step(conn);
	assert_int_equal(PQsetnonblocking(conn, 0), 0);
}

static void reset_in_a_transaction(PGconn *conn)
{
	must_run(conn, "BEGIN; SELECT 1");
	PQreset(conn);
}

static void reset_when_it_is_lost(PGconn *conn)
{
	pgtest_terminate(PQbackendPID(conn));
	assert_false(works(conn));
	PQreset(conn);
}

static void b34_settings_survive_pqreset(void **state)
{
	static void (*const resets[])(PGconn *) = {reset_at_once, reset_step_by_step, reset_in_nonblocking_mode,
						   reset_in_a_transaction, reset_when_it_is_lost};

	(void)state;
	for (int t = 0; t < 2; t++) {
		pgm_db *db = open_with_settings(both_types[t], NULL);

		for (size_t i = 0; i < sizeof resets / sizeof *resets; i++) {
			PGconn *conn = must_acquire(db);
			int before = PQbackendPID(conn), after;

			change_settings(conn);
			resets[i](conn);
			after = PQbackendPID(conn);
			assert_int_not_equal(after, before);
			expect_settings(conn);
			pgm_release(conn);
			conn = must_acquire(db);
			assert_int_equal(PQbackendPID(conn), after);
			expect_settings(conn);
			pgm_release(conn);
		}
		assert_int_equal(stats_of(db).opened, 1);
	}
}

/* A session without the file's settings, its role for one, is not what anybody asked for. */
static void b34_a_session_that_is_refused_its_settings_is_not_used(void **state)
{
	const char *user = pgtest_server_now()->user;

	(void)state;
	pgtest_exec("CREATE ROLE b34_role");
	for (int t = 0; t < 2; t++) {
		pgm_db *db;
		PGconn *conn;

		pgtest_exec("GRANT b34_role TO %s", user);
		pgtest_log_clear();
		db = must_open("%s sync.role=b34_role", both_types[t]);
		conn = must_acquire(db);
		pgtest_exec("REVOKE b34_role FROM %s", user);
		PQreset(conn);
		assert_int_equal(pgtest_log_count("could not be applied"), 1);
		assert_false(works(conn));
		PQreset(conn);
		pgtest_exec("GRANT b34_role TO %s", user);
		pgm_release(conn); /* not having been used since */
		conn = must_acquire(db);
		assert_string_equal(ask(conn, "SELECT current_user"), "b34_role");
		PQreset(conn); /* as good as ever */
		assert_string_equal(ask(conn, "SELECT current_user"), "b34_role");
		pgm_release(conn);
		pgm_close(db);
		pgtest_exec("REVOKE b34_role FROM %s", user);
	}
	pgtest_exec("DROP ROLE b34_role");
}

static void configure_runs_once_per_connection_after_the_settings(void **state)
{
	hook_log log = {0};
	const pgm_open_options options = {.hooks = {.configure = on_configure, .arg = &log}};
	pgm_db *db = must_open_with(&options, "type=pool pool.min_size=3 pool.max_size=3 sync.statement_timeout=54321");
	PGconn *conn;
	pgm_error err;

	(void)state;
	assert_true(pgm_wait_ready(db, slow(5000), &err));
	assert_int_equal(atomic_load(&log.configured), 3);
	conn = must_acquire(db);
	assert_string_equal(ask(conn, "SELECT current_setting('app.configured')"), "54321ms");
	pgm_release(conn);
	assert_int_equal(atomic_load(&log.configured), 3);
}

static void configure_that_refuses_fails_the_open(void **state)
{
	hook_log log = {.configure_refuses = 1};
	const pgm_open_options options = {.hooks = {.configure = on_configure, .arg = &log}};
	pgm_error err = open_error(pgtest_config(NULL), &options);

	(void)state;
	assert_contains(err.message, "configure hook");
	must_open_with(&options, NULL);
}

static void check_runs_before_each_lending_and_its_no_costs_the_connection(void **state)
{
	static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};

	(void)state;
	for (int t = 0; t < 2; t++) {
		hook_log log = {0};
		const pgm_open_options options = {.hooks = {.check = on_check, .arg = &log}};
		pgm_db *db = must_open_with(&options, "%s", types[t]);
		PGconn *conn;
		int pid;

		for (int i = 1; i <= 3; i++) {
			conn = must_acquire(db);
			pid = PQbackendPID(conn);
			pgm_release(conn);
			assert_int_equal(atomic_load(&log.checked), i);
		}
		atomic_store(&log.check_refuses, 1);
		conn = must_acquire(db);
		assert_int_not_equal(PQbackendPID(conn), pid);
		assert_true(works(conn));
		pgm_release(conn);
		pgm_close(db);
	}
}

static void b05_a_check_hook_that_always_fails_does_not_loop(void **state)
{
	static const char *const types[] = {"type=normal pool.timeout=1", "type=pool pool.timeout=1 pool.min_size=1 "
									  "pool.max_size=2"};

	(void)state;
	for (int t = 0; t < 2; t++) {
		hook_log log = {.check_refuses = 1000000};
		const pgm_open_options options = {.hooks = {.check = on_check, .arg = &log}};
		pgm_db *db = must_open_with(&options, "%s", types[t]);
		int64_t start = pgtest_now_ms();
		pgm_error err;

		assert_null(pgm_acquire(db, &err));
		assert_int_not_equal(err.code, PGM_OK);
		assert_within(start, 1500);
		assert_in_range(atomic_load(&log.checked), 1, 20);
		pgm_close(db);
	}
}

static void reset_that_refuses_costs_the_connection(void **state)
{
	hook_log log = {.reset_refuses = 1};
	const pgm_open_options options = {.hooks = {.reset = on_reset, .arg = &log}};
	pgm_db *db = must_open_with(&options, NULL);
	PGconn *conn = must_acquire(db);
	int pid = PQbackendPID(conn);

	(void)state;
	pgm_release(conn);
	assert_int_equal(stats_of(db).size, 0);
	conn = must_acquire(db);
	assert_int_not_equal(PQbackendPID(conn), pid);
	pgm_release(conn);
	assert_int_equal(stats_of(db).size, 1);
}

static bool leave_work(PGconn *conn, void *arg, pgm_error *err)
{
	(void)arg;
	(void)err;
	return PQsendQuery(conn, "SELECT 1");
}

static void a_reset_hook_that_leaves_work_unfinished_costs_the_connection(void **state)
{
	const pgm_open_options options = {.hooks = {.reset = leave_work}};
	pgm_db *db = must_open_with(&options, NULL);
	PGconn *conn = must_acquire(db);

	(void)state;
	pgm_release(conn);
	conn = must_acquire(db);
	assert_true(works(conn));
	pgm_release(conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(all_settings_are_applied_in_one_round_trip),
		HANDLE_TEST(a_value_is_never_pasted_into_sql),
		HANDLE_TEST(a_refused_setting_names_its_place_in_the_file),
		HANDLE_TEST(settings_of_the_other_types_are_not_applied),
		HANDLE_TEST(b34_settings_survive_a_reset_hook),
		HANDLE_TEST(b34_settings_survive_pqreset),
		HANDLE_TEST(b34_a_session_that_is_refused_its_settings_is_not_used),
		HANDLE_TEST(configure_runs_once_per_connection_after_the_settings),
		HANDLE_TEST(configure_that_refuses_fails_the_open),
		HANDLE_TEST(check_runs_before_each_lending_and_its_no_costs_the_connection),
		HANDLE_TEST(b05_a_check_hook_that_always_fails_does_not_loop),
		HANDLE_TEST(reset_that_refuses_costs_the_connection),
		HANDLE_TEST(a_reset_hook_that_leaves_work_unfinished_costs_the_connection),
	};

	return run_handle_tests(tests);
}
