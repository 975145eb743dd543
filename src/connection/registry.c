#include "connection/registry.h"

#include "connection/process.h"

#include <stdatomic.h>
#include <stdlib.h>

#define BUCKETS 1024 /* 10,000 connections make chains of ten */

/* Never freed and never moved, since somebody may be reading it; an entry without a lease is taken again
 * by the next connection of its bucket. So there are as many as there once were connections at a time. */
typedef struct entry {
	_Atomic(const PGconn *) conn;
	_Atomic(pgm__lease *) lease; /* NULL: free */
	struct entry *next;
} entry;

static _Atomic(entry *) bucket[BUCKETS];

static _Atomic(entry *) *bucket_of(const PGconn *conn)
{
	uint64_t x = (uint64_t)(uintptr_t)conn >> 4; /* what malloc gives is aligned */

	return &bucket[(x * UINT64_C(0x9E3779B97F4A7C15)) >> 54];
}

pgm__lease *pgm__registry_find(const PGconn *conn)
{
	for (entry *e = atomic_load_explicit(bucket_of(conn), memory_order_acquire); e; e = e->next) {
		pgm__lease *lease = atomic_load_explicit(&e->lease, memory_order_acquire);

		if (lease && atomic_load_explicit(&e->conn, memory_order_relaxed) == conn)
			return lease;
	}
	return NULL;
}

static entry *free_entry(_Atomic(entry *) *in)
{
	entry *first = atomic_load_explicit(in, memory_order_relaxed);

	for (entry *e = first; e; e = e->next)
		if (!atomic_load_explicit(&e->lease, memory_order_relaxed))
			return e;
	entry *e = calloc(1, sizeof *e);
	if (e) {
		e->next = first;
		atomic_store_explicit(in, e, memory_order_release);
	}
	return e;
}

bool pgm__registry_add(PGconn *conn, pgm__lease *lease)
{
	entry *e;

	pgm__process_lock();
	e = free_entry(bucket_of(conn));
	if (e) {
		atomic_store_explicit(&e->conn, conn, memory_order_relaxed);
		atomic_store_explicit(&e->lease, lease, memory_order_release);
	}
	pgm__process_unlock();
	return e != NULL;
}

void pgm__registry_remove(const PGconn *conn)
{
	pgm__process_lock();
	for (entry *e = atomic_load_explicit(bucket_of(conn), memory_order_relaxed); e; e = e->next)
		if (atomic_load_explicit(&e->conn, memory_order_relaxed) == conn)
			atomic_store_explicit(&e->lease, NULL, memory_order_release);
	pgm__process_unlock();
}
