/* `pgmonkey pgconfig schema`: the JSON schema of the YAML file. */
#include "cli/command.h"
#include "cli/output.h"
#include "cli/schema.h"

#include <stdlib.h>

static int run(const cli_args *args)
{
	char *text = cli_schema_text();

	(void)args;
	if (!text)
		return cli_fail("out of memory");
	cli_print("%s\n", text);
	free(text);
	return CLI_DONE;
}

const cli_command cli_pgconfig_schema = {
	.name = "schema",
	.summary = "print the JSON schema of the file",
	.about = "Prints the JSON schema by which editors check and complete the YAML file. It is installed, too, and "
		 "the\n"
		 "first line of a file that `pgconfig create` wrote names it.",
	.example = "pgconfig schema >pgmonkey.schema.json",
	.run = run,
};
