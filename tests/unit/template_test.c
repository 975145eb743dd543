/* The file that `pgmonkey pgconfig create` writes. */
#include "config/setting.h"
#include "unit/config_cases.h"

static char *make_template(const char *schema)
{
	pgm_error err;
	char *text = pgm_config_template(schema, &err);

	assert_non_null(text);
	assert_int_equal(err.code, PGM_OK);
	return text;
}

static void the_template_is_read_back_without_a_warning(void **state)
{
	char *text = make_template("/usr/share/pgmonkey/pgmonkey.schema.json");

	(void)state;
	assert_taken(text, "");
	free(text);
}

static void the_template_says_the_defaults_and_the_samples(void **state)
{
	char *text = make_template(NULL);
	pgm_config *config = parse(text);

	(void)state;
	for (int i = 0; i < PGM__NSECTIONS; i++) {
		for (const pgm__setting *row = pgm__sections[i].rows; row->key; row++) {
			const char *value = pgm_config_get(config, pgm__sections[i].name, row->key);
			const char *shown = row->default_value ? row->default_value : row->sample;

			if (!shown || !shown[0])
				assert_null(value);
			else
				assert_string_equal(value, shown);
		}
	}
	pgm_config_free(config);
	free(text);
}

static void the_templates_pools_are_the_default_pools(void **state)
{
	static const pgm_type types[] = {PGM_POOL, PGM_ASYNC_POOL};
	char *text = make_template(NULL);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		pgm_config *config = parse(text), *empty = parse("{}");
		pgm__settings *s = pgm__settings_make(config, types[i], NULL),
			      *d = pgm__settings_make(empty, types[i], NULL);

		/* The key ends in the typed fields of the pool section. */
		assert_string_equal(strstr(s->key, "min_size="), strstr(d->key, "min_size="));
		pgm__settings_free(s);
		pgm__settings_free(d);
		pgm_config_free(config);
		pgm_config_free(empty);
	}
	free(text);
}

static void every_listed_key_stands_in_it_with_an_explanation(void **state)
{
	char *text = make_template(NULL), line[300];
	size_t count = 0;

	(void)state;
	for (int i = 0; i < PGM__NSECTIONS; i++) {
		for (const pgm__setting *row = pgm__sections[i].rows; row->key; row++) {
			const char *found, *comment, *end;

			if (row->flags & (PGM__UNLISTED | PGM__REFUSED))
				continue;
			count++;
			snprintf(line, sizeof(line), "%s%s: ", i == PGM__TOP ? "\n" : "\n  ", row->key);
			found = strstr(text, line);
			assert_non_null(found);
			comment = strstr(found, row->help);
			end = strchr(found + 1, '\n');
			assert_true(comment && end && comment < end);
		}
	}
	assert_int_equal(count, 1 + 16 + 9 + 9 + 1 + 3); /* those of config.md */
	for (const char *at = text, *end; (end = strchr(at, '\n')); at = end + 1)
		assert_true(end - at <= 120 && (end == at || end[-1] != ' '));
	free(text);
}

static void the_first_line_names_the_schema(void **state)
{
	static const char *const not_paths[] = {NULL, "", "/a b/c.json", "/a\nhost: x"};
	char *text = make_template("/share/x.json");

	(void)state;
	assert_int_equal(strncmp(text, "# yaml-language-server: $schema=/share/x.json\n", 46), 0);
	free(text);
	for (size_t i = 0; i < sizeof(not_paths) / sizeof(not_paths[0]); i++) {
		text = make_template(not_paths[i]);
		assert_null(strstr(text, "$schema"));
		assert_null(strstr(text, "host: x"));
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_template_is_read_back_without_a_warning),
		cmocka_unit_test(the_template_says_the_defaults_and_the_samples),
		cmocka_unit_test(the_templates_pools_are_the_default_pools),
		cmocka_unit_test(every_listed_key_stands_in_it_with_an_explanation),
		cmocka_unit_test(the_first_line_names_the_schema),
	};

	return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
