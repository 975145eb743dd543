/* Figures of one kind, and how they spread. */
#ifndef BENCH_SAMPLE_H
#define BENCH_SAMPLE_H

#include <stdint.h>

#define SAMPLES_MOST 200

typedef struct sample {
	int count;
	double value[SAMPLES_MOST];
} sample;

void sample_add(sample *s, double value);

/* part 0.5 is the median, 0.25 and 0.75 the quartiles. Sorts. */
double sample_at(sample *s, double part);

/* A row of a table: the median and, behind it, the quartiles, with that many decimals. */
void sample_print(sample *s, int decimals);

int64_t now_ns(void);

#endif
