/* A closed loop of statements: so many in flight, and whenever one is answered the next is submitted. */
#ifndef BENCH_ASYNC_LOAD_H
#define BENCH_ASYNC_LOAD_H

#include "peer.h"

#define IN_FLIGHT_MOST 100000

typedef struct load {
	statement_kind kind;
	int in_flight;
	int64_t for_ns;	 /* 0: each is submitted once */
	int slow_one_in; /* one in that many is SLOW; 0: none */
	bool marks_long; /* and is marked as long */

	/* What came out; the latencies are those of the statements that are not slow. */
	int64_t answered, slow_answered;
	double per_second, p50_us, p99_us, cpu_us, allocations;
} load;

/* How long a peer is measured in a round (PGM_BENCH_MS). */
int round_ms(void);

/* Once, before the first. */
void load_make_params(void);

/* Called between the last submit of the first round and the first turn; NULL: nothing. */
typedef void (*load_hook)(void *arg);

void load_run(load *l, const peer *p, void *self, load_hook all_submitted, void *arg);

/* Since the program began: calls of malloc, calloc and realloc. 0 where they cannot be counted. */
int64_t allocations(void);

#endif
