/* A configuration that is built or changed in code. */
#include "unit/config_cases.h"

static pgm_config *config;
static pgm_error err;

static int make_config(void **state)
{
	(void)state;
	start_capture();
	config = pgm__config_new(&libpq_keywords);
	return config ? 0 : -1;
}

static int free_config(void **state)
{
	(void)state;
	pgm_config_free(config);
	return 0;
}

static void set(const char *section, const char *key, const char *value)
{
	assert_true(pgm_config_set(config, section, key, value, &err));
	assert_int_equal(err.code, PGM_OK);
	assert_string_equal(err.message, "");
}

static void assert_refused_set(const char *section, const char *key, const char *value, const char *message)
{
	assert_false(pgm_config_set(config, section, key, value, &err));
	assert_string_equal(err.message, message);
	assert_int_equal(err.code, PGM_ERR_CONFIG);
	assert_int_equal(captured.count, 0);
}

static void assert_get(const char *section, const char *key, const char *value)
{
	const char *found = pgm_config_get(config, section, key);

	if (!value) {
		assert_null(found);
	} else {
		assert_non_null(found);
		assert_string_equal(found, value);
	}
}

static void what_was_set_is_got(void **state)
{
	char value[] = "pool";

	(void)state;
	set(NULL, "connection_type", value);
	value[0] = 'x'; /* it was copied */
	assert_get(NULL, "connection_type", "pool");
	set("connection_settings", "host", "h");
	set("connection_settings", "options", "-c x=y");
	set("pool_settings", "max_size", "7");
	set("sync_settings", "myapp.user", "me");
	assert_get("connection_settings", "host", "h");
	assert_get("connection_settings", "options", "-c x=y");
	assert_get("pool_settings", "max_size", "7");
	assert_get("async_pool_settings", "max_size", "20");
	assert_get("sync_settings", "myapp.user", "me");
	set("pool_settings", "max_size", "8");
	assert_get("pool_settings", "max_size", "8");
}

static void null_or_an_empty_value_removes_a_key(void **state)
{
	(void)state;
	set("pool_settings", "max_size", "7");
	set("pool_settings", "timeout", "7");
	set("pool_settings", "max_size", NULL);
	assert_get("pool_settings", "max_size", "20");
	assert_get("pool_settings", "timeout", "7");
	set("pool_settings", "timeout", "");
	assert_get("pool_settings", "timeout", "30");
	set("connection_settings", "host", NULL); /* was not there */
	set("connection_settings", "password", "");
	assert_get("connection_settings", "password", "");
	set("connection_settings", "password", NULL);
	assert_get("connection_settings", "password", NULL);
	set("sync_settings", "Work_Mem", "1MB");
	set("sync_settings", "work_mem", "2MB"); /* the same setting, to the server */
	assert_get("sync_settings", "Work_Mem", "2MB");
	set("sync_settings", "WORK_MEM", "");
	assert_get("sync_settings", "work_mem", NULL);
}

static void unknown_names_are_errors_with_the_nearest_known_one(void **state)
{
	(void)state;
	assert_refused_set("connection_settings", "hosst", "x",
			   "unknown key \"hosst\" in connection_settings; did you mean \"host\"?");
	assert_refused_set("pool_settings", "banana", "x", "unknown key \"banana\" in pool_settings");
	assert_refused_set("pool_setting", "max_size", "5",
			   "unknown section \"pool_setting\"; did you mean \"pool_settings\"?");
	assert_refused_set("", "connection_type", "pool", "unknown section \"\"");
	assert_refused_set(NULL, "host", "x", "unknown key \"host\"; it belongs to connection_settings");
	assert_refused_set("connection_settings", "scram_client_key", PASSWORD,
			   "unknown key \"scram_client_key\" in connection_settings");
	assert_refused_set("pool_settings", "max_szie", NULL,
			   "unknown key \"max_szie\" in pool_settings; did you mean \"max_size\"?");
}

static void a_wrong_value_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	set("pool_settings", "max_size", "7");
	assert_refused_set(
		"pool_settings", "max_size", "0",
		"pool_settings.max_size: expected a whole number from 1 to 10000, found \"0\" (min_size is 5)");
	assert_get("pool_settings", "max_size", "7");
	assert_refused_set(NULL, "connection_type", "x",
			   "connection_type: expected one of normal, pool, async, async_pool, found \"x\"");
	assert_refused_set("connection_settings", "host", "a,b",
			   "host: expected one endpoint per file; for several hosts, failover or balancing put "
			   "PgBouncer, HAProxy or "
			   "the like in between");
	assert_refused_set("sync_settings", "work mem", "1",
			   "sync_settings: expected the name of a session setting (letters, digits, _ and $; parts "
			   "joined by a dot), "
			   "found \"work mem\"");
	assert_get("sync_settings", "work mem", NULL);
}

static void sizes_may_be_set_in_any_order(void **state)
{
	(void)state;
	set("pool_settings", "min_size", "50");
	set("pool_settings", "max_size", "60");
	assert_get("pool_settings", "min_size", "50");
}

static void the_keys_that_were_given_can_be_walked(void **state)
{
	(void)state;
	assert_null(pgm_config_key(config, NULL, 0)); /* defaults are not given */
	set(NULL, "connection_type", "pool");
	set("sync_settings", "work_mem", "4MB");
	set("sync_settings", "app.user", "x");
	assert_string_equal(pgm_config_key(config, NULL, 0), "connection_type");
	assert_null(pgm_config_key(config, NULL, 1));
	assert_string_equal(pgm_config_key(config, "sync_settings", 0), "work_mem");
	assert_string_equal(pgm_config_key(config, "sync_settings", 1), "app.user");
	assert_null(pgm_config_key(config, "sync_settings", 2));
	assert_null(pgm_config_key(config, "async_settings", 0));
	assert_null(pgm_config_key(config, "no_such_section", 0));
	assert_null(pgm_config_key(NULL, NULL, 0));
}

static void misuse_is_answered(void **state)
{
	(void)state;
	assert_false(pgm_config_set(NULL, NULL, "connection_type", "pool", &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(pgm_config_set(config, NULL, NULL, "pool", &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_false(pgm_config_set(config, "pool_settings", "max_size", "x", NULL));
	assert_null(pgm_config_get(NULL, NULL, "connection_type"));
	assert_null(pgm_config_get(config, NULL, NULL));
	pgm_config_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_set_is_got, make_config, free_config),
		cmocka_unit_test_setup_teardown(null_or_an_empty_value_removes_a_key, make_config, free_config),
		cmocka_unit_test_setup_teardown(unknown_names_are_errors_with_the_nearest_known_one, make_config,
						free_config),
		cmocka_unit_test_setup_teardown(a_wrong_value_is_refused_and_changes_nothing, make_config, free_config),
		cmocka_unit_test_setup_teardown(sizes_may_be_set_in_any_order, make_config, free_config),
		cmocka_unit_test_setup_teardown(the_keys_that_were_given_can_be_walked, make_config, free_config),
		cmocka_unit_test_setup_teardown(misuse_is_answered, make_config, free_config),
	};

	return cmocka_run_group_tests_name("config_set", tests, NULL, NULL);
}
