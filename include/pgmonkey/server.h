/*
 * What a configuration asks of its server, and whether the server at hand gives it. Part of libpgmonkey-tools.
 * Everything here returns data and prints nothing; nothing here ever changes a server.
 *
 * The comments answer the same questions as those of pgmonkey.h: Owner, Errors, Thread. Zeroed members mean "not
 * known" unless they say otherwise. `pgmonkey pgserverconfig` shows all of it at work; docs/server-config.md explains.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PGMONKEY_SERVER_H
#define PGMONKEY_SERVER_H

#include <pgmonkey.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------ pg_hba.conf: names in it */

/*
 * A database's or role's name as one token of pg_hba.conf: in quotes where the server would read something else.
 * From PostgreSQL 16 on a name that begins with "/" can only be written as a regular expression, and is.
 * server_version: as PQserverVersion has it; 0 stands for the newest. Owner: the caller, free(3).
 * Errors: _MISUSE (a line end in the name: no rule can hold it), _NOMEM. Thread: any.
 */
PGM_API char *pgm_hba_quote(const char *name, int server_version, pgm_error *err);

/*
 * The way back: the next token at *at, as the server reads it, without its quotes; *at goes on behind it and its
 * comma. quoted (may be NULL): it began with a quote, so it is no keyword. NULL with err cleared: the line ends
 * here, or a comment begins. Owner: the caller, free(3). Errors: _NOMEM. Thread: any.
 */
PGM_API char *pgm_hba_unquote(const char **at, bool *quoted, pgm_error *err);

/* ---------------------------------------------------- pg_hba.conf: which rule decides a connection */

/* A list of texts. */
typedef struct pgm_hba_tokens {
	const char *const *list;
	size_t count;
} pgm_hba_tokens;

/* A line of pg_hba.conf as the view pg_hba_file_rules shows it, quotes taken off. */
typedef struct pgm_hba_row {
	const char *file; /* NULL: not known */
	int line;
	int number;	  /* rule_number, PostgreSQL 16+; 0: none */
	const char *type; /* NULL: the line could not be read, see error */
	pgm_hba_tokens databases, users;
	const char *address, *netmask; /* NULL where there is none */
	const char *method;
	pgm_hba_tokens options; /* without the values of secrets */
	const char *error;	/* with a type: the line counts all the same */
} pgm_hba_row;

/* Who connects, and how. */
typedef struct pgm_hba_client {
	const char *address; /* numeric, as the server sees it; NULL: over a socket */
	const char *sslmode; /* NULL: libpq's default, prefer */
	const char *user, *database;
	bool replication; /* physical: a walsender without a database */
} pgm_hba_client;

typedef enum pgm_hba_answer { PGM_HBA_UNKNOWN, PGM_HBA_NO, PGM_HBA_YES } pgm_hba_answer;

typedef struct pgm_hba_interface {
	const char *address, *netmask;
} pgm_hba_interface;

/* A host's name, where the server's name service says so in both directions. */
typedef struct pgm_hba_name {
	const char *address, *name;
} pgm_hba_name;

typedef struct pgm_hba_regex {
	const char *pattern; /* as in the file, with its "/" */
	const char *text;
	bool matches;
} pgm_hba_regex;

typedef enum pgm_hba_transport { PGM_HBA_SOCKET, PGM_HBA_PLAIN, PGM_HBA_TLS, PGM_HBA_GSS } pgm_hba_transport;

/* What only the server knows. What is not here makes a rule that asks for it a possible one. */
typedef struct pgm_hba_facts {
	int server_version; /* 0: the newest */
	pgm_hba_answer ssl; /* does it speak TLS? */

	pgm_hba_tokens roles; /* those the user is a member of, itself included */
	bool all_roles;	      /* there is no other */

	const pgm_hba_interface *interfaces; /* the server's own, for samehost and samenet */
	size_t ninterfaces;
	bool all_interfaces;

	const pgm_hba_name *names; /* for rules with a host name */
	size_t nnames;
	bool all_names;

	const pgm_hba_regex *regexes;
	size_t nregexes;

	/* Names on this server that look like a keyword, such as a database called "all" or a role called "+x". */
	pgm_hba_tokens odd_databases, odd_users;

	/* A connection that is up excludes what could not have let it in. */
	bool up;
	pgm_hba_transport transport;
	pgm_hba_answer used_password; /* as PQconnectionUsedPassword */
	const char *method;	      /* of the SQL function system_user, "trust" where that is null; NULL: not known */
} pgm_hba_facts;

