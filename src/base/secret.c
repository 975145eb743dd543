#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

/* explicit_bzero(3) is not everywhere; a call through a volatile pointer cannot be seen to be memset. */
static void *(*const volatile overwrite)(void *, int, size_t) = memset;

void pgm__secret_wipe(void *memory, size_t size)
{
	if (memory && size)
		overwrite(memory, 0, size);
}

void pgm__secret_free(char *text)
{
	if (text)
		pgm__secret_wipe(text, strlen(text));
	free(text);
}
