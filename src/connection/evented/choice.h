/* Which of the connections at work takes one more statement. Pure. */
#ifndef PGM_CONNECTION_EVENTED_CHOICE_H
#define PGM_CONNECTION_EVENTED_CHOICE_H

#include <stdint.h>

/* Statements under way on a connection, at most: beyond that nothing is gained, and a slow one keeps fewer waiting. */
#define PGM__DEPTH 8

/* The load of one that takes none. */
#define PGM__LOAD_FULL INT32_MAX

/* The least loaded of n, if below PGM__DEPTH; of equals the first. -1 if there is none. */
int32_t pgm__choose_least(const int32_t *load, int32_t n);

#endif
