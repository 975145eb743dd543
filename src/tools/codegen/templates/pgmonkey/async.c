/*
 * One event-driven connection to PostgreSQL, as a YAML file describes it: statements are sent without waiting for one
 * another's answers. This program has no event loop; pgm_wait turns one until all is answered.
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

/* Your statements go here. Each is a transaction of its own. */
static bool submit_all(pgm_db *db, tally *t, pgm_error *err)
{
	const char *params[] = {"statement_timeout"};
	const pgm_query query = {
		.sql = "SELECT current_database(), current_setting('application_name'), current_setting($1)",
		.nparams = 1,
		.params = params,
		.timeout_ms = LIMIT_MS,
		.flags = PGM_PREPARE, /* parsed once, run many times */
	};

	for (int i = 0; i < STATEMENTS; i++)
		if (!pgm_submit(db, &query, on_result, t, err))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	tally t = {0, 0};
	pgm_error err;
	pgm_db *db = pgm_open(argc > 1 ? argv[1] : CONFIG_FILE, PGM_ASYNC, &err);

	if (!db || !submit_all(db, &t, &err) || !pgm_wait(db, LIMIT_MS, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return EXIT_FAILURE;
	}
	return t.answered == STATEMENTS && t.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
