/*
 * pgmonkey on a libuv loop. Link with libuv; all of this is in the header.
 *
 *	pgm_db *db = pgm_uv_open(loop, NULL, config, NULL, &err);
 *	pgm_submit(db, &query, on_result, arg, &err);
 *	uv_run(loop, UV_RUN_DEFAULT);
 *
 * An open handle keeps uv_run going. pgm_close ends that: after it the loop turns once more, and uv_loop_close finds
 * nothing left of it. Names that end in an underscore are not for you.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PGMONKEY_ADAPTERS_UV_H
#define PGMONKEY_ADAPTERS_UV_H

#include <uv.h> /* first: with -std=c11 it wants _POSIX_C_SOURCE=200809L or _GNU_SOURCE */

#include <pgmonkey.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One handle on its loop; it goes when the handle is closed. */
typedef struct pgm_uv_ {
	uv_loop_t *loop;
	uv_timer_t timer;
	pgm_db *db;
	struct pgm_uv_poll_ *polls;
} pgm_uv_;

/* One descriptor that is watched. */
typedef struct pgm_uv_poll_ {
	uv_poll_t poll;
	pgm_uv_ *uv;
	struct pgm_uv_poll_ *next;
	int fd, events;
} pgm_uv_poll_;

static inline void pgm_uv_free_(uv_handle_t *handle)
{
	free(handle->data);
}

static inline void pgm_uv_on_poll_(uv_poll_t *poll, int status, int events)
{
	pgm_uv_poll_ *p = (pgm_uv_poll_ *)poll->data;

	if (status < 0) { /* libuv has stopped watching it: libpq finds out what is wrong, if anything is */
		events = UV_READABLE | UV_WRITABLE;
		uv_poll_start(poll, p->events, pgm_uv_on_poll_);
	}
	pgm_ready(p->uv->db, p->fd, (events & UV_READABLE ? PGM_READ : 0) | (events & UV_WRITABLE ? PGM_WRITE : 0));
}

static inline pgm_uv_poll_ *pgm_uv_add_(pgm_uv_ *uv, int fd)
{
	pgm_uv_poll_ *p = (pgm_uv_poll_ *)calloc(1, sizeof *p);

	if (!p || uv_poll_init(uv->loop, &p->poll, fd) != 0) {
		free(p);
		return NULL;
	}
	p->poll.data = p;
	p->uv = uv;
	p->fd = fd;
	p->next = uv->polls;
	uv->polls = p;
	return p;
}

static inline int pgm_uv_watch_(void *ctx, int fd, unsigned events)
{
	pgm_uv_ *uv = (pgm_uv_ *)ctx;
	pgm_uv_poll_ **at = &uv->polls, *p;

	while (*at && (*at)->fd != fd)
		at = &(*at)->next;
	p = *at;
	if (events == 0 && p) {
		*at = p->next;
		uv_close((uv_handle_t *)&p->poll, pgm_uv_free_);
	}
	if (events == 0)
		return 0;
	if (!p)
		p = pgm_uv_add_(uv, fd);
	if (!p)
		return -1;
	p->events = (events & PGM_READ ? UV_READABLE : 0) | (events & PGM_WRITE ? UV_WRITABLE : 0);
	return uv_poll_start(&p->poll, p->events, pgm_uv_on_poll_);
}

static inline void pgm_uv_on_timer_(uv_timer_t *timer)
{
	pgm_tick(((pgm_uv_ *)timer->data)->db);
}

static inline int pgm_uv_timer_(void *ctx, int64_t timeout_ms)
{
	pgm_uv_ *uv = (pgm_uv_ *)ctx;

	if (timeout_ms < 0)
		return uv_timer_stop(&uv->timer);
	uv_update_time(uv->loop); /* libuv counts from the beginning of the turn */
	return uv_timer_start(&uv->timer, pgm_uv_on_timer_, (uint64_t)timeout_ms, 0);
}

static inline void pgm_uv_closed_(void *ctx)
{
	pgm_uv_ *uv = (pgm_uv_ *)ctx;

	if (uv->db) /* else it is being opened still, and that fails */
		uv_close((uv_handle_t *)&uv->timer, pgm_uv_free_);
}

/*
 * Opens a handle, of type async or async_pool, on the loop; the rest is as with pgm_manager_open (options.loop is
 * ignored). Never waits: the first answer carries the error if there is no connection. Each call opens a handle of
 * its own, so hold on to it.
 * Owner: the manager. Close the handle (pgm_close) before you close the loop; so too at exit, if the loop's memory is
 * gone by then. NULL on failure. Errors: those of pgm_manager_open. Thread: the loop's, for this and for all else.
 */
static inline pgm_db *pgm_uv_open(uv_loop_t *loop, pgm_manager *manager, const pgm_config *config,
				  const pgm_open_options *options, pgm_error *err)
{
	static const pgm_error no_memory = {PGM_ERR_NOMEM, "", "out of memory: cannot open a handle on a libuv loop"};
	pgm_uv_ *uv = (pgm_uv_ *)calloc(1, sizeof *uv);
	const pgm_loop face = {uv, pgm_uv_watch_, pgm_uv_timer_, pgm_uv_closed_};
	pgm_open_options all;

	if (!uv || uv_timer_init(loop, &uv->timer) != 0) {
		free(uv);
		if (err)
			*err = no_memory;
		return NULL;
	}
	uv->loop = loop;
	uv->timer.data = uv;
	memset(&all, 0, sizeof all);
	if (options)
		all = *options;
	all.size = sizeof all;
	all.loop = &face;
	uv->db = pgm_manager_open(manager, config, &all, err);
	if (!uv->db)
		uv_close((uv_handle_t *)&uv->timer, pgm_uv_free_);
	return uv->db;
}

#ifdef __cplusplus
}
#endif

#endif
