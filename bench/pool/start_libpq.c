/* A program of its own: connects, reads one row, ends. */
#include <libpq-fe.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	PGconn *conn = argc > 1 ? PQconnectdb(argv[1]) : NULL;
	PGresult *res = PQexec(conn, "SELECT 1");
	int ok = PQntuples(res) == 1;

	if (!ok)
		fprintf(stderr, "%s", PQerrorMessage(conn));
	PQclear(res);
	PQfinish(conn);
	return !ok;
}
