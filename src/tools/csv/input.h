/* The bytes of the file that is imported: a regular file, a FIFO, or standard input. */
#ifndef PGM_TOOLS_CSV_INPUT_H
#define PGM_TOOLS_CSV_INPUT_H

#include "base/error.h"

#include <sys/stat.h>

typedef struct pgm__csv_input {
	/* Asked when a signal came and several times a second while there is nothing to read; false ends it. NULL: go on. */
	bool (*go_on)(void *arg);
	void *arg;

	int fd;
	const char *name; /* for messages: the path, or "standard input" */
	bool is_file;	  /* a regular one, of a known size */
	struct stat st;
	int64_t bytes; /* read so far */
} pgm__csv_input;

/* path "-" is standard input; it stays the caller's. input must be zeroed but for go_on and arg. Errors: _IO. */
bool pgm__csv_input_open(pgm__csv_input *input, const char *path, pgm_error *err);

/* A zeroed one, or one that was not opened, is harmless. */
void pgm__csv_input_close(pgm__csv_input *input);

/* Fills buf as far as there is something, at least one byte; *got is 0 at the end. Errors: _IO; _QUERY with SQLSTATE
 * 57014 if it was stopped. */
bool pgm__csv_input_read(pgm__csv_input *input, char *buf, size_t size, size_t *got, pgm_error *err);

/* At the end: a file that was changed while it was read was not one file. Errors: _IO. */
bool pgm__csv_input_is_unchanged(const pgm__csv_input *input, pgm_error *err);

#endif
