/* How long a turn of the loop keeps the program from anything else. */
#include "figures.h"
#include "load.h"
#include "loop.h"
#include "sample.h"

#include <stdio.h>

#define IN_FLIGHT 1000

static void measure(const target *t, const peer *p, int connections, int rounds)
{
	sample clock = {.count = 0}, cpu = {.count = 0};
	void *self = p->open(t, t->host, connections);

	for (int round = 0; round < rounds; round++) {
		load l = {.kind = SELECT_1, .in_flight = IN_FLIGHT, .for_ns = round_ms() * INT64_C(1000000)};
		double clock_ms, cpu_ms;

		loop_measure(true);
		load_run(&l, p, self, NULL, NULL);
		loop_measure(false);
		loop_longest(&clock_ms, &cpu_ms);
		sample_add(&clock, clock_ms);
		sample_add(&cpu, cpu_ms);
	}
	p->close(self);
	printf("  %-12s connections: %2d", p->name, connections);
	sample_print(&cpu, 2);
	sample_print(&clock, 2);
	printf("\n");
}

void figure_turn(const target *t, int rounds)
{
	printf("\nthe longest turn of the loop, SELECT 1, %d in flight: ms of CPU time, ms on the clock; %d rounds of "
	       "%d "
	       "ms\n",
	       IN_FLIGHT, rounds, round_ms());
	for (int connections = 1; connections <= 16; connections *= 4) {
		measure(t, &peer_pipe, connections, rounds);
		measure(t, &peer_pgmonkey, connections, rounds);
	}
}
