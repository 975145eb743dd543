#ifdef __APPLE__
#define _DARWIN_C_SOURCE
#endif
#define _XOPEN_SOURCE 700

#include "proxy.h"

#include "net.h"
#include "pgtest_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 16384
#define QUEUE_LIMIT (16 * CHUNK) /* what a direction holds before it stops reading */
#define MAX_PAIRS 1000

typedef struct chunk {
	struct chunk *next;
	int64_t due;
	size_t len, sent;
	char data[CHUNK];
} chunk;

typedef struct stream {
	int from, to;
	chunk *first, *last;
	size_t queued;
	long taken; /* bytes read to be delivered */
	bool ended, shut;
} stream;

typedef struct limit {
	long bytes;
	proxy_mode then;
} limit;

typedef struct pair {
	struct pair *next;
	int fd[2]; /* client, server */
	bool connecting, dead;
	bool limited; /* mode is its own */
	proxy_mode mode;
	stream streams[2]; /* by proxy_direction */
	limit limits[2];
} pair;

struct proxy {
	pthread_t thread;
	pgtest_address server, source;
	bool has_source;
	int port, wake[2];

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	proxy_mode mode;
	int delay;
	limit limits[2];
	bool cut, stop;
	bool limits_all;      /* not only those that come */
	unsigned asked, done; /* changes: the thread has applied all up to done */
	int accepted, open;
	long bytes[2];

	/* The thread's own. */
	int listener;
	pair *pairs;
	proxy_mode mode_now;
	int delay_now;
	limit limits_now[2];
};

/* ---------------------------------------------------------------------------------- the changes */

/* Call with the lock; returns when the thread works with the new values. */
static void apply_locked(proxy *p)
{
	unsigned mine = ++p->asked;

	if (write(p->wake[1], "", 1) != 1)
		pgtest_die("proxy: cannot wake: %s", strerror(errno));
	while ((int)(p->done - mine) < 0)
		pthread_cond_wait(&p->changed, &p->lock);
}

void proxy_set(proxy *p, proxy_mode mode)
{
	pthread_mutex_lock(&p->lock);
	p->mode = mode;
	apply_locked(p);
	pthread_mutex_unlock(&p->lock);
}

void proxy_delay(proxy *p, int ms)
{
	pthread_mutex_lock(&p->lock);
	p->delay = ms;
	apply_locked(p);
	pthread_mutex_unlock(&p->lock);
}

static void set_limit(proxy *p, proxy_direction direction, const limit *l, bool of_all)
{
	pthread_mutex_lock(&p->lock);
	p->limits[direction] = *l;
	p->limits_all = of_all;
	apply_locked(p);
	pthread_mutex_unlock(&p->lock);
}

void proxy_limit(proxy *p, proxy_direction direction, long bytes, proxy_mode then)
{
	set_limit(p, direction, &(limit){.bytes = bytes, .then = then}, true);
}

void proxy_limit_new(proxy *p, proxy_direction direction, long bytes, proxy_mode then)
{
	set_limit(p, direction, &(limit){.bytes = bytes, .then = then}, false);
}

void proxy_cut(proxy *p)
{
	pthread_mutex_lock(&p->lock);
	p->cut = true;
	apply_locked(p);
	pthread_mutex_unlock(&p->lock);
}

/* ------------------------------------------------------------------------------------- one pair */

static void end_pair(pair *l, bool reset)
{
	for (int i = 0; i < 2; i++) {
		if (l->fd[i] >= 0)
			reset ? net_reset(l->fd[i]) : net_close(l->fd[i]);
		l->fd[i] = -1;
		while (l->streams[i].first) {
			chunk *next = l->streams[i].first->next;

			free(l->streams[i].first);
			l->streams[i].first = next;
		}
	}
	l->dead = true;
}

static proxy_mode mode_of(const proxy *p, const pair *l)
{
	proxy_mode mode = l->limited ? l->mode : p->mode_now;

	return mode == PROXY_REFUSE ? PROXY_FORWARD : mode;
}

static void enforce(const proxy *p, pair *l)
{
	proxy_mode mode = mode_of(p, l);

	if (mode == PROXY_CLOSE || mode == PROXY_RESET)
		end_pair(l, mode == PROXY_RESET);
}

