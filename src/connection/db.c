#include "connection/db.h"

#include "base/error.h"
#include "base/log.h"
#include "base/pipe.h"
#include "base/thread.h"
#include "connection/close.h"
#include "connection/evented/calls.h"
#include "connection/evented/evented.h"
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

static pgm__time leak_after(const pgm_open_options *options)
{
	if (options->leak_after_ms <= 0)
		return LEAK_AFTER_DEFAULT;
	return options->leak_after_ms < PGM__NEVER / PGM__MS ? options->leak_after_ms * PGM__MS : PGM__NEVER;
}

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
		.leak_after = leak_after(options),
		.hand_over_after = HAND_OVER_AFTER,
		.borrower_opens = settings->type == PGM_NORMAL,
	};
}

static bool is_event_driven(const pgm_db *db)
{
	return db->type == PGM_ASYNC || db->type == PGM_ASYNC_POOL;
}

static bool has_keeper(const pgm_db *db)
{
	return db->type == PGM_POOL;
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
	if (has_keeper(db))
		db->watch = pgm__watch_new(rules.max_size);
	if (!db->slot || !db->place || (has_keeper(db) && !db->watch) || !pgm__cond_init(&db->changed) ||
	    !pgm__cond_init(&db->keeper_gone)) {
		pgm__fail_nomem(err, "open a handle");
		goto fail;
	}
	pgm__hot_init(&db->hot);
	pgm__slots_init(&db->slots, &rules, db->slot, (uint64_t)pgm__clock_now());
	if (is_event_driven(db) && !pgm__ev_new(db, options->loop, err))
		goto fail;
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
	pgm__watch_free(db->watch);
	pgm__ev_free(db);
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

	pgm__db_lock(db);
	last = pgm__db_unref_locked(db);
	pgm__db_unlock(db);
	if (last)
		pgm__db_free(db);
}

/* --------------------------------------------------------------------------------- the lock */

void pgm__db_lock(pgm_db *db)
{
	pthread_mutex_lock(&db->lock);
	if (!db->ev) /* else nothing is ever put there */
		pgm__hot_shut_locked(db);
}

void pgm__db_unlock(pgm_db *db)
{
	if (!db->ev)
		pgm__hot_open_locked(db);
	pthread_mutex_unlock(&db->lock);
}

bool pgm__db_wait_locked(pgm_db *db, pthread_cond_t *cond, pgm__time deadline)
{
	bool in_time;

	pgm__hot_open_locked(db);
	in_time = pgm__cond_wait_until(cond, &db->lock, deadline);
	pgm__hot_shut_locked(db);
	return in_time;
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

	if (db->ev)
		return; /* it looks itself */
	while ((w = pgm__slots_next_woken(&db->slots)) != NULL)
		pthread_cond_signal(&((pgm__thread_waiter *)w)->served);
	if (db->slots.stir && db->keeper_runs)
		wake_pipe_locked(db);
}

/* A closed handle stays a valid pointer, but holds no descriptor. */
void pgm__db_close_pipe_locked(pgm_db *db)
{
	if (db->slots.shut && !db->keeper_runs && (!db->ev || db->ev->ended) &&
	    pgm__slots_count(&db->slots, PGM__SLOT_OPENING) == 0)
		pgm__pipe_close(db->wake);
}

/* ---------------------------------------------------------------------------------- opening */

bool pgm__db_leaks_locked(pgm_db *db, int32_t slot, pgm__loan *loan)
{
	pgm__lease *lease = db->place[slot].lease;
	pgm__time now = pgm__clock_now(), since = now;

	if (pgm__is_lent(lease))
		since = atomic_load_explicit(&lease->lent_at, memory_order_relaxed);
	if (since > db->slot[slot].since) {
		pgm__slots_lent_again(&db->slots, slot, since);
		return false;
	}
	atomic_store_explicit(&lease->overdue, true, memory_order_relaxed);
	*loan = pgm__loan_of(lease, now);
	return true;
}

void pgm__db_lend_locked(pgm__lease *lease, const pgm__caller *caller)
{
	pgm__lease_mark_lent(lease, caller, lease->db->slot[lease->slot].since);
	lease->counted = true;
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
	/* It costs two allocations a result; the event-driven types show the connection to nobody before it is lent. */
	if ((db->ev || pgm__events_register(lease)) && pgm__registry_add(conn, lease))
		return lease;
	free(lease);
	return NULL;
}

