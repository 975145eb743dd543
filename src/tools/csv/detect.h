/* What a file seems to be, from how it begins. Pure. */
#ifndef PGM_TOOLS_CSV_DETECT_H
#define PGM_TOOLS_CSV_DETECT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * By a byte order mark; else UTF-8 if that is what the bytes are, ASCII included; else UTF-16 by where its zero bytes are;
 * else by what is likely, and true is returned: it is a guess. whole: the file ends with these bytes.
 */
bool pgm__csv_detect_encoding(const char *bytes, size_t len, bool whole, char *encoding, size_t size);

/* The delimiter (, ; tab |) that gives the most regular records, and the quote (" or '). text is UTF-8. */
void pgm__csv_detect_format(const char *text, size_t len, char *delimiter, char *quote);

#endif
