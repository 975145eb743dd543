/* Three kinds of CSV file, the same bytes in every run. */
#ifndef BENCH_CSV_SHAPES_H
#define BENCH_CSV_SHAPES_H

#include <stdint.h>
#include <stdio.h>

typedef struct shape {
	const char *name;
	const char *columns; /* of CREATE TABLE; their names are the file's header */
	long rows;	     /* of the full size */
	void (*row)(FILE *to, long number);
} shape;

/* The end is one without a name. */
extern const shape shapes[];

/* A file with a header and that many rows; its size in bytes. */
long long shape_write(const shape *s, const char *path, long rows);

#endif
