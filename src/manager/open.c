/* Opening through the cache: the same configuration and type give the same handle. */
#include "connection/open.h"

#include "base/error.h"
#include "base/thread.h"
#include "config/config.h"
#include "manager/manager.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* That of the options as they were first published: what those have who leave size at 0. */
#define FIRST_SIZE (offsetof(pgm_open_options, leak_after_ms) + sizeof(int64_t))

/* ------------------------------------------------------------------------------- what is wanted */

static pgm_open_options read_options(const pgm_open_options *given)
{
	pgm_open_options options = {0};

	if (given) {
		size_t size = given->size ? given->size : FIRST_SIZE;

		memcpy(&options, given, size < sizeof options ? size : sizeof options);
	}
	return options;
}

static bool is_event_driven(pgm_type type)
{
	return type == PGM_ASYNC || type == PGM_ASYNC_POOL;
}

static pgm__settings *make_settings(const pgm_config *config, pgm_type type, const pgm_loop *loop, pgm_error *err)
{
	pgm__settings *settings;

	if (!config) {
		pgm__fail(err, PGM_ERR_MISUSE, "the configuration is NULL");
		return NULL;
	}
	settings = pgm__settings_make(config, type, err);
	if (settings && loop && !is_event_driven(settings->type)) {
		pgm__fail(err, PGM_ERR_MISUSE, "connection_type %s takes no event loop: it blocks",
			  pgm__type_name(settings->type));
		pgm__settings_free(settings);
		return NULL;
	}
	return settings;
}

static pgm__owner owner_of(const pgm__settings *settings, const pgm_loop *loop)
{
	pgm__owner owner = {.thread = 0};

	if (loop)
		owner.loop = *loop;
	else if (is_event_driven(settings->type))
		owner.thread = pgm__thread_number();
	return owner;
}

static bool same_owner(const pgm__owner *a, const pgm__owner *b)
{
	return a->thread == b->thread && a->loop.ctx == b->loop.ctx && a->loop.watch == b->loop.watch &&
	       a->loop.timer == b->loop.timer;
}

static bool same_hooks(const pgm_hooks *a, const pgm_hooks *b)
{
	return a->configure == b->configure && a->check == b->check && a->reset == b->reset && a->arg == b->arg;
}

static pgm__cached *find_locked(const pgm_manager *m, const pgm__settings *settings, const pgm_hooks *hooks,
				const pgm__owner *owner)
{
	for (pgm__cached *e = m->entries; e; e = e->next)
		if (e->in_cache && e->key_len == settings->key_len &&
		    memcmp(e->key, settings->key, settings->key_len) == 0 && same_hooks(&e->hooks, hooks) &&
		    same_owner(&e->owner, owner))
			return e;
	return NULL;
}

/* -------------------------------------------------------------------------------------- entries */

static pgm__cached *entry_new(const pgm__settings *settings, const pgm_hooks *hooks, const pgm__owner *owner)
{
	pgm__cached *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->key = malloc(settings->key_len + 1);
	if (!e->key) {
		free(e);
		return NULL;
	}
	memcpy(e->key, settings->key, settings->key_len);
	e->key_len = settings->key_len;
	e->hooks = *hooks;
	e->owner = *owner;
	e->opening = e->in_cache = true;
	e->opener = pthread_self();
	return e;
}

static void entry_free(pgm__cached *e)
{
	if (!e)
		return;
	free(e->key);
	free(e);
}

/* locked: takes out a failed entry, once the last of those who wanted it has read its error. Returns it, to be
 * freed once unlocked; NULL if it stays. */
static pgm__cached *take_failed_locked(pgm_manager *m, pgm__cached *entry)
{
	if (entry->waiting > 0 || entry->opening || entry->db)
		return NULL;
	for (pgm__cached **at = &m->entries; *at; at = &(*at)->next)
		if (*at == entry) {
			*at = entry->next;
			break;
		}
	return entry;
}

