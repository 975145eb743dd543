/* The settings file beside a CSV file. */
#include "tools/csv/settings.h"
#include "unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pgm__csv_settings parse(const char *text)
{
	pgm__csv_settings settings;
	pgm_error err;

	if (!pgm__csv_settings_parse(&settings, text, strlen(text), "d.yaml", &err))
		fail_msg("%s", err.message);
	return settings;
}

static void assert_refused(const char *text, const char *place, const char *why)
{
	pgm__csv_settings settings;
	pgm_error err;

	assert_false(pgm__csv_settings_parse(&settings, text, strlen(text), "d.yaml", &err));
	assert_int_equal(err.code, PGM_ERR_CONFIG);
	if (strncmp(err.message, place, strlen(place)) != 0 || !strstr(err.message, why))
		fail_msg("%s", err.message);
}

static void assert_same(const pgm__csv_settings *a, const pgm__csv_settings *b)
{
	assert_int_equal(a->has_headers, b->has_headers);
	assert_int_equal(a->auto_create_table, b->auto_create_table);
	assert_int_equal(a->enforce_lowercase, b->enforce_lowercase);
	assert_int_equal(a->delimiter, b->delimiter);
	assert_int_equal(a->quote, b->quote);
	assert_string_equal(a->encoding, b->encoding);
	assert_string_equal(a->null_string, b->null_string);
}

static void what_is_not_said_has_its_default(void **state)
{
	pgm__csv_settings s = parse("");

	(void)state;
	assert_true(s.has_headers && s.auto_create_table && s.enforce_lowercase);
	assert_int_equal(s.delimiter, '\0');
	assert_int_equal(s.quote, '"');
	assert_string_equal(s.encoding, "");
	assert_string_equal(s.null_string, "");
	s = parse("delimiter:\nhas_headers:\nquotechar:\n");
	assert_int_equal(s.delimiter, '\0');
	assert_true(s.has_headers);
	assert_int_equal(s.quote, '"');
}

static void each_key_is_understood(void **state)
{
	pgm__csv_settings s = parse("has_headers: no\nauto_create_table: False\nenforce_lowercase: off\n"
				    "delimiter: ';'\nquotechar: \"'\"\nencoding: latin1\nnull_string: NULL\n");

	(void)state;
	assert_false(s.has_headers || s.auto_create_table || s.enforce_lowercase);
	assert_int_equal(s.delimiter, ';');
	assert_int_equal(s.quote, '\'');
	assert_string_equal(s.encoding, "latin1");
	assert_string_equal(s.null_string, "NULL");
}

static void csv_26_a_tab_may_be_written_in_every_kind_of_quotes(void **state)
{
	(void)state;
	assert_int_equal(parse("delimiter: '\\t'").delimiter, '\t');
	assert_int_equal(parse("delimiter: \"\\t\"").delimiter, '\t');
	assert_int_equal(parse("delimiter: \\t").delimiter, '\t');
	assert_int_equal(parse("delimiter: '|'").delimiter, '|');
	assert_int_equal(parse("delimiter: ' '").delimiter, ' ');
}

static void csv_27_a_byte_that_cannot_be_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_refused("\ndelimiter: ';;'", "d.yaml:2:12: ", "delimiter: expected one byte");
	assert_refused("delimiter: 'ä'", "d.yaml:1:12: ", "one byte of ASCII");
	assert_refused("delimiter: \"\\n\"", "d.yaml:1:12: ", "not a line end");
	assert_refused("quotechar: ''", "d.yaml:1:12: ", "quotechar: expected one byte");
	assert_refused("quotechar: [a]", "d.yaml:1:12: ", "quotechar: expected one byte");
	assert_refused("delimiter: \"'\"\nquotechar: \"'\"", "d.yaml: ", "are both \"'\"");
	assert_refused("delimiter: '\"'", "d.yaml: ", "are both '\"'");
}

static void other_values_that_cannot_be_are_refused_with_their_place(void **state)
{
	char text[128];

	(void)state;
	assert_refused("has_headers: maybe", "d.yaml:1:14: ", "has_headers: expected true or false");
	assert_refused("delimiter: ';'\nnull_string: 'a;'", "d.yaml: ", "null_string: expected a text without");
	assert_refused("null_string: '\"'", "d.yaml: ", "null_string: expected a text without");
	snprintf(text, sizeof(text), "null_string: %070d", 1);
	assert_refused(text, "d.yaml:1:14: ", "at most 63 bytes");
	assert_refused("- a", "d.yaml:1:1: ", "key: value");
	assert_refused("a: b: c", "d.yaml:1:", "not YAML");
}

