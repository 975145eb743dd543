/*
 * An async_pool on GLib's main loop. The server takes half a second over each of ten statements; a timer in the same
 * loop ticks on meanwhile, since nothing in it ever waits. Link with glib-2.0.
 */
#include <pgmonkey/adapters/glib.h>
#include <stdio.h>

#define STATEMENTS 10
#define TICK_MS 10
#define STALLED_MS 450 /* below half a second, well above what a busy machine makes of ten milliseconds */

typedef struct program {
	pgm_db *db;
	GMainLoop *loop;
	gint64 ticked_at, largest_gap;
	int ticks, answered, failed;
} program;

static gboolean on_tick(gpointer arg)
{
	program *p = arg;
	gint64 now = g_get_monotonic_time() / 1000, gap = p->ticks++ ? now - p->ticked_at : 0;

	p->ticked_at = now;
	if (gap > p->largest_gap)
		p->largest_gap = gap;
	return G_SOURCE_CONTINUE;
}

static void on_answer(PGresult *res, const pgm_error *err, void *arg)
{
	program *p = arg;

	PQclear(res);
	if (err) {
		fprintf(stderr, "%s\n", err->message);
		p->failed++;
	}
	if (++p->answered == STATEMENTS)
		g_main_loop_quit(p->loop);
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
	program p = {.loop = g_main_loop_new(NULL, FALSE)};
	pgm_error err;
	pgm_config *config = pgm_config_load(argc > 1 ? argv[1] : "db.yaml", &err);
	guint ticker;

	p.db = config ? pgm_glib_open(NULL, NULL, config, &options, &err) : NULL;
	pgm_config_free(config);
	if (!p.db || !submit_all(&p, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	ticker = g_timeout_add(TICK_MS, on_tick, &p);
	g_main_loop_run(p.loop);
	printf("%d statements answered, %d ticks meanwhile, the largest gap between two of them %d ms\n", p.answered,
	       p.ticks, (int)p.largest_gap);
	pgm_close(p.db); /* its source goes with it */
	g_source_remove(ticker);
	g_main_loop_unref(p.loop);
	return p.failed == 0 && p.ticks > 1 && p.largest_gap < STALLED_MS ? 0 : 1;
}
