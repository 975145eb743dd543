/* Names in pg_hba.conf, quoted and read again. */
#include "cmocka_all.h"

#include <pgmonkey/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V15 150000
#define V16 160000

static void expect_quoted(const char *name, int version, const char *wanted)
{
	pgm_error err;
	char *quoted = pgm_hba_quote(name, version, &err);

	assert_non_null(quoted);
	assert_int_equal(err.code, PGM_OK);
	assert_string_equal(quoted, wanted);
	free(quoted);
}

static void expect_read(const char *token, const char *wanted, bool wanted_quoted)
{
	const char *at = token;
	bool quoted;
	pgm_error err;
	char *name = pgm_hba_unquote(&at, &quoted, &err);

	assert_non_null(name);
	assert_string_equal(name, wanted);
	assert_int_equal(quoted, wanted_quoted);
	assert_string_equal(at, "");
	free(name);
}

static const struct {
	const char *name, *token; /* token: of any version */
} names[] = {
	{"app", "app"},
	{"App_1", "App_1"},
	{"_x.y$z-9", "_x.y$z-9"},
	{"0", "0"},
	{"", "\"\""},
	{" ", "\" \""},
	{"db 3", "\"db 3\""},
	{"a\tb", "\"a\tb\""},
	{"a,b", "\"a,b\""},
	{"a#b", "\"a#b\""},
	{"#", "\"#\""},
	{"a\"b", "\"a\"\"b\""},
	{"\"", "\"\"\"\""},
	{"\"\"", "\"\"\"\"\"\""},
	{"it's", "\"it's\""},
	{"+grp", "\"+grp\""},
	{"@file", "\"@file\""},
	{"a@b", "\"a@b\""},
	{"-x", "\"-x\""},
	{".x", "\".x\""},
	{"$x", "\"$x\""},
	{"a/b", "\"a/b\""},
	{"back\\slash", "\"back\\slash\""},
	{"ends\\", "\"ends\\\""},
	{"all", "\"all\""},
	{"ALL", "ALL"},
	{"sameuser", "\"sameuser\""},
	{"samerole", "\"samerole\""},
	{"samegroup", "\"samegroup\""},
	{"replication", "\"replication\""},
	{"m\303\274ller", "\"m\303\274ller\""},
	{"\346\227\245\346\234\254", "\"\346\227\245\346\234\254\""},
	{"\377latin", "\"\377latin\""},
	{"abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_012345678",
	 "abcdefghijklmnopqrstuvwxyz_abcdefghijklmnopqrstuvwxyz_012345678"},
	{"abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz 012345678",
	 "\"abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz 012345678\""},
};

#define NNAMES (sizeof(names) / sizeof(names[0]))

static void a_name_is_quoted_where_it_must_be(void **state)
{
	(void)state;
	for (size_t i = 0; i < NNAMES; i++) {
		expect_quoted(names[i].name, V15, names[i].token);
		expect_quoted(names[i].name, V16, names[i].token);
		expect_quoted(names[i].name, 0, names[i].token);
	}
}

static void what_was_quoted_is_read_as_it_was(void **state)
{
	(void)state;
	for (size_t i = 0; i < NNAMES; i++)
		expect_read(names[i].token, names[i].name, names[i].token[0] == '"');
}

/* From 16 on also in quotes. */
static void a_leading_slash_becomes_an_anchored_expression(void **state)
{
	(void)state;
	expect_quoted("/x", V15, "\"/x\"");
	expect_quoted("/x", V16, "\"/^/x$\"");
	expect_quoted("/x", 0, "\"/^/x$\"");
	expect_quoted("/a.b*c+d?(e|f)[g]{h}^i$j\\k", V16,
		      "\"/^/a\\.b\\*c\\+d\\?\\(e\\|f\\)\\[g\\]\\{h\\}\\^i\\$j\\\\k$\"");
	expect_quoted("/say \"hi\"", V16, "\"/^/say \"\"hi\"\"$\"");
}

static void a_line_end_in_a_name_is_an_error(void **state)
{
	const char *const bad[] = {"a\nb", "\n", "a\rb", "a\r\n"};
	pgm_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(pgm_hba_quote(bad[i], 0, &err));
		assert_int_equal(err.code, PGM_ERR_MISUSE);
		assert_non_null(strstr(err.message, "line end"));
		assert_null(strchr(err.message, '\n'));
	}
	assert_null(pgm_hba_quote(NULL, 0, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
}

static void a_line_is_read_token_by_token(void **state)
{
	const char *line = "  hostssl\tdb1, \"db 3\",\"a,b\" +grp all#comment, more\n";
	const char *const wanted[] = {"hostssl", "db1", "db 3", "a,b", "+grp", "all"};
	pgm_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char *token = pgm_hba_unquote(&line, NULL, &err);

		assert_non_null(token);
		assert_string_equal(token, wanted[i]);
		free(token);
	}
	assert_null(pgm_hba_unquote(&line, NULL, &err));
	assert_int_equal(err.code, PGM_OK);
}

/* As the server does. */
static void quotes_may_begin_in_the_middle_and_need_not_end(void **state)
{
	(void)state;
	expect_read("a\" b\"c", "a bc", false);
	expect_read("\"open # to the end", "open # to the end", true);
	expect_read("\"a\"\"\"", "a\"", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_quoted_where_it_must_be),
		cmocka_unit_test(what_was_quoted_is_read_as_it_was),
		cmocka_unit_test(a_leading_slash_becomes_an_anchored_expression),
		cmocka_unit_test(a_line_end_in_a_name_is_an_error),
		cmocka_unit_test(a_line_is_read_token_by_token),
		cmocka_unit_test(quotes_may_begin_in_the_middle_and_need_not_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
