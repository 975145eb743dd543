/* The one connection of an audit. It is told not to write, and each question has a time limit. Where a question could not
 * even be cancelled no other is asked. */
#ifndef PGM_TOOLS_SERVER_SESSION_H
#define PGM_TOOLS_SERVER_SESSION_H

#include "pgmonkey.h"

typedef struct pgm__audit_session {
	pgm_manager *manager;
	PGconn *conn;
	pgm_error lost; /* code PGM_OK: it is not */
} pgm__audit_session;

/* options: libpq's keyword, as the client has it; "": none. Errors: those of pgm_manager_open and pgm_acquire. Nothing to
 * close on failure, though it does no harm. */
bool pgm__audit_open(pgm__audit_session *session, const pgm_config *config, const char *options, pgm_error *err);
void pgm__audit_close(pgm__audit_session *session);

/*
 * One statement, whose answer has that many columns. Operators, functions and types are written with their schema: who may
 * create some where the search_path leads would else be run with the rights of whoever audits. NULL with err filled if
 * the server refused it, did not answer, or gave an answer to another question. Owner: the caller, PQclear.
 */
PGresult *pgm__audit_ask(pgm__audit_session *session, const char *sql, int nparams, const char *const *params,
			 int columns, pgm_error *err);

#endif
