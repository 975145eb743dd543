/* B40: PgBouncer in between, pooling sessions or transactions. docs/pgbouncer.md says what is tried here. */
#include "handles.h"
#include "support/cluster.h"

enum { SESSION, TRANSACTION, MODES };

static const char *const modes[MODES] = {"session", "transaction"};
static const char *const types[] = {"normal", "pool"};

static cluster *server;
static int port[MODES];
static PGconn *other; /* another client of the transaction pool, without pgmonkey */

static int start_pgbouncers(void **state)
{
	(void)state;
	server = cluster_start("log_statement = all", NULL);
	pgtest_use(cluster_server(server));
	for (int mode = 0; mode < MODES; mode++)
		port[mode] = pgbouncer_start(cluster_server(server), modes[mode]);
	return 0;
}

static int stop_pgbouncers(void **state)
{
	(void)state;
	cluster_stop(server);
	return 0;
}

static int pgbouncer_setup(void **state)
{
	const pgtest_server *s = pgtest_server_now();

	other = PQconnectdb(pgtest_format("host=%s port=%d dbname=%s user=%s password=%s", s->host, port[TRANSACTION],
					  s->dbname, s->user, s->password));
	assert_int_equal(PQstatus(other), CONNECTION_OK);
	return handles_setup(state);
}

/* PgBouncer keeps its sessions, and they keep the name of whoever used them last. */
static int pgbouncer_teardown(void **state)
{
	pgm_clear_cache(NULL);
	PQfinish(other);
	descriptors_before--;
	pgtest_exec("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '%s'",
		    pgtest_server_now()->user);
	return handles_teardown(state);
}

#define PGBOUNCER_TEST(test) cmocka_unit_test_setup_teardown(test, pgbouncer_setup, pgbouncer_teardown)

static pgm_db *must_open_behind(int mode, int type, const char *settings)
{
	return must_open("port=%d type=%s pool.min_size=1 pool.max_size=2 %s", port[mode], types[type], settings);
}

static int backend_of(PGconn *conn)
{
	return atoi(ask(conn, "SELECT pg_backend_pid()"));
}

/* The transaction pool lends what was given back last: as long as the other client is in a transaction that began
 * after ours, ours get another backend. */
static void take_backend_away(void)
{
	must_run(other, "BEGIN");
	must_run(other, "SELECT 1");
}

static void give_backend_back(void)
{
	must_run(other, "COMMIT");
}

/* --------------------------------------------------------------------------------- starting up */

static void b40_no_startup_options_are_sent(void **state)
{
	(void)state;
	for (int mode = 0; mode < MODES; mode++) {
		pgm_error err;

		for (int type = 0; type < 2; type++) {
			pgm_db *db = must_open_behind(mode, type,
						      "sync.statement_timeout=60000 sync.search_path=pg_catalog "
						      "sync.lock_timeout=0 keepalives=1 connect_timeout=20");
			PGconn *conn = must_acquire(db);

			assert_true(works(conn));
			pgm_release(conn);
			pgm_close(db);
		}
		/* That would have been seen: PgBouncer takes none. */
		err = open_error(pgtest_config("port=%d options='-c statement_timeout=60000'", port[mode]), NULL);
		assert_contains(err.message, "unsupported startup parameter");
		assert_int_equal(err.code, PGM_ERR_CONNECT);
	}
}

/* ---------------------------------------------------------------------------- named statements */

static bool count_rows(PGconn *conn, void *arg, pgm_error *err)
{
	static const char *const params[] = {"3"};
	const pgm_query query = {
		.sql = "SELECT pg_backend_pid() FROM generate_series(1, $1::int)", .nparams = 1, .params = params};
	pgm_cursor *cursor = pgm_cursor_open(conn, &query, err);
	const PGresult *row;
	int rows = 0;

	if (!cursor)
		return false;
	while ((row = pgm_cursor_next(cursor, err)) != NULL) {
		*(int *)arg = atoi(PQgetvalue(row, 0, 0));
		rows++;
	}
	pgm_cursor_close(cursor);
	return rows == 3;
}

