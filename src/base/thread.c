#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

bool pgm__cond_init(pthread_cond_t *cond)
{
#if defined(__APPLE__)
	return pthread_cond_init(cond, NULL) == 0; /* waits relative to now, below */
#else
	pthread_condattr_t attr;
	bool ok;

	if (pthread_condattr_init(&attr) != 0)
		return false;
	ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 && pthread_cond_init(cond, &attr) == 0;
	pthread_condattr_destroy(&attr);
	return ok;
#endif
}

bool pgm__cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, pgm__time deadline)
{
	struct timespec at;

	if (deadline == PGM__NEVER)
		return pthread_cond_wait(cond, lock) == 0;
#if defined(__APPLE__)
	pgm__time left = deadline - pgm__clock_now();

	at = pgm__clock_timespec(left > 0 ? left : 0);
	return pthread_cond_timedwait_relative_np(cond, lock, &at) != ETIMEDOUT;
#else
	at = pgm__clock_timespec(deadline);
	return pthread_cond_timedwait(cond, lock, &at) != ETIMEDOUT;
#endif
}

bool pgm__thread_start(pthread_t *thread, void *(*main)(void *), void *arg)
{
	sigset_t all, before;
	bool ok;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ok = pthread_create(thread, NULL, main, arg) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

uint64_t pgm__thread_number(void)
{
	static _Atomic(uint64_t) last;
	static _Thread_local uint64_t mine;

	if (mine == 0)
		mine = atomic_fetch_add(&last, 1) + 1;
	return mine;
}

int pgm__cancel_disable(void)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

void pgm__cancel_restore(int before)
{
	pthread_setcancelstate(before, &before);
}
