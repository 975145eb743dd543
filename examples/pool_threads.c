/* Eight threads share a pool; meanwhile its statistics are printed. At the end the pool is closed. */
#include <inttypes.h>
#include <pgmonkey.h>
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#define THREADS 8
#define ROUNDS 40 /* of each thread */
#define LOANS ((int64_t)THREADS * ROUNDS)

/* Borrows, works for ten milliseconds, gives back. */
static bool work_once(pgm_db *db)
{
	pgm_error err;
	PGconn *conn = pgm_acquire(db, &err);
	bool ok = false;

	if (conn) {
		PGresult *res = PQexec(conn, "SELECT pg_sleep(0.01)");

		ok = pgm_result_ok(res, &err);
		PQclear(res);
		pgm_release(conn);
	}
	if (!ok)
		fprintf(stderr, "%s\n", err.message);
	return ok;
}

/* Returns its argument if every round went well. */
static void *worker(void *db)
{
	for (int i = 0; i < ROUNDS; i++)
		if (!work_once(db))
			return NULL;
	return db;
}

static pgm_stats print_stats(pgm_db *db, const char *when)
{
	pgm_stats s;

	pgm_db_stats(db, &s, sizeof s);
	printf("%-9s %2d open of at most %d: %d lent, %d idle; %d waiting; lent %" PRId64 " times so far\n", when,
	       (int)s.size, (int)s.max_size, (int)s.lent, (int)s.idle, (int)s.waiting, s.acquired);
	return s;
}

static bool run_threads(pgm_db *db)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	pthread_t threads[THREADS];
	int started = 0;
	bool ok = true;

	while (started < THREADS && pthread_create(&threads[started], NULL, worker, db) == 0)
		started++;
	for (int i = 0; i < 4; i++) {
		nanosleep(&pause, NULL);
		print_stats(db, "meanwhile");
	}
	for (int i = 0; i < started; i++) {
		void *result;

		ok = pthread_join(threads[i], &result) == 0 && result && ok;
	}
	return ok && started == THREADS;
}

int main(int argc, char **argv)
{
	pgm_error err;
	pgm_db *db = pgm_open(argc > 1 ? argv[1] : "db.yaml", PGM_POOL, &err);
	pgm_stats s;

	if (!db || !pgm_wait_ready(db, 10000, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	print_stats(db, "ready");
	if (!run_threads(db))
		return 1;
	s = print_stats(db, "done");
	if (s.lent != 0 || s.acquired < LOANS || s.size > s.max_size) {
		fprintf(stderr, "these figures are wrong\n");
		return 1;
	}
	pgm_close(db); /* exit would have done it */
	print_stats(db, "closed");
	if (pgm_acquire(db, &err) || err.code != PGM_ERR_CLOSED)
		return 1;
	printf("borrowing now is answered with: %s\n", err.message);
	return 0;
}
