/*
 * What every integration test needs. The test runs under tests/support/server.sh (ctest sees to that),
 * which exports PGM_TEST_*; without them the first call ends the program with a clear message. A tool that
 * cannot do its work ends the program too, so nothing here returns an error. Strings that are returned
 * belong to pgtest and live until the program ends. All functions may be called from any thread, and in a
 * forked child; the temporary folder and the side connection are the creator's, and gone at its exit.
 */
#ifndef PGTEST_H
#define PGTEST_H

#include <libpq-fe.h>
#include <pgmonkey.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#if defined(__GNUC__)
#define PGTEST_PRINTF(n) __attribute__((format(printf, (n), (n) + 1)))
#define PGTEST_NORETURN __attribute__((noreturn))
#else
#define PGTEST_PRINTF(n)
#define PGTEST_NORETURN
#endif

/* Says why on stderr and ends the program with status 99. */
void pgtest_die(const char *fmt, ...) PGTEST_PRINTF(1) PGTEST_NORETURN;

/* ------------------------------------------------------------------------------------- server */

typedef struct pgtest_server {
	const char *host, *port, *socketdir, *user, *password, *dbname;
	const char *superuser, *superuser_password, *datadir, *log, *dir;
} pgtest_server;

/* The one in use: that of the environment, or what pgtest_use was given last (a private cluster). */
const pgtest_server *pgtest_server_now(void);

/* From now on everything here is about this server, which must stay; NULL: that of the environment. */
void pgtest_use(const pgtest_server *server);

/* A variable of the environment that must be there. */
const char *pgtest_env(const char *name);

/* ------------------------------------------------------------------------------ text and files */

const char *pgtest_format(const char *fmt, ...) PGTEST_PRINTF(1);

/* Hands over a malloc'd string. */
const char *pgtest_keep(char *text);

/* The program's own folder: the test deletes nothing, all of it goes at exit (or with the server). */
const char *pgtest_dir(void);

/* Writes a file there, mode 0600, over an older one of the name; its path. */
const char *pgtest_file(const char *name, const char *content);

/*
 * A configuration for the server in use: host (TCP), port, dbname, user, password and application_name
 * (pgtest_application), changed by what is given, as in a conninfo string:
 *
 *	pgtest_yaml("type=pool pool.max_size=%d sync.statement_timeout=100 host='%s' !password", 3, dir)
 *
 * "type" is connection_type; "pool.", "async_pool.", "sync." and "async." name the other sections; all else
 * is in connection_settings; "!key" leaves one out. Quote values with blanks: 'it\'s'. NULL: no change.
 */
const char *pgtest_yaml(const char *fmt, ...) PGTEST_PRINTF(1);

/* The program is run for the event-driven types (PGM_TEST_EVENTED): normal is written as async, pool as async_pool. */
bool pgtest_evented(void);

/* Called while something is waited for here, in the thread that waits; NULL: nothing. Such types do nothing unless
 * they are called. */
extern void (*pgtest_while_waiting)(void);

/* The same in a file of a new name: its path. */
const char *pgtest_yaml_file(const char *fmt, ...) PGTEST_PRINTF(1);

/* The same, loaded. Freed by the test: pgm_config_free. */
pgm_config *pgtest_config(const char *fmt, ...) PGTEST_PRINTF(1);

/* The application_name of this program's connections, its own. */
const char *pgtest_application(void);

/* ------------------------------------------------------------------------- the side connection */

/* A superuser's connection over the socket, for one thread. The calls below share it under a lock. */
PGconn *pgtest_admin(void);

/* Runs SQL as superuser; a lost connection (the server was restarted) is made anew, once. */
void pgtest_exec(const char *fmt, ...) PGTEST_PRINTF(1);

/* The first value of the first row, "" if there is none or it is null. */
const char *pgtest_query(const char *fmt, ...) PGTEST_PRINTF(1);
long pgtest_number(const char *fmt, ...) PGTEST_PRINTF(1);

/* Until the query's first value is true, looking every few milliseconds; false: not within timeout_ms. */
bool pgtest_until(int timeout_ms, const char *fmt, ...) PGTEST_PRINTF(2);

/* Connections that the server sees with this application_name (NULL: this program's). */
int pgtest_connections(const char *application);
bool pgtest_connections_become(const char *application, int count, int timeout_ms);

/* -------------------------------------------------------------------------------- its backends */

/* Returns when the backend is gone. */
void pgtest_terminate(int pid);

/* The process stops dead (SIGSTOP), its sockets stay open; returns when it stands. Always continue it. */
void pgtest_stop(int pid);
void pgtest_continue(int pid);

/* ---------------------------------------------------------------------------------------- log */

/* Collects what the library logs, up to level; starts with an empty store. */
void pgtest_log_start(pgm_log_level level);
void pgtest_log_stop(void); /* back to the default receiver; the lines stay */
void pgtest_log_clear(void);

/* Lines ("warning: message") that hold the text; NULL: all. */
int pgtest_log_count(const char *text);
bool pgtest_log_wait(const char *text, int timeout_ms);

/* Until there are count of them. */
bool pgtest_log_wait_count(const char *text, int count, int timeout_ms);

/* All of it, one line each. */
const char *pgtest_log_text(void);

/* ------------------------------------------------------------------------------- this process */

int64_t pgtest_now_ms(void); /* monotonic */

int pgtest_fds(void);	   /* open descriptors */
int pgtest_threads(void);  /* running threads */
void pgtest_say_fds(void); /* which they are, for the message of a test that finds too many */

/* Until there are no more than count; false: not within timeout_ms. */
bool pgtest_threads_become(int count, int timeout_ms);

/* Where a signal takes its time, and the kernel knows nothing of a thread's signal mask. */
bool pgtest_under_valgrind(void);

/* ------------------------------------------------------------------------------------- threads */

typedef struct pgtest_thread pgtest_thread;

pgtest_thread *pgtest_run(void *(*fn)(void *), void *arg);

/* Ends the thread's object; the function's result. */
void *pgtest_join(pgtest_thread *thread);

/* Whether the function has returned, waiting that long; join it in any case. */
bool pgtest_done(pgtest_thread *thread, int timeout_ms);

/* For pthread_cancel, pthread_kill. */
pthread_t pgtest_thread_id(const pgtest_thread *thread);

/* Everybody waits until count have come. */
typedef struct pgtest_barrier {
	pthread_mutex_t lock;
	pthread_cond_t all_here;
	int count, here;
	unsigned round;
} pgtest_barrier;

void pgtest_barrier_init(pgtest_barrier *barrier, int count);
void pgtest_barrier_wait(pgtest_barrier *barrier);
void pgtest_barrier_destroy(pgtest_barrier *barrier);

/* A condition whose timed waits go by CLOCK_MONOTONIC, and such a time. */
void pgtest_cond_init(pthread_cond_t *cond);
struct timespec pgtest_after_ms(int timeout_ms);

/* ---------------------------------------------------------------------------- ends of processes */

/* A process that ends in the middle of things, or was forked from one with threads, still has the memory of
 * what those threads were at: theirs, and libraries' of theirs. LeakSanitizer is told to look away. */
void pgtest_leaves_memory(void);

/* fork(2), with that said in the child. */
pid_t pgtest_fork(void);

#endif
