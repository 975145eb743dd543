/*
 * What is compared: ways to have many statements under way from one thread. A peer owns its connections and its loop;
 * a statement that it was given it answers once, with load_answered, from inside of its turn.
 */
#ifndef BENCH_ASYNC_PEER_H
#define BENCH_ASYNC_PEER_H

#include "target.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum statement_kind { POINT_SELECT, SELECT_1, SLOW, STATEMENT_KINDS } statement_kind;

/* Every peer has each of them prepared on every connection. */
typedef struct statement {
	const char *name, *title, *sql;
	int nparams;
} statement;

extern const statement statements[STATEMENT_KINDS];

/* A statement under way. */
typedef struct call {
	statement_kind kind;
	bool is_long; /* to be marked as such, where the peer has a mark */
	const char *params[1];
	int64_t begun;
	struct call *next; /* the peer's */
} call;

typedef struct peer {
	const char *name;
	/* All connections are up when it returns. host is a socket directory or an address. */
	void *(*open)(const target *t, const char *host, int connections);
	void (*submit)(void *self, call *c);
	void (*turn)(void *self); /* waits until something comes, and deals with it */
	void (*close)(void *self);
} peer;

/*
 * pipe:        the yardstick, plain libpq in pipeline mode
 * pgmonkey:    pgm_submit, on the same kind of loop
 * pgm_wait:    pgm_submit, on the loop that is built in
 * one_by_one:  plain libpq, each connection waits for its answer
 */
extern const peer peer_pipe, peer_pgmonkey, peer_pgm_wait, peer_one_by_one;

/* From a peer: this is the answer to c, and its end. */
void load_answered(call *c, PGresult *res);

/* A connection with all statements prepared. */
PGconn *must_connect(const target *t, const char *host);

#endif
