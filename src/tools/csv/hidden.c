#include "tools/csv/hidden.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DROP_WITHIN_MS 5000

bool pgm__csv_hidden_create(pgm__csv_hidden *hidden, pgm__csv_session *session, const pgm__csv_table *table,
			    const pgm__csv_columns *columns, pgm_error *err)
{
	/* What the server has of its own is no secret, and never the same twice. */
	uint64_t unique =
		(uint64_t)pgm__clock_now() ^ ((uint64_t)getpid() << 40) ^ (uint64_t)PQbackendPID(session->conn);
	char *schema = PQescapeIdentifier(session->conn, table->schema, strlen(table->schema));

	snprintf(hidden->name, sizeof(hidden->name), "pgmonkey_import_%016" PRIx64, unique);
	snprintf(hidden->sql, sizeof(hidden->sql), "%s.%s", schema ? schema : "", hidden->name);
	if (schema && pgm__csv_destination_create(session, hidden->sql, columns, err)) {
		PQfreemem(schema);
		return true;
	}
	hidden->name[0] = '\0';
	PQfreemem(schema);
	return schema || pgm__fail_nomem(err, "creating the table");
}

bool pgm__csv_hidden_reveal(pgm__csv_hidden *hidden, pgm__csv_session *session, const pgm__csv_table *table,
			    pgm_error *err)
{
	char *name = PQescapeIdentifier(session->conn, table->table, strlen(table->table));
	char sql[sizeof(hidden->sql) + (size_t)2 * PGM__CSV_NAME_MAX + 64];
	bool ok;

	snprintf(sql, sizeof(sql), "ALTER TABLE %s RENAME TO %s", hidden->sql, name ? name : "");
	ok = name ? pgm__csv_do(session, "giving the table its name", sql, err)
		  : pgm__fail_nomem(err, "giving the table its name");
	PQfreemem(name);
	if (ok)
		hidden->name[0] = '\0';
	return ok;
}

static bool is_before(void *arg)
{
	const pgm__time *deadline = arg;

	return pgm__clock_now() < *deadline;
}

void pgm__csv_hidden_drop(pgm__csv_hidden *hidden, const pgm_config *config, pgm_error *err)
{
	pgm__time deadline = pgm__clock_after_ms(DROP_WITHIN_MS);
	pgm__csv_session session = {.go_on = is_before, .arg = &deadline};
	char sql[sizeof(hidden->sql) + 32];
	const pgm_error why = *err;

	if (!hidden->name[0])
		return;
	snprintf(sql, sizeof(sql), "DROP TABLE IF EXISTS %s", hidden->sql);
	if (!pgm__csv_session_open(&session, config, NULL) || !pgm__csv_do(&session, NULL, sql, NULL)) {
		pgm__fail(err, why.code, "%s; the table %s " PGM__CSV_LEFT_BEHIND, why.message, hidden->sql);
		pgm__error_sqlstate(err, why.sqlstate);
	}
	pgm__csv_session_close(&session);
	hidden->name[0] = '\0';
}
