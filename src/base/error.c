#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "base/error.h"

#include "base/line.h"
#include "base/mask.h"

#include <stdio.h>
#include <string.h>

/* The list of codes: name, and what it means when there is nothing better to say. */
#define CODE(code, text) [code] = {#code, text}
static const struct {
	const char *name, *text;
} codes[] = {
	CODE(PGM_OK, "no error"),
	CODE(PGM_ERR_NOMEM, "out of memory"),
	CODE(PGM_ERR_IO, "a file could not be read"),
	CODE(PGM_ERR_CONFIG, "the configuration is wrong"),
	CODE(PGM_ERR_CONNECT, "the server cannot be reached"),
	CODE(PGM_ERR_AUTH, "the server refused the login"),
	CODE(PGM_ERR_TIMEOUT, "the time given was not enough"),
	CODE(PGM_ERR_BUSY, "too many callers are waiting"),
	CODE(PGM_ERR_CLOSED, "the handle is closed"),
	CODE(PGM_ERR_QUERY, "the server refused the statement"),
	CODE(PGM_ERR_BROKEN, "the connection was lost"),
	CODE(PGM_ERR_MISUSE, "the call makes no sense here"),
};
#undef CODE

#define NCODES (sizeof(codes) / sizeof(codes[0]))

const char *pgm_code_name(pgm_code code)
{
	return (size_t)code < NCODES ? codes[code].name : "unknown code";
}

bool pgm__vfail(pgm_error *err, pgm_code code, const char *fmt, va_list args)
{
	char raw[2 * sizeof(pgm_error)];

	if (!err)
		return false;
	/* First into a buffer of our own: an argument may be err->message. */
	if (vsnprintf(raw, sizeof(raw), fmt, args) < 0)
		raw[0] = '\0';
	pgm__mask(raw);
	pgm__error_clear(err);
	err->code = code;
	pgm__line_copy(err->message, sizeof(err->message), raw);
	if (!err->message[0] && (size_t)code < NCODES)
		pgm__line_copy(err->message, sizeof(err->message), codes[code].text);
	return false;
}

bool pgm__fail(pgm_error *err, pgm_code code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	pgm__vfail(err, code, fmt, args);
	va_end(args);
	return false;
}

bool pgm__fail_nomem(pgm_error *err, const char *doing)
{
	return pgm__fail(err, PGM_ERR_NOMEM, "%s: %s", doing, codes[PGM_ERR_NOMEM].text);
}

void pgm__error_sqlstate(pgm_error *err, const char *sqlstate)
{
	if (!err)
		return;
	if (sqlstate && strlen(sqlstate) == sizeof(err->sqlstate) - 1)
		memcpy(err->sqlstate, sqlstate, sizeof(err->sqlstate));
	else
		err->sqlstate[0] = '\0';
}

void pgm__error_copy(pgm_error *to, const pgm_error *from)
{
	if (to && from)
		*to = *from;
	else
		pgm__error_clear(to);
}

/* strerror_r returns an int (POSIX) or the text (GNU), as the feature macros in force have it. */
static inline const char *text_of_posix(int result, const char *buf)
{
	return result == 0 ? buf : "unknown error";
}

static inline const char *text_of_gnu(const char *result, const char *buf)
{
	(void)buf;
	return result;
}

const char *pgm__errno_text(int errnum, char *buf, size_t size)
{
	return _Generic(strerror_r(errnum, buf, size), int: text_of_posix, char *: text_of_gnu)(
		strerror_r(errnum, buf, size), buf);
}
