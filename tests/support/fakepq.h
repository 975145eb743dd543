/*
 * A stand-in for libpq, linked in its place into unit tests (NAME_fakepq_test.c), with a script instead of
 * a server. Without a script every connect succeeds after two polls and every statement with an empty OK;
 * BEGIN, COMMIT, ROLLBACK, savepoints and errors move the transaction status as a server would. PQsocket is
 * one end of a socketpair, readable exactly when there is something to consume. fakepq_next_connect and
 * fakepq_next_* queue what happens to the next connects and statements, of whatever connection; every PQ
 * function counts its calls. Thread-safe as libpq is; call fakepq_reset at the start of each test.
 */
#ifndef FAKEPQ_H
#define FAKEPQ_H

#include <libpq-fe.h>
#include <stdbool.h>

/* Forgets script, counts and statements. Connections that are still open stay. */
void fakepq_reset(void);

/* -------------------------------------------------------------------------------- the script */

#define FAKEPQ_STALLS (-1) /* as polls: the server never answers */

/* The next connect takes that many polls, then succeeds (error NULL) or fails with this PQerrorMessage. */
void fakepq_next_connect(int polls, const char *error);

/* What connects do that find no such plan. */
void fakepq_every_connect(int polls, const char *error);

void fakepq_next_row(const char *value); /* one row of one column, named "value" */
void fakepq_next_error(const char *sqlstate, const char *message);
void fakepq_next_lost(const char *message); /* the connection breaks instead of an answer */
void fakepq_next_silence(void);		    /* no answer, until fakepq_speak or PQcancel (57014) */
void fakepq_speak(PGconn *conn);

/* --------------------------------------------------------------------------- what the server does */

/*
 * Ends an idle session: the socket is readable, PQstatus stays OK, the first PQconsumeInput succeeds, what
 * parses next shows the last words to the notice receiver, the second PQconsumeInput fails. sqlstate NULL:
 * no last words.
 */
void fakepq_kill(PGconn *conn, const char *sqlstate, const char *message);

void fakepq_notify(PGconn *conn, const char *channel, const char *payload);

/* ------------------------------------------------------------------------------ what was done */

/* Calls of a PQ function since fakepq_reset, by name. */
int fakepq_calls(const char *function);

/* Connections open now, whatever their state. */
int fakepq_open(void);

/* Statements sent since fakepq_reset, in order; NULL past the end. Valid until fakepq_reset. */
const char *fakepq_statement(int i);

/* How many of them begin with this text. */
int fakepq_statements(const char *beginning);

#endif
