/* What `pgserverconfig` found, and how it is shown: lines to be pasted, a table for people, or JSON. */
#ifndef PGM_CLI_SERVER_REPORT_H
#define PGM_CLI_SERVER_REPORT_H

#include "pgmonkey/server.h"

typedef struct cli_server_report {
	const char *file;
	const pgm_server_client *client;
	const pgm_server_advice *advice;
	const pgm_server_report *audit; /* NULL: not asked for */
	bool strict, failed;
} cli_server_report;

/* What is no line of a configuration file begins with "#". */
void cli_server_show_advice(const cli_server_report *report);

/* The table of the audit, and how it ended. */
void cli_server_show_audit(const cli_server_report *report);

/* All of it as one object. False if memory is out. */
bool cli_server_show_json(const cli_server_report *report);

#endif
