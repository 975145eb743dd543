/*
 * One connection to PostgreSQL, as a YAML file describes it. Threads that use it take turns.
 *
 * Build: cc -Wall -Wextra -o program program.c $(pkg-config --cflags --libs pgmonkey)
 * Run:   ./program [YAML file]
 */
#include <pgmonkey.h>
#include <stdio.h>
#include <stdlib.h>

#define CONFIG_FILE "@CONFIG@"

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

int main(int argc, char **argv)
{
	pgm_error err;
	pgm_db *db = pgm_open(argc > 1 ? argv[1] : CONFIG_FILE, PGM_NORMAL, &err);

	if (!db || !pgm_with(db, work, NULL, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS; /* the connection is closed at exit */
}
