/* Which of the connections at work takes one more statement. Pure. */
#ifndef PGM_CONNECTION_EVENTED_CHOICE_H
#define PGM_CONNECTION_EVENTED_CHOICE_H

#include <stdint.h>

/* Statements under way on a connection, at most. Fewer cost a fifth more CPU time each where many wait (bench/async
 * 16/1000); more keep more waiting behind a slow one, and leave more in doubt when the connection is lost. */
#define PGM__DEPTH 64

/* The load of one that takes none. */
#define PGM__LOAD_FULL INT32_MAX

/* The least loaded of n, if below PGM__DEPTH; of equals the first. -1 if there is none. */
int32_t pgm__choose_least(const int32_t *load, int32_t n);

#endif
