/* From a file to fields: its bytes, into UTF-8, into pieces. */
#ifndef PGM_TOOLS_CSV_READER_H
#define PGM_TOOLS_CSV_READER_H

#include "tools/csv/decoder.h"
#include "tools/csv/input.h"
#include "tools/csv/settings.h"
#include "tools/csv/splitter.h"

typedef enum pgm__csv_read {
	PGM__CSV_PIECES,    /* pieces[next .. npieces), of the current block */
	PGM__CSV_BLOCK_END, /* the current block is used up, and goes with the next call */
	PGM__CSV_END,
	PGM__CSV_FAILED /* the file cannot be read: err was filled */
} pgm__csv_read;

typedef struct pgm__csv_reader {
	pgm__csv_input *input;
	pgm__csv_decoder decoder;
	pgm__csv_splitter splitter;
	char *raw; /* what was read, with PGM__COPY_SLACK zeros behind it */
	size_t raw_len;
	const char *undecoded; /* in raw */
	size_t nundecoded;
	bool ended; /* there is nothing behind raw */
	enum { PGM__CSV_NO_BLOCK, PGM__CSV_IN_BLOCK, PGM__CSV_DONE } state;

	const char *block;
	size_t block_len;
	pgm__csv_piece pieces[1024];
	size_t next, npieces;
} pgm__csv_reader;

/* Reads the first block, raw and raw_len, which is the whole file if ended is set. Owner: input stays the caller's.
 * Errors: _IO, _NOMEM, and that of a stopped read. Nothing to close on failure. */
bool pgm__csv_reader_open(pgm__csv_reader *reader, pgm__csv_input *input, pgm_error *err);

/* A zeroed or closed one is harmless. */
void pgm__csv_reader_close(pgm__csv_reader *reader);

/* From here on it is read as these settings say, which must be complete. Errors: _CONFIG (the encoding), _NOMEM. */
bool pgm__csv_reader_start(pgm__csv_reader *reader, const pgm__csv_settings *settings, pgm_error *err);

/*
 * What comes next; pieces that were not used yet stay. column: the name of the column that is being read, for messages;
 * NULL: not known. Errors: _IO ("file:line: ..."), and that of a stopped read.
 */
pgm__csv_read pgm__csv_reader_next(pgm__csv_reader *reader, const char *column, pgm_error *err);

#endif
