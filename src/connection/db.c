#include "connection/db.h"

#include "base/error.h"
#include "base/log.h"
#include "base/pipe.h"
#include "base/thread.h"
#include "connection/close.h"
#include "connection/events.h"
#include "connection/open.h"
#include "connection/process.h"
#include "connection/wait.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define LEAK_AFTER_DEFAULT (600 * PGM__SECOND)
#define HAND_OVER_AFTER PGM__MS

/* ------------------------------------------------------------------------------ making, freeing */

static pgm__slot_rules rules_of(const pgm__settings *settings, const pgm_open_options *options)
{
	return (pgm__slot_rules){
		.min_size = settings->min_size,
		.max_size = settings->max_size,
		.max_waiting = settings->max_waiting,
		.num_workers = settings->num_workers,
		.max_idle = settings->max_idle,
		.max_lifetime = settings->max_lifetime,
		.reconnect_timeout = settings->reconnect_timeout,
		.leak_after = options->leak_after_ms > 0 ? options->leak_after_ms * PGM__MS : LEAK_AFTER_DEFAULT,
		.hand_over_after = HAND_OVER_AFTER,
		.borrower_opens = settings->type == PGM_NORMAL,
	};
}

static pgm_db *db_new(pgm__settings *settings, const pgm_open_options *options, pgm_error *err)
{
	pgm_db *db = calloc(1, sizeof *db);
	pgm__slot_rules rules = rules_of(settings, options);

	if (!db) {
		pgm__settings_free(settings);
		pgm__fail_nomem(err, "open a handle");
		return NULL;
	}
	db->type = settings->type;
	db->settings = settings;
	db->hooks = options->hooks;
	db->refs = 1;
	db->wake[0] = db->wake[1] = -1;
	pthread_mutex_init(&db->lock, NULL);
	db->slot = calloc((size_t)rules.max_size, sizeof *db->slot);
	db->place = calloc((size_t)rules.max_size, sizeof *db->place);
	if (!db->slot || !db->place || !pgm__cond_init(&db->changed) || !pgm__cond_init(&db->keeper_gone)) {
		pgm__fail_nomem(err, "open a handle");
		goto fail;
	}
	pgm__slots_init(&db->slots, &rules, db->slot, (uint64_t)pgm__clock_now());
	if (pgm__pipe_open(db->wake, err) && pgm__process_add(db, err))
		return db;
fail:
	db->refs = 0;
	pgm__db_free(db);
	return NULL;
}

void pgm__db_free(pgm_db *db)
{
	pgm__process_remove(db);
	pgm__db_forget_orphans(db);
	pgm__pipe_close(db->wake);
	pthread_cond_destroy(&db->keeper_gone);
	pthread_cond_destroy(&db->changed);
	pthread_mutex_destroy(&db->lock);
	pgm__settings_free(db->settings);
	free(db->place);
	free(db->slot);
	free(db);
}

bool pgm__db_unref_locked(pgm_db *db)
{
	return --db->refs == 0;
}

void pgm__db_unref(pgm_db *db)
{
	bool last;

	pthread_mutex_lock(&db->lock);
	last = pgm__db_unref_locked(db);
	pthread_mutex_unlock(&db->lock);
	if (last)
		pgm__db_free(db);
}

/* ----------------------------------------------------------------------------------- waking */

static void wake_pipe_locked(pgm_db *db)
{
	if (db->keeper_told)
		return;
	db->keeper_told = true;
	pgm__pipe_wake(db->wake);
}

void pgm__db_wake_locked(pgm_db *db)
{
	pgm__waiter *w;

	while ((w = pgm__slots_next_woken(&db->slots)) != NULL)
		pthread_cond_signal(&((pgm__thread_waiter *)w)->served);
	if (db->slots.stir && db->keeper_runs)
		wake_pipe_locked(db);
}

/* A closed handle stays a valid pointer, but holds no descriptor. */
void pgm__db_close_pipe_locked(pgm_db *db)
{
	if (db->slots.shut && !db->keeper_runs && pgm__slots_count(&db->slots, PGM__SLOT_OPENING) == 0)
		pgm__pipe_close(db->wake);
}

/* ---------------------------------------------------------------------------------- opening */

void pgm__db_lend_locked(pgm__lease *lease, const pgm__caller *caller)
{
	lease->file = caller->file;
	lease->line = caller->line;
	lease->borrower = pthread_self();
	lease->savepoints = 0;
	lease->began = false;
	atomic_store_explicit(&lease->lent, true, memory_order_relaxed);
	lease->db->refs++;
}

static pgm__lease *lease_new(pgm_db *db, int32_t slot, PGconn *conn)
{
	pgm__lease *lease = calloc(1, sizeof *lease);

	if (!lease)
		return NULL;
	lease->conn = conn;
	lease->db = db;
	lease->slot = slot;
	lease->fd = PQsocket(conn);
	lease->encoding = PQclientEncoding(conn);
	if (pgm__events_register(conn) && pgm__registry_add(conn, lease))
		return lease;
	free(lease);
	return NULL;
}

