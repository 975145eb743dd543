/*
 * The keeper of a pool: one thread that opens connections, several at once and none of them blocking,
 * ages them, and watches the idle ones. It sleeps in poll(2) until a socket speaks, until the time that
 * the slots named, or until it is told; it never wakes to see whether there is something to do.
 *
 * It watches the connections that lie idle when it goes to sleep. One that is lent meanwhile costs it one
 * needless wake-up at most: then it looks again at what is idle. One that comes back meanwhile is not watched yet;
 * the first that does so has the keeper look again a second later (pgm__keeper_expect_look_locked), and all others until
 * then are content with that.
 */
#include "base/error.h"
#include "base/thread.h"
#include "connection/db.h"
#include "connection/due.h"
#include "connection/open.h"
#include "connection/wait.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define STOP_WITHIN (2 * PGM__SECOND)
#define LOOK_AFTER PGM__SECOND

/* What is watched in one sleep: the pipe, then who is connecting, then who lies idle. */
struct pgm__watch {
	struct pollfd *fds;
	int32_t *slots; /* whose fds[i] is; NO_SLOT for the pipe */
	nfds_t count, connecting_end;
	pgm__time until;
};

/* ---------------------------------------------------------------------------------- watching */

static void watch_add(pgm__watch *w, int fd, short events, int32_t slot)
{
	w->fds[w->count] = (struct pollfd){.fd = fd, .events = events};
	w->slots[w->count++] = slot;
}

static void watch_connecting_locked(const pgm_db *db, pgm__watch *w)
{
	for (int32_t i = db->slots.list[PGM__SLOT_OPENING].first; i != PGM__NO_SLOT; i = db->slot[i].next) {
		const pgm__connector *c = db->place[i].connector;
		bool reads = pgm__connector_progress(c) == PGM__WANTS_READ;

		watch_add(w, pgm__connector_fd(c), reads ? POLLIN : POLLOUT, i);
		if (pgm__connector_deadline(c) < w->until)
			w->until = pgm__connector_deadline(c);
	}
	w->connecting_end = w->count;
}

void pgm__keeper_expect_look_locked(pgm_db *db)
{
	if (!db->keeper_runs || atomic_load_explicit(&db->look_at, memory_order_relaxed) != 0)
		return;
	atomic_store_explicit(&db->look_at, pgm__clock_now() + LOOK_AFTER, memory_order_relaxed);
	db->slots.stir = true;
}

static void watch_idle_locked(pgm_db *db, pgm__watch *w)
{
	pgm__time at = atomic_load_explicit(&db->look_at, memory_order_relaxed);

	for (int32_t i = db->slots.list[PGM__SLOT_IDLE].first; i != PGM__NO_SLOT; i = db->slot[i].next)
		if (!pgm__lease_is_misused(db->place[i].lease))
			watch_add(w, db->place[i].lease->fd, POLLIN, i);
	if (at != 0 && at <= pgm__clock_now())
		atomic_store_explicit(&db->look_at, 0, memory_order_relaxed);
	else if (at != 0 && at < w->until)
		w->until = at;
}

static void watch_all(pgm_db *db, pgm__watch *w, pgm__time until)
{
	w->count = 0;
	w->until = until;
	watch_add(w, db->wake[0], POLLIN, PGM__NO_SLOT);
	pgm__db_lock(db);
	watch_connecting_locked(db, w);
	watch_idle_locked(db, w);
	pgm__db_unlock(db);
}

static void drain_pipe(pgm_db *db)
{
	char bytes[16];

	while (read(db->wake[0], bytes, sizeof bytes) > 0)
		continue;
	pgm__db_lock(db);
	db->keeper_told = false;
	pgm__db_unlock(db);
}

/* poll(2) refuses (the process may have lowered its limit of descriptors): it is tried again, and not at once. */
static void rest(void)
{
	const struct timespec pause = {.tv_nsec = 100 * PGM__MS};

	nanosleep(&pause, NULL);
}

static void sleep_and_act(pgm_db *db, pgm__watch *w)
{
	if (pgm__poll(w->fds, w->count, w->until) < 0) {
		rest();
		return;
	}
	if (w->fds[0].revents)
		drain_pipe(db);
	for (nfds_t i = 1; i < w->connecting_end; i++)
		pgm__db_go_on_connecting(db, w->slots[i], w->fds[i].revents != 0);
	for (nfds_t i = w->connecting_end; i < w->count; i++)
		if (w->fds[i].revents)
			pgm__db_look_at(db, w->slots[i]);
}

/* ------------------------------------------------------------------------- its life and its end */

static void give_up_connecting(pgm_db *db)
{
	for (int32_t i = 0; i < db->slots.rules.max_size; i++) {
		pgm__connector *c;
		pgm_error ignored;

		pgm__db_lock(db);
		c = db->place[i].connector;
		pgm__db_unlock(db);
		if (c)
			pgm__db_connect_failed(db, i, c, &ignored);
	}
}

void pgm__watch_free(pgm__watch *watch)
{
	if (!watch)
		return;
	free(watch->fds);
	free(watch->slots);
	free(watch);
}

pgm__watch *pgm__watch_new(int32_t max_size)
{
	pgm__watch *watch = calloc(1, sizeof *watch);
	size_t most = 1 + (size_t)max_size;

	if (!watch)
		return NULL;
	watch->fds = calloc(most, sizeof *watch->fds);
	watch->slots = calloc(most, sizeof *watch->slots);
	if (watch->fds && watch->slots)
		return watch;
	pgm__watch_free(watch);
	return NULL;
}

static void *keeper_main(void *arg)
{
	pgm_db *db = arg;
	bool last;

	while (!pgm__db_is_shut(db)) {
		pgm__due due;

		do
			due = pgm__db_do_due(db);
		while (due.what != PGM__DUE_NOTHING);
		watch_all(db, db->watch, due.until);
		sleep_and_act(db, db->watch);
	}
	give_up_connecting(db);
	pgm__db_close_due(db);
	pgm__db_lock(db);
	db->keeper_runs = false;
	pgm__db_close_pipe_locked(db);
	pthread_cond_broadcast(&db->keeper_gone);
	last = pgm__db_unref_locked(db);
	pgm__db_unlock(db);
	if (last)
		pgm__db_free(db);
	return NULL;
}

bool pgm__keeper_start_locked(pgm_db *db, pgm_error *err)
{
	if (db->keeper_runs || db->slots.rules.borrower_opens || db->ev || db->slots.shut)
		return true;
	if (!pgm__thread_start(&db->keeper, keeper_main, db))
		return pgm__fail(err, PGM_ERR_NOMEM, "cannot start the pool's thread");
	db->keeper_runs = db->keeper_started = true;
	db->refs++;
	return true;
}

void pgm__keeper_stop(pgm_db *db)
{
	pgm__time deadline = pgm__clock_now() + STOP_WITHIN;
	bool join;

	pgm__db_lock(db);
	join = db->keeper_started && !pthread_equal(db->keeper, pthread_self());
	if (db->keeper_started && !join)
		pthread_detach(db->keeper); /* a hook of its own closes the handle: nobody else will join it */
	db->keeper_started = false;
	while (join && db->keeper_runs && pgm__db_wait_locked(db, &db->keeper_gone, deadline))
		continue;
	if (join && db->keeper_runs)
		join = pthread_detach(db->keeper) != 0; /* stuck in a hook: it ends by itself */
	pgm__db_unlock(db);
	if (join)
		pthread_join(db->keeper, NULL);
}
