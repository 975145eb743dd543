/*
 * One connection at work: in pipeline mode, nonblocking, a Sync behind every statement, so that each is its own
 * transaction and no error touches another. A statement has ended when its Sync is answered, not before: a
 * deferred constraint turns an OK into an error there.
 */
#include "base/error.h"
#include "base/log.h"
#include "connection/close.h"
#include "connection/evented/cancel.h"
#include "connection/evented/evented.h"
#include "connection/libpq_error.h"
#include "connection/look.h"
#include "connection/open.h"
#include "connection/wait.h"

#include <stdlib.h>
#include <string.h>

/* libpq's input buffer never shrinks. */
#define SWOLLEN_FROM ((size_t)8 << 20)

#define CANCELLED "57014" /* PostgreSQL manual, appendix A */

/* A statement whose caller has gone is let run that long before it is cancelled. */
#define GRACE (100 * PGM__MS)

static PGconn *conn_of(const pgm_db *db, int32_t slot)
{
	return db->place[slot].lease->conn;
}

/* ----------------------------------------------------------------------------------- beginning */

bool pgm__wire_make_plain(PGconn *conn)
{
	return (PQpipelineStatus(conn) == PQ_PIPELINE_OFF || PQexitPipelineMode(conn)) &&
	       PQsetnonblocking(conn, 0) == 0;
}

static bool make_pipeline(PGconn *conn)
{
	return PQpipelineStatus(conn) != PQ_PIPELINE_OFF ||
	       (PQsetnonblocking(conn, 1) == 0 && PQenterPipelineMode(conn));
}

void pgm__wire_begin(pgm_db *db, int32_t slot, pgm__wire_use use)
{
	pgm__wire *w = &db->ev->wire[slot];

	w->use = use;
	w->reserved = w->whole = w->blocked = w->nulled = w->rolled_back = w->encoded = false;
}

/* ------------------------------------------------------------------------------------- sending */

static bool send_params(PGconn *conn, const pgm_query *q)
{
	return PQsendQueryParams(conn, q->sql, q->nparams, q->types, q->params, q->lengths, q->formats,
				 q->result_format);
}

static bool send_prepared(PGconn *conn, const pgm__prepared_text *text, const pgm_query *q)
{
	return PQsendQueryPrepared(conn, text->name, q->nparams, q->params, q->lengths, q->formats, q->result_format);
}

/* libpq refuses a binary parameter without its length. That is to be found out before the text has been sent. */
static bool lacks_a_length(const pgm_query *q)
{
	for (int i = 0; q->formats && !q->lengths && i < q->nparams; i++)
		if (q->formats[i] && q->params[i])
			return true;
	return false;
}

/* A text that another statement is having parsed just now is sent unprepared: if it is refused, this one must not
 * be told that it does not exist. */
static bool encode(PGconn *conn, pgm__wire *w, pgm__request *r)
{
	const pgm_query *q = &r->query;
	pgm__prepared_text *text = q->flags & PGM_PREPARE ? pgm__prepared_find(&w->prepared, q) : NULL;

	if (text && text->confirmed) {
		r->number = text->number;
		return send_prepared(conn, text, q);
	}
	if (!(q->flags & PGM_PREPARE) || text || lacks_a_length(q))
		return send_params(conn, q);
	text = pgm__prepared_add(&w->prepared, q);
	if (!text)
		return send_params(conn, q);
	r->number = text->number;
	if (!PQsendPrepare(conn, text->name, q->sql, q->nparams, q->types))
		return false;
	r->parses = true;
	return send_prepared(conn, text, q);
}

/* Nothing has been sent of it, and libpq says why. */
static void refuse(pgm_db *db, int32_t slot, pgm__request *r)
{
	pgm_error why;

	pgm__fail_libpq(&why, conn_of(db, slot));
	if (r->number)
		pgm__prepared_forget(&db->ev->wire[slot].prepared, r->number);
	pgm__request_answer(db, r, &why);
}

static bool read_results(pgm_db *db, int32_t slot, pgm_error *why);

