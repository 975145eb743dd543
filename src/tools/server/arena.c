#include "tools/server/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pgm__arena_block {
	struct pgm__arena_block *next;
	max_align_t memory[];
};

void *pgm__arena_room(pgm__arena *arena, size_t size)
{
	struct pgm__arena_block *block = calloc(1, sizeof(*block) + size);

	if (!block) {
		arena->failed = true;
		return NULL;
	}
	block->next = arena->blocks;
	arena->blocks = block;
	return block->memory;
}

const char *pgm__arena_copy(pgm__arena *arena, const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;
	char *copy;

	if (!text)
		return NULL;
	copy = pgm__arena_room(arena, size);
	return copy ? memcpy(copy, text, size) : "";
}

const char *pgm__arena_printf(pgm__arena *arena, const char *fmt, ...)
{
	va_list args;
	char *text = NULL;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (len >= 0)
		text = pgm__arena_room(arena, (size_t)len + 1);
	if (!text) {
		arena->failed = true;
		return "";
	}
	va_start(args, fmt);
	vsnprintf(text, (size_t)len + 1, fmt, args);
	va_end(args);
	return text;
}

const char *pgm__arena_adopt(pgm__arena *arena, char *text)
{
	const char *copy = text ? pgm__arena_copy(arena, text) : "";

	arena->failed = arena->failed || !text;
	free(text);
	return copy;
}

/* Room is made at each power of two. */
void *pgm__arena_grow(pgm__arena *arena, const void *list, size_t count, size_t item_size)
{
	void *larger;

	if (count > 0 && (count & (count - 1)) != 0)
		return (void *)list; /* the arena's own memory, given away as const */
	larger = pgm__arena_room(arena, (count ? 2 * count : 1) * item_size);
	if (larger && count)
		memcpy(larger, list, count * item_size);
	return larger;
}

void pgm__arena_free(pgm__arena *arena)
{
	while (arena->blocks) {
		struct pgm__arena_block *next = arena->blocks->next;

		free(arena->blocks);
		arena->blocks = next;
	}
	arena->failed = false;
}
