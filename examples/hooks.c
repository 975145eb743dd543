/*
 * Three moments in the life of a pooled connection at which a program may have its say:
 * configure, once after it was opened; check, before each loan; reset, after each return.
 */
#include <pgmonkey.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

typedef struct counts { /* hooks run in whichever thread is at work on the connection */
	atomic_int configured, checked, reset;
} counts;

/* Prints what a statement answers, if it does. */
static bool run(PGconn *conn, const char *sql, pgm_error *err)
{
	PGresult *res = PQexec(conn, sql);
	bool ok = pgm_result_ok(res, err);

	if (ok && PQntuples(res) > 0)
		printf("%s: %s\n", sql, PQgetvalue(res, 0, 0));
	PQclear(res);
	return ok;
}

/* Every borrower finds this statement prepared. */
static bool configure(PGconn *conn, void *arg, pgm_error *err)
{
	atomic_fetch_add(&((counts *)arg)->configured, 1);
	return run(conn, "PREPARE double_of (int) AS SELECT $1 * 2", err);
}

/* False drops the connection, and the next one is looked at. The server tells libpq of this by itself: no question asked. */
static bool check(PGconn *conn, void *arg, pgm_error *err)
{
	const char *standby = PQparameterStatus(conn, "in_hot_standby");

	atomic_fetch_add(&((counts *)arg)->checked, 1);
	if (!standby || strcmp(standby, "off") == 0)
		return true;
	err->code = PGM_ERR_CONNECT;
	snprintf(err->message, sizeof err->message, "the server is a standby: it takes no changes");
	return false;
}

/* What the borrower has SET goes; afterwards the session settings of the file are put in place again. */
static bool reset(PGconn *conn, void *arg, pgm_error *err)
{
	atomic_fetch_add(&((counts *)arg)->reset, 1);
	return run(conn, "RESET ALL", err);
}

static bool use(pgm_db *db, const char *sql, pgm_error *err)
{
	PGconn *conn = pgm_acquire(db, err);
	bool ok = conn && run(conn, sql, err);

	pgm_release(conn);
	return ok;
}

int main(int argc, char **argv)
{
	counts seen = {0};
	pgm_error err;
	const pgm_open_options options = {
		.size = sizeof options,
		.type = PGM_NORMAL,
		.hooks = {.configure = configure, .check = check, .reset = reset, .arg = &seen},
	};
	pgm_config *config = pgm_config_load(argc > 1 ? argv[1] : "db.yaml", &err);
	pgm_db *db = config ? pgm_manager_open(NULL, config, &options, &err) : NULL;
	bool ok = db && use(db, "EXECUTE double_of(21)", &err) && use(db, "SET DateStyle = 'German'", &err) &&
		  use(db, "SHOW DateStyle", &err);

	pgm_config_free(config);
	if (!ok)
		fprintf(stderr, "%s\n", err.message);
	pgm_close(db); /* before what the hooks point to goes */
	printf("configured %d, checked %d, reset %d\n", seen.configured, seen.checked, seen.reset);
	return ok && seen.configured == 1 && seen.checked == 3 && seen.reset == 3 ? 0 : 1;
}
