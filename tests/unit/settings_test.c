/* The typed settings of one connection type, and the key by which handles are cached. */
#include "unit/config_cases.h"

static pgm__settings *make(const char *yaml, pgm_type type)
{
	pgm_error err;
	pgm_config *config = parse(yaml);
	pgm__settings *settings = pgm__settings_make(config, type, &err);

	if (!settings)
		print_error("%s\n", err.message);
	assert_non_null(settings);
	assert_int_equal(err.code, PGM_OK);
	pgm_config_free(config); /* the settings stand alone */
	return settings;
}

static void assert_keyword(const pgm__settings *settings, const char *keyword, const char *value)
{
	const char *found = NULL;

	for (size_t i = 0; i < settings->nkeywords; i++)
		if (strcmp(settings->keywords[i], keyword) == 0)
			found = settings->values[i];
	if (!value) {
		assert_null(found);
	} else {
		assert_non_null(found);
		assert_string_equal(found, value);
	}
}

static void assert_same_key(const char *yaml, const char *other, pgm_type type, bool same)
{
	pgm__settings *a = make(yaml, type), *b = make(other, type);

	if (same != (a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0))
		fail_msg("%s: %s %s", same ? "expected the same key" : "expected different keys", yaml, other);
	assert_int_equal(strlen(a->key), a->key_len);
	pgm__settings_free(a);
	pgm__settings_free(b);
}

/* ------------------------------------------------------------------------------------ typed values */

static const char *const pool_yaml =
	"connection_type: pool\n"
	"pool_settings: {min_size: 2, max_size: 010, timeout: 3, max_idle: 4, max_lifetime: 5,\n"
	"  check_on_checkout: YES, max_waiting: 6, reconnect_timeout: 7, num_workers: 8}\n";

static void a_pool_has_its_section_typed(void **state)
{
	pgm__settings *s = make(pool_yaml, PGM_FROM_CONFIG);

	(void)state;
	assert_int_equal(s->type, PGM_POOL);
	assert_string_equal(s->origin, "db.yaml");
	assert_int_equal(s->min_size, 2);
	assert_int_equal(s->max_size, 10);
	assert_true(s->timeout == 3 * PGM__SECOND);
	assert_true(s->max_idle == 4 * PGM__SECOND);
	assert_true(s->max_lifetime == 5 * PGM__SECOND);
	assert_true(s->check_on_checkout);
	assert_int_equal(s->max_waiting, 6);
	assert_true(s->reconnect_timeout == 7 * PGM__SECOND);
	assert_int_equal(s->num_workers, 8);
	pgm__settings_free(s);
}

static void nothing_given_means_the_defaults(void **state)
{
	pgm__settings *s = make("{}", PGM_ASYNC_POOL);

	(void)state;
	assert_int_equal(s->min_size, 5);
	assert_int_equal(s->max_size, 20);
	assert_true(s->timeout == 30 * PGM__SECOND);
	assert_true(s->max_idle == 300 * PGM__SECOND);
	assert_true(s->max_lifetime == 3600 * PGM__SECOND);
	assert_false(s->check_on_checkout);
	assert_int_equal(s->max_waiting, 0);
	assert_true(s->reconnect_timeout == 300 * PGM__SECOND);
	assert_int_equal(s->num_workers, 3);
	assert_false(s->autocommit);
	assert_int_equal(s->nkeywords, 0);
	assert_null(s->keywords[0]);
	assert_null(s->values[0]);
	assert_int_equal(s->ngucs, 0);
	pgm__settings_free(s);
	s = make("{}", PGM_FROM_CONFIG);
	assert_int_equal(s->type, PGM_NORMAL);
	pgm__settings_free(s);
}

static void one_connection_takes_only_what_makes_sense_for_it(void **state)
{
	static const pgm_type types[] = {PGM_NORMAL, PGM_ASYNC};
	static const char *const yaml =
		"pool_settings: &p {min_size: 2, max_size: 10, timeout: 3, max_idle: 4, max_lifetime: 5,\n"
		"  check_on_checkout: on, max_waiting: 6, reconnect_timeout: 7, num_workers: 8}\n"
		"async_pool_settings: *p\n";

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		pgm__settings *s = make(yaml, types[i]);

		assert_int_equal(s->min_size, 1);
		assert_int_equal(s->max_size, 1);
		assert_int_equal(s->num_workers, 1);
		assert_true(s->max_idle == 0 && s->max_lifetime == 0);
		assert_true(s->timeout == 3 * PGM__SECOND);
		assert_true(s->check_on_checkout);
		assert_int_equal(s->max_waiting, 6);
		assert_true(s->reconnect_timeout == 7 * PGM__SECOND);
		pgm__settings_free(s);
	}
}

