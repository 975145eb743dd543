/* What the loop watches: descriptors, and one timer. Without a loop it is poll(2), in the call that waits. */
#include "base/error.h"
#include "base/log.h"
#include "connection/due.h"
#include "connection/evented/cancel.h"
#include "connection/evented/evented.h"
#include "connection/wait.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---------------------------------------------------------------------------- the loop's watches */

static bool remember_fd(pgm__ev *ev, int fd, int32_t slot)
{
	size_t wanted = (size_t)fd + 1;

	if (wanted > ev->by_fd_size) {
		size_t size = ev->by_fd_size ? ev->by_fd_size : 64;
		int32_t *grown;

		while (size < wanted)
			size *= 2;
		grown = realloc(ev->by_fd, size * sizeof *grown);
		if (!grown)
			return false;
		memset(grown + ev->by_fd_size, 0, (size - ev->by_fd_size) * sizeof *grown);
		ev->by_fd = grown;
		ev->by_fd_size = size;
	}
	ev->by_fd[fd] = slot + 1;
	return true;
}

static void stop_watching(pgm__ev *ev, pgm__watched *watched)
{
	if (watched->fd < 0)
		return;
	ev->by_fd[watched->fd] = 0;
	ev->loop.watch(ev->loop.ctx, watched->fd, 0);
	*watched = (pgm__watched){.fd = -1};
}

void pgm__watch_set(pgm_db *db, pgm__watched *watched, int fd, unsigned events, int32_t slot)
{
	pgm__ev *ev = db->ev;

	if (fd < 0 || events == 0) {
		fd = -1;
		events = 0;
	}
	if (!ev->has_loop || (watched->fd == fd && watched->events == events))
		return;
	if (watched->fd != fd)
		stop_watching(ev, watched);
	if (fd >= 0 && (!remember_fd(ev, fd, slot) || ev->loop.watch(ev->loop.ctx, fd, events) != 0)) {
		stop_watching(ev, watched); /* for less than it was to be */
		watched->refused = true;
		ev->refused = ev->stirred = true;
		pgm__log(PGM_LOG_ERROR, "the event loop does not watch descriptor %d", fd);
		return;
	}
	*watched = (pgm__watched){.fd = fd, .events = events};
}

static unsigned events_of_connector(const pgm__connector *c)
{
	return pgm__connector_progress(c) == PGM__WANTS_READ ? PGM_READ : PGM_WRITE;
}

/* Reading goes on while writing waits: both buffers may be full. */
static unsigned events_of_wire(const pgm__wire *w)
{
	if (w->use == PGM__WIRE_LENT && w->sent.count == 0)
		return 0; /* it is in the caller's hands */
	return w->blocked ? PGM_READ | PGM_WRITE : PGM_READ;
}

/* Also where poll(2) looks. */
static int wanted(const pgm_db *db, int32_t slot, unsigned *events)
{
	const pgm__place *place = &db->place[slot];

	*events = 0;
	if (place->connector) {
		*events = events_of_connector(place->connector);
		return pgm__connector_fd(place->connector);
	}
	if (!place->lease)
		return -1;
	*events = events_of_wire(&db->ev->wire[slot]);
	return PQsocket(place->lease->conn);
}

void pgm__watch_slot(pgm_db *db, int32_t slot)
{
	unsigned events;
	int fd;

	if (!db->ev->has_loop)
		return;
	fd = wanted(db, slot, &events);
	pgm__watch_set(db, &db->ev->wire[slot].watched, fd, events, slot);
}

void pgm__unwatch_slot(pgm_db *db, int32_t slot)
{
	pgm__watch_set(db, &db->ev->wire[slot].watched, -1, 0, slot);
}

/* ------------------------------------------------------------------------------------ the timer */

static pgm__time earlier(pgm__time a, pgm__time b)
{
	return a < b ? a : b;
}

pgm__time pgm__watch_due(const pgm_db *db)
{
	const pgm__ev *ev = db->ev;
	const pgm__deadline *first = pgm__deadlines_first(&ev->deadlines);
	pgm__time until = first ? first->at : PGM__NEVER;

	until = earlier(until, ev->slots_due);
	until = earlier(until, ev->connecting_due);
	return earlier(until, pgm__cancel_due(db));
}

pgm__time pgm__watch_until(const pgm_db *db)
{
	return db->ev->answers.first ? 0 : pgm__watch_due(db);
}

/* One that goes off too early finds nothing to do; setting it anew with each statement would cost more. */
void pgm__watch_timer(pgm_db *db)
{
	pgm__ev *ev = db->ev;
	pgm__time until = pgm__watch_until(db), now, ms;

	if (!ev->has_loop || until >= ev->timer_at)
		return;
	now = pgm__clock_now();
	ms = until <= now ? 0 : (until - now + PGM__MS - 1) / PGM__MS;
	ev->timer_at = until;
	if (ev->loop.timer(ev->loop.ctx, ms) == 0)
		return;
	ev->timer_at = PGM__NEVER; /* so that the next step tries again */
	pgm__log(PGM_LOG_ERROR, "the event loop does not set a timer");
}

void pgm__watch_pipe(pgm_db *db)
{
	pgm__watch_set(db, &db->ev->pipe, db->wake[0], PGM_READ, PGM__NO_SLOT);
}

