/* The heap of deadlines, against a plain list. */
#include "connection/evented/deadlines.h"

#include "cmocka_all.h"

enum { MANY = 300, ROUNDS = 200000 };

/* The same each time. */
static unsigned next_random(void)
{
	static unsigned state = 1;

	state = state * 1664525u + 1013904223u;
	return state >> 8;
}

static pgm__time earliest(const pgm__deadline *all)
{
	pgm__time at = PGM__NEVER;

	for (int i = 0; i < MANY; i++)
		if (all[i].place != 0 && all[i].at < at)
			at = all[i].at;
	return at;
}

static void the_first_is_the_earliest_whatever_was_done(void **state)
{
	static pgm__deadline all[MANY];
	pgm__deadlines d = {.count = 0};
	size_t inside = 0;

	(void)state;
	assert_null(pgm__deadlines_first(&d));
	assert_true(pgm__deadlines_reserve(&d, MANY));
	for (int round = 0; round < ROUNDS; round++) {
		pgm__deadline *one = &all[next_random() % MANY];
		const pgm__deadline *first;

		inside -= one->place != 0;
		if (next_random() % 3 == 0) {
			pgm__deadlines_remove(&d, one);
		} else {
			pgm__deadlines_set(&d, one,
					   next_random() % 10 == 0 ? PGM__NEVER : (pgm__time)(next_random() % 1000));
			inside += one->place != 0;
		}
		first = pgm__deadlines_first(&d);
		assert_int_equal(d.count, inside);
		if (round % 16 == 0)
			assert_true((first ? first->at : PGM__NEVER) == earliest(all));
	}
	pgm__deadlines_free(&d);
}

static void what_is_taken_out_one_by_one_comes_in_order(void **state)
{
	static pgm__deadline all[MANY];
	pgm__deadlines d = {.count = 0};
	pgm__time last = 0;

	(void)state;
	assert_true(pgm__deadlines_reserve(&d, MANY));
	for (int i = 0; i < MANY; i++)
		pgm__deadlines_set(&d, &all[i], (i * 7919) % 1009);
	for (int i = 0; i < MANY; i++) {
		pgm__deadline *first = pgm__deadlines_first(&d);

		assert_true(first->at >= last);
		last = first->at;
		pgm__deadlines_remove(&d, first);
		assert_int_equal(first->place, 0);
	}
	assert_null(pgm__deadlines_first(&d));
	pgm__deadlines_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_is_the_earliest_whatever_was_done),
		cmocka_unit_test(what_is_taken_out_one_by_one_comes_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
