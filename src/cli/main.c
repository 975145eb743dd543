/* The program pgmonkey. */
#include "cli/command.h"
#include "cli/output.h"

#include <stddef.h>

static const cli_command *const commands[] = {&cli_pgconfig, &cli_pgserverconfig, &cli_pgimport, &cli_pgexport, NULL};

static const cli_command program = {
	.name = "pgmonkey",
	.about = "Connections to PostgreSQL from one YAML file.\n"
		 "Exit status: 0 done, 1 it failed, 2 the command line is wrong.",
	.example = "pgconfig create --filepath db.yaml\npgconfig test --filepath db.yaml",
	.commands = commands,
};

int main(int argc, char **argv)
{
	cli_start();
	return cli_finish(cli_command_run(&program, argc, argv));
}
