/* Which table a name means on the server. */
#include "handles.h"
#include "tools/csv/name.h"

static pgm__csv_session open_session(const char *changes)
{
	pgm_config *config = pgtest_config("%s", changes);
	pgm__csv_session session = {0};
	pgm_error err;

	if (!pgm__csv_session_open(&session, config, &err))
		pgtest_die("%s", err.message);
	pgm_config_free(config);
	return session;
}

static bool look(const char *changes, const char *text, pgm__csv_table *table, pgm_error *err)
{
	pgm__csv_session session = open_session(changes);
	pgm__csv_name name;
	bool ok = pgm__csv_name_parse(&name, text, err) && pgm__csv_table_find(&session, &name, table, err);

	pgm__csv_session_close(&session);
	return ok;
}

static pgm__csv_table must_find(const char *changes, const char *text)
{
	pgm__csv_table table;
	pgm_error err;

	if (!look(changes, text, &table, &err))
		fail_msg("%s: %s", text, err.message);
	return table;
}

static int make_tables(void **state)
{
	(void)state;
	pgtest_exec("CREATE SCHEMA csv_one; CREATE SCHEMA csv_two; CREATE SCHEMA \"My.Sch\";"
		    "CREATE TABLE csv_two.t (a int); CREATE TABLE \"My.Sch\".\"t \"\"b\" (a int);"
		    "CREATE TABLE csv_one.\"Caps\" (a int); CREATE VIEW csv_one.v AS SELECT 1 AS a;"
		    "CREATE TABLE csv_one.p (a int) PARTITION BY RANGE (a);"
		    "GRANT ALL ON SCHEMA csv_one, csv_two, \"My.Sch\" TO PUBLIC; GRANT ALL ON csv_two.t TO PUBLIC");
	return 0;
}

static int drop_tables(void **state)
{
	(void)state;
	pgtest_exec("SET client_min_messages = error; DROP SCHEMA csv_one, csv_two, \"My.Sch\" CASCADE");
	return 0;
}

static void csv_30_an_unqualified_name_is_found_along_the_search_path(void **state)
{
	pgm__csv_table table = must_find("sync.search_path='csv_one, csv_two'", "t");

	(void)state;
	assert_int_not_equal(table.oid, 0);
	assert_int_equal(table.kind, 'r');
	assert_string_equal(table.shown, "csv_two.t");
	assert_string_equal(table.sql, "\"csv_two\".\"t\"");
}

static void csv_29_names_in_quotes_are_found_as_they_are_and_escaped(void **state)
{
	pgm__csv_table table = must_find("", "\"My.Sch\".\"t \"\"b\"");

	(void)state;
	assert_int_not_equal(table.oid, 0);
	assert_string_equal(table.sql, "\"My.Sch\".\"t \"\"b\"");
	assert_int_equal(must_find("", "csv_one.v").kind, 'v');
	assert_int_equal(must_find("", "CSV_One.P").kind, 'p');
}

static void a_table_that_is_not_there_has_the_place_where_it_would_be_made(void **state)
{
	pgm__csv_table table = must_find("sync.search_path='csv_nowhere, csv_one'", "fresh");

	(void)state;
	assert_int_equal(table.oid, 0);
	assert_string_equal(table.sql, "\"csv_one\".\"fresh\"");
	table = must_find("", "csv_two.Fresh");
	assert_int_equal(table.oid, 0);
	assert_string_equal(table.shown, "csv_two.fresh");
}

static void what_cannot_be_found_nor_made_says_why(void **state)
{
	pgm__csv_table table;
	pgm_error err;

	(void)state;
	assert_false(look("", "csv_nowhere.t", &table, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_string_equal(err.message, "there is no schema csv_nowhere");
	assert_false(look("sync.search_path=csv_nowhere", "fresh", &table, &err));
	assert_contains(err.message, "no schema of the search_path exists");
	assert_false(look("", "csv_one.Caps", &table, &err));
	assert_contains(err.message, "there is no table caps but a \"Caps\"");
	assert_contains(err.message, "'\"Caps\"'");
}

static bool say_no(void *arg)
{
	(void)arg;
	return false;
}

static void what_waits_for_a_lock_can_be_stopped_and_leaves_no_backend(void **state)
{
	pgm__csv_session session = open_session("");
	pgm_error err;

	(void)state;
	pgtest_exec("BEGIN; LOCK TABLE csv_two.t");
	session.go_on = say_no;
	assert_true(pgm__csv_do(&session, NULL, "BEGIN", &err));
	assert_false(pgm__csv_do(&session, "locking", "LOCK TABLE csv_two.t", &err));
	assert_int_equal(err.code, PGM_ERR_QUERY);
	assert_string_equal(err.sqlstate, "57014");
	pgtest_log_start(PGM_LOG_WARNING);
	pgm__csv_session_close(&session);
	assert_int_equal(pgtest_log_count(NULL), 0);
	pgtest_log_stop();
	assert_true(pgtest_until(5000, "SELECT count(*) = 0 FROM pg_locks WHERE NOT granted"));
	pgtest_exec("ROLLBACK");
	assert_true(pgtest_connections_become(NULL, 0, 5000));
}

static void a_refused_statement_says_what_was_being_done(void **state)
{
	pgm__csv_session session = open_session("");
	pgm_error err;

	(void)state;
	assert_false(pgm__csv_do(&session, "trying", "SELECT nonsense", &err));
	assert_string_equal(err.sqlstate, "42703");
	assert_contains(err.message, "trying: ERROR: column \"nonsense\"");
	assert_true(pgm__csv_do(&session, "trying", "SELECT 1", &err));
	assert_int_equal(err.code, PGM_OK);
	pgm__csv_session_close(&session);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_30_an_unqualified_name_is_found_along_the_search_path),
		cmocka_unit_test(csv_29_names_in_quotes_are_found_as_they_are_and_escaped),
		cmocka_unit_test(a_table_that_is_not_there_has_the_place_where_it_would_be_made),
		cmocka_unit_test(what_cannot_be_found_nor_made_says_why),
		cmocka_unit_test(what_waits_for_a_lock_can_be_stopped_and_leaves_no_backend),
		cmocka_unit_test(a_refused_statement_says_what_was_being_done),
	};

	return cmocka_run_group_tests(tests, make_tables, drop_tables);
}
