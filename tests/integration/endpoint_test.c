/* B11: what libpq really connects to is checked, wherever it came from: file, service file or environment. */
#include "handles.h"
#include "support/blackhole.h"

static const char *const types[] = {"normal", "pool"};

static const char *const variables[] = {
	"PGSERVICE",	      "PGSERVICEFILE",	   "PGHOST", "PGHOSTADDR", "PGPORT", "PGTARGETSESSIONATTRS",
	"PGLOADBALANCEHOSTS", "PGCONNECT_TIMEOUT",
};

static int environment_teardown(void **state)
{
	int outcome = handles_teardown(state); /* the keeper is gone: nobody reads while this writes */

	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		unsetenv(variables[i]);
	return outcome;
}

#define ENDPOINT_TEST(test) cmocka_unit_test_setup_teardown(test, handles_setup, environment_teardown)

/* Connecting is the same code for all types: what is its alone is tried on the blocking ones. */
#define BLOCKING_ENDPOINT_TEST(test) TEST_OF(BLOCKING_ONLY, test, handles_setup, environment_teardown)

/* One service, "it". */
static void service_is(const char *lines)
{
	setenv("PGSERVICEFILE", pgtest_file("service.conf", pgtest_format("[it]\n%s\n", lines)), 1);
}

static void expect_refusal(const pgm_error *err, const char *words)
{
	assert_int_equal(err->code, PGM_ERR_CONFIG);
	assert_contains(err->message, "one endpoint per configuration");
	assert_contains(err->message, words);
	assert_contains(err->message, "from file, service file or environment");
}

/* Both types, whether opening connects or the first borrower. */
static void expect_refused(const char *settings, const char *words)
{
	for (int i = 0; i < 4; i++) {
		const pgm_open_options lazy = {.lazy = true};
		const char *all = pgtest_format("type=%s pool.min_size=0 %s", types[i % 2], settings);
		int64_t start = pgtest_now_ms();
		pgm_error err = {0};

		if (i < 2) {
			err = open_error(pgtest_config("%s", all), NULL);
		} else {
			pgm_db *db = must_open_with(&lazy, "%s", all);

			assert_null(pgm_acquire_for(db, slow(20000), &err));
			pgm_close(db);
		}
		assert_within(start, 5000);
		expect_refusal(&err, words);
	}
	assert_int_equal(pgtest_connections(NULL), 0);
}

static void expect_connected(const char *settings, const char *host)
{
	for (int i = 0; i < 2; i++) {
		pgm_db *db = must_open("type=%s pool.min_size=1 pool.max_size=1 %s", types[i], settings);
		PGconn *conn = must_acquire(db);

		assert_string_equal(PQhost(conn), host);
		assert_string_equal(PQport(conn), pgtest_server_now()->port);
		assert_true(works(conn));
		pgm_release(conn);
		pgm_close(db);
	}
}

/* ---------------------------------------------------------------------------- several endpoints */

static void b11_a_service_file_cannot_smuggle_in_several_hosts(void **state)
{
	(void)state;
	service_is("host=127.0.0.1,127.0.0.2");
	expect_refused("service=it !host", "host is \"127.0.0.1,127.0.0.2\"");
	service_is("hostaddr=127.0.0.1,127.0.0.2");
	expect_refused("service=it", "hostaddr is");
	service_is("port=5433,5434");
	expect_refused("service=it !port", "port is \"5433,5434\"");
	service_is("target_session_attrs=read-write");
	expect_refused("service=it", "target_session_attrs");
}

static void b11_nor_can_one_that_the_environment_names(void **state)
{
	(void)state;
	setenv("PGSERVICE", "it", 1);
	service_is("host=127.0.0.1,127.0.0.2");
	expect_refused("!host", "host is \"127.0.0.1,127.0.0.2\"");
	service_is("target_session_attrs=primary");
	expect_refused("", "target_session_attrs");
}

