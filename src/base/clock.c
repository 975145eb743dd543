#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "base/clock.h"

#include <limits.h>

#if defined(CLOCK_MONOTONIC_COARSE)
#define COARSE_CLOCK CLOCK_MONOTONIC_COARSE
#else
#define COARSE_CLOCK CLOCK_MONOTONIC
#endif

static pgm__time read_clock(clockid_t id)
{
	struct timespec now = {0, 0};

	clock_gettime(id, &now); /* with a valid id and pointer it cannot fail */
	return (pgm__time)now.tv_sec * PGM__SECOND + now.tv_nsec;
}

pgm__time pgm__clock_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

pgm__time pgm__clock_coarse(void)
{
	return read_clock(COARSE_CLOCK);
}

pgm__time pgm__clock_after_ms(int64_t ms)
{
	pgm__time now;

	if (ms < 0)
		return PGM__NEVER;
	now = pgm__clock_now();
	return ms > (PGM__NEVER - now) / PGM__MS ? PGM__NEVER : now + ms * PGM__MS;
}

int pgm__clock_poll_timeout(pgm__time deadline)
{
	pgm__time now, left, ms;

	if (deadline == PGM__NEVER)
		return -1;
	now = pgm__clock_now();
	if (deadline <= now)
		return 0;
	left = deadline - now;
	ms = left / PGM__MS + (left % PGM__MS != 0);
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

struct timespec pgm__clock_timespec(pgm__time t)
{
	struct timespec ts = {0, 0};

	if (t > 0) {
		ts.tv_sec = (time_t)(t / PGM__SECOND);
		ts.tv_nsec = (long)(t % PGM__SECOND);
	}
	return ts;
}
