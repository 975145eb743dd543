#include "tools/csv/snapshot.h"

#include <stdio.h>

static const char doing[] = "beginning to export";

/* Takes up the others' view before the first statement that needs one (manual, SET TRANSACTION). */
static bool join(const pgm__csv_snapshot *snapshot, pgm__csv_session *session, pgm_error *err)
{
	char sql[sizeof(snapshot->id) + 40];

	snprintf(sql, sizeof(sql), "SET TRANSACTION SNAPSHOT '%s'", snapshot->id);
	return pgm__csv_do(session, doing, sql, err);
}

static bool publish(pgm__csv_snapshot *snapshot, pgm__csv_session *session, pgm_error *err)
{
	PGresult *res = pgm__csv_ask(session, doing, "SELECT pg_catalog.pg_export_snapshot()", 0, NULL, 1, err);

	if (PQntuples(res) > 0)
		snprintf(snapshot->id, sizeof(snapshot->id), "%s", PQgetvalue(res, 0, 0));
	PQclear(res);
	return res != NULL;
}

/* The order of rows is that of the blocks: no parallel workers of the server's. */
static bool set(const pgm__csv_snapshot *snapshot, pgm__csv_session *session, pgm_error *err)
{
	static const char alone[] = "SELECT pg_catalog.set_config('row_security', $1, true), "
				    "pg_catalog.set_config('statement_timeout', '0', true), "
				    "pg_catalog.set_config('synchronize_seqscans', 'off', true)";
	static const char together[] = "SELECT pg_catalog.set_config('row_security', $1, true), "
				       "pg_catalog.set_config('statement_timeout', '0', true), "
				       "pg_catalog.set_config('synchronize_seqscans', 'off', true), "
				       "pg_catalog.set_config('enable_tidscan', 'on', true), "
				       "pg_catalog.set_config('max_parallel_workers_per_gather', '0', true)";
	const char *const row_security[] = {snapshot->visible_rows ? "on" : "off"};
	PGresult *res = pgm__csv_run(session, doing, snapshot->shared ? together : alone, 1, row_security, err);

	PQclear(res);
	return res != NULL;
}

bool pgm__csv_snapshot_begin(pgm__csv_snapshot *snapshot, pgm__csv_session *session, pgm_error *err)
{
	if (!snapshot->shared)
		return pgm__csv_do(session, doing, "BEGIN", err) && set(snapshot, session, err);
	return pgm__csv_do(session, doing, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", err) &&
	       (snapshot->id[0] ? join(snapshot, session, err) : publish(snapshot, session, err)) &&
	       set(snapshot, session, err);
}
