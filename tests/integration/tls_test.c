/* B20: TLS is what was asked, or an error that says what is wrong. */
#include "handles.h"
#include "support/cluster.h"

static const char *const types[] = {"normal", "pool"};

static cluster *server;

#define DEMANDS_CERTIFICATE "dbname=certificates"

static int start_server(void **state)
{
	(void)state;
	server = cluster_start(NULL, "hostssl certificates all all cert");
	pgtest_use(cluster_server(server));
	pgtest_exec("CREATE DATABASE certificates");
	cluster_tls(server, "good");
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	cluster_stop(server);
	return 0;
}

static int tls_teardown(void **state)
{
	int outcome = handles_teardown(state);

	cluster_tls(server, "good");
	return outcome;
}

#define TLS_TEST(test) cmocka_unit_test_setup_teardown(test, handles_setup, handles_teardown)
#define TLS_CHANGING_TEST(test) cmocka_unit_test_setup_teardown(test, handles_setup, tls_teardown)

/* Connecting is the same code for all types: what is its alone is tried on the blocking ones. */
#define BLOCKING_TLS_TEST(test) TEST_OF(BLOCKING_ONLY, test, handles_setup, handles_teardown)
#define BLOCKING_TLS_CHANGING_TEST(test) TEST_OF(BLOCKING_ONLY, test, handles_setup, tls_teardown)

/* Verified with this file of tls.sh. */
static const char *verified_by(const char *sslmode, const char *root)
{
	return pgtest_format("sslmode=%s sslrootcert='%s'", sslmode, cluster_certificate(root));
}

static const char *with_certificate(const char *name)
{
	return pgtest_format("sslcert='%s' sslkey='%s'", cluster_certificate(pgtest_format("%s.crt", name)),
			     cluster_certificate(pgtest_format("%s.key", name)));
}

/* ----------------------------------------------------------------------------------- errors */

static void check_error(const pgm_error *err, pgm_code code, const char *sqlstate, const char *words)
{
	if (err->code != code || strcmp(err->sqlstate, sqlstate) != 0)
		fail_msg("%s %s instead of %s %s: %s", pgm_code_name(err->code), err->sqlstate, pgm_code_name(code),
			 sqlstate, err->message);
	assert_contains(err->message, words);
	assert_null(strchr(err->message, '\n'));
	assert_lacks(err->message, pgtest_server_now()->password);
}

/* Whoever opens it is told, and whoever borrows from what was opened lazily: at once if the server said no for
 * good, else when the time is over: all but normal try again meanwhile. */
static void expect_error(const char *settings, pgm_code code, const char *sqlstate, const char *words)
{
	const pgm_open_options lazy = {.lazy = true};

	for (int i = 0; i < 2; i++) {
		bool tries_again = code == PGM_ERR_CONNECT && (i == 1 || pgtest_evented());
		const char *all = pgtest_format("type=%s pool.min_size=0 host=localhost %s", types[i], settings);
		pgm_error err = open_error(pgtest_config("%s", all), NULL);
		pgm_db *db = must_open_with(&lazy, "%s", all);

		check_error(&err, code, sqlstate, words);
		assert_null(pgm_acquire_for(db, slow(tries_again ? 200 : 10000), &err));
		if (tries_again)
			check_error(&err, PGM_ERR_TIMEOUT, "", pgtest_format("last connection error: "));
		else
			check_error(&err, code, sqlstate, words);
		assert_contains(err.message, words);
		pgm_close(db);
	}
}

