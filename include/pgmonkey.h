/*
 * pgmonkey: connections to PostgreSQL, cleanly.
 *
 * One YAML file, four connection types, plain PGconn * in your hands. SQL is yours, on libpq.
 *
 * Every comment below answers the same questions. Owner: who frees what, also on failure.
 * Errors: what can go wrong. Thread: who may call. Times are milliseconds where the name says _ms;
 * the YAML file has seconds, as libpq does.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PGMONKEY_H
#define PGMONKEY_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PGM_VERSION_MAJOR 0
#define PGM_VERSION_MINOR 1
#define PGM_VERSION_PATCH 0
#define PGM_VERSION "0.1.0"

#if defined(_WIN32)
#define PGM_API
#elif defined(__GNUC__)
#define PGM_API __attribute__((visibility("default")))
#else
#define PGM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that is loaded, as "major.minor.patch". Thread: any. */
PGM_API const char *pgm_version(void);

/* ------------------------------------------------------------------------------------- errors */

typedef enum pgm_code {
	PGM_OK = 0,
	PGM_ERR_NOMEM,	 /* out of memory */
	PGM_ERR_IO,	 /* a file: missing, unreadable, too large */
	PGM_ERR_CONFIG,	 /* the configuration; the message begins with file:line:column */
	PGM_ERR_CONNECT, /* the server is unreachable, refuses, or is not ready */
	PGM_ERR_AUTH,	 /* the server said no for good: SQLSTATE class 28, or 3D000 */
	PGM_ERR_TIMEOUT, /* the time given was not enough */
	PGM_ERR_BUSY,	 /* max_waiting callers are queueing already */
	PGM_ERR_CLOSED,	 /* the handle has been closed */
	PGM_ERR_QUERY,	 /* the server refused a statement; sqlstate is set where it gave one */
	PGM_ERR_BROKEN,	 /* the connection was lost; see sqlstate for what that means for a transaction */
	PGM_ERR_MISUSE	 /* the call makes no sense here; the message says what would */
} pgm_code;

/*
 * What went wrong, in one line: what was being done, to what, and why it failed.
 * Owner: the caller; nothing in it is allocated. Every function takes NULL for it. A function that
 * can fail returns bool or a pointer, fills this on failure and leaves it cleared on success.
 * No message ever holds a password.
 * The SQLSTATE is the server's (PostgreSQL manual, appendix A), with one exception: where the answer to a COMMIT or
 * to a submitted statement was lost, so that nobody can say whether it happened, it is 08007
 * (transaction_resolution_unknown). After any other failure the transaction was not committed.
 */
typedef struct pgm_error {
	pgm_code code;
	char sqlstate[6]; /* five characters of the server or, for one thing, of ours; or "" */
	char message[1014];
} pgm_error;

/* The code's name, such as "PGM_ERR_TIMEOUT". Owner: static text. Thread: any. */
PGM_API const char *pgm_code_name(pgm_code code);

/*
 * True if the server accepted the statement that res answers (commands, rows, COPY); false also for
 * NULL. Errors: _QUERY with the SQLSTATE and the server's words, _BROKEN if the connection is gone.
 * Owner: res stays the caller's. Thread: any. Meant for the inside of a pgm_work.
 */
PGM_API bool pgm_result_ok(const PGresult *res, pgm_error *err);

/* ---------------------------------------------------------------------------------------- log */

typedef enum pgm_log_level {
	PGM_LOG_NONE = 0, /* for pgm_set_log: nothing at all */
	PGM_LOG_ERROR,
	PGM_LOG_WARNING,
	PGM_LOG_INFO,
	PGM_LOG_DEBUG
} pgm_log_level;

/* message: one line without a newline, valid during the call. May be called from any thread that
 * uses the library and from the pool's own; never while the library holds a lock. */
typedef void (*pgm_log_fn)(pgm_log_level level, const char *message, void *arg);

