/* Any text as the inside of a string literal, between double quotes that are the caller's. Pure. */
#ifndef PGM_TOOLS_CODEGEN_LITERAL_H
#define PGM_TOOLS_CODEGEN_LITERAL_H

#include "base/strbuf.h"

/*
 * The literal gives back the very bytes, in Python as a file's name (os.fsencode). Letters beyond ASCII stay readable;
 * what cannot be seen, or turns the direction of what is shown, is escaped.
 */
void pgm__literal_c(pgm__strbuf *out, const char *text);
void pgm__literal_python(pgm__strbuf *out, const char *text);

#endif
