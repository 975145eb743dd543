/*
 * How a CSV file is written: the settings file that lies beside it, one table of keys. Export writes one, import reads
 * it, or writes what it found out.
 */
#ifndef PGM_TOOLS_CSV_SETTINGS_H
#define PGM_TOOLS_CSV_SETTINGS_H

#include "base/error.h"

typedef struct pgm__csv_settings {
	bool has_headers, auto_create_table, enforce_lowercase;
	char delimiter; /* '\0': to be found out */
	char quote;
	char encoding[48]; /* as iconv names it; "": to be found out */
	char null_string[64];
} pgm__csv_settings;

/* What holds where nothing is said; delimiter and encoding are to be found out. */
void pgm__csv_settings_init(pgm__csv_settings *settings);

/* Reads the settings of a YAML text; what it does not name gets its default. name stands for the file in messages.
 * Errors: _CONFIG ("name:line:column: ..."), _NOMEM. */
bool pgm__csv_settings_parse(pgm__csv_settings *settings, const char *text, size_t len, const char *name,
			     pgm_error *err);

/* The same from a file. *exists is false, and true is returned, if there is none. Errors: also _IO. */
bool pgm__csv_settings_read(pgm__csv_settings *settings, const char *path, bool *exists, pgm_error *err);

/* Do they fit together, in a file made by other means than parsing? Errors: _CONFIG. */
bool pgm__csv_settings_check(const pgm__csv_settings *settings, const char *name, pgm_error *err);

/* The settings file's text, a comment on each key. Owner: the caller, free(3); NULL if memory is out. */
char *pgm__csv_settings_text(const pgm__csv_settings *settings);

/* Is there a folder for it, and may this program write there? To be asked before there is work that could be lost.
 * Errors: _IO, _NOMEM. */
bool pgm__csv_settings_may_be_made(const char *path, pgm_error *err);

/*
 * Writes them, whole or not at all. A file that is there is replaced only if it is a settings file: it may be the
 * connection's. Errors: _IO, _MISUSE (it is something else), _NOMEM.
 */
bool pgm__csv_settings_write(const pgm__csv_settings *settings, const char *path, pgm_error *err);

/* data.csv: data.yaml. Owner: the caller, free(3); NULL if memory is out. */
char *pgm__csv_settings_path(const char *csv);

/* A byte as one would read it: ',' or a tab. For messages. Returns buf. */
const char *pgm__csv_show_byte(char byte, char buf[16]);

#endif
