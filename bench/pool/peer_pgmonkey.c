#include "peer.h"

#include <pgmonkey.h>
#include <stdio.h>

static pgm_config *config;
static pgm_db *db;

static void set(const char *section, const char *key, const char *value)
{
	pgm_error err;

	if (!pgm_config_set(config, section, key, value, &err))
		die("pgmonkey: %s", err.message);
}

static void open_pool(const target *t, int size)
{
	char number[16];
	pgm_error err;

	snprintf(number, sizeof number, "%d", size);
	config = pgm_config_new();
	set("connection_settings", "host", t->host);
	set("connection_settings", "port", t->port);
	set("connection_settings", "user", t->user);
	set("connection_settings", "password", t->password);
	set("connection_settings", "dbname", t->dbname);
	set("pool_settings", "min_size", number);
	set("pool_settings", "max_size", number);
	db = pgm_open_config(config, PGM_POOL, &err);
	if (!db || !pgm_wait_ready(db, 30000, &err))
		die("pgmonkey: %s", err.message);
}

static void *borrow(void)
{
	pgm_error err;
	PGconn *conn = pgm_acquire(db, &err);

	if (!conn)
		die("pgmonkey: %s", err.message);
	return conn;
}

static void select_1(void *conn)
{
	PGresult *res = PQexec(conn, "SELECT 1");

	if (PQresultStatus(res) != PGRES_TUPLES_OK || PQgetvalue(res, 0, 0)[0] != '1')
		die("pgmonkey: %s", PQerrorMessage(conn));
	PQclear(res);
}

static void give_back(void *conn)
{
	pgm_release(conn);
}

static void close_pool(void)
{
	pgm_close(db);
	pgm_config_free(config);
}

const peer peer_pgmonkey = {"pgmonkey", open_pool, borrow, select_1, give_back, close_pool};
