/* What a YAML text says, what is refused and what is warned of: config.md's "What is checked", row by row. */
#include "unit/config_cases.h"

/* ------------------------------------------------------------------------------------------ values */

static void one_key_is_a_valid_file(void **state)
{
	(void)state;
	assert_value("connection_settings: {dbname: x}", "connection_settings", "dbname", "x");
}

static void what_is_not_given_is_the_default_of_the_table(void **state)
{
	static const char *const defaults[][2] = {
		{"min_size", "5"},    {"max_size", "20"},	    {"timeout", "30"},
		{"max_idle", "300"},  {"max_lifetime", "3600"},	    {"check_on_checkout", "false"},
		{"max_waiting", "0"}, {"reconnect_timeout", "300"}, {"num_workers", "3"},
	};
	const char *yaml = "connection_settings: {dbname: x}";

	(void)state;
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		assert_value(yaml, "pool_settings", defaults[i][0], defaults[i][1]);
		assert_value(yaml, "async_pool_settings", defaults[i][0], defaults[i][1]);
	}
	assert_value(yaml, NULL, "connection_type", "normal");
	assert_value(yaml, "connection_settings", "host", NULL);
	assert_value(yaml, "connection_settings", "autocommit", "false");
	assert_value(yaml, "sync_settings", "statement_timeout", NULL);
	assert_value(yaml, "sync_settings", "nonsense", NULL);
	assert_value(yaml, "nonsense", "host", NULL);
}

static void quotes_make_no_difference_to_a_number(void **state)
{
	(void)state;
	assert_value("connection_settings: {port: 5432}", "connection_settings", "port", "5432");
	assert_value("connection_settings: {port: '5432'}", "connection_settings", "port", "5432");
	assert_value("connection_settings: {port: !!int 5432}", "connection_settings", "port", "5432");
}

static void values_are_kept_as_text(void **state)
{
	static const char *const texts[] = {"010",	  "1:30", "1.10", "0x1F", "yes",
					    "2024-01-01", "1e3",  ".5",	  "on",	  "1_000"};
	char yaml[100];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		snprintf(yaml, sizeof(yaml), "connection_settings: {application_name: %s}", texts[i]);
		assert_value(yaml, "connection_settings", "application_name", texts[i]);
		snprintf(yaml, sizeof(yaml), "sync_settings: {work_mem: %s}", texts[i]);
		assert_value(yaml, "sync_settings", "work_mem", texts[i]);
	}
}

static void null_or_empty_is_as_if_the_key_were_absent(void **state)
{
	(void)state;
	assert_value("connection_settings:\n  sslcert: ''\n", "connection_settings", "sslcert", NULL);
	assert_value("connection_settings:\n  host: ~\n", "connection_settings", "host", NULL);
	assert_value("connection_settings:\n  port: ''\n", "connection_settings", "port", NULL);
	assert_value("connection_settings:\n  target_session_attrs:\n", "connection_settings", "target_session_attrs",
		     NULL);
	assert_value("pool_settings: {max_size: null}", "pool_settings", "max_size", "20");
	assert_value("pool_settings:\nsync_settings: ~\n", "pool_settings", "max_size", "20");
	assert_value("connection_type:\npostgresql:\n", NULL, "connection_type", "normal");
	assert_value("sync_settings: {work_mem: ''}", "sync_settings", "work_mem", NULL);
}

static void an_empty_password_stays_an_empty_password(void **state)
{
	(void)state;
	assert_value("connection_settings: {password: ''}", "connection_settings", "password", "");
	assert_value("connection_settings: {password: }", "connection_settings", "password", NULL);
	assert_value("connection_settings: {password: null}", "connection_settings", "password", NULL);
	assert_value("connection_settings: {password: 'null'}", "connection_settings", "password", "null");
}

static void anchors_and_merge_keys_work(void **state)
{
	const char *yaml = "pool_settings: &pool\n  max_size: &m 7\n  timeout: 3\n"
			   "async_pool_settings:\n  <<: *pool\n  timeout: 9\n"
			   "connection_settings: {port: *m}\n";

	(void)state;
	assert_value(yaml, "async_pool_settings", "max_size", "7");
	assert_value(yaml, "async_pool_settings", "timeout", "9");
	assert_value(yaml, "connection_settings", "port", "7");
}

static void an_empty_text_is_all_defaults_with_one_warning(void **state)
{
	const char *warning = "db.yaml:1:1: nothing is set here; every setting is the default\n";

	(void)state;
	assert_taken("", warning);
	assert_taken("# only a comment\n", warning);
	assert_taken("~\n", warning);
	assert_taken("--- null\n", warning);
}