/*
 * Sends messages up to level to fn. fn NULL: to stderr, one line each, beginning "pgmonkey: ".
 * Default: warnings and errors to stderr. Thread: any; best before the first handle is opened.
 */
PGM_API void pgm_set_log(pgm_log_level level, pgm_log_fn fn, void *arg);

/* ------------------------------------------------------------------------------------- config */

typedef struct pgm_config pgm_config;

/*
 * Reads a YAML file. Owner: the caller frees the result with pgm_config_free; NULL on failure.
 * Errors: _IO, _CONFIG, _NOMEM. Warnings (unknown keys, a password file that others can read) go to
 * the log. Thread: any.
 */
PGM_API pgm_config *pgm_config_load(const char *path, pgm_error *err);

/* The same from memory; name stands for the file in messages. yaml needs no final NUL. */
PGM_API pgm_config *pgm_config_parse(const char *yaml, size_t len, const char *name, pgm_error *err);

/* An empty configuration, to be filled by pgm_config_set. NULL if memory is out. */
PGM_API pgm_config *pgm_config_new(void);

/*
 * Sets one key; section NULL stands for the top level (connection_type). A value of NULL removes the
 * key. The value is checked at once, as in a file. Owner: strings are copied. Errors: _CONFIG
 * (unknown section or key, or a value that is not allowed), _NOMEM; the configuration is then as it was.
 * Thread: one at a time per configuration.
 */
PGM_API bool pgm_config_set(pgm_config *config, const char *section, const char *key, const char *value,
			    pgm_error *err);

/*
 * The value as text: what was given, else the default of the settings table, else NULL.
 * Owner: the configuration; valid until it is changed or freed. Thread: as pgm_config_set.
 */
PGM_API const char *pgm_config_get(const pgm_config *config, const char *section, const char *key);

/*
 * The keys that were given, defaults not among them: the one with that index in a section (NULL: the top level), in the
 * order of the file; NULL behind the last. Owner and Thread: as pgm_config_get.
 */
PGM_API const char *pgm_config_key(const pgm_config *config, const char *section, size_t index);

/* Thread: nobody else may be using it. NULL is allowed. */
PGM_API void pgm_config_free(pgm_config *config);

/*
 * A commented YAML file to start from: every setting with its default or an example, and what it means.
 * schema: path or URL of the JSON schema for the first line, by which editors check the file; NULL, or one
 * with white space in it (editors would read half of it), leaves that line out.
 * Owner: the caller, free(3); NULL on failure (_NOMEM). Thread: any.
 */
PGM_API char *pgm_config_template(const char *schema, pgm_error *err);

/* ------------------------------------------------------------------------------------ opening */

typedef enum pgm_type {
	PGM_FROM_CONFIG = 0, /* what connection_type says */
	PGM_NORMAL,	     /* one connection, blocking */
	PGM_POOL,	     /* min_size to max_size connections, blocking */
	PGM_ASYNC,	     /* one connection, event-driven */
	PGM_ASYNC_POOL	     /* min_size to max_size connections, event-driven */
} pgm_type;

typedef struct pgm_manager pgm_manager;
typedef struct pgm_db pgm_db;

/*
 * Runs on a connection at a certain moment; false rejects the connection. err is never NULL and comes cleared:
 * fill it to say why. The connection stays the library's: leave no transaction and no result open on it.
 * Thread: whichever thread is at work on that connection, the pool's own included; several at once, each on
 * another connection.
 */
typedef bool (*pgm_hook)(PGconn *conn, void *arg, pgm_error *err);

typedef struct pgm_hooks {
	pgm_hook configure; /* once per connection, after the session settings were applied */
	pgm_hook check;	    /* before each lending; false: the connection is dropped, the next one tried */
	pgm_hook reset;	    /* after each return; false: the connection is dropped */
	void *arg;	    /* yours; it must stay valid until the manager is freed, or the process ends */
} pgm_hooks;