static void b11_the_environment_cannot_smuggle_in_several_hosts(void **state)
{
	static const struct {
		const char *name, *value, *without, *words;
	} cases[] = {
		{"PGHOST", "127.0.0.1,127.0.0.2", "!host", "host is \"127.0.0.1,127.0.0.2\""},
		{"PGHOST", "/tmp,/var/run/postgresql", "!host", "host is \"/tmp,/var/run/postgresql\""},
		{"PGHOSTADDR", "127.0.0.1,127.0.0.2", "", "hostaddr is"},
		{"PGPORT", "5433,5434", "!port", "port is \"5433,5434\""},
		{"PGTARGETSESSIONATTRS", "read-only", "", "target_session_attrs"},
		{"PGTARGETSESSIONATTRS", "prefer-standby", "", "target_session_attrs"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		setenv(cases[i].name, cases[i].value, 1);
		expect_refused(cases[i].without, cases[i].words);
		unsetenv(cases[i].name);
	}
}

static bool libpq_knows(const char *keyword)
{
	PQconninfoOption *all = PQconndefaults();
	bool found = false;

	for (const PQconninfoOption *option = all; option && option->keyword && !found; option++)
		found = strcmp(option->keyword, keyword) == 0;
	PQconninfoFree(all);
	return found;
}

/* From libpq 16 on; an older one reads no such variable, and so does not choose. */
static void b11_load_balancing_is_refused_where_libpq_knows_it(void **state)
{
	(void)state;
	setenv("PGLOADBALANCEHOSTS", "random", 1);
	if (libpq_knows("load_balance_hosts")) {
		expect_refused("", "load_balance_hosts");
		setenv("PGLOADBALANCEHOSTS", "disable", 1);
	}
	expect_connected("", pgtest_server_now()->host);
}

/* -------------------------------------------------------------------------------- one endpoint */

static void b11_one_host_from_the_environment_is_where_it_connects(void **state)
{
	const pgtest_server *server = pgtest_server_now();

	(void)state;
	setenv("PGHOST", server->host, 1);
	setenv("PGPORT", server->port, 1);
	setenv("PGTARGETSESSIONATTRS", "any", 1);
	expect_connected("!host !port", server->host);
	setenv("PGHOST", server->socketdir, 1);
	expect_connected("!host !port", server->socketdir);
}

static void b11_one_host_from_a_service_file_is_where_it_connects(void **state)
{
	const pgtest_server *server = pgtest_server_now();

	(void)state;
	service_is(pgtest_format("host=%s\nport=%s\ntarget_session_attrs=any", server->host, server->port));
	expect_connected("service=it !host !port", server->host);
	setenv("PGSERVICE", "it", 1);
	expect_connected("!host !port", server->host);
}

static void b11_what_the_file_says_counts_more_than_the_environment(void **state)
{
	(void)state;
	setenv("PGHOST", "nowhere.invalid,127.0.0.2", 1);
	setenv("PGPORT", "1,2", 1);
	expect_connected("", pgtest_server_now()->host);
}

/* Every connection is checked, not only the first. */
static void b11_a_service_file_that_changes_is_checked_again(void **state)
{
	const char *one = pgtest_format("host=%s", pgtest_server_now()->host);

	(void)state;
	for (int i = 0; i < 2; i++) {
		pgm_error err;
		PGconn *conn;
		pgm_db *db;

		service_is(one);
		db = must_open("type=%s pool.min_size=1 pool.max_size=1 service=it !host", types[i]);
		conn = must_acquire(db);
		service_is(pgtest_format("%s,127.0.0.2", one));
		PQfinish(conn);
		assert_null(pgm_acquire_for(db, slow(10000), &err));
		expect_refusal(&err, "host is");
		service_is(one);
		pgm_release(must_acquire(db));
		pgm_close(db);
	}
}

/* -------------------------------------------------------------------------------------- timeout */

/* A server that never answers, and settings that should end each try after a second. */
static void expect_a_second(int port, const char *settings)
{
	pgm_db *db[2];
	borrower b[2];
	int64_t start = pgtest_now_ms();
	pgm_error err[2];

	for (int i = 0; i < 2; i++) {
		const pgm_open_options lazy = {.lazy = true};

		db[i] = must_open_with(&lazy, "type=%s pool.min_size=0 port=%d %s", types[i], port, settings);
		borrow_in_thread(&b[i], db[i], 30000);
	}
	while ((!stats_of(db[0]).open_failed || !stats_of(db[1]).open_failed) && ms_since(start) < 20000)
		blink();
	for (int i = 0; i < 2; i++)
		pgm_acquire_for(db[i], 0, &err[i]);
	for (int i = 0; i < 2; i++) {
		pgm_close(db[i]);
		borrowed_within(&b[i], 5000);
	}
	assert_in_range(ms_since(start), 1000, 10000);
	if (!pgtest_evented()) /* who borrows from normal connects, and is told himself */
		err[0] = b[0].err;
	assert_int_equal(err[0].code, pgtest_evented() ? PGM_ERR_TIMEOUT : PGM_ERR_CONNECT);
	assert_int_equal(err[1].code, PGM_ERR_TIMEOUT);
	for (int i = 0; i < 2; i++)
		assert_contains(err[i].message, "timed out after 1");
}

static void b11_pgconnect_timeout_counts(void **state)
{
	blackhole *hole = blackhole_start(BLACKHOLE_SILENT, NULL, 0);

	(void)state;
	setenv("PGCONNECT_TIMEOUT", "1", 1);
	expect_a_second(blackhole_port(hole), "");
	blackhole_stop(hole);
}

static void b11_connect_timeout_of_a_service_file_counts(void **state)
{
	blackhole *hole = blackhole_start(BLACKHOLE_SILENT, NULL, 0);

	(void)state;
	service_is("connect_timeout=1");
	expect_a_second(blackhole_port(hole), "service=it");
	blackhole_stop(hole);
}

static void b11_connect_timeout_of_the_file_counts_more(void **state)
{
	blackhole *hole = blackhole_start(BLACKHOLE_SILENT, NULL, 0);

	(void)state;
	setenv("PGCONNECT_TIMEOUT", "60", 1);
	expect_a_second(blackhole_port(hole), "connect_timeout=1");
	blackhole_stop(hole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENDPOINT_TEST(b11_a_service_file_cannot_smuggle_in_several_hosts),
		ENDPOINT_TEST(b11_nor_can_one_that_the_environment_names),
		ENDPOINT_TEST(b11_the_environment_cannot_smuggle_in_several_hosts),
		ENDPOINT_TEST(b11_load_balancing_is_refused_where_libpq_knows_it),
		ENDPOINT_TEST(b11_one_host_from_the_environment_is_where_it_connects),
		ENDPOINT_TEST(b11_one_host_from_a_service_file_is_where_it_connects),
		ENDPOINT_TEST(b11_what_the_file_says_counts_more_than_the_environment),
		ENDPOINT_TEST(b11_a_service_file_that_changes_is_checked_again),
		ENDPOINT_TEST(b11_pgconnect_timeout_counts),
		BLOCKING_ENDPOINT_TEST(b11_connect_timeout_of_a_service_file_counts),
		BLOCKING_ENDPOINT_TEST(b11_connect_timeout_of_the_file_counts_more),
	};

	return run_handle_tests(tests);
}
