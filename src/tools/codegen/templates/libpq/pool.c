/*
 * Threads that share connections to PostgreSQL, as a YAML file describes them, with libpq and libyaml alone. The pool
 * here is a small one: of pool_settings it knows max_size and timeout.
 *
 * Build: cc -Wall -Wextra -pthread -o program program.c $(pkg-config --cflags --libs libpq yaml-0.1)
 * Run:   ./program [YAML file]
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <libpq-fe.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <yaml.h>

#define CONFIG_FILE "@CONFIG@"
#define SESSION_SECTION "sync_settings"
#define POOL_SECTION "pool_settings"
#define THREADS 4

#include "settings.c"

#include "blocking.c"

/* ------------------------------------------------------------------------------ the pool */

typedef struct pool {
	const config *config;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t freed;
	PGconn **idle; /* room for max_size */
	int nidle, nopen;
} pool;

static struct timespec seconds_from_now(int seconds)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += seconds;
	return t;
}

/* Counts a connection out, and wakes one that may open another in its place. */
static void forget(pool *p)
{
	pthread_mutex_lock(&p->lock);
	p->nopen--;
	pthread_cond_signal(&p->freed);
	pthread_mutex_unlock(&p->lock);
}

/* Give it back by release. NULL on failure, which was said. */
static PGconn *acquire(pool *p)
{
	const struct timespec deadline = seconds_from_now(p->config->timeout);
	PGconn *conn = NULL;
	bool may_open = false;

	pthread_mutex_lock(&p->lock);
	while (p->nidle == 0 && p->nopen == p->config->max_size)
		if (pthread_cond_timedwait(&p->freed, &p->lock, &deadline) == ETIMEDOUT)
			break;
	if (p->nidle > 0) {
		conn = p->idle[--p->nidle];
	} else if (p->nopen < p->config->max_size) {
		p->nopen++;
		may_open = true;
	}
	pthread_mutex_unlock(&p->lock);
	if (!conn && !may_open) {
		fprintf(stderr, "no connection was free for %d seconds\n", p->config->timeout);
	} else if (!conn) { /* not under the lock: it takes its time */
		conn = open_connection(p->config);
		if (!conn)
			forget(p);
	}
	return conn;
}

static void release(pool *p, PGconn *conn)
{
	if (PQstatus(conn) != CONNECTION_OK || PQtransactionStatus(conn) != PQTRANS_IDLE) {
		PQfinish(conn);
		forget(p);
		return;
	}
	pthread_mutex_lock(&p->lock);
	p->idle[p->nidle++] = conn;
	pthread_cond_signal(&p->freed);
	pthread_mutex_unlock(&p->lock);
}

/* ------------------------------------------------------------------------------ threads */

/* Returns its argument if all went well. */
static void *worker(void *arg)
{
	pool *p = arg;
	PGconn *conn = acquire(p);
	bool ok = conn && transact(p->config, conn, work);

	if (conn)
		release(p, conn);
	return ok ? p : NULL;
}

static bool run_threads(pool *p)
{
	pthread_t threads[THREADS];
	int started = 0;
	bool ok = true;

	while (started < THREADS && pthread_create(&threads[started], NULL, worker, p) == 0)
		started++;
	if (started < THREADS)
		fprintf(stderr, "cannot start thread %d\n", started + 1);
	for (int i = 0; i < started; i++) {
		void *result = NULL;

		pthread_join(threads[i], &result);
		ok = result && ok;
	}
	return ok && started == THREADS;
}

int main(int argc, char **argv)
{
	config c = {0};
	pool p = {.config = &c, .lock = PTHREAD_MUTEX_INITIALIZER, .freed = PTHREAD_COND_INITIALIZER};
	bool ok;

	if (!read_config(&c, argc > 1 ? argv[1] : CONFIG_FILE))
		return EXIT_FAILURE;
	p.idle = calloc((size_t)c.max_size, sizeof *p.idle);
	if (!p.idle)
		fprintf(stderr, "out of memory\n");
	ok = p.idle && run_threads(&p);
	while (p.nidle > 0)
		PQfinish(p.idle[--p.nidle]);
	free(p.idle);
	yaml_document_delete(&c.yaml);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
