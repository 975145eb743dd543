/*
 * Threads that share a pool of connections to PostgreSQL, as a YAML file describes it.
 *
 * Build: cc -Wall -Wextra -pthread -o program program.c $(pkg-config --cflags --libs pgmonkey)
 * Run:   ./program [YAML file]
 */
#include <pgmonkey.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define CONFIG_FILE "@CONFIG@"
#define THREADS 4

/* Your work goes here. True commits it; false, with err filled, rolls it back. */
static bool work(PGconn *conn, void *arg, pgm_error *err)
{
	static const char sql[] = "SELECT current_database(), current_setting('application_name'), current_setting($1)";
	const char *params[] = {"statement_timeout"};
	PGresult *res = PQexecParams(conn, sql, 1, NULL, params, NULL, NULL, 0);
	bool ok = pgm_result_ok(res, err);

	(void)arg;
	if (ok)
		printf("database %s, application %s, %s %s\n", PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1), params[0],
		       PQgetvalue(res, 0, 2));
	PQclear(res);
	return ok;
}

/* Returns its argument if all went well. A thread borrows only while it works, so the pool may be the smaller one. */
static void *worker(void *db)
{
	pgm_error err;

	if (pgm_with(db, work, NULL, &err))
		return db;
	fprintf(stderr, "%s\n", err.message);
	return NULL;
}

static bool run_threads(pgm_db *db)
{
	pthread_t threads[THREADS];
	int started = 0;
	bool ok = true;

	while (started < THREADS && pthread_create(&threads[started], NULL, worker, db) == 0)
		started++;
	if (started < THREADS)
		fprintf(stderr, "cannot start thread %d\n", started + 1);
	for (int i = 0; i < started; i++) {
		void *result = NULL;

		pthread_join(threads[i], &result);
		ok = result && ok;
	}
	return ok && started == THREADS;
}

int main(int argc, char **argv)
{
	pgm_error err;
	pgm_db *db = pgm_open(argc > 1 ? argv[1] : CONFIG_FILE, PGM_POOL, &err);

	if (!db) {
		fprintf(stderr, "%s\n", err.message);
		return EXIT_FAILURE;
	}
	return run_threads(db) ? EXIT_SUCCESS : EXIT_FAILURE; /* the pool is closed at exit */
}
