/* The settings table is whole, and its values are read as it says. */
#include "config/nearest.h"
#include "config/setting.h"
#include "config/settings.h"
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static const pgm__setting *row_of(pgm__section_id section, const char *key)
{
	const pgm__setting *row = pgm__setting_find(section, key);

	assert_non_null(row);
	return row;
}

/* -------------------------------------------------------------------------------------- the table */

static void check_row(pgm__section_id section, const pgm__setting *row)
{
	bool refused = row->flags & PGM__REFUSED, unlisted = row->flags & PGM__UNLISTED;

	print_message("%s\n", row->key);
	assert_ptr_equal(pgm__setting_find(section, row->key), row); /* no key twice */
	assert_non_null(row->help);
	assert_false(row->default_value && row->sample);
	assert_true(row->default_value || row->sample || refused || unlisted);
	if (row->default_value)
		assert_true(pgm__setting_parse(row, row->default_value, NULL));
	if (row->sample && row->sample[0])
		assert_true(pgm__setting_parse(row, row->sample, NULL));
	if (row->type == PGM__NUMBER)
		assert_true(row->min < row->max && row->max <= INT32_MAX);
	assert_int_equal(row->type == PGM__CHOICE, row->choices != NULL);
	if (row->store != PGM__STORE_NONE)
		assert_true(row->type == PGM__NUMBER || row->type == PGM__BOOLEAN);
	if (row->not_above)
		assert_non_null(row_of(section, row->not_above)->default_value);
}

static void every_row_of_the_table_is_whole(void **state)
{
	(void)state;
	for (int i = 0; i < PGM__NSECTIONS; i++) {
		assert_int_equal(pgm__section_find(pgm__sections[i].name), i);
		assert_non_null(pgm__sections[i].help);
		for (const pgm__setting *row = pgm__sections[i].rows; row->key; row++)
			check_row((pgm__section_id)i, row);
	}
	assert_int_equal(pgm__section_find("pool"), PGM__NSECTIONS);
}

static void no_two_rows_fill_the_same_field(void **state)
{
	char owner[sizeof(pgm__settings)] = {0};
	static const pgm__section_id sections[] = {PGM__CONNECTION, PGM__POOL};

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (const pgm__setting *row = pgm__sections[sections[i]].rows; row->key; row++)
			if (row->store != PGM__STORE_NONE)
				assert_int_equal(owner[row->offset]++, 0);
}

static void both_pool_sections_are_the_same_rows(void **state)
{
	(void)state;
	assert_ptr_equal(pgm__sections[PGM__POOL].rows, pgm__sections[PGM__ASYNC_POOL].rows);
}

static void types_and_their_names_go_both_ways(void **state)
{
	static const char *const names[] = {"normal", "pool", "async", "async_pool"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pgm__type_of(names[i]), PGM_NORMAL + i);
		assert_string_equal(pgm__type_name((pgm_type)(PGM_NORMAL + i)), names[i]);
		assert_int_equal(pgm__type_uses((pgm_type)(PGM_NORMAL + i)).one, i % 2 == 0);
	}
	assert_int_equal(pgm__type_of("pools"), PGM_FROM_CONFIG);
	assert_string_equal(pgm__type_name(PGM_FROM_CONFIG), "from the file");
}

/* ------------------------------------------------------------------------------------------ values */

static void assert_parsed(const pgm__setting *row, const char *text, int64_t expected)
{
	int64_t number = -1;

	if (!pgm__setting_parse(row, text, &number))
		fail_msg("%s: %s", row->key, text);
	assert_int_equal(number, expected);
}

static void assert_no_value(const pgm__setting *row, const char *text)
{
	if (pgm__setting_parse(row, text, NULL))
		fail_msg("%s: %s", row->key, text);
}

static void a_whole_number_is_decimal_digits_in_range(void **state)
{
	static const char *const wrong[] = {"",	       "-1",   "+1",	"1.0", "1e3",
					    "0x1F",    "1:30", " 1",	"1 ",  "1_0",
					    "twelve",  "1,2",  "65536", "0",   "99999999999999999999999999",
					    "\331\241"};
	const pgm__setting *port = row_of(PGM__CONNECTION, "port");

	(void)state;
	assert_parsed(port, "5432", 5432);
	assert_parsed(port, "1", 1);
	assert_parsed(port, "65535", 65535);
	assert_parsed(port, "010", 10);
	assert_parsed(port, "0000000000000000000000000005432", 5432);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_no_value(port, wrong[i]);
	assert_parsed(row_of(PGM__POOL, "timeout"), "2147483647", INT32_MAX);
	assert_no_value(row_of(PGM__POOL, "timeout"), "2147483648");
}

