/*
 * A server that gets stuck: it plays PostgreSQL's side of the handshake up to a step, then says nothing
 * more, and keeps the connection open. For any number of clients at once, on a thread of its own. It
 * accepts any user and password.
 */
#ifndef STALL_H
#define STALL_H

typedef struct stall stall;

typedef enum stall_step {
	STALL_AT_ACCEPT,   /* accepts; no answer to SSLRequest or startup */
	STALL_AT_TLS,	   /* answers SSLRequest with S; no answer to the TLS handshake */
	STALL_AT_STARTUP,  /* refuses TLS; no answer to the startup packet */
	STALL_AT_PASSWORD, /* asks for the password; no answer to it */
	STALL_AT_READY,	   /* lets the user in; never ready for a query */
	STALL_AT_QUERY,	   /* ready; no answer to any query */
	STALL_IN_COPY	   /* ready; answers every query with the beginning of a COPY, and no more */
} stall_step;

/* One of each that says nothing more, for a loop. */
#define STALL_STEPS (STALL_AT_QUERY + 1)

stall *stall_start(stall_step step);
int stall_port(const stall *s);

/* Connections so far. */
int stall_accepted(stall *s);
void stall_stop(stall *s);

#endif
