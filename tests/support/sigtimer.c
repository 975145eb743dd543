#define _XOPEN_SOURCE 700

#include "sigtimer.h"

#include "pgtest_internal.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>

static struct sigaction before;
static atomic_long count;

static void on_alarm(int signo)
{
	(void)signo;
	atomic_fetch_add(&count, 1);
}

/* valgrind takes longer than a millisecond for each, and the program would get nowhere. */
static int interval(void)
{
	return pgtest_under_valgrind() ? 5000 : 1000;
}

static void set_timer(int microseconds)
{
	struct itimerval timer = {.it_interval.tv_usec = microseconds, .it_value.tv_usec = microseconds};

	if (setitimer(ITIMER_REAL, &timer, NULL) != 0)
		pgtest_die("setitimer failed");
}

void sigtimer_start(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = on_alarm;
	sigemptyset(&action.sa_mask);
	atomic_store(&count, 0);
	if (sigaction(SIGALRM, &action, &before) != 0)
		pgtest_die("sigaction failed");
	set_timer(interval());
}

/* Ignoring takes away what is pending: the old handler may be the default, which ends the program. */
void sigtimer_stop(void)
{
	set_timer(0);
	signal(SIGALRM, SIG_IGN);
	sigaction(SIGALRM, &before, NULL);
}

long sigtimer_count(void)
{
	return atomic_load(&count);
}
