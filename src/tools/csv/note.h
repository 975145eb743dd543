/* What is worth telling the caller, who may not want to know. */
#ifndef PGM_TOOLS_CSV_NOTE_H
#define PGM_TOOLS_CSV_NOTE_H

#include "base/error.h"
#include "pgmonkey/csv.h"

typedef struct pgm__csv_notes {
	pgm_csv_on_note tell; /* NULL: nobody listens */
	void *arg;
} pgm__csv_notes;

/* One line, made as errors are. */
void pgm__csv_note(const pgm__csv_notes *notes, pgm_log_level level, const char *fmt, ...) PGM__PRINTF(3, 4);

#endif
