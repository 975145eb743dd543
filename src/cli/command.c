#include "cli/command.h"

#include "cli/help.h"
#include "cli/output.h"
#include "config/nearest.h"

#include <stdio.h>
#include <string.h>

/* "pgconfig or pgimport" */
static void list_commands(const cli_command *const *commands, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; commands[i] && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s",
					i == 0		  ? ""
					: commands[i + 1] ? ", "
							  : " or ",
					commands[i]->name);
}

static int fail_unknown(const cli_command *group, const char *where, const char *word)
{
	pgm__nearest nearest = {.word = word};
	char all[256];

	for (const cli_command *const *c = group->commands; *c; c++)
		pgm__nearest_offer(&nearest, (*c)->name);
	if (nearest.best)
		return cli_wrong_usage("unknown command \"%s\": did you mean %s %s?", word, where, nearest.best);
	list_commands(group->commands, all, sizeof(all));
	return cli_wrong_usage("unknown command \"%s\": expected %s; see %s --help", word, all, where);
}

static int run_group(const cli_command *group, const char *where, const char *word, int argc, char **argv);

static int run_command(const cli_command *command, const char *where, int argc, char **argv)
{
	static const cli_option none[] = {CLI_OPTIONS_END};
	cli_args args;

	if (!cli_args_read(&args, command->options ? command->options : none, where, command->commands != NULL, &argc,
			   &argv))
		return CLI_WRONG_USAGE;
	if (args.help)
		return cli_help(command, where);
	if (args.version)
		return cli_version();
	if (command->commands)
		return run_group(command, where, argc > 0 ? *argv : NULL, argc - 1, argv + 1);
	return cli_args_complete(&args, where) ? command->run(&args) : CLI_WRONG_USAGE;
}

static int run_group(const cli_command *group, const char *where, const char *word, int argc, char **argv)
{
	char path[128], all[256];

	if (!word) {
		list_commands(group->commands, all, sizeof(all));
		return cli_wrong_usage("%s needs a command: %s; see %s --help", where, all, where);
	}
	for (const cli_command *const *c = group->commands; *c; c++)
		if (strcmp((*c)->name, word) == 0) {
			snprintf(path, sizeof(path), "%s %s", where, word);
			return run_command(*c, path, argc, argv);
		}
	return fail_unknown(group, where, word);
}

int cli_command_run(const cli_command *root, int argc, char **argv)
{
	return run_command(root, root->name, argc > 0 ? argc - 1 : 0, argv + 1);
}
