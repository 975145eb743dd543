/*
 * pgmonkey on a loop of libevent 2. Link with libevent_core; all of this is in the header.
 *
 *	pgm_db *db = pgm_event_open(base, NULL, config, NULL, &err);
 *	pgm_submit(db, &query, on_result, arg, &err);
 *	event_base_dispatch(base);
 *
 * An open handle keeps event_base_dispatch going; pgm_close ends that. Names that end in an underscore are not for you.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PGMONKEY_ADAPTERS_EVENT_H
#define PGMONKEY_ADAPTERS_EVENT_H

#include <event2/event.h>

#include <pgmonkey.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One handle on its loop; it goes when the handle is closed. */
typedef struct pgm_event_ {
	struct event_base *base;
	struct event *timer;
	pgm_db *db;
	struct pgm_event_fd_ *fds;
} pgm_event_;

/* One descriptor that is watched. */
typedef struct pgm_event_fd_ {
	struct event *event;
	pgm_event_ *owner;
	struct pgm_event_fd_ *next;
	int fd;
} pgm_event_fd_;

static inline void pgm_event_on_fd_(evutil_socket_t fd, short what, void *arg)
{
	pgm_ready(((pgm_event_fd_ *)arg)->owner->db, (int)fd,
		  (what & EV_READ ? PGM_READ : 0) | (what & EV_WRITE ? PGM_WRITE : 0));
}

static inline void pgm_event_drop_(pgm_event_fd_ **at)
{
	pgm_event_fd_ *f = *at;

	*at = f->next;
	if (f->event)
		event_free(f->event);
	free(f);
}

static inline int pgm_event_add_(pgm_event_ *e, int fd, unsigned events)
{
	short what = (short)(EV_PERSIST | (events & PGM_READ ? EV_READ : 0) | (events & PGM_WRITE ? EV_WRITE : 0));
	pgm_event_fd_ *f = (pgm_event_fd_ *)calloc(1, sizeof *f);

	if (!f)
		return -1;
	f->owner = e;
	f->fd = fd;
	f->next = e->fds;
	e->fds = f;
	f->event = event_new(e->base, fd, what, pgm_event_on_fd_, f);
	if (f->event && event_add(f->event, NULL) == 0)
		return 0;
	pgm_event_drop_(&e->fds);
	return -1;
}

static inline int pgm_event_watch_(void *ctx, int fd, unsigned events)
{
	pgm_event_ *e = (pgm_event_ *)ctx;
	pgm_event_fd_ **at = &e->fds;

	while (*at && (*at)->fd != fd)
		at = &(*at)->next;
	if (*at)
		pgm_event_drop_(at);
	return events == 0 ? 0 : pgm_event_add_(e, fd, events);
}

static inline void pgm_event_on_timer_(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	pgm_tick(((pgm_event_ *)arg)->db);
}

static inline int pgm_event_timer_(void *ctx, int64_t timeout_ms)
{
	pgm_event_ *e = (pgm_event_ *)ctx;
	struct timeval time;

	if (timeout_ms < 0)
		return evtimer_del(e->timer);
	time.tv_sec = (time_t)(timeout_ms / 1000);
	time.tv_usec = (suseconds_t)(timeout_ms % 1000 * 1000);
	return evtimer_add(e->timer, &time);
}

static inline void pgm_event_free_(pgm_event_ *e)
{
	if (e && e->timer)
		event_free(e->timer);
	free(e);
}

static inline void pgm_event_closed_(void *ctx)
{
	pgm_event_ *e = (pgm_event_ *)ctx;

	if (e->db) /* else it is being opened still, and that fails */
		pgm_event_free_(e);
}

/*
 * Opens a handle, of type async or async_pool, on the loop; the rest is as with pgm_manager_open (options.loop is
 * ignored). Never waits: the first answer carries the error if there is no connection. Each call opens a handle of
 * its own, so hold on to it.
 * Owner: the manager. Close the handle (pgm_close) before event_base_free, at the end of the program as well. NULL on
 * failure. Errors: those of pgm_manager_open. Thread: the loop's, for this and for all else.
 */
static inline pgm_db *pgm_event_open(struct event_base *base, pgm_manager *manager, const pgm_config *config,
				     const pgm_open_options *options, pgm_error *err)
{
	static const pgm_error no_memory = {PGM_ERR_NOMEM, "",
					    "out of memory: cannot open a handle on a libevent loop"};
	pgm_event_ *e = (pgm_event_ *)calloc(1, sizeof *e);
	const pgm_loop face = {e, pgm_event_watch_, pgm_event_timer_, pgm_event_closed_};
	pgm_open_options all;

	if (e)
		e->timer = evtimer_new(base, pgm_event_on_timer_, e);
	if (!e || !e->timer) {
		pgm_event_free_(e);
		if (err)
			*err = no_memory;
		return NULL;
	}
	e->base = base;
	memset(&all, 0, sizeof all);
	if (options)
		all = *options;
	all.size = sizeof all;
	all.loop = &face;
	e->db = pgm_manager_open(manager, config, &all, err);
	if (e->db)
		return e->db;
	pgm_event_free_(e);
	return NULL;
}

#ifdef __cplusplus
}
#endif

#endif
