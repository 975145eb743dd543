/*
 * Event-driven connections to PostgreSQL, as a YAML file describes them: statements run at the same time, on as many
 * connections as there is work for. This program has no event loop; pgm_wait turns one until all is answered.
 *
 * Build: cc -Wall -Wextra -o program program.c $(pkg-config --cflags --libs pgmonkey)
 * Run:   ./program [YAML file]
 */
#include <pgmonkey.h>
#include <stdio.h>
#include <stdlib.h>

#define CONFIG_FILE "@CONFIG@"
#define STATEMENTS 10
#define LIMIT_MS 30000

/* What is known of the statements so far. */
typedef struct tally {
	int answered, failed;
} tally;

/* One call for each statement. res is ours, also beside an error. */
static void on_result(PGresult *res, const pgm_error *err, void *arg)
{
	tally *t = arg;

	t->answered++;
	if (err) {
		t->failed++;
		fprintf(stderr, "%s\n", err->message);
	} else {
		printf("database %s, application %s, setting %s\n", PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1),
		       PQgetvalue(res, 0, 2));
	}
	PQclear(res);
}

/* Your statements go here. Each is a transaction of its own; PGM_LONG in .flags gives a slow one a connection of its own. */
static bool submit_all(pgm_db *db, tally *t, pgm_error *err)
{
	const char *params[] = {"statement_timeout"};
	const pgm_query query = {
		.sql = "SELECT current_database(), current_setting('application_name'), current_setting($1)",
		.nparams = 1,
		.params = params,
		.timeout_ms = LIMIT_MS,
	};

	for (int i = 0; i < STATEMENTS; i++)
		if (!pgm_submit(db, &query, on_result, t, err))
			return false;
	return true;
}

/* What needs more than one statement borrows a connection. True commits it; false, with err filled, rolls it back. */
static bool work(PGconn *conn, void *arg, pgm_error *err)
{
	PGresult *res = PQexec(conn, "SELECT count(*) FROM pg_class");
	bool ok = pgm_result_ok(res, err);

	(void)arg;
	if (ok)
		printf("%s tables, indexes and the like\n", PQgetvalue(res, 0, 0));
	PQclear(res);
	return ok;
}

int main(int argc, char **argv)
{
	tally t = {0, 0};
	pgm_error err;
	pgm_db *db = pgm_open(argc > 1 ? argv[1] : CONFIG_FILE, PGM_ASYNC_POOL, &err);

	if (!db || !submit_all(db, &t, &err) || !pgm_wait(db, LIMIT_MS, &err) || !pgm_with(db, work, NULL, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return EXIT_FAILURE;
	}
	return t.answered == STATEMENTS && t.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
