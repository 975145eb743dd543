/*
 * pgmonkey on GLib's main loop. Link with glib-2.0; all of this is in the header.
 *
 *	pgm_db *db = pgm_glib_open(NULL, NULL, config, NULL, &err);
 *	pgm_submit(db, &query, on_result, arg, &err);
 *	g_main_loop_run(loop);
 *
 * Names that end in an underscore are not for you.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PGMONKEY_ADAPTERS_GLIB_H
#define PGMONKEY_ADAPTERS_GLIB_H

#include <glib.h>

#include <pgmonkey.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One descriptor that is watched. */
typedef struct pgm_glib_fd_ {
	struct pgm_glib_fd_ *next;
	gpointer tag;
	int fd;
	unsigned ready; /* in this turn */
} pgm_glib_fd_;

/* One handle on its loop: a source of its own. */
typedef struct pgm_glib_ {
	GSource source;
	pgm_db *db;
	pgm_glib_fd_ *fds;
} pgm_glib_;

static inline int pgm_glib_watch_(void *ctx, int fd, unsigned events)
{
	pgm_glib_ *g = (pgm_glib_ *)ctx;
	pgm_glib_fd_ **at = &g->fds, *f;
	unsigned condition = G_IO_ERR | G_IO_HUP;

	while (*at && (*at)->fd != fd)
		at = &(*at)->next;
	f = *at;
	if (f) { /* it goes in any case: modifying it would come to the same */
		*at = f->next;
		if (!g_source_is_destroyed(&g->source))
			g_source_remove_unix_fd(&g->source, f->tag);
		g_free(f);
	}
	if (events == 0)
		return 0;
	if (g_source_is_destroyed(&g->source)) /* the context has gone */
		return -1;
	condition |= (events & PGM_READ ? G_IO_IN : 0) | (events & PGM_WRITE ? G_IO_OUT : 0);
	f = g_new0(pgm_glib_fd_, 1);
	f->fd = fd;
	f->tag = g_source_add_unix_fd(&g->source, fd, (GIOCondition)condition);
	f->next = g->fds;
	g->fds = f;
	return 0;
}

static inline int pgm_glib_timer_(void *ctx, int64_t timeout_ms)
{
	pgm_glib_ *g = (pgm_glib_ *)ctx;

	g_source_set_ready_time(&g->source, timeout_ms < 0 ? -1 : g_get_monotonic_time() + timeout_ms * 1000);
	return 0;
}

static inline void pgm_glib_closed_(void *ctx)
{
	pgm_glib_ *g = (pgm_glib_ *)ctx;

	g_source_destroy(&g->source);
	if (g->db) /* else it is being opened still, and that fails */
		g_source_unref(&g->source);
}

static inline void pgm_glib_tell_ready_(pgm_glib_ *g, pgm_glib_fd_ *f)
{
	unsigned ready = f->ready;

	f->ready = 0;
	pgm_ready(g->db, f->fd, (ready & ~(unsigned)G_IO_OUT ? PGM_READ : 0) | (ready & G_IO_OUT ? PGM_WRITE : 0));
}

static inline pgm_glib_fd_ *pgm_glib_next_ready_(pgm_glib_ *g)
{
	pgm_glib_fd_ *f = g->fds;

	while (f && !f->ready)
		f = f->next;
	return f;
}

/* Each call may watch other descriptors than before, and close the handle. */
static inline gboolean pgm_glib_dispatch_(GSource *source, GSourceFunc callback, gpointer data)
{
	pgm_glib_ *g = (pgm_glib_ *)(void *)source;
	gint64 due = g_source_get_ready_time(source);
	pgm_glib_fd_ *f;

	(void)callback;
	(void)data;
	for (f = g->fds; f; f = f->next)
		f->ready = (unsigned)g_source_query_unix_fd(source, f->tag);
	while ((f = pgm_glib_next_ready_(g)) != NULL)
		pgm_glib_tell_ready_(g, f);
	if (due >= 0 && due <= g_source_get_time(source) && !g_source_is_destroyed(source)) {
		g_source_set_ready_time(source, -1);
		pgm_tick(g->db);
	}
	return G_SOURCE_CONTINUE;
}

/*
 * Opens a handle, of type async or async_pool, on the main loop of a context (NULL: the default one); the rest is as
 * with pgm_manager_open (options.loop is ignored). Never waits: the first answer carries the error if there is no
 * connection. Each call opens a handle of its own, so hold on to it.
 * Owner: the manager. A context that goes before the handle is closed takes its connections along; what was under way
 * is answered when the handle is closed. NULL on failure. Errors: those of pgm_manager_open. Thread: the one that runs the
 * context, for this and for all else.
 */
static inline pgm_db *pgm_glib_open(GMainContext *context, pgm_manager *manager, const pgm_config *config,
				    const pgm_open_options *options, pgm_error *err)
{
	static GSourceFuncs functions = {NULL, NULL, pgm_glib_dispatch_, NULL, NULL, NULL};
	GSource *source =
		g_source_new(&functions, sizeof(pgm_glib_)); /* zeroed; without memory GLib ends the program */
	pgm_glib_ *g = (pgm_glib_ *)(void *)source;
	const pgm_loop face = {g, pgm_glib_watch_, pgm_glib_timer_, pgm_glib_closed_};
	pgm_open_options all;

	g_source_attach(source, context);
	memset(&all, 0, sizeof all);
	if (options)
		all = *options;
	all.size = sizeof all;
	all.loop = &face;
	g->db = pgm_manager_open(manager, config, &all, err);
	if (g->db)
		return g->db;
	g_source_destroy(source);
	g_source_unref(source);
	return NULL;
}

#ifdef __cplusplus
}
#endif

#endif
