/* What to check when a connection fails, for the usual causes. Pure. */
#ifndef PGM_CLI_ADVICE_H
#define PGM_CLI_ADVICE_H

#include "pgmonkey.h"

/* Owner: static text; NULL if there is nothing better to say than the error itself. */
const char *cli_advice(const pgm_error *err);

#endif
