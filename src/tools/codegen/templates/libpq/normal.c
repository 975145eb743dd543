/*
 * One connection to PostgreSQL, as a YAML file describes it, with libpq and libyaml alone.
 *
 * Build: cc -Wall -Wextra -o program program.c $(pkg-config --cflags --libs libpq yaml-0.1)
 * Run:   ./program [YAML file]
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <libpq-fe.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#define CONFIG_FILE "@CONFIG@"
#define SESSION_SECTION "sync_settings"
#define POOL_SECTION "pool_settings"

#include "settings.c"

#include "blocking.c"

int main(int argc, char **argv)
{
	config c = {0};
	PGconn *conn;
	bool ok;

	if (!read_config(&c, argc > 1 ? argv[1] : CONFIG_FILE))
		return EXIT_FAILURE;
	conn = open_connection(&c);
	ok = conn && transact(&c, conn, work);
	PQfinish(conn);
	yaml_document_delete(&c.yaml);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
