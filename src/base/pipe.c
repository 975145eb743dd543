#include "base/pipe.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool pgm__pipe_open(int ends[2], pgm_error *err)
{
	char words[128];

	if (pipe(ends) != 0) {
		ends[0] = ends[1] = -1;
		return pgm__fail(err, PGM_ERR_IO, "cannot make a pipe: %s",
				 pgm__errno_text(errno, words, sizeof words));
	}
	for (int i = 0; i < 2; i++) {
		fcntl(ends[i], F_SETFD, FD_CLOEXEC);
		fcntl(ends[i], F_SETFL, O_NONBLOCK);
	}
	return true;
}

void pgm__pipe_close(int ends[2])
{
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	ends[0] = ends[1] = -1;
}

void pgm__pipe_wake(const int ends[2])
{
	ssize_t written;

	do
		written = write(ends[1], "", 1);
	while (written < 0 && errno == EINTR);
}
