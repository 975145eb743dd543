/*
 * The file that an export becomes: written beside its name and put in place when it is whole, so that whatever goes
 * wrong leaves the old file as it was and nothing else behind.
 */
#ifndef PGM_TOOLS_CSV_TARGET_H
#define PGM_TOOLS_CSV_TARGET_H

#include "pgmonkey.h"

typedef struct pgm__csv_target {
	int fd;
	char *path;	 /* symbolic links followed; "standard output" */
	char *temporary; /* NULL: what is written is written (standard output, a pipe, a device) */
	bool standard, no_clobber;
	bool waits;		       /* it is no file, and whoever reads it may keep us waiting */
	int64_t written, written_back; /* bytes; those that the disk has been told of */
	/* Asked ten times a second while that is so, and when a signal came; false ends it. NULL: go on. */
	bool (*go_on)(void *arg);
	void *arg;
} pgm__csv_target;

/*
 * path "-" is standard output. A new file gets the mode that open(2) and the umask give it, a replaced one keeps its
 * own and, where that is allowed, its owner. no_clobber: an existing file is an error, also one that comes to be while
 * we write. target must be zeroed but for go_on. Errors: _IO, _NOMEM; there is nothing to discard then.
 */
bool pgm__csv_target_open(pgm__csv_target *target, const char *path, bool no_clobber, pgm_error *err);

/* Errors: _IO. */
bool pgm__csv_target_write(pgm__csv_target *target, const char *bytes, size_t len, pgm_error *err);

/* Makes it last (fsync), and puts it in place. Discard it if this fails. */
bool pgm__csv_target_finish(pgm__csv_target *target, pgm_error *err);

/* Ends it: what was not finished is gone. Twice, or after a failed open, is harmless. */
void pgm__csv_target_discard(pgm__csv_target *target);

#endif
