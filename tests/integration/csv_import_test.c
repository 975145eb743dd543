/* pgm_csv_import: what the library promises beyond what the program shows. */
#include "handles.h"
#include "pgmonkey/csv.h"
#include "support/proxy.h"

#include <sys/stat.h>

/* Rows enough for an import to ask on its way whether to go on. */
enum { ROWS = 500000, DOOR = 4711 };

/* data.csv, and a table whose COMMIT waits at a door: for the advisory lock that the test holds, or not. */
static int make_file_and_table(void **state)
{
	FILE *file = fopen(pgtest_format("%s/data.csv", pgtest_dir()), "w");

	(void)state;
	if (!file)
		pgtest_die("cannot write data.csv");
	fputs("a,b\n", file);
	for (int i = 1; i <= ROWS; i++)
		fprintf(file, "%d,\"some\ntext\"\n", i);
	fclose(file);
	pgtest_exec("CREATE SCHEMA csv_in; GRANT ALL ON SCHEMA csv_in TO PUBLIC;"
		    "CREATE FUNCTION csv_in.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
		    "IF NEW.a = 1 THEN PERFORM pg_advisory_xact_lock(%d); END IF; RETURN NULL; END $$;"
		    "CREATE TABLE csv_in.late (a int, b text);"
		    "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON csv_in.late DEFERRABLE INITIALLY DEFERRED "
		    "FOR EACH ROW WHEN (NEW.a = 1) EXECUTE FUNCTION csv_in.wait();"
		    "GRANT ALL ON csv_in.late TO PUBLIC",
		    DOOR);
	return 0;
}

static int drop_tables(void **state)
{
	(void)state;
	pgtest_exec("SET client_min_messages = error; DROP SCHEMA csv_in CASCADE");
	return 0;
}

/* ----------------------------------------------------------------------------------- helpers */

static pgm_csv_import_options options_for(const char *table)
{
	return (pgm_csv_import_options){.size = sizeof(pgm_csv_import_options),
					.table = table,
					.file = pgtest_format("%s/data.csv", pgtest_dir())};
}

static bool try_import(const char *changes, const pgm_csv_import_options *how, pgm_csv_result *result, pgm_error *err)
{
	pgm_config *config = pgtest_config("%s", changes);
	bool ok = pgm_csv_import(config, how, result, err);

	pgm_config_free(config);
	return ok;
}

static bool is_at_the_door(void)
{
	return pgtest_number("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %d AND NOT granted",
			     DOOR) > 0;
}

static void assert_no_table(const char *name)
{
	assert_int_equal(
		pgtest_number("SELECT count(*) FROM pg_class WHERE relname = '%s' OR relname LIKE 'pgmonkey%%'", name),
		0);
}

/* ---------------------------------------------------------------------------------- progress */

typedef struct seen {
	int calls;
	bool stop_at_once, stop_midway;
	pgm_csv_progress last;
	bool backwards;
	proxy *cut_at_the_door; /* NULL: the import is stopped there */
	bool was_at_the_door;
} seen;

static bool look_on(const pgm_csv_progress *progress, void *arg)
{
	seen *s = arg;

	s->calls++;
	s->backwards = s->backwards || progress->rows < s->last.rows || progress->bytes < s->last.bytes ||
		       progress->bytes > progress->total_bytes;
	s->last = *progress;
	return !s->stop_at_once && !(s->stop_midway && progress->rows > 0);
}

static void progress_goes_forward_and_the_result_is_that_of_the_server(void **state)
{
	(void)state;
	for (int jobs = 1; jobs <= 3; jobs += 2) {
		seen s = {0};
		pgm_csv_import_options how = options_for("csv_in.whole");
		pgm_csv_result result;
		struct stat st;
		pgm_error err;

		how.jobs = jobs;
		how.on_progress = look_on;
		how.arg = &s;
		if (!try_import("", &how, &result, &err))
			fail_msg("%d jobs: %s", jobs, err.message);
		assert_int_equal(stat(how.file, &st), 0);
		assert_true(s.calls > 0);
		assert_false(s.backwards);
		assert_int_equal(s.last.total_bytes, st.st_size);
		assert_int_equal(s.last.total_rows, 0);
		assert_int_equal(result.rows, ROWS);
		assert_int_equal(result.bytes, st.st_size);
		assert_string_equal(result.table, "csv_in.whole");
		assert_true(result.seconds > 0);
		assert_int_equal(pgtest_number("SELECT count(*) FROM csv_in.whole WHERE b = E'some\\ntext'"), ROWS);
		pgtest_exec("DROP TABLE csv_in.whole");
		assert_true(pgtest_connections_become(NULL, 0, 10000));
	}
}

static void the_callback_stops_the_work_and_nothing_is_left(void **state)
{
	(void)state;
	for (int jobs = 1; jobs <= 3; jobs += 2)
		for (int midway = 0; midway <= 1; midway++) {
			seen s = {.stop_at_once = !midway, .stop_midway = midway};
			pgm_csv_import_options how = options_for("csv_in.stopped");
			pgm_csv_result result = {.rows = -7};
			pgm_error err;

			how.jobs = jobs;
			how.on_progress = look_on;
			how.arg = &s;
			assert_false(try_import("", &how, &result, &err));
			assert_true(midway ? s.last.rows > 0 && s.last.rows < ROWS : s.calls == 1);
			assert_int_equal(err.code, PGM_ERR_QUERY);
			assert_string_equal(err.sqlstate, "57014");
			assert_int_equal(result.rows, -7);
			assert_no_table("stopped");
			assert_true(pgtest_connections_become(NULL, 0, 10000));
		}
}

