#include "connection/evented/cancel.h"

#include "base/error.h"
#include "connection/close.h"
#include "connection/libpq_error.h"
#include "connection/wait.h"

#include <stdio.h>
#include <stdlib.h>

/* A request that overtakes its statement is lost: the server was still idle. So it is made again. */
#define CANCEL_EVERY (200 * PGM__MS)
#define GIVE_UP_AFTER (3 * PGM__SECOND)

#define LOST "the connection that asks for it was lost"

struct pgm__cancel {
	pgm__cancel *next;
	int32_t slot; /* where the late statement is; NO_SLOT: that connection is gone */
	int pid;
	bool asked;    /* and not answered */
	bool over;     /* the statement has been answered */
	int32_t asker; /* an idle connection of the handle that asks; NO_SLOT: none */
	pgm__time again_at, give_up_at;

	/* One that is opened for it, with no session settings of the file. */
	pgm__settings plain;
	pgm__connector *connector;
	PGconn *conn;
	pgm__watched watched;
};

static pgm__cancel *find(const pgm_db *db, int32_t slot)
{
	pgm__cancel *c = db->ev->cancels;

	while (c && c->slot != slot)
		c = c->next;
	return c;
}

static void cancel_free(pgm_db *db, pgm__cancel *c)
{
	pgm__watch_set(db, &c->watched, -1, 0, PGM__NO_SLOT);
	pgm__connector_free(c->connector);
	pgm__conn_close(c->conn, !c->asked);
	free(c);
}

static void drop(pgm_db *db, pgm__cancel *c)
{
	pgm__cancel **at = &db->ev->cancels;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	if (c->slot != PGM__NO_SLOT) {
		db->ev->wire[c->slot].cancelling = false;
		db->ev->resumes = true;
		pgm__queue_count(db, c->slot);
		db->ev->stirred = true;
	}
	cancel_free(db, c);
}

static void lose(pgm_db *db, int32_t slot, const char *reason)
{
	pgm_error why;

	pgm__fail(&why, PGM_ERR_BROKEN,
		  "its connection was given up, since a late statement on it could not be cancelled (%s)", reason);
	pgm__wire_lose(db, slot, &why);
}

/* It cannot be cancelled: its connection is given up, with all that was sent on it. */
static void give_up(pgm_db *db, int32_t slot, const char *reason)
{
	pgm__request *late = db->ev->wire[slot].sent.first;
	pgm_error why;

	if (late && !late->abandoned) {
		pgm__fail_uncancelled(&why, late->timeout_ms, reason);
		pgm__wire_abandon(db, late, &why);
	}
	lose(db, slot, reason);
}

/* -------------------------------------------------------------------------------------- asking */

static void fill_query(pgm_query *query, char pid[16], const char *params[1], int number)
{
	snprintf(pid, 16, "%d", number);
	params[0] = pid;
	*query = (pgm_query){.sql = "SELECT pg_catalog.pg_cancel_backend($1::int)", .nparams = 1, .params = params};
}

static int32_t take_idle(pgm_db *db)
{
	int32_t slot;

	pgm__db_lock(db);
	slot = db->slots.list[PGM__SLOT_IDLE].first;
	if (slot != PGM__NO_SLOT && !pgm__slots_check(&db->slots, slot))
		slot = PGM__NO_SLOT;
	pgm__db_unlock(db);
	return slot;
}

static bool ask_idle(pgm_db *db, pgm__cancel *c)
{
	int32_t slot = take_idle(db);
	const char *params[1];
	char pid[16];
	pgm_query query;

	if (slot == PGM__NO_SLOT)
		return false;
	fill_query(&query, pid, params, c->pid);
	pgm__wire_begin(db, slot, PGM__WIRE_ASKING);
	c->asker = slot;
	c->asked = true;
	if (!pgm__wire_send_own(db, slot, PGM__REQUEST_CANCEL, &query, pgm__clock_now() + GIVE_UP_AFTER)) {
		c->asker = PGM__NO_SLOT;
		c->asked = false;
		pgm__wire_end(db, slot);
		return false;
	}
	pgm__watch_slot(db, slot);
	return true;
}

static bool send_own(pgm__cancel *c)
{
	const char *params[1];
	char pid[16];
	pgm_query query;

	fill_query(&query, pid, params, c->pid);
	c->asked = PQsendQueryParams(c->conn, query.sql, 1, NULL, params, NULL, NULL, 0) && PQflush(c->conn) >= 0;
	return c->asked;
}

