#include "load.h"

#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define ROWS 100000
#define PARAMS 4096

const statement statements[STATEMENT_KINDS] = {
	[POINT_SELECT] = {"point", "point select", "SELECT balance FROM accounts WHERE id = $1", 1},
	[SELECT_1] = {"one", "SELECT 1", "SELECT 1", 0},
	[SLOW] = {"slow", "slow statement", "SELECT pg_sleep(0.01)", 0},
};

int round_ms(void)
{
	return number_from_environment("PGM_BENCH_MS", 250);
}

/* -------------------------------------------------------------------------------- latencies */

/* By powers of two, each in 32 parts: within 3 %. */
#define PARTS 32
static int64_t histogram[64 * PARTS];

static int bucket_of(int64_t ns)
{
	int power = 63 - __builtin_clzll((unsigned long long)ns | PARTS);

	return (power - 5) * PARTS + (int)(ns >> (power - 5));
}

static double middle_of(int bucket)
{
	int power = bucket / PARTS, part = bucket % PARTS;

	return power == 0 ? part : ((double)PARTS + part + 0.5) * (double)(1LL << (power - 1));
}

static double latency_us(double part, int64_t count)
{
	int64_t left = (int64_t)(part * (double)count);

	for (int i = 0; i < 64 * PARTS; i++) {
		left -= histogram[i];
		if (left < 0)
			return middle_of(i) / 1000;
	}
	return 0;
}

/* --------------------------------------------------------------------------------- the load */

static call calls[IN_FLIGHT_MOST];
static char params[PARAMS][12];
static uint64_t random_state = 88172645463325252u;

static struct {
	load *load;
	const peer *peer;
	void *self;
	int64_t ends_at;
	int under_way;
} now_running;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 16;
}

void load_make_params(void)
{
	for (int i = 0; i < PARAMS; i++)
		snprintf(params[i], sizeof params[i], "%d", (int)(next_random() % ROWS) + 1);
}

static void submit(call *c, int64_t now)
{
	const load *l = now_running.load;
	uint64_t random = next_random();

	c->kind = l->slow_one_in && random % (uint64_t)l->slow_one_in == 0 ? SLOW : l->kind;
	c->is_long = c->kind == SLOW && l->marks_long;
	c->params[0] = params[random / 128 % PARAMS];
	c->begun = now;
	now_running.under_way++;
	now_running.peer->submit(now_running.self, c);
}

void load_answered(call *c, PGresult *res)
{
	int64_t now = now_ns();

	if (PQresultStatus(res) != PGRES_TUPLES_OK || PQntuples(res) != 1)
		die("%s: %s", now_running.peer->name, PQresultErrorMessage(res));
	PQclear(res);
	now_running.under_way--;
	now_running.load->answered++;
	if (c->kind == SLOW)
		now_running.load->slow_answered++;
	else
		histogram[bucket_of(now - c->begun)]++;
	if (now < now_running.ends_at)
		submit(c, now);
}

static double cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return 1e6 * (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

void load_run(load *l, const peer *p, void *self, load_hook all_submitted, void *arg)
{
	double cpu = cpu_us();
	int64_t start = now_ns(), allocated = allocations(), usual;

	memset(histogram, 0, sizeof histogram);
	l->answered = l->slow_answered = 0;
	now_running.load = l;
	now_running.peer = p;
	now_running.self = self;
	now_running.ends_at = l->for_ns ? start + l->for_ns : 0;
	for (int i = 0; i < l->in_flight; i++)
		submit(&calls[i], now_ns());
	if (all_submitted)
		all_submitted(arg);
	while (now_running.under_way > 0)
		p->turn(self);
	usual = l->answered - l->slow_answered;
	l->per_second = 1e9 * (double)l->answered / (double)(now_ns() - start);
	l->cpu_us = (cpu_us() - cpu) / (double)l->answered;
	l->allocations = 1000 * (double)(allocations() - allocated) / (double)l->answered;
	l->p50_us = latency_us(0.5, usual);
	l->p99_us = latency_us(0.99, usual);
}