#define PGM_READ 1u
#define PGM_WRITE 2u

/*
 * The caller's event loop, for the event-driven types; the shape is that of curl's multi-socket interface. The loop calls
 * pgm_ready and pgm_tick in return. docs/bring-your-own-loop.md has the rules, include/pgmonkey/adapters three that are
 * done. Owner: ctx is yours, and must stay until closed. Errors: 0 is success; a connection that cannot be watched is
 * given up. Thread: all of them are called by the loop's.
 */
typedef struct pgm_loop {
	void *ctx;
	int (*watch)(void *ctx, int fd, unsigned events); /* PGM_READ | PGM_WRITE; 0 stops */
	int (*timer)(void *ctx, int64_t timeout_ms);	  /* one timer, for once; negative cancels */
	void (*closed)(void *ctx);			  /* the handle is closed: the last call; NULL: not told */
} pgm_loop;

/* Zeroed means defaults. It may grow: size tells which version the caller was compiled with. */
typedef struct pgm_open_options {
	size_t size; /* sizeof(pgm_open_options); 0 stands for the first version's size */
	pgm_type type;
	bool force_reload;     /* close the cached handle of this configuration, open a new one */
	bool lazy;	       /* do not connect before the first acquire */
	const pgm_loop *loop;  /* event-driven types only; copied */
	pgm_hooks hooks;       /* part of the cache key */
	int64_t leak_after_ms; /* lent for longer: told in the log, see pgm_acquire; 0: ten minutes */
} pgm_open_options;

/*
 * Opens the database that a YAML file describes, through the default manager. The same configuration
 * and type give the same handle; opening by path again is cheap, the file is read again only if it may
 * have changed. Connects once before it returns, so a wrong host or password fails here; a pool then
 * fills itself to min_size in the background.
 * Owner: the manager; the handle stays a valid pointer as long as the manager lives, and answers
 * _CLOSED after pgm_close, pgm_clear_cache, force_reload or exit. NULL on failure.
 * Errors: those of pgm_config_load, _CONNECT, _AUTH, _TIMEOUT, _CONFIG (also for a session setting
 * that the server refuses), _MISUSE. Thread: any; two threads that open the same get one handle.
 */
PGM_API pgm_db *pgm_open(const char *path, pgm_type type, pgm_error *err);

/* The same from a configuration, which is copied and stays the caller's. */
PGM_API pgm_db *pgm_open_config(const pgm_config *config, pgm_type type, pgm_error *err);

/* The same, with everything said. manager NULL: the default one. options NULL: defaults. */
PGM_API pgm_db *pgm_manager_open(pgm_manager *manager, const pgm_config *config, const pgm_open_options *options,
				 pgm_error *err);

/* A cache of its own. Owner: the caller, pgm_manager_free. NULL on failure (_NOMEM). Thread: any. */
PGM_API pgm_manager *pgm_manager_new(pgm_error *err);

/* Closes its handles and frees them: every pgm_db * it gave out dangles from here on. Connections still
 * lent are closed when they are released. Thread: nobody else may be using it. NULL is allowed. */
PGM_API void pgm_manager_free(pgm_manager *manager);

/* Closes every handle of the manager (NULL: the default one). Thread: any. */
PGM_API void pgm_clear_cache(pgm_manager *manager);

typedef struct pgm_cache_stats {
	int64_t handles;    /* open now */
	int64_t hits;	    /* opens answered with a handle that was there */
	int64_t misses;	    /* opens that made one */
	int64_t file_reads; /* times a file was read by pgm_open */
} pgm_cache_stats;

/* Fills size bytes of out at most: pass sizeof(pgm_cache_stats). Thread: any. */
PGM_API void pgm_cache_info(pgm_manager *manager, pgm_cache_stats *out, size_t size);

/*
 * Closes this handle and takes it out of the cache. Waiters get _CLOSED at once; lent connections are
 * closed when they are released. Closing twice is harmless. Thread: any. NULL is allowed.
 */
