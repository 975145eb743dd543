/*
 * A loop of one's own: what binds one is two functions and two calls, here with epoll(7). The server takes half a second
 * over each of ten statements; a timer in the same loop ticks on meanwhile, since nothing in it ever waits. Linux only.
 * docs/bring-your-own-loop.md goes through it.
 */
#include <errno.h>
#include <pgmonkey.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define STATEMENTS 10
#define TICK_MS 10
#define STALLED_MS 450 /* below half a second, well above what a busy machine makes of ten milliseconds */
#define NEVER INT64_MAX

typedef struct loop {
	int epoll;
	pgm_db *db;
	int64_t timer_at; /* the handle's timer */
	bool ends;
	int64_t tick_at, ticked_at, largest_gap;
	int ticks, answered, failed;
} loop;

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------- what the handle tells the loop */

static int on_watch(void *ctx, int fd, unsigned events)
{
	loop *l = ctx;
	struct epoll_event event = {.data.fd = fd};

	if (events == 0) { /* libpq may have closed it: then epoll has forgotten it by itself */
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
		return 0;
	}
	event.events = (events & PGM_READ ? EPOLLIN : 0) | (events & PGM_WRITE ? EPOLLOUT : 0);
	if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &event) == 0)
		return 0;
	return errno == ENOENT ? epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &event) : -1;
}

static int on_timer(void *ctx, int64_t timeout_ms)
{
	((loop *)ctx)->timer_at = timeout_ms < 0 ? NEVER : now_ms() + timeout_ms;
	return 0;
}

static void on_closed(void *ctx)
{
	((loop *)ctx)->ends = true;
}

/* ------------------------------------------------------------------- what the loop tells the handle */

static void tick(loop *l, int64_t now)
{
	int64_t gap = l->ticks++ ? now - l->ticked_at : 0;

	l->ticked_at = now;
	l->tick_at = now + TICK_MS;
	if (gap > l->largest_gap)
		l->largest_gap = gap;
}

static void turn(loop *l)
{
	struct epoll_event ready[16];
	int64_t until = l->timer_at < l->tick_at ? l->timer_at : l->tick_at, now = now_ms();
	int count = epoll_wait(l->epoll, ready, 16, until > now ? (int)(until - now) : 0);

	for (int i = 0; i < count && !l->ends; i++) {
		unsigned events = ready[i].events & EPOLLOUT ? PGM_WRITE : 0;

		if (ready[i].events & ~(unsigned)EPOLLOUT) /* errors, too: they show when it is read */
			events |= PGM_READ;
		pgm_ready(l->db, ready[i].data.fd, events);
	}
	now = now_ms();
	if (now >= l->timer_at && !l->ends) {
		l->timer_at = NEVER; /* before the call, which may set it again */
		pgm_tick(l->db);
	}
	if (now >= l->tick_at)
		tick(l, now);
}

/* ------------------------------------------------------------------------------------ the program */

static void on_answer(PGresult *res, const pgm_error *err, void *arg)
{
	loop *l = arg;

	PQclear(res);
	if (err) {
		fprintf(stderr, "%s\n", err->message);
		l->failed++;
	}
	if (++l->answered == STATEMENTS)
		pgm_close(l->db);
}

static pgm_db *open_on(loop *l, const char *path, pgm_error *err)
{
	const pgm_loop face = {.ctx = l, .watch = on_watch, .timer = on_timer, .closed = on_closed};
	const pgm_open_options options = {.size = sizeof options, .type = PGM_ASYNC_POOL, .loop = &face};
	pgm_config *config = pgm_config_load(path, err);
	pgm_db *db = config ? pgm_manager_open(NULL, config, &options, err) : NULL;

	pgm_config_free(config);
	return db;
}

static bool submit_all(loop *l, pgm_error *err)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(0.5)", .timeout_ms = 20000};

	for (int i = 0; i < STATEMENTS; i++)
		if (!pgm_submit(l->db, &query, on_answer, l, err))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	loop l = {.epoll = epoll_create1(EPOLL_CLOEXEC), .timer_at = NEVER};
	pgm_error err;

	l.db = open_on(&l, argc > 1 ? argv[1] : "db.yaml", &err);
	if (!l.db || !submit_all(&l, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	while (!l.ends)
		turn(&l);
	close(l.epoll);
	printf("%d statements answered, %d ticks meanwhile, the largest gap between two of them %d ms\n", l.answered,
	       l.ticks, (int)l.largest_gap);
	return l.failed == 0 && l.ticks > 1 && l.largest_gap < STALLED_MS ? 0 : 1;
}
