/* pgm_csv_export: what the library promises beyond what the program shows, and several connections at once. */
#include "handles.h"
#include "pgmonkey/csv.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_tables(void **state)
{
	(void)state;
	pgtest_exec("CREATE SCHEMA csv_out; GRANT ALL ON SCHEMA csv_out TO PUBLIC;"
		    "CREATE TABLE csv_out.wide AS SELECT i, repeat(md5(i::text), 1 + i %% 30) AS t, "
		    "CASE WHEN i %% 7 > 0 THEN 'a, \"b\"' || chr(10) || i END AS q FROM generate_series(1, 40000) i;"
		    "DELETE FROM csv_out.wide WHERE i %% 10 = 3 OR i BETWEEN 10000 AND 15000;"
		    "ANALYZE csv_out.wide;"
		    "CREATE TABLE csv_out.small AS SELECT i FROM generate_series(1, 10) i;"
		    "CREATE TABLE csv_out.empty (a int, b text);"
		    "CREATE TABLE csv_out.lumps AS SELECT i, CASE WHEN i %% 200 = 7 THEN repeat('0123456789', 500000) "
		    "END AS t,"
		    " repeat('x', 1000) AS pad FROM generate_series(1, 1000) i;"
		    "CREATE VIEW csv_out.stuck AS SELECT i, CASE WHEN i = 100 THEN pg_sleep(600)::text END AS s "
		    "FROM generate_series(1, 200) i;"
		    "GRANT ALL ON ALL TABLES IN SCHEMA csv_out TO PUBLIC");
	return 0;
}

static int drop_tables(void **state)
{
	(void)state;
	pgtest_exec("SET client_min_messages = error; DROP SCHEMA csv_out CASCADE");
	return 0;
}

/* ----------------------------------------------------------------------------------- helpers */

static const char *path_of(const char *name)
{
	return pgtest_format("%s/%s", pgtest_dir(), name);
}

static bool try_export(const char *changes, const pgm_csv_export_options *how, pgm_csv_result *result, pgm_error *err)
{
	pgm_config *config = pgtest_config("%s", changes);
	bool ok = pgm_csv_export(config, how, result, err);

	pgm_config_free(config);
	return ok;
}

static pgm_csv_result export_to(const char *table, const char *file, int jobs)
{
	pgm_csv_export_options how = {.size = sizeof(how), .table = table, .file = file, .jobs = jobs};
	pgm_csv_result result;
	pgm_error err;

	if (!try_export("", &how, &result, &err))
		fail_msg("%s, %d jobs: %s", table, jobs, err.message);
	return result;
}

static char *read_file(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY);
	struct stat st = {0};
	char *text;

	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	*size = (size_t)st.st_size;
	text = calloc(1, *size + 1);
	assert_non_null(text);
	for (size_t len = 0; len < *size;) {
		ssize_t n = read(fd, text + len, *size - len);

		assert_true(n > 0);
		len += (size_t)n;
	}
	close(fd);
	return text;
}

static void assert_same_files(const char *one, const char *other)
{
	size_t size, other_size;
	char *text = read_file(one, &size), *other_text = read_file(other, &other_size);

	assert_int_equal(size, other_size);
	assert_memory_equal(text, other_text, size);
	free(text);
	free(other_text);
}

/* ------------------------------------------------------------------------- one and several */

static void several_connections_write_the_same_bytes_as_one(void **state)
{
	static const char *const tables[] = {"csv_out.wide", "csv_out.small", "csv_out.empty", "csv_out.lumps"};

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const char *one = path_of("one.csv"), *several = path_of("several.csv");
		pgm_csv_result alone = export_to(tables[i], one, 1);

		for (int jobs = 2; jobs <= 5; jobs++) {
			pgm_csv_result together = export_to(tables[i], several, jobs);

			assert_same_files(one, several);
			assert_int_equal(together.rows, alone.rows);
			assert_int_equal(together.bytes, alone.bytes);
			assert_string_equal(together.table, tables[i]);
		}
	}
	assert_true(pgtest_connections_become(NULL, 0, 10000));
}

/* A writer that never rests: each of its statements keeps the sum. */
static atomic_bool enough;

static void *keep_writing(void *arg)
{
	PGconn *conn = arg;

	while (!enough)
		PQclear(PQexec(conn,
			       "WITH a AS (UPDATE csv_out.moving SET v = v - 1 WHERE i = (random() * 29999)::int), "
			       "b AS (INSERT INTO csv_out.moving VALUES (-1, -1)) "
			       "INSERT INTO csv_out.moving VALUES (-1, 1)"));
	return NULL;
}

