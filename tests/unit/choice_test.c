/* Which connection takes one more. */
#include "connection/evented/choice.h"

#include "cmocka_all.h"

static void the_least_loaded_is_chosen(void **state)
{
	const int32_t load[] = {3, PGM__LOAD_FULL, 2, 5, 2};

	(void)state;
	assert_int_equal(pgm__choose_least(load, 5), 2);
	assert_int_equal(pgm__choose_least(load, 2), 0);
}

static void none_is_chosen_at_the_limit(void **state)
{
	const int32_t load[] = {PGM__DEPTH, PGM__LOAD_FULL, PGM__DEPTH};

	(void)state;
	assert_int_equal(pgm__choose_least(load, 3), -1);
	assert_int_equal(pgm__choose_least(load, 0), -1);
}

static void the_last_place_below_the_limit_is_found(void **state)
{
	const int32_t load[] = {PGM__DEPTH, PGM__DEPTH, PGM__DEPTH - 1};

	(void)state;
	assert_int_equal(pgm__choose_least(load, 3), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_loaded_is_chosen),
		cmocka_unit_test(none_is_chosen_at_the_limit),
		cmocka_unit_test(the_last_place_below_the_limit_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
