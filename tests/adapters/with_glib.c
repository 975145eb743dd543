#include "pgmonkey/adapters/glib.h"

#include "turner.h"

#include <stdlib.h>

struct turner {
	GMainContext *context;
};

turner *turner_new(void)
{
	turner *t = g_new0(turner, 1);

	t->context = g_main_context_new();
	return t;
}

pgm_db *turner_open(turner *t, pgm_manager *manager, const pgm_config *config, pgm_error *err)
{
	return pgm_glib_open(t->context, manager, config, NULL, err);
}

static gboolean do_nothing(gpointer data)
{
	(void)data;
	return G_SOURCE_REMOVE;
}

void turner_turn(turner *t, int most_ms)
{
	GSource *limit = g_timeout_source_new((guint)most_ms);

	g_source_set_callback(limit, do_nothing, NULL, NULL);
	g_source_attach(limit, t->context);
	g_main_context_iteration(t->context, TRUE);
	g_source_destroy(limit);
	g_source_unref(limit);
}

/* A source that was not destroyed is still found by its id: the first that a context gives is 1. */
static bool is_empty(turner *t)
{
	for (guint id = 1; id < 1000; id++)
		if (g_main_context_find_source_by_id(t->context, id))
			return false;
	return true;
}

bool turner_free(turner *t)
{
	if (!is_empty(t))
		return false;
	return turner_goes_first(t);
}

bool turner_goes_first(turner *t)
{
	g_main_context_unref(t->context);
	g_free(t);
	return true;
}