static void no_text_and_no_name_are_survived(void **state)
{
	pgm_config *config = pgm__config_parse(NULL, 0, NULL, NULL, NULL);
	pgm_error err;

	(void)state;
	assert_non_null(config);
	pgm_config_free(config);
	assert_null(pgm__config_parse(NULL, 5, NULL, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_null(pgm__config_parse("[", 1, NULL, NULL, &err));
	assert_int_equal(strncmp(err.message, "configuration:2:1: not YAML", 27), 0);
}

/* ----------------------------------------------------------------------------------------- refused */

static void what_is_not_yaml_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_refused("connection_settings:\n  host: [a\n",
		       "db.yaml:3:1: not YAML: did not find expected ',' or ']', while "
		       "parsing a flow sequence that began in line 2");
	assert_refused("a: 1\n---\nb: 1\n", "db.yaml:2:1: expected one document, found a second one");
}

static void the_top_and_the_sections_are_mappings(void **state)
{
	(void)state;
	assert_refused("- a\n", "db.yaml:1:1: the file: expected a mapping, found a list");
	assert_refused("just text", "db.yaml:1:1: the file: expected a mapping, found one value");
	assert_refused("''", "db.yaml:1:1: the file: expected a mapping, found one value");
	assert_refused("pool_settings: 5\n", "db.yaml:1:16: pool_settings: expected a mapping, found one value");
	assert_refused("pool_settings:\n  - max_size: 5\n",
		       "db.yaml:2:3: pool_settings: expected a mapping, found a list");
	assert_refused("sync_settings: ''\n", "db.yaml:1:16: sync_settings: expected a mapping, found one value");
	assert_refused("postgresql: [1]\n", "db.yaml:1:13: postgresql: expected a mapping, found a list");
}

static void a_value_is_one_value(void **state)
{
	(void)state;
	assert_refused("connection_settings:\n  user: [a, b]\n",
		       "db.yaml:2:9: connection_settings.user: expected one value, found a list");
	assert_refused("connection_settings:\n  user:\n    name: a\n",
		       "db.yaml:3:5: connection_settings.user: expected one value, found a mapping");
	assert_refused("connection_type: {a: b}\n",
		       "db.yaml:1:18: connection_type: expected one value, found a mapping");
	assert_refused("sync_settings:\n  search_path: [a, b]\n",
		       "db.yaml:2:16: sync_settings.search_path: expected one value, found a list");
}

static void the_same_key_twice_names_both_lines(void **state)
{
	(void)state;
	assert_refused("connection_settings:\n  host: a\n  port: 1\n  host: b\n",
		       "db.yaml:4:3: duplicate key: expected it once, it is in line 2 already");
	assert_refused("pool_settings: {}\nconnection_type: pool\npool_settings: {}\n",
		       "db.yaml:3:1: duplicate key: expected it once, it is in line 1 already");
	assert_refused("sync_settings:\n  lock_timeout: 1\n  Lock_Timeout: 2\n",
		       "db.yaml:3:3: duplicate key: expected sync_settings.Lock_Timeout once, it is in line 2 already");
	assert_refused("pool_settings: {max_size: 3}\npostgresql:\n  pool_settings: {max_size: 4}\n",
		       "db.yaml:3:3: duplicate key: expected pool_settings once, it is in line 1 already");
	assert_refused("connection_type: pool\npostgresql: {connection_type: normal}\n",
		       "db.yaml:2:14: duplicate key: expected connection_type once, it is in line 1 already");
}

static void a_bad_connection_type_lists_the_four(void **state)
{
	(void)state;
	assert_refused("connection_type: pooled\n",
		       "db.yaml:1:18: connection_type: expected one of normal, pool, async, "
		       "async_pool, found \"pooled\"");
	assert_refused("connection_type: Pool\n", "db.yaml:1:18: connection_type: expected one of normal, pool, async, "
						  "async_pool, found \"Pool\"");
}

static void a_bad_number_is_told_with_what_is_allowed(void **state)
{
	static const char *const wrong[] = {
		"twelve", "-1", "0", "65536", "1.5", "0x1F", "1:30", "5 432", "99999999999999999999"};
	char yaml[200], message[200];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(yaml, sizeof(yaml), "connection_settings:\n  port: %s\n", wrong[i]);
		snprintf(message, sizeof(message),
			 "db.yaml:2:9: connection_settings.port: expected a whole number from 1 to 65535, found \"%s\"",
			 wrong[i]);
		assert_refused(yaml, message);
	}
	assert_refused("async_pool_settings: {timeout: -5}\n", "db.yaml:1:32: async_pool_settings.timeout: expected a "
							       "whole number from 0 to 2^31-1, in seconds, found "
							       "\"-5\"");
}