static void each_type_reads_its_own_sections(void **state)
{
	const char *yaml = "pool_settings: {max_size: 7}\nasync_pool_settings: {max_size: 8}\n"
			   "sync_settings: {a.a: s}\nasync_settings: {a.a: as}\n";
	static const struct {
		pgm_type type;
		int max_size;
		const char *guc;
	} cases[] = {{PGM_NORMAL, 1, "s"}, {PGM_POOL, 7, "s"}, {PGM_ASYNC, 1, "as"}, {PGM_ASYNC_POOL, 8, "as"}};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		pgm__settings *s = make(yaml, cases[i].type);

		assert_int_equal(s->max_size, cases[i].max_size);
		assert_int_equal(s->ngucs, 1);
		assert_string_equal(s->gucs[0].value, cases[i].guc);
		pgm__settings_free(s);
	}
}

static void keywords_are_what_libpq_wants(void **state)
{
	pgm__settings *s =
		make("connection_settings: {port: 05432, keepalives: off, sslsni: Yes, connect_timeout: 10, host: h,\n"
		     "  autocommit: true, user: '', password: '', options: '-c a=b', keepalives_idle: 007}\n",
		     PGM_NORMAL);

	(void)state;
	assert_keyword(s, "host", "h");
	assert_keyword(s, "port", "5432");
	assert_keyword(s, "keepalives", "0");
	assert_keyword(s, "sslsni", "1");
	assert_keyword(s, "keepalives_idle", "7");
	assert_keyword(s, "connect_timeout", "10");
	assert_keyword(s, "options", "-c a=b");
	assert_keyword(s, "password", "");
	assert_keyword(s, "user", NULL);
	assert_keyword(s, "autocommit", NULL);
	assert_true(s->autocommit);
	assert_int_equal(s->nkeywords, 8);
	assert_null(s->keywords[8]);
	assert_null(s->values[8]);
	pgm__settings_free(s);
}

static void session_settings_know_where_they_were_written(void **state)
{
	pgm_error err;
	pgm_config *config = parse("sync_settings:\n  work_mem: 1MB\n  DateStyle: ISO\n");
	pgm__settings *s;

	(void)state;
	assert_true(pgm_config_set(config, "sync_settings", "x.y", "z", &err));
	s = pgm__settings_make(config, PGM_NORMAL, &err);
	pgm_config_free(config);
	assert_int_equal(s->ngucs, 3);
	assert_string_equal(s->gucs[0].name, "DateStyle");
	assert_string_equal(s->gucs[0].where, "db.yaml:3:3");
	assert_string_equal(s->gucs[1].name, "work_mem");
	assert_string_equal(s->gucs[1].value, "1MB");
	assert_string_equal(s->gucs[2].name, "x.y");
	assert_string_equal(s->gucs[2].where, "session setting");
	pgm__settings_free(s);
}

/* ------------------------------------------------------------------------------------ pool sizes */

static void a_given_max_size_lowers_the_default_min_size(void **state)
{
	pgm__settings *s = make("pool_settings: {max_size: 3}", PGM_POOL);

	(void)state;
	assert_int_equal(s->min_size, 3);
	assert_int_equal(s->max_size, 3);
	pgm__settings_free(s);
}

static void sizes_set_in_code_are_checked_together_when_opening(void **state)
{
	pgm_error err;
	pgm_config *config = pgm__config_new(NULL);
	pgm__settings *s;

	(void)state;
	assert_true(pgm_config_set(config, "pool_settings", "min_size", "50", &err));
	assert_null(pgm__settings_make(config, PGM_POOL, &err));
	assert_int_equal(err.code, PGM_ERR_CONFIG);
	assert_string_equal(err.message,
			    "pool_settings.min_size: expected at most max_size, found 50 above 20 (the default)");
	s = pgm__settings_make(config, PGM_NORMAL, &err); /* has no use for them */
	assert_non_null(s);
	pgm__settings_free(s);
	s = pgm__settings_make(config, PGM_ASYNC_POOL, &err);
	assert_non_null(s);
	pgm__settings_free(s);
	pgm_config_free(config);
}

