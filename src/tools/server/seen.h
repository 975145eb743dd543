/*
 * What an audit has seen of a server: facts only, each with whether it could be seen. Filled by ask.c and ask_rules.c,
 * judged by judge*.c.
 */
#ifndef PGM_TOOLS_SERVER_SEEN_H
#define PGM_TOOLS_SERVER_SEEN_H

#include "pgmonkey/server.h"
#include "tools/server/arena.h"

/* Why a question has no answer. message NULL: it has one. */
typedef struct pgm__unseen {
	const char *sqlstate, *message;
} pgm__unseen;

/* A row of pg_settings. */
typedef struct pgm__live_setting {
	const char *name, *setting, *shown; /* setting: in its base unit; shown: as SHOW says it */
	const char *source, *file;
	int line; /* 0: not visible */
	bool pending_restart;
} pgm__live_setting;

/* What the server said to a session setting of the file. */
typedef struct pgm__probe_answer {
	bool accepted;
	const char *shown;    /* accepted: its value as the server writes it */
	const char *sqlstate; /* refused; "": no answer */
	const char *message;
} pgm__probe_answer;

#define PGM__UNLIMITED (-1)

typedef struct pgm__seen {
	pgm_error error; /* code PGM_OK: connected */

	/* The client's side. */
	int version; /* 0: not connected */
	bool tls, gss;
	pgm_hba_answer used_password;

	/* The server's. */
	const char *version_text, *user, *database, *client_address, *server_address;
	bool superuser;
	bool pooler; /* who answered the login is not the backend */
	pgm__unseen no_tls_at_server;
	pgm_hba_answer tls_at_server;
	const char *method; /* system_user's; NULL: not known */

	pgm__unseen no_settings;
	const pgm__live_setting *settings;
	size_t nsettings;

	const pgm__probe_answer *probes; /* as many as the client has settings */

	pgm__unseen no_used, no_role, no_database;
	int64_t used; /* connections now, this one included */
	int role_limit, database_limit;
	const char *valid_until; /* NULL: for ever */
	int64_t days_left;	 /* meaningful with valid_until */

	pgm__unseen no_rules;
	bool has_rules;
	const pgm_hba_row *rules;
	size_t nrules;
	pgm_hba_facts facts;
	pgm_hba_answer rules_changed; /* since they were loaded */
} pgm__seen;

/* NULL: not visible, or not there in this version. */
const pgm__live_setting *pgm__seen_setting(const pgm__seen *seen, const char *name);

/* The number it is set to; missing if it is not visible. */
int pgm__seen_number(const pgm__seen *seen, const char *name, int missing);

#endif
