/* One statement in a hundred is slow: what do the others notice? */
#include "figures.h"
#include "load.h"
#include "sample.h"

#include <stdio.h>

#define CONNECTIONS 16
#define IN_FLIGHT 64

static const struct {
	const char *name;
	const peer *peer;
	int slow_one_in;
	bool marks_long;
} cases[] = {
	{"pipe, none slow", &peer_pipe, 0, false},
	{"pgmonkey, none slow", &peer_pgmonkey, 0, false},
	{"pipe", &peer_pipe, 100, false},
	{"pgmonkey", &peer_pgmonkey, 100, false},
	{"pgmonkey, the slow ones PGM_LONG", &peer_pgmonkey, 100, true},
	{"one by one", &peer_one_by_one, 100, false},
};

#define CASES (sizeof cases / sizeof *cases)

void figure_slow(const target *t, int rounds)
{
	static sample rate[CASES], p50[CASES], p99[CASES];
	void *selves[CASES];

	for (size_t i = 0; i < CASES; i++)
		selves[i] = cases[i].peer->open(t, t->host, CONNECTIONS);
	for (int round = 0; round < rounds; round++)
		for (size_t i = 0; i < CASES; i++) {
			load l = {.kind = POINT_SELECT,
				  .in_flight = IN_FLIGHT,
				  .for_ns = 2 * INT64_C(1000000) * round_ms(),
				  .slow_one_in = cases[i].slow_one_in,
				  .marks_long = cases[i].marks_long};

			load_run(&l, cases[i].peer, selves[i], NULL, NULL);
			sample_add(&rate[i], l.per_second / 1000);
			sample_add(&p50[i], l.p50_us / 1000);
			sample_add(&p99[i], l.p99_us / 1000);
		}
	printf("\none statement in 100 takes 10 ms, the others are point selects; Unix socket, connections: %d, in "
	       "flight: "
	       "%d;\nthousands a second, median and 99th percentile of the others' latency in ms, %d rounds of %d "
	       "ms\n",
	       CONNECTIONS, IN_FLIGHT, rounds, 2 * round_ms());
	for (size_t i = 0; i < CASES; i++) {
		printf("  %-34s", cases[i].name);
		sample_print(&rate[i], 1);
		sample_print(&p50[i], 2);
		sample_print(&p99[i], 2);
		printf("\n");
		cases[i].peer->close(selves[i]);
	}
}
