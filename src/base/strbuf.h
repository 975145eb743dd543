/* A growing text. A failed allocation is remembered: check failed once at the end. */
#ifndef PGM_BASE_STRBUF_H
#define PGM_BASE_STRBUF_H

#include "base/error.h"

#include <stddef.h>

typedef struct pgm__strbuf {
	char *text; /* NUL-terminated once anything was added; NULL before */
	size_t len, capacity;
	bool failed;
	bool secret; /* set it before adding: what is outgrown or freed is wiped */
} pgm__strbuf;

/* A zeroed strbuf is an empty one. */
void pgm__strbuf_add(pgm__strbuf *buf, const char *text, size_t len);
void pgm__strbuf_puts(pgm__strbuf *buf, const char *text);
void pgm__strbuf_printf(pgm__strbuf *buf, const char *fmt, ...) PGM__PRINTF(2, 3);

/* Room for len more bytes at text + len, for those who fill it themselves; NULL if memory ran out. */
char *pgm__strbuf_room(pgm__strbuf *buf, size_t len);

/* The text, now the caller's to free ("" if nothing was added); NULL if memory ran out. */
char *pgm__strbuf_take(pgm__strbuf *buf);
void pgm__strbuf_free(pgm__strbuf *buf);

#endif