/* How much may still be taken in this direction before the limit is reached. */
static size_t allowance(const limit *max, const stream *s)
{
	if (max->bytes < 0 || max->bytes - s->taken > CHUNK)
		return CHUNK;
	return max->bytes > s->taken ? (size_t)(max->bytes - s->taken) : 0;
}

static bool wants_read(const proxy *p, const pair *l, int direction)
{
	const stream *s = &l->streams[direction];

	if (s->ended || mode_of(p, l) == PROXY_HOLD || s->queued >= QUEUE_LIMIT)
		return false;
	return mode_of(p, l) == PROXY_SWALLOW || allowance(&l->limits[direction], s) > 0;
}

static bool wants_write(const proxy *p, const pair *l, int direction, int64_t now)
{
	const stream *s = &l->streams[direction];

	return mode_of(p, l) == PROXY_FORWARD && s->first && s->first->due <= now;
}

/* False: the connection is gone. */
static bool take(const proxy *p, pair *l, int direction)
{
	stream *s = &l->streams[direction];
	bool swallow = mode_of(p, l) == PROXY_SWALLOW;
	size_t room = swallow ? CHUNK : allowance(&l->limits[direction], s);
	chunk *c = pgtest__must(malloc(sizeof(*c)));
	ssize_t n = read(s->from, c->data, room);

	if (n <= 0 || swallow)
		free(c);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		s->ended = true;
	if (n == 0 || swallow)
		return true;
	c->next = NULL;
	c->due = pgtest_now_ms() + p->delay_now;
	c->len = (size_t)n;
	c->sent = 0;
	if (s->first)
		s->last->next = c;
	else
		s->first = c;
	s->last = c;
	s->queued += c->len;
	s->taken += (long)n;
	return true;
}

static bool deliver(proxy *p, pair *l, int direction)
{
	stream *s = &l->streams[direction];
	chunk *c = s->first;
	ssize_t n;

	/* Under the lock, so that whoever has received a byte finds it counted. It does not block. */
	pthread_mutex_lock(&p->lock);
	n = send(s->to, c->data + c->sent, c->len - c->sent, MSG_NOSIGNAL);
	if (n > 0)
		p->bytes[direction] += (long)n;
	pthread_mutex_unlock(&p->lock);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->sent += (size_t)n;
	s->queued -= (size_t)n;
	if (c->sent == c->len) {
		s->first = c->next;
		free(c);
	}
	return true;
}

/* What follows from what has been moved: the end of one side is told to the other, a limit has its effect. */
static void settle(const proxy *p, pair *l)
{
	if (mode_of(p, l) == PROXY_FORWARD) {
		for (int i = 0; i < 2; i++) {
			stream *s = &l->streams[i];

			if (s->ended && !s->first && !s->shut) {
				shutdown(s->to, SHUT_WR);
				s->shut = true;
			}
		}
	}
	for (int i = 0; i < 2 && !l->limited; i++) {
		const stream *s = &l->streams[i];

		if (!s->first && allowance(&l->limits[i], s) == 0) {
			l->limited = true;
			l->mode = l->limits[i].then;
		}
	}
	if (l->streams[0].shut && l->streams[1].shut)
		end_pair(l, false);
	else
		enforce(p, l);
}

static void add_pair(proxy *p, int client)
{
	pair *l = pgtest__must(calloc(1, sizeof(*l)));

	l->fd[0] = client;
	l->fd[1] = net_connect(&p->server, p->has_source ? &p->source : NULL, &l->connecting);
	l->streams[PROXY_TO_SERVER] = (stream){.from = l->fd[0], .to = l->fd[1]};
	l->streams[PROXY_TO_CLIENT] = (stream){.from = l->fd[1], .to = l->fd[0]};
	memcpy(l->limits, p->limits_now, sizeof(l->limits));
	l->next = p->pairs;
	p->pairs = l;
	if (l->fd[1] < 0)
		end_pair(l, false);
	else
		settle(p, l);
}

/* ----------------------------------------------------------------------------------- the thread */