static bool count_rows_inside(PGconn *conn, void *arg, pgm_error *err)
{
	return count_rows(conn, arg, err) && pgm_transaction(conn, count_rows, arg, err);
}

static void note_backend(PGresult *res, const pgm_error *err, void *arg)
{
	*(int *)arg = err ? -1 : atoi(PQgetvalue(res, 0, 0));
	PQclear(res);
}

/* Everything of ours that runs a statement; the backend that did. */
static int work(pgm_db *db, int how)
{
	static const char *const params[] = {"1"};
	const pgm_query query = {.sql = "SELECT pg_backend_pid() WHERE $1 = '1'", .nparams = 1, .params = params};
	PGconn *conn = NULL;
	pgm_error err;
	int pid = 0;
	bool ok = false;

	switch (how) {
	case 0:
		ok = pgm_with(db, count_rows_inside, &pid, &err);
		break;
	case 1:
		ok = pgm_submit(db, &query, note_backend, &pid, &err) && pgm_wait(db, slow(10000), &err);
		break;
	case 2:
		conn = must_acquire(db);
		ok = pgm_send(conn, &query, note_backend, &pid, &err) && pgm_wait(db, slow(10000), &err);
		break;
	default:
		conn = must_acquire(db);
		ok = count_rows(conn, &pid, &err);
	}
	pgm_release(conn);
	if (!ok)
		fail_msg("%d: %s", how, err.message);
	assert_true(pid > 0);
	return pid;
}

static long log_begin;

static int log_lines(const char *with, const char *without)
{
	FILE *log = fopen(pgtest_server_now()->log, "r");
	char line[2048];
	int count = 0;

	assert_non_null(log);
	assert_int_equal(fseek(log, log_begin, SEEK_SET), 0);
	while (fgets(line, sizeof line, log))
		count += strstr(line, pgtest_application()) && strstr(line, with) && !strstr(line, without);
	log_begin = ftell(log);
	fclose(log);
	return count;
}

static bool run_nothing(PGconn *conn, void *arg, pgm_error *err)
{
	(void)arg;
	(void)err;
	return works(conn);
}

static void b40_nothing_of_ours_needs_the_same_backend_twice(void **state)
{
	pgm_open_options options = {.hooks = {.configure = run_nothing, .check = run_nothing, .reset = run_nothing}};

	(void)state;
	for (int type = 0; type < 2; type++) {
		pgm_db *db = must_open_with(&options,
					    "port=%d type=%s pool.min_size=1 pool.max_size=2 "
					    "sync.statement_timeout=60000",
					    port[TRANSACTION], types[type]);

		log_lines("", "");
		for (int how = 0; how < 4; how++) {
			int before = work(db, how), after;

			take_backend_away();
			after = work(db, how);
			give_backend_back();
			assert_int_not_equal(before, after);
		}
		assert_int_equal(log_lines(" execute ", "execute <unnamed>:"), 0);
		pgm_close(db);
	}
}

/* ... and if there were any it would be seen. */
static void b40_named_statements_of_the_users_own_are_his(void **state)
{
	pgm_db *db = must_open_behind(SESSION, 0, "");
	PGconn *conn = must_acquire(db);
	PGresult *res;

	(void)state;
	log_lines("", "");
	PQclear(PQprepare(conn, "his", "SELECT 1", 0, NULL));
	res = PQexecPrepared(conn, "his", 0, NULL, NULL, NULL, 0);
	assert_int_equal(PQresultStatus(res), PGRES_TUPLES_OK);
	PQclear(res);
	assert_int_equal(log_lines(" execute ", "execute <unnamed>:"), 1);
	pgm_release(conn);
	pgm_close(db);
}

/* ---------------------------------------------------------------------------- session settings */

static const char *setting(PGconn *conn)
{
	return ask(conn, "SHOW statement_timeout");
}