/* Sum of the second column, and rows, of a file with a header and two numbers a line. */
static long long sum_of(const char *path)
{
	size_t size;
	char *text = read_file(path, &size);
	long long sum = 0;

	for (char *line = strchr(text, '\n') + 1; *line; line = strchr(line, '\n') + 1)
		sum += strtoll(strchr(line, ',') + 1, NULL, 10);
	free(text);
	return sum;
}

static void several_connections_see_one_moment(void **state)
{
	pgtest_thread *writer;
	PGconn *conn = PQconnectdb(pgtest_format(
		"host=%s port=%s user=%s password=%s dbname=%s", pgtest_server_now()->host, pgtest_server_now()->port,
		pgtest_server_now()->superuser, pgtest_server_now()->superuser_password, pgtest_server_now()->dbname));

	(void)state;
	assert_int_equal(PQstatus(conn), CONNECTION_OK);
	pgtest_exec("CREATE TABLE csv_out.moving AS SELECT i, 0 AS v, repeat('x', 200) AS pad FROM generate_series(0, "
		    "29999) i;"
		    "ALTER TABLE csv_out.moving DROP pad; GRANT ALL ON csv_out.moving TO PUBLIC");
	pgtest_exec("CREATE OR REPLACE FUNCTION csv_out.even() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
		    "INSERT INTO csv_out.moving VALUES (-2, 1); RETURN NULL; END $$;"
		    "CREATE TRIGGER even AFTER UPDATE ON csv_out.moving FOR EACH ROW EXECUTE FUNCTION csv_out.even()");
	enough = false;
	writer = pgtest_run(keep_writing, conn);
	for (int i = 0; i < 5; i++) {
		export_to("csv_out.moving", path_of("moving.csv"), 3);
		assert_int_equal(sum_of(path_of("moving.csv")), 0);
	}
	enough = true;
	pgtest_join(writer);
	PQfinish(conn);
}

