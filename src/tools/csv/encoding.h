/* The names of encodings, as iconv has them and as others write them. */
#ifndef PGM_TOOLS_CSV_ENCODING_H
#define PGM_TOOLS_CSV_ENCODING_H

#include <iconv.h>
#include <stdbool.h>

/* What iconv_open(3) gives for no conversion at all. */
#define PGM__NO_ICONV ((iconv_t)-1) // NOLINT(performance-no-int-to-ptr): POSIX calls it so

/* Also by names from elsewhere, such as Python's. */
bool pgm__csv_encoding_is_utf8(const char *encoding);

/* Out of that encoding into UTF-8, or the other way; latin-1 stands for LATIN1, utf_16_le for UTF16LE. PGM__NO_ICONV: iconv
 * knows none of that name. */
iconv_t pgm__csv_encoding_open(const char *encoding, bool from_utf8);

#endif
