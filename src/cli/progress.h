/* How far a long piece of work has come: one line on a terminal, redrawn in its place. */
#ifndef PGM_CLI_PROGRESS_H
#define PGM_CLI_PROGRESS_H

#include "base/clock.h"
#include "pgmonkey.h"

#include <stddef.h>

/* Zeroed before the work begins. cli_progress_end (output.h) takes the line away. */
typedef struct cli_bar {
	pgm__time began, drawn;
} cli_bar;

/*
 * Redraws the line, ten times a second at most. part: how much of the work is done, 0 to 1; negative if nobody knows.
 * Does nothing with --quiet, or where stderr is no terminal.
 */
void cli_bar_show(cli_bar *bar, double part, int64_t bytes, int64_t rows);

/* For on_note of pgm_csv_import and pgm_csv_export: a line to stderr; with --quiet only what is a warning. */
void cli_show_note(pgm_log_level level, const char *text, void *arg);

/* The line's text, " 42 %  118.0 MB/s  1,234,567 rows  0:12 left". Pure. Returns buf. */
const char *cli_bar_text(char *buf, size_t size, double part, int64_t bytes, int64_t rows, double seconds);

#endif
