#define _XOPEN_SOURCE 700

#include "pgtest_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct {
	pthread_mutex_t lock;
	pthread_cond_t grown;
	char *text; /* lines, each with its newline */
	size_t len, size;
} logged = {.lock = PTHREAD_MUTEX_INITIALIZER};
static pthread_once_t logged_once = PTHREAD_ONCE_INIT;

static void free_logged(void)
{
	free(logged.text);
	logged.text = NULL;
	logged.len = logged.size = 0;
}

static void prepare_logged(void)
{
	pgtest_cond_init(&logged.grown);
	atexit(free_logged);
}

static void append_logged_locked(const char *text)
{
	size_t len = strlen(text);

	if (logged.len + len + 1 > logged.size) {
		logged.size = 2 * (logged.len + len + 1);
		logged.text = pgtest__must(realloc(logged.text, logged.size));
	}
	memcpy(logged.text + logged.len, text, len + 1);
	logged.len += len;
}

static void receive(pgm_log_level level, const char *message, void *arg)
{
	static const char *const names[] = {"none: ", "error: ", "warning: ", "info: ", "debug: "};

	(void)arg;
	pthread_mutex_lock(&logged.lock);
	append_logged_locked(names[level]);
	append_logged_locked(message);
	append_logged_locked("\n");
	pthread_cond_broadcast(&logged.grown);
	pthread_mutex_unlock(&logged.lock);
}

void pgtest_log_start(pgm_log_level level)
{
	pthread_once(&logged_once, prepare_logged);
	pgtest_log_clear();
	pgm_set_log(level, receive, NULL);
}

void pgtest_log_stop(void)
{
	pgm_set_log(PGM_LOG_WARNING, NULL, NULL);
}

void pgtest_log_clear(void)
{
	pthread_mutex_lock(&logged.lock);
	logged.len = 0;
	if (logged.text)
		logged.text[0] = '\0';
	pthread_mutex_unlock(&logged.lock);
}

static bool line_holds(const char *line, size_t len, const char *text)
{
	size_t wanted = strlen(text);

	for (size_t i = 0; i + wanted <= len; i++) {
		if (memcmp(line + i, text, wanted) == 0)
			return true;
	}
	return false;
}

static int count_logged_locked(const char *text)
{
	int count = 0;

	for (const char *line = logged.text; line && *line;) {
		size_t len = strcspn(line, "\n");

		count += !text || line_holds(line, len, text);
		line += len + 1;
	}
	return count;
}

int pgtest_log_count(const char *text)
{
	int count;

	pthread_mutex_lock(&logged.lock);
	count = count_logged_locked(text);
	pthread_mutex_unlock(&logged.lock);
	return count;
}

bool pgtest_log_wait_count(const char *text, int count, int timeout_ms)
{
	struct timespec deadline = pgtest_after_ms(timeout_ms);
	bool there;

	pthread_once(&logged_once, prepare_logged);
	pthread_mutex_lock(&logged.lock);
	while (!(there = count_logged_locked(text) >= count)) {
		if (!pgtest__cond_wait(&logged.grown, &logged.lock, &deadline))
			break;
	}
	pthread_mutex_unlock(&logged.lock);
	return there;
}

bool pgtest_log_wait(const char *text, int timeout_ms)
{
	return pgtest_log_wait_count(text, 1, timeout_ms);
}

const char *pgtest_log_text(void)
{
	char *text;

	pthread_mutex_lock(&logged.lock);
	text = pgtest__copy(logged.text ? logged.text : "", logged.len);
	pthread_mutex_unlock(&logged.lock);
	return pgtest_keep(text);
}