static void b40_session_settings_hold_where_sessions_are_pooled(void **state)
{
	(void)state;
	for (int type = 0; type < 2; type++) {
		pgm_db *db = must_open_behind(SESSION, type, "sync.statement_timeout=54s");
		pgm_db *plain = must_open_behind(SESSION, type, "");

		for (int i = 0; i < 3; i++) {
			PGconn *conn = must_acquire(db), *without = must_acquire(plain);

			assert_string_equal(setting(conn), "54s");
			assert_string_equal(setting(without), "0");
			pgm_release(conn);
			pgm_release(without);
		}
		pgm_close(db);
		pgm_close(plain);
	}
}

static void b40_session_settings_do_not_hold_where_transactions_are(void **state)
{
	pgm_db *db = must_open_behind(TRANSACTION, 0, "sync.statement_timeout=54s");
	PGconn *conn = must_acquire(db);

	(void)state;
	assert_string_equal(setting(conn), "54s");
	take_backend_away();
	assert_string_equal(ask(other, "SHOW statement_timeout"), "54s"); /* another client has it */
	assert_string_equal(setting(conn), "0");
	give_backend_back();
	pgm_release(conn);
	pgm_close(db);
}

static bool set_locally(PGconn *conn, void *arg, pgm_error *err)
{
	(void)arg;
	(void)err;
	must_run(conn, "SET LOCAL statement_timeout = '54s'");
	for (int i = 0; i < 3; i++)
		assert_string_equal(setting(conn), "54s");
	return true;
}

static void b40_set_local_holds_for_its_transaction(void **state)
{
	(void)state;
	for (int mode = 0; mode < MODES; mode++) {
		pgm_db *db = must_open_behind(mode, mode, "");
		PGconn *conn;
		pgm_error err;

		assert_true(pgm_with(db, set_locally, NULL, &err));
		conn = must_acquire(db);
		assert_string_equal(setting(conn), "0");
		pgm_release(conn);
		pgm_close(db);
	}
}

static void b40_settings_of_the_role_hold_on_every_backend(void **state)
{
	const char *role = pgtest_server_now()->user;

	(void)state;
	pgtest_exec("ALTER ROLE %s SET statement_timeout = '54s'", role);
	for (int mode = 0; mode < MODES; mode++) {
		pgm_db *db = must_open_behind(mode, 1, "");
		PGconn *conn = must_acquire(db);
		int before = backend_of(conn);

		assert_string_equal(setting(conn), "54s");
		if (mode == TRANSACTION) {
			take_backend_away();
			assert_int_not_equal(backend_of(conn), before);
			assert_string_equal(setting(conn), "54s");
			give_backend_back();
		}
		pgm_release(conn);
		pgm_close(db);
	}
	pgtest_exec("ALTER ROLE %s RESET ALL", role);
}

/* Those that the server tells its clients of: PgBouncer notes them, and sets them wherever the client comes next. */
static void b40_the_few_settings_that_pgbouncer_keeps_hold_everywhere(void **state)
{
	static const char *const kept[][2] = {
		{"TimeZone", "Asia/Tokyo"},
		{"DateStyle", "German, DMY"},
		{"client_encoding", "LATIN1"},
		{"standard_conforming_strings", "off"},
	};
	const char *all = "application_name=kept";
	PGconn *conn;
	pgm_db *db;
	int before;

	(void)state;
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		all = pgtest_format("%s sync.%s='%s'", all, kept[i][0], kept[i][1]);
	db = must_open_behind(TRANSACTION, 1, all);
	conn = must_acquire(db);
	before = backend_of(conn);
	take_backend_away();
	assert_int_not_equal(backend_of(conn), before);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
		assert_string_equal(ask(conn, pgtest_format("SHOW %s", kept[i][0])), kept[i][1]);
		assert_string_not_equal(ask(other, pgtest_format("SHOW %s", kept[i][0])), kept[i][1]);
	}
	assert_string_equal(ask(conn, "SHOW application_name"), "kept");
	give_backend_back();
	pgm_release(conn);
	pgm_close(db);
}

