/* Filling a pgm_error. All take NULL for err. */
#ifndef PGM_BASE_ERROR_H
#define PGM_BASE_ERROR_H

#include "pgmonkey.h"

#include <stdarg.h>

#if defined(__GNUC__)
#define PGM__PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define PGM__PRINTF(fmt, first)
#endif

static inline void pgm__error_clear(pgm_error *err)
{
	if (err) {
		err->code = PGM_OK;
		err->sqlstate[0] = '\0';
		err->message[0] = '\0';
	}
}

/* Fills err and returns false, so that a caller can write: return pgm__fail(err, ...).
 * The text is made one line (base/line.h). An argument may be err->message itself. */
bool pgm__fail(pgm_error *err, pgm_code code, const char *fmt, ...) PGM__PRINTF(3, 4);
bool pgm__vfail(pgm_error *err, pgm_code code, const char *fmt, va_list args) PGM__PRINTF(3, 0);

/* PGM_ERR_NOMEM, with what could not be done. */
bool pgm__fail_nomem(pgm_error *err, const char *doing);

/* Sets the SQLSTATE of an error that was filled; NULL or a text that is not five long clears it. */
void pgm__error_sqlstate(pgm_error *err, const char *sqlstate);

/* Copies, and NULL is allowed for to. */
void pgm__error_copy(pgm_error *to, const pgm_error *from);

/* The system's words for an errno value: strerror(3), but for any thread. Owner: buf, or static text. */
const char *pgm__errno_text(int errnum, char *buf, size_t size);

#endif
