#define _XOPEN_SOURCE 700

#include "hostile.h"

#include "net.h"
#include "pgtest_internal.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_SESSIONS = 256, MOST_STATEMENTS = 4096, LONGEST = 1 << 16, FIRST_PID = 1000 };

/* The first packets of a client; what follows a start-up packet has a type before its length. */
enum { CANCEL_REQUEST = 80877102, SSL_REQUEST = 80877103, GSSENC_REQUEST = 80877104 };

struct hostile_session {
	hostile *server;
	pthread_t thread;
	int fd, pid;
	bool extended; /* the statement that is being answered came by Parse */
	char parsed[LONGEST];
};

struct hostile {
	int port, listener;
	int stop[2];
	hostile_answer answer;
	pthread_t thread;
	pthread_mutex_t lock;
	hostile_session *sessions[MOST_SESSIONS]; /* locked */
	int nsessions;				  /* locked */
	char *statements[MOST_STATEMENTS];	  /* locked */
	int nstatements;			  /* locked */
};

/* ------------------------------------------------------------------------------------------ bytes */

/* False: the client has gone, or the test is over. */
static bool wait_for(const hostile_session *s, short events)
{
	struct pollfd fds[] = {{.fd = s->fd, .events = events}, {.fd = s->server->stop[0], .events = POLLIN}};

	return poll(fds, 2, -1) > 0 && fds[1].revents == 0;
}

static bool read_all(const hostile_session *s, void *to, size_t length)
{
	char *at = to;

	while (length > 0) {
		ssize_t n;

		if (!wait_for(s, POLLIN))
			return false;
		n = read(s->fd, at, length);
		if (n <= 0)
			return false;
		at += n;
		length -= (size_t)n;
	}
	return true;
}

static bool write_all(const hostile_session *s, const char *at, size_t length)
{
	while (length > 0) {
		ssize_t n;

		if (!wait_for(s, POLLOUT))
			return false;
		n = send(s->fd, at, length, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		at += n;
		length -= (size_t)n;
	}
	return true;
}

typedef struct message {
	char bytes[LONGEST];
	size_t length;
} message;

static void put(message *m, const void *bytes, size_t length)
{
	if (length > sizeof m->bytes - m->length)
		pgtest_die("a message of the hostile server is too long");
	memcpy(m->bytes + m->length, bytes, length);
	m->length += length;
}

static void put_text(message *m, const char *text)
{
	put(m, text, strlen(text) + 1);
}

static void put32(message *m, uint32_t n)
{
	n = htonl(n);
	put(m, &n, sizeof n);
}

static void put16(message *m, uint16_t n)
{
	n = htons(n);
	put(m, &n, sizeof n);
}

static void say(const hostile_session *s, char type, const message *body)
{
	message head = {.length = 0};

	put(&head, &type, 1);
	put32(&head, (uint32_t)body->length + 4);
	if (write_all(s, head.bytes, head.length))
		write_all(s, body->bytes, body->length);
}

static void say_text(const hostile_session *s, char type, const char *text)
{
	message m = {.length = 0};

	if (text)
		put_text(&m, text);
	say(s, type, &m);
}

/* ---------------------------------------------------------------------------------------- answers */

int hostile_pid(const hostile_session *session)
{
	return session->pid;
}

static void say_ready(const hostile_session *s)
{
	message m = {.length = 0};

	put(&m, "I", 1);
	say(s, 'Z', &m);
}

static void say_accepted(const hostile_session *s)
{
	if (!s->extended)
		return;
	say_text(s, '1', NULL); /* ParseComplete, BindComplete */
	say_text(s, '2', NULL);
}

static void describe(const hostile_session *session, int n)
{
	message m = {.length = 0};

	put16(&m, (uint16_t)n);
	for (int i = 0; i < n; i++) {
		put_text(&m, "value");
		put32(&m, 0);
		put16(&m, 0);
		put32(&m, 25); /* text */
		put16(&m, UINT16_MAX);
		put32(&m, UINT32_MAX);
		put16(&m, 0);
	}
	say(session, 'T', &m);
}

void hostile_values(hostile_session *session, int n, const char *const *values)
{
	message row = {.length = 0};

	say_accepted(session);
	describe(session, n);
	put16(&row, (uint16_t)n);
	for (int i = 0; i < n; i++) {
		const char *value = values ? values[i] : NULL;

		put32(&row, value ? (uint32_t)strlen(value) : UINT32_MAX);
		put(&row, value ? value : "", value ? strlen(value) : 0);
	}
	say(session, 'D', &row);
	say_text(session, 'C', "SELECT 1");
	say_ready(session);
}

void hostile_row(hostile_session *session, const char *value)
{
	if (value) {
		hostile_values(session, 1, &value);
		return;
	}
	say_accepted(session);
	describe(session, 1);
	say_text(session, 'C', "SELECT 0");
	say_ready(session);
}

void hostile_done(hostile_session *session, const char *tag)
{
	say_accepted(session);
	if (session->extended)
		say_text(session, 'n', NULL); /* NoData */
	say_text(session, 'C', tag);
	say_ready(session);
}

void hostile_error(hostile_session *session, const char *sqlstate, const char *text)
{
	message m = {.length = 0};

	put_text(&m, "SERROR");
	put(&m, "C", 1);
	put_text(&m, sqlstate);
	put(&m, "M", 1);
	put_text(&m, text);
	put(&m, "", 1);
	say(session, 'E', &m);
	say_ready(session);
}

void hostile_copy(hostile_session *session, char type)
{
	message m = {.length = 0};

	say_accepted(session);
	put(&m, "", 1); /* text */
	put16(&m, 0);
	say(session, type, &m);
}

void hostile_copied(hostile_session *session, const char *row)
{
	message m = {.length = 0};

	hostile_copy(session, 'H');
	put(&m, row, strlen(row));
	say(session, 'd', &m);
	say_text(session, 'c', NULL);
	say_text(session, 'C', "COPY 1");
	say_ready(session);
}

/* So short that reading them takes longer than writing them. */
void hostile_chatter(hostile_session *session, int ms)
{
	int64_t start = pgtest_now_ms();
	message many = {.length = 0};

	while (many.length + 8 <= sizeof many.bytes)
		put(&many, "S\0\0\0\7s\0", 8); /* ParameterStatus: s is now empty */
	while (pgtest_now_ms() - start < ms && write_all(session, many.bytes, many.length))
		continue;
}

/* --------------------------------------------------------------------------------------- sessions */

static void greet(const hostile_session *s)
{
	static const char *const told[][2] = {{"server_version", "16.0"},
					      {"server_encoding", "UTF8"},
					      {"client_encoding", "UTF8"},
					      {"standard_conforming_strings", "on"}};
	message let_in = {.length = 0}, key = {.length = 0};

	put32(&let_in, 0);
	say(s, 'R', &let_in);
	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		message m = {.length = 0};

		put_text(&m, told[i][0]);
		put_text(&m, told[i][1]);
		say(s, 'S', &m);
	}
	put32(&key, (uint32_t)s->pid);
	put32(&key, 4711);
	say(s, 'K', &key);
	say_ready(s);
}