static void an_unknown_key_is_refused_with_the_list_of_all(void **state)
{
	(void)state;
	assert_refused("has_headers: true\ndelimeter: ';'", "d.yaml:2:1: ", "expected one of has_headers, auto_create");
	assert_refused("delimeter: ';'", "d.yaml:1:1: ", "quotechar, encoding, null_string");
}

static void a_connection_s_file_is_recognised_as_such(void **state)
{
	(void)state;
	assert_refused("connection_type: pool\n", "d.yaml:1:1: ", "--settings");
	assert_refused("connection_settings:\n  host: h\n", "d.yaml:1:1: ", "the configuration of a connection");
}

static void what_is_written_is_read_back_and_explained(void **state)
{
	const pgm__csv_settings cases[] = {
		{true, true, true, ',', '"', "UTF-8", ""},
		{false, false, false, '\t', '"', "WINDOWS-1252", "it's null"},
		{true, false, true, '\\', '\'', "UTF-16LE", "- N"},
		{true, true, true, '\x01', '\x7f', "SJIS", "~"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = pgm__csv_settings_text(&cases[i]);
		pgm__csv_settings back = parse(text);

		assert_same(&cases[i], &back);
		assert_non_null(strstr(text, "# One byte; '\\t' for a tab."));
		free(text);
	}
}

static void it_lies_beside_the_file_with_another_ending(void **state)
{
	static const char *const cases[][2] = {
		{"data.csv", "data.yaml"},   {"/a.b/data", "/a.b/data.yaml"}, {"a/data.tar.csv", "a/data.tar.yaml"},
		{".hidden", ".hidden.yaml"}, {"data.yaml", "data.yaml.yaml"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *path = pgm__csv_settings_path(cases[i][0]);

		assert_string_equal(path, cases[i][1]);
		free(path);
	}
}

static void a_missing_file_is_no_error_and_another_kind_of_file_is_not_replaced(void **state)
{
	char path[] = "/tmp/pgm-settings.XXXXXX";
	pgm__csv_settings s, back;
	pgm_error err;
	bool exists = true;
	FILE *file;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	close(fd);
	assert_true(pgm__csv_settings_read(&s, path, &exists, &err));
	assert_false(exists);
	s.delimiter = ';';
	assert_true(pgm__csv_settings_write(&s, path, &err));
	assert_true(pgm__csv_settings_read(&back, path, &exists, &err));
	assert_true(exists);
	assert_same(&s, &back);
	s.delimiter = '|';
	assert_true(pgm__csv_settings_write(&s, path, &err));
	file = fopen(path, "we");
	assert_non_null(file);
	fputs("connection_type: normal\n", file);
	fclose(file);
	assert_false(pgm__csv_settings_write(&s, path, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_non_null(strstr(err.message, "is not replaced"));
	unlink(path);
	assert_false(pgm__csv_settings_write(&s, "/no/such/folder/d.yaml", &err));
	assert_int_equal(err.code, PGM_ERR_IO);
	assert_non_null(strstr(err.message, "/no/such/folder/d.yaml"));
	assert_false(pgm__csv_settings_read(&s, "/tmp", &exists, &err));
	assert_int_equal(err.code, PGM_ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_said_has_its_default),
		cmocka_unit_test(each_key_is_understood),
		cmocka_unit_test(csv_26_a_tab_may_be_written_in_every_kind_of_quotes),
		cmocka_unit_test(csv_27_a_byte_that_cannot_be_is_refused_with_its_place),
		cmocka_unit_test(other_values_that_cannot_be_are_refused_with_their_place),
		cmocka_unit_test(an_unknown_key_is_refused_with_the_list_of_all),
		cmocka_unit_test(a_connection_s_file_is_recognised_as_such),
		cmocka_unit_test(what_is_written_is_read_back_and_explained),
		cmocka_unit_test(it_lies_beside_the_file_with_another_ending),
		cmocka_unit_test(a_missing_file_is_no_error_and_another_kind_of_file_is_not_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
