/*
 * The server ends a connection that lies idle in the pool, as an administrator, a restart or a firewall
 * would. The next borrower gets a working one, and no error: only the log tells of it.
 */
#include <pgmonkey.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Borrows a connection and asks which process of the server is at its other end; 0 on failure. */
static long backend(pgm_db *db, pgm_error *err)
{
	PGconn *conn = pgm_acquire(db, err);
	PGresult *res = conn ? PQexec(conn, "SELECT pg_backend_pid()") : NULL;
	long pid = conn && pgm_result_ok(res, err) ? strtol(PQgetvalue(res, 0, 0), NULL, 10) : 0;

	PQclear(res);
	pgm_release(conn);
	return pid;
}

/* The first value that a statement with one parameter answers; -1 on failure. */
static long ask(PGconn *conn, const char *sql, const char *param, pgm_error *err)
{
	PGresult *res = PQexecParams(conn, sql, 1, NULL, &param, NULL, NULL, 0);
	long answer = pgm_result_ok(res, err) ? strtol(PQgetvalue(res, 0, 0), NULL, 10) : -1;

	PQclear(res);
	return answer;
}

/* Any role may end its own sessions. Returns when the session has gone. */
static bool end_backend(pgm_db *db, long pid, pgm_error *err)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	PGconn *conn = pgm_acquire(db, err);
	char number[24];
	long left;

	if (!conn)
		return false;
	snprintf(number, sizeof number, "%ld", pid);
	left = ask(conn, "SELECT pg_terminate_backend($1)::int", number, err);
	for (int i = 0; i < 1000 && left > 0; i++) {
		left = ask(conn, "SELECT count(*) FROM pg_stat_activity WHERE pid = $1", number, err);
		nanosleep(&pause, NULL);
	}
	pgm_release(conn);
	if (left > 0)
		snprintf(err->message, sizeof err->message, "the server's process %ld does not end", pid);
	return left == 0;
}

int main(int argc, char **argv)
{
	const char *file = argc > 1 ? argv[1] : "db.yaml";
	pgm_error err;
	pgm_db *pool = pgm_open(file, PGM_POOL, &err);
	pgm_db *other = pool ? pgm_open(file, PGM_NORMAL, &err) : NULL; /* the same file, another handle */
	long before = other ? backend(pool, &err) : 0;
	long after = before && end_backend(other, before, &err) ? backend(pool, &err) : 0;

	if (!after) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	printf("server process %ld answered; it was ended while idle; then %ld answered\n", before, after);
	return before != after ? 0 : 1;
}
