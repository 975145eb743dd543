/* A program of someone else: knows pgmonkey from an installed copy only. */
#include <pgmonkey.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	static const char yaml[] = "connection_settings:\n  dbname: mydatabase\n";
	pgm_error err;
	pgm_config *config;
	const char *dbname;
	int found;

	if (strcmp(pgm_version(), PGM_VERSION) != 0) {
		fprintf(stderr, "header %s, library %s\n", PGM_VERSION, pgm_version());
		return 1;
	}
	config = pgm_config_parse(yaml, strlen(yaml), "test.yaml", &err);
	if (!config) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	dbname = pgm_config_get(config, "connection_settings", "dbname");
	found = dbname && strcmp(dbname, "mydatabase") == 0;
	printf("pgmonkey %s, libpq %d, dbname %s\n", pgm_version(), PQlibVersion(), dbname ? dbname : "missing");
	pgm_config_free(config);
	return found ? 0 : 1;
}
