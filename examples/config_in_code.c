/*
 * A configuration built in code: no file. This example is given a file all the same, and takes from it where
 * the server is and who logs in; a program has these from its own settings.
 */
#include <pgmonkey.h>
#include <stdio.h>

typedef struct pair {
	const char *section, *key, *value;
} pair;

static bool set_all(pgm_config *config, const pgm_config *login, pgm_error *err)
{
	static const char *const where[] = {"host", "port", "dbname", "user", "password"};
	static const pair chosen[] = {
		{NULL, "connection_type", "pool"},
		{"connection_settings", "application_name", "config_in_code"},
		{"pool_settings", "min_size", "1"},
		{"pool_settings", "max_size", "2"},
		{"sync_settings", "statement_timeout", "5000"},
	};

	for (size_t i = 0; i < sizeof where / sizeof *where; i++) {
		const char *value = pgm_config_get(login, "connection_settings", where[i]);

		if (value && !pgm_config_set(config, "connection_settings", where[i], value, err))
			return false;
	}
	for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++)
		if (!pgm_config_set(config, chosen[i].section, chosen[i].key, chosen[i].value, err))
			return false;
	return true;
}

/* The handle has a copy of the configuration: ours can go. */
static pgm_db *open_database(const char *login_file, pgm_error *err)
{
	pgm_config *login = pgm_config_load(login_file, err);
	pgm_config *config = pgm_config_new();
	pgm_db *db =
		login && config && set_all(config, login, err) ? pgm_open_config(config, PGM_FROM_CONFIG, err) : NULL;

	pgm_config_free(config);
	pgm_config_free(login);
	return db;
}

int main(int argc, char **argv)
{
	pgm_error err = {0};
	pgm_db *db = open_database(argc > 1 ? argv[1] : "db.yaml", &err);
	PGconn *conn = db ? pgm_acquire(db, &err) : NULL;

	if (!conn) {
		fprintf(stderr, "%s\n", err.code ? err.message : "out of memory");
		return 1;
	}
	PGresult *res =
		PQexec(conn, "SELECT current_setting('application_name'), current_setting('statement_timeout')");
	bool ok = pgm_result_ok(res, &err);
	if (ok)
		printf("application_name %s, statement_timeout %s\n", PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1));
	else
		fprintf(stderr, "%s\n", err.message);
	PQclear(res);
	pgm_release(conn);
	return ok ? 0 : 1;
}
