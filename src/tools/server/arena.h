/* What lives and dies together: the texts and lists of a result belong to the result. A failed allocation is
 * remembered: check failed once at the end. A zeroed arena is an empty one. */
#ifndef PGM_TOOLS_SERVER_ARENA_H
#define PGM_TOOLS_SERVER_ARENA_H

#include "base/error.h"

#include <stddef.h>

typedef struct pgm__arena {
	struct pgm__arena_block *blocks;
	bool failed;
} pgm__arena;

/* Zeroed memory; NULL if there is none. */
void *pgm__arena_room(pgm__arena *arena, size_t size);

/* Never NULL: "" if memory is out. NULL is copied as NULL. */
const char *pgm__arena_copy(pgm__arena *arena, const char *text);
const char *pgm__arena_printf(pgm__arena *arena, const char *fmt, ...) PGM__PRINTF(2, 3);

/* Takes over what malloc gave. */
const char *pgm__arena_adopt(pgm__arena *arena, char *text);

/* The list with room for one more item than count; NULL, and the old one stays as it is, if memory is out. */
void *pgm__arena_grow(pgm__arena *arena, const void *list, size_t count, size_t item_size);

void pgm__arena_free(pgm__arena *arena);

#endif
