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

#include <stdio.h>

static const struct {
	const char *name;
	void (*print)(const target *t, int rounds);
	int share; /* of the rounds: one in that many */
} figures[] = {
	{"borrowing", figure_borrowing, 1}, {"round-trip", figure_round_trip, 1}, {"contention", figure_contention, 3},
	{"holding", figure_holding, 3},	    {"path", figure_opening_by_path, 1},  {"fill", figure_filling_a_pool, 1},
	{"start", figure_process_start, 1}, {"memory", figure_memory, 5},
};

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

int main(int argc, char **argv)
{
	const target t = target_of_environment();
	int rounds = number_from_environment("PGM_BENCH_ROUNDS", 15);

	(void)argc;
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
		if (is_wanted(figures[i].name, argv + 1)) {
			figures[i].print(&t, (rounds + figures[i].share - 1) / figures[i].share);
			fflush(stdout);
		}
	return 0;
}
