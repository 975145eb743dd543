#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* sync_file_range */
#endif

#include "tools/csv/target.h"

#include "base/error.h"
#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As many links as Linux follows. */
#define MOST_LINKS 40
#define MOST_TEMPORARIES 1000
#define ASK_EVERY_MS 100
#define WRITE_BACK_EVERY ((int64_t)8 * 1024 * 1024)

static bool fail_errno(pgm_error *err, int errnum, const char *doing, const char *path)
{
	char text[128];

	return pgm__fail(err, PGM_ERR_IO, "%s %s: %s", doing, path, pgm__errno_text(errnum, text, sizeof(text)));
}

/* The length of the folder's part of a path, its slash included. */
static size_t folder_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

/* ---------------------------------------------------------------------------------- where to */

/* What a link says, as a path from where we stand; NULL with errno if it is none. */
static char *read_link(const char *path)
{
	char value[4096];
	ssize_t len = readlink(path, value, sizeof(value));
	pgm__strbuf joined = {0};

	if (len < 0)
		return NULL;
	if (len == sizeof(value)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	if (value[0] != '/')
		pgm__strbuf_add(&joined, path, folder_length(path));
	pgm__strbuf_add(&joined, value, (size_t)len);
	errno = ENOMEM;
	return pgm__strbuf_take(&joined);
}

/* A link stays, what it points to is replaced, or made: so does open(2). */
static char *follow_links(const char *path, pgm_error *err)
{
	char *at = strdup(path), *next = NULL;

	for (int i = 0; at && i < MOST_LINKS; i++) {
		next = read_link(at);
		if (!next && (errno == EINVAL || errno == ENOENT || errno == ENOTDIR))
			return at;
		if (!next)
			break;
		free(at);
		at = next;
	}
	if (!at)
		pgm__fail_nomem(err, "finding the file to write");
	else
		fail_errno(err, next ? ELOOP : errno, "cannot write", path);
	free(at);
	return NULL;
}

/* ------------------------------------------------------------------------------------ opening */

/* The name says nothing of the file's: that may be as long as a name can be. */
static bool open_temporary(pgm__csv_target *target, mode_t mode, pgm_error *err)
{
	size_t folder = folder_length(target->path), size = folder + 64;
	char *name = malloc(size);

	if (!name)
		return pgm__fail_nomem(err, "making a temporary file");
	for (int i = 0; i < MOST_TEMPORARIES; i++) {
		snprintf(name, size, "%.*s.pgmonkey-%ld-%d.tmp", (int)folder, target->path, (long)getpid(), i);
		target->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (target->fd >= 0) {
			target->temporary = name;
			return true;
		}
		if (errno != EEXIST)
			break;
	}
	fail_errno(err, errno, "cannot write", target->path);
	free(name);
	return false;
}

/* Before anything is written, so that nobody reads in between what the old file would not have shown. */
static bool take_over(pgm__csv_target *target, const struct stat *old, pgm_error *err)
{
	mode_t mode = old->st_mode & 07777;
	struct stat now;

	/* Not being allowed to give it away is no reason not to write it; but what a bit allows to whom stays the same. */
	if (fchown(target->fd, old->st_uid, old->st_gid) != 0 && fchown(target->fd, (uid_t)-1, old->st_gid) != 0)
		errno = 0;
	if (fstat(target->fd, &now) != 0 || now.st_gid != old->st_gid)
		mode &= (mode_t) ~(S_IRWXG | S_ISGID);
	if (now.st_uid != old->st_uid)
		mode &= (mode_t)~S_ISUID;
	if (fchmod(target->fd, mode) != 0)
		return fail_errno(err, errno, "cannot give its mode to", target->path);
	return true;
}

static bool open_in_place(pgm__csv_target *target, pgm_error *err)
{
	target->waits = true;
	target->fd = open(target->path, O_WRONLY | O_CLOEXEC);
	return target->fd >= 0 || fail_errno(err, errno, "cannot write", target->path);
}

/* A file that there was and that we may not write to is not replaced behind its owner's back. */
static bool open_replacing(pgm__csv_target *target, const struct stat *old, pgm_error *err)
{
	if (S_ISDIR(old->st_mode))
		return fail_errno(err, EISDIR, "cannot write", target->path);
	if (!S_ISREG(old->st_mode))
		return open_in_place(target, err);
	if (target->no_clobber)
		return fail_errno(err, EEXIST, "cannot write", target->path);
	if (access(target->path, W_OK) != 0)
		return fail_errno(err, errno, "cannot write", target->path);
	return open_temporary(target, old->st_mode & 0600, err) && take_over(target, old, err);
}

/* What a link of /proc points to (/dev/stdout) may have no path: stat sees through it. */
static char *find_place(const char *path, pgm_error *err)
{
	struct stat there;
	char *copy;

	if (stat(path, &there) != 0 || S_ISREG(there.st_mode))
		return follow_links(path, err);
	copy = strdup(path);
	if (!copy)
		pgm__fail_nomem(err, "finding the file to write");
	return copy;
}

static bool open_file(pgm__csv_target *target, const char *path, pgm_error *err)
{
	struct stat old;

	target->path = find_place(path, err);
	if (!target->path)
		return false;
	if (stat(target->path, &old) == 0)
		return open_replacing(target, &old, err);
	if (errno == ENOENT)
		return open_temporary(target, 0666, err);
	return fail_errno(err, errno, "cannot write", target->path);
}

static bool open_standard(pgm__csv_target *target, pgm_error *err)
{
	struct stat there;

	target->fd = STDOUT_FILENO;
	target->waits = fstat(target->fd, &there) != 0 || !S_ISREG(there.st_mode);
	target->path = strdup("standard output");
	return target->path || pgm__fail_nomem(err, "writing to standard output");
}

bool pgm__csv_target_open(pgm__csv_target *target, const char *path, bool no_clobber, pgm_error *err)
{
	bool ok;

	pgm__error_clear(err);
	target->fd = -1;
	target->no_clobber = no_clobber;
	target->standard = strcmp(path, "-") == 0;
	target->waits = false;
	target->written = target->written_back = 0;
	target->path = target->temporary = NULL;
	ok = target->standard ? open_standard(target, err) : open_file(target, path, err);
	if (!ok)
		pgm__csv_target_discard(target);
	return ok;
}

/* ------------------------------------------------------------------------------------ writing */

static bool may_go_on(const pgm__csv_target *target)
{
	return !target->go_on || target->go_on(target->arg);
}

/* False, with errno: nobody wants it any more, or we do not. */
static bool wait_for_reader(const pgm__csv_target *target)
{
	struct pollfd writable = {.fd = target->fd, .events = POLLOUT};
	int ready;

	while ((ready = poll(&writable, 1, ASK_EVERY_MS)) <= 0) {
		if (ready < 0 && errno != EINTR)
			return false;
		errno = EINTR;
		if (!may_go_on(target))
			return false;
	}
	return true;
}

static bool is_no_failure(const pgm__csv_target *target)
{
	return (errno == EINTR && may_go_on(target)) || errno == EAGAIN || errno == EWOULDBLOCK;
}

/* Has the disk begin with what was written, so that there is little left for fsync(2) to wait for. */
static void write_back(pgm__csv_target *target, size_t written)
{
	target->written += (int64_t)written;
#if defined(__linux__)
	if (target->temporary && target->written - target->written_back >= WRITE_BACK_EVERY) {
		(void)sync_file_range(target->fd, target->written_back, target->written - target->written_back,
				      SYNC_FILE_RANGE_WRITE);
		target->written_back = target->written;
	}
#endif
}

/* A pipe that is ready takes as many bytes at once without keeping us waiting, and no more for certain. */
bool pgm__csv_target_write(pgm__csv_target *target, const char *bytes, size_t len, pgm_error *err)
{
	size_t most = target->waits ? PIPE_BUF : len;

	while (len > 0) {
		ssize_t written = -1;

		if (!target->waits || wait_for_reader(target))
			written = write(target->fd, bytes, len < most ? len : most);
		if (written < 0 && !is_no_failure(target))
			return fail_errno(err, errno, "cannot write", target->path);
		if (written > 0) {
			bytes += written;
			len -= (size_t)written;
			write_back(target, (size_t)written);
		}
	}
	return true;
}

/* --------------------------------------------------------------------------------- the end */

/* The name lasts too. Not every system or file system lets a folder be opened or synchronized. */
static void sync_folder(const char *path)
{
	size_t len = folder_length(path);
	char *folder = len ? strndup(path, len) : strdup(".");
	int fd = folder ? open(folder, O_RDONLY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		(void)fsync(fd);
		close(fd);
	}
	free(folder);
}

/* link(2) fails where rename(2) would replace. */
static bool put_where_nothing_is(const pgm__csv_target *target)
{
	struct stat other;

	if (link(target->temporary, target->path) == 0)
		return unlink(target->temporary) == 0;
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOTSUP && errno != ENOSYS)
		return false;
	/* A file system without links. */
	if (lstat(target->path, &other) == 0) {
		errno = EEXIST;
		return false;
	}
	return rename(target->temporary, target->path) == 0;
}

static bool put_in_place(pgm__csv_target *target, pgm_error *err)
{
	bool ok = target->no_clobber ? put_where_nothing_is(target) : rename(target->temporary, target->path) == 0;

	if (!ok)
		return fail_errno(err, errno, "cannot write", target->path);
	free(target->temporary);
	target->temporary = NULL;
	sync_folder(target->path);
	return true;
}

bool pgm__csv_target_finish(pgm__csv_target *target, pgm_error *err)
{
	int fd = target->fd;

	if (target->temporary && fsync(fd) != 0)
		return fail_errno(err, errno, "cannot write", target->path);
	if (target->standard)
		return true;
	target->fd = -1;
	/* Network file systems tell here what could not be written. */
	if (close(fd) != 0)
		return fail_errno(err, errno, "cannot write", target->path);
	return !target->temporary || put_in_place(target, err);
}

void pgm__csv_target_discard(pgm__csv_target *target)
{
	if (target->fd >= 0 && !target->standard)
		close(target->fd);
	if (target->temporary)
		unlink(target->temporary);
	free(target->temporary);
	free(target->path);
	target->fd = -1;
	target->temporary = NULL;
	target->path = NULL;
}
