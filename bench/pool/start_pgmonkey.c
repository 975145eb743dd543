/* The same with pgmonkey: reads its file, connects, reads one row, ends. */
#include <pgmonkey.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	pgm_error err = {PGM_OK, "", ""};
	pgm_db *db = argc > 1 ? pgm_open(argv[1], PGM_FROM_CONFIG, &err) : NULL;
	PGconn *conn = db ? pgm_acquire(db, &err) : NULL;
	PGresult *res = conn ? PQexec(conn, "SELECT 1") : NULL;
	int ok = PQntuples(res) == 1;

	if (!ok)
		fprintf(stderr, "%s\n", err.message);
	PQclear(res);
	pgm_release(conn);
	return !ok;
}
