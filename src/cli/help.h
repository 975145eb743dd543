/* --help and --version, made from the tables of commands and options. */
#ifndef PGM_CLI_HELP_H
#define PGM_CLI_HELP_H

#include "cli/command.h"

/* where: the command with its groups, "pgmonkey pgconfig test". Both return the exit status. */
int cli_help(const cli_command *command, const char *where);
int cli_version(void);

#endif
