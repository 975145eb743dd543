/* What may be shown of texts that may hold a secret. */
#ifndef PGM_TOOLS_SERVER_HIDE_H
#define PGM_TOOLS_SERVER_HIDE_H

#include "tools/server/arena.h"

/* By its name: "ldapbindpasswd", "app.api_token". */
bool pgm__is_secret_name(const char *name);

/* "ldapbindpasswd=****": the value of an option that is a secret is left away. */
const char *pgm__hide_option(pgm__arena *arena, const char *option);

/* What the server says of a line that it cannot read, without the parts of the line that may be a secret in the wrong
 * place. NULL stays NULL. */
const char *pgm__hide_error(pgm__arena *arena, const char *error);

#endif