static void jobs_are_refused_for_what_is_no_plain_table(void **state)
{
	pgm_csv_export_options how = {
		.size = sizeof(how), .table = "csv_out.stuck", .file = path_of("refused.csv"), .jobs = 2};
	pgm_error err;

	(void)state;
	assert_false(try_export("", &how, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_non_null(strstr(err.message, "csv_out.stuck is a view"));
	assert_int_equal(access(how.file, F_OK), -1);
}

static void a_connection_that_cannot_be_made_ends_all_of_them(void **state)
{
	pgm_csv_export_options how = {
		.size = sizeof(how), .table = "csv_out.wide", .file = path_of("crowded.csv"), .jobs = 4};
	pgm_error err;

	(void)state;
	pgtest_exec("CREATE ROLE csv_few LOGIN PASSWORD 'few' CONNECTION LIMIT 2");
	assert_false(try_export("user=csv_few password=few", &how, NULL, &err));
	pgtest_exec("DROP ROLE csv_few");
	assert_string_equal(err.sqlstate, "53300");
	assert_int_equal(access(how.file, F_OK), -1);
	assert_true(pgtest_connections_become(NULL, 0, 10000));
}

/* -------------------------------------------------------------------------------- progress */

typedef struct seen {
	pthread_t caller;
	int calls;
	int64_t rows, bytes, total_rows;
	bool backwards, elsewhere;
	int stop_after;
	int terminate; /* after so many calls: one of the backends */
} seen;

static bool look_on(const pgm_csv_progress *progress, void *arg)
{
	seen *s = arg;

	s->calls++;
	s->elsewhere = s->elsewhere || !pthread_equal(s->caller, pthread_self());
	s->backwards = s->backwards || progress->rows < s->rows || progress->bytes < s->bytes;
	s->rows = progress->rows;
	s->bytes = progress->bytes;
	s->total_rows = progress->total_rows;
	if (s->terminate && s->calls == s->terminate)
		pgtest_query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '%s' "
			     "AND query LIKE 'COPY%%' ORDER BY backend_start DESC LIMIT 1",
			     pgtest_application());
	return s->stop_after == 0 || s->calls < s->stop_after;
}

static bool export_seen(const char *table, int jobs, seen *s, pgm_error *err)
{
	pgm_csv_export_options how = {.size = sizeof(how),
				      .table = table,
				      .file = path_of("seen.csv"),
				      .jobs = jobs,
				      .on_progress = look_on,
				      .arg = s};

	s->caller = pthread_self();
	unlink(how.file);
	unlink(path_of("seen.yaml"));
	return try_export("", &how, NULL, err);
}

static void progress_is_told_to_the_caller_and_goes_forward(void **state)
{
	(void)state;
	for (int jobs = 1; jobs <= 3; jobs += 2) {
		seen s = {0};
		pgm_error err;

		assert_true(export_seen("csv_out.wide", jobs, &s, &err));
		assert_true(s.calls > 0);
		assert_false(s.backwards);
		assert_false(s.elsewhere);
		assert_true(s.total_rows > 10000 && s.total_rows < 100000);
	}
}

static void the_callback_stops_the_work_and_nothing_is_left(void **state)
{
	static const struct {
		const char *table;
		int jobs;
	} cases[] = {{"csv_out.wide", 1}, {"csv_out.wide", 3}, {"csv_out.stuck", 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		seen s = {.stop_after = 1};
		pgm_error err;

		assert_false(export_seen(cases[i].table, cases[i].jobs, &s, &err));
		assert_int_equal(s.calls, 1);
		assert_int_equal(err.code, PGM_ERR_QUERY);
		assert_string_equal(err.sqlstate, "57014");
		assert_int_equal(access(path_of("seen.csv"), F_OK), -1);
		assert_int_equal(access(path_of("seen.yaml"), F_OK), -1);
		assert_true(pgtest_connections_become(NULL, 0, 10000));
	}
}

static void a_connection_that_is_lost_ends_all_of_them(void **state)
{
	seen s = {.terminate = 2};
	pgm_error err;

	(void)state;
	unlink(path_of("seen.csv"));
	pgtest_exec("CREATE OR REPLACE FUNCTION csv_out.slow(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN "
		    "PERFORM pg_sleep(0.0005); RETURN $1; END $$");
	pgtest_exec(
		"CREATE TABLE csv_out.lasting AS SELECT * FROM csv_out.wide; GRANT ALL ON csv_out.lasting TO PUBLIC;"
		"ALTER TABLE csv_out.lasting ENABLE ROW LEVEL SECURITY;"
		"CREATE POLICY slowly ON csv_out.lasting USING (csv_out.slow(i) = i)");
	{
		pgm_csv_export_options how = {.size = sizeof(how),
					      .table = "csv_out.lasting",
					      .file = path_of("seen.csv"),
					      .jobs = 3,
					      .visible_rows = true,
					      .on_progress = look_on,
					      .arg = &s};

		s.caller = pthread_self();
		assert_false(try_export("", &how, NULL, &err));
	}
	assert_int_equal(err.code, PGM_ERR_BROKEN);
	assert_string_equal(err.sqlstate, "57P01");
	assert_non_null(strstr(err.message, "exporting csv_out.lasting: "));
	assert_int_equal(access(path_of("seen.csv"), F_OK), -1);
	assert_true(pgtest_connections_become(NULL, 0, 10000));
}

/* ----------------------------------------------------------------------------------- edges */

static void options_of_no_size_or_without_a_table_are_refused(void **state)
{
	pgm_csv_export_options none = {.table = "csv_out.small", .file = path_of("none.csv")};
	pgm_csv_export_options no_table = {.size = sizeof(no_table), .file = path_of("none.csv")};
	pgm_csv_export_options no_file = {.size = sizeof(no_file), .table = "csv_out.small"};
	pgm_error err;

	(void)state;
	assert_false(try_export("", &none, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(try_export("", &no_table, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(try_export("", &no_file, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(try_export("", NULL, NULL, &err));
	assert_int_equal(access(path_of("none.csv"), F_OK), -1);
}

static void an_export_leaves_no_descriptor_and_no_thread(void **state)
{
	pgm_csv_export_options how = {
		.size = sizeof(how), .table = "csv_out.missing", .file = path_of("fds.csv"), .jobs = 3};
	int fds, threads;
	pgm_error err;

	(void)state;
	export_to("csv_out.small", path_of("fds.csv"), 2);
	fds = pgtest_fds();
	threads = pgtest_threads();
	for (int i = 0; i < 3; i++) {
		export_to("csv_out.small", path_of("fds.csv"), 3);
		assert_false(try_export("", &how, NULL, &err));
	}
	assert_int_equal(pgtest_fds(), fds);
	assert_true(pgtest_threads_become(threads, 10000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_connections_write_the_same_bytes_as_one),
		cmocka_unit_test(several_connections_see_one_moment),
		cmocka_unit_test(jobs_are_refused_for_what_is_no_plain_table),
		cmocka_unit_test(a_connection_that_cannot_be_made_ends_all_of_them),
		cmocka_unit_test(progress_is_told_to_the_caller_and_goes_forward),
		cmocka_unit_test(the_callback_stops_the_work_and_nothing_is_left),
		cmocka_unit_test(a_connection_that_is_lost_ends_all_of_them),
		cmocka_unit_test(options_of_no_size_or_without_a_table_are_refused),
		cmocka_unit_test(an_export_leaves_no_descriptor_and_no_thread),
	};

	return cmocka_run_group_tests_name("csv_export", tests, make_tables, drop_tables);
}
