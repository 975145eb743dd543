/* A connection for one tool alone, of type normal whatever the configuration says. */
#ifndef PGM_TOOLS_ALONE_H
#define PGM_TOOLS_ALONE_H

#include "pgmonkey.h"

/*
 * Its manager is its own, so that nobody else's handle is closed with it. Owner: the caller, pgm_release and then
 * pgm_manager_free; on failure both are NULL. Errors: those of pgm_manager_open and pgm_acquire. Thread: any.
 */
PGconn *pgm__connect_alone(const pgm_config *config, pgm_manager **manager, pgm_error *err);

#endif
