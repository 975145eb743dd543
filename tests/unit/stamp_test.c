/* When a file may be taken for unchanged without reading it. */
#include "manager/stamp.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Read long after it was written. */
static const pgm__stamp settled = {.device = 1, .inode = 2, .size = 3, .modified = {1000, 500}, .taken = {1010, 0}};

static void a_settled_file_is_the_same(void **state)
{
	pgm__stamp now = settled;

	(void)state;
	now.taken.tv_sec += 100;
	assert_true(pgm__stamp_is_same(&settled, &now));
}

static void every_difference_counts(void **state)
{
	pgm__stamp now;

	(void)state;
	now = settled;
	now.device++;
	assert_false(pgm__stamp_is_same(&settled, &now));
	now = settled;
	now.inode++;
	assert_false(pgm__stamp_is_same(&settled, &now));
	now = settled;
	now.size++;
	assert_false(pgm__stamp_is_same(&settled, &now));
	now = settled;
	now.modified.tv_sec--;
	assert_false(pgm__stamp_is_same(&settled, &now));
	now = settled;
	now.modified.tv_nsec--;
	assert_false(pgm__stamp_is_same(&settled, &now));
}

/* Written again within the same tick its times would be the same. */
static void a_file_read_just_after_it_was_written_is_read_again(void **state)
{
	pgm__stamp was = settled;

	(void)state;
	was.taken = was.modified;
	assert_false(pgm__stamp_is_same(&was, &was));
	was.taken.tv_nsec += 10 * 1000 * 1000;
	assert_false(pgm__stamp_is_same(&was, &was));
	was.taken.tv_nsec += 40 * 1000 * 1000;
	assert_true(pgm__stamp_is_same(&was, &was));
}

static void whole_seconds_are_trusted_later(void **state)
{
	pgm__stamp was = settled;

	(void)state;
	was.modified = (struct timespec){1000, 0};
	was.taken = (struct timespec){1001, 900000000};
	assert_false(pgm__stamp_is_same(&was, &was));
	was.taken = (struct timespec){1002, 1};
	assert_true(pgm__stamp_is_same(&was, &was));
}

/* A file from the future, a clock that was set back: it cannot be known. */
static void a_file_newer_than_its_reading_is_read_again(void **state)
{
	pgm__stamp was = settled;

	(void)state;
	was.taken.tv_sec = was.modified.tv_sec - 3600;
	assert_false(pgm__stamp_is_same(&was, &was));
}

static void a_real_file_is_looked_at(void **state)
{
	char path[] = "/tmp/pgm-stamp.XXXXXX";
	int fd = mkstemp(path);
	pgm__stamp first, second;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_true(pgm__stamp_take(path, &first));
	assert_int_equal(first.size, 1);
	assert_int_equal(write(fd, "y", 1), 1);
	assert_true(pgm__stamp_take(path, &second));
	assert_false(pgm__stamp_is_same(&first, &second));
	close(fd);
	unlink(path);
	assert_false(pgm__stamp_take(path, &second));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_settled_file_is_the_same),
		cmocka_unit_test(every_difference_counts),
		cmocka_unit_test(a_file_read_just_after_it_was_written_is_read_again),
		cmocka_unit_test(whole_seconds_are_trusted_later),
		cmocka_unit_test(a_file_newer_than_its_reading_is_read_again),
		cmocka_unit_test(a_real_file_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
