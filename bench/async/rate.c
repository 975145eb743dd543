/* Statements per second, latency, CPU time and allocations, point by point. */
#include "figures.h"
#include "load.h"
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct point {
	statement_kind kind;
	bool tcp;
	int connections, in_flight;
} point;

enum { PIPE, PGMONKEY, PGM_WAIT, ONE_BY_ONE, PEERS };
static const peer *const peers[PEERS] = {&peer_pipe, &peer_pgmonkey, &peer_pgm_wait, &peer_one_by_one};

typedef struct row {
	sample rate, ratio, p50, p99, cpu, allocations;
	double last; /* per second, in this round */
} row;

static void measure(const peer *p, void *self, const point *at, row *r)
{
	load l = {.kind = at->kind, .in_flight = at->in_flight, .for_ns = round_ms() * 1000000};

	load_run(&l, p, self, NULL, NULL);
	r->last = l.per_second;
	sample_add(&r->rate, l.per_second / 1000);
	sample_add(&r->p50, l.p50_us);
	sample_add(&r->p99, l.p99_us);
	sample_add(&r->cpu, l.cpu_us);
	sample_add(&r->allocations, l.allocations);
}

/* The yardstick before and after all others: their mean is what a round's are compared to. */
static void measure_rounds(const point *at, void *const selves[PEERS], row rows[PEERS], int rounds)
{
	double before;

	measure(peers[PIPE], selves[PIPE], at, &rows[PIPE]);
	for (int round = 0; round < rounds; round++) {
		before = rows[PIPE].last;
		for (int i = 1; i < PEERS; i++)
			measure(peers[i], selves[i], at, &rows[i]);
		measure(peers[PIPE], selves[PIPE], at, &rows[PIPE]);
		for (int i = 0; i < PEERS; i++)
			sample_add(&rows[i].ratio, 2 * rows[i].last / (before + rows[PIPE].last));
	}
}

static void print_row(const char *name, row *r, double allocations_of_pipe)
{
	printf("  %-12s %7.1f (%.1f to %.1f)  %6.3f (%.3f to %.3f)  %7.0f %7.0f  %6.2f  %7.1f\n", name,
	       sample_at(&r->rate, 0.5), sample_at(&r->rate, 0.25), sample_at(&r->rate, 0.75),
	       sample_at(&r->ratio, 0.5), sample_at(&r->ratio, 0.25), sample_at(&r->ratio, 0.75),
	       sample_at(&r->p50, 0.5), sample_at(&r->p99, 0.5), sample_at(&r->cpu, 0.5),
	       sample_at(&r->allocations, 0.5) - allocations_of_pipe);
}

/* It has as many connections as statements in flight; so once is enough. */
static void print_pgbench(const target *t, const char *host, const point *at, double pipe)
{
	double thousands = at->in_flight > 64 ? 0 : run_pgbench(t, host, at->kind, at->in_flight) / 1000;

	if (thousands > 0)
		printf("  %-12s %7.1f                   %6.3f\n", "pgbench", thousands, thousands / pipe);
}

/* For a profiler: one peer alone, and nothing to compare it to. */
static bool measure_alone(const target *t, const point *at, const char *name, int rounds)
{
	static row r;

	for (int i = 0; name && i < PEERS; i++) {
		void *self;

		if (strcmp(name, peers[i]->name) != 0)
			continue;
		r = (row){.last = 0};
		self = peers[i]->open(t, at->tcp ? t->address : t->host, at->connections);
		for (int round = 0; round < rounds; round++)
			measure(peers[i], self, at, &r);
		print_row(name, &r, 0);
		peers[i]->close(self);
	}
	return name != NULL;
}

static void print_point(const target *t, const point *at, int rounds)
{
	static row rows[PEERS];
	void *selves[PEERS];
	const char *host = at->tcp ? t->address : t->host;
	double of_pipe;

	if (measure_alone(t, at, getenv("PGM_BENCH_PEER"), rounds))
		return;
	for (int i = 0; i < PEERS; i++) {
		load warm_up = {.kind = at->kind, .in_flight = at->in_flight, .for_ns = 20000000};

		rows[i] = (row){.last = 0};
		selves[i] = peers[i]->open(t, host, at->connections);
		load_run(&warm_up, peers[i], selves[i], NULL, NULL);
	}
	measure_rounds(at, selves, rows, rounds);
	printf("%s, %s, connections: %d, in flight: %d\n", statements[at->kind].title, at->tcp ? "TCP" : "Unix socket",
	       at->connections, at->in_flight);
	of_pipe = sample_at(&rows[PIPE].allocations, 0.5);
	for (int i = 0; i < PEERS; i++) {
		print_row(peers[i]->name, &rows[i], of_pipe);
		peers[i]->close(selves[i]);
	}
	if (at->connections == 4)
		print_pgbench(t, host, at, sample_at(&rows[PIPE].rate, 0.5));
	fflush(stdout);
}

static void print_head(int rounds)
{
	printf("\nstatements from one thread; thousands a second, as a ratio to pipe, median and 99th percentile of "
	       "the "
	       "latency\nin us, client CPU in us a statement, allocations per thousand statements beyond pipe's; "
	       "%d rounds of %ld ms\n  %-12s %7s                   %6s                   %7s %7s  %6s  %7s\n",
	       rounds, round_ms(), "", "k/s", "ratio", "p50", "p99", "CPU", "allocs");
}

void figure_rate(const target *t, int rounds)
{
	static const point points[] = {
		{POINT_SELECT, false, 1, 1},	{POINT_SELECT, false, 1, 16},  {POINT_SELECT, false, 4, 16},
		{POINT_SELECT, false, 4, 64},	{POINT_SELECT, false, 16, 64}, {POINT_SELECT, false, 16, 1000},
		{POINT_SELECT, false, 1, 1000}, {POINT_SELECT, true, 4, 16},   {POINT_SELECT, true, 4, 64},
		{SELECT_1, false, 1, 16},	{SELECT_1, false, 4, 16},      {SELECT_1, false, 4, 64},
		{SELECT_1, false, 16, 1000},	{SELECT_1, true, 4, 16},
	};

	print_head(rounds);
	for (size_t i = 0; i < sizeof points / sizeof *points; i++)
		print_point(t, &points[i], rounds);
}

void figure_rate_at(const target *t, int rounds, int connections, int in_flight)
{
	print_head(rounds);
	for (int kind = POINT_SELECT; kind <= SELECT_1; kind++)
		print_point(t, &(point){(statement_kind)kind, false, connections, in_flight}, rounds);
}

void figure_matrix(const target *t, int rounds)
{
	static const int connections[] = {1, 4, 16}, in_flight[] = {1, 16, 64, 1000};

	print_head(rounds);
	for (int tcp = 0; tcp < 2; tcp++)
		for (int kind = POINT_SELECT; kind <= SELECT_1; kind++)
			for (size_t c = 0; c < sizeof connections / sizeof *connections; c++)
				for (size_t n = 0; n < sizeof in_flight / sizeof *in_flight; n++)
					print_point(t,
						    &(point){(statement_kind)kind, tcp, connections[c], in_flight[n]},
						    rounds);
}
