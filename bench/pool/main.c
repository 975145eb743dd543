/*
 * bench/pool: what borrowing costs, beside plain libpq and the pools that are installed.
 *
 *   pool                       every figure
 *   pool FIGURE...             some: borrowing round-trip contention holding path fill start memory
 *   PGM_BENCH_ROUNDS=n         rounds of each (default 15; the longer ones take a third)
 *
 * It wants a server, named by PGM_TEST_*: bench/run.sh starts one.
 */
#include "figures.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	void (*print)(const target *t, int rounds);
	int share; /* of the rounds: one in that many */
} figures[] = {
	{"borrowing", figure_borrowing, 1}, {"round-trip", figure_round_trip, 1}, {"contention", figure_contention, 3},
	{"holding", figure_holding, 3},	    {"path", figure_opening_by_path, 1},  {"fill", figure_filling_a_pool, 1},
	{"start", figure_process_start, 1}, {"memory", figure_memory, 5},
};

void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("bench: ", stderr);
	vfprintf(stderr, fmt, args);
	fputs("\n", stderr);
	va_end(args);
	exit(1);
}

const peer *const *peers(int *count)
{
	static const peer *const all[] = {
		&peer_pgmonkey,
#ifdef HAVE_ZDB
		&peer_zdb,
#endif
#ifdef HAVE_SOCI
		&peer_soci,
#endif
	};

	*count = (int)(sizeof all / sizeof *all);
	return all;
}

static const char *must_getenv(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		die("%s is not set; bench/run.sh sees to that", name);
	return value;
}

static bool is_wanted(const char *name, char **wanted)
{
	if (!*wanted)
		return true;
	for (; *wanted; wanted++)
		if (strcmp(*wanted, name) == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	const target t = {.host = must_getenv("PGM_TEST_SOCKETDIR"),
			  .address = must_getenv("PGM_TEST_HOST"),
			  .port = must_getenv("PGM_TEST_PORT"),
			  .user = must_getenv("PGM_TEST_USER"),
			  .password = must_getenv("PGM_TEST_PASSWORD"),
			  .dbname = must_getenv("PGM_TEST_DBNAME")};
	const char *given = getenv("PGM_BENCH_ROUNDS");
	int rounds = given ? (int)strtol(given, NULL, 10) : 15;

	(void)argc;
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
		if (is_wanted(figures[i].name, argv + 1)) {
			figures[i].print(&t, (rounds + figures[i].share - 1) / figures[i].share);
			fflush(stdout);
		}
	return 0;
}
