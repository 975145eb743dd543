#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BLOCK 4096

static bool fail_errno(const char *path, int errnum, pgm_error *err)
{
	char words[128];

	return pgm__fail(err, PGM_ERR_IO, "cannot read %s: %s", path, pgm__errno_text(errnum, words, sizeof(words)));
}

static bool check_kind(const char *path, const struct stat *st, pgm_error *err)
{
	if (S_ISREG(st->st_mode))
		return true;
	if (S_ISDIR(st->st_mode))
		return fail_errno(path, EISDIR, err);
	return pgm__fail(err, PGM_ERR_IO, "cannot read %s: it is not a regular file", path);
}

/* To the end of the file rather than for st_size bytes: it may be growing, or in /proc. */
static bool read_all(int fd, const char *path, size_t max_bytes, pgm__strbuf *text, pgm_error *err)
{
	ssize_t got;
	char *room;

	for (;;) {
		room = pgm__strbuf_room(text, BLOCK);
		if (!room)
			return pgm__fail_nomem(err, "reading a file");
		got = read(fd, room, BLOCK);
		if (got == 0)
			return true;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_errno(path, errno, err);
		text->len += (size_t)got;
		text->text[text->len] = '\0';
		if (text->len > max_bytes)
			return pgm__fail(err, PGM_ERR_IO, "cannot read %s: it is larger than %zu bytes", path,
					 max_bytes);
	}
}

bool pgm__file_read(const char *path, size_t max_bytes, pgm__strbuf *text, struct stat *st, pgm_error *err)
{
	/* Without O_NONBLOCK the open of a FIFO waits for a writer. */
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return fail_errno(path, errno, err);
	if (fstat(fd, st) < 0)
		ok = fail_errno(path, errno, err);
	else
		ok = check_kind(path, st, err) && read_all(fd, path, max_bytes, text, err);
	close(fd);
	return ok;
}

bool pgm__file_write(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, text, len);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return false;
		text += written;
		len -= (size_t)written;
	}
	return true;
}