PGM_API void pgm_close(pgm_db *db);

/*
 * Waits until min_size connections are open; on normal opens the one, if it is not. timeout_ms negative: no limit.
 * Errors: _TIMEOUT (with the last connection error), _AUTH, _CONFIG, _CLOSED, _MISUSE (a loop is attached); on normal
 * also _CONNECT. Thread: normal and pool any; the event-driven types their own.
 */
PGM_API bool pgm_wait_ready(pgm_db *db, int timeout_ms, pgm_error *err);

/* Replaces every connection as it comes back: after a change of password, certificate or server
 * default. Returns at once. Thread: any. */
PGM_API void pgm_drain(pgm_db *db);

typedef struct pgm_stats {
	int32_t min_size, max_size;
	int32_t size; /* connections open now: idle, lent or being looked at */
	int32_t idle; /* free to be lent */
	int32_t lent;
	int32_t opening; /* being connected */
	int32_t waiting; /* callers in the queue */
	int32_t unused;
	int64_t acquired;    /* times one was lent */
	int64_t waited;	     /* acquires that had to queue */
	int64_t timed_out;   /* acquires that ended with _TIMEOUT */
	int64_t opened;	     /* connections made */
	int64_t open_failed; /* attempts that failed */
	int64_t closed;	     /* connections closed, for whatever reason */
	int64_t lost;	     /* of these, found dead or given back broken */
	int64_t rolled_back; /* transactions left open by the borrower */
} pgm_stats;

/* Fills size bytes of out at most: pass sizeof(pgm_stats). All of one moment. Thread: any. */
PGM_API void pgm_db_stats(pgm_db *db, pgm_stats *out, size_t size);

/* The type that the handle was opened as, never PGM_FROM_CONFIG. Thread: any. */
PGM_API pgm_type pgm_db_type(const pgm_db *db);

/* ---------------------------------------------------------------------------------- borrowing */

/* For the timeout of pgm_acquire_at: what the file's pool section says (30 seconds if nothing). */
#define PGM_TIMEOUT_FROM_CONFIG (-1)

/*
 * Borrows a connection, waiting up to the configured timeout, first come, first served. A connection that died
 * while it was idle is noticed, by a look at its socket, and replaced before it is lent; one that was given back
 * less than 10 ms ago is lent without that look.
 * A connection that is lent for longer than leak_after_ms is told in the log, with the place and thread of its
 * acquire, and again when it comes back; it is never taken away. On normal, which has no thread of its own, it is
 * reported by the next caller who waits for it in vain.
 * Owner: the handle; give it back with pgm_release. NULL on failure.
 * Errors: _TIMEOUT (the message tells who holds the connections), _BUSY, _CLOSED, _CONNECT, _AUTH, _CONFIG (a
 * session setting that the server refuses), _NOMEM, _MISUSE (the calling thread already holds the only connection, or
 * a loop is attached: pgm_acquire_async). Thread: normal and pool any, the event-driven types their own; the
 * connection is for one thread at a time, as libpq demands. A thread may be cancelled (pthread_cancel) while it waits here, in
 * pgm_wait_ready, in pgm_submit or in the work of pgm_with: what it had is given back, nothing is left behind. A
 * connection that the work was not waiting on for an answer is closed: libpq may have been in the middle of sending.
 * Opening, closing and pgm_release are no cancellation points; on the event-driven types none of them is.
 */
PGM_API PGconn *pgm_acquire(pgm_db *db, pgm_error *err);

/* The same with a time limit of its own. 0: only if one is free now. */
PGM_API PGconn *pgm_acquire_for(pgm_db *db, int timeout_ms, pgm_error *err);

/* The same for wrappers that pass on their own caller's place. file must stay valid: a literal. */
PGM_API PGconn *pgm_acquire_at(pgm_db *db, int timeout_ms, const char *file, int line, pgm_error *err);

