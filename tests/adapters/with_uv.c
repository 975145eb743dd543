#include "pgmonkey/adapters/uv.h"

#include "turner.h"

struct turner {
	uv_loop_t loop;
	uv_timer_t limit;
};

turner *turner_new(void)
{
	turner *t = malloc(sizeof *t);

	if (!t || uv_loop_init(&t->loop) != 0 || uv_timer_init(&t->loop, &t->limit) != 0)
		pgtest_die("no libuv loop");
	return t;
}

pgm_db *turner_open(turner *t, pgm_manager *manager, const pgm_config *config, pgm_error *err)
{
	return pgm_uv_open(&t->loop, manager, config, NULL, err);
}

static void do_nothing(uv_timer_t *timer)
{
	(void)timer;
}

void turner_turn(turner *t, int most_ms)
{
	uv_update_time(&t->loop);
	uv_timer_start(&t->limit, do_nothing, (uint64_t)most_ms, 0);
	uv_run(&t->loop, UV_RUN_ONCE);
}

/* What is left keeps uv_run going, or is found by uv_loop_close. */
bool turner_free(turner *t)
{
	uv_timer_stop(&t->limit);
	if (!uv_is_closing((uv_handle_t *)&t->limit))
		uv_close((uv_handle_t *)&t->limit, NULL);
	uv_run(&t->loop, UV_RUN_NOWAIT);
	if (uv_loop_close(&t->loop) != 0)
		return false;
	free(t);
	return true;
}

bool turner_goes_first(turner *t)
{
	return turner_free(t);
}
