/*
 * The yardstick: what one would write by hand. Pipeline mode, a Sync after every statement, prepared statements, text
 * results, the connection with the fewest unanswered takes the next; while libpq has more to write than the socket
 * takes, statements wait here. Any error ends it.
 */
#include "loop.h"
#include "peer.h"

#include <stdlib.h>

/* Since libpq 17: without a flush, so that one send() carries what a turn has gathered. */
extern int PQsendPipelineSync(PGconn *conn) __attribute__((weak));

typedef struct line {
	PGconn *conn;
	call *first, *last; /* unanswered */
	int count;
	PGresult *res;
	bool blocked, unflushed;
	unsigned watched;
} line;

typedef struct pipe_peer {
	loop loop;
	line *lines;
	int size;
	call *waiting, *waiting_last;
} pipe_peer;

PGconn *must_connect(const target *t, const char *host)
{
	static const char *const keys[] = {"host", "port", "user", "password", "dbname", "sslmode", NULL};
	const char *const values[] = {host, t->port, t->user, t->password, t->dbname, "disable", NULL};
	PGconn *conn = PQconnectdbParams(keys, values, 0);

	if (PQstatus(conn) != CONNECTION_OK)
		die("libpq: %s", PQerrorMessage(conn));
	for (int i = 0; i < STATEMENT_KINDS; i++) {
		PGresult *res = PQprepare(conn, statements[i].name, statements[i].sql, 0, NULL);

		if (PQresultStatus(res) != PGRES_COMMAND_OK)
			die("libpq: %s", PQerrorMessage(conn));
		PQclear(res);
	}
	return conn;
}

static void watch(pipe_peer *p, line *on)
{
	unsigned events = LOOP_READ | (on->blocked ? LOOP_WRITE : 0);

	if (events != on->watched)
		loop_watch(&p->loop, PQsocket(on->conn), events);
	on->watched = events;
}

static void flush(pipe_peer *p, line *on)
{
	int unsent = PQflush(on->conn);

	if (unsent < 0)
		die("pipe: %s", PQerrorMessage(on->conn));
	on->unflushed = false;
	on->blocked = unsent > 0;
	watch(p, on);
}

static void send_on(pipe_peer *p, line *on, call *c)
{
	const statement *s = &statements[c->kind];
	bool ok = PQsendQueryPrepared(on->conn, s->name, s->nparams, c->params, NULL, NULL, 0);

	if (!ok || !(PQsendPipelineSync ? PQsendPipelineSync(on->conn) : PQpipelineSync(on->conn)))
		die("pipe: %s", PQerrorMessage(on->conn));
	c->next = NULL;
	if (on->last && on->first)
		on->last->next = c;
	else
		on->first = c;
	on->last = c;
	on->count++;
	on->unflushed = true;
	if (!PQsendPipelineSync)
		flush(p, on); /* it has tried already */
}

static line *least_loaded(const pipe_peer *p)
{
	line *best = NULL;

	for (line *at = p->lines; at < p->lines + p->size; at++) {
		if (at->blocked || (best && at->count >= best->count))
			continue;
		best = at;
		if (at->count == 0)
			break;
	}
	return best;
}

static void submit(void *self, call *c)
{
	pipe_peer *p = self;
	line *on = p->waiting ? NULL : least_loaded(p);

	if (on) {
		send_on(p, on, c);
		return;
	}
	c->next = NULL;
	if (p->waiting)
		p->waiting_last->next = c;
	else
		p->waiting = c;
	p->waiting_last = c;
}

static void send_waiting(pipe_peer *p)
{
	line *on;

	while (p->waiting && (on = least_loaded(p)) != NULL) {
		call *c = p->waiting;

		p->waiting = c->next;
		send_on(p, on, c);
	}
}

static void flush_all(pipe_peer *p)
{
	for (int i = 0; i < p->size; i++)
		if (p->lines[i].unflushed)
			flush(p, &p->lines[i]);
}

/* A statement's result, then NULL, then its Sync. */
static void read_on(line *on)
{
	while (on->count > 0 && !PQisBusy(on->conn)) {
		PGresult *res = PQgetResult(on->conn);

		if (!res)
			continue;
		if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
			call *c = on->first;
			PGresult *answer = on->res;

			PQclear(res);
			on->res = NULL;
			on->first = c->next;
			on->count--;
			load_answered(c, answer);
		} else {
			on->res = res;
		}
	}
}

static void ready(void *self, int fd, unsigned events)
{
	pipe_peer *p = self;
	line *on = p->lines;

	while (PQsocket(on->conn) != fd)
		on++;
	if ((events & LOOP_READ) && !PQconsumeInput(on->conn))
		die("pipe: %s", PQerrorMessage(on->conn));
	if (events & LOOP_WRITE)
		flush(p, on);
	read_on(on);
	send_waiting(p);
	flush_all(p);
}

static void *open_lines(const target *t, const char *host, int connections)
{
	pipe_peer *p = calloc(1, sizeof *p);

	p->loop.ready = ready;
	p->loop.self = p;
	p->size = connections;
	p->lines = calloc((size_t)connections, sizeof *p->lines);
	for (int i = 0; i < connections; i++) {
		p->lines[i].conn = must_connect(t, host);
		if (PQsetnonblocking(p->lines[i].conn, 1) != 0 || !PQenterPipelineMode(p->lines[i].conn))
			die("pipe: %s", PQerrorMessage(p->lines[i].conn));
		watch(p, &p->lines[i]);
	}
	return p;
}

static void turn(void *self)
{
	pipe_peer *p = self;

	flush_all(p); /* of what was submitted from outside */
	loop_turn(&p->loop);
}

static void close_lines(void *self)
{
	pipe_peer *p = self;

	for (int i = 0; i < p->size; i++)
		PQfinish(p->lines[i].conn);
	free(p->lines);
	free(p);
}

const peer peer_pipe = {"pipe", open_lines, submit, turn, close_lines};
