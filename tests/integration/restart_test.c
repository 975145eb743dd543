/* B17: the server restarts while everybody is at work. What was told must be what the tables say. */
#include "handles.h"
#include "support/cluster.h"
#include "support/proxy.h"

#include <stdatomic.h>

/* -------------------------------------------------------------------------------- the bookkeeping */

#define WORKERS 12
#define MOST_JOBS 5000

/* As many statements at most are on one connection: all that are under way, with one of 64. */
#define DEPTH 64

/* One row each, in a table that would take it twice. */
typedef struct job {
	int told; /* outcomes that were reported */
	pgm_code code;
} job;

typedef struct worker {
	pgm_db *db;
	int id, count; /* of jobs */
	atomic_bool *stop;
	job jobs[MOST_JOBS];
} worker;

static void make_table(void)
{
	pgtest_exec("CREATE TABLE done (worker int, job int)");
	pgtest_exec("GRANT ALL ON done TO %s", pgtest_server_now()->user);
}

static void tell(job *j, const pgm_error *err)
{
	j->told++;
	j->code = err ? err->code : PGM_OK;
}

/* Takes a moment, so that some are always on their way. */
static const char *insert_of(const worker *w, char *sql, size_t size)
{
	snprintf(sql, size, "INSERT INTO done SELECT %d, %d FROM pg_sleep(0.002)", w->id, w->count);
	return sql;
}

/* ------------------------------------------------------------------------------- ways of doing it */

static void note_result(PGresult *res, const pgm_error *err, void *arg)
{
	tell(arg, err);
	PQclear(res);
}

static void do_by_submit(worker *w, job *j, const char *sql)
{
	const pgm_query query = {.sql = sql};
	pgm_error err;

	if (!pgm_submit(w->db, &query, note_result, j, &err))
		tell(j, &err);
}

static bool insert(PGconn *conn, void *arg, pgm_error *err)
{
	PGresult *res = PQexec(conn, arg);
	bool ok = pgm_result_ok(res, err);

	PQclear(res);
	return ok;
}

static void do_by_with(worker *w, job *j, const char *sql)
{
	char copy[128];
	pgm_error err;

	snprintf(copy, sizeof copy, "%s", sql);
	tell(j, pgm_with(w->db, insert, copy, &err) ? NULL : &err);
}

static void do_by_hand(worker *w, job *j, const char *sql)
{
	char copy[128];
	pgm_error err;
	PGconn *conn = pgm_acquire(w->db, &err);

	snprintf(copy, sizeof copy, "%s", sql);
	tell(j, conn && insert(conn, copy, &err) ? NULL : &err);
	pgm_release(conn);
}

static void *work(void *arg)
{
	static void (*const ways[])(worker *, job *, const char *) = {do_by_submit, do_by_with, do_by_hand};
	worker *w = arg;

	while (!atomic_load(w->stop) && w->count < MOST_JOBS) {
		char sql[128];
		job *j = &w->jobs[w->count];

		ways[w->id % 3](w, j, insert_of(w, sql, sizeof sql));
		w->count++;
		if (j->code == PGM_ERR_CONNECT) /* normal, while there is no server: told at once */
			blink();
	}
	return NULL;
}

/* ------------------------------------------------------------------------------------- the audit */

typedef struct audit {
	int done, failed, unknown;
} audit;

/* What is in the table against what was told. */
static void check_job(const worker *w, int i, int rows, audit *sum)
{
	const job *j = &w->jobs[i];

	if (j->told != 1)
		fail_msg("job %d of worker %d was told %d times", i, w->id, j->told);
	if (j->code == PGM_OK && rows != 1)
		fail_msg("job %d of worker %d was told to be done: %d rows", i, w->id, rows);
	if (j->code == PGM_ERR_BROKEN ? rows > 1 : j->code != PGM_OK && rows != 0)
		fail_msg("job %d of worker %d failed (%s): %d rows", i, w->id, pgm_code_name(j->code), rows);
	sum->done += j->code == PGM_OK;
	sum->failed += j->code != PGM_OK;
	sum->unknown += j->code == PGM_ERR_BROKEN;
}

static audit check_books(const worker *workers)
{
	static int rows[WORKERS][MOST_JOBS];
	audit sum = {0};
	PGresult *res;

	memset(rows, 0, sizeof rows);
	assert_true(pgtest_until(slow(10000), "SELECT true"));
	res = PQexec(pgtest_admin(), "SELECT worker, job FROM done");
	assert_int_equal(PQresultStatus(res), PGRES_TUPLES_OK);
	for (int i = 0; i < PQntuples(res); i++)
		rows[atoi(PQgetvalue(res, i, 0))][atoi(PQgetvalue(res, i, 1))]++;
	PQclear(res);
	for (int w = 0; w < WORKERS; w++)
		for (int i = 0; i < workers[w].count; i++)
			check_job(&workers[w], i, rows[w][i], &sum);
	return sum;
}

