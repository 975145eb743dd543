/* The event-driven types on an event loop and on none: what is promised of both is tried on both. */
#ifndef DRIVEN_H
#define DRIVEN_H

#include "looped.h"

/* Statements under way on a connection, at most. */
#define DEPTH 64

typedef struct driven {
	loop *l; /* NULL: none */
	pgm_db *db;
} driven;

/* looped: 0 without a loop, 1 with one. */
static inline driven drive(int looped, const char *settings)
{
	driven d = {.l = looped ? loop_new() : NULL};

	d.db = looped ? loop_open(d.l, "%s", settings) : must_open("%s", settings);
	return d;
}

static inline void undrive(const driven *d)
{
	pgm_close(d->db);
	if (d->l)
		loop_free(d->l);
	assert_true(pgtest_connections_become(NULL, 0, slow(5000)));
}

static inline void turn(const driven *d, int most_ms)
{
	if (d->l)
		loop_turn(d->l, most_ms);
	else if (pgm_wait(d->db, most_ms, NULL))
		poll(NULL, 0, 1); /* nothing is under way: it does not wait */
}

static inline void turn_for(const driven *d, int ms)
{
	for (int64_t start = pgtest_now_ms(); ms_since(start) < ms;)
		turn(d, 10);
}

/* False: not within ten seconds. */
static inline bool turn_until_answered(const driven *d, answers *a)
{
	int64_t start = pgtest_now_ms();

	while (!is_answered(a) && ms_since(start) < slow(10000))
		turn(d, 20);
	return is_answered(a);
}

static inline void must_be_answered(const driven *d, answers *a)
{
	if (!turn_until_answered(d, a))
		fail_msg("%d answers of %d have come\n%s", a->calls, a->wanted > 0 ? a->wanted : 1, pgtest_log_text());
}

#define turn_until(d, condition)                                            \
	do {                                                                \
		int64_t turn_start_ = pgtest_now_ms();                      \
		while (!(condition) && ms_since(turn_start_) < slow(10000)) \
			turn((d), 10);                                      \
		assert_true(condition);                                     \
	} while (0)

static inline answers ask_driven(const driven *d, const char *sql)
{
	answers a = {.calls = 0};

	must_submit(d->db, sql, &a);
	assert_int_equal(a.calls, 0);
	must_be_answered(d, &a);
	assert_int_equal(a.calls, 1);
	return a;
}

static inline PGconn *must_lend(const driven *d)
{
	answers a = {.calls = 0};
	pgm_error err;

	if (!pgm_acquire_async(d->db, take_lease, &a, &err))
		fail_msg("acquire: %s", err.message);
	must_be_answered(d, &a);
	expect_code(&a, PGM_OK);
	return a.conn;
}

static inline void must_send_on(PGconn *conn, const char *sql, answers *a)
{
	const pgm_query query = {.sql = sql};
	pgm_error err;

	if (!pgm_send(conn, &query, take_result, a, &err))
		fail_msg("send: %s", err.message);
}

#endif
