/* The file of an export, and the encoding it is written in. */
#include "tools/csv/target.h"
#include "tools/csv/writer.h"
#include "unit/cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Every test stands in an empty folder of its own. */
static char folder[64];

static int enter(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/pgm-target.XXXXXX");
	umask(022);
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static void remove_all(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char name[512];

	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (unlink(name) != 0)
			remove_all(name);
	}
	if (dir)
		closedir(dir);
	rmdir(path);
}

static int leave(void **state)
{
	(void)state;
	if (chdir("/") == 0)
		remove_all(folder);
	return 0;
}

static void put_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void assert_file(const char *path, const char *text)
{
	char found[4096];
	FILE *file = fopen(path, "r");
	size_t len;

	assert_non_null(file);
	len = fread(found, 1, sizeof(found) - 1, file);
	found[len] = '\0';
	fclose(file);
	assert_string_equal(found, text);
}

static void assert_missing(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), -1);
	assert_int_equal(errno, ENOENT);
}

static int entries(const char *path)
{
	DIR *dir = opendir(path);
	int count = -2; /* . and .. */

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* Writes it all. */
static void write_to(const char *path, const char *text)
{
	pgm__csv_target target = {0};
	pgm_error err;

	assert_true(pgm__csv_target_open(&target, path, false, &err));
	assert_true(pgm__csv_target_write(&target, text, strlen(text), &err));
	assert_true(pgm__csv_target_finish(&target, &err));
	pgm__csv_target_discard(&target);
}

static void refused(const char *path, bool no_clobber, const char *reason)
{
	pgm__csv_target target = {0};
	pgm_error err;

	assert_false(pgm__csv_target_open(&target, path, no_clobber, &err));
	assert_int_equal(err.code, PGM_ERR_IO);
	assert_non_null(strstr(err.message, path));
	if (!strstr(err.message, reason))
		fail_msg("expected %s in: %s", reason, err.message);
	pgm__csv_target_discard(&target);
}

/* -------------------------------------------------------------------------------- the file */

static void a_file_appears_when_it_is_whole(void **state)
{
	pgm__csv_target target = {0};
	pgm_error err;

	(void)state;
	assert_true(pgm__csv_target_open(&target, "out.csv", false, &err));
	assert_true(pgm__csv_target_write(&target, "abc", 3, &err));
	assert_missing("out.csv");
	assert_true(pgm__csv_target_finish(&target, &err));
	assert_file("out.csv", "abc");
	pgm__csv_target_discard(&target);
	assert_int_equal(entries("."), 1);
}

static void what_is_discarded_leaves_the_old_file_and_nothing_else(void **state)
{
	pgm__csv_target target = {0};
	pgm_error err;

	(void)state;
	put_file("out.csv", "old");
	assert_true(pgm__csv_target_open(&target, "out.csv", false, &err));
	assert_true(pgm__csv_target_write(&target, "abc", 3, &err));
	pgm__csv_target_discard(&target);
	assert_file("out.csv", "old");
	assert_int_equal(entries("."), 1);
	pgm__csv_target_discard(&target);
}

static void a_new_file_has_the_mode_of_the_umask(void **state)
{
	(void)state;
	write_to("one.csv", "");
	assert_int_equal(mode_of("one.csv"), 0644);
	umask(077);
	write_to("two.csv", "");
	assert_int_equal(mode_of("two.csv"), 0600);
}

static void a_replaced_file_keeps_its_mode(void **state)
{
	(void)state;
	put_file("out.csv", "old");
	assert_int_equal(chmod("out.csv", 0660), 0);
	umask(077);
	write_to("out.csv", "new");
	assert_file("out.csv", "new");
	assert_int_equal(mode_of("out.csv"), 0660);
	assert_int_equal(chmod("out.csv", 0600), 0);
	umask(0);
	write_to("out.csv", "newer");
	assert_int_equal(mode_of("out.csv"), 0600);
}

static void nobody_reads_a_half_written_file_that_could_not_read_the_old_one(void **state)
{
	pgm__csv_target target = {0};
	pgm_error err;

	(void)state;
	put_file("out.csv", "old");
	assert_int_equal(chmod("out.csv", 0640), 0);
	umask(0);
	assert_true(pgm__csv_target_open(&target, "out.csv", false, &err));
	assert_int_equal(mode_of(target.temporary), 0640);
	pgm__csv_target_discard(&target);
}

static void a_symbolic_link_stays_and_what_it_points_to_is_replaced(void **state)
{
	(void)state;
	assert_int_equal(mkdir("real", 0755), 0);
	put_file("real/data.csv", "old");
	assert_int_equal(symlink("real/data.csv", "out.csv"), 0);
	assert_int_equal(symlink("out.csv", "second.csv"), 0);
	write_to("second.csv", "new");
	assert_file("real/data.csv", "new");
	assert_file("out.csv", "new");
	assert_int_equal(entries("real"), 1);
	/* One that points to nothing yet. */
	assert_int_equal(symlink("real/later.csv", "dangling.csv"), 0);
	write_to("dangling.csv", "made");
	assert_file("real/later.csv", "made");
	assert_int_equal(symlink("loop.csv", "loop.csv"), 0);
	refused("loop.csv", false, "symbolic links");
}

static void what_cannot_be_written_says_which_path_and_why(void **state)
{
	(void)state;
	refused("missing/out.csv", false, "No such file or directory");
	assert_int_equal(mkdir("folder", 0755), 0);
	refused("folder", false, "Is a directory");
	put_file("file", "");
	refused("file/out.csv", false, "Not a directory");
	if (geteuid() == 0)
		return;
	put_file("locked.csv", "old");
	assert_int_equal(chmod("locked.csv", 0444), 0);
	refused("locked.csv", false, "Permission denied");
	assert_int_equal(chmod("folder", 0555), 0);
	refused("folder/out.csv", false, "Permission denied");
}

static void no_clobber_refuses_what_is_there_and_what_comes(void **state)
{
	pgm__csv_target target = {0};
	pgm_error err;

	(void)state;
	put_file("out.csv", "old");
	refused("out.csv", true, "File exists");
	assert_true(pgm__csv_target_open(&target, "new.csv", true, &err));
	put_file("new.csv", "somebody else's");
	assert_false(pgm__csv_target_finish(&target, &err));
	assert_non_null(strstr(err.message, "new.csv: File exists"));
	pgm__csv_target_discard(&target);
	assert_file("new.csv", "somebody else's");
	assert_int_equal(entries("."), 2);
	assert_true(pgm__csv_target_open(&target, "third.csv", true, &err));
	assert_true(pgm__csv_target_write(&target, "abc", 3, &err));
	assert_true(pgm__csv_target_finish(&target, &err));
	pgm__csv_target_discard(&target);
	assert_file("third.csv", "abc");
	assert_int_equal(entries("."), 3);
}

static void the_longest_name_there_can_be_is_no_trouble(void **state)
{
	char name[256];

	(void)state;
	memset(name, 'x', 255);
	name[255] = '\0';
	write_to(name, "abc");
	assert_file(name, "abc");
}

static void a_device_or_a_pipe_is_written_in_place(void **state)
{
	pgm__csv_target target = {0};
	pgm_error err;
	char found[8] = "";
	int fd;

	(void)state;
	write_to("/dev/null", "abc");
	assert_int_equal(mkfifo("pipe", 0600), 0);
	fd = open("pipe", O_RDONLY | O_NONBLOCK);
	assert_true(pgm__csv_target_open(&target, "pipe", false, &err));
	assert_true(pgm__csv_target_write(&target, "abc", 3, &err));
	assert_int_equal(read(fd, found, sizeof(found) - 1), 3);
	assert_string_equal(found, "abc");
	assert_true(pgm__csv_target_finish(&target, &err));
	pgm__csv_target_discard(&target);
	close(fd);
	assert_int_equal(entries("."), 1);
}

static void a_full_disk_is_told_with_the_path(void **state)
{
	pgm__csv_target target = {0};
	pgm_error err;

	(void)state;
	assert_true(pgm__csv_target_open(&target, "/dev/full", false, &err));
	assert_false(pgm__csv_target_write(&target, "abc", 3, &err));
	assert_int_equal(err.code, PGM_ERR_IO);
	assert_string_equal(err.message, "cannot write /dev/full: No space left on device");
	pgm__csv_target_discard(&target);
}

/* ----------------------------------------------------------------------------- the encoding */

static void encode(const char *encoding, const char *text, int times)
{
	pgm__csv_target target = {0};
	pgm__csv_writer writer;
	pgm_error err;

	assert_true(pgm__csv_target_open(&target, "out.csv", false, &err));
	assert_true(pgm__csv_writer_open(&writer, &target, encoding, &err));
	for (int i = 0; i < times; i++)
		pgm__csv_put(&writer.out, text, strlen(text));
	assert_true(pgm__csv_writer_finish(&writer, &err));
	assert_true(pgm__csv_target_finish(&target, &err));
	pgm__csv_writer_close(&writer);
	pgm__csv_target_discard(&target);
}

static void the_file_is_in_its_encoding(void **state)
{
	(void)state;
	encode("UTF-8", "gr\303\274n\n", 1);
	assert_file("out.csv", "gr\303\274n\n");
	encode("utf8", "gr\303\274n\n", 1);
	assert_file("out.csv", "gr\303\274n\n");
	encode("ISO-8859-1", "gr\303\274n\n", 1);
	assert_file("out.csv", "gr\374n\n");
	/* Its second byte is that of a backslash. */
	encode("SJIS", "\350\241\250\n", 1);
	assert_file("out.csv", "\225\\\n");
	/* Ends in its first state, that of ASCII. */
	encode("ISO-2022-JP", "\346\227\245", 1);
	assert_file("out.csv", "\033$BF|\033(B");
}

/* A character of three bytes lies across each end of the buffer, and of the converted one. */
static void characters_that_lie_across_two_buffers_are_whole(void **state)
{
	enum { TIMES = 200001 };
	unsigned char pair[2];
	FILE *file;

	(void)state;
	encode("UTF-16LE", "\342\202\254", TIMES);
	file = fopen("out.csv", "r");
	assert_non_null(file);
	for (int i = 0; i < TIMES; i++) {
		assert_int_equal(fread(pair, 1, 2, file), 2);
		assert_int_equal(pair[0] | pair[1] << 8, 0x20ac);
	}
	assert_int_equal(fread(pair, 1, 2, file), 0);
	fclose(file);
}

static void a_character_that_the_encoding_lacks_is_named(void **state)
{
	pgm__csv_target target = {0};
	pgm__csv_writer writer;
	pgm_error err;

	(void)state;
	assert_true(pgm__csv_target_open(&target, "out.csv", false, &err));
	assert_true(pgm__csv_writer_open(&writer, &target, "ISO-8859-1", &err));
	for (int i = 0; i < 100000; i++)
		pgm__csv_put(&writer.out, "plain\n", 6);
	pgm__csv_put(&writer.out, "17,snow \342\230\203", 11);
	assert_false(pgm__csv_writer_finish(&writer, &err));
	assert_string_equal(err.message,
			    "cannot write out.csv: ISO-8859-1 has no U+2603, which comes after \"17,snow \"");
	pgm__csv_writer_close(&writer);
	pgm__csv_target_discard(&target);
	assert_int_equal(entries("."), 0);
}

static void an_encoding_that_iconv_does_not_know_is_named(void **state)
{
	pgm__csv_target target = {0};
	pgm__csv_writer writer;
	pgm_error err;

	(void)state;
	assert_true(pgm__csv_target_open(&target, "out.csv", false, &err));
	assert_false(pgm__csv_writer_open(&writer, &target, "KLINGON", &err));
	assert_non_null(strstr(err.message, "\"KLINGON\""));
	pgm__csv_target_discard(&target);
}

static void a_writer_that_failed_takes_the_rest_without_harm(void **state)
{
	pgm__csv_target target = {0};
	pgm__csv_writer writer;
	pgm_error err;

	(void)state;
	assert_true(pgm__csv_target_open(&target, "/dev/full", false, &err));
	assert_true(pgm__csv_writer_open(&writer, &target, "UTF-8", &err));
	for (int i = 0; i < 1000000; i++)
		pgm__csv_put(&writer.out, "row\n", 4);
	assert_true(writer.out.failed);
	assert_false(pgm__csv_writer_finish(&writer, &err));
	assert_string_equal(err.message, "cannot write /dev/full: No space left on device");
	pgm__csv_writer_close(&writer);
	pgm__csv_target_discard(&target);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_appears_when_it_is_whole),
		TEST(what_is_discarded_leaves_the_old_file_and_nothing_else),
		TEST(a_new_file_has_the_mode_of_the_umask),
		TEST(a_replaced_file_keeps_its_mode),
		TEST(nobody_reads_a_half_written_file_that_could_not_read_the_old_one),
		TEST(a_symbolic_link_stays_and_what_it_points_to_is_replaced),
		TEST(what_cannot_be_written_says_which_path_and_why),
		TEST(no_clobber_refuses_what_is_there_and_what_comes),
		TEST(the_longest_name_there_can_be_is_no_trouble),
		TEST(a_device_or_a_pipe_is_written_in_place),
		TEST(a_full_disk_is_told_with_the_path),
		TEST(the_file_is_in_its_encoding),
		TEST(characters_that_lie_across_two_buffers_are_whole),
		TEST(a_character_that_the_encoding_lacks_is_named),
		TEST(an_encoding_that_iconv_does_not_know_is_named),
		TEST(a_writer_that_failed_takes_the_rest_without_harm),
	};

	return cmocka_run_group_tests_name("csv_target", tests, NULL, NULL);
}
