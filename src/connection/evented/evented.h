/*
 * The event-driven driver: one thread, which never waits in here but where the caller asked for it. Private to
 * src/connection.
 *
 * A request is what was accepted and not answered yet: a statement, or a loan. It waits in the queue of the slots,
 * where it is a waiter like any other; then it is on a wire, one connection at work; then among the answers,
 * until its callback has been called. To the slots a wire at work is LENT: to the driver.
 *
 * A step (ready, tick, submit, ...) has two parts. The work: input, output, what is due, who gets what; nothing
 * of the caller's runs in it but hooks and the log, which may not call back in. Then the answers: one callback
 * after the other, from a list, when all is as it should be; so a callback may do whatever it likes.
 *
 * The lock of the handle guards the slots alone, which other threads look at. All that is in here belongs to the
 * owner, the thread whose handle it is, but for what is marked "locked".
 */
#ifndef PGM_CONNECTION_EVENTED_EVENTED_H
#define PGM_CONNECTION_EVENTED_EVENTED_H

#include "connection/db.h"
#include "connection/evented/choice.h"
#include "connection/evented/deadlines.h"
#include "connection/evented/prepared.h"

#include <poll.h>

typedef enum pgm__request_kind {
	PGM__REQUEST_STATEMENT, /* pgm_submit */
	PGM__REQUEST_SENT,	/* pgm_send */
	PGM__REQUEST_LOAN,	/* pgm_acquire_async, pgm_acquire */
	PGM__REQUEST_CHECK,	/* the rest is the driver's own: is it alive? */
	PGM__REQUEST_CANCEL,	/* cancel what another backend runs */
	PGM__REQUEST_CLEAN,	/* roll back, restore */
	PGM__REQUEST_DRAIN	/* what the borrower left unfinished, to its end */
} pgm__request_kind;

typedef enum pgm__request_state {
	PGM__REQUEST_NEW,
	PGM__REQUEST_QUEUED,   /* a waiter of the slots */
	PGM__REQUEST_CHECKING, /* has a connection that is being checked */
	PGM__REQUEST_HELD,     /* pgm_send: waits for its turn on its connection */
	PGM__REQUEST_ON_WIRE,
	PGM__REQUEST_ANSWERED
} pgm__request_state;

typedef struct pgm__request pgm__request;
struct pgm__request {
	pgm__waiter waiter; /* first, so that the one is found from the other */
	pgm__deadline deadline;
	pgm__request *next; /* on a wire, among the answers, or among the unused */
	pgm__request_kind kind;
	pgm__request_state state;
	int32_t slot; /* on a wire, or checking */

	pgm_on_result on_result;
	pgm_on_lease on_lease;
	void *arg;
	pgm__time due;	     /* the statement's own limit; PGM__NEVER: none */
	int64_t timeout_ms;  /* the same, for the message */
	pgm__time patience;  /* how long it waits for a connection */
	int64_t patience_ms; /* the same, for the message */
	bool whole;	     /* wants a connection that it shares with nothing */

	/* A statement: its own copy while it waits. */
	pgm_query query;
	char *copy;
	size_t copy_size;

	/* On a wire. */
	unsigned number;    /* of the prepared text that it runs; 0: none */
	bool parses;	    /* and its being parsed is the first of its results */
	bool abandoned;	    /* answered already: late */
	bool cancelled;	    /* a request to cancel it has been made */
	bool after_cancel;  /* one that was made for its forerunner may hit it */
	pgm__caller caller; /* a loan */

	/* The answer. */
	PGresult *res;
	PGconn *conn;
	pgm_error *err; /* NULL: none */
};

/* First come, first served. */
typedef struct pgm__requests {
	pgm__request *first, *last;
	int32_t count;
} pgm__requests;

/* What the loop watches of something; fd -1: nothing. */
typedef struct pgm__watched {
	int fd;
	unsigned events;
	bool refused; /* the loop would not */
} pgm__watched;

typedef enum pgm__wire_use {
	PGM__WIRE_NONE,	    /* no connection, or an idle one */
	PGM__WIRE_AT_WORK,  /* statements are under way on it */
	PGM__WIRE_CHECKING, /* is it alive? then it is next->'s */
	PGM__WIRE_LENT,	    /* to the caller; pgm_send may use it */
	PGM__WIRE_CLEANING, /* given back, not clean yet */
	PGM__WIRE_ASKING    /* an idle one that cancels for another */
} pgm__wire_use;

