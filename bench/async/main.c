/*
 * bench/async: pgm_submit, beside plain libpq in pipeline mode and other ways to keep a server busy from one thread.
 *
 *   async                      rate turn memory slow
 *   async FIGURE...            some of these, and
 *     rate                     point selects, 1, 16, 64 and 1,000 in flight, on 1, 4 and 16 connections, Unix socket
 *     matrix                   the same, SELECT 1 as well, and over TCP as well
 *     CONNECTIONS/IN_FLIGHT    rate, for these alone, such as 4/64
 *   PGM_BENCH_ROUNDS=n         rounds of each (default 5)
 *   PGM_BENCH_MS=n             milliseconds that a peer is measured in a round (default 250)
 *   PGM_BENCH_PEER=name        rate of pipe, pgmonkey, pgm_wait or 'one by one' alone, for a profiler
 *
 * It wants a server, named by PGM_TEST_*: bench/run.sh starts one.
 */
#include "figures.h"
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	void (*print)(const target *t, int rounds);
	bool on_request; /* only if it is named */
} figures[] = {
	{"rate", figure_rate, false},	  {"matrix", figure_matrix, true}, {"turn", figure_turn, false},
	{"memory", figure_memory, false}, {"slow", figure_slow, false},
};

static void make_table(const target *t)
{
	PGconn *conn = PQsetdbLogin(t->host, t->port, NULL, NULL, t->dbname, t->user, t->password);
	PGresult *res =
		PQexec(conn, "SET client_min_messages = warning;"
			     "CREATE TABLE IF NOT EXISTS accounts (id integer PRIMARY KEY, balance integer, "
			     "filler text);"
			     "TRUNCATE accounts;"
			     "INSERT INTO accounts SELECT n, n, repeat('x', 80) FROM generate_series(1, 100000) n");

	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		die("the table: %s", PQerrorMessage(conn));
	PQclear(res);
	PQclear(PQexec(conn, "VACUUM ANALYZE accounts"));
	PQfinish(conn);
}

/* True if it was one. */
static bool print_point(const target *t, int rounds, const char *wanted)
{
	char *end;
	long connections = strtol(wanted, &end, 10), in_flight = *end == '/' ? strtol(end + 1, &end, 10) : 0;

	if (connections < 1 || connections > 16 || in_flight < 1 || in_flight > 1000 || *end)
		return false;
	figure_rate_at(t, rounds, (int)connections, (int)in_flight);
	return true;
}

static bool print_figure(const target *t, int rounds, const char *wanted)
{
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
		if (wanted ? strcmp(wanted, figures[i].name) != 0 : figures[i].on_request)
			continue;
		figures[i].print(t, rounds);
		fflush(stdout);
		if (wanted)
			return true;
	}
	return !wanted;
}

int main(int argc, char **argv)
{
	const target t = target_of_environment();
	int rounds = number_from_environment("PGM_BENCH_ROUNDS", 5);

	make_table(&t);
	load_make_params();
	if (argc < 2)
		print_figure(&t, rounds, NULL);
	for (int i = 1; i < argc; i++)
		if (!print_figure(&t, rounds, argv[i]) && !print_point(&t, rounds, argv[i]))
			die("there is no figure %s", argv[i]);
	return 0;
}
