/* A file as a whole: into memory, and out of it. */
#ifndef PGM_BASE_FILE_H
#define PGM_BASE_FILE_H

#include "base/strbuf.h"

#include <sys/stat.h>

/*
 * Appends a regular file's bytes to text; st gets what fstat(2) said of it. Never blocks: a FIFO, device or
 * directory is refused. Owner: text stays the caller's, also on failure. Errors: _IO (path and the
 * system's reason), _NOMEM.
 */
bool pgm__file_read(const char *path, size_t max_bytes, pgm__strbuf *text, struct stat *st, pgm_error *err);

/* All of text, however often a signal comes between. False: errno tells why, and part of it may be there. */
bool pgm__file_write(int fd, const char *text, size_t len);

#endif
