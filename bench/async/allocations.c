/* malloc and its kin, counted: the program's own come before the C library's, for every library in the process. */
#include "load.h"

#include <stddef.h>
#include <stdlib.h>

static int64_t count;

int64_t allocations(void)
{
	return count;
}

#if defined(__GLIBC__)
#define COUNTED __attribute__((visibility("default")))

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's own names are reserved ones. */
/* One thread does all the work here; what another allocates meanwhile may be missed. */
COUNTED void *malloc(size_t size)
{
	count++;
	return __libc_malloc(size);
}

COUNTED void *calloc(size_t n, size_t size)
{
	count++;
	return __libc_calloc(n, size);
}

COUNTED void *realloc(void *p, size_t size)
{
	count++;
	return __libc_realloc(p, size);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
#endif
