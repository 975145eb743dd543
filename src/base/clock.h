/*
 * Time is int64_t nanoseconds of CLOCK_MONOTONIC: no wall clock, so a jump of the date changes nothing.
 * Deadlines inside, timeouts at the edge: a public timeout becomes a deadline once.
 */
#ifndef PGM_BASE_CLOCK_H
#define PGM_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

typedef int64_t pgm__time;

#define PGM__NEVER INT64_MAX
#define PGM__MS INT64_C(1000000)
#define PGM__SECOND INT64_C(1000000000)

/* Exact, about 20 ns. */
pgm__time pgm__clock_now(void);

/* Behind pgm__clock_now by up to one tick of the kernel (1 to 10 ms), and four times as cheap. */
pgm__time pgm__clock_coarse(void);

/* now + ms; negative ms: PGM__NEVER. Does not overflow. */
pgm__time pgm__clock_after_ms(int64_t ms);

/* What poll(2) wants: milliseconds from now to deadline, rounded up, -1 for PGM__NEVER, 0 if past. */
int pgm__clock_poll_timeout(pgm__time deadline);

/* For pthread_cond_timedwait on a condition that uses CLOCK_MONOTONIC. */
struct timespec pgm__clock_timespec(pgm__time t);

#endif