/* These record the place of the call, so that a timeout can say who holds the connections. */
#define pgm_acquire(db, err) pgm_acquire_at((db), PGM_TIMEOUT_FROM_CONFIG, __FILE__, __LINE__, (err))
#define pgm_acquire_for(db, timeout_ms, err) pgm_acquire_at((db), (timeout_ms), __FILE__, __LINE__, (err))

/*
 * Gives a connection back. What was left open is rolled back (and logged), unfinished results and COPY
 * are ended, connection-level changes undone, all in bounded time; what cannot be cleaned is closed.
 * Connection-level means libpq's: blocking mode, pipeline mode, notice hooks, verbosity, tracing, encoding. What SQL
 * changed in the session (SET, LISTEN, PREPARE, temporary tables) stays; a reset hook can say DISCARD ALL.
 * Releasing twice, or what is not ours, is logged and harmless. Thread: any. NULL is allowed.
 */
PGM_API void pgm_release(PGconn *conn);

#if defined(__GNUC__)
static inline void pgm_autorelease_(PGconn **conn)
{
	pgm_release(*conn);
}
/* PGM_AUTORELEASE PGconn *conn = pgm_acquire(db, &err);  gives it back at the end of the scope. */
#define PGM_AUTORELEASE __attribute__((cleanup(pgm_autorelease_)))
#endif

/* ------------------------------------------------------------------------------- transactions */

/* Your work on a connection. False, with err filled, asks for a roll-back. */
typedef bool (*pgm_work)(PGconn *conn, void *arg, pgm_error *err);

/*
 * Acquire, BEGIN, work, COMMIT if it returned true and ROLLBACK if not, release. True only if the
 * server confirmed the commit: COMMIT of a failed transaction is reported as the failure it is.
 * With autocommit: true in the file there is no BEGIN and no COMMIT.
 * Errors: of acquire; the work's own; _QUERY or _BROKEN from BEGIN or COMMIT. Thread: as pgm_acquire.
 */
PGM_API bool pgm_with(pgm_db *db, pgm_work work, void *arg, pgm_error *err);
PGM_API bool pgm_with_at(pgm_db *db, pgm_work work, void *arg, const char *file, int line, pgm_error *err);
#define pgm_with(db, work, arg, err) pgm_with_at((db), (work), (arg), __FILE__, __LINE__, (err))

/* The same on a borrowed connection; inside an open transaction it is a savepoint. */
PGM_API bool pgm_transaction(PGconn *conn, pgm_work work, void *arg, pgm_error *err);

/*
 * By hand. Inside an open transaction pgm_begin sets a savepoint, and the next pgm_commit or
 * pgm_rollback ends that savepoint only.
 * Errors: _QUERY, _BROKEN, _MISUSE (not a borrowed connection; no transaction is open, or it was not begun with
 * pgm_begin; or its handle has an event loop, which waiting for the server would stall: there send BEGIN and COMMIT
 * with pgm_send).
 * Thread: the borrower's.
 */
PGM_API bool pgm_begin(PGconn *conn, pgm_error *err);
PGM_API bool pgm_commit(PGconn *conn, pgm_error *err);
PGM_API bool pgm_rollback(PGconn *conn, pgm_error *err);

/* --------------------------------------------------------------------------- queries, cursor */

#define PGM_LONG 1u    /* event-driven types: shares its connection with nothing */
#define PGM_PREPARE 2u /* event-driven types: parsed once per connection */

/* Zeroed means plain text, no limit. Parameters are those of PQexecParams (libpq manual, 34.3). */
typedef struct pgm_query {
	const char *sql;
	int nparams;
	const char *const *params;
	const Oid *types;
	const int *lengths, *formats;
	int result_format;
	int timeout_ms; /* waiting and running together; 0: no limit */
	unsigned flags;
} pgm_query;

