/* What libpq tells us of connections that users close or reset themselves (libpq manual, 34.14). */
#ifndef PGM_CONNECTION_EVENTS_H
#define PGM_CONNECTION_EVENTS_H

#include "connection/db.h"

/* Twice is harmless. False: no memory. */
bool pgm__events_register(pgm__lease *lease);

#endif