static void watch_own(pgm_db *db, pgm__cancel *c)
{
	if (c->connector)
		pgm__watch_set(db, &c->watched, pgm__connector_fd(c->connector),
			       pgm__connector_progress(c->connector) == PGM__WANTS_READ ? PGM_READ : PGM_WRITE,
			       PGM__NO_SLOT);
	else
		pgm__watch_set(db, &c->watched, c->conn ? PQsocket(c->conn) : -1, PGM_READ, PGM__NO_SLOT);
}

static void give_up_own(pgm_db *db, pgm__cancel *c, const char *reason)
{
	bool over = c->over, asked = c->asked;
	int32_t slot = c->slot;
	pgm__wire_use use = db->ev->wire[slot].use;

	drop(db, c);
	if (!over)
		give_up(db, slot, reason);
	else if (asked && (use == PGM__WIRE_AT_WORK || use == PGM__WIRE_CLEANING))
		lose(db, slot, reason); /* what is sent on it next may be hit at any time */
}

/* Its connecting has come to an end, or goes on. */
static void step_own(pgm_db *db, pgm__cancel *c)
{
	pgm__progress progress;

	pgm__watch_set(db, &c->watched, -1, 0, PGM__NO_SLOT);
	progress = pgm__connector_step(c->connector);
	if (progress == PGM__CONNECT_FAILED) {
		pgm_error why = *pgm__connector_error(c->connector);

		give_up_own(db, c, why.message);
		return;
	}
	if (progress == PGM__CONNECTED) {
		c->conn = pgm__connector_take(c->connector);
		pgm__connector_free(c->connector);
		c->connector = NULL;
		if (c->over) { /* too late */
			drop(db, c);
			return;
		}
		PQsetnonblocking(c->conn, 1);
		if (!send_own(c)) {
			give_up_own(db, c, LOST);
			return;
		}
	}
	watch_own(db, c);
}

static void open_own(pgm_db *db, pgm__cancel *c)
{
	static const pgm_hooks no_hooks;

	c->plain = *db->settings;
	c->plain.ngucs = 0;
	c->connector = pgm__connector_new(&c->plain, &no_hooks);
	if (c->connector)
		step_own(db, c);
	else
		give_up_own(db, c, "out of memory");
}

static void ask(pgm_db *db, pgm__cancel *c)
{
	c->again_at = PGM__NEVER;
	if (c->conn) {
		if (send_own(c))
			watch_own(db, c);
		else
			give_up_own(db, c, LOST);
	} else if (!ask_idle(db, c)) {
		open_own(db, c);
	}
}

void pgm__cancel_begin(pgm_db *db, int32_t slot)
{
	pgm__wire *w = &db->ev->wire[slot];
	pgm__request *late = w->sent.first;
	pgm__cancel *c;

	if (!late)
		return;
	late->cancelled = true;
	for (pgm__request *r = late; r; r = r->next)
		r->after_cancel = true;
	if (!db->place[slot].lease->reaches_backend) {
		give_up(db, slot, "there is a pooler in between");
		return;
	}
	c = find(db, slot);
	if (c) { /* asked for the statement before, and not answered yet: it may as well do for this one */
		c->over = false;
		c->give_up_at = pgm__clock_now() + GIVE_UP_AFTER;
		return;
	}
	c = calloc(1, sizeof *c);
	if (!c) {
		give_up(db, slot, "out of memory");
		return;
	}
	*c = (pgm__cancel){.slot = slot,
			   .pid = PQbackendPID(db->place[slot].lease->conn),
			   .asker = PGM__NO_SLOT,
			   .give_up_at = pgm__clock_now() + GIVE_UP_AFTER,
			   .watched = {.fd = -1},
			   .next = db->ev->cancels};
	db->ev->cancels = c;
	w->cancelling = true;
	pgm__queue_count(db, slot);
	ask(db, c);
}

/* --------------------------------------------------------------------------------------- ending */

/* While a request is on its way it may still hit something: then nothing is sent until it is answered. */
void pgm__cancel_end(pgm_db *db, int32_t slot)
{
	pgm__cancel *c = find(db, slot);

	if (!c)
		return;
	c->over = true;
	c->again_at = PGM__NEVER;
	if (!c->asked)
		drop(db, c);
}

