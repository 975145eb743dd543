/* What libpq says when connecting fails, made into one line and a code. */
#include "base/clock.h"
#include "connection/server_message.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void expect(const char *raw, const char *sqlstate, const char *wanted)
{
	char text[1024], state[6] = "?";

	pgm__server_message(raw, text, sizeof text, state);
	assert_string_equal(text, wanted);
	assert_string_equal(state, sqlstate);
}

static void the_sqlstate_and_the_place_in_the_source_are_taken_out(void **state)
{
	(void)state;
	expect("connection to server at \"h\", port 1 failed: FATAL:  28P01: password authentication failed for user "
	       "\"x\"\n"
	       "LOCATION:  auth_failed, auth.c:338\n",
	       "28P01",
	       "connection to server at \"h\", port 1 failed: FATAL: password authentication failed for user \"x\"");
}

static void any_language_will_do(void **state)
{
	(void)state;
	expect("Verbindung fehlgeschlagen: FATAL:  3D000: Datenbank \303\273x\303\253 existiert nicht\n"
	       "ORT:  InitPostgres, postinit.c:883\n",
	       "3D000", "Verbindung fehlgeschlagen: FATAL: Datenbank \303\273x\303\253 existiert nicht");
	expect("FATALE:  53300: troppi client\nPOSIZIONE:  f, proc.c:1\n", "53300", "FATALE: troppi client");
}

static void a_line_that_comes_twice_is_shown_once(void **state)
{
	(void)state;
	expect("FATAL:  28000: no entry\nLOCATION:  f, a.c:1\nFATAL:  28000: no entry\nLOCATION:  f, a.c:1\n", "28000",
	       "FATAL: no entry");
	expect("FATAL:  28000: no entry, SSL on\nFATAL:  28000: no entry, no encryption\n", "28000",
	       "FATAL: no entry, SSL on; FATAL: no entry, no encryption");
}

static void what_is_libpqs_own_has_no_sqlstate(void **state)
{
	(void)state;
	expect("connection to server failed: Connection refused\n\tIs the server running?\n", "",
	       "connection to server failed: Connection refused; Is the server running?");
	expect("", "", "");
	expect("\n \n", "", "");
}

/* Nothing else may be taken for one. */
static void only_a_sqlstate_is_one(void **state)
{
	(void)state;
	expect("x:  28p01: y", "", "x:  28p01: y");
	expect("x: 28P01: y", "", "x: 28P01: y");
	expect("x:  28P0: y", "", "x:  28P0: y");
	expect("x:  28P01 y", "", "x:  28P01 y");
	expect("x:  28P01:", "", "x:  28P01:");
	expect("could not read f.c:12 of it", "", "could not read f.c:12 of it");
}

/* Whatever room there is: never more, always an end, nothing read behind the text. */
static void it_is_cut_to_the_room_there_is(void **state)
{
	static const char raw[] = "FATAL:  28P01: a rather long sentence\nDETAIL:  more of it\n";
	char whole[128], text[128], sqlstate[6];

	(void)state;
	pgm__server_message(raw, whole, sizeof whole, sqlstate);
	for (size_t size = 1; size <= sizeof text; size++) {
		memset(text, '#', sizeof text);
		pgm__server_message(raw, text, size, sqlstate);
		assert_true(strlen(text) < size);
		assert_memory_equal(text, whole, strlen(text));
		assert_true(strlen(text) == size - 1 || strcmp(text, whole) == 0);
		assert_true(size == sizeof text || text[size] == '#');
		assert_string_equal(sqlstate, "28P01");
	}
}

/* libpq sets no limit to what a server says before anybody has logged in. */
static void an_endless_text_costs_no_more_than_what_is_shown(void **state)
{
	enum { LINES = 100000, LINE = 7 };
	char *raw = malloc(LINES * LINE + 1), text[1000], sqlstate[6];
	pgm__time start = pgm__clock_now();

	(void)state;
	assert_non_null(raw);
	for (size_t i = 0; i < LINES; i++) {
		char line[32];

		snprintf(line, sizeof line, "%06zu\n", i);
		memcpy(raw + i * LINE, line, LINE + 1);
	}
	pgm__server_message(raw, text, sizeof text, sqlstate);
	assert_int_equal(strlen(text), sizeof text - 1);
	/* It was more than a minute. The address sanitizer looks at the whole rest whenever a string function is called. */
	assert_true(pgm__clock_now() - start < (getenv("PGM_TEST_SLOW") ? 60 : 5) * PGM__SECOND);
	free(raw);
}

static void class_28_and_a_missing_database_are_for_good(void **state)
{
	(void)state;
	assert_int_equal(pgm__connect_code("28P01"), PGM_ERR_AUTH);
	assert_int_equal(pgm__connect_code("28000"), PGM_ERR_AUTH);
	assert_int_equal(pgm__connect_code("3D000"), PGM_ERR_AUTH);
	assert_int_equal(pgm__connect_code("53300"), PGM_ERR_CONNECT);
	assert_int_equal(pgm__connect_code("57P03"), PGM_ERR_CONNECT);
	assert_int_equal(pgm__connect_code("3F000"), PGM_ERR_CONNECT);
	assert_int_equal(pgm__connect_code(""), PGM_ERR_CONNECT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sqlstate_and_the_place_in_the_source_are_taken_out),
		cmocka_unit_test(any_language_will_do),
		cmocka_unit_test(a_line_that_comes_twice_is_shown_once),
		cmocka_unit_test(what_is_libpqs_own_has_no_sqlstate),
		cmocka_unit_test(only_a_sqlstate_is_one),
		cmocka_unit_test(it_is_cut_to_the_room_there_is),
		cmocka_unit_test(an_endless_text_costs_no_more_than_what_is_shown),
		cmocka_unit_test(class_28_and_a_missing_database_are_for_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
