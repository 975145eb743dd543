/* Each figure prints its table. rounds: how often all peers are measured in turn (A B C A B C ...). */
#ifndef BENCH_ASYNC_FIGURES_H
#define BENCH_ASYNC_FIGURES_H

#include "peer.h"

void figure_rate(const target *t, int rounds);
void figure_rate_at(const target *t, int rounds, int connections, int in_flight);
void figure_matrix(const target *t, int rounds);
void figure_turn(const target *t, int rounds);
void figure_memory(const target *t, int rounds);
void figure_slow(const target *t, int rounds);

/* Transactions a second that pgbench reports with so many clients; 0 if it is not there. kind: not SLOW. */
double run_pgbench(const target *t, const char *host, statement_kind kind, int clients);

#endif
