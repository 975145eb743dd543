/* Statements per second, latency, CPU time and allocations, point by point. */
#include "figures.h"
#include "outside.h"
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

/* It has a connection for each statement in flight. */
#define PGBENCH_MOST 64

typedef struct row {
	sample rate, ratio, p50, p99, cpu, allocations;
	double last; /* per second, in this round */
} row;

/* All that are measured in turn at one point. */
typedef struct field {
	const point *at;
	void *selves[PEERS];
	outside *outside[OUTSIDERS]; /* NULL: not there */
	row peer[PEERS], outsider[OUTSIDERS], pgbench;
} field;

static const char *host_of(const target *t, const point *at)
{
	return at->tcp ? t->address : t->host;
}

static load load_at(const point *at)
{
	return (load){.kind = at->kind, .in_flight = at->in_flight, .for_ns = round_ms() * INT64_C(1000000)};
}

static void add(row *r, const load *l)
{
	r->last = l->per_second;
	sample_add(&r->rate, l->per_second / 1000);
	sample_add(&r->p50, l->p50_us);
	sample_add(&r->p99, l->p99_us);
	sample_add(&r->cpu, l->cpu_us);
}

static void measure(const peer *p, void *self, const point *at, row *r)
{
	load l = load_at(at);

	load_run(&l, p, self, NULL, NULL);
	add(r, &l);
	sample_add(&r->allocations, l.allocations);
}

static void measure_outside(outside *o, const point *at, row *r)
{
	load l = load_at(at);

	outside_run(o, &l);
	add(r, &l);
}

static void measure_pgbench(const target *t, const point *at, row *r)
{
	r->last = at->in_flight <= PGBENCH_MOST ? run_pgbench(t, host_of(t, at), at->kind, at->in_flight) : 0;
	if (r->last > 0)
		sample_add(&r->rate, r->last / 1000);
}

static void compare(row *r, double to)
{
	if (r->last > 0)
		sample_add(&r->ratio, r->last / to);
}

/* The yardstick before and after all others: their mean is what a round's are compared to. */
static void measure_round(const target *t, field *f)
{
	double before = f->peer[PIPE].last, mean;

	for (int i = 1; i < PEERS; i++)
		measure(peers[i], f->selves[i], f->at, &f->peer[i]);
	for (int i = 0; i < OUTSIDERS; i++)
		if (f->outside[i])
			measure_outside(f->outside[i], f->at, &f->outsider[i]);
	measure_pgbench(t, f->at, &f->pgbench);
	measure(peers[PIPE], f->selves[PIPE], f->at, &f->peer[PIPE]);
	mean = (before + f->peer[PIPE].last) / 2;
	for (int i = 0; i < PEERS; i++)
		compare(&f->peer[i], mean);
	for (int i = 0; i < OUTSIDERS; i++)
		compare(&f->outsider[i], mean);
	compare(&f->pgbench, mean);
}

static void print_rate(const char *name, row *r)
{
	printf("  %-14s %7.1f (%.1f to %.1f)  %6.3f (%.3f to %.3f)", name, sample_at(&r->rate, 0.5),
	       sample_at(&r->rate, 0.25), sample_at(&r->rate, 0.75), sample_at(&r->ratio, 0.5),
	       sample_at(&r->ratio, 0.25), sample_at(&r->ratio, 0.75));
}

static void print_row(const char *name, row *r, double allocations_of_pipe)
{
	print_rate(name, r);
	printf("  %7.0f %7.0f  %6.2f", sample_at(&r->p50, 0.5), sample_at(&r->p99, 0.5), sample_at(&r->cpu, 0.5));
	if (r->allocations.count > 0)
		printf("  %7.1f", sample_at(&r->allocations, 0.5) - allocations_of_pipe);
	printf("\n");
}

static void print_field(field *f)
{
	double of_pipe = sample_at(&f->peer[PIPE].allocations, 0.5);

	printf("%s, %s, connections: %d, in flight: %d\n", statements[f->at->kind].title,
	       f->at->tcp ? "TCP" : "Unix socket", f->at->connections, f->at->in_flight);
	for (int i = 0; i < PEERS; i++)
		print_row(peers[i]->name, &f->peer[i], of_pipe);
	for (int i = 0; i < OUTSIDERS; i++)
		if (f->outside[i])
			print_row(outsiders[i], &f->outsider[i], 0);
	if (f->pgbench.rate.count > 0) {
		print_rate("pgbench", &f->pgbench);
		printf("\n");
	}
	fflush(stdout);
}