typedef struct pgm_cursor pgm_cursor;

/*
 * Rows one at a time, in constant memory, from a statement of any size.
 * Owner: the caller closes the cursor before the connection is released; the query's memory may go as
 * soon as this returns. NULL on failure. Errors: _QUERY, _BROKEN, _MISUSE (the connection is not one
 * of ours, is busy, or is of a handle with an event loop), _NOMEM. Thread: the borrower's.
 */
PGM_API pgm_cursor *pgm_cursor_open(PGconn *conn, const pgm_query *query, pgm_error *err);

/*
 * The next row; NULL at the end (err is cleared) or on failure (err is filled: _QUERY, _BROKEN, _TIMEOUT,
 * or _MISUSE: it is a COPY).
 * Owner: the cursor; the row is valid until the next call or close.
 */
PGM_API const PGresult *pgm_cursor_next(pgm_cursor *cursor, pgm_error *err);

/* An early close cancels the rest on the server. The connection is usable again. NULL is allowed. */
PGM_API void pgm_cursor_close(pgm_cursor *cursor);

/* --------------------------------------------------------------------------------- submitting */

/* From inside the two callbacks below every call is allowed, closing the handle included. After pgm_submit on normal
 * and pool the connection is free again by then. */

/* Exactly one call per accepted submit. res, if any, is yours: PQclear it. err is NULL on success and
 * valid during the call. A refused statement gives both: its result and what it says. */
typedef void (*pgm_on_result)(PGresult *res, const pgm_error *err, void *arg);

/* Exactly one call per accepted acquire. conn is borrowed: pgm_release it. NULL with err on failure. */
typedef void (*pgm_on_lease)(PGconn *conn, const pgm_error *err, void *arg);

/*
 * Runs one statement, its own transaction, on any connection of the handle. On normal and pool it runs
 * at once and calls back before it returns; on the event-driven types it is queued.
 * False: not accepted, there will be no call. Errors: _CLOSED, _MISUSE, _NOMEM, _BUSY; whatever else
 * goes wrong is the callback's err. Owner: the query's memory may go as soon as this returns.
 * Thread: normal and pool any; the event-driven types their own.
 */
PGM_API bool pgm_submit(pgm_db *db, const pgm_query *query, pgm_on_result fn, void *arg, pgm_error *err);

/* The same on a connection that you hold; COPY is refused (_MISUSE), as libpq has functions of its own for it.
 * Errors: also _BROKEN (the connection was lost before). Thread: the borrower's. */
PGM_API bool pgm_send(PGconn *conn, const pgm_query *query, pgm_on_result fn, void *arg, pgm_error *err);

/* Borrows without blocking on the event-driven types; on normal and pool it waits as pgm_acquire does
 * and calls back before it returns. Errors, Owner of what fn gets, Thread: as pgm_submit. */
PGM_API bool pgm_acquire_async(pgm_db *db, pgm_on_lease fn, void *arg, pgm_error *err);

/* Until all that was submitted is answered; at once on normal and pool. timeout_ms negative: no limit. An event-driven
 * handle without a loop has no thread: connections are opened, aged and watched in the calls that wait, so one that
 * has long nothing to ask may call this now and then, with 0.
 * Errors: _TIMEOUT, _CLOSED, _MISUSE (a loop is attached). Thread: as pgm_submit. */
PGM_API bool pgm_wait(pgm_db *db, int timeout_ms, pgm_error *err);

/*
 * The event-driven types with an event loop (pgm_open_options.loop): what the loop is to call when a descriptor that it
 * watches is ready, and when the timer has gone off. Callbacks are made from inside of these. An event that is no
 * longer true, or of a descriptor that is no longer watched, is harmless. Thread: the loop's.
 */
PGM_API void pgm_ready(pgm_db *db, int fd, unsigned events);
PGM_API void pgm_tick(pgm_db *db);

#ifdef __cplusplus
}
#endif

#endif
