#include "cli/help.h"

#include "cli/output.h"

#include <stdio.h>
#include <string.h>

#define COLUMN 28

/* "--format text|json" */
static void describe(const cli_option *option, char *buf, size_t size)
{
	size_t len = (size_t)snprintf(buf, size, "--%s%s%s", option->name, option->value ? " " : "",
				      option->value && !option->choices ? option->value : "");

	for (const char *const *c = option->choices; c && *c && len < size; c++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", c == option->choices ? "" : "|", *c);
}

/* Required ones first, as one would write them. */
static void print_usage(const cli_command *command, const char *where)
{
	char text[160];

	cli_print("usage: %s", where);
	for (int optional = 0; optional < 2; optional++)
		for (const cli_option *o = command->options; o && o->name; o++)
			if (o->required != optional) {
				describe(o, text, sizeof(text));
				cli_print(optional ? " [%s]" : " %s", text);
			}
	cli_print("%s\n\n%s\n", command->commands ? " COMMAND ..." : "", command->about);
}

static void print_row(const char *name, const char *help)
{
	if (strlen(name) < COLUMN)
		cli_print("  %-*s%s", COLUMN, name, help);
	else
		cli_print("  %s\n  %-*s%s", name, COLUMN, "", help);
}

static void print_options(const cli_option *options)
{
	char text[160];

	for (; options && options->name; options++) {
		/* Many choices stand in the usage line already. */
		snprintf(text, sizeof(text), "--%s%s%s", options->name, options->value ? " " : "",
			 options->value ? options->value : "");
		print_row(text, options->help);
		if (options->alias)
			cli_print("; --%s is the same", options->alias);
		if (options->default_value)
			cli_print(" (default: %s)", options->default_value);
		cli_print("\n");
	}
}

static void print_example(const char *example)
{
	cli_print("\nexample:\n");
	while (*example) {
		int len = (int)strcspn(example, "\n");

		cli_print("  pgmonkey %.*s\n", len, example);
		example += len + (example[len] == '\n');
	}
}

int cli_help(const cli_command *command, const char *where)
{
	print_usage(command, where);
	if (command->commands)
		cli_print("\ncommands:\n");
	for (const cli_command *const *c = command->commands; c && *c; c++) {
		print_row((*c)->name, (*c)->summary);
		cli_print("\n");
	}
	cli_print("\noptions:\n");
	print_options(command->options);
	print_options(cli_common_options);
	print_example(command->example);
	return CLI_DONE;
}

int cli_version(void)
{
	cli_print("pgmonkey %s\n", pgm_version());
	return CLI_DONE;
}
