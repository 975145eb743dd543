/*
 * The connector: makes one connection without ever blocking. Whoever drives it (a borrower, the keeper,
 * an event loop) calls step, waits for what it wants, and calls step again.
 *
 * It keeps the deadline itself, since PQconnectPoll ignores connect_timeout, and it walks the addresses
 * of a name itself, since a first address that swallows packets would eat the whole time otherwise:
 * each address has its share of what is left.
 */
#ifndef PGM_CONNECTION_CONNECT_H
#define PGM_CONNECTION_CONNECT_H

#include "config/settings.h"

/* The steps in their order; TLS is left out where there is none. */
typedef enum pgm__connect_step {
	PGM__STEP_RESOLVE,
	PGM__STEP_CONNECT,
	PGM__STEP_TLS,
	PGM__STEP_AUTHENTICATE,
	PGM__STEP_SETTINGS,
	PGM__STEP_DONE,
	PGM__STEPS
} pgm__connect_step;

typedef enum pgm__progress {
	PGM__WANTS_READ,
	PGM__WANTS_WRITE,
	PGM__CONNECTED,
	PGM__CONNECT_FAILED, /* the error tells */
	PGM__GO_ON	     /* there is more to do before it must wait; step never answers this */
} pgm__progress;

typedef struct pgm__connector pgm__connector;

/* settings and hooks must outlive it. The clock starts here. NULL if memory is out. */
pgm__connector *pgm__connector_new(const pgm__settings *settings, const pgm_hooks *hooks);

/* Goes on as far as it can without waiting. Call it when the socket is ready or the deadline has passed. */
pgm__progress pgm__connector_step(pgm__connector *c);

/* What the last step answered; GO_ON before the first. */
pgm__progress pgm__connector_progress(const pgm__connector *c);

/* What to wait on: the socket, or at first the resolver. It may change with every step, even if its number does not. */
int pgm__connector_fd(const pgm__connector *c);

/* That it is ready, for those who have it from hearsay: a loop may say so of a socket that has been closed since, and
 * libpq, while it connects, takes it on trust, and blocks. */
bool pgm__connector_is_ready(const pgm__connector *c);

pgm__time pgm__connector_deadline(const pgm__connector *c);

/* After CONNECTED: the connection, now the caller's; blocking, quiet notices, settings applied. */
PGconn *pgm__connector_take(pgm__connector *c);

/* For the event-driven types: libpq knows the number of the server process that answers (PQbackendPID). */
bool pgm__connector_reaches_backend(const pgm__connector *c);

/* After CONNECT_FAILED. for_good: trying again will not change it. */
const pgm_error *pgm__connector_error(const pgm__connector *c);
bool pgm__connector_failed_for_good(const pgm__connector *c);

/* Where it is, or was when it failed; and how long each step took, in nanoseconds (0: not taken). */
pgm__connect_step pgm__connector_at(const pgm__connector *c);
pgm__time pgm__connector_spent(const pgm__connector *c, pgm__connect_step step);

/* The connection as it is now, to look at until the next step; NULL where there is none. */
const PGconn *pgm__connector_conn(const pgm__connector *c);

/* Ends it from outside: CONNECT_FAILED, for that reason. */
void pgm__connector_give_up(pgm__connector *c, const char *reason);

/* Drops what was begun, without waiting for the server. NULL is allowed. */
void pgm__connector_free(pgm__connector *c);

/* Send a notice of the server to the log; what every connection of ours starts with. */
void pgm__notice_to_log(void *arg, const PGresult *res);
void pgm__notice_text_to_log(void *arg, const char *message);

#endif
