/* The statements that are prepared on one connection, by text and parameter types. Pure but for memory. */
#ifndef PGM_CONNECTION_EVENTED_PREPARED_H
#define PGM_CONNECTION_EVENTED_PREPARED_H

#include "pgmonkey.h"

/* Texts on one connection, at most; libpq 15 has no way to close one, so further ones are sent unprepared. */
#define PGM__PREPARED_MOST 256

#define PGM__PREPARED_NAME 24

typedef struct pgm__prepared_text {
	struct pgm__prepared_text *next;
	uint32_t hash;
	unsigned number; /* from 1 on */
	char name[PGM__PREPARED_NAME];
	int ntypes;
	Oid *types;
	bool confirmed; /* the server has parsed it */
	char sql[];
} pgm__prepared_text;

/* Zeroed is empty. */
typedef struct pgm__prepared {
	pgm__prepared_text *bucket[64];
	pgm__prepared_text *found; /* last; most programs ask for it again */
	unsigned last_number;
	int count;
} pgm__prepared;

/* NULL if it is not there. */
pgm__prepared_text *pgm__prepared_find(pgm__prepared *p, const pgm_query *query);

/* NULL if there is no memory, or as many as may be. */
pgm__prepared_text *pgm__prepared_add(pgm__prepared *p, const pgm_query *query);

/* The server has parsed it; or it has not, or does not know it any more: its number is never used again. A number that
 * is not there (any more) is left alone. */
void pgm__prepared_confirm(pgm__prepared *p, unsigned number);
void pgm__prepared_forget(pgm__prepared *p, unsigned number);
void pgm__prepared_clear(pgm__prepared *p);

#endif