static void open_field(const target *t, field *f)
{
	const point *at = f->at;

	for (int i = 0; i < PEERS; i++) {
		load warm_up = {.kind = at->kind, .in_flight = at->in_flight, .for_ns = 20000000};

		f->selves[i] = peers[i]->open(t, host_of(t, at), at->connections);
		load_run(&warm_up, peers[i], f->selves[i], NULL, NULL);
	}
	for (int i = 0; i < OUTSIDERS; i++) {
		load warm_up = {.for_ns = 20000000};

		if (!outside_is_there(outsiders[i]))
			continue;
		f->outside[i] = outside_open(outsiders[i], t, host_of(t, at), at->kind, at->connections, at->in_flight);
		if (f->outside[i])
			outside_run(f->outside[i], &warm_up);
		else
			printf("absent here: %s, which does not start\n", outsiders[i]);
	}
}

static void close_field(field *f)
{
	for (int i = 0; i < PEERS; i++)
		peers[i]->close(f->selves[i]);
	for (int i = 0; i < OUTSIDERS; i++)
		if (f->outside[i])
			outside_close(f->outside[i]);
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
		self = peers[i]->open(t, host_of(t, at), at->connections);
		for (int round = 0; round < rounds; round++)
			measure(peers[i], self, at, &r);
		print_row(name, &r, 0);
		peers[i]->close(self);
	}
	return name != NULL;
}

static void print_point(const target *t, const point *at, int rounds)
{
	static field f;

	if (measure_alone(t, at, getenv("PGM_BENCH_PEER"), rounds))
		return;
	f = (field){.at = at};
	open_field(t, &f);
	measure(peers[PIPE], f.selves[PIPE], at, &f.peer[PIPE]);
	for (int round = 0; round < rounds; round++)
		measure_round(t, &f);
	print_field(&f);
	close_field(&f);
}

static void print_absent(void)
{
	const char *separator = "absent (make bench-peers): ";

	for (int i = 0; i < OUTSIDERS; i++) {
		if (outside_is_there(outsiders[i]))
			continue;
		printf("%s%s", separator, outsiders[i]);
		separator = ", ";
	}
	if (*separator == ',')
		printf("\n");
}

static void print_head(int rounds)
{
	printf("\nstatements from one thread; thousands a second, as a ratio to pipe, median and 99th percentile of "
	       "the "
	       "latency\nin us, client CPU in us a statement, allocations per thousand statements beyond pipe's; %d "
	       "rounds of %d ms,\npgbench's of 2 s\n  %-14s %7s                   %6s                   %7s %7s  %6s  "
	       "%7s\n",
	       rounds, round_ms(), "", "k/s", "ratio", "p50", "p99", "CPU", "allocs");
	print_absent();
}

static void print_grid(const target *t, int rounds, statement_kind kind, bool tcp)
{
	static const int connections[] = {1, 4, 16}, in_flight[] = {1, 16, 64, 1000};

	for (size_t c = 0; c < sizeof connections / sizeof *connections; c++)
		for (size_t n = 0; n < sizeof in_flight / sizeof *in_flight; n++)
			print_point(t, &(point){kind, tcp, connections[c], in_flight[n]}, rounds);
}

void figure_rate(const target *t, int rounds)
{
	print_head(rounds);
	print_grid(t, rounds, POINT_SELECT, false);
}

void figure_rate_at(const target *t, int rounds, int connections, int in_flight)
{
	print_head(rounds);
	for (int kind = POINT_SELECT; kind <= SELECT_1; kind++)
		print_point(t, &(point){(statement_kind)kind, false, connections, in_flight}, rounds);
}

void figure_matrix(const target *t, int rounds)
{
	print_head(rounds);
	for (int tcp = 0; tcp < 2; tcp++)
		for (int kind = POINT_SELECT; kind <= SELECT_1; kind++)
			print_grid(t, rounds, (statement_kind)kind, tcp);
}
