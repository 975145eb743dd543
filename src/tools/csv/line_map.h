/*
 * The file's line of a row that was sent. A server counts the rows of a COPY, which are the file's lines as long as there
 * is no blank line and no line end inside quotes; so what is kept is where that count changes, for as long back as a
 * server may lag behind.
 */
#ifndef PGM_TOOLS_CSV_LINE_MAP_H
#define PGM_TOOLS_CSV_LINE_MAP_H

#include <stddef.h>
#include <stdint.h>

/* Each such row has several bytes, and what sockets hold back is a few MiB. */
#define PGM__LINE_MAP_RUNS ((size_t)1 << 17)

typedef struct pgm__line_run {
	uint64_t row, line;
} pgm__line_run;

typedef struct pgm__line_map {
	pgm__line_run *runs; /* a ring, grown when it is first needed */
	size_t capacity;
	size_t nruns;	/* ever added: the newest is at nruns - 1 */
	uint64_t ahead; /* line - row of the newest */
} pgm__line_map;

void pgm__line_map_free(pgm__line_map *map);

/* Without memory the place of the row is not known, no more. */
void pgm__line_map_change(pgm__line_map *map, uint64_t row, uint64_t line);

/* row counts from 1, and each call has the next one. A zeroed map is an empty one. */
static inline void pgm__line_map_note(pgm__line_map *map, uint64_t row, uint64_t line)
{
	if (line - row != map->ahead || map->nruns == 0)
		pgm__line_map_change(map, row, line);
}

/* 0: not known any more. */
uint64_t pgm__line_map_find(const pgm__line_map *map, uint64_t row);

#endif
