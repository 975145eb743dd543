#include "manager/manager.h"

#include "base/error.h"
#include "base/thread.h"
#include "connection/open.h"
#include "connection/process.h"

#include <stdlib.h>
#include <string.h>

static pgm_manager *all;	 /* under the process lock */
static pgm_manager *the_default; /* under the process lock; never freed */

/* ------------------------------------------------------------------------------- fork and exit */

static void lock_all(void)
{
	for (pgm_manager *m = all; m; m = m->next)
		pthread_mutex_lock(&m->lock);
}

static void unlock_all(void)
{
	for (pgm_manager *m = all; m; m = m->next)
		pthread_mutex_unlock(&m->lock);
}

/* What another thread was opening will never be open here, and nobody waits for it. */
static void reset_in_child(void)
{
	for (pgm_manager *m = all; m; m = m->next) {
		for (pgm__cached *e = m->entries; e; e = e->next) {
			e->waiting = 0;
			if (e->opening)
				e->opening = e->in_cache = false;
		}
		pgm__cond_init(&m->opened);
	}
	unlock_all();
}

static const pgm__process_hooks hooks = {
	.before_fork = lock_all,
	.after_fork_in_parent = unlock_all,
	.after_fork_in_child = reset_in_child,
	.at_exit = pgm__manager_close_all,
};

void pgm__manager_close_all(void)
{
	pgm_manager *m;

	/* A manager can be freed while this runs only by a thread that goes on through exit(), which is told
	 * not to; the list itself is walked under its lock. */
	pgm__process_lock();
	m = all;
	pgm__process_unlock();
	while (m) {
		pgm_clear_cache(m);
		pgm__process_lock();
		m = m->next;
		pgm__process_unlock();
	}
}

/* ----------------------------------------------------------------------------- making, freeing */

static pgm_manager *manager_new(void)
{
	pgm_manager *m = calloc(1, sizeof *m);

	if (!m || !pgm__cond_init(&m->opened)) {
		free(m);
		return NULL;
	}
	pthread_mutex_init(&m->lock, NULL);
	return m;
}

static pgm_manager *add_locked(pgm_manager *m)
{
	if (m) {
		m->next = all;
		all = m;
	}
	return m;
}

pgm_manager *pgm_manager_new(pgm_error *err)
{
	pgm_manager *m = manager_new();

	pgm__error_clear(err);
	pgm__process_set_hooks(&hooks);
	pgm__process_lock();
	add_locked(m);
	pgm__process_unlock();
	if (!m)
		pgm__fail_nomem(err, "make a manager");
	return m;
}

pgm_manager *pgm__manager_or_default(pgm_manager *manager, pgm_error *err)
{
	pgm_manager *m = manager;

	if (m)
		return m;
	pgm__process_set_hooks(&hooks);
	pgm__process_lock();
	if (!the_default)
		the_default = add_locked(manager_new());
	m = the_default;
	pgm__process_unlock();
	if (!m)
		pgm__fail_nomem(err, "make the default manager");
	return m;
}

static void remove_from_list(pgm_manager *m)
{
	pgm__process_lock();
	for (pgm_manager **at = &all; *at; at = &(*at)->next)
		if (*at == m) {
			*at = m->next;
			break;
		}
	if (the_default == m)
		the_default = NULL;
	pgm__process_unlock();
}

static void free_entries(pgm__cached *e)
{
	for (pgm__cached *next; e; e = next) {
		next = e->next;
		if (e->db)
			pgm__db_unref(e->db);
		free(e->key);
		free(e);
	}
}

static void free_paths(pgm__path *p)
{
	for (pgm__path *next; p; p = next) {
		next = p->next;
		free(p->path);
		free(p);
	}
}

void pgm_manager_free(pgm_manager *manager)
{
	if (!manager)
		return;
	pgm_clear_cache(manager);
	remove_from_list(manager);
	free_paths(manager->paths);
	free_entries(manager->entries);
	free_entries(manager->retired);
	pthread_cond_destroy(&manager->opened);
	pthread_mutex_destroy(&manager->lock);
	free(manager);
}

/* ------------------------------------------------------------------------------------- closing */

/* locked: files that led to this handle must be read again. */
static void forget_paths_locked(pgm_manager *m, const pgm_db *db)
{
	for (pgm__path *p = m->paths; p; p = p->next)
		if (p->db == db)
			p->db = NULL;
}

pgm_db *pgm__manager_retire_locked(pgm_manager *m, pgm__cached *entry)
{
	for (pgm__cached **at = &m->entries; *at; at = &(*at)->next)
		if (*at == entry) {
			*at = entry->next;
			break;
		}
	entry->in_cache = false;
	entry->next = m->retired;
	m->retired = entry;
	forget_paths_locked(m, entry->db);
	return entry->db;
}

/* One handle that fits (NULL: any that is open) out of the cache. */
static pgm_db *retire_one(pgm_manager *m, const pgm_db *wanted)
{
	pgm_db *db = NULL;

	pthread_mutex_lock(&m->lock);
	for (pgm__cached *e = m->entries; e && !db; e = e->next) {
		if (e->opening)
			e->in_cache = e->in_cache && wanted; /* clearing the cache reaches what is on its way, too */
		else if (e->db && (!wanted || e->db == wanted))
			db = pgm__manager_retire_locked(m, e);
	}
	pthread_mutex_unlock(&m->lock);
	return db;
}

void pgm_clear_cache(pgm_manager *manager)
{
	pgm_manager *m = pgm__manager_or_default(manager, NULL);
	pgm_db *db;

	while (m && (db = retire_one(m, NULL)) != NULL)
		pgm__db_shut(db);
}

void pgm_close(pgm_db *db)
{
	pgm_db *found = NULL;

	if (!db)
		return;
	pgm__process_lock();
	for (pgm_manager *m = all; m && !found; m = m->next)
		found = retire_one(m, db);
	pgm__process_unlock();
	pgm__db_shut(db);
}

void pgm_cache_info(pgm_manager *manager, pgm_cache_stats *out, size_t size)
{
	pgm_manager *m = pgm__manager_or_default(manager, NULL);
	pgm_cache_stats stats = {0};

	if (!out)
		return;
	if (m) {
		pthread_mutex_lock(&m->lock);
		stats = m->stats;
		for (const pgm__cached *e = m->entries; e; e = e->next)
			stats.handles += e->db && e->in_cache;
		pthread_mutex_unlock(&m->lock);
	}
	memset(out, 0, size);
	memcpy(out, &stats, size < sizeof stats ? size : sizeof stats);
}
