/*
 * An async_pool on a loop of libevent. The server takes half a second over each of ten statements; a timer in the same
 * loop ticks on meanwhile, since nothing in it ever waits. Link with libevent_core.
 */
#include <pgmonkey/adapters/event.h>
#include <stdio.h>
#include <time.h>

#define STATEMENTS 10
#define STALLED_MS 450 /* below half a second, well above what a busy machine makes of ten milliseconds */

static const struct timeval tick = {.tv_usec = 10000};

typedef struct program {
	pgm_db *db;
	struct event *ticker;
	long ticked_at, largest_gap;
	int ticks, answered, failed;
} program;

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	program *p = arg;
	long now = now_ms(), gap = p->ticks++ ? now - p->ticked_at : 0;

	(void)fd;
	(void)what;
	p->ticked_at = now;
	if (gap > p->largest_gap)
		p->largest_gap = gap;
}

/* The last one closes the handle and the ticker: then nothing is left on the loop, and it ends. */
static void on_answer(PGresult *res, const pgm_error *err, void *arg)
{
	program *p = arg;

	PQclear(res);
	if (err) {
		fprintf(stderr, "%s\n", err->message);
		p->failed++;
	}
	if (++p->answered < STATEMENTS)
		return;
	pgm_close(p->db);
	event_del(p->ticker);
}

static bool submit_all(program *p, pgm_error *err)
{
	const pgm_query query = {.sql = "SELECT pg_sleep(0.5)", .timeout_ms = 20000};

	for (int i = 0; i < STATEMENTS; i++)
		if (!pgm_submit(p->db, &query, on_answer, p, err))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	const pgm_open_options options = {.size = sizeof options, .type = PGM_ASYNC_POOL};
	struct event_base *base = event_base_new();
	program p = {0};
	pgm_error err;
	pgm_config *config = pgm_config_load(argc > 1 ? argv[1] : "db.yaml", &err);

	p.db = config ? pgm_event_open(base, NULL, config, &options, &err) : NULL;
	pgm_config_free(config);
	if (!p.db || !submit_all(&p, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	p.ticker = event_new(base, -1, EV_PERSIST, on_tick, &p);
	event_add(p.ticker, &tick);
	event_base_dispatch(base);
	printf("%d statements answered, %d ticks meanwhile, the largest gap between two of them %ld ms\n", p.answered,
	       p.ticks, p.largest_gap);
	event_free(p.ticker);
	event_base_free(base);
	return p.failed == 0 && p.ticks > 1 && p.largest_gap < STALLED_MS ? 0 : 1;
}
