/* Passwords that stand inside other texts: a URI given as a host or a database's name, which the system or the
 * server repeats. The second bolt of "no message holds a password": every error and log line goes through it. */
#ifndef PGM_BASE_MASK_H
#define PGM_BASE_MASK_H

/* Puts stars over the password of every "scheme://user:password@...", "user:password@..." and "password = ..." in
 * text. In doubt it covers more. */
void pgm__mask(char *text);

#endif
