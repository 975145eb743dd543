#define _XOPEN_SOURCE 700

#include "loop.h"

#include "pgtest_internal.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST_WATCHES 128
#define TICK_US 5000
#define MOST_TIMEOUT_MS ((int64_t)100 * 24 * 3600 * 1000)
#define NOT_SET INT64_MAX

/* One handle's. */
typedef struct binding {
	struct binding *next;
	loop *loop;
	pgm_loop face;
	pgm_db *db;
	int64_t timer_at; /* microseconds */
	bool closed;
} binding;

/* Which file a descriptor stands for: its number may be used again, this is not. */
typedef struct watch {
	int fd;
	unsigned events, number;
	binding *binding;
	dev_t dev;
	ino_t ino;
} watch;

struct loop {
	pthread_t thread;
	binding *bindings;
	watch watches[MOST_WATCHES];
	int nwatches;
	unsigned last_number;
	int64_t tick_at, ticked_at; /* ticked_at, by its own time; 0: not yet */
	int schedstat;
	loop_figures figures;
	bool refuses_watches, refuses_timers, lies;
};

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/*
 * What the machine's other work takes is nobody's stall: the time that the thread was ready to run and did not is left
 * out (Linux, Documentation/scheduler/sched-stats.txt: the second figure). Elsewhere it counts.
 */
static int64_t own_us(const loop *l)
{
	char text[96];
	ssize_t n = l->schedstat < 0 ? -1 : pread(l->schedstat, text, sizeof(text) - 1, 0);
	char *second;

	if (n <= 0)
		return now_us();
	text[n] = '\0';
	second = strchr(text, ' ');
	return now_us() - (second ? strtoll(second, NULL, 10) / 1000 : 0);
}

static int ms_of(int64_t us)
{
	return (int)((us + 999) / 1000);
}

/* ----------------------------------------------------------------------------- what it is told */

static loop *check_caller(binding *b, const char *call)
{
	if (!pthread_equal(b->loop->thread, pthread_self()))
		pgtest_die("the loop's %s was called on another thread", call);
	if (b->closed)
		pgtest_die("the loop's %s was called after closed", call);
	return b->loop;
}

static watch *find(loop *l, int fd)
{
	for (int i = 0; i < l->nwatches; i++)
		if (l->watches[i].fd == fd)
			return &l->watches[i];
	return NULL;
}

static bool is_as_it_was(const watch *w)
{
	struct stat st;

	return fstat(w->fd, &st) == 0 && st.st_dev == w->dev && st.st_ino == w->ino;
}

static int stop(loop *l, int fd)
{
	watch *w = find(l, fd);

	if (!w)
		pgtest_die("the loop is to stop watching descriptor %d, which it does not watch", fd);
	*w = l->watches[--l->nwatches];
	return 0;
}

static int start(loop *l, binding *b, int fd, unsigned events)
{
	struct stat st;
	watch *w;

	if (fstat(fd, &st) != 0)
		pgtest_die("the loop is to watch descriptor %d, which is not open", fd);
	if (l->nwatches == MOST_WATCHES)
		pgtest_die("the loop is to watch more than %d descriptors", MOST_WATCHES);
	w = &l->watches[l->nwatches++];
	*w = (watch){.fd = fd,
		     .events = events,
		     .number = ++l->last_number,
		     .binding = b,
		     .dev = st.st_dev,
		     .ino = st.st_ino};
	return 0;
}

static int on_watch(void *ctx, int fd, unsigned events)
{
	binding *b = ctx;
	loop *l = check_caller(b, "watch");
	watch *w = find(l, fd);

	l->figures.watches++;
	if (events & ~(PGM_READ | PGM_WRITE))
		pgtest_die("the loop is to watch descriptor %d for %#x", fd, events);
	if (w && w->binding != b)
		pgtest_die("descriptor %d is another handle's", fd);
	if (events == 0)
		return stop(l, fd);
	if (l->refuses_watches)
		return -1;
	if (!w)
		return start(l, b, fd, events);
	if (!is_as_it_was(w))
		pgtest_die("descriptor %d is not the one any more that is watched: it has to be dropped before", fd);
	w->events = events;
	return 0;
}

