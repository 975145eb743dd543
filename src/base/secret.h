/* Memory that held a password is overwritten before it is given back. */
#ifndef PGM_BASE_SECRET_H
#define PGM_BASE_SECRET_H

#include <stddef.h>

/* memset(3) to zero that no optimiser drops. NULL is allowed. */
void pgm__secret_wipe(void *memory, size_t size);

/* Wipes a NUL-terminated text and frees it. NULL is allowed. */
void pgm__secret_free(char *text);

#endif
