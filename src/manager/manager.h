/* A manager: the handles of one cache. Private to src/manager. */
#ifndef PGM_MANAGER_MANAGER_H
#define PGM_MANAGER_MANAGER_H

#include "config/settings.h"
#include "manager/stamp.h"
#include "pgmonkey.h"

#include <pthread.h>

/* Whose an event-driven handle is: a loop's, or without one a thread's. Zeroed: everybody's. */
typedef struct pgm__owner {
	pgm_loop loop;
	uint64_t thread;
} pgm__owner;

/* One configuration, as one type, with one set of hooks: what makes two opens the same. */
typedef struct pgm__cached {
	struct pgm__cached *next;
	char *key; /* the settings as text, compared in full */
	size_t key_len;
	pgm_hooks hooks;
	pgm__owner owner;
	pgm_db *db;   /* NULL while it is being opened, and if that failed */
	bool opening; /* somebody is at it */
	pthread_t opener;
	bool in_cache;	 /* found by others; false once closed or failed */
	int32_t waiting; /* others that want its outcome; the last one frees a failed entry */
	pgm_error error; /* why it failed */
} pgm__cached;

/* A file that was opened: which handle it led to, and how the file looked then. It stays as long as the manager,
 * as the handle's memory does. */
typedef struct pgm__path {
	struct pgm__path *next;
	char *path;
	pgm_type asked;	 /* as the caller said, PGM_FROM_CONFIG included */
	uint64_t thread; /* whose the handle is; 0: everybody's */
	pgm__stamp stamp;
	pgm_db *db; /* NULL: closed since, the file is to be read again */
} pgm__path;

struct pgm_manager {
	pgm_manager *next; /* all of the process, under its lock */
	pthread_mutex_t lock;
	pthread_cond_t opened;
	pgm__cached *entries;  /* locked */
	pgm__cached *retired;  /* locked; closed, kept since a pgm_db * stays valid */
	pgm__path *paths;      /* locked */
	pgm_cache_stats stats; /* locked; handles is counted when asked */
};

/* The manager, or the default one for NULL (made on first use); NULL if memory is out. */
pgm_manager *pgm__manager_or_default(pgm_manager *manager, pgm_error *err);

/* locked: out of the cache, while its pointer stays valid. Returns the handle, to be shut once unlocked. */
pgm_db *pgm__manager_retire_locked(pgm_manager *m, pgm__cached *entry);

/* All handles of all managers, for exit. */
void pgm__manager_close_all(void);

#endif
