#include "pgmonkey/adapters/event.h"

#include "turner.h"

struct turner {
	struct event_base *base;
	struct event *limit;
};

static void do_nothing(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

turner *turner_new(void)
{
	turner *t = calloc(1, sizeof *t);

	if (t)
		t->base = event_base_new();
	if (t && t->base)
		t->limit = evtimer_new(t->base, do_nothing, NULL);
	if (!t || !t->limit)
		pgtest_die("no libevent loop");
	return t;
}

pgm_db *turner_open(turner *t, pgm_manager *manager, const pgm_config *config, pgm_error *err)
{
	return pgm_event_open(t->base, manager, config, NULL, err);
}

void turner_turn(turner *t, int most_ms)
{
	const struct timeval limit = {.tv_sec = most_ms / 1000, .tv_usec = most_ms % 1000 * 1000};

	evtimer_add(t->limit, &limit);
	event_base_loop(t->base, EVLOOP_ONCE);
}

bool turner_free(turner *t)
{
	evtimer_del(t->limit);
	if (event_base_get_num_events(t->base, EVENT_BASE_COUNT_ADDED) > 0)
		return false;
	event_free(t->limit);
	event_base_free(t->base);
	free(t);
	return true;
}

/* Its own rule: events go before their base. */
bool turner_goes_first(turner *t)
{
	return turner_free(t);
}
