#ifdef __APPLE__
#define _DARWIN_C_SOURCE
#endif
#define _XOPEN_SOURCE 700

#include "net.h"

#include "pgtest_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define FIRST_PORT 10000
#define PORTS 10000

static int own(int fd)
{
	int on = 1;

	if (fd < 0)
		return fd;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* no such thing for a Unix socket: no harm */
	return fd;
}

pgtest_address net_address(const char *host, int port)
{
	pgtest_address a = {.len = 0};
	struct sockaddr_un *local = (struct sockaddr_un *)&a.sa;
	struct sockaddr_in *v4 = (struct sockaddr_in *)&a.sa;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a.sa;

	if (host[0] == '/') {
		local->sun_family = AF_UNIX;
		snprintf(local->sun_path, sizeof(local->sun_path), "%s/.s.PGSQL.%d", host, port);
		a.len = sizeof(*local);
	} else if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		a.len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		a.len = sizeof(*v6);
	} else {
		pgtest_die("%s is no numeric address", host);
	}
	return a;
}

static int try_listen(const char *host, int port, int backlog)
{
	pgtest_address a = net_address(host, port);
	int on = 1, fd = own(socket(a.sa.ss_family, SOCK_STREAM, 0));

	if (fd < 0)
		pgtest_die("socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&a.sa, a.len) == 0 && listen(fd, backlog) == 0)
		return fd;
	close(fd);
	return -1;
}

int net_listen(const char *host, int *port, int backlog)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static int next; /* where to look first: elsewhere in every process */
	int64_t deadline = pgtest_now_ms() + 10000;

	while (pgtest_now_ms() < deadline) {
		int fd, candidate = *port;

		if (candidate == 0) {
			pthread_mutex_lock(&lock);
			if (next == 0)
				next = (int)((pgtest_now_ms() + getpid() * INT64_C(31)) % PORTS);
			candidate = FIRST_PORT + next++ % PORTS;
			pthread_mutex_unlock(&lock);
		}
		fd = try_listen(host, candidate, backlog);
		if (fd >= 0) {
			*port = candidate;
			return fd;
		}
		if (errno != EADDRINUSE)
			break;
		if (*port)
			pgtest__pause();
	}
	pgtest_die("cannot listen on %s port %d: %s", host, *port, strerror(errno));
}

int net_accept(int listener)
{
	return own(accept(listener, NULL, NULL));
}

int net_connect(const pgtest_address *to, const pgtest_address *from, bool *in_progress)
{
	int fd = own(socket(to->sa.ss_family, SOCK_STREAM, 0));

	*in_progress = false;
	if (fd < 0)
		return -1;
	if (from && bind(fd, (const struct sockaddr *)&from->sa, from->len) != 0)
		pgtest_die("cannot connect from an address of this test's choice: %s", strerror(errno));
	if (connect(fd, (const struct sockaddr *)&to->sa, to->len) == 0)
		return fd;
	if (errno == EINPROGRESS) {
		*in_progress = true;
		return fd;
	}
	close(fd);
	return -1;
}

int net_connect_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 ? error : errno;
}

void net_close(int fd)
{
	shutdown(fd, SHUT_RDWR);
	close(fd);
}

void net_reset(int fd)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};
	struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	(void)connect(fd, &nobody, sizeof(nobody)); /* Linux: an RST at once, whoever else holds the socket */
	close(fd);
}

void net_pipe(int fds[2])
{
	if (pipe(fds) != 0)
		pgtest_die("pipe: %s", strerror(errno));
	for (int i = 0; i < 2; i++) {
		fcntl(fds[i], F_SETFD, FD_CLOEXEC);
		fcntl(fds[i], F_SETFL, O_NONBLOCK);
	}
}

void net_start_thread(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(thread, NULL, fn, arg) != 0)
		pgtest_die("cannot start a thread");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
