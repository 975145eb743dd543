#include "soak.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

/* One row on its way. */
typedef struct row {
	char sql[128];
	outcome told;
} row;

static row prepare(int who, int number, int sleep_ms)
{
	row r = {.told = FAILED};

	snprintf(r.sql, sizeof r.sql, "INSERT INTO soak SELECT %d, %d FROM pg_sleep(%d * 0.001)", who, number,
		 sleep_ms);
	return r;
}

static bool run(PGconn *conn, const char *sql, pgm_error *err)
{
	PGresult *res = PQexec(conn, sql);
	bool ok = pgm_result_ok(res, err);

	PQclear(res);
	return ok;
}

/* -------------------------------------------------------------------------- the ways of writing it */

static bool insert(PGconn *conn, void *arg, pgm_error *err)
{
	const row *r = arg;

	return run(conn, r->sql, err);
}

static void by_with(writer *w, pgm_db *db, row *r)
{
	pgm_error err;
	bool ok = pgm_with(db, insert, r, &err);

	(void)w;
	r->told = soak_outcome(ok, &err);
}

static void note_result(PGresult *res, const pgm_error *err, void *arg)
{
	row *r = arg;

	r->told = soak_outcome(err == NULL, err);
	PQclear(res);
}

static void submit(writer *w, pgm_db *db, row *r)
{
	const pgm_query query = {.sql = r->sql,
				 .timeout_ms = soak_between(&w->random, 0, 3) ? 5000 : 20,
				 .flags = soak_between(&w->random, 0, 7) ? 0 : PGM_LONG};
	pgm_error err;

	pgm_submit(db, &query, note_result, r, &err);
}

static void by_submit(writer *w, pgm_db *db, row *r)
{
	submit(w, db, r);
	pgm_wait(db, -1, NULL);
}

/* Through begin, insert and whatever ends it. */
static void by_hand(writer *w, pgm_db *db, row *r, int timeout_ms, outcome (*end)(PGconn *conn))
{
	int64_t start = pgtest_now_ms(), waited;
	pgm_error err;
	PGconn *conn = pgm_acquire_for(db, timeout_ms, &err);

	waited = pgtest_now_ms() - start;
	if (waited > w->longest_wait_ms)
		w->longest_wait_ms = waited;
	if (conn && pgm_begin(conn, &err) && run(conn, r->sql, &err))
		r->told = end(conn);
	pgm_release(conn);
}

static outcome commit(PGconn *conn)
{
	pgm_error err;
	bool ok = pgm_commit(conn, &err);

	return soak_outcome(ok, &err);
}

static outcome roll_back(PGconn *conn)
{
	pgm_rollback(conn, NULL);
	return FAILED;
}

static outcome leave_it_open(PGconn *conn)
{
	(void)conn; /* giving it back rolls it back */
	return FAILED;
}

static void by_commit(writer *w, pgm_db *db, row *r)
{
	by_hand(w, db, r, PGM_TIMEOUT_FROM_CONFIG, commit);
}

static void in_a_hurry(writer *w, pgm_db *db, row *r)
{
	by_hand(w, db, r, soak_between(&w->random, 0, 30), commit);
}

static void in_vain(writer *w, pgm_db *db, row *r)
{
	by_hand(w, db, r, PGM_TIMEOUT_FROM_CONFIG, roll_back);
}

static void carelessly(writer *w, pgm_db *db, row *r)
{
	by_hand(w, db, r, PGM_TIMEOUT_FROM_CONFIG, leave_it_open);
}

/* ------------------------------------------------------------------------------------- the thread */

/* Many under way at once, as the event-driven types do; how many. */
static int write_batch(writer *w, pgm_db *db, int first)
{
	row rows[30];
	int count = soak_between(&w->random, 2, (int)(sizeof rows / sizeof *rows));

	if (count > MOST_ROWS - first)
		count = MOST_ROWS - first;
	for (int i = 0; i < count; i++) {
		rows[i] = prepare(w->id, first + i, soak_between(&w->random, 0, 5));
		submit(w, db, &rows[i]);
	}
	pgm_wait(db, -1, NULL); /* whatever becomes of them */
	for (int i = 0; i < count; i++)
		soak_tell(w->id, rows[i].told);
	return count;
}

void *soak_write(void *arg)
{
	static void (*const ways[])(writer *, pgm_db *, row *) = {by_with,   by_with,	 by_submit, by_submit,
								  by_commit, in_a_hurry, in_vain,   carelessly};
	writer *w = arg;

	for (int number = 0; !atomic_load(&w->world->stop) && number < MOST_ROWS; number++) {
		int way = soak_between(&w->random, 0, (int)(sizeof ways / sizeof *ways) - 1);
		pgm_error err;
		pgm_db *db = soak_open(w->world, w->target, &err);
		row r = prepare(w->id, number, soak_between(&w->random, 0, 20));

		if (w->target->own)
			atomic_store(&w->target->latest, db);
		if (db && w->target->own && soak_between(&w->random, 0, 1)) {
			number += write_batch(w, db, number) - 1;
			continue;
		}
		if (db)
			ways[way](w, db, &r);
		soak_tell(w->id, r.told);
		if (r.told != COMMITTED)
			soak_pause(10); /* a server that is down says no at once */
	}
	if (w->target->own) { /* nobody else would */
		atomic_store(&w->target->latest, NULL);
		pgm_close(soak_open(w->world, w->target, NULL));
	}
	return NULL;
}

outcome soak_write_one(pgm_db *db, int who, int number)
{
	row r = prepare(who, number, 0);

	by_with(NULL, db, &r);
	return r.told;
}

void soak_pause(int ms)
{
	poll(NULL, 0, ms);
}