void pgm__watch_end(pgm_db *db)
{
	pgm__ev *ev = db->ev;

	pgm__watch_set(db, &ev->pipe, -1, 0, PGM__NO_SLOT);
	if (ev->has_loop && ev->timer_at != PGM__NEVER)
		ev->loop.timer(ev->loop.ctx, -1);
	ev->timer_at = PGM__NEVER;
}

/* ------------------------------------------------------------------------------ what was heard */

static void slot_ready(pgm_db *db, int32_t slot, unsigned events)
{
	const pgm__place *place = &db->place[slot];

	if (place->connector) {
		if (!pgm__connector_is_ready(place->connector))
			return;
		/* libpq may close a socket and open another of the same number: the old watch goes first, always. */
		pgm__unwatch_slot(db, slot);
		pgm__db_go_on_connecting(db, slot, true);
		pgm__watch_slot(db, slot);
	} else if (place->lease && db->ev->wire[slot].use != PGM__WIRE_NONE) {
		pgm__wire_ready(db, slot, events);
	} else if (place->lease) {
		pgm__db_look_at(db, slot);
		pgm__watch_slot(db, slot);
	}
	db->ev->stirred = true;
}

static void drain_pipe(const pgm_db *db)
{
	char bytes[16];

	while (read(db->wake[0], bytes, sizeof bytes) > 0)
		continue;
}

static bool fits(const pgm_db *db, int32_t slot, int fd)
{
	return slot >= 0 && db->ev->wire[slot].watched.fd == fd;
}

void pgm__watch_ready(pgm_db *db, int fd, unsigned events)
{
	const pgm__ev *ev = db->ev;
	int32_t slot = fd >= 0 && (size_t)fd < ev->by_fd_size ? ev->by_fd[fd] - 1 : PGM__NO_SLOT;

	if (fd < 0)
		return;
	if (fits(db, slot, fd))
		slot_ready(db, slot, events);
	else if (fd == ev->pipe.fd)
		drain_pipe(db);
	else
		pgm__cancel_ready(db, fd);
}

/* ------------------------------------------------------------------------- what is not watched */

static void give_up(pgm_db *db, int32_t slot)
{
	pgm__place *place = &db->place[slot];
	pgm_error why;

	if (place->connector) {
		pgm__connector_give_up(place->connector, "the event loop does not watch its socket");
		pgm__db_connect_failed(db, slot, place->connector, NULL);
	} else if (db->ev->wire[slot].use != PGM__WIRE_NONE) {
		pgm__fail(&why, PGM_ERR_BROKEN,
			  "the connection was given up, as the event loop does not watch its socket");
		pgm__wire_lose(db, slot, &why);
	} else if (place->lease) {
		shutdown(PQsocket(place->lease->conn), SHUT_RDWR);
		pgm__db_look_at(db, slot);
	}
}

void pgm__watch_give_up_refused(pgm_db *db)
{
	db->ev->refused = false;
	for (int32_t i = 0; i < db->slots.rules.max_size; i++) {
		if (!db->ev->wire[i].watched.refused)
			continue;
		db->ev->wire[i].watched.refused = false;
		give_up(db, i);
	}
}

/* ------------------------------------------------------------------------------------- poll(2) */

static unsigned events_of_poll(short revents)
{
	unsigned events = 0;

	if (revents & POLLOUT)
		events |= PGM_WRITE;
	if (revents & ~POLLOUT)
		events |= PGM_READ; /* an error shows when it is read */
	return events;
}

static void add_fd(pgm__ev *ev, nfds_t *count, int fd, unsigned events, int32_t slot)
{
	short wanted_events = (short)((events & PGM_READ ? POLLIN : 0) | (events & PGM_WRITE ? POLLOUT : 0));

	if (fd < 0 || events == 0)
		return;
	ev->fds[*count] = (struct pollfd){.fd = fd, .events = wanted_events};
	ev->fd_slots[(*count)++] = slot;
}

static nfds_t collect(pgm_db *db)
{
	pgm__ev *ev = db->ev;
	nfds_t count = 0;

	add_fd(ev, &count, db->wake[0], PGM_READ, PGM__NO_SLOT);
	for (int32_t i = 0; i < db->slots.rules.max_size; i++) {
		unsigned events;
		int fd = wanted(db, i, &events);

		add_fd(ev, &count, fd, events, i);
	}
	return count;
}

void pgm__watch_poll(pgm_db *db, pgm__time until)
{
	pgm__ev *ev = db->ev;
	nfds_t slots = collect(db), count = slots;

	count += pgm__cancel_collect(db, ev->fds + count);
	if (pgm__poll(ev->fds, count, until) <= 0)
		return;
	ev->working = true;
	for (nfds_t i = 0; i < slots; i++) {
		if (ev->fds[i].revents && ev->fd_slots[i] == PGM__NO_SLOT)
			drain_pipe(db);
		else if (ev->fds[i].revents)
			slot_ready(db, ev->fd_slots[i], events_of_poll(ev->fds[i].revents));
	}
	for (nfds_t i = slots; i < count; i++)
		if (ev->fds[i].revents)
			pgm__cancel_ready(db, ev->fds[i].fd);
	ev->working = false;
}