static bool read_packet(const hostile_session *s, message *m)
{
	uint32_t length;

	if (!read_all(s, &length, sizeof length))
		return false;
	length = ntohl(length);
	if (length < 4 || length - 4 > sizeof m->bytes)
		return false;
	m->length = length - 4;
	return read_all(s, m->bytes, m->length);
}

static bool start(hostile_session *s, message *m)
{
	uint32_t code = 0;

	while (read_packet(s, m)) {
		if (m->length < sizeof code)
			return false;
		memcpy(&code, m->bytes, sizeof code);
		code = ntohl(code);
		if (code == CANCEL_REQUEST)
			return false;
		if (code != SSL_REQUEST && code != GSSENC_REQUEST) {
			greet(s);
			return true;
		}
		if (!write_all(s, "N", 1))
			return false;
	}
	return false;
}

static void answer(hostile_session *s, const char *sql)
{
	hostile *h = s->server;

	pthread_mutex_lock(&h->lock);
	if (h->nstatements < MOST_STATEMENTS)
		h->statements[h->nstatements++] = pgtest__copy(sql, strlen(sql));
	pthread_mutex_unlock(&h->lock);
	h->answer(s, sql);
}

/* Of Parse the statement is remembered, and answered when Sync comes; of the rest nothing is looked at. */
static void take(hostile_session *s, char type, const message *m)
{
	if (type == 'Q' && memchr(m->bytes, '\0', m->length)) {
		s->extended = false;
		answer(s, m->bytes);
	} else if (type == 'P') {
		const char *name_end = memchr(m->bytes, '\0', m->length);

		snprintf(s->parsed, sizeof s->parsed, "%s", name_end ? name_end + 1 : "");
	} else if (type == 'S' && s->parsed[0]) {
		s->extended = true;
		answer(s, s->parsed);
		s->parsed[0] = '\0';
	}
}

static void *serve(void *arg)
{
	hostile_session *s = arg;
	message *m = pgtest__must(calloc(1, sizeof *m));
	char type;

	if (start(s, m))
		while (read_all(s, &type, 1) && type != 'X' && read_packet(s, m))
			take(s, type, m);
	net_close(s->fd);
	free(m);
	return NULL;
}

static void *listen_on(void *arg)
{
	hostile *h = arg;
	struct pollfd fds[] = {{.fd = h->listener, .events = POLLIN}, {.fd = h->stop[0], .events = POLLIN}};

	while (poll(fds, 2, -1) > 0 && fds[1].revents == 0) {
		int fd = net_accept(h->listener);
		hostile_session *s;

		if (fd < 0)
			continue;
		s = pgtest__must(calloc(1, sizeof *s));
		pthread_mutex_lock(&h->lock);
		if (h->nsessions == MOST_SESSIONS)
			pgtest_die("too many connections to the hostile server");
		*s = (hostile_session){.server = h, .fd = fd, .pid = FIRST_PID + h->nsessions};
		h->sessions[h->nsessions++] = s;
		net_start_thread(&s->thread, serve, s);
		pthread_mutex_unlock(&h->lock);
	}
	return NULL;
}

hostile *hostile_start(hostile_answer answer_with)
{
	hostile *h = pgtest__must(calloc(1, sizeof *h));

	h->answer = answer_with;
	h->listener = net_listen("127.0.0.1", &h->port, 128);
	net_pipe(h->stop);
	pthread_mutex_init(&h->lock, NULL);
	net_start_thread(&h->thread, listen_on, h);
	return h;
}

int hostile_port(const hostile *h)
{
	return h->port;
}

int hostile_asked(hostile *h, const char *text)
{
	int count = 0;

	pthread_mutex_lock(&h->lock);
	for (int i = 0; i < h->nstatements; i++)
		count += strstr(h->statements[i], text) != NULL;
	pthread_mutex_unlock(&h->lock);
	return count;
}

void hostile_stop(hostile *h)
{
	if (write(h->stop[1], "", 1) != 1)
		pgtest_die("cannot stop the hostile server");
	pthread_join(h->thread, NULL);
	for (int i = 0; i < h->nsessions; i++) {
		pthread_join(h->sessions[i]->thread, NULL);
		free(h->sessions[i]);
	}
	for (int i = 0; i < h->nstatements; i++)
		free(h->statements[i]);
	net_close(h->listener);
	close(h->stop[0]);
	close(h->stop[1]);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