/* A refusal would be the same the next time; true and false both leave it open whether the statement was hit. */
static void answered(pgm_db *db, pgm__cancel *c, const PGresult *res)
{
	pgm_error why;

	c->asked = false;
	if (c->over)
		drop(db, c);
	else if (res && !pgm_result_ok(res, &why))
		give_up_own(db, c, why.message);
	else
		c->again_at = pgm__clock_now() + CANCEL_EVERY;
}

void pgm__cancel_answered(pgm_db *db, int32_t asker, const PGresult *res)
{
	pgm__cancel *c = db->ev->cancels;

	while (c && c->asker != asker)
		c = c->next;
	if (!c)
		return;
	c->asker = PGM__NO_SLOT;
	if (!res && c->over)
		give_up_own(db, c, LOST);
	else
		answered(db, c, res);
}

void pgm__cancel_forget(pgm_db *db, int32_t slot)
{
	pgm__cancel *c = find(db, slot);

	if (c)
		drop(db, c);
}

void pgm__cancel_forget_all(pgm_db *db)
{
	while (db->ev->cancels)
		drop(db, db->ev->cancels);
}

/* ------------------------------------------------------------------------------- being driven */

static pgm__time due_of(const pgm__cancel *c)
{
	pgm__time due = c->again_at < c->give_up_at ? c->again_at : c->give_up_at;

	if (c->connector && pgm__connector_deadline(c->connector) < due)
		due = pgm__connector_deadline(c->connector);
	return due;
}

pgm__time pgm__cancel_due(const pgm_db *db)
{
	pgm__time due = PGM__NEVER;

	for (const pgm__cancel *c = db->ev->cancels; c; c = c->next)
		if (due_of(c) < due)
			due = due_of(c);
	return due;
}

static void expire(pgm_db *db, pgm__cancel *c, pgm__time now)
{
	if (c->give_up_at <= now)
		give_up_own(db, c, "it went on");
	else if (c->connector && pgm__connector_deadline(c->connector) <= now)
		step_own(db, c);
	else if (c->again_at <= now)
		ask(db, c);
}

static pgm__cancel *first_due(const pgm_db *db, pgm__time now)
{
	pgm__cancel *c = db->ev->cancels;

	while (c && due_of(c) > now)
		c = c->next;
	return c;
}

void pgm__cancel_expire(pgm_db *db, pgm__time now)
{
	pgm__cancel *c;

	while ((c = first_due(db, now)) != NULL)
		expire(db, c, now);
}

nfds_t pgm__cancel_collect(pgm_db *db, struct pollfd *fds)
{
	nfds_t count = 0;

	for (const pgm__cancel *c = db->ev->cancels; c; c = c->next) {
		bool writes = c->connector && pgm__connector_progress(c->connector) == PGM__WANTS_WRITE;
		int fd = c->connector ? pgm__connector_fd(c->connector) : c->conn ? PQsocket(c->conn) : -1;

		if (fd >= 0)
			fds[count++] = (struct pollfd){.fd = fd, .events = writes ? POLLOUT : POLLIN};
	}
	return count;
}

static bool has_fd(const pgm__cancel *c, int fd)
{
	if (c->connector)
		return pgm__connector_fd(c->connector) == fd;
	return c->conn && PQsocket(c->conn) == fd;
}

static void read_own(pgm_db *db, pgm__cancel *c)
{
	if (!PQconsumeInput(c->conn) || PQflush(c->conn) < 0) {
		give_up_own(db, c, LOST);
		return;
	}
	while (!PQisBusy(c->conn)) {
		PGresult *res = PQgetResult(c->conn);

		if (!res || !pgm_result_ok(res, NULL)) {
			if (c->asked)
				answered(db, c, res);
			PQclear(res);
			return;
		}
		if (pgm__is_copy(res)) { /* libpq would give it again and again */
			PQclear(res);
			give_up_own(db, c, "the server answers with a COPY");
			return;
		}
		PQclear(res);
	}
}

void pgm__cancel_ready(pgm_db *db, int fd)
{
	pgm__cancel *c = db->ev->cancels;

	while (c && !has_fd(c, fd))
		c = c->next;
	if (c && c->connector && pgm__connector_is_ready(c->connector))
		step_own(db, c);
	else if (c && c->conn)
		read_own(db, c);
	db->ev->stirred = true;
}
