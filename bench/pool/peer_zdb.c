/* libzdb 3: https://www.tildeslash.com/libzdb/ */
#include "peer.h"

#include <sched.h>
#include <stdlib.h>
#include <zdb.h>

static URL_T url;
static ConnectionPool_T pool;

static void on_abort(const char *error)
{
	die("libzdb: %s", error);
}

/* Its URL takes an address; a socket directory is a parameter, and then the port is what libpq finds. */
static void open_pool(const target *t, int size)
{
	setenv("PGPORT", t->port, 1);
	url = URL_create("postgresql://localhost/%s?user=%s&password=%s&unix-socket=%s", t->dbname, t->user,
			 t->password, t->host);
	if (!url)
		die("libzdb: the URL is not understood");
	pool = ConnectionPool_new(url);
	ConnectionPool_setAbortHandler(pool, on_abort);
	ConnectionPool_setInitialConnections(pool, size);
	ConnectionPool_setMaxConnections(pool, size);
	ConnectionPool_start(pool);
}

/* It does not wait for a connection: whoever wants to has to try again. */
static void *borrow(void)
{
	Connection_T conn = ConnectionPool_getConnection(pool);

	while (!conn) {
		sched_yield();
		conn = ConnectionPool_getConnection(pool);
	}
	return conn;
}

static void select_1(void *conn)
{
	ResultSet_T rows = Connection_executeQuery(conn, "SELECT 1");

	if (!ResultSet_next(rows) || ResultSet_getInt(rows, 1) != 1)
		die("libzdb: no answer");
}

static void give_back(void *conn)
{
	Connection_close(conn);
}

static void close_pool(void)
{
	ConnectionPool_free(&pool);
	URL_free(&url);
}

const peer peer_zdb = {"libzdb", open_pool, borrow, select_1, give_back, close_pool};