typedef struct pgm__wire {
	pgm__wire_use use;
	pgm__requests sent;    /* unanswered, in order */
	pgm__requests held;    /* pgm_send: to be sent when there is room */
	pgm__request *pending; /* CHECKING: who gets it */
	bool blocked;	       /* libpq has more to write than the socket takes */
	bool whole;	       /* one that shares with nothing is on it */
	bool reserved;	       /* takes no more, so that it becomes free for one that wants it whole */
	bool swollen;	       /* libpq's buffers have grown: to be replaced */
	bool nulled;	       /* the last that PQgetResult gave was a NULL */
	bool cancelling;       /* a request to cancel is on its way: nothing is sent meanwhile */
	bool outlived;	       /* a drain has been here */
	bool rolled_back;      /* CLEANING */
	bool encoded;	       /* the same: the encoding is restored */
	pgm__time clean_until; /* the same */
	pgm__prepared prepared;

	pgm__watched watched;
} pgm__wire;

/* See cancel.h. */
typedef struct pgm__cancel pgm__cancel;

typedef struct pgm__ev {
	/* Fixed. */
	bool has_loop;
	pgm_loop loop;

	_Atomic(uint64_t) owner; /* written locked; pgm__thread_number; 0: whoever comes first */
	_Atomic(uint64_t) by;	 /* who is inside; 0: nobody. Only a thread itself writes its own number */
	int inside;		 /* locked; calls of the owner that are under way */
	int nested;		 /* calls from inside of callbacks of those */

	bool working; /* the first part of a step: hooks and the log may not call back in */
	bool stirred; /* there may be something to do */
	bool ended;   /* shut, and all that was under way has been answered */
	bool is_told; /* the loop knows of that */
	bool resumes; /* a wire on which something was held back may take it now */
	bool refused; /* the loop does not watch something that it should */

	pgm__wire *wire;    /* max_size of them */
	int32_t *load;	    /* of each wire, for choice.h */
	int32_t wholes;	    /* in the queue, wanting a whole connection */
	int32_t statements; /* in the queue, content with a part of one */
	int32_t reserved;   /* wires */

	pgm__deadlines deadlines;
	size_t requests; /* that there are, the driver's own included */
	pgm__time slots_due;
	pgm__time connecting_due;
	pgm__time timer_at; /* what the loop's timer is set to; PGM__NEVER: not set */
	pgm__watched pipe;  /* by which other threads call */

	pgm_error no_words; /* where there is no memory for an error of its own there is this, at least */
	pgm__requests answers;
	int64_t unanswered;   /* accepted, and the callback has not been called yet */
	pgm__request *unused; /* kept for the next */
	int unused_count;

	pgm__cancel *cancels;
	pgm__lease *strays;	   /* locked; given back by another thread */
	atomic_bool drained;	   /* pgm_drain has been here */
	bool forked;		   /* locked; what is here belongs to the parent */
	pgm__waiter *forked_queue; /* locked; who stood in line when that happened */

	int32_t *by_fd; /* slot + 1 of each watched descriptor; 0: none */
	size_t by_fd_size;
	struct pollfd *fds; /* without a loop: what poll(2) gets */
	int32_t *fd_slots;
	size_t fds_size;
} pgm__ev;

/* ------------------------------------------------------------------------------------ driver.c */

/* A call of the owner's begins. False: _MISUSE (another thread's, or from a hook or the log). While it is inside
 * the handle's memory stays. */
bool pgm__ev_enter(pgm_db *db, const char *call, pgm_error *err);
void pgm__ev_leave(pgm_db *db);

/* The work, until there is nothing more to do now; then the timer is set. */
void pgm__ev_work(pgm_db *db);

/* The answers. */
void pgm__ev_deliver(pgm_db *db);

/* ----------------------------------------------------------------------------------- request.c */

pgm__request *pgm__request_new(pgm_db *db, pgm__request_kind kind);
void pgm__request_free(pgm_db *db, pgm__request *r);

/* Its own copy of the query. */
bool pgm__request_keep(pgm__request *r, const pgm_query *query);

/* Among the answers, with an error or without; it is in no other list. */
void pgm__request_answer(pgm_db *db, pgm__request *r, const pgm_error *err);

void pgm__requests_push(pgm__requests *list, pgm__request *r);
pgm__request *pgm__requests_pop(pgm__requests *list);
void pgm__requests_remove(pgm__requests *list, pgm__request *r);

/* ------------------------------------------------------------------------------------- queue.c */