static void fail_opening(pgm_db *db, int32_t slot, const pgm_error *why, bool for_good)
{
	pgm__db_lock(db);
	db->place[slot].connector = NULL;
	pgm__error_copy(&db->last_error, why);
	db->failed_for_good = for_good;
	pgm__slots_failed(&db->slots, slot, for_good, pgm__clock_now());
	pthread_cond_broadcast(&db->changed);
	pgm__db_wake_locked(db);
	pgm__db_close_pipe_locked(db);
	pgm__db_unlock(db);
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

void pgm__db_cannot_connect(pgm_db *db, int32_t slot, pgm_error *err)
{
	pgm_error why;

	pgm__fail_nomem(&why, "connect");
	pgm__error_copy(err, &why);
	fail_opening(db, slot, &why, false);
}

pgm__lease *pgm__db_adopt(pgm_db *db, int32_t slot, pgm__connector *c, const pgm__caller *caller, pgm_error *err)
{
	PGconn *conn = pgm__connector_take(c);
	pgm__lease *lease = lease_new(db, slot, conn);
	pgm__time now;
	bool kept;

	if (lease)
		lease->reaches_backend = pgm__connector_reaches_backend(c);
	pgm__connector_free(c);
	pgm__process_connected(PQsslInUse(conn) != 0);
	if (!lease) {
		pgm_error why;

		pgm__fail_nomem(&why, "keep a connection");
		pgm__error_copy(err, &why);
		fail_opening(db, slot, &why, false);
		pgm__conn_close(conn, true);
		return NULL;
	}
	pgm__db_lock(db);
	now = pgm__clock_now();
	db->place[slot] = (pgm__place){.lease = lease};
	kept = caller ? pgm__slots_opened_lent(&db->slots, slot, now) : pgm__slots_opened(&db->slots, slot, now);
	if (kept) {
		lease->expires = db->slot[slot].expires;
		if (!db->ev) /* else it never lies where it could be taken without a word */
			lease->mark = atomic_load_explicit(&db->hot.vacant, memory_order_relaxed);
		pgm__error_clear(&db->last_error);
		db->failed_for_good = false;
		if (caller)
			pgm__db_lend_locked(lease, caller);
	}
	pthread_cond_broadcast(&db->changed);
	pgm__db_wake_locked(db);
	pgm__db_close_pipe_locked(db);
	pgm__db_unlock(db);
	if (kept)
		return lease;
	pgm__db_close_lease(db, lease, true);
	pgm__fail(err, PGM_ERR_CLOSED, "the handle was closed while it was connecting");
	return NULL;
}

bool pgm__db_is_shut(pgm_db *db)
{
	bool shut;

	pgm__db_lock(db);
	shut = db->slots.shut;
	pgm__db_unlock(db);
	return shut;
}

static int poll_as_allowed(struct pollfd *fds, nfds_t n, pgm__time until, bool may_be_cancelled)
{
	int before, ready;

	pthread_setcancelstate(may_be_cancelled ? PTHREAD_CANCEL_ENABLE : PTHREAD_CANCEL_DISABLE, &before);
	ready = pgm__poll(fds, n, until);
	pgm__cancel_restore(before);
	return ready;
}

pgm__progress pgm__db_drive(pgm_db *db, pgm__connector *c, pgm__time deadline, bool may_be_cancelled)
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
		int ready = poll_as_allowed(fds, 2, own < deadline ? own : deadline, may_be_cancelled);

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
	pgm__db_lock(db);
	slot = pgm__slots_begin(&db->slots);
	pgm__db_unlock(db);
	if (pgm__db_drive(db, c, PGM__NEVER, false) == PGM__CONNECTED)
		return pgm__db_adopt(db, slot, c, NULL, err) != NULL;
	pgm__db_connect_failed(db, slot, c, err);
	return false;
}

static bool start_keeper(pgm_db *db, pgm_error *err)
{
	bool ok;

	pgm__db_lock(db);
	ok = pgm__keeper_start_locked(db, err);
	pgm__db_unlock(db);
	return ok;
}

pgm_db *pgm__db_open(pgm__settings *settings, const pgm_open_options *options, pgm_error *err)
{
	pgm_db *db = db_new(settings, options, err);

	if (!db || options->lazy || (db->ev && options->loop)) /* a loop must not wait */
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
	if (db->ev)
		pgm__ev_closing(db, lease->slot);
	pgm__db_lock(db);
	db->place[lease->slot].lease = NULL; /* a fork from here on must not look at its socket */
	db->hot_loans += atomic_load_explicit(&lease->hot_loans, memory_order_relaxed);
	pgm__db_unlock(db);
	pgm__registry_remove(lease->conn); /* before PQfinish, which would tell us of itself */
	pgm__conn_close(lease->conn, polite);
	pgm__db_lock(db);
	pgm__slots_closed(&db->slots, lease->slot, pgm__clock_now());
	pgm__db_wake_locked(db);
	pgm__db_unlock(db);
	free(lease);
}

