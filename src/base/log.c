#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "base/log.h"

#include "base/line.h"
#include "base/mask.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define LINE_SIZE 2048

/*
 * Readers take no lock, so that a child forked while another thread was logging can still log. They copy
 * receiver and argument between two looks at generation: odd while pgm_set_log is writing, different
 * after it has. Everything is atomic, in sequential order: no data race for ThreadSanitizer either.
 */
static atomic_int threshold = PGM_LOG_WARNING;
static atomic_uint generation;
static _Atomic(pgm_log_fn) receiver;
static _Atomic(void *) receiver_arg;
static pthread_mutex_t writer = PTHREAD_MUTEX_INITIALIZER; /* guards the writing of the four above */

void pgm_set_log(pgm_log_level level, pgm_log_fn fn, void *arg)
{
	pthread_mutex_lock(&writer);
	atomic_fetch_add(&generation, 1);
	atomic_store(&threshold, (int)level);
	atomic_store(&receiver, fn);
	atomic_store(&receiver_arg, arg);
	atomic_fetch_add(&generation, 1);
	pthread_mutex_unlock(&writer);
}

void pgm__log_before_fork(void)
{
	pthread_mutex_lock(&writer);
}

void pgm__log_after_fork(void)
{
	pthread_mutex_unlock(&writer);
}

static pgm_log_fn get_receiver(void **arg)
{
	pgm_log_fn fn;
	unsigned before;

	do {
		before = atomic_load(&generation);
		fn = atomic_load(&receiver);
		*arg = atomic_load(&receiver_arg);
	} while (before % 2 || before != atomic_load(&generation));
	return fn;
}

bool pgm__log_wanted(pgm_log_level level)
{
	return (int)level <= atomic_load_explicit(&threshold, memory_order_relaxed);
}

static const char *level_name(pgm_log_level level)
{
	static const char *const names[] = {
		[PGM_LOG_NONE] = "none", [PGM_LOG_ERROR] = "error", [PGM_LOG_WARNING] = "warning",
		[PGM_LOG_INFO] = "info", [PGM_LOG_DEBUG] = "debug",
	};

	return (size_t)level < sizeof(names) / sizeof(names[0]) ? names[level] : "debug";
}

/* One call, so that lines of several threads do not mix. */
static void to_stderr(pgm_log_level level, const char *message)
{
	fprintf(stderr, "pgmonkey: %s: %s\n", level_name(level), message);
}

void pgm__log(pgm_log_level level, const char *fmt, ...)
{
	char raw[LINE_SIZE], message[LINE_SIZE];
	int saved_errno = errno;
	pgm_log_fn fn;
	void *arg;
	va_list args;

	if (!pgm__log_wanted(level))
		return;
	va_start(args, fmt);
	if (vsnprintf(raw, sizeof(raw), fmt, args) < 0)
		raw[0] = '\0';
	va_end(args);
	pgm__mask(raw);
	pgm__line_copy(message, sizeof(message), raw);

	fn = get_receiver(&arg);
	if (fn)
		fn(level, message, arg);
	else
		to_stderr(level, message);
	errno = saved_errno;
}
