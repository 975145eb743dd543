/* "Did you mean ...?" */
#ifndef PGM_CONFIG_NEAREST_H
#define PGM_CONFIG_NEAREST_H

#include <stdbool.h>
#include <stddef.h>

/* The best candidate so far. Zeroed but for the word that was given. */
typedef struct pgm__nearest {
	const char *word, *best;
	size_t distance;
} pgm__nearest;

/* Looks at one candidate; the first of several that are equally near is kept, and best stays NULL if none is
 * near: one change for each three letters. Case does not count, two letters swapped are one change. */
void pgm__nearest_offer(pgm__nearest *nearest, const char *candidate);

#endif