typedef enum pgm_hba_outcome {
	PGM_HBA_ADMITTED,     /* a rule lets in whoever proves to be who he is by its method */
	PGM_HBA_REJECTED,     /* a rule says reject */
	PGM_HBA_NO_ENTRY,     /* no rule fits, which refuses too */
	PGM_HBA_NO_TLS,	      /* the client wants TLS, which the server does not speak: no rule is asked */
	PGM_HBA_UNDECIDED,    /* it hangs on what is not known: see possible */
	PGM_HBA_CONTRADICTED, /* the connection is up, but not by these rules: they are not those in force */
} pgm_hba_outcome;

/* One connection as the server sees it; libpq may make two. */
typedef struct pgm_hba_attempt {
	pgm_hba_transport transport;
	pgm_hba_outcome outcome;
	int row;       /* the first that surely fits, or -1 */
	int *possible; /* before it: those that may fit, in order */
	size_t npossible;
	bool hangs_on_quotes; /* read in quotes, a token of a rule would make a difference; the view does not show them */
} pgm_hba_attempt;

typedef struct pgm_hba_verdict {
	pgm_hba_outcome outcome;
	pgm_hba_attempt attempts[2]; /* in their order; those that the first one makes unnecessary are not there */
	size_t nattempts;
	int row;	 /* that decided the last attempt, or -1 */
	bool downgraded; /* TLS was refused, and the client went on without */
	int unread;	 /* the first row without a type, or -1: the server goes on with the rules it had before */
} pgm_hba_verdict;

/*
 * The first rule that fits decides: pure, nobody is asked. verdict is filled; its arrays are freed by
 * pgm_hba_verdict_clear, also after a failure. Errors: _MISUSE (an address that is none), _NOMEM. Thread: any.
 */
PGM_API bool pgm_hba_match(const pgm_hba_row *rows, size_t nrows, const pgm_hba_client *client,
			   const pgm_hba_facts *facts, pgm_hba_verdict *verdict, pgm_error *err);
PGM_API void pgm_hba_verdict_clear(pgm_hba_verdict *verdict);

/* The rule as one would write it. Owner: the caller, free(3). NULL: memory is out. Thread: any. */
PGM_API char *pgm_hba_rule(const pgm_hba_row *row);

/* The verdict as a sentence: "your connection from 10.1.2.3 with sslmode=require as app to db1 is decided by line 97:
 * hostssl all all 10.0.0.0/8 scram-sha-256". A line of a file that is not the first row's is named with its file.
 * Owner: the caller, free(3). NULL: memory is out. Thread: any. */
PGM_API char *pgm_hba_sentence(const pgm_hba_row *rows, const pgm_hba_client *client, const pgm_hba_verdict *verdict);

/* ----------------------------------------------------------------------------------- the client */

typedef struct pgm_server_pool {
	int max_size;
	int max_idle, max_lifetime; /* seconds, 0: for ever */
	bool check_on_checkout;
} pgm_server_pool;

/* A session setting of the file, and in which of its sections it stands. */
typedef struct pgm_server_setting {
	const char *section, *name, *value;
} pgm_server_setting;

/* What a configuration says of its server. Texts are "" where nothing is said. */
typedef struct pgm_server_client {
	const char *host, *hostaddr, *port, *database, *user, *sslmode, *sslrootcert;
	bool has_password, has_certificate;
	bool replication; /* physical */

	pgm_type type; /* PGM_FROM_CONFIG: left open, any of the four */
	pgm_server_pool pool, async_pool;
	const pgm_server_setting *settings; /* those that the type applies */
	size_t nsettings;

	/* Yours to set. */
	int instances;	     /* programs with this configuration at the same time; 0: one, of the type above */
	const char *address; /* this client's as the server sees it, "10.1.2.3" or "10.1.2.0/24"; NULL: not known */

	/* Of the server, where an audit has told. */
	int server_version;
	int superuser_reserved, reserved; /* superuser_reserved_connections, reserved_connections */
} pgm_server_client;

/*
 * Reads a configuration, with what the environment, a service file and libpq add to it. Connects to nothing.
 * Owner: the caller, pgm_server_client_free; config may go. Errors: _CONFIG (no such service; several hosts or another bad
 * value, from there), _MISUSE, _NOMEM. Thread: any.
 */
PGM_API pgm_server_client *pgm_server_client_new(const pgm_config *config, pgm_error *err);
PGM_API void pgm_server_client_free(pgm_server_client *client);

/* Over a socket: sslmode and addresses play no part. */
PGM_API bool pgm_server_client_is_local(const pgm_server_client *client);

