/*
 * Programs to start from: complete, ready to be built, reading their YAML file when they run. Part of libpgmonkey-tools;
 * `pgmonkey pgconfig generate-code` prints what this makes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PGMONKEY_CODEGEN_H
#define PGMONKEY_CODEGEN_H

#include <pgmonkey.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Zeroed means defaults, but for path. It may grow: size tells which version the caller was compiled with. */
typedef struct pgm_code_options {
	size_t size;	      /* sizeof(pgm_code_options) */
	const char *path;     /* of the YAML file, as the program is to open it */
	pgm_type type;	      /* PGM_FROM_CONFIG: what the configuration says */
	const char *language; /* "c" or "python"; NULL: that of the library, else C */
	const char *library;  /* C: "pgmonkey" or "libpq"; Python: "psycopg". NULL: the first of the language */
	const char *loop;     /* the event loop that async or async_pool joins, "uv": C on pgmonkey only. NULL: none */
} pgm_code_options;

/*
 * The source text of a program. Of the configuration it holds the path and the connection type, nothing else: no
 * password can get into it. The path is escaped, whatever is in it; in C what is not ASCII is UTF-8.
 * Owner: the caller, free(3); NULL on failure. config and options stay the caller's. Errors: _MISUSE (no path, or no
 * such combination; the message says which there are), _NOMEM. Thread: any.
 */
PGM_API char *pgm_generate_code(const pgm_config *config, const pgm_code_options *options, pgm_error *err);

#ifdef __cplusplus
}
#endif

#endif
