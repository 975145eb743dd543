#include "base/secret.h"
#include "base/strbuf.h"
#include "unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static void text_grows_in_every_way_of_adding(void **state)
{
	pgm__strbuf buf = {0};

	(void)state;
	pgm__strbuf_puts(&buf, "a");
	pgm__strbuf_add(&buf, "bcd", 2);
	pgm__strbuf_printf(&buf, "-%d-%s", 42, "x");
	assert_string_equal(buf.text, "abc-42-x");
	assert_int_equal(buf.len, 8);
	assert_false(buf.failed);
	pgm__strbuf_free(&buf);
	assert_null(buf.text);
}

static void growth_keeps_what_was_there(bool secret)
{
	pgm__strbuf buf = {.secret = secret};
	char *text;

	for (int i = 0; i < 10000; i++)
		pgm__strbuf_printf(&buf, "%04d", i);
	assert_int_equal(buf.len, 40000);
	text = pgm__strbuf_take(&buf);
	assert_memory_equal(text + 4936, "12341235", 8);
	assert_int_equal(strlen(text), 40000);
	assert_null(buf.text);
	assert_int_equal(buf.secret, secret);
	free(text);
}

static void a_long_text_keeps_what_was_there(void **state)
{
	(void)state;
	growth_keeps_what_was_there(false);
	growth_keeps_what_was_there(true);
}

static void an_empty_buffer_gives_an_empty_text(void **state)
{
	pgm__strbuf buf = {0};
	char *text = pgm__strbuf_take(&buf);

	(void)state;
	assert_string_equal(text, "");
	free(text);
}

static void bytes_may_be_nul(void **state)
{
	pgm__strbuf buf = {0};

	(void)state;
	pgm__strbuf_add(&buf, "a\0b", 3);
	assert_int_equal(buf.len, 3);
	assert_memory_equal(buf.text, "a\0b", 4);
	pgm__strbuf_free(&buf);
}

static void a_failure_is_remembered_until_it_is_freed(void **state)
{
	pgm__strbuf buf = {0};

	(void)state;
	pgm__strbuf_puts(&buf, "kept");
	assert_null(pgm__strbuf_room(&buf, SIZE_MAX / 2));
	assert_true(buf.failed);
	pgm__strbuf_puts(&buf, "ignored");
	pgm__strbuf_printf(&buf, "ignored");
	assert_null(pgm__strbuf_take(&buf));
	assert_false(buf.failed);
	assert_null(buf.text);
}

static void wiped_memory_is_zero(void **state)
{
	char text[] = "secret";

	(void)state;
	pgm__secret_wipe(text, sizeof(text));
	for (size_t i = 0; i < sizeof(text); i++)
		assert_int_equal(text[i], 0);
	pgm__secret_wipe(NULL, 0);
	pgm__secret_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_grows_in_every_way_of_adding),
		cmocka_unit_test(a_long_text_keeps_what_was_there),
		cmocka_unit_test(an_empty_buffer_gives_an_empty_text),
		cmocka_unit_test(bytes_may_be_nul),
		cmocka_unit_test(a_failure_is_remembered_until_it_is_freed),
		cmocka_unit_test(wiped_memory_is_zero),
	};

	return cmocka_run_group_tests_name("strbuf", tests, NULL, NULL);
}
