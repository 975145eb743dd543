/* What libpq or the server reported, as a pgm_error. */
#ifndef PGM_CONNECTION_LIBPQ_ERROR_H
#define PGM_CONNECTION_LIBPQ_ERROR_H

#include "base/error.h"

/* After a libpq call on conn failed: _BROKEN if the connection is gone, else _MISUSE (libpq refused the
 * call, for instance because a command is in progress). Returns false. */
bool pgm__fail_libpq(pgm_error *err, const PGconn *conn);

/* After the server refused a statement: _QUERY, or _BROKEN if it ended the session. Returns false. */
bool pgm__fail_result(pgm_error *err, const PGresult *res);

/* After that: if it was for several statements in one string, which the extended protocol cannot carry, err says
 * what to do instead. */
void pgm__hint_if_several(const PGresult *res, pgm_error *err);

/* _MISUSE: call wants a connection on which nothing is under way. Returns false. */
bool pgm__fail_busy(pgm_error *err, const char *call);

/* A statement that was late, _TIMEOUT: it has been cancelled; or not, for that reason, and nobody can tell. */
void pgm__fail_cancelled(pgm_error *err, int64_t timeout_ms);
void pgm__fail_uncancelled(pgm_error *err, int64_t timeout_ms, const char *reason);

/* The answer was lost: nobody can tell. */
void pgm__fail_unknown(pgm_error *err, pgm_code code, const char *words);

/* The SQLSTATE of "it may or may not have been committed": transaction_resolution_unknown (PostgreSQL manual,
 * appendix A). */
#define PGM__UNRESOLVED "08007"

#endif