void pgm__db_drop(pgm_db *db, pgm__lease *lease, const pgm_error *why)
{
	if (why->code != PGM_ERR_CLOSED)
		pgm__log(PGM_LOG_WARNING, "a connection is dropped: %s", why->message);
	pgm__db_lock(db);
	atomic_store_explicit(&lease->loan, PGM__NOT_LENT, memory_order_relaxed);
	atomic_store_explicit(&db->last_death, pgm__clock_now(), memory_order_relaxed);
	pgm__slots_lost(&db->slots, lease->slot);
	if (lease->counted)
		db->refs--; /* not the last: the caller has the handle in hand */
	lease->counted = false;
	pgm__db_unlock(db);
	pgm__db_close_lease(db, lease, false);
}

/* An opening that a borrower left behind, and nobody will go on with. */
static void close_connector(pgm_db *db, int32_t slot, pgm__connector *c)
{
	pgm__connector_free(c);
	pgm__db_lock(db);
	pgm__slots_closed(&db->slots, slot, pgm__clock_now());
	pgm__db_close_pipe_locked(db);
	pgm__db_unlock(db);
}

static void close_due(pgm_db *db)
{
	for (;;) {
		pgm__place place = {0};
		pgm__loan loan;
		bool leaks = false;
		pgm__due due;

		pgm__db_lock(db);
		due = pgm__slots_due(&db->slots, pgm__clock_now());
		if (due.what == PGM__DUE_CLOSE) {
			place = db->place[due.slot];
			db->place[due.slot].connector = NULL;
		}
		if (due.what == PGM__DUE_REPORT)
			leaks = pgm__db_leaks_locked(db, due.slot, &loan);
		pgm__db_unlock(db);
		if (leaks)
			pgm__report_leak(&loan);
		else if (place.lease)
			pgm__db_close_lease(db, place.lease, true);
		else if (place.connector)
			close_connector(db, due.slot, place.connector);
		else if (due.what != PGM__DUE_REPORT)
			return;
	}
}

void pgm__db_close_due(pgm_db *db)
{
	int before = pgm__cancel_disable();

	close_due(db);
	pgm__cancel_restore(before);
}

void pgm__db_shut(pgm_db *db)
{
	int before = pgm__cancel_disable();
	bool already;

	pgm__db_lock(db);
	already = db->slots.shut;
	if (!already) {
		pgm__slots_shut(&db->slots);
		pthread_cond_broadcast(&db->changed);
		pgm__db_wake_locked(db);
		wake_pipe_locked(db);
		pgm__db_close_pipe_locked(db);
	}
	pgm__db_unlock(db);
	if (!already && db->ev) {
		pgm__ev_shut(db);
	} else if (!already) {
		pgm__db_close_due(db);
		pgm__keeper_stop(db);
	}
	if (!already)
		pgm__db_forget_orphans(db);
	pgm__cancel_restore(before);
}

/* ------------------------------------------------------------------------------------- fork */

static void forget_lease_locked(pgm_db *db, pgm__lease *lease, int dead_fd)
{
	int fd = PQsocket(lease->conn);

	if (fd >= 0) {
		dup2(dead_fd, fd);
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	}
	if (pgm__is_lent(lease)) {
		lease->slot = PGM__NO_SLOT;
		return; /* its borrower may still give it back */
	}
	if (lease->counted)
		db->refs--; /* another thread was about to lend it or to give it back, and is not here */
	lease->slot = PGM__NO_SLOT;
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
	if (db->ev)
		pgm__ev_forked_locked(db);
	pgm__slots_forget(&db->slots);
	if (db->keeper_runs)
		db->refs--;
	db->keeper_runs = db->keeper_started = db->keeper_told = false;
	atomic_store_explicit(&db->look_at, 0, memory_order_relaxed);
	pgm__cond_init(&db->changed); /* whoever waited on these does not exist here */
	pgm__cond_init(&db->keeper_gone);
	pgm__pipe_close(db->wake);
	if (!db->slots.shut)
		pgm__pipe_open(db->wake, NULL);
}

void pgm__db_forget_orphans(pgm_db *db)
{
	pgm__lease *lease, *next;

	pgm__db_lock(db);
	lease = db->orphans;
	db->orphans = NULL;
	pgm__db_unlock(db);
	for (; lease; lease = next) {
		next = lease->next_orphan;
		pgm__registry_remove(lease->conn);
		PQfinish(lease->conn);
		free(lease);
	}
}