static void fail_opening(pgm_db *db, int32_t slot, const pgm_error *why, bool for_good)
{
	pthread_mutex_lock(&db->lock);
	db->place[slot].connector = NULL;
	pgm__error_copy(&db->last_error, why);
	pgm__slots_failed(&db->slots, slot, for_good, pgm__clock_now());
	pthread_cond_broadcast(&db->changed);
	pgm__db_wake_locked(db);
	pgm__db_close_pipe_locked(db);
	pthread_mutex_unlock(&db->lock);
}

void pgm__db_connect_failed(pgm_db *db, int32_t slot, pgm__connector *c, pgm_error *err)
{
	pgm_error why = {0};

	if (pgm__connector_progress(c) == PGM__CONNECT_FAILED)
		why = *pgm__connector_error(c);
	else
		pgm__fail(&why, PGM_ERR_CLOSED, "the handle was closed while it was connecting");
	pgm__error_copy(err, &why);
	fail_opening(db, slot, &why, pgm__connector_failed_for_good(c));
	pgm__connector_free(c);
}

pgm__lease *pgm__db_adopt(pgm_db *db, int32_t slot, pgm__connector *c, const pgm__caller *caller, pgm_error *err)
{
	PGconn *conn = pgm__connector_take(c);
	pgm__lease *lease = lease_new(db, slot, conn);
	pgm__time now;
	bool kept;

	pgm__connector_free(c);
	pgm__process_connected();
	if (!lease) {
		pgm_error why;

		pgm__fail_nomem(&why, "keep a connection");
		pgm__error_copy(err, &why);
		fail_opening(db, slot, &why, false);
		pgm__conn_close(conn, true);
		return NULL;
	}
	pthread_mutex_lock(&db->lock);
	now = pgm__clock_now();
	db->place[slot] = (pgm__place){.lease = lease};
	kept = caller ? pgm__slots_opened_lent(&db->slots, slot, now) : pgm__slots_opened(&db->slots, slot, now);
	if (kept) {
		pgm__error_clear(&db->last_error);
		if (caller)
			pgm__db_lend_locked(lease, caller);
	}
	pthread_cond_broadcast(&db->changed);
	pgm__db_wake_locked(db);
	pgm__db_close_pipe_locked(db);
	pthread_mutex_unlock(&db->lock);
	if (kept)
		return lease;
	pgm__db_close_lease(db, lease, true);
	pgm__fail(err, PGM_ERR_CLOSED, "the handle was closed while it was connecting");
	return NULL;
}

bool pgm__db_is_shut(pgm_db *db)
{
	bool shut;

	pthread_mutex_lock(&db->lock);
	shut = db->slots.shut;
	pthread_mutex_unlock(&db->lock);
	return shut;
}

pgm__progress pgm__db_drive(pgm_db *db, pgm__connector *c, pgm__time deadline)
{
	pgm__progress progress = pgm__connector_progress(c);

	if (progress == PGM__GO_ON)
		progress = pgm__connector_step(c);
	while (progress == PGM__WANTS_READ || progress == PGM__WANTS_WRITE) {
		pgm__time own = pgm__connector_deadline(c);
		struct pollfd fds[] = {
			{.fd = pgm__connector_fd(c), .events = progress == PGM__WANTS_READ ? POLLIN : POLLOUT},
			{.fd = db->wake[0], .events = POLLIN}, /* readable once the handle is shut */
		};
		int ready = pgm__poll(fds, 2, own < deadline ? own : deadline);

		if (fds[1].revents && pgm__db_is_shut(db))
			break;
		if (ready == 0 && pgm__clock_now() < own)
			break;
		progress = pgm__connector_step(c);
	}
	return progress;
}

static bool open_first(pgm_db *db, pgm_error *err)
{
	pgm__connector *c = pgm__connector_new(db->settings, &db->hooks);
	int32_t slot;

	if (!c)
		return pgm__fail_nomem(err, "connect");
	pthread_mutex_lock(&db->lock);
	slot = pgm__slots_begin(&db->slots);
	pthread_mutex_unlock(&db->lock);
	if (pgm__db_drive(db, c, PGM__NEVER) == PGM__CONNECTED)
		return pgm__db_adopt(db, slot, c, NULL, err) != NULL;
	pgm__db_connect_failed(db, slot, c, err);
	return false;
}

static bool start_keeper(pgm_db *db, pgm_error *err)
{
	bool ok;

	pthread_mutex_lock(&db->lock);
	ok = pgm__keeper_start_locked(db, err);
	pthread_mutex_unlock(&db->lock);
	return ok;
}

pgm_db *pgm__db_open(pgm__settings *settings, const pgm_open_options *options, pgm_error *err)
{
	pgm_db *db = db_new(settings, options, err);

	if (!db || options->lazy)
		return db;
	if (open_first(db, err) && start_keeper(db, err))
		return db;
	pgm__db_shut(db);
	pgm__db_unref(db);
	return NULL;
}