static void expect_connected(const char *settings, bool encrypted)
{
	for (int i = 0; i < 2; i++) {
		pgm_db *db = must_open("type=%s pool.min_size=1 host=localhost %s", types[i], settings);
		PGconn *conn = must_acquire(db);

		assert_int_equal(PQsslInUse(conn), encrypted);
		assert_string_equal(ask(conn, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
				    encrypted ? "t" : "f");
		pgm_release(conn);
		pgm_close(db);
	}
}

static void b20_a_good_certificate_is_verified_as_asked(void **state)
{
	(void)state;
	expect_connected(verified_by("verify-full", "ca.crt"), true);
	expect_connected(verified_by("verify-ca", "ca.crt"), true);
	expect_connected("sslmode=require", true);
	expect_connected("sslmode=disable", false);
}

static void b20_an_expired_server_certificate_is_an_error(void **state)
{
	(void)state;
	cluster_tls(server, "expired");
	expect_error(verified_by("verify-full", "ca.crt"), PGM_ERR_CONNECT, "", "certificate verify failed");
	expect_error(verified_by("verify-ca", "ca.crt"), PGM_ERR_CONNECT, "", "certificate verify failed");
}

static void b20_a_server_certificate_for_another_name_is_an_error(void **state)
{
	(void)state;
	cluster_tls(server, "wrongname");
	expect_error(verified_by("verify-full", "ca.crt"), PGM_ERR_CONNECT, "",
		     "\"other.example\" does not match host name \"localhost\"");
	expect_connected(verified_by("verify-ca", "ca.crt"), true); /* which does not ask for the name */
}

static void b20_a_server_certificate_of_another_authority_is_an_error(void **state)
{
	(void)state;
	cluster_tls(server, "wrongca");
	expect_error(verified_by("verify-full", "ca.crt"), PGM_ERR_CONNECT, "", "certificate verify failed");
	expect_error(verified_by("verify-ca", "ca.crt"), PGM_ERR_CONNECT, "", "certificate verify failed");
	expect_connected(verified_by("verify-full", "otherca.crt"), true);
}

static void b20_a_root_certificate_that_is_not_there_is_an_error(void **state)
{
	(void)state;
	expect_error("sslmode=verify-full sslrootcert=/nowhere/ca.crt", PGM_ERR_CONNECT, "",
		     "root certificate file \"/nowhere/ca.crt\" does not exist");
}

static void b20_a_server_without_tls_is_an_error_where_tls_was_asked_for(void **state)
{
	(void)state;
	cluster_tls(server, NULL);
	expect_error("sslmode=require", PGM_ERR_CONNECT, "", "server does not support SSL, but SSL was required");
	expect_connected("sslmode=prefer", false);
}

static void b20_a_missing_client_certificate_is_an_error(void **state)
{
	(void)state;
	expect_error(DEMANDS_CERTIFICATE " sslmode=require", PGM_ERR_AUTH, "28000",
		     "connection requires a valid client certificate");
}

static void b20_a_good_client_certificate_lets_in(void **state)
{
	(void)state;
	expect_connected(pgtest_format(DEMANDS_CERTIFICATE " sslmode=require !password %s", with_certificate("client")),
			 true);
}

static void b20_a_client_certificate_for_another_role_is_an_error(void **state)
{
	(void)state;
	expect_error(pgtest_format(DEMANDS_CERTIFICATE " sslmode=require %s", with_certificate("good")), PGM_ERR_AUTH,
		     "28000", "certificate authentication failed for user \"pgm_test\"");
}

/* The server says so while it shakes hands (TLS 1.2), or after the client has begun to speak (TLS 1.3). */
static void b20_a_client_certificate_of_another_authority_is_an_error(void **state)
{
	(void)state;
	for (int version = 2; version <= 3; version++)
		expect_error(pgtest_format(DEMANDS_CERTIFICATE " sslmode=require ssl_max_protocol_version=TLSv1.%d %s",
					   version, with_certificate("wrongclient")),
			     PGM_ERR_CONNECT, "", "alert unknown ca");
}

static void b20_an_expired_client_certificate_is_an_error(void **state)
{
	(void)state;
	expect_error(pgtest_format(DEMANDS_CERTIFICATE " sslmode=require %s", with_certificate("expired")),
		     PGM_ERR_CONNECT, "", "alert certificate expired");
}

static void b20_a_client_certificate_without_its_key_is_an_error(void **state)
{
	(void)state;
	expect_error(pgtest_format(DEMANDS_CERTIFICATE " sslmode=require sslcert='%s' sslkey=/nowhere/client.key",
				   cluster_certificate("client.crt")),
		     PGM_ERR_CONNECT, "", "certificate present, but not private key file \"/nowhere/client.key\"");
}

/* What is wrong may be put right on the other side. */
static void b20_a_pool_works_once_the_server_has_a_good_certificate(void **state)
{
	const pgm_open_options lazy = {.lazy = true};
	pgm_error err;
	pgm_db *db;

	(void)state;
	cluster_tls(server, "expired");
	db = must_open_with(&lazy, "type=pool pool.min_size=0 host=localhost %s", verified_by("verify-full", "ca.crt"));
	assert_null(pgm_acquire_for(db, slow(200), &err));
	assert_contains(err.message, "certificate verify failed");
	cluster_tls(server, "good");
	pgm_release(must_acquire(db));
	pgm_close(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TLS_TEST(b20_a_good_certificate_is_verified_as_asked),
		TLS_CHANGING_TEST(b20_an_expired_server_certificate_is_an_error),
		BLOCKING_TLS_CHANGING_TEST(b20_a_server_certificate_for_another_name_is_an_error),
		BLOCKING_TLS_CHANGING_TEST(b20_a_server_certificate_of_another_authority_is_an_error),
		BLOCKING_TLS_TEST(b20_a_root_certificate_that_is_not_there_is_an_error),
		BLOCKING_TLS_CHANGING_TEST(b20_a_server_without_tls_is_an_error_where_tls_was_asked_for),
		TLS_TEST(b20_a_missing_client_certificate_is_an_error),
		TLS_TEST(b20_a_good_client_certificate_lets_in),
		BLOCKING_TLS_TEST(b20_a_client_certificate_for_another_role_is_an_error),
		BLOCKING_TLS_TEST(b20_a_client_certificate_of_another_authority_is_an_error),
		BLOCKING_TLS_TEST(b20_an_expired_client_certificate_is_an_error),
		BLOCKING_TLS_TEST(b20_a_client_certificate_without_its_key_is_an_error),
		TLS_CHANGING_TEST(b20_a_pool_works_once_the_server_has_a_good_certificate),
	};

	return run_handle_tests_in(tests, start_server, stop_server);
}