/* ------------------------------------------------------------------------------------- under load */

/* Until so many more rows are there. */
static void wait_progress(int rows)
{
	long before = pgtest_number("SELECT count(*) FROM done");

	assert_true(pgtest_until(slow(10000), "SELECT count(*) >= %ld FROM done", before + rows));
}

static audit restart_under_load(cluster *c, pgm_db *db)
{
	static const char *const modes[] = {"fast", "immediate", "fast"};
	static worker workers[WORKERS];
	pgtest_thread *threads[WORKERS];
	atomic_bool stop = false;

	memset(workers, 0, sizeof workers);
	pgtest_exec("TRUNCATE done");
	for (int i = 0; i < WORKERS; i++) {
		workers[i].db = db;
		workers[i].id = i;
		workers[i].stop = &stop;
		threads[i] = pgtest_run(work, &workers[i]);
	}
	for (int m = 0; m < 3; m++) {
		wait_progress(3 * WORKERS);
		cluster_restart(c, modes[m]);
	}
	wait_progress(3 * WORKERS);
	atomic_store(&stop, true);
	for (int i = 0; i < WORKERS; i++) {
		bool ended = pgtest_done(threads[i], slow(5000));

		assert_true(ended); /* nothing hangs */
		pgtest_join(threads[i]);
	}
	return check_books(workers);
}

static void b17_under_load_each_failure_is_told_once_and_nothing_hangs(void **state)
{
	static const char *const types[] = {"type=normal", "type=pool pool.min_size=2 pool.max_size=4"};
	cluster *c = cluster_start(NULL, NULL);

	(void)state;
	pgtest_use(cluster_server(c));
	make_table();
	for (int t = 0; t < 2; t++) {
		pgm_db *db = must_open("%s", types[t]);
		audit sum = restart_under_load(c, db);

		print_message("%s: %d done, %d failed, of these %d unknown\n", types[t], sum.done, sum.failed,
			      sum.unknown);
		/* Only what was running is unknown, one statement on each connection. */
		assert_in_range(sum.unknown, 1, stats_of(db).lost);
		/* On a pool whoever waits for a connection waits for the server too; normal tells him. */
		if (t == 1)
			assert_int_equal(sum.failed, sum.unknown);
		assert_int_equal(stats_of(db).timed_out, 0);
		pgm_close(db);
	}
	cluster_stop(c);
}

/* The same by one thread: always so many under way, from each answer the next. */
#define UNDER_WAY 200

typedef struct stream {
	worker *books;
	int running;
} stream;

typedef struct ticket {
	stream *s;
	job *j;
} ticket;

static ticket tickets[MOST_JOBS];

static void note_ticket(PGresult *res, const pgm_error *err, void *arg)
{
	ticket *t = arg;

	PQclear(res);
	tell(t->j, err);
	t->s->running--;
}

static void submit_next(stream *s)
{
	worker *w = s->books;
	char sql[128];
	const pgm_query query = {.sql = insert_of(w, sql, sizeof sql)};
	ticket *t = &tickets[w->count];
	pgm_error err;

	*t = (ticket){.s = s, .j = &w->jobs[w->count]};
	w->count++;
	s->running++;
	if (!pgm_submit(w->db, &query, note_ticket, t, &err))
		fail_msg("submit: %s", err.message);
}

typedef struct restarter {
	cluster *c;
	atomic_bool done;
} restarter;

static void *restart_three_times(void *arg)
{
	static const char *const modes[] = {"fast", "immediate", "fast"};
	restarter *r = arg;

	for (int m = 0; m < 3; m++) {
		for (int64_t start = pgtest_now_ms(); ms_since(start) < 300;)
			poll(NULL, 0, 5);
		cluster_restart(r->c, modes[m]);
	}
	atomic_store(&r->done, true);
	return NULL;
}

static audit restart_under_stream(cluster *c, pgm_db *db)
{
	static worker workers[WORKERS]; /* the first keeps the books, the others have none */
	restarter r = {.c = c};
	stream s = {.books = workers};
	pgtest_thread *thread;
	int64_t start = 0;
	pgm_error err;

	memset(workers, 0, sizeof workers);
	workers[0].db = db;
	pgtest_exec("TRUNCATE done");
	thread = pgtest_run(restart_three_times, &r);
	while (start == 0 || ms_since(start) < 300) {
		if (start == 0 && atomic_load(&r.done))
			start = pgtest_now_ms(); /* it goes on for a while */
		while (s.running < UNDER_WAY && workers[0].count < MOST_JOBS)
			submit_next(&s);
		pgm_wait(db, 2, NULL);
	}
	pgtest_join(thread);
	assert_true(pgm_wait(db, slow(10000), &err)); /* nothing hangs */
	assert_int_equal(s.running, 0);
	return check_books(workers);
}

