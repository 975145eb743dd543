/*
 * The one connection of an import or export: of type normal whatever the configuration says, speaking UTF-8. It never
 * waits in libpq, so that a signal or a callback can end what takes too long.
 */
#ifndef PGM_TOOLS_CSV_SESSION_H
#define PGM_TOOLS_CSV_SESSION_H

#include "base/error.h"

typedef struct pgm__csv_session {
	pgm_manager *manager; /* of its own, so that closing it closes the connection */
	PGconn *conn;
	/* Asked whenever it has waited a tenth of a second or a signal came; false ends the waiting. NULL: go on. */
	bool (*go_on)(void *arg);
	void *arg;
} pgm__csv_session;

/* session must be zeroed but for go_on and arg. Errors: those of pgm_manager_open. Nothing to close on failure. */
bool pgm__csv_session_open(pgm__csv_session *session, const pgm_config *config, pgm_error *err);

/* Ends what runs on it, rolls back what was open, in three seconds at most. What cannot be ended is cut when it closes. */
void pgm__csv_give_up(pgm__csv_session *session);

/* Gives up, and closes the connection. A zeroed or closed one is harmless. */
void pgm__csv_session_close(pgm__csv_session *session);

/*
 * Runs one statement; doing ("looking for the table") goes before the reason if it fails. Owner: the caller, PQclear;
 * NULL on failure. A COPY ends with its first result, PGRES_COPY_IN or PGRES_COPY_OUT.
 * Errors: _QUERY, _BROKEN; stopped: _QUERY with SQLSTATE 57014 (query_canceled), and the statement is cancelled.
 */
PGresult *pgm__csv_run(pgm__csv_session *session, const char *doing, const char *sql, int nparams,
		       const char *const *params, pgm_error *err);

/* The same for a query whose rows are read: they have that many columns. Errors: also _BROKEN (they have not: what answers
 * is no PostgreSQL). Operators, functions and types are written with their schema: who may create some where the
 * search_path leads would else be run with the rights of whoever imports or exports. */
PGresult *pgm__csv_ask(pgm__csv_session *session, const char *doing, const char *sql, int nparams,
		       const char *const *params, int columns, pgm_error *err);

/* The same for a statement whose result does not matter. */
bool pgm__csv_do(pgm__csv_session *session, const char *doing, const char *sql, pgm_error *err);

/* Until the socket is ready for one of events (POLLIN, POLLOUT), or go_on says no. Errors: _BROKEN, stopped as above. */
bool pgm__csv_wait(pgm__csv_session *session, short events, pgm_error *err);

/* The next result, NULL if there is none or on failure (err tells). For the end of a COPY. */
PGresult *pgm__csv_next_result(pgm__csv_session *session, pgm_error *err);

/* Asks the server to stop what it is doing; harmless if it does nothing. */
void pgm__csv_cancel(pgm__csv_session *session);

/* What all that was stopped ends with: _QUERY, SQLSTATE 57014. Returns false. */
bool pgm__csv_fail_stopped(pgm_error *err);

/* Fills err from a failed result or, res NULL, from the connection. Returns false. */
bool pgm__csv_fail_result(const pgm__csv_session *session, const char *doing, const PGresult *res, pgm_error *err);

#endif