/* Where writing has failed libpq takes in what the server said before: that counts, and has to be asked for before the
 * next Sync, which finds the end of the connection and makes libpq forget what it was waiting for. */
static void read_what_writing_found(pgm_db *db, int32_t slot)
{
	if (db->ev->wire[slot].sent.first && !PQisBusy(conn_of(db, slot)))
		read_results(db, slot, NULL);
}

/* The slot is still at work afterwards, unless the connection turned out broken. */
static void send(pgm_db *db, int32_t slot, pgm__request *r)
{
	pgm__wire *w = &db->ev->wire[slot];
	PGconn *conn = conn_of(db, slot);
	int unsent;

	read_what_writing_found(db, slot);
	if (!make_pipeline(conn) || (!encode(conn, w, r) && PQstatus(conn) == CONNECTION_OK && !r->parses)) {
		refuse(db, slot, r);
		return;
	}
	r->state = PGM__REQUEST_ON_WIRE;
	r->slot = slot;
	pgm__requests_push(&w->sent, r);
	pgm__deadlines_set(&db->ev->deadlines, &r->deadline, r->due);
	if (!PQpipelineSync(conn) || (unsent = PQflush(conn)) < 0) {
		pgm_error why;

		pgm__fail_libpq(&why, conn);
		pgm__wire_lose(db, slot, &why);
		return;
	}
	w->blocked = unsent > 0;
}

static bool is_there(const pgm_db *db, int32_t slot)
{
	return db->ev->wire[slot].use != PGM__WIRE_NONE;
}

/* What was accepted for this connection, as far as it takes it. */
static void send_held(pgm_db *db, int32_t slot)
{
	pgm__wire *w = &db->ev->wire[slot];

	while (is_there(db, slot) && w->held.first && !w->blocked && !w->cancelling && w->sent.count < PGM__DEPTH) {
		send(db, slot, pgm__requests_pop(&w->held));
	}
}

static void settle(pgm_db *db, int32_t slot);

void pgm__wire_send(pgm_db *db, int32_t slot, pgm__request *r)
{
	pgm__wire *w = &db->ev->wire[slot];

	if (w->use == PGM__WIRE_LENT) {
		r->state = PGM__REQUEST_HELD;
		r->slot = slot;
		pgm__deadlines_set(&db->ev->deadlines, &r->deadline, r->due);
		pgm__requests_push(&w->held, r);
		send_held(db, slot);
	} else {
		w->whole = w->whole || r->whole;
		send(db, slot, r);
	}
	settle(db, slot);
}

bool pgm__wire_send_own(pgm_db *db, int32_t slot, pgm__request_kind kind, const pgm_query *query, pgm__time due)
{
	pgm__request *r = pgm__request_new(db, kind);

	if (!r)
		return false;
	r->query = *query;
	r->due = due;
	send(db, slot, r);
	return true;
}

/* ----------------------------------------------------------------------------------- answering */

static void drop_result(pgm__request *r)
{
	PQclear(r->res);
	r->res = NULL;
}

static void explain_refusal(pgm__request *r, pgm_error *err)
{
	const pgm_error server = *err;

	if (strcmp(server.sqlstate, CANCELLED) == 0 && r->cancelled) {
		drop_result(r);
		pgm__fail_cancelled(err, r->timeout_ms);
	} else if (strcmp(server.sqlstate, CANCELLED) == 0 && r->after_cancel) {
		pgm__fail(err, PGM_ERR_QUERY,
			  "it was not run: it was cancelled in place of a late statement before it, "
			  "which ended in that moment: %s",
			  server.message);
		pgm__error_sqlstate(err, server.sqlstate);
	} else {
		pgm__hint_if_several(r->res, err);
	}
}

/* All of its answer is there. */
static void answer(pgm_db *db, pgm__request *r)
{
	pgm_error err;

	if (!r->res) {
		pgm__fail_unknown(&err, PGM_ERR_BROKEN, "the server gave no answer to it");
	} else if (!pgm_result_ok(r->res, &err)) {
		if (err.code == PGM_ERR_BROKEN) {
			const pgm_error lost = err;

			drop_result(r);
			pgm__fail_unknown(&err, PGM_ERR_BROKEN, lost.message);
		} else {
			explain_refusal(r, &err);
		}
	}
	pgm__request_answer(db, r, &err);
}