/* locked: somebody else is opening the very same: one server pool, not two. */
static pgm_db *wait_for_other_locked(pgm_manager *m, pgm__cached *entry, pgm_error *err)
{
	pgm_db *db;

	entry->waiting++;
	while (entry->opening)
		pgm__cond_wait_until(&m->opened, &m->lock, PGM__NEVER);
	entry->waiting--;
	db = entry->in_cache ? entry->db : NULL;
	if (!db && entry->error.code == PGM_OK)
		pgm__fail(err, PGM_ERR_CLOSED, "the handle was closed as soon as it was open");
	else if (!db)
		pgm__error_copy(err, &entry->error);
	return db;
}

/* Connects, with no lock held, and tells those who wait. */
static pgm_db *open_entry(pgm_manager *m, pgm__cached *entry, pgm__settings *settings, const pgm_open_options *options,
			  pgm_error *err)
{
	pgm_db *db = pgm__db_open(settings, options, &entry->error);
	pgm__cached *failed = NULL;
	bool doomed;

	pthread_mutex_lock(&m->lock);
	entry->opening = false;
	entry->db = db;
	doomed = db && !entry->in_cache; /* the cache was cleared meanwhile */
	if (doomed) {
		pgm__fail(&entry->error, PGM_ERR_CLOSED, "the cache was cleared while the handle was being opened");
		pgm__manager_retire_locked(m, entry);
	}
	if (!db)
		entry->in_cache = false;
	pgm__error_copy(err, &entry->error);
	pthread_cond_broadcast(&m->opened);
	if (!db)
		failed = take_failed_locked(m, entry);
	pthread_mutex_unlock(&m->lock);
	entry_free(failed);
	if (!doomed)
		return db;
	pgm__db_shut(db);
	return NULL;
}

/* Consumes settings. */
static pgm_db *open_settings(pgm_manager *m, pgm__settings *settings, const pgm_open_options *options, pgm_error *err)
{
	pgm_db *db = NULL, *old = NULL;
	pgm__cached *entry, *failed = NULL;
	const pgm__owner owner = owner_of(settings, options->loop);

	pthread_mutex_lock(&m->lock);
	entry = find_locked(m, settings, &options->hooks, &owner);
	if (entry && !entry->opening && options->force_reload) {
		old = pgm__manager_retire_locked(m, entry);
		entry = NULL;
	}
	if (entry) {
		if (entry->opening && pthread_equal(entry->opener, pthread_self())) {
			pgm__fail(err, PGM_ERR_MISUSE,
				  "this thread is opening the same handle already: a hook cannot wait for that");
		} else if (entry->opening) {
			db = wait_for_other_locked(m, entry, err);
			failed = take_failed_locked(m, entry);
		} else {
			db = entry->db;
		}
		m->stats.hits += db != NULL;
		pthread_mutex_unlock(&m->lock);
		entry_free(failed);
		pgm__settings_free(settings);
		return db;
	}
	entry = entry_new(settings, &options->hooks, &owner);
	if (entry) {
		entry->next = m->entries;
		m->entries = entry;
		m->stats.misses++;
	}
	pthread_mutex_unlock(&m->lock);
	if (old)
		pgm__db_shut(old);
	if (entry)
		return open_entry(m, entry, settings, options, err);
	pgm__settings_free(settings);
	pgm__fail_nomem(err, "open a handle");
	return NULL;
}

/* A thread that is cancelled halfway would let the others wait for ever who want the same: it goes on to the end. */
pgm_db *pgm_manager_open(pgm_manager *manager, const pgm_config *config, const pgm_open_options *given, pgm_error *err)
{
	pgm_open_options options = read_options(given);
	int before = pgm__cancel_disable();
	pgm_manager *m;
	pgm__settings *settings;
	pgm_db *db;

	pgm__error_clear(err);
	m = pgm__manager_or_default(manager, err);
	settings = m ? make_settings(config, options.type, options.loop, err) : NULL;
	db = settings ? open_settings(m, settings, &options, err) : NULL;
	pgm__cancel_restore(before);
	return db;
}