/* A third PgBouncer, which sets something of its own on every connection to the server. */
static void b40_settings_by_connect_query_hold_on_every_backend(void **state)
{
	PGconn *conn[2];
	pgm_db *db;

	(void)state;
	setenv("PGM_TEST_PGBOUNCER_DATABASE", "pool_mode=transaction connect_query='SET statement_timeout = 54000'", 1);
	db = must_open("port=%d type=pool pool.min_size=2 pool.max_size=2",
		       pgbouncer_start(cluster_server(server), "statement"));
	unsetenv("PGM_TEST_PGBOUNCER_DATABASE");
	for (int i = 0; i < 2; i++) {
		conn[i] = must_acquire(db);
		must_run(conn[i], "BEGIN");
		assert_string_equal(setting(conn[i]), "54s");
	}
	assert_int_not_equal(backend_of(conn[0]), backend_of(conn[1]));
	for (int i = 0; i < 2; i++) {
		must_run(conn[i], "COMMIT");
		pgm_release(conn[i]);
	}
	pgm_close(db);
	pgbouncer_stop(cluster_server(server), "statement");
}

static const char *sqlstate_of(PGconn *conn, const char *sql)
{
	PGresult *res = PQexec(conn, sql);
	const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	sqlstate = pgtest_format("%s", sqlstate ? sqlstate : "");
	PQclear(res);
	return sqlstate;
}

/* The table of docs/pgbouncer.md. */
static void b40_what_belongs_to_a_session_holds_where_sessions_are_pooled(void **state)
{
	(void)state;
	for (int mode = 0; mode < MODES; mode++) {
		bool holds = mode == SESSION;
		pgm_db *db = must_open_behind(mode, 0, "");
		PGconn *conn = must_acquire(db);

		must_run(conn, "PREPARE his AS SELECT 1");
		must_run(conn, "CREATE TEMP TABLE his ()");
		must_run(conn, "SELECT pg_advisory_lock(40)");
		must_run(conn, "LISTEN his");
		must_run(conn, "BEGIN; DECLARE his CURSOR WITH HOLD FOR SELECT 1; COMMIT");
		take_backend_away();
		assert_string_equal(sqlstate_of(conn, "EXECUTE his"), holds ? "" : "26000");
		assert_string_equal(sqlstate_of(conn, "TABLE his"), holds ? "" : "42P01");
		assert_string_equal(sqlstate_of(conn, "FETCH his"), holds ? "" : "34000");
		assert_string_equal(ask(conn, "SELECT count(*) FROM pg_listening_channels()"), holds ? "1" : "0");
		assert_string_equal(ask(conn, "SELECT pg_advisory_unlock(40)"), holds ? "t" : "f");
		give_backend_back();
		pgm_release(conn);
		pgm_close(db);
	}
}

/* --------------------------------------------------------------------------------- giving back */

static void b40_what_is_given_back_is_cleaned(void **state)
{
	(void)state;
	for (int mode = 0; mode < MODES; mode++) {
		for (int type = 0; type < 2; type++) {
			pgm_db *db =
				must_open("port=%d type=%s pool.min_size=1 pool.max_size=1", port[mode], types[type]);
			PGconn *conn = must_acquire(db);
			int64_t start;

			must_run(conn, "BEGIN");
			must_run(conn, "CREATE TABLE b40 ()");
			pgm_release(conn);
			assert_string_equal(pgtest_query("SELECT to_regclass('b40')"), "");
			conn = must_acquire(db);
			assert_true(PQsendQuery(conn, "SELECT pg_sleep(60)"));
			start = pgtest_now_ms();
			pgm_release(conn); /* which cancels it, through PgBouncer; the event-driven types close it */
			assert_within(start, 3000);
			conn = must_acquire(db);
			assert_true(works(conn));
			pgm_release(conn);
			assert_int_equal(stats_of(db).opened, pgtest_evented() ? 2 : 1);
			assert_int_equal(stats_of(db).rolled_back, 1);
			pgm_close(db);
		}
	}
}

