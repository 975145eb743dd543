#define _GNU_SOURCE /* RTLD_DEFAULT */

#include "shim.h"

#include "pgtest_internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Not /proc/self/exe itself: under valgrind that would be valgrind, while what it links to is told right. */
static const char *program(void)
{
	char path[4096];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (len <= 0)
		pgtest_die("cannot tell where this program is: %s", strerror(errno));
	path[len] = '\0';
	return pgtest_format("%s", path);
}

/* "shims" beside the program. */
static const char *default_folder(void)
{
	const char *path = program();

	return pgtest_format("%.*s/shims", (int)(strrchr(path, '/') - path), path);
}

void shim_preload(const char *name, char **argv)
{
	const char *folder = getenv("PGM_TEST_SHIMS"), *before = getenv("LD_PRELOAD"), *asan = getenv("ASAN_OPTIONS");
	const char *path = pgtest_format("%s/%s.so", folder ? folder : default_folder(), name);

	if (before && strstr(before, path))
		return;
	if (access(path, R_OK) != 0)
		pgtest_die("%s: %s", path, strerror(errno));
	setenv("LD_PRELOAD", before ? pgtest_format("%s %s", path, before) : path, 1);
	/* The sanitizer wants to be first of all, and does well as the second. */
	setenv("ASAN_OPTIONS", pgtest_format("%s:verify_asan_link_order=0", asan ? asan : ""), 1);
	execv(program(), argv);
	pgtest_die("cannot start again: %s", strerror(errno));
}

int shim_threads_started(void)
{
	void *symbol = dlsym(RTLD_DEFAULT, "pgm_shim_threads_started");
	int (*count)(void);

	if (!symbol)
		pgtest_die("the shim \"threads\" is not preloaded");
	memcpy(&count, &symbol, sizeof(count)); /* ISO C knows no cast from object to function */
	return count();
}