bool pgm__wire_abandon(pgm_db *db, pgm__request *r, const pgm_error *why)
{
	pgm__request *told = pgm__request_new(db, r->kind);

	if (!told)
		return false;
	told->on_result = r->on_result;
	told->arg = r->arg;
	r->on_result = NULL;
	r->abandoned = true;
	pgm__deadlines_remove(&db->ev->deadlines, &r->deadline);
	pgm__request_answer(db, told, why);
	return true;
}

/* ------------------------------------------------------------------------------------- reading */

/* Cached plans can go stale: after ALTER TABLE the result would have another shape (0A000), or the server does not
 * know the name any more (26000). The next one has it parsed anew. */
static void forget_stale(pgm__wire *w, const pgm__request *r)
{
	const char *sqlstate = r->number ? PQresultErrorField(r->res, PG_DIAG_SQLSTATE) : NULL;

	if (sqlstate && (strcmp(sqlstate, "0A000") == 0 || strcmp(sqlstate, "26000") == 0))
		pgm__prepared_forget(&w->prepared, r->number);
}

/* Its Sync has been answered. False: that was the end of the connection. */
static bool finish(pgm_db *db, int32_t slot)
{
	pgm__wire *w = &db->ev->wire[slot];
	pgm__request *r = pgm__requests_pop(&w->sent), *head = w->sent.first;
	bool ok = r->res && pgm_result_ok(r->res, NULL);
	pgm__request_kind kind = r->kind;

	pgm__deadlines_remove(&db->ev->deadlines, &r->deadline);
	forget_stale(w, r);
	if (r->cancelled)
		pgm__cancel_end(db, slot);
	if (r->whole)
		w->whole = false;
	if (head && head->abandoned)
		pgm__deadlines_set(&db->ev->deadlines, &head->deadline, pgm__clock_now() + GRACE);
	if (kind == PGM__REQUEST_CANCEL)
		pgm__cancel_answered(db, slot, r->res);
	if ((kind == PGM__REQUEST_STATEMENT || kind == PGM__REQUEST_SENT) && !r->abandoned) {
		answer(db, r);
		return true;
	}
	pgm__request_free(db, r);
	return ok || (kind != PGM__REQUEST_CHECK && kind != PGM__REQUEST_CLEAN);
}

/* The first error counts, else the last result. */
static void take_result(pgm__wire *w, pgm__request *r, PGresult *res)
{
	bool ok = pgm_result_ok(res, NULL);

	if (r->parses) {
		r->parses = false;
		if (ok) {
			pgm__prepared_confirm(&w->prepared, r->number);
			PQclear(res);
			return;
		}
		pgm__prepared_forget(&w->prepared, r->number);
		r->number = 0;
	}
	if (PQresultMemorySize(res) > SWOLLEN_FROM)
		w->swollen = true;
	if (r->res && !pgm_result_ok(r->res, NULL)) {
		PQclear(res);
		return;
	}
	PQclear(r->res);
	r->res = res;
}

static bool fail_unexpected(pgm_error *why, const PGresult *res)
{
	return pgm__fail(why, PGM_ERR_BROKEN, "the server answers with %s, which a submitted statement cannot carry",
			 PQresStatus(PQresultStatus(res)));
}

/* What has come. False: nothing more will (why). */
static bool read_results(pgm_db *db, int32_t slot, pgm_error *why)
{
	pgm__wire *w = &db->ev->wire[slot];
	PGconn *conn = conn_of(db, slot);

	while (w->sent.first && !PQisBusy(conn)) {
		PGresult *res = PQgetResult(conn);

		if (!res && w->nulled)
			return pgm__fail_libpq(why, conn); /* it does not go on to the next: there is none */
		w->nulled = !res;
		if (!res)
			continue;
		if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
			PQclear(res);
			if (!finish(db, slot))
				return pgm__fail(why, PGM_ERR_BROKEN, "it does not answer as it should");
		} else if (pgm__is_copy(res)) {
			fail_unexpected(why, res);
			PQclear(res);
			return false;
		} else {
			take_result(w, w->sent.first, res);
		}
	}
	if (w->use != PGM__WIRE_LENT)
		pgm__swallow_notifications(conn);
	return true;
}

