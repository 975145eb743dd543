/* The yardstick: one connection of libpq, and nothing around it. */
#include "peer.h"

#include <libpq-fe.h>

static PGconn *conn;

static void open_one(const target *t, int size)
{
	(void)size;
	conn = PQsetdbLogin(t->host, t->port, NULL, NULL, t->dbname, t->user, t->password);
	if (PQstatus(conn) != CONNECTION_OK)
		die("libpq: %s", PQerrorMessage(conn));
}

static void *borrow(void)
{
	return conn;
}

static void select_1(void *borrowed)
{
	PGresult *res = PQexec(borrowed, "SELECT 1");

	if (PQresultStatus(res) != PGRES_TUPLES_OK || PQgetvalue(res, 0, 0)[0] != '1')
		die("libpq: %s", PQerrorMessage(borrowed));
	PQclear(res);
}

static void give_back(void *borrowed)
{
	(void)borrowed;
}

static void close_one(void)
{
	PQfinish(conn);
}

const peer peer_bare = {"bare libpq", open_one, borrow, select_1, give_back, close_one};
