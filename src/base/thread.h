/* Threads and conditions, as this library uses them. */
#ifndef PGM_BASE_THREAD_H
#define PGM_BASE_THREAD_H

#include "base/clock.h"

#include <pthread.h>
#include <stdbool.h>

/* A condition that counts in CLOCK_MONOTONIC. */
bool pgm__cond_init(pthread_cond_t *cond);

/* False once the deadline has passed; true if signalled, or for no reason (as conditions may). */
bool pgm__cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, pgm__time deadline);

/* Starts a thread that takes no signals: they are the program's. */
bool pgm__thread_start(pthread_t *thread, void *(*main)(void *), void *arg);

/* The calling thread's own number, never 0 and never another thread's: the system gives a pthread_t again. */
uint64_t pgm__thread_number(void);

/* Until the second call, pthread_cancel does not end this thread: for calls that hold what nobody else could give
 * back. The first returns what the second wants. */
int pgm__cancel_disable(void);
void pgm__cancel_restore(int before);

#endif
