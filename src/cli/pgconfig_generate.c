/* `pgmonkey pgconfig generate-code`: a program to start from. */
#include "cli/command.h"
#include "cli/output.h"
#include "config/setting.h"
#include "pgmonkey/codegen.h"

#include <stdlib.h>
#include <string.h>

static const char *const languages[] = {"c", "python", NULL};
static const char *const libraries[] = {"pgmonkey", "libpq", "psycopg", NULL};
static const char *const loops[] = {"none", "uv", NULL};

static const cli_option options[] = {
	CLI_FILE_OPTION("the configuration that the program is to read"),
	{.name = "connection-type", .value = "TYPE", .choices = pgm__type_names, .help = "in place of the file's"},
	{.name = "language",
	 .value = "LANGUAGE",
	 .choices = languages,
	 .help = "c unless the library is of another one"},
	{.name = "library",
	 .value = "LIBRARY",
	 .choices = libraries,
	 .help = "c: pgmonkey, or libpq alone; python: psycopg, with psycopg_pool for the pools"},
	{.name = "loop",
	 .value = "LOOP",
	 .default_value = "none",
	 .choices = loops,
	 .help = "the event loop that async or async_pool joins, with pgmonkey; uv: libuv"},
	CLI_OPTIONS_END,
};

static pgm_code_options read_line(const cli_args *args)
{
	const char *type = cli_arg(args, "connection-type"), *loop = cli_arg(args, "loop");

	return (pgm_code_options){
		.size = sizeof(pgm_code_options),
		.path = cli_arg(args, "filepath"),
		.type = type ? pgm__type_of(type) : PGM_FROM_CONFIG,
		.language = cli_arg(args, "language"),
		.library = cli_arg(args, "library"),
		.loop = strcmp(loop, "none") == 0 ? NULL : loop,
	};
}

static int run(const cli_args *args)
{
	const pgm_code_options wanted = read_line(args);
	pgm_error err;
	pgm_config *config = pgm_config_load(wanted.path, &err);
	char *code;

	if (!config)
		return cli_fail("%s", err.message);
	code = pgm_generate_code(config, &wanted, &err);
	pgm_config_free(config);
	if (!code)
		return err.code == PGM_ERR_MISUSE ? cli_wrong_usage("%s", err.message) : cli_fail("%s", err.message);
	cli_print("%s", code);
	free(code);
	return CLI_DONE;
}

const cli_command cli_pgconfig_generate = {
	.name = "generate-code",
	.summary = "print a program to start from",
	.about = "Prints a complete program for the file and the connection type, ready to be built.\n"
		 "It reads the file when it runs: there is no password in it. Its first comment says how to build it.",
	.example = "pgconfig generate-code --filepath db.yaml >program.c\n"
		   "pgconfig generate-code --filepath db.yaml --connection-type async_pool --loop uv >program.c\n"
		   "pgconfig generate-code --filepath db.yaml --language python >program.py",
	.options = options,
	.run = run,
};