pgm_db *pgm_open_config(const pgm_config *config, pgm_type type, pgm_error *err)
{
	const pgm_open_options options = {.type = type};

	return pgm_manager_open(NULL, config, &options, err);
}

/* ------------------------------------------------------------------------------------- by path */

/* The calling thread's, or everybody's. */
static pgm__path *find_path_locked(const pgm_manager *m, const char *path, pgm_type asked)
{
	for (pgm__path *p = m->paths; p; p = p->next)
		if (p->asked == asked && (p->thread == 0 || p->thread == pgm__thread_number()) &&
		    strcmp(p->path, path) == 0)
			return p;
	return NULL;
}

static pgm_db *find_unchanged(pgm_manager *m, const char *path, pgm_type asked, const pgm__stamp *stamp)
{
	const pgm__path *p;
	pgm_db *db = NULL;

	pthread_mutex_lock(&m->lock);
	p = find_path_locked(m, path, asked);
	if (p && p->db && pgm__stamp_is_same(&p->stamp, stamp)) {
		db = p->db;
		m->stats.hits++;
	}
	pthread_mutex_unlock(&m->lock);
	return db;
}

/* locked: is it still in the cache, or was it closed while nobody looked? */
static bool is_cached_locked(const pgm_manager *m, const pgm_db *db)
{
	for (const pgm__cached *e = m->entries; e; e = e->next)
		if (e->db == db)
			return e->in_cache;
	return false;
}

/* Without memory for it the file is just read again next time. */
static void remember_path(pgm_manager *m, const char *path, pgm_type asked, const pgm__stamp *stamp, pgm_db *db)
{
	pgm__path *p;

	pthread_mutex_lock(&m->lock);
	p = find_path_locked(m, path, asked);
	if (!p && is_cached_locked(m, db)) {
		p = calloc(1, sizeof *p);
		if (p && (p->path = strdup(path)) == NULL) {
			free(p);
			p = NULL;
		}
		if (p) {
			p->asked = asked;
			p->next = m->paths;
			m->paths = p;
		}
	}
	if (p && is_cached_locked(m, db)) {
		p->stamp = *stamp;
		p->thread = is_event_driven(pgm_db_type(db)) ? pgm__thread_number() : 0;
		p->db = db;
	}
	pthread_mutex_unlock(&m->lock);
}

static pgm_db *read_and_open(pgm_manager *m, const char *path, pgm_type type, pgm_error *err)
{
	const pgm_open_options options = {.type = type};
	pgm_config *config = pgm_config_load(path, err);
	pgm_db *db = config ? pgm_manager_open(m, config, &options, err) : NULL;

	pgm_config_free(config);
	pthread_mutex_lock(&m->lock);
	m->stats.file_reads++;
	pthread_mutex_unlock(&m->lock);
	return db;
}

static pgm_db *open_path(const char *path, pgm_type type, pgm_error *err)
{
	pgm_manager *m;
	pgm__stamp stamp;
	bool seen;
	pgm_db *db;

	pgm__error_clear(err);
	if (!path) {
		pgm__fail(err, PGM_ERR_MISUSE, "pgm_open: the path is NULL");
		return NULL;
	}
	m = pgm__manager_or_default(NULL, err);
	if (!m)
		return NULL;
	seen = pgm__stamp_take(path, &stamp); /* before reading: a change in between shows next time */
	db = seen ? find_unchanged(m, path, type, &stamp) : NULL;
	if (db)
		return db;
	db = read_and_open(m, path, type, err);
	if (db && seen)
		remember_path(m, path, type, &stamp, db);
	return db;
}

pgm_db *pgm_open(const char *path, pgm_type type, pgm_error *err)
{
	int before = pgm__cancel_disable(); /* as above */
	pgm_db *db = open_path(path, type, err);

	pgm__cancel_restore(before);
	return db;
}
