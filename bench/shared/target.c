#include "target.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void die(const char *fmt, ...)
{
	va_list args;

	fputs("bench: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args); /* NOLINT(clang-analyzer-valist.Uninitialized): clang 14 overlooks va_start here */
	fputs("\n", stderr);
	va_end(args);
	exit(1);
}

const char *must_getenv(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		die("%s is not set; bench/run.sh sees to that", name);
	return value;
}

int number_from_environment(const char *name, int otherwise)
{
	const char *given = getenv(name);

	return given ? (int)strtol(given, NULL, 10) : otherwise;
}

target target_of_environment(void)
{
	return (target){.host = must_getenv("PGM_TEST_SOCKETDIR"),
			.address = must_getenv("PGM_TEST_HOST"),
			.port = must_getenv("PGM_TEST_PORT"),
			.user = must_getenv("PGM_TEST_USER"),
			.password = must_getenv("PGM_TEST_PASSWORD"),
			.dbname = must_getenv("PGM_TEST_DBNAME")};
}

bool is_wanted(const char *name, char **wanted)
{
	if (!*wanted)
		return true;
	for (; *wanted; wanted++)
		if (strcmp(*wanted, name) == 0)
			return true;
	return false;
}
