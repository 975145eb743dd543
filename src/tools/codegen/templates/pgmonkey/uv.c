/*
 * Event-driven connections to PostgreSQL, as a YAML file describes them, on a libuv loop: nothing in it ever waits, so
 * all else on the loop goes on meanwhile.
 *
 * Build: cc -Wall -Wextra -o program program.c $(pkg-config --cflags --libs pgmonkey libuv)
 * Run:   ./program [YAML file]
 */
#define _POSIX_C_SOURCE 200809L /* with -std=c11, uv.h asks for it */

#include <pgmonkey/adapters/uv.h>
#include <stdio.h>
#include <stdlib.h>

#define CONFIG_FILE "@CONFIG@"
#define STATEMENTS 10
#define LIMIT_MS 30000

typedef struct program {
	pgm_db *db;
	int answered, failed;
} program;

/* One call for each statement. res is ours, also beside an error. */
static void on_result(PGresult *res, const pgm_error *err, void *arg)
{
	program *p = arg;

	p->answered++;
	if (err) {
		p->failed++;
		fprintf(stderr, "%s\n", err->message);
	} else {
		printf("database %s, application %s, setting %s\n", PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1),
		       PQgetvalue(res, 0, 2));
	}
	PQclear(res);
	if (p->answered == STATEMENTS) /* an open handle keeps uv_run going */
		pgm_close(p->db);
}

/* Your statements go here, or in any other callback of the loop. Each is a transaction of its own. */
static bool submit_all(program *p, pgm_error *err)
{
	const char *params[] = {"statement_timeout"};
	const pgm_query query = {
		.sql = "SELECT current_database(), current_setting('application_name'), current_setting($1)",
		.nparams = 1,
		.params = params,
		.timeout_ms = LIMIT_MS,
	};

	for (int i = 0; i < STATEMENTS; i++)
		if (!pgm_submit(p->db, &query, on_result, p, err))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	const pgm_open_options options = {.size = sizeof options, .type = THE_TYPE};
	uv_loop_t *loop = uv_default_loop();
	program p = {0};
	pgm_error err;
	pgm_config *config = pgm_config_load(argc > 1 ? argv[1] : CONFIG_FILE, &err);

	p.db = config ? pgm_uv_open(loop, NULL, config, &options, &err) : NULL;
	pgm_config_free(config);
	if (!p.db || !submit_all(&p, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return EXIT_FAILURE;
	}
	uv_run(loop, UV_RUN_DEFAULT);
	return uv_loop_close(loop) == 0 && p.answered == STATEMENTS && p.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
