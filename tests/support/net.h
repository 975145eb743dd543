/*
 * Sockets for the tools that play a part of the network (proxy, blackhole, stall); tests use those. All
 * sockets are nonblocking and closed on exec. What goes wrong ends the program.
 */
#ifndef NET_H
#define NET_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

typedef struct pgtest_address {
	struct sockaddr_storage sa;
	socklen_t len;
} pgtest_address;

/* host: a numeric address, or a socket directory of PostgreSQL. */
pgtest_address net_address(const char *host, int port);

/* *port 0: a free one, outside the range of outgoing connections, so that it can be closed and had again. */
int net_listen(const char *host, int *port, int backlog);

/* -1: nobody there. */
int net_accept(int listener);

/* from: the address it comes from, its port 0; NULL: any. -1: it failed at once. */
int net_connect(const pgtest_address *to, const pgtest_address *from, bool *in_progress);
int net_connect_error(int fd);

/* The other side sees the end even while a forked child still holds a copy of the descriptor. */
void net_close(int fd);
void net_reset(int fd);

void net_pipe(int fds[2]);

/* With all signals blocked: they are for the threads of the test. */
void net_start_thread(pthread_t *thread, void *(*fn)(void *), void *arg);

#endif
