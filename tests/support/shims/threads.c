/*
 * Preloaded: counts the threads that the program starts, so that one is not missed for being short of life. The
 * test asks with shim_threads_started (support/shim.h).
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

typedef int (*real_pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static atomic_int started;

int pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attr, void *(*fn)(void *),
		   void *restrict arg)
{
	void *symbol = dlsym(RTLD_NEXT, "pthread_create");
	real_pthread_create real;

	memcpy(&real, &symbol, sizeof(real)); /* ISO C knows no cast from object to function */
	atomic_fetch_add(&started, 1);
	return real(thread, attr, fn, arg);
}

int pgm_shim_threads_started(void);

int pgm_shim_threads_started(void)
{
	return atomic_load(&started);
}
