/* pgm_submit, twice: on a loop of the caller's, and on the one that is built in. */
#include "loop.h"
#include "peer.h"

#include <pgmonkey.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct pgm_peer {
	loop loop;
	pgm_config *config;
	pgm_manager *manager;
	pgm_db *db;
} pgm_peer;

static void set(pgm_config *config, const char *section, const char *key, const char *value)
{
	pgm_error err;

	if (!pgm_config_set(config, section, key, value, &err))
		die("pgmonkey: %s", err.message);
}

static pgm_config *make_config(const target *t, const char *host, int connections)
{
	pgm_config *config = pgm_config_new();
	char number[16];

	snprintf(number, sizeof number, "%d", connections);
	set(config, "connection_settings", "host", host);
	set(config, "connection_settings", "port", t->port);
	set(config, "connection_settings", "user", t->user);
	set(config, "connection_settings", "password", t->password);
	set(config, "connection_settings", "dbname", t->dbname);
	set(config, "connection_settings", "sslmode", "disable");
	set(config, "async_pool_settings", "min_size", number);
	set(config, "async_pool_settings", "max_size", number);
	return config;
}

static void open_db(pgm_peer *p, const pgm_loop *hooks)
{
	const pgm_open_options options = {.size = sizeof options, .type = PGM_ASYNC_POOL, .loop = hooks};
	pgm_error err;

	p->manager = pgm_manager_new(&err);
	p->db = p->manager ? pgm_manager_open(p->manager, p->config, &options, &err) : NULL;
	if (!p->db)
		die("pgmonkey: %s", err.message);
}

static void *make_peer(const target *t, const char *host, int connections)
{
	pgm_peer *p = calloc(1, sizeof *p);

	p->config = make_config(t, host, connections);
	return p;
}

static void on_result(PGresult *res, const pgm_error *err, void *arg)
{
	if (err)
		die("pgmonkey: %s", err->message);
	load_answered(arg, res);
}

static void submit(void *self, call *c)
{
	const pgm_peer *p = self;
	const statement *s = &statements[c->kind];
	const pgm_query query = {.sql = s->sql,
				 .nparams = s->nparams,
				 .params = c->params,
				 .flags = PGM_PREPARE | (c->is_long ? PGM_LONG : 0)};
	pgm_error err;

	if (!pgm_submit(p->db, &query, on_result, c, &err))
		die("pgmonkey: %s", err.message);
}

static void close_db(void *self)
{
	pgm_peer *p = self;

	pgm_manager_free(p->manager);
	pgm_config_free(p->config);
	free(p);
}

/* -------------------------------------------------------------------------- on the caller's loop */

static int watch(void *ctx, int fd, unsigned events)
{
	loop_watch(ctx, fd, (events & PGM_READ ? LOOP_READ : 0) | (events & PGM_WRITE ? LOOP_WRITE : 0));
	return 0;
}

static int timer(void *ctx, int64_t timeout_ms)
{
	loop_timer(ctx, timeout_ms);
	return 0;
}

static void ready(void *self, int fd, unsigned events)
{
	const pgm_peer *p = self;

	pgm_ready(p->db, fd, (events & LOOP_READ ? PGM_READ : 0) | (events & LOOP_WRITE ? PGM_WRITE : 0));
}

static void tick(void *self)
{
	const pgm_peer *p = self;

	pgm_tick(p->db);
}

static void *open_on_loop(const target *t, const char *host, int connections)
{
	pgm_peer *p = make_peer(t, host, connections);
	const pgm_loop hooks = {.ctx = &p->loop, .watch = watch, .timer = timer};
	pgm_stats stats;

	p->loop.ready = ready;
	p->loop.tick = tick;
	p->loop.self = p;
	open_db(p, &hooks);
	pgm_tick(p->db); /* a handle belongs to the thread that uses it first, and watches nothing before */
	while (pgm_db_stats(p->db, &stats, sizeof stats), stats.idle < connections)
		loop_turn(&p->loop);
	return p;
}

static void turn_loop(void *self)
{
	pgm_peer *p = self;

	loop_turn(&p->loop);
}

const peer peer_pgmonkey = {"pgmonkey", open_on_loop, submit, turn_loop, close_db};

/* ------------------------------------------------------------------------------ on the built-in one */

static void *open_alone(const target *t, const char *host, int connections)
{
	pgm_peer *p = make_peer(t, host, connections);
	pgm_error err;

	open_db(p, NULL);
	if (!pgm_wait_ready(p->db, 30000, &err))
		die("pgmonkey: %s", err.message);
	return p;
}

static void wait_for_all(void *self)
{
	const pgm_peer *p = self;
	pgm_error err;

	if (!pgm_wait(p->db, -1, &err))
		die("pgm_wait: %s", err.message);
}

const peer peer_pgm_wait = {"pgm_wait", open_alone, submit, wait_for_all, close_db};
