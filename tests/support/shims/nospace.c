/*
 * Preloaded into a server: the disk of its write-ahead log is full as long as there is a file "full" in that folder
 * (pg_wal/full, seen from the data directory, where a server stands). As on a real one, what has its place can be written
 * again, and a new segment cannot be made.
 */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* A segment has a name of its own only when it is whole. */
static int is_new_segment(int fd)
{
	char descriptor[64], name[4096];
	ssize_t len;

	snprintf(descriptor, sizeof(descriptor), "/proc/self/fd/%d", fd);
	len = readlink(descriptor, name, sizeof(name) - 1);
	if (len <= 0)
		return 0;
	name[len] = '\0';
	return strstr(name, "/pg_wal/xlogtemp.") != NULL;
}

static int is_full(int fd)
{
	if (access("pg_wal/full", F_OK) != 0 || !is_new_segment(fd))
		return 0;
	errno = ENOSPC;
	return 1;
}

/* ISO C knows no cast from object to function. */
#define REAL(fn, name)                                      \
	do {                                                \
		void *real_symbol = dlsym(RTLD_NEXT, name); \
		memcpy(&(fn), &real_symbol, sizeof(fn));    \
	} while (0)

ssize_t write(int fd, const void *bytes, size_t len)
{
	ssize_t (*real)(int, const void *, size_t);

	REAL(real, "write");
	return is_full(fd) ? -1 : real(fd, bytes, len);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	ssize_t (*real)(int, const void *, size_t, off_t);

	REAL(real, "pwrite");
	return is_full(fd) ? -1 : real(fd, bytes, len, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
	ssize_t (*real)(int, const void *, size_t, off64_t);

	REAL(real, "pwrite64");
	return is_full(fd) ? -1 : real(fd, bytes, len, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t at)
{
	ssize_t (*real)(int, const struct iovec *, int, off_t);

	REAL(real, "pwritev");
	return is_full(fd) ? -1 : real(fd, parts, n, at);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int n, off64_t at)
{
	ssize_t (*real)(int, const struct iovec *, int, off64_t);

	REAL(real, "pwritev64");
	return is_full(fd) ? -1 : real(fd, parts, n, at);
}
