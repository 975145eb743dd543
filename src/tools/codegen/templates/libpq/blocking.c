/* ------------------------------------------------------------------------------ the connection */

/* Was a statement accepted? If not, says why. */
static bool succeeded(PGconn *conn, const PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);

	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return true;
	fprintf(stderr, "%s", res ? PQresultErrorMessage(res) : PQerrorMessage(conn));
	return false;
}

static bool set_for_session(PGconn *conn, const char *name, const char *value)
{
	const char *params[] = {name, value};
	PGresult *res = PQexecParams(conn, "SELECT set_config($1, $2, false)", 2, NULL, params, NULL, NULL, 0);
	bool ok = succeeded(conn, res);

	PQclear(res);
	return ok;
}

/* The caller closes it by PQfinish. NULL on failure, which was said. */
static PGconn *open_connection(const config *c)
{
	/* 0: the database's name is a name, even if it looks like a connection string. */
	PGconn *conn = PQconnectdbParams(c->connection.names, c->connection.values, 0);
	bool ok = conn && PQstatus(conn) == CONNECTION_OK;

	if (!ok)
		fprintf(stderr, "%s", conn ? PQerrorMessage(conn) : "out of memory\n");
	for (int i = 0; ok && i < c->session.count; i++)
		ok = set_for_session(conn, c->session.names[i], c->session.values[i]);
	if (ok)
		return conn;
	PQfinish(conn);
	return NULL;
}

/* COMMIT of a transaction that has failed is accepted, and does a ROLLBACK. */
static bool end_transaction(PGconn *conn, bool commit)
{
	PGresult *res = PQexec(conn, commit ? "COMMIT" : "ROLLBACK");
	bool ok = succeeded(conn, res);

	if (ok && commit && strcmp(PQcmdStatus(res), "COMMIT") != 0) {
		fprintf(stderr, "the transaction had failed, and was rolled back\n");
		ok = false;
	}
	PQclear(res);
	return ok;
}

/* Runs work between BEGIN and COMMIT; if it returns false, between BEGIN and ROLLBACK. */
static bool transact(const config *c, PGconn *conn, bool (*work)(PGconn *))
{
	PGresult *res;
	bool ok;

	if (c->autocommit)
		return work(conn);
	res = PQexec(conn, "BEGIN");
	ok = succeeded(conn, res);
	PQclear(res);
	if (!ok)
		return false;
	ok = work(conn);
	return end_transaction(conn, ok) && ok;
}

/* ------------------------------------------------------------------------------ the work */

/* Your work goes here. True commits it, false rolls it back. */
static bool work(PGconn *conn)
{
	static const char sql[] = "SELECT current_database(), current_setting('application_name'), current_setting($1)";
	const char *params[] = {"statement_timeout"};
	PGresult *res = PQexecParams(conn, sql, 1, NULL, params, NULL, NULL, 0);
	bool ok = succeeded(conn, res);

	if (ok)
		printf("database %s, application %s, %s %s\n", PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1), params[0],
		       PQgetvalue(res, 0, 2));
	PQclear(res);
	return ok;
}
