#include "base/error.h"
#include "base/line.h"
#include "unit/cmocka_all.h"

#include <errno.h>
#include <string.h>

static void failing_fills_the_error_and_returns_false(void **state)
{
	pgm_error err;

	(void)state;
	memset(&err, 'x', sizeof(err));
	assert_false(pgm__fail(&err, PGM_ERR_TIMEOUT, "no connection within %d s", 30));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_string_equal(err.message, "no connection within 30 s");
	assert_string_equal(err.sqlstate, "");
	pgm__error_clear(&err);
	assert_int_equal(err.code, PGM_OK);
	assert_string_equal(err.message, "");
}

static void null_is_allowed_for_every_error(void **state)
{
	pgm_error err;

	(void)state;
	assert_false(pgm__fail(NULL, PGM_ERR_IO, "x"));
	assert_false(pgm__fail_nomem(NULL, "x"));
	pgm__error_clear(NULL);
	pgm__error_sqlstate(NULL, "28P01");
	pgm__error_copy(NULL, NULL);
	pgm__fail(&err, PGM_ERR_IO, "x");
	pgm__error_copy(NULL, &err);
	pgm__error_copy(&err, NULL);
	assert_int_equal(err.code, PGM_OK);
}

static void a_message_may_be_made_from_itself(void **state)
{
	pgm_error err;

	(void)state;
	pgm__fail(&err, PGM_ERR_CONNECT, "refused");
	pgm__fail(&err, err.code, "opening db.yaml: %s", err.message);
	assert_string_equal(err.message, "opening db.yaml: refused");
}

static void an_empty_message_says_what_the_code_means(void **state)
{
	pgm_error err;

	(void)state;
	pgm__fail(&err, PGM_ERR_CLOSED, "%s", "");
	assert_string_equal(err.message, "the handle is closed");
	pgm__fail_nomem(&err, "opening");
	assert_string_equal(err.message, "opening: out of memory");
}

static void too_long_a_message_ends_in_dots(void **state)
{
	char text[5000];
	pgm_error err;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	pgm__fail(&err, PGM_ERR_QUERY, "%s", text);
	assert_int_equal(strlen(err.message), sizeof(err.message) - 1);
	assert_string_equal(err.message + sizeof(err.message) - 5, "a...");
}

static void every_code_has_its_name(void **state)
{
	(void)state;
	for (int code = PGM_OK; code <= PGM_ERR_MISUSE; code++)
		assert_int_equal(strncmp(pgm_code_name((pgm_code)code), "PGM_", 4), 0);
	assert_string_equal(pgm_code_name(PGM_ERR_AUTH), "PGM_ERR_AUTH");
	assert_string_equal(pgm_code_name(PGM_ERR_MISUSE), "PGM_ERR_MISUSE");
	assert_string_equal(pgm_code_name((pgm_code)1000), "unknown code");
	assert_string_equal(pgm_code_name((pgm_code)-1), "unknown code");
}

static void only_a_sqlstate_of_five_is_taken(void **state)
{
	pgm_error err;

	(void)state;
	pgm__fail(&err, PGM_ERR_QUERY, "x");
	pgm__error_sqlstate(&err, "42P01");
	assert_string_equal(err.sqlstate, "42P01");
	pgm__error_sqlstate(&err, "42P012");
	assert_string_equal(err.sqlstate, "");
	pgm__error_sqlstate(&err, "42P01");
	pgm__error_sqlstate(&err, NULL);
	assert_string_equal(err.sqlstate, "");
}

static void the_system_says_what_an_errno_means(void **state)
{
	char buf[128];

	(void)state;
	assert_string_equal(pgm__errno_text(ENOENT, buf, sizeof(buf)), "No such file or directory");
}

static void the_loaded_version_is_the_headers(void **state)
{
	(void)state;
	assert_string_equal(pgm_version(), PGM_VERSION);
}

static void several_lines_become_one(void **state)
{
	static const struct {
		const char *text, *line;
	} cases[] = {
		{"one line", "one line"},
		{"", ""},
		{"\n", ""},
		{"ends in a newline\n", "ends in a newline"},
		{"FATAL:  no\nDETAIL:  why\n", "FATAL:  no; DETAIL:  why"},
		{"could not connect:\n\tIs the server running?\n", "could not connect: Is the server running?"},
		{"dos\r\nlines\r\n\r\n", "dos; lines"},
		{"  \n first\n\n\nsecond", "first; second"},
		{"space before \n end", "space before; end"},
		{"tab\there", "tab here"},
		{"\033[31mred\a", "?[31mred?"},
		{"a\177b", "a?b"},
		{"Gr\303\274\303\237e", "Gr\303\274\303\237e"},
		{"\302\233[red", "?[red"},					      /* CSI in two bytes, */
		{"\233[red", "?[red"},						      /* and in one */
		{"a\342\200\256b\342\200\254c\342\201\246d\342\201\251", "a?b?c?d?"}, /* right to left */
		{"\342\202\254 \360\237\220\222", "\342\202\254 \360\237\220\222"},
		{"latin: gr\374n, cut: \342\202", "latin: gr\374n, cut: \342?"},
	};
	char line[100];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pgm__line_copy(line, sizeof(line), cases[i].text);
		assert_string_equal(line, cases[i].line);
	}
}

static void a_cut_never_splits_a_character(void **state)
{
	char line[10];

	(void)state;
	pgm__line_copy(line, sizeof(line), "123456789");
	assert_string_equal(line, "123456789");
	pgm__line_copy(line, sizeof(line), "1234567890");
	assert_string_equal(line, "123456...");
	pgm__line_copy(line, sizeof(line), "12345\303\274\303\2747890");
	assert_string_equal(line, "12345...");
	pgm__line_copy(line, sizeof(line), "1234\342\202\254\342\202\254\342\202\254");
	assert_string_equal(line, "1234...");
	pgm__line_copy(line, 3, "abcdef");
	assert_string_equal(line, "ab");
	pgm__line_copy(line, 1, "abcdef");
	assert_string_equal(line, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failing_fills_the_error_and_returns_false),
		cmocka_unit_test(null_is_allowed_for_every_error),
		cmocka_unit_test(a_message_may_be_made_from_itself),
		cmocka_unit_test(an_empty_message_says_what_the_code_means),
		cmocka_unit_test(too_long_a_message_ends_in_dots),
		cmocka_unit_test(every_code_has_its_name),
		cmocka_unit_test(only_a_sqlstate_of_five_is_taken),
		cmocka_unit_test(the_system_says_what_an_errno_means),
		cmocka_unit_test(the_loaded_version_is_the_headers),
		cmocka_unit_test(several_lines_become_one),
		cmocka_unit_test(a_cut_never_splits_a_character),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
