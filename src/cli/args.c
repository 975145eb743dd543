#include "cli/args.h"

#include "cli/output.h"
#include "config/nearest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const cli_option cli_common_options[] = {
	{.name = "help", .help = "show this, and an example"},
	{.name = "version", .help = "show the version"},
	{.name = "quiet", .help = "no progress and no advice on what comes next"},
	CLI_OPTIONS_END,
};

/* ---------------------------------------------------------------------------------------- names */

static bool same_name(const char *given, size_t len, const char *name)
{
	if (!name || strlen(name) != len)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((given[i] == '_' ? '-' : given[i]) != name[i])
			return false;
	return true;
}

static const cli_option *find(const cli_option *options, const char *given, size_t len)
{
	for (; options->name; options++)
		if (same_name(given, len, options->name) || same_name(given, len, options->alias))
			return options;
	return NULL;
}

static void offer_all(pgm__nearest *nearest, const cli_option *options)
{
	for (; options->name; options++) {
		pgm__nearest_offer(nearest, options->name);
		if (options->alias)
			pgm__nearest_offer(nearest, options->alias);
	}
}

static bool fail_unknown(const char *word, size_t len, const cli_option *options, const char *where)
{
	char name[64];
	pgm__nearest nearest = {.word = name};

	snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1), word);
	offer_all(&nearest, options);
	offer_all(&nearest, cli_common_options);
	if (nearest.best)
		cli_wrong_usage("unknown option --%s: did you mean --%s?", name, nearest.best);
	else
		cli_wrong_usage("unknown option --%s: see %s --help", name, where);
	return false;
}

/* --------------------------------------------------------------------------------------- values */

static void list_choices(const char *const *choices, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (; *choices && len < size; choices++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", len ? ", " : "", *choices);
}

static bool check_choice(const cli_option *option, const char *value)
{
	pgm__nearest nearest = {.word = value};
	char all[256];

	for (const char *const *choice = option->choices; *choice; choice++) {
		if (strcmp(*choice, value) == 0)
			return true;
		pgm__nearest_offer(&nearest, *choice);
	}
	list_choices(option->choices, all, sizeof(all));
	cli_wrong_usage("--%s: expected one of %s, found \"%s\"%s%s%s", option->name, all, value,
			nearest.best ? ": did you mean " : "", nearest.best ? nearest.best : "",
			nearest.best ? "?" : "");
	return false;
}

static bool set_value(cli_args *args, const cli_option *option, const char *value)
{
	const char **place = &args->given[option - args->options];

	if (!value || !value[0]) {
		cli_wrong_usage("--%s needs a value: %s", option->name, option->value);
		return false;
	}
	if (*place) {
		cli_wrong_usage("--%s%s%s is given twice", option->name, option->alias ? " or --" : "",
				option->alias ? option->alias : "");
		return false;
	}
	*place = value;
	return !option->choices || check_choice(option, value);
}

static bool set_flag(cli_args *args, const cli_option *option, const char *value)
{
	if (value) {
		cli_wrong_usage("--%s takes no value", option->name);
		return false;
	}
	if (strcmp(option->name, "help") == 0)
		args->help = true;
	else if (strcmp(option->name, "version") == 0)
		args->version = true;
	else if (strcmp(option->name, "quiet") == 0)
		cli_set_quiet();
	else
		args->given[option - args->options] = option->name;
	return true;
}

/* -------------------------------------------------------------------------------------- reading */

/* A value may begin with "-", but what begins with "--" is the next option: --name=--value if it is not. */
static const char *take_next(int *argc, char ***argv)
{
	if (*argc < 2 || strncmp((*argv)[1], "--", 2) == 0)
		return NULL;
	(*argc)--;
	(*argv)++;
	return **argv;
}

static bool read_option(cli_args *args, const char *where, int *argc, char ***argv)
{
	const char *word = **argv + 2;
	size_t len = strcspn(word, "=");
	const char *value = word[len] == '=' ? word + len + 1 : NULL;
	const cli_option *option = find(args->options, word, len);

	if (!option)
		option = find(cli_common_options, word, len);
	if (!option)
		return fail_unknown(word, len, args->options, where);
	if (!option->value)
		return set_flag(args, option, value);
	return set_value(args, option, value ? value : take_next(argc, argv));
}

bool cli_args_read(cli_args *args, const cli_option *options, const char *where, bool stops, int *argc, char ***argv)
{
	*args = (cli_args){.options = options};
	for (; *argc > 0; (*argc)--, (*argv)++) {
		const char *word = **argv;

		if (strcmp(word, "-h") == 0) {
			args->help = true;
		} else if (strncmp(word, "--", 2) == 0 && word[2]) {
			if (!read_option(args, where, argc, argv))
				return false;
		} else if (stops && word[0] != '-') {
			return true;
		} else {
			cli_wrong_usage("%s \"%s\": see %s --help",
					word[0] == '-' ? "unknown option" : "unexpected argument", word, where);
			return false;
		}
	}
	return true;
}

bool cli_args_complete(const cli_args *args, const char *where)
{
	for (const cli_option *option = args->options; option->name; option++)
		if (option->required && !args->given[option - args->options]) {
			cli_wrong_usage("--%s is missing: see %s --help", option->name, where);
			return false;
		}
	return true;
}

const char *cli_arg(const cli_args *args, const char *name)
{
	const cli_option *option = find(args->options, name, strlen(name));
	const char *given = option ? args->given[option - args->options] : NULL;

	return given || !option ? given : option->default_value;
}

bool cli_arg_number(const cli_args *args, const char *name, int most, int *number)
{
	const char *text = cli_arg(args, name);
	char *end = NULL;
	long value = text ? strtol(text, &end, 10) : 0;

	if (text && (end == text || *end || value < 1 || value > most))
		return !cli_wrong_usage("--%s: expected a number from 1 to %d, found \"%s\"", name, most, text);
	if (text)
		*number = (int)value;
	return true;
}