static void forget_dead_pairs(proxy *p)
{
	pair **place = &p->pairs;
	int open = 0;

	while (*place) {
		pair *l = *place;

		if (l->dead) {
			*place = l->next;
			free(l);
		} else {
			open++;
			place = &l->next;
		}
	}
	pthread_mutex_lock(&p->lock);
	if (p->open != open) {
		p->open = open;
		pthread_cond_broadcast(&p->changed);
	}
	pthread_mutex_unlock(&p->lock);
}

static void open_or_close_listener(proxy *p)
{
	if (p->mode_now == PROXY_REFUSE && p->listener >= 0) {
		net_close(p->listener);
		p->listener = -1;
	} else if (p->mode_now != PROXY_REFUSE && p->listener < 0) {
		int port = p->port; /* the test may be reading that one */

		p->listener = net_listen("127.0.0.1", &port, 128);
	}
}

/* False: the proxy is to end. */
static bool read_changes(proxy *p)
{
	bool cut, stop, limits_all;
	char bytes[64];
	unsigned asked;

	while (read(p->wake[0], bytes, sizeof(bytes)) > 0)
		;
	pthread_mutex_lock(&p->lock);
	p->mode_now = p->mode;
	p->delay_now = p->delay;
	memcpy(p->limits_now, p->limits, sizeof(p->limits));
	limits_all = p->limits_all;
	p->limits_all = false;
	cut = p->cut;
	p->cut = false;
	stop = p->stop;
	asked = p->asked;
	pthread_mutex_unlock(&p->lock);

	open_or_close_listener(p);
	for (pair *l = p->pairs; l; l = l->next) {
		if (limits_all)
			memcpy(l->limits, p->limits_now, sizeof(l->limits));
		if (cut)
			end_pair(l, true);
		else
			settle(p, l);
	}
	forget_dead_pairs(p);

	pthread_mutex_lock(&p->lock);
	p->done = asked;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->lock);
	return !stop;
}

static void accept_all(proxy *p)
{
	int client;

	while ((client = net_accept(p->listener)) >= 0) {
		add_pair(p, client);
		pthread_mutex_lock(&p->lock);
		p->accepted++;
		pthread_cond_broadcast(&p->changed);
		pthread_mutex_unlock(&p->lock);
	}
}

/* fds of one pair: client, server. A descriptor of which nothing is wanted is left out, or the end of the
 * other side would be reported over and over. */
static void watch_pair(const proxy *p, const pair *l, struct pollfd *fds, int64_t now, int64_t *due)
{
	for (int i = 0; i < 2; i++)
		fds[i] = (struct pollfd){.fd = l->fd[i]};
	for (int i = 0; i < 2; i++) {
		const stream *s = &l->streams[i];

		if (wants_read(p, l, i) && !l->connecting)
			fds[i].events |= POLLIN;
		if (wants_write(p, l, i, now) && !l->connecting)
			fds[1 - i].events |= POLLOUT;
		else if (s->first && s->first->due > now && s->first->due < *due)
			*due = s->first->due;
	}
	if (l->connecting)
		fds[1].events = POLLOUT;
	for (int i = 0; i < 2; i++) {
		if (!fds[i].events)
			fds[i].fd = -1;
	}
}

static void work_pair(proxy *p, pair *l, const struct pollfd *fds)
{
	const short bad = POLLERR | POLLHUP | POLLNVAL;
	int64_t now = pgtest_now_ms();
	bool alive = true;

	if (l->connecting) {
		if (fds[1].revents)
			l->connecting = false;
		if (fds[1].revents && net_connect_error(fds[1].fd) != 0)
			end_pair(l, false);
		return;
	}
	for (int i = 0; i < 2 && alive; i++) {
		if (fds[i].revents & (POLLIN | bad) && fds[i].events & POLLIN)
			alive = take(p, l, i);
		if (alive && fds[1 - i].revents & (POLLOUT | bad) && wants_write(p, l, i, now))
			alive = deliver(p, l, i);
	}
	if (alive)
		settle(p, l);
	else
		end_pair(l, true);
}

static int poll_timeout(int64_t due, int64_t now)
{
	return due == INT64_MAX ? -1 : due > now ? (int)(due - now) : 0;
}

