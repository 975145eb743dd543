#include "config/nearest.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WORD 64

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance, by rows: insert, delete, replace, swap neighbours. */
static size_t distance(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t rows[3][MAX_WORD + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2], *oldest;

	for (size_t j = 0; j <= blen; j++)
		row[j] = j;
	for (size_t i = 1; i <= alen; i++) {
		oldest = before;
		before = last;
		last = row;
		row = oldest;
		row[0] = i;
		for (size_t j = 1; j <= blen; j++) {
			bool same = lower(a[i - 1]) == lower(b[j - 1]);
			bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
				       lower(a[i - 2]) == lower(b[j - 1]);

			row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + !same);
			if (swapped)
				row[j] = least(row[j], before[j - 2] + 1);
		}
	}
	return row[blen];
}

void pgm__nearest_offer(pgm__nearest *nearest, const char *candidate)
{
	size_t wlen = strlen(nearest->word), clen = strlen(candidate), found;

	if (wlen > MAX_WORD || clen > MAX_WORD)
		return;
	found = distance(nearest->word, wlen, candidate, clen);
	if (found > (clen + 2) / 3 || found >= clen || found >= wlen)
		return;
	if (!nearest->best || found < nearest->distance) {
		nearest->best = candidate;
		nearest->distance = found;
	}
}
