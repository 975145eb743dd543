#include "cli/progress.h"

#include "cli/output.h"

#include <inttypes.h>
#include <stdio.h>

#define REDRAW_EVERY (100 * PGM__MS)
/* Before that nothing is known of the speed. */
#define FIRST_GUESS_AFTER 0.5

/* "1,234,567" */
static const char *grouped(char *buf, size_t size, int64_t number)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, number);
	size_t at = 0;

	for (int i = 0; i < len && at + 2 < size; i++) {
		if (i > 0 && (len - i) % 3 == 0)
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

static const char *duration(char *buf, size_t size, double seconds)
{
	int64_t s = (int64_t)(seconds + 0.5);

	if (s < 3600)
		snprintf(buf, size, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
	else
		snprintf(buf, size, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60, s % 60);
	return buf;
}

const char *cli_bar_text(char *buf, size_t size, double part, int64_t bytes, int64_t rows, double seconds)
{
	char percent[16] = "", left[40] = "", number[32], time[32];

	if (part >= 0)
		snprintf(percent, sizeof(percent), "%3d %%  ", (int)(part * 100));
	if (part > 0 && part <= 1 && seconds >= FIRST_GUESS_AFTER)
		snprintf(left, sizeof(left), "  %s left", duration(time, sizeof(time), seconds / part - seconds));
	snprintf(buf, size, "%s%.1f MB/s  %s rows%s", percent, seconds > 0 ? (double)bytes / 1e6 / seconds : 0.0,
		 grouped(number, sizeof(number), rows), left);
	return buf;
}

void cli_bar_show(cli_bar *bar, double part, int64_t bytes, int64_t rows)
{
	pgm__time now = pgm__clock_coarse();
	char text[128];

	if (!bar->began)
		bar->began = now;
	if (now - bar->drawn < REDRAW_EVERY)
		return;
	bar->drawn = now;
	cli_progress_line(
		cli_bar_text(text, sizeof(text), part, bytes, rows, (double)(now - bar->began) / (double)PGM__SECOND));
}

void cli_show_note(pgm_log_level level, const char *text, void *arg)
{
	(void)arg;
	if (!cli_is_quiet() || level <= PGM_LOG_WARNING)
		cli_say("%s", text);
}
