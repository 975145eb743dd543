/*
 * A server that speaks the protocol of PostgreSQL (manual, "Frontend/Backend Protocol") and answers what the test wants:
 * what no real server would say. It lets everybody in, and calls answer for each statement, simple or extended, on a
 * thread of its own for each connection.
 *
 *	hostile *h = hostile_start(answer);
 *	config = pgtest_config("port=%d sslmode=disable gssencmode=disable", hostile_port(h));
 *	...
 *	hostile_stop(h);
 */
#ifndef HOSTILE_H
#define HOSTILE_H

typedef struct hostile hostile;
typedef struct hostile_session hostile_session;

typedef void (*hostile_answer)(hostile_session *session, const char *sql);

hostile *hostile_start(hostile_answer answer);
int hostile_port(const hostile *h);

/* Connections are to be closed before. */
void hostile_stop(hostile *h);

/* Statements so far in which this text is. */
int hostile_asked(hostile *h, const char *text);

/* ----------------------------------------------------------- for answer; none of them: no answer at all */

/* The number that the client was given as its backend's. */
int hostile_pid(const hostile_session *session);

void hostile_row(hostile_session *session, const char *value); /* one row of one column; NULL: no row */

/* One row of n columns; values NULL, or one of them: null. */
void hostile_values(hostile_session *session, int n, const char *const *values);

void hostile_done(hostile_session *session, const char *tag); /* no rows: "SET" */
void hostile_error(hostile_session *session, const char *sqlstate, const char *message);

/* Begins a COPY that never ends: 'H' out, 'W' both. */
void hostile_copy(hostile_session *session, char type);

/* A COPY out of one message, which is to be a row. */
void hostile_copied(hostile_session *session, const char *row);

/* Changes of a setting as fast as the client reads them, for so long or until it has gone. */
void hostile_chatter(hostile_session *session, int ms);

#endif
