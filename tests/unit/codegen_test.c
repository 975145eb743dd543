/* Generated code: literals, and which programs there are. That they run is for tests/cli/pgconfig_generate.bats. */
#include "pgmonkey/codegen.h"
#include "tools/codegen/literal.h"
#include "unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------------------------------- literals */

static void assert_literals(const char *text, const char *in_c, const char *in_python)
{
	pgm__strbuf c = {0}, python = {0};

	pgm__literal_c(&c, text);
	pgm__literal_python(&python, text);
	assert_string_equal(c.text ? c.text : "", in_c);
	assert_string_equal(python.text ? python.text : "", in_python);
	pgm__strbuf_free(&c);
	pgm__strbuf_free(&python);
}

static void a_literal_ends_where_its_quotes_are(void **state)
{
	(void)state;
	assert_literals("", "", "");
	assert_literals("/etc/db.yaml", "/etc/db.yaml", "/etc/db.yaml");
	assert_literals("\"\\'", "\\\"\\\\'", "\\\"\\\\'");
	assert_literals("a\nb\t1", "a\\012b\\0111", "a\\u000ab\\u00091");
	assert_literals("\x7f", "\\177", "\\u007f");
}

static void no_trigraph_is_left(void **state)
{
	(void)state;
	assert_literals("?"
			"?/",
			"\\?\\?/",
			"?"
			"?/");
}

static void letters_stay_readable_and_what_is_hidden_is_escaped(void **state)
{
	(void)state;
	assert_literals("gr\u00fc\u00df \u65e5\u672c \U0001f412", "gr\u00fc\u00df \u65e5\u672c \U0001f412",
			"gr\u00fc\u00df \u65e5\u672c \U0001f412");
	assert_literals("\u202e\u202c", "\\342\\200\\256\\342\\200\\254", "\\u202e\\u202c");
	assert_literals("\u00a0", "\\302\\240", "\\u00a0");
	assert_literals("\U000e0041", "\\363\\240\\201\\201", "\\U000e0041");
}

static void what_is_no_text_gives_back_its_bytes(void **state)
{
	(void)state;
	assert_literals("\xff", "\\377", "\\udcff");
	assert_literals("\xc3", "\\303", "\\udcc3");				     /* cut short */
	assert_literals("\xc3(", "\\303(", "\\udcc3(");				     /* likewise */
	assert_literals("\xc0\xaf", "\\300\\257", "\\udcc0\\udcaf");		     /* longer than need be */
	assert_literals("\xed\xa0\x80", "\\355\\240\\200", "\\udced\\udca0\\udc80"); /* a surrogate */
	assert_literals("\xf4\x90\x80\x80", "\\364\\220\\200\\200", "\\udcf4\\udc90\\udc80\\udc80");
	assert_literals("\x80", "\\200", "\\udc80");
}

/* --------------------------------------------------------------------------------------- programs */

static pgm_config *config_of_type(const char *type)
{
	pgm_config *config = pgm_config_new();
	pgm_error err;

	assert_non_null(config);
	assert_true(pgm_config_set(config, NULL, "connection_type", type, &err));
	assert_true(pgm_config_set(config, "connection_settings", "password", "S3cr3t-Walrus", &err));
	return config;
}

static void there_is_a_program_for_each_type_and_library(void **state)
{
	static const char *const libraries[] = {"pgmonkey", "libpq", "psycopg"};
	pgm_config *config = config_of_type("normal");

	(void)state;
	for (int type = PGM_NORMAL; type <= PGM_ASYNC_POOL; type++) {
		for (size_t i = 0; i < 3; i++) {
			pgm_code_options o = {
				.size = sizeof o, .path = "a.yaml", .type = (pgm_type)type, .library = libraries[i]};
			pgm_error err;
			char *code = pgm_generate_code(config, &o, &err);

			assert_non_null(code);
			assert_int_equal(err.code, PGM_OK);
			assert_non_null(strstr(code, "\"a.yaml\""));
			assert_null(strstr(code, "Walrus"));
			free(code);
		}
	}
	pgm_config_free(config);
}

static void a_path_that_looks_like_a_marker_is_a_path(void **state)
{
	pgm_config *config = config_of_type("async");
	pgm_code_options o = {.size = sizeof o, .path = "@CONFIG@THE_TYPE", .loop = "uv"};
	char *code = pgm_generate_code(config, &o, NULL);

	(void)state;
	assert_non_null(code);
	assert_non_null(strstr(code, "\"@CONFIG@THE_TYPE\""));
	assert_non_null(strstr(code, ".type = PGM_ASYNC}"));
	free(code);
	pgm_config_free(config);
}

static void assert_refused(const pgm_config *config, const pgm_code_options *options, const char *says)
{
	pgm_error err;

	assert_null(pgm_generate_code(config, options, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_non_null(strstr(err.message, says));
}

static void what_makes_no_sense_is_refused(void **state)
{
	pgm_config *config = config_of_type("normal");
	const pgm_code_options good = {.size = sizeof good, .path = "a.yaml"};
	pgm_code_options o = good;

	(void)state;
	assert_refused(NULL, &good, "needs a configuration");
	assert_refused(config, NULL, "needs a configuration");
	o.size = 0;
	assert_refused(config, &o, "size");
	o = good;
	o.path = "";
	assert_refused(config, &o, "path");
	o = good;
	o.type = (pgm_type)99;
	assert_refused(config, &o, "no such connection type");
	o = good;
	o.loop = "uv";
	assert_refused(config, &o, "normal joins no event loop");
	o = good;
	o.language = "cobol";
	assert_refused(config, &o, "no code is generated for the language cobol; there is c: pgmonkey");
	pgm_config_free(config);
}

static void options_of_an_older_caller_are_taken(void **state)
{
	pgm_config *config = config_of_type("pool");
	/* Knows size, path and type; what lies behind is not his. */
	pgm_code_options o = {.size = offsetof(pgm_code_options, language), .path = "a.yaml", .language = "cobol"};
	char *code = pgm_generate_code(config, &o, NULL);

	(void)state;
	assert_non_null(code);
	assert_non_null(strstr(code, "PGM_POOL"));
	free(code);
	pgm_config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_literal_ends_where_its_quotes_are),
		cmocka_unit_test(no_trigraph_is_left),
		cmocka_unit_test(letters_stay_readable_and_what_is_hidden_is_escaped),
		cmocka_unit_test(what_is_no_text_gives_back_its_bytes),
		cmocka_unit_test(there_is_a_program_for_each_type_and_library),
		cmocka_unit_test(a_path_that_looks_like_a_marker_is_a_path),
		cmocka_unit_test(what_makes_no_sense_is_refused),
		cmocka_unit_test(options_of_an_older_caller_are_taken),
	};

	return cmocka_run_group_tests_name("codegen", tests, NULL, NULL);
}
