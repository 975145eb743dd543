#include "base/pipe.h"

#include "base/error.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(SOCK_CLOEXEC) && defined(SOCK_NONBLOCK)
/* In one step: between two of them another thread may run a program, which would inherit it. pipe2(2) would do as
 * well, but is not asked for by _POSIX_C_SOURCE. */
static bool make(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0;
}
#else
static bool make(int ends[2])
{
	if (pipe(ends) != 0)
		return false;
	for (int i = 0; i < 2; i++) {
		fcntl(ends[i], F_SETFD, FD_CLOEXEC);
		fcntl(ends[i], F_SETFL, O_NONBLOCK);
	}
	return true;
}
#endif

bool pgm__pipe_open(int ends[2], pgm_error *err)
{
	char words[128];

	if (!make(ends)) {
		ends[0] = ends[1] = -1;
		return pgm__fail(err, PGM_ERR_IO, "cannot make a pair of sockets: %s",
				 pgm__errno_text(errno, words, sizeof words));
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
	int before = pgm__cancel_disable(); /* write(2) is a cancellation point, and a lock may be held */
	ssize_t written;

	do
		written = write(ends[1], "", 1);
	while (written < 0 && errno == EINTR);
	pgm__cancel_restore(before);
}
