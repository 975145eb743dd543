/* The connector, driven by hand, with libpq by script: what a real server cannot be made to do on demand. */
#include "connection/connect.h"

#include "base/error.h"
#include "config/config.h"

#include "cmocka_all.h"
#include "support/fakepq.h"

#include <poll.h>
#include <string.h>

static const pgm_hooks no_hooks;
static pgm__settings *settings;
static pgm__connector *connector;

static bool knows_all(const char *keyword)
{
	return keyword != NULL;
}

/* host is an address, so that nothing is to be resolved. */
static int begin(void **state)
{
	static const char yaml[] = "connection_settings: {host: 127.0.0.1, connect_timeout: 1}\n"
				   "sync_settings: {lock_timeout: 1, work_mem: 64kB}\n";
	const pgm__keywords keywords = {knows_all};
	pgm_config *config = pgm__config_parse(yaml, strlen(yaml), "db.yaml", &keywords, NULL);

	(void)state;
	fakepq_reset();
	settings = pgm__settings_make(config, PGM_NORMAL, NULL);
	pgm_config_free(config);
	assert_non_null(settings);
	connector = pgm__connector_new(settings, &no_hooks);
	assert_non_null(connector);
	return 0;
}

static int end(void **state)
{
	(void)state;
	pgm__connector_free(connector);
	pgm__settings_free(settings);
	assert_int_equal(fakepq_open(), 0); /* whatever happened, nothing is left open */
	return 0;
}

static pgm__progress drive(void)
{
	pgm__progress progress = pgm__connector_step(connector);

	while (progress == PGM__WANTS_READ || progress == PGM__WANTS_WRITE) {
		struct pollfd fd = {.fd = pgm__connector_fd(connector),
				    .events = progress == PGM__WANTS_READ ? POLLIN : POLLOUT};

		poll(&fd, 1, pgm__clock_poll_timeout(pgm__connector_deadline(connector)));
		progress = pgm__connector_step(connector);
	}
	return progress;
}

static void assert_fails(pgm_code code, const char *part, bool for_good)
{
	const pgm_error *err;

	assert_int_equal(drive(), PGM__CONNECT_FAILED);
	err = pgm__connector_error(connector);
	assert_int_equal(err->code, code);
	if (!strstr(err->message, part))
		fail_msg("\"%s\" is not in \"%s\"", part, err->message);
	assert_int_equal(pgm__connector_failed_for_good(connector), for_good);
	assert_int_equal(pgm__connector_step(connector), PGM__CONNECT_FAILED); /* and stays so */
}

static void all_settings_are_one_statement(void **state)
{
	PGconn *conn;

	(void)state;
	assert_int_equal(drive(), PGM__CONNECTED);
	assert_int_equal(fakepq_calls("PQsendQueryParams"), 1);
	assert_int_equal(fakepq_statements("SELECT pg_catalog.pg_backend_pid(), pg_catalog.set_config($1, $2, false), "
					   "pg_catalog.set_config($3"),
			 1);
	conn = pgm__connector_take(connector);
	assert_false(PQisnonblocking(conn));
	PQfinish(conn);
}

static void a_server_that_never_answers_ends_at_connect_timeout(void **state)
{
	pgm__time start = pgm__clock_now();

	(void)state;
	fakepq_every_connect(FAKEPQ_STALLS, NULL);
	assert_fails(PGM_ERR_CONNECT, "timed out after", false);
	assert_true(pgm__clock_now() - start >= PGM__SECOND);
	assert_true(pgm__clock_now() - start < 10 * PGM__SECOND);
}

static void connect_timeout_counts_for_the_settings_too(void **state)
{
	(void)state;
	fakepq_next_silence();
	assert_fails(PGM_ERR_CONNECT, "while applying session settings", false);
}

/* It never was up for anybody, so it is no lost connection to the caller. */
static void a_connection_lost_with_the_settings_is_connect_and_not_broken(void **state)
{
	(void)state;
	fakepq_next_lost("server closed the connection unexpectedly");
	assert_fails(PGM_ERR_CONNECT, "server closed the connection unexpectedly", false);
}

/* All of them fail together; then each is tried alone, to name the one. */
static void the_setting_that_is_refused_is_named_with_its_place(void **state)
{
	(void)state;
	fakepq_next_error("22023", "invalid value for parameter");
	fakepq_next_row("1");
	fakepq_next_error("22023", "invalid value for parameter");
	assert_fails(PGM_ERR_CONFIG, "db.yaml:2:34: the server refuses session setting work_mem", true);
	assert_int_equal(fakepq_calls("PQsendQueryParams"), 3);
}

static void a_refused_login_is_for_good(void **state)
{
	(void)state;
	fakepq_every_connect(2, "connection to server failed: FATAL:  28P01: password authentication failed\n");
	assert_fails(PGM_ERR_AUTH, "password authentication failed", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_settings_are_one_statement, begin, end),
		cmocka_unit_test_setup_teardown(a_server_that_never_answers_ends_at_connect_timeout, begin, end),
		cmocka_unit_test_setup_teardown(connect_timeout_counts_for_the_settings_too, begin, end),
		cmocka_unit_test_setup_teardown(a_connection_lost_with_the_settings_is_connect_and_not_broken, begin,
						end),
		cmocka_unit_test_setup_teardown(the_setting_that_is_refused_is_named_with_its_place, begin, end),
		cmocka_unit_test_setup_teardown(a_refused_login_is_for_good, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
