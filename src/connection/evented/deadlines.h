/* What is to happen when: a heap of deadlines, the earliest first. Pure. */
#ifndef PGM_CONNECTION_EVENTED_DEADLINES_H
#define PGM_CONNECTION_EVENTED_DEADLINES_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>

/* Part of whatever has a deadline; zeroed: in no heap. */
typedef struct pgm__deadline {
	pgm__time at;
	size_t place; /* in the heap, from 1 on; 0: not in it */
} pgm__deadline;

/* Zeroed is empty. */
typedef struct pgm__deadlines {
	pgm__deadline **heap;
	size_t count, capacity;
} pgm__deadlines;

/* Room for that many in all, so that adding them cannot fail. False: no memory. */
bool pgm__deadlines_reserve(pgm__deadlines *d, size_t count);

/* Into the heap, or to another place in it. There must be room. PGM__NEVER: out of it. */
void pgm__deadlines_set(pgm__deadlines *d, pgm__deadline *one, pgm__time at);

/* One that is not in it is left alone. */
void pgm__deadlines_remove(pgm__deadlines *d, pgm__deadline *one);

/* NULL if there is none. */
pgm__deadline *pgm__deadlines_first(const pgm__deadlines *d);

void pgm__deadlines_free(pgm__deadlines *d);

#endif