/* To a connection at once, or into the queue. False: not accepted (_BUSY, _CLOSED; without waiting _TIMEOUT). */
bool pgm__queue_ask(pgm_db *db, pgm__request *r, bool may_wait, pgm_error *err);

/* Out of the queue again, as if it had not been accepted. */
void pgm__queue_withdraw(pgm_db *db, pgm__request *r);

/* Whoever the slots woke, if they did, and whoever finds room on a wire. True if anything was done. */
bool pgm__queue_serve(pgm_db *db, bool woken);

/* Whose time has come. */
void pgm__queue_expire(pgm_db *db, pgm__time now);

/* The check of a slot's connection came to an end: it is alive; it is gone, and this one had waited for it. */
void pgm__queue_checked(pgm_db *db, int32_t slot);
void pgm__queue_check_failed(pgm_db *db, pgm__request *r);

/* How much a wire takes has changed. */
void pgm__queue_count(pgm_db *db, int32_t slot);

/* -------------------------------------------------------------------------------------- wire.c */

/* A slot that is LENT to the driver, from here on at work. */
void pgm__wire_begin(pgm_db *db, int32_t slot, pgm__wire_use use);

/* Sends r, which is answered in any case. */
void pgm__wire_send(pgm_db *db, int32_t slot, pgm__request *r);

/* A statement of the driver's own, with a deadline. False: no memory, nothing was done. */
bool pgm__wire_send_own(pgm_db *db, int32_t slot, pgm__request_kind kind, const pgm_query *query, pgm__time due);

/* What the borrower left under way, thrown away; what takes long is cancelled. False: no memory, nothing was done. */
bool pgm__wire_drain(pgm_db *db, int32_t slot);

/* Something came, or can be written. */
void pgm__wire_ready(pgm_db *db, int32_t slot, unsigned events);

/* It is broken, or has to be given up: what was sent is answered, the connection closed, the slot free. */
void pgm__wire_lose(pgm_db *db, int32_t slot, const pgm_error *why);

/* The same without a word to libpq, which has closed it itself. */
void pgm__wire_abort(pgm_db *db, int32_t slot, const pgm_error *why);

/* What was held back while a statement was being cancelled. */
void pgm__wire_resume(pgm_db *db);

/* Back to the slots, clean. */
void pgm__wire_end(pgm_db *db, int32_t slot);

/* Answers the statement that r was, and leaves r on its wire, to be forgotten. False: no memory for that. */
bool pgm__wire_abandon(pgm_db *db, pgm__request *r, const pgm_error *why);

/* Out of pipeline mode, blocking: as libpq made it. Nothing may be under way. */
bool pgm__wire_make_plain(PGconn *conn);

/* ------------------------------------------------------------------------------------- watch.c */

/* What is to be watched of this slot, by its state; nothing. */
void pgm__watch_slot(pgm_db *db, int32_t slot);
void pgm__unwatch_slot(pgm_db *db, int32_t slot);

/* The same for anything else. */
void pgm__watch_set(pgm_db *db, pgm__watched *watched, int fd, unsigned events, int32_t slot);

/* When there is work to do, if nothing comes before; the same, or an answer to be given; the loop's timer, set to that;
 * no timer any more. */
pgm__time pgm__watch_due(const pgm_db *db);
pgm__time pgm__watch_until(const pgm_db *db);
void pgm__watch_timer(pgm_db *db);
void pgm__watch_end(pgm_db *db);

/* What other threads wake the owner by, from its first call on. */
void pgm__watch_pipe(pgm_db *db);

/* What the loop would not watch is given up: nobody would hear of it again. */
void pgm__watch_give_up_refused(pgm_db *db);

/* Without a loop: poll(2) until something is ready or until, and deal with it. */
void pgm__watch_poll(pgm_db *db, pgm__time until);

/* What the loop says of a descriptor. */
void pgm__watch_ready(pgm_db *db, int fd, unsigned events);

/* -------------------------------------------------------------------------------------- loan.c */

/* The slot is LENT to the driver, its connection idle and checked: it is lent to r's caller. False: the check hook
 * rejected it, and it has been dropped. */
bool pgm__loan_give(pgm_db *db, int32_t slot, pgm__request *r);

/* Cleaning goes on: nothing is under way just now. */
void pgm__loan_clean(pgm_db *db, int32_t slot);

/* It cannot be cleaned. */
void pgm__loan_lost(pgm_db *db, int32_t slot, const pgm_error *why);

#endif
