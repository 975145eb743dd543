/* What a statement does to its session, told from its first words. Pure. */
#ifndef PGM_CONNECTION_STATEMENT_KIND_H
#define PGM_CONNECTION_STATEMENT_KIND_H

typedef enum pgm__statement_kind {
	PGM__STATEMENT_PLAIN,	    /* leaves nothing behind in the session, as far as one can see from outside */
	PGM__STATEMENT_COPY,	    /* needs the COPY functions of libpq */
	PGM__STATEMENT_TRANSACTION, /* begins or ends a transaction, or works only inside of one */
	PGM__STATEMENT_SESSION	    /* changes the session: SET, LISTEN, PREPARE, temporary tables */
} pgm__statement_kind;

pgm__statement_kind pgm__statement_kind_of(const char *sql);

#endif
