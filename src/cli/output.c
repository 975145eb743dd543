#include "cli/output.h"

#include "base/line.h"
#include "base/mask.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE 4096

static int write_errno; /* of the first write to stdout that failed */
static bool quiet, progress_shown;

/* ------------------------------------------------------------------------------ start, finish */

static void log_line(pgm_log_level level, const char *message, void *arg)
{
	(void)arg;
	cli_progress_end();
	cli_say("%s: %s", level == PGM_LOG_ERROR ? "error" : "warning", message);
}

/* Without this a socket or the file being made would get the number 1, and the results. Writing to what
 * stands here fails, as writing to a closed stdout should. */
static void fill_closed_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			exit(CLI_FAILED);
}

void cli_start(void)
{
	fill_closed_descriptors();
	signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
	signal(SIGXFSZ, SIG_IGN); /* a file size limit is an error of write(2), to be told */
#endif
	pgm_set_log(PGM_LOG_WARNING, log_line, NULL);
}

void cli_flush(void)
{
	if (fflush(stdout) != 0 && !write_errno)
		write_errno = errno;
}

int cli_finish(int status)
{
	cli_flush();
	if (write_errno && status == CLI_DONE)
		status = cli_fail("cannot write to standard output: %s", strerror(write_errno));
	return status;
}

/* ---------------------------------------------------------------------------------------- lines */

const char *cli_clean(char *buf, size_t size, const char *text)
{
	pgm__line_copy(buf, size, text);
	pgm__mask(buf);
	return buf;
}

void cli_print(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (vfprintf(stdout, fmt, args) < 0 && !write_errno)
		write_errno = errno;
	va_end(args);
}

static void vsay(const char *fmt, va_list args)
{
	char raw[LINE_SIZE], line[LINE_SIZE];

	if (vsnprintf(raw, sizeof(raw), fmt, args) < 0)
		raw[0] = '\0';
	cli_progress_end();
	fprintf(stderr, "pgmonkey: %s\n", cli_clean(line, sizeof(line), raw));
}

void cli_say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsay(fmt, args);
	va_end(args);
}

int cli_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsay(fmt, args);
	va_end(args);
	return CLI_FAILED;
}

int cli_wrong_usage(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsay(fmt, args);
	va_end(args);
	return CLI_WRONG_USAGE;
}

/* --------------------------------------------------------------------------------- the terminal */

static bool takes_sequences(int fd)
{
	const char *term = getenv("TERM");

	return isatty(fd) && !(term && strcmp(term, "dumb") == 0);
}

static bool wants_colour(int fd)
{
	const char *no_color = getenv("NO_COLOR");

	return takes_sequences(fd) && !(no_color && no_color[0]);
}

const char *cli_colour_on(cli_colour colour)
{
	static const char *const sequences[] = {
		[CLI_PLAIN] = "\033[0m", [CLI_GREEN] = "\033[32m", [CLI_RED] = "\033[31m", [CLI_DIM] = "\033[2m"};

	return wants_colour(STDOUT_FILENO) ? sequences[colour] : "";
}

void cli_set_quiet(void)
{
	quiet = true;
}

bool cli_is_quiet(void)
{
	return quiet;
}

void cli_progress(const char *doing)
{
	if (quiet || progress_shown || !takes_sequences(STDERR_FILENO))
		return;
	progress_shown = true;
	fprintf(stderr, "%s ...", doing);
	fflush(stderr);
}

void cli_progress_line(const char *text)
{
	if (quiet || !takes_sequences(STDERR_FILENO))
		return;
	progress_shown = true;
	fprintf(stderr, "\r%s\033[K", text);
	fflush(stderr);
}

void cli_progress_end(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}
