/*
 * Peers that are programs of their own, of other languages: bench/async/peers has them, and get.sh there makes them.
 *
 *   NAME point|one CONNECTIONS IN_FLIGHT     the server is named by PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE
 *
 * When all is open it prints "ready". For each line that it reads, a number of milliseconds, it keeps so many statements
 * in flight for so long, at least one answer each, and prints how many were answered, the seconds that it took, and the
 * median and the 99th percentile of the latency in us.
 */
#ifndef BENCH_ASYNC_OUTSIDE_H
#define BENCH_ASYNC_OUTSIDE_H

#include "load.h"

#define OUTSIDERS 7
extern const char *const outsiders[OUTSIDERS];

typedef struct outside outside;

/* False: get.sh has not made it. */
bool outside_is_there(const char *name);

/* NULL if it does not start; it has said why. kind: not SLOW. */
outside *outside_open(const char *name, const target *t, const char *host, statement_kind kind, int connections,
		      int in_flight);

/* Fills in what comes out but the allocations. */
void outside_run(outside *o, load *l);
void outside_close(outside *o);

#endif
