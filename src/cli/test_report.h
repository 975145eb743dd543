/* The outcome of `pgconfig test`, and how it is shown: a table for people, or JSON. */
#ifndef PGM_CLI_TEST_REPORT_H
#define PGM_CLI_TEST_REPORT_H

#include "connection/probe.h"

typedef struct cli_test_report {
	const char *file;
	const char *type; /* NULL: the configuration could not be read so far */
	bool ok;
	pgm_error error; /* unless ok */

	bool probed;
	pgm__probe probe;

	/* Holding several connections at once: pool types only. */
	int wanted, held; /* wanted 0: not done */
	int min_size, max_size;
	pgm__time took;
} cli_test_report;

/* The table up to SELECT 1; then the line about the pool; then how it ended. Each flushed as it comes. */
void cli_test_show_steps(const cli_test_report *report);
void cli_test_show_pool(const cli_test_report *report);
void cli_test_show_end(const cli_test_report *report);

/* All of it as one object. False if memory is out. */
bool cli_test_show_json(const cli_test_report *report);

#endif
