#ifndef BENCH_CSV_SPLITTER_H
#define BENCH_CSV_SPLITTER_H

#include "shapes.h"

/* Prints a row: GB/s of splitting the file at path into fields, without a server. */
void splitter_measure(const shape *s, const char *path, long rows, int rounds);

#endif
