/* What others have put where the search_path leads is not run by the tools: operators and types of the same names as the
 * server's own, found before them (PostgreSQL manual, 5.10.6, and CVE-2018-1058). */
#include "handles.h"
#include "pgmonkey/csv.h"
#include "pgmonkey/server.h"

/* Every operator of the server's that a question could mean by mistake, once more for each pair of these types. */
static int make_traps(void **state)
{
	(void)state;
	pgtest_exec(
		"CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC;"
		"CREATE DOMAIN evil.text AS pg_catalog.text CHECK (pg_catalog.length(VALUE) < 0);"
		"CREATE DOMAIN evil.oid AS pg_catalog.oid CHECK (VALUE < '0'::pg_catalog.oid);"
		"CREATE DOMAIN evil.name AS pg_catalog.name CHECK (VALUE IS NULL);"
		"DO $do$ DECLARE l pg_catalog.text; r pg_catalog.text; o pg_catalog.text; n pg_catalog.int4 := 0;"
		"  types pg_catalog.text[] := "
		"'{oid,regclass,int2,int4,int8,numeric,float8,text,name,\"\\\"char\\\"\",bool,"
		"timestamptz,interval,jsonb,tid,\"text[]\",\"name[]\"}';"
		"BEGIN"
		"  FOREACH l IN ARRAY types LOOP FOREACH r IN ARRAY types LOOP"
		"    n := n + 1;"
		"    EXECUTE pg_catalog.format('CREATE FUNCTION evil.f%%s(pg_catalog.%%s, pg_catalog.%%s) RETURNS bool"
		"      LANGUAGE plpgsql AS $f$BEGIN RAISE EXCEPTION ''trodden on''; END$f$', n, l, r);"
		"    FOREACH o IN ARRAY '{=,<>,<,>,<=,>=,/,-,&,~,->>}'::pg_catalog.text[] LOOP"
		"      EXECUTE pg_catalog.format('CREATE OPERATOR evil.%%s (leftarg = pg_catalog.%%s,"
		"        rightarg = pg_catalog.%%s, function = evil.f%%s)', o, l, r, n);"
		"    END LOOP; END LOOP; END LOOP; END $do$");
	return 0;
}

static int drop_traps(void **state)
{
	(void)state;
	pgtest_exec("SET client_min_messages = error; DROP SCHEMA evil CASCADE");
	return 0;
}

static pgm_config *into_the_traps(void)
{
	return pgtest_config("user=%s password=%s options='-c search_path=evil,public,pg_catalog'",
			     pgtest_server_now()->superuser, pgtest_server_now()->superuser_password);
}

static const char *make_csv(void)
{
	const char *path = pgtest_format("%s/trapped.csv", pgtest_dir());
	FILE *file = fopen(path, "w");

	if (!file)
		pgtest_die("cannot write %s", path);
	fputs("a,b\n1,x\n2,y\n", file);
	fclose(file);
	return path;
}

/* Else the others could not fail. */
static void the_traps_are_sharp(void **state)
{
	pgm_config *config = into_the_traps();
	pgm_error err;
	pgm_manager *manager = pgm_manager_new(&err);
	pgm_db *db = pgm_manager_open(manager, config, NULL, &err);
	PGconn *conn = must_acquire(db);
	PGresult *res = PQexec(conn, "SELECT 1 FROM pg_class WHERE oid = 'pg_class'::regclass");

	(void)state;
	assert_contains(PQresultErrorMessage(res), "trodden on");
	PQclear(res);
	pgm_release(conn);
	pgm_manager_free(manager);
	pgm_config_free(config);
}

static void files_are_imported_and_exported_past_them(void **state)
{
	const char *in = make_csv(), *out = pgtest_format("%s/out.csv", pgtest_dir());
	pgm_config *config = into_the_traps();

	(void)state;
	pgtest_exec("DROP TABLE IF EXISTS public.trapped");
	for (int jobs = 1; jobs <= 2; jobs++) {
		const pgm_csv_import_options import = {
			.size = sizeof import, .table = "public.trapped", .file = in, .jobs = 3 - jobs};
		const pgm_csv_export_options export = {
			.size = sizeof export, .table = "public.trapped", .file = out, .jobs = jobs};
		pgm_csv_result result;
		pgm_error err;

		/* Over two connections into a table that is made, then over one into the same. */
		if (!pgm_csv_import(config, &import, &result, &err))
			fail_msg("import: %s", err.message);
		assert_int_equal(result.rows, 2);
		if (!pgm_csv_export(config, &export, &result, &err))
			fail_msg("export: %s", err.message);
		assert_int_equal(result.rows, 2 * jobs);
	}
	pgtest_exec("DROP TABLE public.trapped");
	pgm_config_free(config);
}

static void an_audit_passes_by_them(void **state)
{
	pgm_config *config = into_the_traps();
	pgm_error err;
	pgm_server_client *client = pgm_server_client_new(config, &err);
	pgm_server_report *report;

	(void)state;
	pgtest_exec("ALTER ROLE %s VALID UNTIL '2100-01-01'", pgtest_server_now()->superuser);
	report = client ? pgm_server_audit(config, client, &err) : NULL;
	pgtest_exec("ALTER ROLE %s VALID UNTIL 'infinity'", pgtest_server_now()->superuser);
	if (!report)
		pgtest_die("%s", err.message);
	assert_int_equal(report->count[PGM_SERVER_UNKNOWN], 0); /* every question was answered */
	assert_true(report->has_rules);
	for (size_t i = 0; i < report->nchecks; i++)
		if (report->checks[i].reason)
			assert_null(strstr(report->checks[i].reason, "trodden on"));
	pgm_server_report_free(report);
	pgm_server_client_free(client);
	pgm_config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(the_traps_are_sharp),
		HANDLE_TEST(files_are_imported_and_exported_past_them),
		HANDLE_TEST(an_audit_passes_by_them),
	};

	return cmocka_run_group_tests(tests, make_traps, drop_traps);
}
