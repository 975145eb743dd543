/* The member "hba" of pgserverconfig's JSON: which rule decides. */
#ifndef PGM_CLI_SERVER_RULES_H
#define PGM_CLI_SERVER_RULES_H

#include "cli/json.h"
#include "pgmonkey/server.h"

/* audit may be NULL. */
void cli_server_json_rules(cli_json *j, const pgm_server_report *audit);

#endif