static int on_timer(void *ctx, int64_t timeout_ms)
{
	binding *b = ctx;
	loop *l = check_caller(b, "timer");

	l->figures.timers++;
	if (timeout_ms > MOST_TIMEOUT_MS)
		pgtest_die("a timer of %lld ms", (long long)timeout_ms);
	if (timeout_ms >= 0 && l->refuses_timers)
		return -1;
	if (timeout_ms > l->figures.largest_timer_ms)
		l->figures.largest_timer_ms = (int)timeout_ms;
	b->timer_at = timeout_ms < 0 ? NOT_SET : now_us() + timeout_ms * 1000;
	return 0;
}

static void on_closed(void *ctx)
{
	binding *b = ctx;
	const loop *l = check_caller(b, "closed");

	for (int i = 0; i < l->nwatches; i++)
		if (l->watches[i].binding == b)
			pgtest_die("closed, and descriptor %d is still watched", l->watches[i].fd);
	if (b->timer_at != NOT_SET)
		pgtest_die("closed, and the timer is still set");
	b->closed = true;
}

/* ------------------------------------------------------------------------------ making, opening */

loop *loop_new(void)
{
	loop *l = pgtest__must(calloc(1, sizeof(*l)));

	l->thread = pthread_self();
	l->schedstat = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	return l;
}

const pgm_loop *loop_bind(loop *l)
{
	binding *b = pgtest__must(calloc(1, sizeof(*b)));

	b->loop = l;
	b->face = (pgm_loop){.ctx = b, .watch = on_watch, .timer = on_timer, .closed = on_closed};
	b->timer_at = NOT_SET;
	b->next = l->bindings;
	l->bindings = b;
	return &b->face;
}

static binding *binding_of(const pgm_loop *bound)
{
	return bound->ctx;
}

void loop_attach(const pgm_loop *bound, pgm_db *db)
{
	binding_of(bound)->db = db;
}

bool loop_has_closed(const pgm_loop *bound)
{
	return binding_of(bound)->closed;
}

pgm_db *loop_try_open(loop *l, const pgm_open_options *options, pgm_config *config, pgm_error *err)
{
	pgm_open_options all = {.size = sizeof(all)};
	pgm_db *db;

	if (options)
		all = *options;
	all.loop = loop_bind(l);
	db = pgm_manager_open(NULL, config, &all, err);
	pgm_config_free(config);
	loop_attach(all.loop, db);
	return db;
}

pgm_db *loop_open(loop *l, const char *fmt, ...)
{
	pgm_error err;
	pgm_db *db;
	va_list args;
	char *text;

	va_start(args, fmt);
	text = pgtest__vformat(fmt, args);
	va_end(args);
	db = loop_try_open(l, NULL, pgtest_config("%s", text), &err);
	if (!db)
		pgtest_die("open: %s", err.message);
	free(text);
	return db;
}

void loop_free(loop *l)
{
	binding *next;

	for (binding *b = l->bindings; b; b = b->next) {
		if (!b->closed)
			pgm_close(b->db);
		if (b->db && !b->closed)
			pgtest_die("a handle was closed, and its loop was not told");
	}
	for (binding *b = l->bindings; b; b = next) {
		next = b->next;
		free(b);
	}
	if (l->schedstat >= 0)
		close(l->schedstat);
	free(l);
}

/* ------------------------------------------------------------------------------------- turning */

static void check_watches(const loop *l)
{
	for (int i = 0; i < l->nwatches; i++)
		if (!is_as_it_was(&l->watches[i]))
			pgtest_die("descriptor %d is watched, and not what it was any more", l->watches[i].fd);
}

/* Of what was ready some may be watched no longer by the time it has its turn. */
static binding *still_watching(loop *l, const watch *was)
{
	const watch *w = find(l, was->fd);

	return w && w->number == was->number ? w->binding : NULL;
}

static unsigned events_of(short revents)
{
	unsigned events = 0;

	if (revents & POLLOUT)
		events |= PGM_WRITE;
	if (revents & (POLLIN | POLLERR | POLLHUP))
		events |= PGM_READ;
	return events;
}

