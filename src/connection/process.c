#include "connection/process.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/pipe.h"
#include "connection/db.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pgm_db *first;			/* locked */
static bool is_set_up;			/* locked */
static const pgm__process_hooks *above; /* locked */
static bool exit_is_handled;		/* locked */
static bool exit_is_handled_before_tls; /* locked */

/* One end of a socket pair whose other end is closed. In a child it takes the place of every inherited
 * socket: whatever libpq or TLS still writes there, the parent's session never sees it. Made beforehand,
 * since a child may have no descriptor to spare. */
static int dead_fd = -1;

static atomic_bool exiting;
static atomic_int inside;		   /* threads between enter and leave */
static _Thread_local int inside_by_myself; /* exit() may be called from a hook */

void pgm__process_lock(void)
{
	pthread_mutex_lock(&lock);
}

void pgm__process_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
	if (above)
		above->before_fork();
	for (pgm_db *db = first; db; db = db->next)
		pgm__db_lock(db);
	pgm__log_before_fork();
}

static void unlock_handles(void)
{
	for (pgm_db *db = first; db; db = db->next)
		pgm__db_unlock(db);
}

static void after_fork_in_parent(void)
{
	pgm__log_after_fork();
	unlock_handles();
	if (above)
		above->after_fork_in_parent();
	pthread_mutex_unlock(&lock);
}

static void after_fork_in_child(void)
{
	pgm__log_after_fork();
	atomic_store(&inside, inside_by_myself); /* the other threads are not here */
	for (pgm_db *db = first; db; db = db->next)
		pgm__db_forked_locked(db, dead_fd);
	unlock_handles();
	if (above)
		above->after_fork_in_child();
	pthread_mutex_unlock(&lock);
}

/* -------------------------------------------------------------------------------------- exit */

#define WAIT_AT_EXIT (2 * PGM__SECOND)

bool pgm__process_enter(void)
{
	atomic_fetch_add(&inside, 1);
	inside_by_myself++;
	if (!atomic_load(&exiting))
		return true;
	pgm__process_leave();
	return false;
}

void pgm__process_leave(void)
{
	inside_by_myself--;
	atomic_fetch_sub(&inside, 1);
}

/* The end of the process is the one place that looks again and again: nobody is left who would tell. */
static void keep_out(void)
{
	const struct timespec pause = {.tv_nsec = PGM__MS};
	pgm__time deadline = pgm__clock_now() + WAIT_AT_EXIT;

	atomic_store(&exiting, true);
	while (atomic_load(&inside) > inside_by_myself && pgm__clock_now() < deadline)
		nanosleep(&pause, NULL);
}

/* ------------------------------------------------------------------------------- the handles */

static int make_dead_fd(void)
{
	int pair[2];

	if (!pgm__pipe_open(pair, NULL))
		return -1;
	close(pair[1]);
	return pair[0];
}

static bool set_up_locked(pgm_error *err)
{
	char text[128];

	if (is_set_up)
		return true;
	if (dead_fd < 0)
		dead_fd = make_dead_fd();
	if (dead_fd < 0)
		return pgm__fail(err, PGM_ERR_IO, "cannot make a socket pair: %s",
				 pgm__errno_text(errno, text, sizeof text));
	if (pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) != 0)
		return pgm__fail_nomem(err, "prepare for fork");
	if (atexit(keep_out) != 0)
		return pgm__fail_nomem(err, "prepare for exit");
	is_set_up = true;
	return true;
}

bool pgm__process_add(pgm_db *db, pgm_error *err)
{
	bool ok;

	pthread_mutex_lock(&lock);
	ok = set_up_locked(err);
	if (ok) {
		db->prev = NULL;
		db->next = first;
		if (first)
			first->prev = db;
		first = db;
		db->listed = true;
	}
	pthread_mutex_unlock(&lock);
	return ok;
}

void pgm__process_remove(pgm_db *db)
{
	pthread_mutex_lock(&lock);
	if (db->prev)
		db->prev->next = db->next;
	else if (db->listed)
		first = db->next;
	if (db->next)
		db->next->prev = db->prev;
	db->listed = false;
	pthread_mutex_unlock(&lock);
}

void pgm__process_set_hooks(const pgm__process_hooks *hooks)
{
	pthread_mutex_lock(&lock);
	above = hooks;
	pthread_mutex_unlock(&lock);
}

/* Before TLS cleans up. Whoever still holds a connection may give it back later: then libpq is left alone. */
static void close_and_keep_out(void)
{
	void (*at_exit)(void);

	pthread_mutex_lock(&lock);
	at_exit = above->at_exit;
	pthread_mutex_unlock(&lock);
	at_exit();
	keep_out();
}

/* TLS may register its own handler as late as with its first connection, after many without. */
void pgm__process_connected(bool tls)
{
	bool *handled = tls ? &exit_is_handled_before_tls : &exit_is_handled;
	bool is_first;

	pthread_mutex_lock(&lock);
	is_first = !*handled && above;
	*handled = *handled || is_first;
	pthread_mutex_unlock(&lock);
	if (is_first)
		atexit(close_and_keep_out);
}
