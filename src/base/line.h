/* Text from elsewhere (a server, a file, libpq) made into one line for a person. */
#ifndef PGM_BASE_LINE_H
#define PGM_BASE_LINE_H

#include <stddef.h>

/*
 * Copies text to to, which holds size bytes (at least one) and does not overlap it. Line ends, with the
 * white space around them, become "; "; other control characters, and what turns the direction of reading, become
 * "?", so that no message can steer a terminal or forge a second log line; what is too long ends in "..." after a
 * whole character.
 */
void pgm__line_copy(char *to, size_t size, const char *text);

/* For "%.*s": the bytes of text (or of NULL: 0) before the line end that libpq's messages close with. */
int pgm__line_length(const char *text);

#endif