/* ------------------------------------------------------------------------------------ COMMIT */

static bool act_at_the_door(const pgm_csv_progress *progress, void *arg)
{
	seen *s = arg;

	(void)progress;
	if (s->was_at_the_door || !is_at_the_door())
		return true;
	s->was_at_the_door = true;
	if (!s->cut_at_the_door)
		return false;
	proxy_set(s->cut_at_the_door, PROXY_RESET);
	return true;
}

static void what_is_stopped_during_commit_is_told_by_the_server(void **state)
{
	seen s = {0};
	pgm_csv_import_options how = options_for("csv_in.late");
	pgm_error err;

	(void)state;
	how.on_progress = act_at_the_door;
	how.arg = &s;
	pgtest_exec("SELECT pg_advisory_lock(%d)", DOOR);
	assert_false(try_import("", &how, NULL, &err));
	pgtest_exec("SELECT pg_advisory_unlock(%d)", DOOR);
	assert_true(s.was_at_the_door);
	assert_string_equal(err.sqlstate, "57014");
	assert_true(pgtest_connections_become(NULL, 0, 10000));
	assert_int_equal(pgtest_number("SELECT count(*) FROM csv_in.late"), 0);
}

static void a_lost_answer_to_commit_is_told_as_unknown(void **state)
{
	seen s = {.cut_at_the_door = proxy_start()};
	pgm_csv_import_options how = options_for("csv_in.late");
	pgm_error err;

	(void)state;
	how.on_progress = act_at_the_door;
	how.arg = &s;
	pgtest_exec("SELECT pg_advisory_lock(%d)", DOOR);
	assert_false(try_import(pgtest_format("port=%d", proxy_port(s.cut_at_the_door)), &how, NULL, &err));
	pgtest_exec("SELECT pg_advisory_unlock(%d)", DOOR);
	proxy_stop(s.cut_at_the_door);
	assert_true(s.was_at_the_door);
	assert_int_equal(err.code, PGM_ERR_BROKEN);
	assert_string_equal(err.sqlstate, "08007");
	assert_non_null(strstr(err.message, "all may be imported, or nothing"));
	/* The server had all it needs. */
	assert_true(pgtest_connections_become(NULL, 0, 10000));
	assert_int_equal(pgtest_number("SELECT count(*) FROM csv_in.late"), ROWS);
	pgtest_exec("TRUNCATE csv_in.late");
}

/* ------------------------------------------------------------------------------------- edges */

static void options_that_cannot_be_are_refused(void **state)
{
	pgm_csv_import_options how = options_for("csv_in.none");
	bool written = true;
	pgm_error err;

	(void)state;
	how.size = 0;
	assert_false(try_import("", &how, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(try_import("", NULL, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	how = options_for(NULL);
	assert_false(try_import("", &how, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	how = options_for("csv_in.none");
	how.file = NULL;
	assert_false(try_import("", &how, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	how = options_for("csv_in.none");
	for (how.jobs = -1; how.jobs <= 65; how.jobs += 66) {
		assert_false(try_import("", &how, NULL, &err));
		assert_int_equal(err.code, PGM_ERR_MISUSE);
		assert_non_null(strstr(err.message, "from 1 to 64"));
	}
	how = options_for(NULL);
	how.file = "-";
	assert_false(pgm_csv_look(&how, &written, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(written);
	assert_no_table("none");
}

/* Compiled when there were no jobs and no callbacks yet. */
static void options_of_an_older_program_are_understood(void **state)
{
	seen s = {0};
	pgm_csv_import_options how = options_for("csv_in.older");
	pgm_csv_result result;
	pgm_error err;

	(void)state;
	how.size = offsetof(pgm_csv_import_options, jobs);
	how.jobs = 1000;
	how.on_progress = look_on;
	how.arg = &s;
	assert_true(try_import("", &how, &result, &err));
	assert_int_equal(result.rows, ROWS);
	assert_int_equal(s.calls, 0);
	pgtest_exec("DROP TABLE csv_in.older");
}

static void an_import_leaves_no_descriptor_and_no_thread(void **state)
{
	pgm_csv_import_options how = options_for("csv_in.rest"), wrong = options_for("no_such_schema.rest");
	int fds, threads;
	pgm_error err;

	(void)state;
	how.jobs = 3;
	assert_true(try_import("", &how, NULL, &err));
	fds = pgtest_fds();
	threads = pgtest_threads();
	for (int i = 0; i < 2; i++) {
		/* The second time it is there. */
		assert_false(try_import("", &how, NULL, &err));
		assert_false(try_import("", &wrong, NULL, &err));
	}
	assert_int_equal(pgtest_fds(), fds);
	assert_true(pgtest_threads_become(threads, 10000));
	pgtest_exec("DROP TABLE csv_in.rest");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(progress_goes_forward_and_the_result_is_that_of_the_server),
		cmocka_unit_test(the_callback_stops_the_work_and_nothing_is_left),
		cmocka_unit_test(what_is_stopped_during_commit_is_told_by_the_server),
		cmocka_unit_test(a_lost_answer_to_commit_is_told_as_unknown),
		cmocka_unit_test(options_that_cannot_be_are_refused),
		cmocka_unit_test(options_of_an_older_program_are_understood),
		cmocka_unit_test(an_import_leaves_no_descriptor_and_no_thread),
	};

	return cmocka_run_group_tests_name("csv_import", tests, make_file_and_table, drop_tables);
}