/* B45: what had not been sent waits for the server and runs then; only what was on its way is unknown. */
static void b17_b45_submitted_statements_are_answered_once_whatever_restarts(void **state)
{
	static const char *const types[] = {"type=normal", "type=pool pool.min_size=2 pool.max_size=4"};
	cluster *c = cluster_start(NULL, NULL);

	(void)state;
	pgtest_use(cluster_server(c));
	make_table();
	for (int t = 0; t < 2; t++) {
		pgm_db *db = must_open("%s", types[t]);
		audit sum = restart_under_stream(c, db);

		print_message("%s: %d done, %d failed, of these %d unknown\n", types[t], sum.done, sum.failed,
			      sum.unknown);
		assert_true(sum.done > UNDER_WAY);
		assert_in_range(sum.unknown, 1, DEPTH * stats_of(db).lost);
		assert_int_equal(sum.failed, sum.unknown);
		pgm_close(db);
	}
	cluster_stop(c);
}

/* ---------------------------------------------------------------------------------- the lost answer */

/* The server does what it is told, and of its next answer one byte arrives. */
static void lose_next_answer(proxy *p)
{
	proxy_limit(p, PROXY_TO_CLIENT, proxy_bytes(p, PROXY_TO_CLIENT) + 1, PROXY_RESET);
}

typedef struct deed {
	proxy *line;
	int ran;
} deed;

static bool insert_before_the_fault(PGconn *conn, void *arg, pgm_error *err)
{
	char sql[] = "INSERT INTO done VALUES (0, 0)";
	deed *d = arg;
	bool ok = insert(conn, sql, err);

	d->ran++;
	lose_next_answer(d->line);
	return ok;
}

static void by_submit(pgm_db *db, proxy *p, job *j)
{
	const pgm_query query = {.sql = "INSERT INTO done VALUES (0, 0)"};
	pgm_error err;

	lose_next_answer(p);
	assert_true(pgm_submit(db, &query, note_result, j, &err));
	assert_true(pgm_wait(db, -1, &err));
}

static void by_hand(pgm_db *db, proxy *p, job *j)
{
	char sql[] = "INSERT INTO done VALUES (0, 0)";
	PGconn *conn = must_acquire(db);
	pgm_error err;

	lose_next_answer(p);
	assert_false(insert(conn, sql, &err));
	tell(j, &err);
	pgm_release(conn);
}

static void by_with(pgm_db *db, proxy *p, job *j)
{
	deed d = {.line = p};
	pgm_error err;

	assert_false(pgm_with(db, insert_before_the_fault, &d, &err));
	assert_contains(err.message, "may or may not have happened");
	assert_string_equal(err.sqlstate, "08007");
	assert_int_equal(d.ran, 1);
	tell(j, &err);
}

/* Done, but nobody can know: it is told as unknown, and not run again, also not when there is a connection again. */
static void b17_what_lost_its_answer_is_not_run_again(void **state)
{
	static void (*const ways[])(pgm_db *, proxy *, job *) = {by_submit, by_hand, by_with};
	static const char *const types[] = {"type=normal", "type=pool pool.min_size=1 pool.max_size=1"};

	(void)state;
	pgtest_exec("DROP TABLE IF EXISTS done");
	make_table();
	for (int i = 0; i < 6; i++) {
		proxy *p = proxy_start();
		pgm_db *db = must_open("port=%d sslmode=disable gssencmode=disable %s", proxy_port(p), types[i % 2]);
		job j = {.told = 0};
		PGconn *conn;

		pgtest_exec("TRUNCATE done");
		ways[i / 2](db, p, &j);
		assert_int_equal(j.told, 1);
		assert_int_equal(j.code, PGM_ERR_BROKEN);
		proxy_limit(p, PROXY_TO_CLIENT, -1, PROXY_RESET);
		conn = must_acquire(db);
		assert_string_equal(ask(conn, "SELECT count(*) FROM done"), "1");
		pgm_release(conn);
		pgm_close(db);
		proxy_stop(p);
	}
	pgtest_exec("DROP TABLE done");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BLOCKING_TEST(b17_under_load_each_failure_is_told_once_and_nothing_hangs),
		EVENTED_TEST(b17_b45_submitted_statements_are_answered_once_whatever_restarts),
		HANDLE_TEST(b17_what_lost_its_answer_is_not_run_again),
	};

	return run_handle_tests(tests);
}
