#define _XOPEN_SOURCE 700

#include "stall.h"

#include "net.h"
#include "pgtest_internal.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_CLIENTS 256
#define SSL_REQUEST 80877103 /* the codes of PostgreSQL's manual, "Message Formats" */
#define GSSENC_REQUEST 80877104

typedef struct client {
	int fd;
	bool started; /* startup packet seen: from here on messages begin with a type */
	char in[4096];
	size_t len;
} client;

struct stall {
	pthread_t thread;
	stall_step step;
	int port, listener, wake[2];
	atomic_int accepted;
	client clients[MAX_CLIENTS];
	int nclients;
};

/* A few bytes into an empty buffer: they fit. */
static void say(const client *c, const char *bytes, size_t len)
{
	if (send(c->fd, bytes, len, MSG_NOSIGNAL) < 0)
		return; /* the client has gone: it is noticed when it is read */
}

static uint32_t number_at(const char *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return ntohl(n);
}

static void answer_startup(const stall *s, client *c, uint32_t code)
{
	static const char password_please[] = "R\0\0\0\10\0\0\0\3";

	if (s->step == STALL_AT_ACCEPT)
		return;
	if (code == SSL_REQUEST || code == GSSENC_REQUEST) {
		if (s->step == STALL_AT_TLS && code == SSL_REQUEST)
			say(c, "S", 1);
		else
			say(c, "N", 1);
		return;
	}
	c->started = true;
	if (s->step >= STALL_AT_PASSWORD)
		say(c, password_please, sizeof(password_please) - 1);
}

static void answer_message(const stall *s, const client *c, char type)
{
	static const char let_in[] = "R\0\0\0\10\0\0\0\0"
				     "S\0\0\0\31client_encoding\0UTF8\0"
				     "S\0\0\0\30server_version\00015.0\0"
				     "K\0\0\0\14\0\0\0\1\0\0\0\1";
	static const char ready[] = "Z\0\0\0\5I";
	static const char parsed_and_copying[] = "1\0\0\0\4"
						 "2\0\0\0\4"
						 "H\0\0\0\7\0\0\0";

	if (type == 'p' && s->step >= STALL_AT_READY)
		say(c, let_in, sizeof(let_in) - 1);
	if (type == 'p' && s->step >= STALL_AT_QUERY)
		say(c, ready, sizeof(ready) - 1);
	if (type == 'S' && s->step == STALL_IN_COPY)
		say(c, parsed_and_copying, sizeof(parsed_and_copying) - 1);
}

/* Takes one message off the buffer; false: there is no whole one. */
static bool answer_one(const stall *s, client *c)
{
	size_t head = c->started ? 1 : 0, size;

	if (c->len < head + 8 - 4 * head)
		return false;
	size = head + number_at(c->in + head);
	if (size < head + 4 || size > c->len)
		return false;
	if (c->started)
		answer_message(s, c, c->in[0]);
	else
		answer_startup(s, c, number_at(c->in + 4));
	memmove(c->in, c->in + size, c->len - size);
	c->len -= size;
	return true;
}

static void listen_to(const stall *s, client *c)
{
	ssize_t n = read(c->fd, c->in + c->len, sizeof(c->in) - c->len);

	if (n <= 0) {
		close(c->fd);
		c->fd = -1;
		return;
	}
	c->len += (size_t)n;
	while (answer_one(s, c))
		;
	/* A full buffer is what nobody understands: a TLS handshake, a large query. It gets no answer. */
	if (c->len == sizeof(c->in))
		c->len = 0;
}

static void accept_all(stall *s)
{
	int fd;

	while (s->nclients < MAX_CLIENTS && (fd = net_accept(s->listener)) >= 0) {
		s->clients[s->nclients++] = (client){.fd = fd};
		atomic_fetch_add(&s->accepted, 1);
	}
}

static void *serve(void *arg)
{
	struct pollfd fds[2 + MAX_CLIENTS];
	stall *s = arg;

	for (;;) {
		int n = s->nclients;

		fds[0] = (struct pollfd){.fd = s->wake[0], .events = POLLIN};
		fds[1] = (struct pollfd){.fd = n < MAX_CLIENTS ? s->listener : -1, .events = POLLIN};
		for (int i = 0; i < n; i++)
			fds[2 + i] = (struct pollfd){.fd = s->clients[i].fd, .events = POLLIN};
		if (poll(fds, 2 + (nfds_t)n, -1) < 0)
			continue;
		if (fds[0].revents)
			return NULL;
		for (int i = 0; i < n; i++) {
			if (fds[2 + i].revents)
				listen_to(s, &s->clients[i]);
		}
		if (fds[1].revents)
			accept_all(s);
	}
}

stall *stall_start(stall_step step)
{
	stall *s = pgtest__must(calloc(1, sizeof(*s)));

	s->step = step;
	s->listener = net_listen("127.0.0.1", &s->port, 128);
	net_pipe(s->wake);
	net_start_thread(&s->thread, serve, s);
	return s;
}

int stall_port(const stall *s)
{
	return s->port;
}

int stall_accepted(stall *s)
{
	return atomic_load(&s->accepted);
}

void stall_stop(stall *s)
{
	if (write(s->wake[1], "", 1) == 1)
		pthread_join(s->thread, NULL);
	for (int i = 0; i < s->nclients; i++) {
		if (s->clients[i].fd >= 0)
			net_close(s->clients[i].fd);
	}
	net_close(s->listener);
	close(s->wake[0]);
	close(s->wake[1]);
	free(s);
}