bool pgm__wire_drain(pgm_db *db, int32_t slot)
{
	pgm__wire *w = &db->ev->wire[slot];
	pgm__request *r = pgm__request_new(db, PGM__REQUEST_DRAIN);

	if (!r)
		return false;
	pgm__conn_begin_skip(conn_of(db, slot));
	r->abandoned = true; /* nobody is told */
	r->state = PGM__REQUEST_ON_WIRE;
	r->slot = slot;
	pgm__requests_push(&w->sent, r);
	pgm__deadlines_set(&db->ev->deadlines, &r->deadline, pgm__clock_now() + PGM__SKIP_FIRST);
	pgm__wire_ready(db, slot, 0);
	return true;
}

/* What is drained has no Sync behind it. */
static bool go_on_draining(pgm_db *db, int32_t slot, pgm_error *why)
{
	pgm__skipped skipped = pgm__conn_skip(conn_of(db, slot));
	pgm__wire *w = &db->ev->wire[slot];

	if (skipped == PGM__SKIP_HOPELESS)
		return pgm__fail(why, PGM_ERR_BROKEN, "unfinished work on it could not be ended");
	if (skipped == PGM__SKIP_WAITS)
		return true;
	if (w->sent.first->cancelled)
		pgm__cancel_end(db, slot);
	pgm__request_free(db, pgm__requests_pop(&w->sent));
	return true;
}

static bool is_draining(const pgm__wire *w)
{
	return w->sent.first && w->sent.first->kind == PGM__REQUEST_DRAIN;
}

void pgm__wire_ready(pgm_db *db, int32_t slot, unsigned events)
{
	PGconn *conn = conn_of(db, slot);
	pgm__wire *w = &db->ev->wire[slot];
	bool alive = true;
	int unsent;
	pgm_error why = {.code = PGM_OK};

	/* Reading also sends what is left, where the socket takes it. What came before the end is read in any case. */
	if ((events & PGM_READ) && !PQconsumeInput(conn))
		alive = pgm__fail_libpq(&why, conn);
	if (!(is_draining(w) ? go_on_draining : read_results)(db, slot, alive ? &why : NULL)) {
		pgm__wire_lose(db, slot, &why);
		return;
	}
	unsent = alive ? PQflush(conn) : 0;
	if (unsent == 0 && alive && is_draining(w)) { /* that may have been all that was left to be done */
		if (!go_on_draining(db, slot, &why)) {
			pgm__wire_lose(db, slot, &why);
			return;
		}
		unsent = PQflush(conn);
	}
	if (unsent < 0)
		alive = pgm__fail_libpq(&why, conn);
	w->blocked = unsent > 0;
	if (!alive)
		pgm__wire_lose(db, slot, &why);
	else
		settle(db, slot);
}

/* -------------------------------------------------------------------------------------- ending */

void pgm__wire_end(pgm_db *db, int32_t slot)
{
	pgm__wire *w = &db->ev->wire[slot];
	pgm__lease *lease = db->place[slot].lease;
	pgm__time now = pgm__clock_now();
	bool was_idle = w->use == PGM__WIRE_ASKING, kept;

	w->use = PGM__WIRE_NONE;
	pgm__queue_count(db, slot);
	pgm__db_lock(db);
	lease->given_back = now;
	if (w->swollen)
		db->slot[slot].expires = now;
	kept = was_idle ? pgm__slots_check_done(&db->slots, slot, now) : pgm__slots_release(&db->slots, slot, now);
	pgm__db_unlock(db);
	if (!kept)
		pgm__db_close_lease(db, lease, true);
	else
		pgm__watch_slot(db, slot);
	db->ev->stirred = true;
}

