/*
 * A TCP proxy inside the test, on a thread of its own, for faults between client and server. It moves bytes
 * and knows no protocol, so TLS goes through it too. What it does can be changed at any time: when
 * proxy_set (and proxy_delay, proxy_limit) returns, the new behaviour is in force, for connections that are
 * open and for those to come. It counts connections and bytes. Give its port to the client:
 *
 *	proxy *p = proxy_start();
 *	config = pgtest_config("port=%d", proxy_port(p));
 *	proxy_set(p, PROXY_HOLD);
 *	...
 *	proxy_stop(p);
 */
#ifndef PROXY_H
#define PROXY_H

#include <stdbool.h>

typedef struct proxy proxy;

typedef enum proxy_mode {
	PROXY_FORWARD,
	PROXY_HOLD,    /* reads nothing, delivers nothing; goes on with PROXY_FORWARD. New ones are accepted */
	PROXY_SWALLOW, /* reads all, delivers nothing */
	PROXY_CLOSE,   /* closes connections in good order, new ones as soon as they are accepted */
	PROXY_RESET,   /* the same with an RST */
	PROXY_REFUSE   /* closes the listener: new ones are refused, open ones go on */
} proxy_mode;

typedef enum proxy_direction { PROXY_TO_SERVER, PROXY_TO_CLIENT } proxy_direction;

/* In front of the server in use (pgtest_use), over TCP; listens on 127.0.0.1. */
proxy *proxy_start(void);

/* In front of anything else. host: a numeric address, or a socket directory of PostgreSQL. */
proxy *proxy_start_to(const char *host, int port);

/* In front of the server in use, which sees its clients come from source: "127.0.0.7", "::1". */
proxy *proxy_start_from(const char *source);

/* Ends all connections. */
void proxy_stop(proxy *p);

int proxy_port(const proxy *p);

void proxy_set(proxy *p, proxy_mode mode);

/* Everything that is read from now on is delivered that much later. 0: at once. */
void proxy_delay(proxy *p, int ms);

/*
 * A connection that has moved that many bytes in that direction, from its beginning, goes over to the mode
 * (hold, swallow, close or reset), for good. The bytes themselves are delivered. bytes negative: no limit.
 */
void proxy_limit(proxy *p, proxy_direction direction, long bytes, proxy_mode then);

/* The same for connections that are accepted from now on. */
void proxy_limit_new(proxy *p, proxy_direction direction, long bytes, proxy_mode then);

/* Resets the open connections and goes on as before. */
void proxy_cut(proxy *p);

/* Connections accepted so far, open now; bytes delivered so far. */
int proxy_accepted(proxy *p);
int proxy_open(proxy *p);
long proxy_bytes(proxy *p, proxy_direction direction);

/* Until that many; false: not within timeout_ms. */
bool proxy_wait_accepted(proxy *p, int count, int timeout_ms);
bool proxy_wait_open(proxy *p, int count, int timeout_ms); /* that many or fewer */

#endif
