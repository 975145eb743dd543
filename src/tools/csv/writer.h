/* CSV on its way into a file: collected into large writes, and put into the file's encoding. */
#ifndef PGM_TOOLS_CSV_WRITER_H
#define PGM_TOOLS_CSV_WRITER_H

#include "tools/csv/encoding.h"
#include "tools/csv/out.h"
#include "tools/csv/target.h"

#include <stdint.h>

typedef struct pgm__csv_writer {
	pgm__csv_out out; /* UTF-8 goes in here; failed, if error was filled */
	pgm__csv_target *target;
	char *buffer;
	iconv_t to; /* PGM__NO_ICONV: the file is UTF-8 */
	char *converted;
	const char *encoding;
	_Atomic int64_t written; /* bytes in the file's encoding; any thread may look */
	pgm_error error;
} pgm__csv_writer;

/* Both names stay the caller's. Errors: _IO (an encoding that iconv does not know), _NOMEM. */
bool pgm__csv_writer_open(pgm__csv_writer *writer, pgm__csv_target *target, const char *encoding, pgm_error *err);

/* Hands over what is still here. Errors: _IO, also an earlier one. The target stays open. */
bool pgm__csv_writer_finish(pgm__csv_writer *writer, pgm_error *err);

/* A zeroed or closed one is harmless. */
void pgm__csv_writer_close(pgm__csv_writer *writer);

#endif
