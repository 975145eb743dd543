#include "tools/csv/input.h"

#include "tools/csv/session.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define ASK_EVERY_MS 100

static bool fail_errno(const pgm__csv_input *input, int errnum, pgm_error *err)
{
	char words[128];

	return pgm__fail(err, PGM_ERR_IO, "cannot read %s: %s", input->name,
			 pgm__errno_text(errnum, words, sizeof(words)));
}

static bool may_go_on(const pgm__csv_input *input, pgm_error *err)
{
	return !input->go_on || input->go_on(input->arg) || pgm__csv_fail_stopped(err);
}

/* The open of a FIFO waits for its writer; a signal ends that. */
static bool open_path(pgm__csv_input *input, const char *path, pgm_error *err)
{
	while ((input->fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC)) < 0) {
		if (errno != EINTR)
			return fail_errno(input, errno, err);
		if (!may_go_on(input, err))
			return false;
	}
	return true;
}

bool pgm__csv_input_open(pgm__csv_input *input, const char *path, pgm_error *err)
{
	bool standard = strcmp(path, "-") == 0;

	input->name = standard ? "standard input" : path;
	input->fd = STDIN_FILENO;
	if (!standard && !open_path(input, path, err))
		return false;
	if (fstat(input->fd, &input->st) < 0)
		fail_errno(input, errno, err);
	else if (S_ISDIR(input->st.st_mode))
		fail_errno(input, EISDIR, err);
	else {
		input->is_file = S_ISREG(input->st.st_mode);
		return true;
	}
	pgm__csv_input_close(input);
	return false;
}

void pgm__csv_input_close(pgm__csv_input *input)
{
	if (input->fd > STDIN_FILENO)
		close(input->fd);
	input->fd = -1;
}

/* Not for a file, which is always ready. */
static bool wait_for_bytes(const pgm__csv_input *input, pgm_error *err)
{
	struct pollfd fd = {.fd = input->fd, .events = POLLIN};
	int n;

	while ((n = poll(&fd, 1, ASK_EVERY_MS)) <= 0) {
		if (n < 0 && errno != EINTR)
			return fail_errno(input, errno, err);
		if (!may_go_on(input, err))
			return false;
	}
	return true;
}

bool pgm__csv_input_read(pgm__csv_input *input, char *buf, size_t size, size_t *got, pgm_error *err)
{
	ssize_t n;

	*got = 0;
	do {
		if (!input->is_file && !wait_for_bytes(input, err))
			return false;
		n = read(input->fd, buf, size);
		if (n < 0 && errno == EINTR && !may_go_on(input, err))
			return false;
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n < 0)
		return fail_errno(input, errno, err);
	*got = (size_t)n;
	input->bytes += n;
	return true;
}

static bool same_time(const struct stat *a, const struct stat *b)
{
#if defined(__APPLE__)
	return a->st_mtimespec.tv_sec == b->st_mtimespec.tv_sec && a->st_mtimespec.tv_nsec == b->st_mtimespec.tv_nsec;
#else
	return a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
#endif
}

bool pgm__csv_input_is_unchanged(const pgm__csv_input *input, pgm_error *err)
{
	struct stat now;

	if (!input->is_file)
		return true;
	if (fstat(input->fd, &now) < 0)
		return fail_errno(input, errno, err);
	if (now.st_size == input->st.st_size && same_time(&now, &input->st))
		return true;
	return pgm__fail(err, PGM_ERR_IO,
			 "%s was changed while it was read: it had %" PRIdMAX
			 " bytes when the import began, now it has "
			 "%" PRIdMAX,
			 input->name, (intmax_t)input->st.st_size, (intmax_t)now.st_size);
}
