#include <pgmonkey.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	pgm_error err;
	pgm_db *db = pgm_open(argc > 1 ? argv[1] : "db.yaml", PGM_FROM_CONFIG, &err);
	PGconn *conn = db ? pgm_acquire(db, &err) : NULL; /* a plain libpq connection */

	if (!conn) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	PGresult *res = PQexec(conn, "SELECT version()");
	bool ok = pgm_result_ok(res, &err);
	fprintf(ok ? stdout : stderr, "%s\n", ok ? PQgetvalue(res, 0, 0) : err.message);
	PQclear(res);
	pgm_release(conn); /* back to the handle, cleaned */
	return ok ? 0 : 1; /* at exit everything is closed */
}
