#include "loop.h"

#include "sample.h"
#include "target.h"

#include <errno.h>
#include <time.h>

static bool measures;
static int64_t longest_on_clock, longest_of_cpu;

void loop_watch(loop *l, int fd, unsigned events)
{
	nfds_t i = 0;

	while (i < l->count && l->fds[i].fd != fd)
		i++;
	if (i == l->count && events == 0)
		return;
	if (i == sizeof l->fds / sizeof *l->fds)
		die("too many descriptors for the loop");
	if (i == l->count)
		l->fds[l->count++].revents = 0;
	l->fds[i].fd = events ? fd : -1; /* one that is negative poll(2) leaves out */
	l->fds[i].events = (short)((events & LOOP_READ ? POLLIN : 0) | (events & LOOP_WRITE ? POLLOUT : 0));
}

void loop_timer(loop *l, int64_t timeout_ms)
{
	l->timer_at = timeout_ms < 0 ? 0 : now_ns() + timeout_ms * 1000000 + 1;
}

static void drop_unwatched(loop *l)
{
	for (nfds_t i = 0; i < l->count;)
		if (l->fds[i].fd < 0)
			l->fds[i] = l->fds[--l->count];
		else
			i++;
}

static int timeout_of(const loop *l)
{
	int64_t left = l->timer_at - now_ns();

	return left <= 0 ? 0 : (int)((left + 999999) / 1000000);
}

static void deal_with(loop *l)
{
	nfds_t count = l->count; /* one that is new has nothing yet */

	for (nfds_t i = 0; i < count; i++) {
		short is = l->fds[i].revents;

		l->fds[i].revents = 0;
		if (is && l->fds[i].fd >= 0)
			l->ready(l->self, l->fds[i].fd,
				 (is & ~POLLOUT ? LOOP_READ : 0) | (is & POLLOUT ? LOOP_WRITE : 0));
	}
	if (l->timer_at && l->timer_at <= now_ns()) {
		l->timer_at = 0;
		l->tick(l->self);
	}
}

static int64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void deal_with_and_measure(loop *l)
{
	int64_t clock = now_ns(), cpu = cpu_ns();

	deal_with(l);
	cpu = cpu_ns() - cpu;
	clock = now_ns() - clock;
	if (clock > longest_on_clock)
		longest_on_clock = clock;
	if (cpu > longest_of_cpu)
		longest_of_cpu = cpu;
}

void loop_turn(loop *l)
{
	drop_unwatched(l);
	if (poll(l->fds, l->count, l->timer_at ? timeout_of(l) : -1) < 0 && errno != EINTR)
		die("poll failed");
	if (measures)
		deal_with_and_measure(l);
	else
		deal_with(l);
}

void loop_measure(bool on)
{
	measures = on;
}

void loop_longest(double *clock_ms, double *cpu_ms)
{
	*clock_ms = (double)longest_on_clock / 1e6;
	*cpu_ms = (double)longest_of_cpu / 1e6;
	longest_on_clock = longest_of_cpu = 0;
}
