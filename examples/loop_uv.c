/*
 * An async_pool on a libuv loop. The server takes half a second over each of ten statements; a timer in the same loop
 * ticks on meanwhile, since nothing in it ever waits. Link with libuv.
 */
#include <pgmonkey/adapters/uv.h>
#include <stdio.h>

#define STATEMENTS 10
#define TICK_MS 10
#define STALLED_MS 450 /* below half a second, well above what a busy machine makes of ten milliseconds */

typedef struct program {
	pgm_db *db;
	uv_timer_t ticker;
	uint64_t ticked_at, largest_gap;
	int ticks, answered, failed;
} program;

static void on_tick(uv_timer_t *ticker)
{
	program *p = ticker->data;
	uint64_t now = uv_hrtime() / 1000000, gap = p->ticks++ ? now - p->ticked_at : 0;

	p->ticked_at = now;
	if (gap > p->largest_gap)
		p->largest_gap = gap;
}

/* The last one closes the handle and the ticker: then nothing is left on the loop, and uv_run returns. */
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
	uv_close((uv_handle_t *)&p->ticker, NULL);
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
	uv_loop_t *loop = uv_default_loop();
	program p = {0};
	pgm_error err;
	pgm_config *config = pgm_config_load(argc > 1 ? argv[1] : "db.yaml", &err);

	p.db = config ? pgm_uv_open(loop, NULL, config, &options, &err) : NULL;
	pgm_config_free(config);
	if (!p.db || !submit_all(&p, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	uv_timer_init(loop, &p.ticker);
	p.ticker.data = &p;
	uv_timer_start(&p.ticker, on_tick, 0, TICK_MS);
	uv_run(loop, UV_RUN_DEFAULT);
	printf("%d statements answered, %d ticks meanwhile, the largest gap between two of them %d ms\n", p.answered,
	       p.ticks, (int)p.largest_gap);
	return uv_loop_close(loop) == 0 && p.failed == 0 && p.ticks > 1 && p.largest_gap < STALLED_MS ? 0 : 1;
}
