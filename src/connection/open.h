/* What the manager needs of a handle: opening, shutting, letting go. */
#ifndef PGM_CONNECTION_OPEN_H
#define PGM_CONNECTION_OPEN_H

#include "config/settings.h"

/*
 * Opens a handle, connecting once unless options->lazy. Owner: the caller has the one reference;
 * settings become the handle's, on failure too. NULL on failure.
 */
pgm_db *pgm__db_open(pgm__settings *settings, const pgm_open_options *options, pgm_error *err);

/* No more lending; what is idle is closed, the keeper ended, within two seconds. Twice is harmless. */
void pgm__db_shut(pgm_db *db);

/* Lets go of the reference. The memory goes with the last lent connection. Shut it first. */
void pgm__db_unref(pgm_db *db);

#endif