typedef struct told {
	int calls, fine;
	pgm_error err;
} told;

static void note_told(PGresult *res, const pgm_error *err, void *arg)
{
	told *t = arg;

	PQclear(res);
	t->calls++;
	t->fine += !err;
	if (err)
		t->err = *err;
}

/* Many under way, each its own transaction for PgBouncer as well. A late one cannot be cancelled, since nobody knows
 * the number of its backend: its connection is given up, and it is told so. */
static void b40_submitted_statements_are_pipelined_and_a_late_one_costs_its_connection(void **state)
{
	const pgm_query query = {.sql = "SELECT 1"}, late = {.sql = "SELECT pg_sleep(0.5)", .timeout_ms = 100};

	(void)state;
	for (int mode = 0; mode < MODES; mode++) {
		pgm_db *db = must_open("port=%d type=normal", port[mode]);
		told many = {.calls = 0}, one = {.calls = 0};
		pgm_error err;

		for (int i = 0; i < 200; i++)
			assert_true(pgm_submit(db, &query, note_told, &many, &err));
		assert_true(pgm_wait(db, slow(10000), &err));
		assert_int_equal(many.fine, 200);
		assert_true(pgm_submit(db, &late, note_told, &one, &err));
		assert_true(pgm_wait(db, slow(10000), &err));
		assert_int_equal(one.calls, 1);
		assert_int_equal(one.err.code, PGM_ERR_TIMEOUT);
		assert_string_equal(one.err.sqlstate, "08007");
		assert_contains(one.err.message, "pooler");
		assert_true(pgm_submit(db, &query, note_told, &many, &err));
		assert_true(pgm_wait(db, slow(10000), &err));
		assert_int_equal(many.fine, 201);
		assert_int_equal(stats_of(db).opened, 2);
		pgm_close(db);
	}
}

static void b40_a_backend_that_dies_while_idle_is_no_error(void **state)
{
	(void)state;
	for (int mode = 0; mode < MODES; mode++) {
		for (int type = 0; type < 2; type++) {
			pgm_db *db =
				must_open("port=%d type=%s pool.min_size=1 pool.max_size=1", port[mode], types[type]);
			PGconn *conn = must_acquire(db);
			int pid = backend_of(conn);

			pgm_release(conn);
			pgtest_terminate(pid);
			outlive_trust();
			conn = must_acquire(db);
			assert_true(works(conn));
			pgm_release(conn);
			pgm_close(db);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PGBOUNCER_TEST(b40_no_startup_options_are_sent),
		PGBOUNCER_TEST(b40_nothing_of_ours_needs_the_same_backend_twice),
		PGBOUNCER_TEST(b40_named_statements_of_the_users_own_are_his),
		PGBOUNCER_TEST(b40_session_settings_hold_where_sessions_are_pooled),
		PGBOUNCER_TEST(b40_session_settings_do_not_hold_where_transactions_are),
		PGBOUNCER_TEST(b40_set_local_holds_for_its_transaction),
		PGBOUNCER_TEST(b40_settings_of_the_role_hold_on_every_backend),
		PGBOUNCER_TEST(b40_the_few_settings_that_pgbouncer_keeps_hold_everywhere),
		PGBOUNCER_TEST(b40_settings_by_connect_query_hold_on_every_backend),
		PGBOUNCER_TEST(b40_what_belongs_to_a_session_holds_where_sessions_are_pooled),
		PGBOUNCER_TEST(b40_what_is_given_back_is_cleaned),
		TEST_OF(EVENTED_ONLY, b40_submitted_statements_are_pipelined_and_a_late_one_costs_its_connection,
			pgbouncer_setup, pgbouncer_teardown),
		PGBOUNCER_TEST(b40_a_backend_that_dies_while_idle_is_no_error),
	};

	return run_handle_tests_in(tests, start_pgbouncers, stop_pgbouncers);
}
