/* Reading the file itself: what cannot be read, and who else could. */
#if !defined(_XOPEN_SOURCE)
#define _XOPEN_SOURCE 700 /* mkdtemp */
#endif

#include "config/yaml_tree.h"
#include "unit/config_cases.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/pgm_config_XXXXXX";
static char path[64];

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* The file "db.yaml" of the folder; gone after the test. */
static int name_file(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/db.yaml", folder);
	return 0;
}

static int remove_file(void **state)
{
	(void)state;
	if (rmdir(path) != 0)
		unlink(path);
	return 0;
}

static void write_file(const char *text, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static pgm_config *load(pgm_error *err)
{
	start_capture();
	return pgm__config_load(path, &libpq_keywords, err);
}

static void assert_unreadable(const char *reason)
{
	pgm_error err;
	char message[200];

	assert_null(load(&err));
	assert_int_equal(err.code, PGM_ERR_IO);
	snprintf(message, sizeof(message), "cannot read %s: %s", path, reason);
	assert_string_equal(err.message, message);
}

static void a_file_is_read_and_names_itself_in_errors(void **state)
{
	pgm_error err;
	pgm_config *config;
	char message[200];

	(void)state;
	write_file("connection_settings:\n  dbname: x\n", 0644);
	config = load(&err);
	assert_non_null(config);
	assert_int_equal(err.code, PGM_OK);
	assert_string_equal(pgm_config_get(config, "connection_settings", "dbname"), "x");
	assert_string_equal(captured.all, "");
	pgm_config_free(config);

	write_file("connection_settings:\n  port: x\n", 0644);
	assert_null(load(&err));
	snprintf(message, sizeof(message), "%s:2:9: connection_settings.port: ", path);
	assert_int_equal(strncmp(err.message, message, strlen(message)), 0);
	assert_int_equal(err.code, PGM_ERR_CONFIG);
}

static void a_missing_file_is_told_with_the_systems_reason(void **state)
{
	pgm_error err;

	(void)state;
	assert_unreadable("No such file or directory");
	assert_null(pgm__config_load(NULL, NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_null(pgm__config_load("", NULL, &err));
	assert_int_equal(err.code, PGM_ERR_IO);
}

static void a_directory_is_not_read(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	assert_unreadable("Is a directory");
}

static void an_unreadable_file_is_told_with_the_systems_reason(void **state)
{
	pid_t child;
	int status;

	(void)state;
	write_file("a: b\n", 0000);
	if (geteuid() != 0) {
		assert_unreadable("Permission denied");
		return;
	}
	/* root may read everything: a child that is someone else looks. */
	assert_int_equal(chmod(folder, 0755), 0);
	child = fork();
	if (child == 0) {
		pgm_error err;
		bool refused = setuid(65534) == 0 && !load(&err) && err.code == PGM_ERR_IO &&
			       strstr(err.message, "Permission denied");

		_exit(refused ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void a_fifo_is_refused_without_waiting_for_a_writer(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_unreadable("it is not a regular file");
}

static void a_device_is_refused(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/dev/zero");
	assert_unreadable("it is not a regular file");
	name_file(state);
}

static void a_file_over_one_mebibyte_is_refused(void **state)
{
	pgm_error err;
	pgm_config *config;

	(void)state;
	write_file("#", 0600);
	assert_int_equal(truncate(path, (off_t)PGM__YAML_MAX_BYTES + 1), 0);
	assert_unreadable("it is larger than 1048576 bytes");
	assert_int_equal(truncate(path, (off_t)1 << 40), 0); /* a terabyte of nothing: not read to its end */
	assert_unreadable("it is larger than 1048576 bytes");

	write_file("", 0600);
	{
		FILE *file = fopen(path, "w");

		for (size_t i = 0; i < PGM__YAML_MAX_BYTES / 64; i++)
			fputs("# sixty-four bytes of a comment, line after line after line....\n", file);
		fclose(file);
	}
	config = load(&err);
	assert_non_null(config);
	pgm_config_free(config);
}

static int warnings_for(const char *text, mode_t mode)
{
	pgm_error err;
	pgm_config *config;

	write_file(text, mode);
	config = load(&err);
	assert_non_null(config);
	pgm_config_free(config);
	return captured.count;
}

static void a_password_that_others_can_read_is_one_warning(void **state)
{
	const char *secret = "connection_settings: {password: " PASSWORD ", user: x}\n";
	char message[200];

	(void)state;
	assert_int_equal(warnings_for(secret, 0644), 1);
	snprintf(message, sizeof(message), "%s: holds a password and can be read by others (mode 0644); chmod 600 it\n",
		 path);
	assert_string_equal(captured.all, message);
	assert_int_equal(warnings_for(secret, 0640), 1);
	assert_int_equal(warnings_for(secret, 0604), 1);
	assert_int_equal(warnings_for(secret, 0600), 0);
	assert_int_equal(warnings_for(secret, 0400), 0);
	assert_int_equal(warnings_for(secret, 0622), 0); /* bad, but nobody reads it */
	assert_int_equal(warnings_for("connection_settings: {user: x}\n", 0644), 0);
	assert_int_equal(warnings_for("connection_settings: {password: ''}\n", 0644), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_file_is_read_and_names_itself_in_errors, name_file, remove_file),
		cmocka_unit_test_setup_teardown(a_missing_file_is_told_with_the_systems_reason, name_file, remove_file),
		cmocka_unit_test_setup_teardown(a_directory_is_not_read, name_file, remove_file),
		cmocka_unit_test_setup_teardown(an_unreadable_file_is_told_with_the_systems_reason, name_file,
						remove_file),
		cmocka_unit_test_setup_teardown(a_fifo_is_refused_without_waiting_for_a_writer, name_file, remove_file),
		cmocka_unit_test_setup_teardown(a_device_is_refused, name_file, remove_file),
		cmocka_unit_test_setup_teardown(a_file_over_one_mebibyte_is_refused, name_file, remove_file),
		cmocka_unit_test_setup_teardown(a_password_that_others_can_read_is_one_warning, name_file, remove_file),
	};

	return cmocka_run_group_tests_name("config_file", tests, make_folder, remove_folder);
}
