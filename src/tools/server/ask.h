/* The questions of an audit. Each is one statement, so that what one may not know hides nothing else. */
#ifndef PGM_TOOLS_SERVER_ASK_H
#define PGM_TOOLS_SERVER_ASK_H

#include "tools/server/seen.h"
#include "tools/server/session.h"

/* Who and where we are: the first question. False: there is no answer. */
bool pgm__ask_session(pgm__audit_session *session, pgm__seen *seen, pgm__arena *arena, pgm_error *err);

/* pg_settings, before anything is set. */
void pgm__ask_settings(pgm__audit_session *session, const pgm_server_client *client, pgm__seen *seen,
		       pgm__arena *arena);

/* Limits of server, role and database. */
void pgm__ask_limits(pgm__audit_session *session, pgm__seen *seen, pgm__arena *arena);

/* Would the server take the session settings of the file? Each is set for the length of one statement. */
void pgm__ask_probes(pgm__audit_session *session, const pgm_server_client *client, pgm__seen *seen, pgm__arena *arena);

/* The rules of pg_hba.conf, and what is to be known to match them. */
void pgm__ask_rules(pgm__audit_session *session, pgm__seen *seen, pgm__arena *arena);

/* A question whose lack of an answer is noted in why. columns: how many the answer has. */
PGresult *pgm__ask(pgm__audit_session *session, const char *sql, int nparams, const char *const *params, int columns,
		   pgm__unseen *why, pgm__arena *arena);

/* One value as text; NULL if it is null. Owner: res. */
const char *pgm__value(const PGresult *res, int row, int column);

#endif
