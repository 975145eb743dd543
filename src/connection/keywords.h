/* The connection keywords of the linked libpq. */
#ifndef PGM_CONNECTION_KEYWORDS_H
#define PGM_CONNECTION_KEYWORDS_H

typedef void (*pgm__keyword_fn)(const char *keyword, void *arg);

/* Calls fn for each, in libpq's order; for none if memory is out. */
void pgm__keywords_each(pgm__keyword_fn fn, void *arg);

#endif
