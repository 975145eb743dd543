/* PGM_AUTORELEASE (GCC, Clang): the connection goes back at the end of the scope, by whichever way it is left. */
#include <pgmonkey.h>
#include <stdio.h>

/* The table's size in bytes as text; three ways out, and none of them forgets the connection. */
static bool print_size(pgm_db *db, const char *table, pgm_error *err)
{
	PGM_AUTORELEASE PGconn *conn = pgm_acquire(db, err);

	if (!conn)
		return false;
	PGresult *res = PQexecParams(conn, "SELECT pg_table_size($1::regclass)", 1, NULL, &table, NULL, NULL, 0);
	if (!pgm_result_ok(res, err)) {
		PQclear(res);
		return false;
	}
	printf("%s: %s bytes\n", table, PQgetvalue(res, 0, 0));
	PQclear(res);
	return true;
}

int main(int argc, char **argv)
{
	pgm_error err;
	pgm_db *db = pgm_open(argc > 1 ? argv[1] : "db.yaml", PGM_FROM_CONFIG, &err);
	pgm_stats stats;

	if (!db || !print_size(db, "pg_class", &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	if (print_size(db, "no_such_table", &err))
		return 1;
	printf("as expected: %s (SQLSTATE %s)\n", err.message, err.sqlstate);
	pgm_db_stats(db, &stats, sizeof stats);
	printf("connections still lent: %d\n", (int)stats.lent);
	return stats.lent == 0 ? 0 : 1;
}