/* ---------------------------------------------------------------------------------- closing */

void pgm__db_close_lease(pgm_db *db, pgm__lease *lease, bool polite)
{
	pthread_mutex_lock(&db->lock);
	db->place[lease->slot].lease = NULL; /* a fork from here on must not look at its socket */
	pthread_mutex_unlock(&db->lock);
	pgm__registry_remove(lease->conn); /* before PQfinish, which would tell us of itself */
	pgm__conn_close(lease->conn, polite);
	pthread_mutex_lock(&db->lock);
	pgm__slots_closed(&db->slots, lease->slot, pgm__clock_now());
	pgm__db_wake_locked(db);
	pthread_mutex_unlock(&db->lock);
	free(lease);
}

void pgm__db_drop(pgm_db *db, pgm__lease *lease, const pgm_error *why)
{
	bool was_lent = atomic_load_explicit(&lease->lent, memory_order_relaxed);

	pgm__log(PGM_LOG_WARNING, "a connection is dropped: %s", why->message);
	pthread_mutex_lock(&db->lock);
	atomic_store_explicit(&lease->lent, false, memory_order_relaxed);
	db->last_death = pgm__clock_now();
	pgm__slots_lost(&db->slots, lease->slot);
	if (was_lent)
		db->refs--; /* not the last: the caller has the handle in hand */
	pthread_mutex_unlock(&db->lock);
	pgm__db_close_lease(db, lease, false);
}

/* An opening that a borrower left behind, and nobody will go on with. */
static void close_connector(pgm_db *db, int32_t slot, pgm__connector *c)
{
	pgm__connector_free(c);
	pthread_mutex_lock(&db->lock);
	pgm__slots_closed(&db->slots, slot, pgm__clock_now());
	pgm__db_close_pipe_locked(db);
	pthread_mutex_unlock(&db->lock);
}

void pgm__db_close_due(pgm_db *db)
{
	for (;;) {
		pgm__place place = {0};
		pgm__due due;

		pthread_mutex_lock(&db->lock);
		due = pgm__slots_due(&db->slots, pgm__clock_now());
		if (due.what == PGM__DUE_CLOSE) {
			place = db->place[due.slot];
			db->place[due.slot].connector = NULL;
		}
		pthread_mutex_unlock(&db->lock);
		if (place.lease)
			pgm__db_close_lease(db, place.lease, true);
		else if (place.connector)
			close_connector(db, due.slot, place.connector);
		else
			return;
	}
}

void pgm__db_shut(pgm_db *db)
{
	bool already;

	pthread_mutex_lock(&db->lock);
	already = db->slots.shut;
	if (!already) {
		pgm__slots_shut(&db->slots);
		pthread_cond_broadcast(&db->changed);
		pgm__db_wake_locked(db);
		wake_pipe_locked(db);
		pgm__db_close_pipe_locked(db);
	}
	pthread_mutex_unlock(&db->lock);
	if (already)
		return;
	pgm__db_close_due(db);
	pgm__keeper_stop(db);
	pgm__db_forget_orphans(db);
}

/* ------------------------------------------------------------------------------------- fork */

static void forget_lease_locked(pgm_db *db, pgm__lease *lease, int dead_fd)
{
	int fd = PQsocket(lease->conn);

	if (fd >= 0) {
		dup2(dead_fd, fd);
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	lease->slot = PGM__NO_SLOT;
	if (atomic_load_explicit(&lease->lent, memory_order_relaxed))
		return; /* its borrower may still give it back */
	lease->next_orphan = db->orphans;
	db->orphans = lease;
}

void pgm__db_forked_locked(pgm_db *db, int dead_fd)
{
	for (int32_t i = 0; i < db->slots.rules.max_size; i++) {
		pgm__place *place = &db->place[i];

		if (place->lease)
			forget_lease_locked(db, place->lease, dead_fd);
		/* A connector's memory is not to be trusted: another thread may have been in the middle of a step. */
		*place = (pgm__place){0};
	}
	pgm__slots_forget(&db->slots);
	if (db->keeper_runs)
		db->refs--;
	db->keeper_runs = db->keeper_started = db->keeper_told = false;
	pgm__cond_init(&db->changed); /* whoever waited on these does not exist here */
	pgm__cond_init(&db->keeper_gone);
	pgm__pipe_close(db->wake);
	if (!db->slots.shut)
		pgm__pipe_open(db->wake, NULL);
}

void pgm__db_forget_orphans(pgm_db *db)
{
	pgm__lease *lease, *next;

	pthread_mutex_lock(&db->lock);
	lease = db->orphans;
	db->orphans = NULL;
	pthread_mutex_unlock(&db->lock);
	for (; lease; lease = next) {
		next = lease->next_orphan;
		pgm__registry_remove(lease->conn);
		PQfinish(lease->conn);
		free(lease);
	}
}
