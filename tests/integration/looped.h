/* What the tests on an event loop share. */
#ifndef LOOPED_H
#define LOOPED_H

#include "handles.h"
#include "support/loop.h"

/* The answers to any number of calls. */
typedef struct answers {
	int wanted; /* is_answered: that many have come */
	int calls, failed;
	pgm_code code; /* of the last */
	char sqlstate[6];
	char message[1014];
	char value[64]; /* the first of the last result */
	PGconn *conn;	/* the last that was lent */
} answers;

static inline void note_error(answers *a, const pgm_error *err)
{
	a->calls++;
	a->failed += err != NULL;
	a->code = err ? err->code : PGM_OK;
	snprintf(a->sqlstate, sizeof a->sqlstate, "%s", err ? err->sqlstate : "");
	snprintf(a->message, sizeof a->message, "%s", err ? err->message : "");
}

static inline void take_result(PGresult *res, const pgm_error *err, void *arg)
{
	answers *a = arg;

	note_error(a, err);
	a->value[0] = '\0';
	if (res && PQntuples(res) > 0)
		snprintf(a->value, sizeof a->value, "%s", PQgetvalue(res, 0, 0));
	PQclear(res);
}

static inline void take_lease(PGconn *conn, const pgm_error *err, void *arg)
{
	answers *a = arg;

	note_error(a, err);
	a->conn = conn;
}

static inline bool is_answered(void *arg)
{
	const answers *a = arg;

	return a->calls >= (a->wanted > 0 ? a->wanted : 1);
}

static inline void must_submit_with(pgm_db *db, const pgm_query *query, answers *a)
{
	pgm_error err;

	if (!pgm_submit(db, query, take_result, a, &err))
		fail_msg("submit: %s", err.message);
	assert_int_equal(err.code, PGM_OK);
}

static inline void must_submit(pgm_db *db, const char *sql, answers *a)
{
	const pgm_query query = {.sql = sql};

	must_submit_with(db, &query, a);
}

static inline void must_answer(loop *l, answers *a)
{
	if (!loop_run_until(l, slow(10000), is_answered, a))
		fail_msg("%d answers of %d have come\n%s", a->calls, a->wanted > 0 ? a->wanted : 1, pgtest_log_text());
}

static inline void expect_code(const answers *a, pgm_code code)
{
	if (a->code != code)
		fail_msg("%s instead of %s: %s", pgm_code_name(a->code), pgm_code_name(code), a->message);
}

/* Submits, turns, and has its one answer. */
static inline answers ask_on(loop *l, pgm_db *db, const char *sql)
{
	answers a = {.calls = 0};

	must_submit(db, sql, &a);
	assert_int_equal(a.calls, 0);
	must_answer(l, &a);
	assert_int_equal(a.calls, 1);
	return a;
}

static inline PGconn *must_lend_on(loop *l, pgm_db *db)
{
	answers a = {.calls = 0};
	pgm_error err;

	if (!pgm_acquire_async(db, take_lease, &a, &err))
		fail_msg("acquire: %s", err.message);
	assert_int_equal(a.calls, 0);
	must_answer(l, &a);
	expect_code(&a, PGM_OK);
	return a.conn;
}

/* Until a number of the statistics is as wanted, the loop turning. */
#define turn_until_stats(l, db, field, wanted)                                               \
	do {                                                                                 \
		int64_t turn_start_ = pgtest_now_ms();                                       \
		while (stats_of(db).field != (wanted) && ms_since(turn_start_) < slow(5000)) \
			loop_turn((l), 20);                                                  \
		assert_int_equal(stats_of(db).field, (wanted));                              \
	} while (0)

/* Nothing that this loop did took long: neither a turn, nor did its clock go slow. Valgrind makes much of what is
 * work, and leaves as it is what would be waiting for a server. */
#define assert_never_stalled(l)                                                    \
	do {                                                                       \
		const int stall_ms_ = slow(50) > 50 ? 2000 : 50;                   \
		assert_in_range(loop_figures_of(l).longest_turn_ms, 0, stall_ms_); \
		assert_in_range(loop_figures_of(l).largest_gap_ms, 0, stall_ms_);  \
	} while (0)

#endif