static void a_bad_boolean_is_told_with_what_is_allowed(void **state)
{
	(void)state;
	assert_refused("pool_settings:\n  check_on_checkout: maybe\n",
		       "db.yaml:2:22: pool_settings.check_on_checkout: expected true/false, yes/no, on/off, 1/0, found "
		       "\"maybe\"");
	assert_refused(
		"connection_settings:\n  keepalives: 2\n",
		"db.yaml:2:15: connection_settings.keepalives: expected true/false, yes/no, on/off, 1/0, found \"2\"");
}

static void a_bad_sslmode_lists_the_modes(void **state)
{
	(void)state;
	assert_refused("connection_settings:\n  sslmode: verify\n",
		       "db.yaml:2:12: connection_settings.sslmode: expected one of disable, allow, prefer, require, "
		       "verify-ca, "
		       "verify-full, found \"verify\"");
}

static void wrong_pool_sizes_name_both_values(void **state)
{
	(void)state;
	assert_refused("pool_settings:\n  min_size: 30\n  max_size: 20\n",
		       "db.yaml:2:13: pool_settings.min_size: expected at most max_size, found 30 above 20");
	assert_refused("async_pool_settings:\n  max_size: 2\n  min_size: 3\n",
		       "db.yaml:3:13: async_pool_settings.min_size: expected at most max_size, found 3 above 2");
	assert_refused(
		"pool_settings:\n  min_size: 30\n",
		"db.yaml:2:13: pool_settings.min_size: expected at most max_size, found 30 above 20 (the default)");
	assert_refused("pool_settings:\n  max_size: 0\n  min_size: 2\n",
		       "db.yaml:2:13: pool_settings.max_size: expected a whole number from 1 to 10000, found \"0\" "
		       "(min_size is 2)");
	assert_refused("pool_settings: {max_size: 10001}\n", "db.yaml:1:27: pool_settings.max_size: expected a whole "
							     "number from 1 to 10000, found \"10001\" (min_size "
							     "is 5)");
	assert_taken("pool_settings: {max_size: 10000, min_size: 10000}\n", "");
	assert_taken("pool_settings: {min_size: 0, max_size: 1}\n", "");
}

static void a_lower_max_size_alone_is_no_mistake(void **state)
{
	(void)state;
	assert_taken("pool_settings: {max_size: 3}\n", "");
}

static void one_file_describes_one_endpoint(void **state)
{
	static const char *const cases[][2] = {
		{"host: a,b", "9: host"},
		{"host: 'a, '", "9: host"},
		{"hostaddr: 10.0.0.1,10.0.0.2", "13: hostaddr"},
		{"port: 5432,5433", "9: port"},
		{"target_session_attrs: any", "3: target_session_attrs"},
		{"load_balance_hosts: disable", "3: load_balance_hosts"},
	};
	char yaml[200], message[300];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(yaml, sizeof(yaml), "connection_settings:\n  %s\n", cases[i][0]);
		snprintf(message, sizeof(message),
			 "db.yaml:2:%s: expected one endpoint per file; for several hosts, failover or balancing put "
			 "PgBouncer, "
			 "HAProxy or the like in between",
			 cases[i][1]);
		assert_refused(yaml, message);
	}
	assert_taken("connection_settings: {hostaddr: 10.0.0.1, host: '/var/run/x'}", "");
}

static void a_bad_session_setting_name_is_refused_before_connecting(void **state)
{
	(void)state;
	assert_refused("sync_settings:\n  work-mem: 5\n", "db.yaml:2:3: sync_settings: expected the name of a session "
							  "setting (letters, digits, _ and $; parts joined by "
							  "a dot), found \"work-mem\"");
	assert_refused("async_settings: {\"a'; DROP TABLE x; --\": 5}\n",
		       "db.yaml:1:18: async_settings: expected the name of a session setting (letters, digits, _ and "
		       "$; parts joined "
		       "by a dot), found \"a'; DROP TABLE x; --\"");
	assert_value("sync_settings: {myapp.user: x}", "sync_settings", "myapp.user", "x");
}

static void hostile_yaml_is_refused(void **state)
{
	char deep[100] = "pool_settings: ";

	(void)state;
	memset(deep + strlen(deep), '[', 60);
	assert_refused(deep, "db.yaml:1:47: expected nesting of at most 32 levels");
	assert_refused("pool_settings: &a\n  max_size: *a\n",
		       "db.yaml:2:13: expected an alias to something that does not contain it");
	assert_refused_bytes("connection_settings: {host: a\0b}", 32,
			     "db.yaml:1:30: not YAML: control characters are not allowed; expected text in UTF-8");
	assert_refused("connection_settings: {host: \"a\\0b\"}", "db.yaml:1:29: expected a text without a NUL byte");
}

