/* Passwords that stand inside other texts: a URI given as a database's name, which the server repeats. */
#ifndef PGM_CLI_MASK_H
#define PGM_CLI_MASK_H

/* Puts stars over the password of every "scheme://user:password@..." and "password=..." in text. */
void cli_mask(char *text);

#endif
