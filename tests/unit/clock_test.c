#include "base/clock.h"
#include "unit/cmocka_all.h"

#include <limits.h>

static void time_does_not_go_back(void **state)
{
	pgm__time last = pgm__clock_now();

	(void)state;
	assert_true(last > 0);
	for (int i = 0; i < 100000; i++) {
		pgm__time now = pgm__clock_now();

		assert_true(now >= last);
		last = now;
	}
}

static void the_coarse_clock_is_behind_by_a_tick_at_most(void **state)
{
	pgm__time before = pgm__clock_now(), coarse = pgm__clock_coarse();

	(void)state;
	assert_true(coarse <= pgm__clock_now());
	assert_true(coarse >= before - 20 * PGM__MS);
}

static void no_timeout_overflows(void **state)
{
	(void)state;
	assert_true(pgm__clock_after_ms(-1) == PGM__NEVER);
	assert_true(pgm__clock_after_ms(INT64_MIN) == PGM__NEVER);
	assert_true(pgm__clock_after_ms(INT64_MAX) == PGM__NEVER);
	assert_true(pgm__clock_after_ms(INT64_MAX / PGM__MS) == PGM__NEVER);
	assert_true(pgm__clock_after_ms(0) <= pgm__clock_now());
	assert_true(pgm__clock_after_ms(INT_MAX) > pgm__clock_now());
}

static void poll_waits_until_the_deadline_and_not_less(void **state)
{
	int ms;

	(void)state;
	assert_int_equal(pgm__clock_poll_timeout(PGM__NEVER), -1);
	assert_int_equal(pgm__clock_poll_timeout(0), 0);
	assert_int_equal(pgm__clock_poll_timeout(pgm__clock_now()), 0);
	assert_int_equal(pgm__clock_poll_timeout(PGM__NEVER - 1), INT_MAX);
	ms = pgm__clock_poll_timeout(pgm__clock_now() + 3600 * PGM__SECOND + 1);
	assert_in_range(ms, 3590000, 3600001);
	assert_int_equal(pgm__clock_poll_timeout(pgm__clock_now() + 3600 * PGM__SECOND) > 0, 1);
}

static void a_timespec_is_the_same_moment(void **state)
{
	struct timespec ts = pgm__clock_timespec(7 * PGM__SECOND + 5);

	(void)state;
	assert_int_equal(ts.tv_sec, 7);
	assert_int_equal(ts.tv_nsec, 5);
	ts = pgm__clock_timespec(-1);
	assert_int_equal(ts.tv_sec, 0);
	assert_int_equal(ts.tv_nsec, 0);
	ts = pgm__clock_timespec(PGM__NEVER);
	assert_true(ts.tv_sec > 1000000000 && ts.tv_nsec < PGM__SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_does_not_go_back),
		cmocka_unit_test(the_coarse_clock_is_behind_by_a_tick_at_most),
		cmocka_unit_test(no_timeout_overflows),
		cmocka_unit_test(poll_waits_until_the_deadline_and_not_less),
		cmocka_unit_test(a_timespec_is_the_same_moment),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