/* ----------------------------------------------------------------------------------------- warnings */

static void unknown_key_warns_with_the_nearest_known_one(void **state)
{
	(void)state;
	assert_taken("connection_settings:\n  hosst: a\n",
		     "db.yaml:2:3: unknown key \"hosst\" in connection_settings is ignored; "
		     "did you mean \"host\"?\n");
	assert_taken("pool_settings:\n  maxsize: 5\n",
		     "db.yaml:2:3: unknown key \"maxsize\" in pool_settings is ignored; did you mean \"max_size\"?\n");
	assert_taken("pol_settings:\n  x: 5\n", "db.yaml:1:1: unknown key \"pol_settings\" at the top level is "
						"ignored; did you mean \"pool_settings\"?\n");
	assert_taken("conection_type: pool\n",
		     "db.yaml:1:1: unknown key \"conection_type\" at the top level is ignored; did you "
		     "mean \"connection_type\"?\n");
	assert_taken("connection_settings: {adress: a}\n",
		     "db.yaml:1:23: unknown key \"adress\" in connection_settings is ignored\n");
	assert_taken("banana: [a, {b: c}]\n", "db.yaml:1:1: unknown key \"banana\" at the top level is ignored\n");
}

static void a_key_in_the_wrong_section_is_told_where_it_belongs(void **state)
{
	(void)state;
	assert_taken("dbname: x\n", "db.yaml:1:1: unknown key \"dbname\" at the top level is ignored; it belongs to "
				    "connection_settings\n");
	assert_taken("connection_settings:\n  max_size: 5\n",
		     "db.yaml:2:3: unknown key \"max_size\" in connection_settings is "
		     "ignored; it belongs to pool_settings\n");
}

static void each_unknown_key_is_one_warning(void **state)
{
	(void)state;
	assert_taken("a: 1\nb: 2\npool_settings: {c: 3}\n",
		     "db.yaml:1:1: unknown key \"a\" at the top level is ignored\n"
		     "db.yaml:2:1: unknown key \"b\" at the top level is ignored\n"
		     "db.yaml:3:17: unknown key \"c\" in pool_settings is ignored\n");
	assert_int_equal(captured.count, 3);
	assert_int_equal(captured.level, PGM_LOG_WARNING);
}

static void a_keyword_that_libpq_knows_is_passed_on(void **state)
{
	(void)state;
	assert_value("connection_settings: {options: '-c x=y'}", "connection_settings", "options", "-c x=y");
	assert_value("connection_settings: {gssencmode: disable}", "connection_settings", "gssencmode", "disable");
	assert_value("connection_settings: {service: a}", "connection_settings", "service", "a");
	assert_taken("pool_settings: {gssencmode: disable}",
		     "db.yaml:1:17: unknown key \"gssencmode\" in pool_settings is ignored\n");
}

static void a_keyword_of_a_later_libpq_is_unknown_to_this_one(void **state)
{
	(void)state;
	assert_taken("connection_settings:\n  scram_client_key: " PASSWORD "\n",
		     "db.yaml:2:3: unknown key \"scram_client_key\" in connection_settings is ignored\n");
}

static void the_old_top_level_key_is_taken_with_one_warning(void **state)
{
	pgm_config *config = parse("postgresql:\n  connection_type: pool\n  connection_settings:\n    host: h\n"
				   "  pool_settings:\n    max_size: 9\n");

	(void)state;
	assert_string_equal(captured.all,
			    "db.yaml:1:1: the top-level key \"postgresql\" is of older programs; what is under it "
			    "belongs at the top level\n");
	assert_string_equal(pgm_config_get(config, NULL, "connection_type"), "pool");
	assert_string_equal(pgm_config_get(config, "connection_settings", "host"), "h");
	assert_string_equal(pgm_config_get(config, "pool_settings", "max_size"), "9");
	pgm_config_free(config);
}

/* ------------------------------------------------------------------------------------------ secrets */

