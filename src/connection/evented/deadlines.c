#include "connection/evented/deadlines.h"

#include <stdlib.h>

static void put(pgm__deadlines *d, size_t place, pgm__deadline *one)
{
	d->heap[place - 1] = one;
	one->place = place;
}

static pgm__deadline *at_place(const pgm__deadlines *d, size_t place)
{
	return d->heap[place - 1];
}

static void move_up(pgm__deadlines *d, pgm__deadline *one)
{
	size_t place = one->place;

	while (place > 1 && at_place(d, place / 2)->at > one->at) {
		put(d, place, at_place(d, place / 2));
		place /= 2;
	}
	put(d, place, one);
}

static void move_down(pgm__deadlines *d, pgm__deadline *one)
{
	size_t place = one->place;

	for (size_t child = 2 * place; child <= d->count; child = 2 * place) {
		if (child < d->count && at_place(d, child + 1)->at < at_place(d, child)->at)
			child++;
		if (at_place(d, child)->at >= one->at)
			break;
		put(d, place, at_place(d, child));
		place = child;
	}
	put(d, place, one);
}

bool pgm__deadlines_reserve(pgm__deadlines *d, size_t count)
{
	size_t capacity = d->capacity ? d->capacity : 16;
	pgm__deadline **grown;

	if (count <= d->capacity)
		return true;
	while (capacity < count)
		capacity *= 2;
	grown = realloc(d->heap, capacity * sizeof(*grown));
	if (!grown)
		return false;
	d->heap = grown;
	d->capacity = capacity;
	return true;
}

void pgm__deadlines_set(pgm__deadlines *d, pgm__deadline *one, pgm__time at)
{
	if (at == PGM__NEVER) {
		pgm__deadlines_remove(d, one);
		return;
	}
	if (one->place == 0)
		put(d, ++d->count, one);
	one->at = at;
	move_up(d, one);
	move_down(d, one);
}

void pgm__deadlines_remove(pgm__deadlines *d, pgm__deadline *one)
{
	size_t place = one->place;
	pgm__deadline *last;

	if (place == 0)
		return;
	one->place = 0;
	last = at_place(d, d->count--);
	if (last == one)
		return;
	put(d, place, last);
	move_up(d, last);
	move_down(d, last);
}

pgm__deadline *pgm__deadlines_first(const pgm__deadlines *d)
{
	return d->count > 0 ? d->heap[0] : NULL;
}

void pgm__deadlines_free(pgm__deadlines *d)
{
	free(d->heap);
	*d = (pgm__deadlines){0};
}