static void tell_ready(loop *l, const struct pollfd *fds, const watch *were, int count)
{
	for (int i = 0; i < count; i++) {
		const binding *b = fds[i].revents ? still_watching(l, &were[i]) : NULL;

		if (fds[i].revents & POLLNVAL)
			pgtest_die("descriptor %d is watched, and not open", fds[i].fd);
		if (b)
			pgm_ready(b->db, fds[i].fd, events_of(fds[i].revents));
	}
}

static void tell_timers(loop *l)
{
	for (binding *b = l->bindings; b; b = b->next) {
		if (!b->db || b->closed || b->timer_at > now_us())
			continue;
		b->timer_at = NOT_SET;
		pgm_tick(b->db);
	}
}

static void tell_lies(loop *l)
{
	for (binding *b = l->bindings; b; b = b->next) {
		if (!b->db)
			continue;
		for (int fd = -1; fd < 64; fd++)
			pgm_ready(b->db, fd, PGM_READ | PGM_WRITE);
		pgm_ready(b->db, 1 << 20, PGM_READ);
		pgm_tick(b->db);
	}
}

static void tick(loop *l)
{
	int64_t now = own_us(l);
	int gap = l->ticked_at ? ms_of(now - l->ticked_at) : 0;

	if (gap > l->figures.largest_gap_ms)
		l->figures.largest_gap_ms = gap;
	l->ticked_at = now;
	l->tick_at = now_us() + TICK_US;
}

static int ms_to_wait(const loop *l, int most_ms)
{
	int64_t now = now_us(), until = l->tick_at, left;

	for (const binding *b = l->bindings; b; b = b->next)
		if (b->timer_at < until)
			until = b->timer_at;
	left = until <= now ? 0 : ms_of(until - now);
	return left < most_ms ? (int)left : most_ms;
}

static void fill(const loop *l, struct pollfd *fds)
{
	for (int i = 0; i < l->nwatches; i++) {
		unsigned events = l->watches[i].events;

		fds[i] = (struct pollfd){
			.fd = l->watches[i].fd,
			.events = (short)((events & PGM_READ ? POLLIN : 0) | (events & PGM_WRITE ? POLLOUT : 0))};
	}
}

void loop_turn(loop *l, int most_ms)
{
	struct pollfd fds[MOST_WATCHES];
	watch were[MOST_WATCHES];
	int count = l->nwatches, took;
	int64_t began;

	check_watches(l);
	fill(l, fds);
	memcpy(were, l->watches, sizeof(were));
	poll(fds, (nfds_t)count, ms_to_wait(l, most_ms));
	began = own_us(l);
	if (now_us() >= l->tick_at)
		tick(l);
	tell_ready(l, fds, were, count);
	tell_timers(l);
	if (l->lies)
		tell_lies(l);
	check_watches(l);
	took = ms_of(own_us(l) - began);
	if (took > l->figures.longest_turn_ms)
		l->figures.longest_turn_ms = took;
	l->figures.turns++;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

bool loop_run_until(loop *l, int timeout_ms, bool (*reached)(void *arg), void *arg)
{
	int64_t until = now_us() + (int64_t)timeout_ms * 1000;

	l->ticked_at = 0; /* what was between two runs is no gap */
	while (!reached(arg)) {
		int64_t left = until - now_us();

		if (left <= 0)
			return false;
		loop_turn(l, ms_of(left));
	}
	return true;
}

void loop_run(loop *l, int ms)
{
	loop_run_until(l, ms, never, NULL);
}

/* ------------------------------------------------------------------------------ figures, faults */

loop_figures loop_figures_of(const loop *l)
{
	return l->figures;
}

void loop_forget_figures(loop *l)
{
	l->figures = (loop_figures){0};
	l->ticked_at = 0;
}

int loop_watched(const loop *l, int i)
{
	return i < l->nwatches ? l->watches[i].fd : -1;
}

unsigned loop_events(const loop *l, int fd)
{
	for (int i = 0; i < l->nwatches; i++)
		if (l->watches[i].fd == fd)
			return l->watches[i].events;
	return 0;
}

void loop_refuse_watches(loop *l, bool refuse)
{
	l->refuses_watches = refuse;
}

void loop_refuse_timers(loop *l, bool refuse)
{
	l->refuses_timers = refuse;
}

void loop_lie(loop *l, bool lie)
{
	l->lies = lie;
}