static void no_message_holds_a_password(void **state)
{
	static const char *const cases[] = {
		"connection_settings:\n  password: [hunter2]\n",
		"connection_settings:\n  password: {hunter2: x}\n",
		"connection_settings:\n  password: {hunter2: x, hunter2: y}\n",
		"connection_settings:\n  password: hunter2\n  password: hunter2\n",
		"connection_settings: {password: *hunter2}\n",
		"connection_settings: {password: !hunter2 x}\n",
		"connection_settings: {password: a,hunter2}\n",
		"connection_settings: {password: a,hunter2,hunter2: b}\n",
		"connection_settings: {port: x, password: hunter2}\n",
		"connection_settings:\n  password: hunter2: x\n",
		"connection_settings: {password: 'hunter2}\n",
		"connection_settings: {password: \"hunter2\\0\"}\n",
		"connection_settings: {password: \"hunter2\\q\"}\n",
		"connection_settings:\n  password: hunter2\n  port: 0\n",
	};
	pgm_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pgm_config_free(parse_bytes(cases[i], strlen(cases[i]), &err));
		assert_null(strstr(err.message, PASSWORD));
		assert_null(strstr(captured.all, PASSWORD));
	}
}

static void what_looks_like_a_key_after_a_password_is_not_named(void **state)
{
	(void)state;
	assert_taken("connection_settings: {password: a,hunter2}\n",
		     "db.yaml:1:35: unknown key (after a password) in connection_settings is ignored\n");
	assert_taken("connection_settings: {hosst: a, password: b}\n",
		     "db.yaml:1:23: unknown key \"hosst\" in connection_settings is ignored; did you mean \"host\"?\n");
}

/* A missing blank makes the password a part of the key; a connection string has it inside. */
static void what_looks_like_a_password_is_not_repeated(void **state)
{
	static const char *const texts[] = {
		"connection_settings: {password:" PASSWORD ", host: h}",
		"password:" PASSWORD ": x",
		"connection_settings: {passwd " PASSWORD ": 3}",
		"connection_settings: {password" PASSWORD ": 3}",
	};
	static const char *const refused[] = {"host", "user", "service", "hostaddr", "port", "sslmode"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		pgm_config_free(parse(texts[i]));
		assert_int_equal(captured.count, 1);
		assert_null(strstr(captured.all, PASSWORD));
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		char yaml[200];
		pgm_error err;

		snprintf(yaml, sizeof(yaml), "connection_settings: {%s: 'postgresql://u:" PASSWORD "@h/d'}",
			 refused[i]);
		assert_null(parse_bytes(yaml, strlen(yaml), &err));
		assert_null(strstr(err.message, PASSWORD));
		assert_non_null(strstr(err.message, "found a connection string"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_looks_like_a_password_is_not_repeated),
		cmocka_unit_test(one_key_is_a_valid_file),
		cmocka_unit_test(what_is_not_given_is_the_default_of_the_table),
		cmocka_unit_test(quotes_make_no_difference_to_a_number),
		cmocka_unit_test(values_are_kept_as_text),
		cmocka_unit_test(null_or_empty_is_as_if_the_key_were_absent),
		cmocka_unit_test(an_empty_password_stays_an_empty_password),
		cmocka_unit_test(anchors_and_merge_keys_work),
		cmocka_unit_test(an_empty_text_is_all_defaults_with_one_warning),
		cmocka_unit_test(no_text_and_no_name_are_survived),
		cmocka_unit_test(what_is_not_yaml_is_refused_with_its_place),
		cmocka_unit_test(the_top_and_the_sections_are_mappings),
		cmocka_unit_test(a_value_is_one_value),
		cmocka_unit_test(the_same_key_twice_names_both_lines),
		cmocka_unit_test(a_bad_connection_type_lists_the_four),
		cmocka_unit_test(a_bad_number_is_told_with_what_is_allowed),
		cmocka_unit_test(a_bad_boolean_is_told_with_what_is_allowed),
		cmocka_unit_test(a_bad_sslmode_lists_the_modes),
		cmocka_unit_test(wrong_pool_sizes_name_both_values),
		cmocka_unit_test(a_lower_max_size_alone_is_no_mistake),
		cmocka_unit_test(one_file_describes_one_endpoint),
		cmocka_unit_test(a_bad_session_setting_name_is_refused_before_connecting),
		cmocka_unit_test(hostile_yaml_is_refused),
		cmocka_unit_test(unknown_key_warns_with_the_nearest_known_one),
		cmocka_unit_test(a_key_in_the_wrong_section_is_told_where_it_belongs),
		cmocka_unit_test(each_unknown_key_is_one_warning),
		cmocka_unit_test(a_keyword_that_libpq_knows_is_passed_on),
		cmocka_unit_test(a_keyword_of_a_later_libpq_is_unknown_to_this_one),
		cmocka_unit_test(the_old_top_level_key_is_taken_with_one_warning),
		cmocka_unit_test(no_message_holds_a_password),
		cmocka_unit_test(what_looks_like_a_key_after_a_password_is_not_named),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
