#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "base/strbuf.h"
#include "cli/schema.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__APPLE__)
#include <mach-o/dyld.h>
#endif

/* The file of the running program. False: the system does not tell. */
static bool find_program(char *path, size_t size)
{
#if defined(__APPLE__)
	uint32_t room = (uint32_t)size;

	return _NSGetExecutablePath(path, &room) == 0;
#else
	ssize_t len = readlink("/proc/self/exe", path, size - 1);

	if (len < 0 || (size_t)len >= size - 1)
		return false;
	path[len] = '\0';
	return true;
#endif
}

/* RFC 3986: what is not plain becomes %XX. */
static char *as_url(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
	pgm__strbuf out = {0};

	pgm__strbuf_puts(&out, "file://");
	for (; *path; path++) {
		if (strchr(plain, *path))
			pgm__strbuf_add(&out, path, 1);
		else
			pgm__strbuf_printf(&out, "%%%02X", (unsigned)(unsigned char)*path);
	}
	return pgm__strbuf_take(&out);
}

/* An editor reads the line up to the first white space. */
static bool needs_url(const char *path)
{
	for (; *path; path++)
		if (*path <= ' ' || *path == 0x7f)
			return true;
	return false;
}

char *cli_schema_address(void)
{
	char program[PATH_MAX], *slash, *path, *url;
	pgm__strbuf from = {0};

	if (!find_program(program, sizeof(program)))
		return NULL;
	slash = strrchr(program, '/');
	if (!slash)
		return NULL;
	pgm__strbuf_printf(&from, "%.*s/%s", (int)(slash - program), program, PGM_SCHEMA_FROM_BIN);
	path = from.failed ? NULL : realpath(from.text, NULL);
	pgm__strbuf_free(&from);
	if (!path || !needs_url(path))
		return path;
	url = as_url(path);
	free(path);
	return url;
}
