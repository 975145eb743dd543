/*
 * CSV files into tables and out of them: bulk load and full dump, no transforms. In libpgmonkey-tools.
 *
 * Each runs on a connection of its own, of type normal whatever the configuration says, and blocks until it is done.
 * The comments answer the questions of pgmonkey.h: Owner, Errors, Thread. Sizes are bytes.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PGMONKEY_CSV_H
#define PGMONKEY_CSV_H

#include <pgmonkey.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How far it has come. */
typedef struct pgm_csv_progress {
	int64_t bytes;	     /* of the file, read or written so far */
	int64_t total_bytes; /* the file's size; 0: not known (a pipe, an export) */
	int64_t rows;	     /* sent to the server, or received from it */
	int64_t total_rows;  /* as the server estimates it; 0: not known (an import) */
} pgm_csv_progress;

/*
 * Called from time to time, several times a second at least, also while there is nothing to do but wait. False stops
 * the work: it ends as any failure does, with _QUERY and the SQLSTATE 57014 (query_canceled).
 */
typedef bool (*pgm_csv_on_progress)(const pgm_csv_progress *progress, void *arg);

/* One line about what was found or decided. PGM_LOG_INFO: a settings file that was written, what was found out.
 * PGM_LOG_WARNING: what may come out otherwise than it was meant, as an encoding that is a guess, a column that is skipped, a
 * name that is cut, rows that a trigger left out. Valid during the call. */
typedef void (*pgm_csv_on_note)(pgm_log_level level, const char *note, void *arg);

/* How it ended. */
typedef struct pgm_csv_result {
	int64_t rows;	 /* by the server's count */
	int64_t bytes;	 /* of the file */
	double seconds;	 /* from the first byte to the commit, or to the finished file */
	char table[160]; /* "schema.table", as it was found or made */
} pgm_csv_result;

/* Connections at once, at most. */
#define PGM_CSV_JOBS_MAX 64

/* Zeroed means defaults. It may grow: size tells which version the caller was compiled with. */
typedef struct pgm_csv_import_options {
	size_t size;	      /* sizeof(pgm_csv_import_options) */
	const char *table;    /* [schema.]table; a part in double quotes stays as it is written */
	const char *file;     /* a file or FIFO; "-": standard input */
	const char *settings; /* the settings file; NULL: file's name with .yaml (none for "-") */
	int jobs; /* connections that fill a table which the import makes: 1 to PGM_CSV_JOBS_MAX; 0 stands for 1 */
	pgm_csv_on_progress on_progress;
	pgm_csv_on_note on_note;
	void *arg; /* of these two */
} pgm_csv_import_options;

/*
 * Looks at the file and writes its settings file: encoding, delimiter, quote. *written is false, and nothing is done, if
 * there is one already. What was found is also told (on_note).
 * Owner: options and written are the caller's. Errors: _IO (either file), _CONFIG (a settings file that cannot be read),
 * _MISUSE (no file is named for the settings of standard input), _NOMEM. Thread: any.
 */
PGM_API bool pgm_csv_look(const pgm_csv_import_options *options, bool *written, pgm_error *err);

/*
 * Fills a table from a CSV file, all or nothing: one transaction, and a table that does not exist is made in it if the
 * settings allow. Without a settings file one is written first, as pgm_csv_look does; where it cannot be, that is told and
 * the import goes on. Columns go by the names in the header. What statement_timeout says does not count.
 * Owner: config, options and result are the caller's; result is untouched on failure, and may be NULL.
 * Errors: those of pgm_open; _IO (the file, or what is in it: "file:line: ..."), _CONFIG (the settings file), _MISUSE (the
 * table, the columns, jobs for a table that exists), _QUERY (the server's words, with the file's line where it named one),
 * _BROKEN, _NOMEM. Unless the SQLSTATE is 08007 (the answer to COMMIT was lost) nothing was imported. Thread: any.
 */
PGM_API bool pgm_csv_import(const pgm_config *config, const pgm_csv_import_options *options, pgm_csv_result *result,
			    pgm_error *err);

/* Zeroed means defaults. It may grow: size tells which version the caller was compiled with. */
typedef struct pgm_csv_export_options {
	size_t size;	      /* sizeof(pgm_csv_export_options) */
	const char *table;    /* [schema.]table; a part in double quotes stays as it is written */
	const char *file;     /* "-": standard output */
	const char *settings; /* the settings file; NULL: file's name with .yaml (none for "-") */
	bool no_clobber;      /* an existing file is an error; else it is replaced */
	bool visible_rows;    /* row-level security may leave rows out; else that is an error */
	int jobs;	      /* connections that read a plain table together: 1 to PGM_CSV_JOBS_MAX; 0 stands for 1 */
	pgm_csv_on_progress on_progress;
	pgm_csv_on_note on_note;
	void *arg; /* of these two */
} pgm_csv_export_options;

/*
 * Writes a table, view, materialized, partitioned or foreign table into a CSV file, as the settings file says; where there
 * is none it is written, for an import to read. The bytes are those of COPY ... TO (FORMAT csv) with the same settings.
 * The file appears when it is whole: whatever goes wrong, an old one stays as it was and nothing else is left behind.
 * A table's children (INHERITS) are left out, as are generated columns. What statement_timeout says does not count.
 * Owner: config, options and result are the caller's; result is untouched on failure, and may be NULL.
 * Errors: those of pgm_open; _IO (the file, with its path), _CONFIG (the settings file), _MISUSE (no such table, rows
 * hidden by row-level security, jobs for what is no plain table), _QUERY, _BROKEN, _NOMEM. Thread: any; SIGPIPE is the
 * caller's to ignore if the file is a pipe.
 */
PGM_API bool pgm_csv_export(const pgm_config *config, const pgm_csv_export_options *options, pgm_csv_result *result,
			    pgm_error *err);

#ifdef __cplusplus
}
#endif

#endif
