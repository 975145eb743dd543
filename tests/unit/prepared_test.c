/* The texts that are prepared on one connection. */
#include "connection/evented/prepared.h"

#include "cmocka_all.h"

#include <stdio.h>

static pgm__prepared_text *add(pgm__prepared *p, const char *sql)
{
	return pgm__prepared_add(p, &(pgm_query){.sql = sql});
}

static pgm__prepared_text *find(pgm__prepared *p, const char *sql)
{
	return pgm__prepared_find(p, &(pgm_query){.sql = sql});
}

static void a_text_is_found_by_its_words_and_its_types(void **state)
{
	const Oid int4[] = {23}, unknown[] = {0};
	const pgm_query typed = {.sql = "SELECT $1", .nparams = 1, .types = int4};
	const pgm_query open = {.sql = "SELECT $1", .nparams = 1},
			zero = {.sql = "SELECT $1", .nparams = 1, .types = unknown};
	pgm__prepared p = {.count = 0};

	(void)state;
	assert_null(pgm__prepared_find(&p, &typed));
	assert_non_null(pgm__prepared_add(&p, &typed));
	assert_non_null(pgm__prepared_find(&p, &typed));
	assert_null(pgm__prepared_find(&p, &open));
	assert_non_null(pgm__prepared_add(&p, &open));
	assert_ptr_equal(pgm__prepared_find(&p, &zero), pgm__prepared_find(&p, &open));
	assert_ptr_not_equal(pgm__prepared_find(&p, &zero), pgm__prepared_find(&p, &typed));
	assert_null(find(&p, "SELECT $1"));
	pgm__prepared_clear(&p);
	assert_null(pgm__prepared_find(&p, &typed));
}

static void a_name_that_was_forgotten_is_never_used_again(void **state)
{
	pgm__prepared p = {.count = 0};
	unsigned first = add(&p, "SELECT 1")->number;

	(void)state;
	pgm__prepared_confirm(&p, first);
	assert_true(find(&p, "SELECT 1")->confirmed);
	pgm__prepared_forget(&p, first);
	pgm__prepared_forget(&p, first);
	pgm__prepared_confirm(&p, first);
	assert_null(find(&p, "SELECT 1"));
	assert_int_equal(add(&p, "SELECT 1")->number, first + 1);
	assert_false(find(&p, "SELECT 1")->confirmed);
	assert_string_equal(find(&p, "SELECT 1")->name, "pgmonkey_2");
	pgm__prepared_clear(&p);
}

static void there_are_no_more_than_so_many(void **state)
{
	pgm__prepared p = {.count = 0};
	char sql[32];

	(void)state;
	for (int i = 0; i < PGM__PREPARED_MOST; i++) {
		snprintf(sql, sizeof sql, "SELECT %d", i);
		assert_non_null(add(&p, sql));
	}
	assert_null(add(&p, "SELECT 'one more'"));
	for (int i = 0; i < PGM__PREPARED_MOST; i++) {
		snprintf(sql, sizeof sql, "SELECT %d", i);
		assert_int_equal(find(&p, sql)->number, i + 1);
	}
	pgm__prepared_forget(&p, 1);
	assert_non_null(add(&p, "SELECT 'one more'"));
	pgm__prepared_clear(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_is_found_by_its_words_and_its_types),
		cmocka_unit_test(a_name_that_was_forgotten_is_never_used_again),
		cmocka_unit_test(there_are_no_more_than_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