/* What comes next, now that something has been sent or read. */
static void settle(pgm_db *db, int32_t slot)
{
	pgm__wire *w = &db->ev->wire[slot];

	if (!is_there(db, slot))
		return;
	if (w->use == PGM__WIRE_LENT)
		send_held(db, slot);
	if (!is_there(db, slot))
		return;
	if (w->sent.count > 0) {
		pgm__queue_count(db, slot);
		pgm__watch_slot(db, slot);
		return;
	}
	switch (w->use) {
	case PGM__WIRE_AT_WORK:
		if (w->cancelling) /* it would hit what comes next */
			pgm__watch_slot(db, slot);
		else
			pgm__wire_end(db, slot);
		break;
	case PGM__WIRE_ASKING:
		pgm__wire_end(db, slot);
		break;
	case PGM__WIRE_CHECKING:
		pgm__queue_checked(db, slot);
		break;
	case PGM__WIRE_CLEANING:
		pgm__loan_clean(db, slot);
		break;
	case PGM__WIRE_LENT:
		pgm__wire_make_plain(conn_of(db, slot));
		pgm__watch_slot(db, slot);
		break;
	case PGM__WIRE_NONE:
		break;
	}
}

void pgm__wire_resume(pgm_db *db)
{
	db->ev->resumes = false;
	for (int32_t i = 0; i < db->slots.rules.max_size; i++) {
		const pgm__wire *w = &db->ev->wire[i];

		if (w->held.first || w->use == PGM__WIRE_CLEANING || (w->use == PGM__WIRE_AT_WORK && !w->sent.first))
			settle(db, i);
	}
}

/* One that was sent, on a connection that is lost: nobody can say what became of it. */
static void answer_lost(pgm_db *db, pgm__request *r, const pgm_error *why)
{
	pgm_error err, last;

	if ((r->kind != PGM__REQUEST_STATEMENT && r->kind != PGM__REQUEST_SENT) || r->abandoned) {
		pgm__request_free(db, r);
		return;
	}
	if (r->res && !pgm_result_ok(r->res, &last) && last.code == PGM_ERR_BROKEN)
		why = &last; /* the server's own words */
	pgm__fail_unknown(&err,
			  why->code == PGM_ERR_CLOSED || why->code == PGM_ERR_TIMEOUT ? why->code : PGM_ERR_BROKEN,
			  why->message);
	drop_result(r);
	pgm__request_answer(db, r, &err);
}

static void answer_unsent(pgm_db *db, pgm__request *r, const pgm_error *why)
{
	pgm_error err;

	pgm__fail(&err, why->code, "the statement was not sent: %s", why->message);
	pgm__request_answer(db, r, &err);
}

static void answer_all_lost(pgm_db *db, int32_t slot, const pgm_error *why)
{
	pgm__wire *w = &db->ev->wire[slot];
	pgm__request *r;

	while ((r = pgm__requests_pop(&w->sent)) != NULL) {
		if (r->cancelled)
			pgm__cancel_end(db, slot);
		if (r->kind == PGM__REQUEST_CANCEL)
			pgm__cancel_answered(db, slot, NULL);
		answer_lost(db, r, why);
	}
	while ((r = pgm__requests_pop(&w->held)) != NULL)
		answer_unsent(db, r, why);
}

void pgm__wire_abort(pgm_db *db, int32_t slot, const pgm_error *why)
{
	answer_all_lost(db, slot, why);
}

/* A connection that is lent stays the caller's, who will find out and give it back. */
void pgm__wire_lose(pgm_db *db, int32_t slot, const pgm_error *why)
{
	pgm__wire *w = &db->ev->wire[slot];
	pgm__lease *lease = db->place[slot].lease;
	pgm__wire_use use = w->use;
	pgm__request *pending = w->pending;

	answer_all_lost(db, slot, why);
	db->ev->stirred = true;
	if (use == PGM__WIRE_LENT) {
		pgm__watch_slot(db, slot);
		return;
	}
	if (use == PGM__WIRE_CLEANING) {
		pgm__loan_lost(db, slot, why);
		return;
	}
	w->use = PGM__WIRE_NONE;
	pgm__queue_count(db, slot);
	pgm__db_drop(db, lease, why);
	if (pending)
		pgm__queue_check_failed(db, pending);
}