static void a_boolean_is_one_of_eight_words_in_any_case(void **state)
{
	static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes", "on", "ON", "1"};
	static const char *const no[] = {"false", "False", "no", "NO", "off", "oFF", "0"};
	static const char *const wrong[] = {"", "t", "y", "n", "f", "2", "-1", "00", "truee", " true", "enable"};
	const pgm__setting *row = row_of(PGM__POOL, "check_on_checkout");

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_parsed(row, yes[i], 1);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_parsed(row, no[i], 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_no_value(row, wrong[i]);
}

static void a_choice_is_one_of_its_list(void **state)
{
	const pgm__setting *row = row_of(PGM__CONNECTION, "sslmode");

	(void)state;
	assert_parsed(row, "disable", 0);
	assert_parsed(row, "verify-full", 5);
	assert_no_value(row, "verify");
	assert_no_value(row, "Require");
	assert_no_value(row, "");
}

static void assert_described(pgm__section_id section, const char *key, const char *description)
{
	char text[128];

	pgm__setting_describe(row_of(section, key), text, sizeof(text));
	assert_string_equal(text, description);
}

static void what_is_allowed_can_be_said(void **state)
{
	(void)state;
	assert_described(PGM__CONNECTION, "port", "a whole number from 1 to 65535");
	assert_described(PGM__POOL, "timeout", "a whole number from 0 to 2^31-1, in seconds");
	assert_described(PGM__POOL, "max_waiting", "a whole number from 0 to 2^31-1");
	assert_described(PGM__POOL, "check_on_checkout", "true/false, yes/no, on/off, 1/0");
	assert_described(PGM__TOP, "connection_type", "one of normal, pool, async, async_pool");
	assert_described(PGM__CONNECTION, "password", "a text");
}

/* ------------------------------------------------------------------------------------------- names */

static void a_session_settings_name_is_as_the_server_takes_it(void **state)
{
	static const char *const right[] = {"statement_timeout",  "TimeZone", "myapp.user_id", "a.b.c", "_x", "a1$.b$",
					    "\303\251t\303\251.x"};
	static const char *const wrong[] = {"",	   "1a", "a-b", "a b", ".a",   "a.", "a..b",
					    "a.1", "$a", "a;b", "a'b", "a\nb", "a=b"};

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		assert_true(pgm__guc_name_valid(right[i]));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(pgm__guc_name_valid(wrong[i]));
}

static const char *nearest_of(const char *word)
{
	static const char *const candidates[] = {"host",     "port",	"user", "password", "application_name",
						 "max_size", "min_size"};
	pgm__nearest nearest = {.word = word};

	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++)
		pgm__nearest_offer(&nearest, candidates[i]);
	return nearest.best;
}

static void only_a_near_word_is_suggested(void **state)
{
	static const char *const cases[][2] = {
		{"hosst", "host"},
		{"HOST", "host"},
		{"hots", "host"},
		{"passwd", "password"},
		{"max-size", "max_size"},
		{"maxsize", "max_size"},
		{"aplication_nam", "application_name"},
		{"mni_size", "min_size"},
	};
	static const char *const far[] = {"", "x", "banana", "pg", "options", "hostname_of_it"};
	char huge[5000];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(nearest_of(cases[i][0]), cases[i][1]);
	for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
		assert_null(nearest_of(far[i]));
	memset(huge, 'a', sizeof(huge));
	huge[sizeof(huge) - 1] = '\0';
	assert_null(nearest_of(huge));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_of_the_table_is_whole),
		cmocka_unit_test(no_two_rows_fill_the_same_field),
		cmocka_unit_test(both_pool_sections_are_the_same_rows),
		cmocka_unit_test(types_and_their_names_go_both_ways),
		cmocka_unit_test(a_whole_number_is_decimal_digits_in_range),
		cmocka_unit_test(a_boolean_is_one_of_eight_words_in_any_case),
		cmocka_unit_test(a_choice_is_one_of_its_list),
		cmocka_unit_test(what_is_allowed_can_be_said),
		cmocka_unit_test(a_session_settings_name_is_as_the_server_takes_it),
		cmocka_unit_test(only_a_near_word_is_suggested),
	};

	return cmocka_run_group_tests_name("setting", tests, NULL, NULL);
}
