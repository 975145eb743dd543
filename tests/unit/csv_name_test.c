/* Tables' names as users write them. */
#include "tools/csv/name.h"
#include "unit/cmocka_all.h"

#include <string.h>

static void assert_name(const char *text, const char *schema, const char *table)
{
	pgm__csv_name name;
	pgm_error err;

	if (!pgm__csv_name_parse(&name, text, &err))
		fail_msg("%s: %s", text, err.message);
	assert_int_equal(err.code, PGM_OK);
	assert_string_equal(name.schema, schema);
	assert_string_equal(name.table, table);
}

static void assert_refused(const char *text, const char *why)
{
	pgm__csv_name name;
	pgm_error err;

	assert_false(pgm__csv_name_parse(&name, text, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	if (!strstr(err.message, why) || !strstr(err.message, "\"My.Schema\".\"My Table\""))
		fail_msg("%s: %s", text, err.message);
}

static void a_name_is_a_table_with_or_without_a_schema(void **state)
{
	(void)state;
	assert_name("t", "", "t");
	assert_name("s.t", "s", "t");
	assert_name("my-schema.my table", "my-schema", "my table");
}

static void without_quotes_capitals_do_not_count(void **state)
{
	pgm__csv_name name;

	(void)state;
	assert_name("MyTab", "", "mytab");
	assert_name("S.T", "s", "t");
	assert_name("GRÖSSE", "", "grÖsse"); /* as the server's parser, letters outside ASCII stay */
	assert_true(pgm__csv_name_parse(&name, "S.MyTab", NULL));
	assert_string_equal(name.written, "MyTab");
}

static void a_part_in_quotes_stays_as_it_is(void **state)
{
	(void)state;
	assert_name("\"MyTab\"", "", "MyTab");
	assert_name("\"my.sch\".\"t b\"", "my.sch", "t b");
	assert_name("\"S\".T", "S", "t");
	assert_name("S.\"T\"", "s", "T");
	assert_name("\"a\"\"b\"", "", "a\"b");
	assert_name("\"\"\"\"", "", "\"");
	assert_name("\"a.\"\".b\".c", "a.\".b", "c");
}

static void what_is_no_name_is_refused_and_told_how_to_write_it(void **state)
{
	(void)state;
	assert_refused("", "a name is empty");
	assert_refused("s.", "a name is empty");
	assert_refused(".t", "a name is empty");
	assert_refused("\"\"", "a name is empty");
	assert_refused("my.tab.x", "it has two dots");
	assert_refused("\"t", "a quote is not closed");
	assert_refused("\"", "a quote is not closed");
	assert_refused("\"t\"\"", "a quote is not closed");
	assert_refused("\"s\"t", "something follows a closing quote");
	assert_refused("s\"t\"", "a quote in the middle of a name");
}

static void a_name_that_the_server_would_cut_is_refused(void **state)
{
	char name[PGM__CSV_NAME_MAX + 2];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[PGM__CSV_NAME_MAX] = '\0';
	assert_name(name, "", name);
	name[PGM__CSV_NAME_MAX] = 'a';
	name[PGM__CSV_NAME_MAX + 1] = '\0';
	assert_refused(name, "63 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_a_table_with_or_without_a_schema),
		cmocka_unit_test(without_quotes_capitals_do_not_count),
		cmocka_unit_test(a_part_in_quotes_stays_as_it_is),
		cmocka_unit_test(what_is_no_name_is_refused_and_told_how_to_write_it),
		cmocka_unit_test(a_name_that_the_server_would_cut_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
