/*
 * What the program says: results to stdout, reasons to stderr. Everything that comes from a file, a server
 * or the command line is made one line without control characters, and passwords in it are masked.
 */
#ifndef PGM_CLI_OUTPUT_H
#define PGM_CLI_OUTPUT_H

#include "base/error.h"

/* The exit status. */
#define CLI_DONE 0
#define CLI_FAILED 1
#define CLI_WRONG_USAGE 2

/* Call it first: no death by SIGPIPE, no file of ours in the place of a closed stdout, log lines to stderr. */
void cli_start(void);

/* Call it last: what could not be written to stdout is a failure. Returns the exit status. */
int cli_finish(int status);

/* To stdout. */
void cli_print(const char *fmt, ...) PGM__PRINTF(1, 2);

/* Shows what was printed so far, so that it stands before what stderr says next. */
void cli_flush(void);

/* One line "pgmonkey: ..." to stderr. fail and wrong_usage return their exit status. */
void cli_say(const char *fmt, ...) PGM__PRINTF(1, 2);
int cli_fail(const char *fmt, ...) PGM__PRINTF(1, 2);
int cli_wrong_usage(const char *fmt, ...) PGM__PRINTF(1, 2);

/* Copies text to buf as it may be shown. Returns buf. */
const char *cli_clean(char *buf, size_t size, const char *text);

/* Escape sequences for stdout, or "" where colour is not wanted (https://no-color.org). */
typedef enum cli_colour { CLI_PLAIN, CLI_GREEN, CLI_RED, CLI_DIM } cli_colour;
const char *cli_colour_on(cli_colour colour);

/* --quiet: no progress, no advice on what comes next. */
void cli_set_quiet(void);
bool cli_is_quiet(void);

/* A line on a terminal's stderr while something takes its time; cli_progress_end takes it away. */
void cli_progress(const char *doing);
void cli_progress_line(const char *text); /* in the place of the one before; fits into 80 columns */
void cli_progress_end(void);

#endif
