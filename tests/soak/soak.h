/*
 * The soak (B42): every fault together. Fifty threads write numbered rows through handles of each type, directly and
 * through a proxy, while one hand does harm. What the library told of each row is kept in a ledger, and in the end the
 * table must say the same.
 *
 *	PGM_SOAK_SECONDS   how long (60)
 *	PGM_SOAK_SEED      repeats what the hand and the writers do; which thread is where when it happens is the
 *	                   machine's business, and differs
 */
#ifndef SOAK_H
#define SOAK_H

#include "support/cluster.h"
#include "support/pgtest.h"
#include "support/proxy.h"

#include <stdatomic.h>
#include <stdint.h>

/* splitmix64: a number and the next state. */
uint64_t soak_random(uint64_t *state);
int soak_between(uint64_t *state, int least, int most);
void soak_pause(int ms);

/* ------------------------------------------------------------------------------------ the handles */

/* What is written through. A new type of handle is a new row of the table in soak_test.c. */
typedef struct target {
	const char *name, *yaml;
	int writers;
	bool proxied;
	bool own;     /* event-driven: each writer has a handle of its own */
	int rests_at; /* connections, once all is quiet */
	pgm_config *config;
	_Atomic(pgm_db *) latest; /* own: of one of its writers, for the hand */
} target;

typedef struct world {
	cluster *cluster;
	proxy *proxy;
	pgm_manager *manager;
	target *targets;
	int ntargets;
	uint64_t seed;
	atomic_bool stop;
} world;

/* The handle, opened anew if somebody closed it; the calling thread's own where it is event-driven. */
pgm_db *soak_open(const world *w, const target *t, pgm_error *err);

/* ------------------------------------------------------------------------------------- the ledger */

#define WRITERS 50
#define CHILDREN WRITERS /* the writer's number of all forked children together */
#define MOST_ROWS 100000 /* of one; enough for hours */

typedef enum outcome {
	FAILED,	   /* it is not there */
	COMMITTED, /* it is there, once */
	UNKNOWN,   /* the answer was lost: it is there once, or not */
	OUTCOMES
} outcome;

typedef struct account {
	atomic_int rows; /* told of */
	atomic_int committed;
	unsigned char told[MOST_ROWS];
} account;

extern account soak_ledger[WRITERS + 1];

/* By what a call that was to commit returned. */
outcome soak_outcome(bool ok, const pgm_error *err);
void soak_tell(int who, outcome told);

/* The table against the ledger: prints each row that differs; how many. totals: rows of each outcome. */
int soak_audit(int totals[OUTCOMES]);

/* ------------------------------------------------------------------------------------ the writers */

typedef struct writer {
	world *world;
	target *target;
	int id;
	uint64_t random;
	int64_t longest_wait_ms;
} writer;

void *soak_write(void *arg);

/* One row of this number by a handle's pgm_with. */
outcome soak_write_one(pgm_db *db, int who, int row);

/* --------------------------------------------------------------------------------------- the hand */

/* Does harm until the time is over and each fault has been dealt at least once; leaves nothing broken behind. */
void soak_harm(world *w, int seconds);

/* Prints how often it did what; the number of restarts. */
int soak_tell_harm(void);

#endif
