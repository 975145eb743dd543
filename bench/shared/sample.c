#include "sample.h"

#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void sample_add(sample *s, double value)
{
	if (s->count == SAMPLES_MOST)
		die("more than %d samples", SAMPLES_MOST);
	s->value[s->count++] = value;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double sample_at(sample *s, double part)
{
	qsort(s->value, (size_t)s->count, sizeof *s->value, compare);
	return s->count ? s->value[(int)(part * (s->count - 1) + 0.5)] : 0;
}

void sample_print(sample *s, int decimals)
{
	printf("  %10.*f  (%.*f to %.*f)", decimals, sample_at(s, 0.5), decimals, sample_at(s, 0.25), decimals,
	       sample_at(s, 0.75));
}

int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
