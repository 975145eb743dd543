/* A plain event loop on poll(2): a few descriptors and one timer. */
#ifndef BENCH_ASYNC_LOOP_H
#define BENCH_ASYNC_LOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOP_READ 1u
#define LOOP_WRITE 2u

typedef struct loop {
	void (*ready)(void *self, int fd, unsigned events);
	void (*tick)(void *self);
	void *self;
	struct pollfd fds[64];
	nfds_t count;
	int64_t timer_at; /* ns; 0: not set */
} loop;

/* events 0: not any more. */
void loop_watch(loop *l, int fd, unsigned events);
void loop_timer(loop *l, int64_t timeout_ms);
void loop_turn(loop *l);

/* The longest turn since the last call, without its waiting: on the clock, and in CPU time. What is measured costs
 * something, so nothing is until loop_measure(true). */
void loop_measure(bool on);
void loop_longest(double *clock_ms, double *cpu_ms);

#endif
