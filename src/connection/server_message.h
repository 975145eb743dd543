/* What libpq and the server say when connecting fails, made into one error. Pure. */
#ifndef PGM_CONNECTION_SERVER_MESSAGE_H
#define PGM_CONNECTION_SERVER_MESSAGE_H

#include "base/error.h"

#include <stddef.h>

/*
 * raw: PQerrorMessage of a failed connection with verbosity VERBOSE, in whatever language. Takes the
 * SQLSTATE out ("FATAL:  28P01: words" becomes "FATAL: words"), drops the place in the server's source,
 * shows a line that comes twice (sslmode=prefer tries twice) once, and joins the lines with "; ".
 * text gets size bytes at most, NUL included; sqlstate "" if the server never spoke.
 */
void pgm__server_message(const char *raw, char *text, size_t size, char sqlstate[6]);

/* _AUTH for class 28 and 3D000, which trying again will not change; else _CONNECT. */
pgm_code pgm__connect_code(const char *sqlstate);

#endif
