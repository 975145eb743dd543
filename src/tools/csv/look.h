/* An import's file, opened and understood: its settings as given, or as found out and written down. */
#ifndef PGM_TOOLS_CSV_LOOK_H
#define PGM_TOOLS_CSV_LOOK_H

#include "tools/csv/note.h"
#include "tools/csv/reader.h"

typedef struct pgm__csv_look {
	pgm__csv_notes notes; /* set before, as are go_on and arg of input */
	pgm__csv_input input;
	pgm__csv_reader reader; /* started, at the file's beginning */
	pgm__csv_settings settings;
	char *path; /* of the settings file; NULL: there is none, and none is written */
	bool exists;
} pgm__csv_look;

/* Opens file, reads the settings file (given, or beside it) and finds out what it does not say. Errors: _IO, _CONFIG,
 * _NOMEM, stopped. Close it in any case. */
bool pgm__csv_look_open(pgm__csv_look *look, const char *file, const char *given, pgm_error *err);

/* Writes a settings file unless there is one; says what was found. Errors: _IO, _MISUSE, _NOMEM. */
bool pgm__csv_look_write(pgm__csv_look *look, pgm_error *err);

void pgm__csv_look_close(pgm__csv_look *look);

#endif
