/*
 * The session settings of the YAML file (sync_settings, async_settings), set in one round trip with
 * set_config, so that no name or value is pasted into SQL (PostgreSQL manual, 9.27.1).
 */
#ifndef PGM_CONNECTION_SESSION_H
#define PGM_CONNECTION_SESSION_H

#include "config/settings.h"

/* Sends all of them as one statement, also if there are none; the answer is the caller's to read. Errors: _NOMEM,
 * _BROKEN. */
bool pgm__session_send(PGconn *conn, const pgm__settings *settings, pgm_error *err);

/* The answer: was it given by the server process that libpq knows of? Else there is a pooler in between. */
bool pgm__session_is_of_backend(const PGconn *conn, const PGresult *res);

/* Sends one, to find out which of them the server refuses. */
bool pgm__session_send_one(PGconn *conn, const pgm__guc *guc, pgm_error *err);

/* The refusal of one as an error that names it and its place in the file. Returns false. */
bool pgm__session_refused(const pgm__guc *guc, const PGresult *res, pgm_error *err);

/* All of it at once, for a connection whose settings were lost (PQreset, a reset hook). */
bool pgm__session_restore(PGconn *conn, const pgm__settings *settings, pgm__time deadline, pgm_error *err);

#endif
