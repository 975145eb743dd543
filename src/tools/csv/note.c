#include "tools/csv/note.h"

void pgm__csv_note(const pgm__csv_notes *notes, pgm_log_level level, const char *fmt, ...)
{
	pgm_error line;
	va_list args;

	if (!notes->tell)
		return;
	va_start(args, fmt);
	pgm__vfail(&line, PGM_OK, fmt, args);
	va_end(args);
	notes->tell(level, line.message, notes->arg);
}