/* The connections that it may hold at once, all instances together. how (may be NULL, size bytes): the sum in words,
 * "2 x (pool 20 + async_pool 20)". */
PGM_API int pgm_server_client_connections(const pgm_server_client *client, char *how, size_t size);

/* Is text an address or a range as pg_hba.conf has them? out (may be NULL, size bytes): in the server's spelling. */
PGM_API bool pgm_server_address_normal(const char *text, char *out, size_t size);

/* --------------------------------------------------------------------------------- recommendations */

typedef enum pgm_server_file { PGM_SERVER_HBA_CONF, PGM_SERVER_POSTGRESQL_CONF } pgm_server_file;

typedef enum pgm_server_kind {
	PGM_SERVER_REQUIRED,   /* the client cannot work without this line, or one to the same effect */
	PGM_SERVER_UNFINISHED, /* the same, but ADDRESS in it is to be filled in */
	PGM_SERVER_ADVISABLE,  /* better, or a choice */
	PGM_SERVER_REMARK      /* no line: only words */
} pgm_server_kind;

typedef struct pgm_server_line {
	pgm_server_file file;
	pgm_server_kind kind;
	const char *text;   /* as it stands in the file; NULL for a remark */
	const char *remark; /* why; NULL: nothing to say */
} pgm_server_line;

typedef struct pgm_server_advice {
	const pgm_server_line *lines;
	size_t nlines;
	int max_connections; /* the least; needed by this client and reserved for others */
} pgm_server_advice;

/*
 * The least that the server needs in its two files. Pure. Owner: the caller, pgm_server_advice_free.
 * Errors: _MISUSE (a name that no rule can hold, an address that is none), _NOMEM. Thread: any.
 */
PGM_API pgm_server_advice *pgm_server_recommend(const pgm_server_client *client, pgm_error *err);
PGM_API void pgm_server_advice_free(pgm_server_advice *advice);

/* ------------------------------------------------------------------------------------------ audit */

/* From good to bad. */
typedef enum pgm_server_status {
	PGM_SERVER_OK,
	PGM_SERVER_REVIEW,  /* it works: look at it */
	PGM_SERVER_UNKNOWN, /* not visible to this role: see privilege */
	PGM_SERVER_MISMATCH /* this client cannot work */
} pgm_server_status;
#define PGM_SERVER_STATUSES 4

/* "OK", "REVIEW", "UNKNOWN", "MISMATCH". Owner: static text. Thread: any. */
PGM_API const char *pgm_server_status_name(pgm_server_status status);

/* Texts are NULL where there is nothing to say. */
typedef struct pgm_server_check {
	const char *id; /* "max_connections"; "setting.work_mem" */
	pgm_server_status status;
	bool required; /* without it the client cannot work */
	const char *wanted, *live;
	const char *source; /* where the server has it from: file:line where that is visible */
	const char *reason, *fix;
	const char *privilege; /* what to grant, so that it can be seen */
} pgm_server_check;

typedef struct pgm_server_report {
	bool connected;
	pgm_error error; /* unless connected */

	/* Of the server and of this connection, as the server sees it; NULL or 0: not known. */
	int server_version;
	const char *version, *user, *database;
	const char *client_address, *server_address; /* numeric; NULL over a socket */
	bool superuser;

	const pgm_server_check *checks;
	size_t nchecks;
	size_t count[PGM_SERVER_STATUSES]; /* of the checks, by status */

	/* The rules, if they could be read, and what they say of this connection. */
	bool has_rules;
	const pgm_hba_row *rules;
	size_t nrules;
	pgm_hba_verdict verdict;
	const char *sentence;
} pgm_server_report;

/*
 * Connects as config says, without its session settings and without the right to write, compares, disconnects. Each
 * question is asked on its own: what one role may not see is one UNKNOWN. What it learns of this client's address (if
 * client has none) and of the server goes into client, which must be one of pgm_server_client_new, for
 * pgm_server_recommend. A server that cannot be reached is a report too. Blocks as long as connect_timeout allows
 * (ten seconds if the file says nothing), and five seconds for each question.
 * Owner: the caller, pgm_server_report_free. Errors: _CONFIG (several hosts and the like), _NOMEM, _MISUSE.
 * Thread: any; one at a time per configuration and client.
 */
PGM_API pgm_server_report *pgm_server_audit(const pgm_config *config, pgm_server_client *client, pgm_error *err);
PGM_API void pgm_server_report_free(pgm_server_report *report);

#ifdef __cplusplus
}
#endif

#endif
