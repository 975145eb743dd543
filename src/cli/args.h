/* The command line of one command, read by a table of its options. */
#ifndef PGM_CLI_ARGS_H
#define PGM_CLI_ARGS_H

#include <stdbool.h>

/* The words of a name are written with "-"; "_" is taken for the same. */
typedef struct cli_option {
	const char *name, *alias;
	const char *value; /* what the help calls its value; NULL: a flag */
	const char *default_value;
	const char *help;
	const char *const *choices; /* NULL-terminated; NULL: any text */
	bool required;
} cli_option;

/* The last row of every table is a zeroed one. */
#define CLI_OPTIONS_END \
	{               \
		0       \
	}
#define CLI_MAX_OPTIONS 16

/* Both names of the configuration file work in every command. */
#define CLI_FILE_OPTION(text)                                                                                \
	{                                                                                                    \
		.name = "filepath", .alias = "connconfig", .value = "FILE", .help = (text), .required = true \
	}

typedef struct cli_args {
	const cli_option *options;
	const char *given[CLI_MAX_OPTIONS]; /* by the row; a flag: its own name */
	bool help, version;
} cli_args;

/* --help, --version and --quiet, which every level takes. */
extern const cli_option cli_common_options[];

/*
 * Reads options up to the end, or up to the first word that is none if stops is true; *argc and *argv then
 * begin with that word. where: the command so far, for messages. False: the line is wrong, and it was
 * said. Texts are argv's own.
 */
bool cli_args_read(cli_args *args, const cli_option *options, const char *where, bool stops, int *argc, char ***argv);

/* Is everything there that must be? False: it was said what is missing. */
bool cli_args_complete(const cli_args *args, const char *where);

/* What was given, else the default, else NULL. */
const char *cli_arg(const cli_args *args, const char *name);

/* A number from 1 to most; number stays as it is if there is none. False: the line is wrong, and it was said. */
bool cli_arg_number(const cli_args *args, const char *name, int most, int *number);

#endif