static void *serve(void *arg)
{
	struct pollfd *fds = pgtest__must(calloc(2 + 2 * MAX_PAIRS, sizeof(*fds)));
	proxy *p = arg;

	for (;;) {
		int64_t now = pgtest_now_ms(), due = INT64_MAX;
		bool waking, calling;
		nfds_t n = 2;

		fds[0] = (struct pollfd){.fd = p->wake[0], .events = POLLIN};
		fds[1] = (struct pollfd){.fd = p->listener, .events = POLLIN};
		for (const pair *l = p->pairs; l && n < 2 * MAX_PAIRS; l = l->next, n += 2)
			watch_pair(p, l, &fds[n], now, &due);
		if (poll(fds, n, poll_timeout(due, now)) < 0)
			continue;
		waking = fds[0].revents != 0;
		calling = fds[1].revents != 0;
		n = 2;
		for (pair *l = p->pairs; l && n < 2 * MAX_PAIRS; l = l->next, n += 2)
			work_pair(p, l, &fds[n]);
		forget_dead_pairs(p);
		if (calling)
			accept_all(p);
		if (waking && !read_changes(p))
			break;
	}
	for (pair *l = p->pairs; l; l = l->next)
		end_pair(l, true);
	forget_dead_pairs(p);
	free(fds);
	return NULL;
}

/* ------------------------------------------------------------------------------- start and stop */

static proxy *start(const char *host, int port, const char *source)
{
	proxy *p = pgtest__must(calloc(1, sizeof(*p)));

	p->has_source = source != NULL;
	if (source)
		p->source = net_address(source, 0);
	p->server = net_address(host, port);
	p->limits[0].bytes = p->limits[1].bytes = -1;
	memcpy(p->limits_now, p->limits, sizeof(p->limits));
	p->listener = net_listen("127.0.0.1", &p->port, 128);
	net_pipe(p->wake);
	pthread_mutex_init(&p->lock, NULL);
	pgtest_cond_init(&p->changed);
	net_start_thread(&p->thread, serve, p);
	return p;
}

proxy *proxy_start_to(const char *host, int port)
{
	return start(host, port, NULL);
}

proxy *proxy_start(void)
{
	const pgtest_server *server = pgtest_server_now();

	return proxy_start_to(server->host, atoi(server->port));
}

proxy *proxy_start_from(const char *source)
{
	const pgtest_server *server = pgtest_server_now();

	return start(strchr(source, ':') ? "::1" : server->host, atoi(server->port), source);
}

void proxy_stop(proxy *p)
{
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	apply_locked(p);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	if (p->listener >= 0)
		net_close(p->listener);
	close(p->wake[0]);
	close(p->wake[1]);
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/* --------------------------------------------------------------------------------------- counts */

int proxy_port(const proxy *p)
{
	return p->port;
}

int proxy_accepted(proxy *p)
{
	int count;

	pthread_mutex_lock(&p->lock);
	count = p->accepted;
	pthread_mutex_unlock(&p->lock);
	return count;
}

int proxy_open(proxy *p)
{
	int count;

	pthread_mutex_lock(&p->lock);
	count = p->open;
	pthread_mutex_unlock(&p->lock);
	return count;
}

long proxy_bytes(proxy *p, proxy_direction direction)
{
	long count;

	pthread_mutex_lock(&p->lock);
	count = p->bytes[direction];
	pthread_mutex_unlock(&p->lock);
	return count;
}

bool proxy_wait_accepted(proxy *p, int count, int timeout_ms)
{
	struct timespec deadline = pgtest_after_ms(timeout_ms);
	bool there;

	pthread_mutex_lock(&p->lock);
	while (!(there = p->accepted >= count)) {
		if (!pgtest__cond_wait(&p->changed, &p->lock, &deadline))
			break;
	}
	pthread_mutex_unlock(&p->lock);
	return there;
}

bool proxy_wait_open(proxy *p, int count, int timeout_ms)
{
	struct timespec deadline = pgtest_after_ms(timeout_ms);
	bool there;

	pthread_mutex_lock(&p->lock);
	while (!(there = p->open <= count)) {
		if (!pgtest__cond_wait(&p->changed, &p->lock, &deadline))
			break;
	}
	pthread_mutex_unlock(&p->lock);
	return there;
}
