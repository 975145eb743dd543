/*
 * Several connections to PostgreSQL, as a YAML file describes them, in one thread that never blocks: libpq, libyaml and
 * poll(2) alone. Of async_pool_settings it knows max_size.
 *
 * Build: cc -Wall -Wextra -o program program.c $(pkg-config --cflags --libs libpq yaml-0.1)
 * Run:   ./program [YAML file]
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <libpq-fe.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#define CONFIG_FILE "@CONFIG@"
#define SESSION_SECTION "async_settings"
#define POOL_SECTION "async_pool_settings"
#define STATEMENTS 10
#define LIMIT_MS 30000 /* PQconnectPoll knows no connect_timeout: whoever waits keeps the time */

#include "settings.c"

#include "evented.c"

int main(int argc, char **argv)
{
	config c = {0};
	bool ok;

	if (!read_config(&c, argc > 1 ? argv[1] : CONFIG_FILE))
		return EXIT_FAILURE;
	ok = run(&c, c.max_size < STATEMENTS ? c.max_size : STATEMENTS);
	yaml_document_delete(&c.yaml);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
