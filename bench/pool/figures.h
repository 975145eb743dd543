/* Each figure prints its table. rounds: how often all peers are measured in turn (A B C A B C ...). */
#ifndef BENCH_FIGURES_H
#define BENCH_FIGURES_H

#include "peer.h"

void figure_borrowing(const target *t, int rounds);
void figure_round_trip(const target *t, int rounds);
void figure_contention(const target *t, int rounds);
void figure_holding(const target *t, int rounds);
void figure_opening_by_path(const target *t, int rounds);
void figure_filling_a_pool(const target *t, int rounds);
void figure_process_start(const target *t, int rounds);
void figure_memory(const target *t, int rounds);

#endif
