/* The tree of commands: a group has commands of its own, the others run. */
#ifndef PGM_CLI_COMMAND_H
#define PGM_CLI_COMMAND_H

#include "cli/args.h"

typedef struct cli_command cli_command;
struct cli_command {
	const char *name, *summary;	    /* summary: one line for the list */
	const char *about;		    /* lines for its own help */
	const char *example;		    /* lines, without "pgmonkey" */
	const cli_command *const *commands; /* of a group; NULL-terminated */
	const cli_option *options;
	int (*run)(const cli_args *args); /* returns the exit status */
};

/* One file each. The list of all is in main.c and in the groups. */
extern const cli_command cli_pgconfig;
extern const cli_command cli_pgconfig_create;
extern const cli_command cli_pgconfig_generate;
extern const cli_command cli_pgconfig_schema;
extern const cli_command cli_pgconfig_test;
extern const cli_command cli_pgexport;
extern const cli_command cli_pgimport;
extern const cli_command cli_pgserverconfig;

/* Finds the command that the words name, and runs it. Returns the exit status. */
int cli_command_run(const cli_command *root, int argc, char **argv);

#endif
