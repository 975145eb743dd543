/* What 100,000 statements cost that are submitted at once. */
#include "figures.h"
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#define CONNECTIONS 4

static double peak_mib(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)usage.ru_maxrss / 1024;
}

static double in_use_mib(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
	struct mallinfo2 info = mallinfo2();

	return (double)(info.uordblks + info.hblkhd) / (1 << 20);
#else
	return 0;
#endif
}

static void note_use(void *arg)
{
	*(double *)arg = in_use_mib();
}

static void measure(const target *t, const peer *p)
{
	void *self = p->open(t, t->host, CONNECTIONS);
	load warm_up = {.kind = POINT_SELECT, .in_flight = CONNECTIONS, .for_ns = 20000000};
	load l = {.kind = POINT_SELECT, .in_flight = IN_FLIGHT_MOST};
	double before, peak_before, submitted;

	load_run(&warm_up, p, self, NULL, NULL);
	before = in_use_mib();
	peak_before = peak_mib();
	load_run(&l, p, self, note_use, &submitted);
	printf("  %-12s %6.1f  %6.1f  %6.1f\n", p->name, submitted - before, peak_mib() - peak_before,
	       in_use_mib() - before);
	p->close(self);
}

/* Each in a process of its own, so that none finds memory that another has left. */
static void measure_apart(const target *t, const peer *p)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		measure(t, p);
		exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		die("memory: %s was not measured", p->name);
}

void figure_memory(const target *t, int rounds)
{
	(void)rounds;
	printf("\n%d point selects submitted at once, connections: %d; MiB allocated when all are submitted, at the "
	       "peak "
	       "(resident),\nand still allocated when all are answered; the statements themselves are the caller's\n",
	       IN_FLIGHT_MOST, CONNECTIONS);
	measure_apart(t, &peer_pipe);
	measure_apart(t, &peer_pgmonkey);
	measure_apart(t, &peer_pgm_wait);
}
