#include "tools/csv/line_map.h"

#include <stdbool.h>
#include <stdlib.h>

#define FIRST_RUNS 16

static bool grow(pgm__line_map *map)
{
	size_t capacity = map->capacity ? map->capacity * 2 : FIRST_RUNS;
	pgm__line_run *runs = realloc(map->runs, capacity * sizeof(*runs));

	if (!runs)
		return map->capacity > 0; /* goes on as a smaller ring; its order stays, as it was full */
	map->runs = runs;
	map->capacity = capacity;
	return true;
}

void pgm__line_map_change(pgm__line_map *map, uint64_t row, uint64_t line)
{
	if (map->nruns == map->capacity && map->capacity < PGM__LINE_MAP_RUNS && !grow(map))
		return;
	map->runs[map->nruns % map->capacity] = (pgm__line_run){row, line};
	map->nruns++;
	map->ahead = line - row;
}

uint64_t pgm__line_map_find(const pgm__line_map *map, uint64_t row)
{
	size_t oldest = map->nruns > map->capacity ? map->nruns - map->capacity : 0;

	for (size_t i = map->nruns; i-- > oldest;) {
		const pgm__line_run *run = &map->runs[i % map->capacity];

		if (run->row <= row)
			return run->line + (row - run->row);
	}
	return 0;
}

void pgm__line_map_free(pgm__line_map *map)
{
	free(map->runs);
	*map = (pgm__line_map){0};
}
