#define _XOPEN_SOURCE 700

#include "blackhole.h"

#include "net.h"
#include "pgtest_internal.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_FILL 16
#define UNANSWERED_MS 100 /* on the loopback an answer takes microseconds */

struct blackhole {
	int port, listener;
	int fillers[MAX_FILL], nfillers;
};

/* One more connection into the queue. False: no answer came, it is full. */
static bool fill(blackhole *hole, const pgtest_address *address)
{
	bool in_progress;
	int fd = net_connect(address, NULL, &in_progress);
	struct pollfd wait = {.fd = fd, .events = POLLOUT};

	if (fd < 0 || hole->nfillers == MAX_FILL)
		pgtest_die("cannot make a black hole on port %d", hole->port);
	hole->fillers[hole->nfillers++] = fd;
	return !in_progress || poll(&wait, 1, UNANSWERED_MS) > 0;
}

blackhole *blackhole_start(blackhole_kind kind, const char *address, int port)
{
	blackhole *hole = pgtest__must(calloc(1, sizeof(*hole)));
	pgtest_address here;

	if (!address)
		address = "127.0.0.1";
	hole->port = port;
	hole->listener = net_listen(address, &hole->port, kind == BLACKHOLE_SYN ? 0 : 128);
	here = net_address(address, hole->port);
	while (kind == BLACKHOLE_SYN && fill(hole, &here))
		;
	return hole;
}

int blackhole_port(const blackhole *hole)
{
	return hole->port;
}

void blackhole_stop(blackhole *hole)
{
	for (int i = 0; i < hole->nfillers; i++)
		close(hole->fillers[i]);
	net_close(hole->listener);
	free(hole);
}
