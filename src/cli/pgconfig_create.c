/* `pgmonkey pgconfig create`: a commented file to start from. */
#include "base/file.h"
#include "base/line.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/schema.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const types[] = {"pg", NULL};

static const cli_option options[] = {
	CLI_FILE_OPTION("the file to make; folders that are not there are made too"),
	{.name = "type", .value = "TYPE", .default_value = "pg", .choices = types, .help = "pg: PostgreSQL"},
	CLI_OPTIONS_END,
};

/* ------------------------------------------------------------------------------------- folders */

/* A folder that is to hold a password is for its owner alone, as the file is, whatever the umask. */
static bool make_folder(const char *path)
{
	if (mkdir(path, S_IRWXU) == 0)
		return chmod(path, S_IRWXU) == 0;
	return errno == EEXIST; /* if it is no folder, making the next one in it tells */
}

/* Each folder of the path that comes before a slash. False: errno tells, path is cut to the culprit. */
static bool make_parents(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		struct stat st;

		*slash = '\0';
		if (stat(path, &st) != 0 && !make_folder(path))
			return false;
		*slash = '/';
	}
	return true;
}

/* ---------------------------------------------------------------------------------------- file */

/* O_EXCL: nothing that is there is touched, not even a link to nowhere. */
static bool make_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
	int why = 0;

	if (fd < 0)
		return false;
	if (fchmod(fd, S_IRUSR | S_IWUSR) != 0 || !pgm__file_write(fd, text, strlen(text)))
		why = errno;
	if (close(fd) != 0 && !why)
		why = errno;
	if (why)
		unlink(path);
	errno = why;
	return why == 0;
}

static int create(char *path, const char *text)
{
	if (!make_parents(path))
		return cli_fail("cannot make the folder %s: %s", path, strerror(errno));
	if (make_file(path, text))
		return CLI_DONE;
	if (errno == EEXIST)
		return cli_fail("%s is there already and stays as it is: choose another name, or move it away", path);
	return cli_fail("cannot write %s: %s", path, strerror(errno));
}

/* ------------------------------------------------------------------------------------- command */

/* As one word for a shell. */
static void print_quoted(const char *path)
{
	if (!path[strcspn(path, " \t\"'\\$`&|;<>()*?[]#~!{}")]) {
		cli_print("%s", path);
		return;
	}
	cli_print("'");
	for (; *path; path++)
		cli_print("%s%c", *path == '\'' ? "'\\'" : "", *path);
	cli_print("'");
}

static bool fits_on_a_line(const char *path)
{
	while (*path && !iscntrl((unsigned char)*path))
		path++;
	return !*path;
}

/* The path as it was typed: nothing in it is taken for a password, as the command has to work. */
static void tell_what_next(const char *path)
{
	char shown[1024];

	pgm__line_copy(shown, sizeof(shown), path);
	cli_print("%s is written; only you can read it.\n", shown);
	cli_print("Next: fill in connection_settings, then try it:\n  pgmonkey pgconfig test --filepath ");
	print_quoted(fits_on_a_line(path) ? path : shown);
	cli_print("\n");
}

static int run(const cli_args *args)
{
	pgm_error err;
	const char *given = cli_arg(args, "filepath"), *slash = strrchr(given, '/');
	char *path = strdup(given), *schema = cli_schema_address();
	char *text = pgm_config_template(schema, &err);
	int status = CLI_FAILED;

	if (!path || !text)
		cli_fail("%s", text ? "out of memory" : err.message);
	else if (slash && !slash[1])
		status = cli_wrong_usage("--filepath: expected the name of a file, %s ends in a slash", given);
	else
		status = create(path, text);
	if (status == CLI_DONE && !cli_is_quiet())
		tell_what_next(given);
	free(text);
	free(schema);
	free(path);
	return status;
}

const cli_command cli_pgconfig_create = {
	.name = "create",
	.summary = "write a commented file to start from",
	.about = "Writes a commented YAML file with every setting and what it means, readable by you alone.\n"
		 "A file that is there already is never touched.",
	.example = "pgconfig create --filepath ~/.config/myapp/db.yaml",
	.options = options,
	.run = run,
};
