/* A server that goes away and comes back: what the tests of that share. */
#ifndef OUTAGE_H
#define OUTAGE_H

#include "handles.h"
#include "support/proxy.h"

/* A handle's connections go through a proxy; one connect is one connection to it. */
#define PROXIED "port=%d sslmode=disable gssencmode=disable"

/* Until that many attempts have failed. */
static inline void wait_failures(pgm_db *db, int count)
{
	int64_t start = pgtest_now_ms();

	while (stats_of(db).open_failed < count && ms_since(start) < slow(10000))
		blink();
	assert_true(stats_of(db).open_failed >= count);
}

static inline void lose_server(proxy *p)
{
	proxy_set(p, PROXY_REFUSE);
	proxy_cut(p);
}

static inline pgm_db *must_open_full(const char *type, int size)
{
	pgm_db *db = must_open("type=%s pool.min_size=%d pool.max_size=%d", type, size, size);
	pgm_error err;

	if (!pgm_wait_ready(db, slow(10000), &err))
		fail_msg("%s", err.message);
	return db;
}

static inline int64_t first_acquire(pgm_db *db)
{
	int64_t start = pgtest_now_ms(), took;
	PGconn *conn = must_acquire(db);

	took = ms_since(start);
	assert_true(works(conn));
	pgm_release(conn);
	return took;
}

#endif