static void a_type_that_is_none_is_misuse(void **state)
{
	pgm_error err;
	pgm_config *config = pgm__config_new(NULL);

	(void)state;
	assert_null(pgm__settings_make(config, (pgm_type)99, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_null(pgm__settings_make(NULL, PGM_POOL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	pgm_config_free(config);
	pgm__settings_free(NULL);
}

/* --------------------------------------------------------------------------------------- the key */

static void form_does_not_change_the_key(void **state)
{
	static const char *const base = "connection_settings:\n  host: h\n  port: 5432\n  keepalives: 1\n"
					"sync_settings:\n  a.a: x\n  a.b: y\n";
	static const char *const same[] = {
		"# comment\nsync_settings: {a.b: 'y', a.a: \"x\"}\nconnection_settings: {keepalives: yes, port: "
		"'05432', host: h}\n",
		"connection_settings: {host: h, port: 5432, keepalives: 1, user: '', sslmode: null}\n"
		"sync_settings: {a.a: x, a.b: y, c.c: ''}\n",
		"x: &c {host: h, port: 5432}\nconnection_settings: {<<: *c, keepalives: on}\nsync_settings: {a.a: x, "
		"a.b: y}\n",
		/* sections that a normal handle does not use, and its own defaults written out */
		"connection_settings: {host: h, port: 5432, keepalives: 1, autocommit: no}\nsync_settings: {a.a: x, "
		"a.b: y}\n"
		"async_pool_settings: {timeout: 1}\nasync_settings: {a.a: z}\npool_settings: {max_size: 9, timeout: "
		"030}\n",
		"connection_type: async\nconnection_settings: {host: h, port: 5432, keepalives: 1}\nsync_settings: "
		"{a.a: x, a.b: y}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_same_key(base, same[i], PGM_NORMAL, true);
}

static void every_difference_changes_the_key(void **state)
{
	static const char *const base = "{}";
	static const char *const other[] = {
		"connection_settings: {host: h}",
		"connection_settings: {password: ''}",
		"connection_settings: {password: p}",
		"connection_settings: {autocommit: true}",
		"connection_settings: {connect_timeout: 1}",
		"connection_settings: {options: x}",
		"sync_settings: {a.a: x}",
		"pool_settings: {min_size: 4}",
		"pool_settings: {max_size: 21}",
		"pool_settings: {timeout: 31}",
		"pool_settings: {max_idle: 1}",
		"pool_settings: {max_lifetime: 1}",
		"pool_settings: {check_on_checkout: true}",
		"pool_settings: {max_waiting: 1}",
		"pool_settings: {reconnect_timeout: 1}",
		"pool_settings: {num_workers: 1}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		assert_same_key(base, other[i], PGM_POOL, false);
		for (size_t j = 0; j < i; j++)
			assert_same_key(other[i], other[j], PGM_POOL, false);
	}
}

static void no_value_can_pass_for_another_field(void **state)
{
	(void)state;
	assert_same_key("connection_settings: {user: 'a,4:port,1:5'}", "connection_settings: {user: a, port: 5}",
			PGM_NORMAL, false);
	assert_same_key("sync_settings: {a.a: 'x,3:a.b,1:y'}", "sync_settings: {a.a: x, a.b: y}", PGM_NORMAL, false);
	assert_same_key("connection_settings: {host: ab, user: c}", "connection_settings: {host: a, user: bc}",
			PGM_NORMAL, false);
	assert_same_key("connection_settings: {options: x}", "sync_settings: {options: x}", PGM_NORMAL, false);
}

static void types_have_different_keys(void **state)
{
	pgm__settings *a = make("{}", PGM_NORMAL), *b = make("{}", PGM_ASYNC);

	(void)state;
	assert_string_not_equal(a->key, b->key);
	pgm__settings_free(a);
	pgm__settings_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_has_its_section_typed),
		cmocka_unit_test(nothing_given_means_the_defaults),
		cmocka_unit_test(one_connection_takes_only_what_makes_sense_for_it),
		cmocka_unit_test(each_type_reads_its_own_sections),
		cmocka_unit_test(keywords_are_what_libpq_wants),
		cmocka_unit_test(session_settings_know_where_they_were_written),
		cmocka_unit_test(a_given_max_size_lowers_the_default_min_size),
		cmocka_unit_test(sizes_set_in_code_are_checked_together_when_opening),
		cmocka_unit_test(a_type_that_is_none_is_misuse),
		cmocka_unit_test(form_does_not_change_the_key),
		cmocka_unit_test(every_difference_changes_the_key),
		cmocka_unit_test(no_value_can_pass_for_another_field),
		cmocka_unit_test(types_have_different_keys),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
