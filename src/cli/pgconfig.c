/* The group `pgconfig`: what one does with a configuration file. */
#include "cli/command.h"

#include <stddef.h>

static const cli_command *const commands[] = {&cli_pgconfig_create, &cli_pgconfig_test, &cli_pgconfig_generate,
					      &cli_pgconfig_schema, NULL};

const cli_command cli_pgconfig = {
	.name = "pgconfig",
	.summary = "make and try a configuration file",
	.about = "Makes and tries the YAML file that describes a connection.",
	.example = "pgconfig create --filepath db.yaml\npgconfig test --filepath db.yaml",
	.commands = commands,
};
