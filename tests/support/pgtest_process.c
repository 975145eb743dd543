#ifdef __APPLE__
#define _DARWIN_C_SOURCE
#endif
#define _XOPEN_SOURCE 700

#include "pgtest_internal.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* --------------------------------------------------------------------------------- this process */

int64_t pgtest_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct timespec pgtest_after_ms(int timeout_ms)
{
	struct timespec t;

#ifdef __APPLE__
	clock_gettime(CLOCK_REALTIME, &t);
#else
	clock_gettime(CLOCK_MONOTONIC, &t);
#endif
	t.tv_sec += timeout_ms / 1000;
	t.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

void pgtest_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
#ifndef __APPLE__
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

void (*pgtest_while_waiting)(void);

void pgtest__pause(void)
{
	if (pgtest_while_waiting)
		pgtest_while_waiting();
	poll(NULL, 0, 5);
}

static bool is_later(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

bool pgtest__cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *deadline)
{
	struct timespec soon = pgtest_after_ms(2);

	if (!pgtest_while_waiting || is_later(&soon, deadline))
		return pthread_cond_timedwait(cond, lock, deadline) != ETIMEDOUT;
	pthread_mutex_unlock(lock);
	pgtest_while_waiting();
	pthread_mutex_lock(lock);
	pthread_cond_timedwait(cond, lock, &soon);
	return true;
}

static int entries(const char *path)
{
	const struct dirent *entry;
	DIR *dir = opendir(path);
	int count = 0;

	if (!dir)
		pgtest_die("cannot read %s: %s", path, strerror(errno));
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

int pgtest_fds(void)
{
#ifdef __linux__
	return entries("/proc/self/fd") - 1; /* not the one that looks */
#else
	return entries("/dev/fd") - 1;
#endif
}

void pgtest_say_fds(void)
{
	for (int fd = 0; fd < 1024; fd++) {
		char path[64], target[256];
		ssize_t length;

		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		length = readlink(path, target, sizeof target - 1);
		if (length < 0)
			continue;
		target[length] = '\0';
		fprintf(stderr, "descriptor %d: %s\n", fd, target);
	}
}

int pgtest_threads(void)
{
	return entries("/proc/self/task");
}

/* A joined thread may still be seen by the kernel for a moment. */
bool pgtest_threads_become(int count, int timeout_ms)
{
	int64_t deadline = pgtest_now_ms() + timeout_ms;

	while (pgtest_threads() > count) {
		if (pgtest_now_ms() >= deadline)
			return false;
		pgtest__pause();
	}
	return true;
}

bool pgtest_under_valgrind(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return preloaded && strstr(preloaded, "vgpreload");
}

/* -------------------------------------------------------------------------------------- threads */

struct pgtest_thread {
	pthread_t id;
	void *(*fn)(void *);
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool done;
};

/* Also when the thread is cancelled. */
static void mark_done(void *arg)
{
	pgtest_thread *thread = arg;

	pthread_mutex_lock(&thread->lock);
	thread->done = true;
	pthread_cond_broadcast(&thread->ended);
	pthread_mutex_unlock(&thread->lock);
}

static void *run(void *arg)
{
	pgtest_thread *thread = arg;
	void *result;

	pthread_cleanup_push(mark_done, thread);
	result = thread->fn(thread->arg);
	pthread_cleanup_pop(1);
	return result;
}

pgtest_thread *pgtest_run(void *(*fn)(void *), void *arg)
{
	pgtest_thread *thread = pgtest__must(calloc(1, sizeof(*thread)));

	thread->fn = fn;
	thread->arg = arg;
	pthread_mutex_init(&thread->lock, NULL);
	pgtest_cond_init(&thread->ended);
	if (pthread_create(&thread->id, NULL, run, thread) != 0)
		pgtest_die("cannot start a thread");
	return thread;
}

void *pgtest_join(pgtest_thread *thread)
{
	void *result;

	pthread_join(thread->id, &result);
	pthread_cond_destroy(&thread->ended);
	pthread_mutex_destroy(&thread->lock);
	free(thread);
	return result;
}

bool pgtest_done(pgtest_thread *thread, int timeout_ms)
{
	struct timespec deadline = pgtest_after_ms(timeout_ms);
	bool done;

	pthread_mutex_lock(&thread->lock);
	while (!thread->done) {
		if (pthread_cond_timedwait(&thread->ended, &thread->lock, &deadline) == ETIMEDOUT)
			break;
	}
	done = thread->done;
	pthread_mutex_unlock(&thread->lock);
	return done;
}

pthread_t pgtest_thread_id(const pgtest_thread *thread)
{
	return thread->id;
}

void pgtest_barrier_init(pgtest_barrier *barrier, int count)
{
	pthread_mutex_init(&barrier->lock, NULL);
	pthread_cond_init(&barrier->all_here, NULL);
	barrier->count = count;
	barrier->here = 0;
	barrier->round = 0;
}

void pgtest_barrier_wait(pgtest_barrier *barrier)
{
	unsigned round;

	pthread_mutex_lock(&barrier->lock);
	round = barrier->round;
	if (++barrier->here == barrier->count) {
		barrier->here = 0;
		barrier->round++;
		pthread_cond_broadcast(&barrier->all_here);
	}
	while (round == barrier->round)
		pthread_cond_wait(&barrier->all_here, &barrier->lock);
	pthread_mutex_unlock(&barrier->lock);
}

void pgtest_barrier_destroy(pgtest_barrier *barrier)
{
	pthread_cond_destroy(&barrier->all_here);
	pthread_mutex_destroy(&barrier->lock);
}

/* ---------------------------------------------------------------------------- ends of processes */

static int leaves_memory;

/* LeakSanitizer asks for this by name, from outside of the program; it is in no header of GCC's. */
int __lsan_is_turned_off(void) /* NOLINT(bugprone-reserved-identifier): the sanitizer's name */
	__attribute__((visibility("default")));

int __lsan_is_turned_off(void) /* NOLINT(bugprone-reserved-identifier): the sanitizer's name */
{
	return leaves_memory;
}

void pgtest_leaves_memory(void)
{
	leaves_memory = 1;
}

pid_t pgtest_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		pgtest_leaves_memory();
	return pid;
}
