/* What an audit has seen, compared with what the client wants: one check after the other. Pure. */
#ifndef PGM_TOOLS_SERVER_JUDGE_H
#define PGM_TOOLS_SERVER_JUDGE_H

#include "tools/server/seen.h"

typedef struct pgm__judge {
	const pgm_server_client *client;
	const pgm__seen *seen;
	pgm_server_report *report; /* its verdict is there already, where it has rules */
	pgm__arena *arena;
	pgm_server_check lost; /* what memory was out for */
} pgm__judge;

/* Adds one; its members are the caller's to fill. Never NULL: what does not fit in memory is lost, and the arena
 * remembers. */
pgm_server_check *pgm__judge_add(pgm__judge *j, const char *id, pgm_server_status status);

/* UNKNOWN: what ("the limits of this role") could not be seen. privilege: what to grant if that is why. */
pgm_server_check *pgm__judge_unseen(pgm__judge *j, const char *id, const pgm__unseen *why, const char *what,
				    const char *privilege);

/* "/etc/postgresql/postgresql.conf:12" or "default", "user", ... as pg_settings has it. */
const char *pgm__judge_source(pgm__judge *j, const pgm__live_setting *setting);

/* A name as SQL writes it: in quotes. And that of the role that was let in. */
const char *pgm__judge_quote(pgm__judge *j, const char *name);
const char *pgm__judge_role(pgm__judge *j);

/* The server could not be reached, or refused. */
void pgm__judge_refused(pgm__judge *j);

/* Which rule decides, TLS, password. */
void pgm__judge_login(pgm__judge *j);

/* Connections: of the server, the role, the database. */
void pgm__judge_limits(pgm__judge *j);

/* Session settings, timeouts, what waits for a restart. */
void pgm__judge_settings(pgm__judge *j);

#endif
