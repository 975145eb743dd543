/* Plain libpq without pipeline mode: a connection takes the next statement when it has answered the one before. */
#include "loop.h"
#include "peer.h"

#include <stdlib.h>

typedef struct one_peer {
	loop loop;
	PGconn **conns;
	call **running;
	PGresult **res;
	int size;
	int *idle; /* connections, as a stack */
	int idle_count;
	call *waiting, *waiting_last;
} one_peer;

static void start(one_peer *p, int at, call *c)
{
	const statement *s = &statements[c->kind];

	p->running[at] = c;
	/* These are small, and nothing else is under way: they always fit. */
	if (!PQsendQueryPrepared(p->conns[at], s->name, s->nparams, c->params, NULL, NULL, 0) ||
	    PQflush(p->conns[at]) != 0)
		die("one by one: %s", PQerrorMessage(p->conns[at]));
}

static void submit(void *self, call *c)
{
	one_peer *p = self;

	c->next = NULL;
	if (p->idle_count > 0) {
		start(p, p->idle[--p->idle_count], c);
		return;
	}
	if (p->waiting)
		p->waiting_last->next = c;
	else
		p->waiting = c;
	p->waiting_last = c;
}

static void end(one_peer *p, int at)
{
	call *c = p->running[at], *next = p->waiting;
	PGresult *res = p->res[at];

	p->res[at] = NULL;
	if (next) {
		p->waiting = next->next;
		start(p, at, next);
	} else {
		p->idle[p->idle_count++] = at;
	}
	load_answered(c, res);
}

static void ready(void *self, int fd, unsigned events)
{
	one_peer *p = self;
	int at = 0;

	(void)events;
	while (PQsocket(p->conns[at]) != fd)
		at++;
	if (!PQconsumeInput(p->conns[at]))
		die("one by one: %s", PQerrorMessage(p->conns[at]));
	while (!PQisBusy(p->conns[at])) {
		PGresult *res = PQgetResult(p->conns[at]);

		if (!res) {
			end(p, at);
			return;
		}
		p->res[at] = res;
	}
}

static void *open_all(const target *t, const char *host, int connections)
{
	one_peer *p = calloc(1, sizeof *p);

	p->loop.ready = ready;
	p->loop.self = p;
	p->size = p->idle_count = connections;
	p->conns = calloc((size_t)connections, sizeof *p->conns);
	p->running = calloc((size_t)connections, sizeof *p->running);
	p->res = calloc((size_t)connections, sizeof *p->res);
	p->idle = calloc((size_t)connections, sizeof *p->idle);
	for (int i = 0; i < connections; i++) {
		p->conns[i] = must_connect(t, host);
		if (PQsetnonblocking(p->conns[i], 1) != 0)
			die("one by one: %s", PQerrorMessage(p->conns[i]));
		p->idle[i] = i;
		loop_watch(&p->loop, PQsocket(p->conns[i]), LOOP_READ);
	}
	return p;
}

static void turn(void *self)
{
	one_peer *p = self;

	loop_turn(&p->loop);
}

static void close_all(void *self)
{
	one_peer *p = self;

	for (int i = 0; i < p->size; i++)
		PQfinish(p->conns[i]);
	free(p->conns);
	free(p->running);
	free(p->res);
	free(p->idle);
	free(p);
}

const peer peer_one_by_one = {"one by one", open_all, submit, turn, close_all};
