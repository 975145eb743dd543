/*
 * What there is to know of one connection: made once, step by step, looked at, and closed. Data only;
 * `pgmonkey pgconfig test` shows it.
 */
#ifndef PGM_CONNECTION_PROBE_H
#define PGM_CONNECTION_PROBE_H

#include "config/settings.h"
#include "connection/pooler.h"

typedef enum pgm__probe_step {
	PGM__PROBE_RESOLVE,
	PGM__PROBE_CONNECT,
	PGM__PROBE_TLS,
	PGM__PROBE_AUTHENTICATE,
	PGM__PROBE_SETTINGS,
	PGM__PROBE_SELECT,
	PGM__PROBE_STEPS
} pgm__probe_step;

typedef enum pgm__probe_outcome {
	PGM__PROBE_NOT_REACHED, /* an earlier one failed */
	PGM__PROBE_SKIPPED,	/* there was no name to resolve, no TLS, nothing to set */
	PGM__PROBE_OK,
	PGM__PROBE_FAILED
} pgm__probe_outcome;

/* What libpq checked of the server's certificate. */
typedef enum pgm__verified {
	PGM__VERIFIED_NOTHING,
	PGM__VERIFIED_CHAIN, /* signed by the root certificate; whose it is was not asked */
	PGM__VERIFIED_NAME   /* and it is made out to the host's name */
} pgm__verified;

typedef struct pgm__probe_tls {
	bool in_use;
	bool gss; /* encrypted by GSSAPI instead */
	char protocol[32], cipher[64];
	int bits;
	pgm__verified verified;
	char sslmode[16]; /* the one in force, wherever it came from; known once the connection was begun */
	char root[1024];  /* the root certificate it was verified with: a file, or "system" */
} pgm__probe_tls;

/* Texts that are not known are "". */
typedef struct pgm__probe {
	struct {
		pgm__probe_outcome outcome;
		pgm__time took;
	} step[PGM__PROBE_STEPS];
	bool ok;
	pgm__probe_step failed; /* unless ok */
	pgm_error error;

	char host[256], address[64], port[8]; /* address: numeric; none for a socket */
	bool is_socket;			      /* host is a directory */
	char database[128], user[128];
	pgm__probe_tls tls;
	bool asked_password; /* the server wanted one; how it is sent, libpq does not tell */
	size_t nsettings;
	char version[128]; /* of the server */
	pgm__pooling pooling;
	pgm__time pooling_took;
} pgm__probe;

/*
 * Connects as settings say, runs SELECT 1, looks for a pooler, disconnects. Returns out->ok. Blocks as long as
 * connect_timeout allows, as long again for SELECT 1, and two seconds for the pooler. Thread: any.
 */
bool pgm__probe_run(const pgm__settings *settings, pgm__probe *out);

#endif
