#include "connection/hot.h"

#define SHUT ((uintptr_t)1)
#define FIRST_MARK ((uintptr_t)3)
#define NEXT_MARK ((uintptr_t)2)

static bool is_lease(uintptr_t word)
{
	return (word & 1) == 0;
}

static pgm__lease *lease_in(uintptr_t word)
{
	return (pgm__lease *)word; // NOLINT(performance-no-int-to-ptr): a pointer or a mark, in one word
}

void pgm__hot_init(pgm__hot *hot)
{
	atomic_init(&hot->place, FIRST_MARK);
	atomic_init(&hot->vacant, FIRST_MARK);
}

pgm__lease *pgm__hot_take(pgm_db *db)
{
	pgm__hot *hot = &db->hot;
	uintptr_t word = atomic_load_explicit(&hot->place, memory_order_relaxed);
	uintptr_t vacant = atomic_load_explicit(&hot->vacant, memory_order_relaxed);

	if (!is_lease(word) || !atomic_compare_exchange_strong_explicit(&hot->place, &word, vacant,
									memory_order_acquire, memory_order_relaxed))
		return NULL;
	return lease_in(word);
}

/* A pool's keeper watches what lies idle, and the first to come back while it sleeps has it look again. */
static bool keeper_must_be_told(const pgm_db *db)
{
	return db->watch && atomic_load_explicit(&db->look_at, memory_order_relaxed) == 0;
}

bool pgm__hot_put(pgm__lease *lease)
{
	pgm__hot *hot = &lease->db->hot;
	uintptr_t vacant = lease->mark;
	pgm__time now;

	if (atomic_load_explicit(&hot->place, memory_order_relaxed) != vacant || keeper_must_be_told(lease->db))
		return false;
	now = pgm__clock_coarse();
	if (lease->expires <= now || pgm__is_overdue(lease, now))
		return false;
	lease->given_back = now;
	return atomic_compare_exchange_strong_explicit(&hot->place, &vacant, (uintptr_t)lease, memory_order_release,
						       memory_order_relaxed);
}

void pgm__hot_return_locked(pgm__lease *lease)
{
	pgm__slots_return(&lease->db->slots, lease->slot, lease->given_back);
	lease->counted = false;
	lease->db->refs--; /* not the last: the caller has the handle in hand */
}

void pgm__hot_shut_locked(pgm_db *db)
{
	uintptr_t word = atomic_exchange_explicit(&db->hot.place, SHUT, memory_order_acquire);

	if (is_lease(word))
		pgm__hot_return_locked(lease_in(word));
}

void pgm__hot_open_locked(pgm_db *db)
{
	if (db->slots.shut || db->slots.head || atomic_load_explicit(&db->hot.place, memory_order_relaxed) != SHUT)
		return;
	atomic_store_explicit(&db->hot.place, atomic_load_explicit(&db->hot.vacant, memory_order_relaxed),
			      memory_order_release);
}

void pgm__hot_drain_locked(pgm_db *db)
{
	atomic_fetch_add_explicit(&db->hot.vacant, NEXT_MARK, memory_order_relaxed);
}
