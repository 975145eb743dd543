/* Tokens of pg_hba.conf, for the files of this folder; quoting and unquoting is in pgmonkey/server.h. */
#ifndef PGM_TOOLS_SERVER_HBA_TOKEN_H
#define PGM_TOOLS_SERVER_HBA_TOKEN_H

#include "base/strbuf.h"
#include "pgmonkey/server.h"

/* all, sameuser and the like: the server takes them for themselves in quotes only. */
bool pgm__hba_is_keyword(const char *token);

/* Also in quotes. */
bool pgm__hba_is_regex(const char *token, int server_version);

/* A token of the view for people: it may have been a keyword or not, so it gets quotes only where it could not be
 * read without. */
void pgm__hba_show_token(pgm__strbuf *out, const char *token);

#endif
