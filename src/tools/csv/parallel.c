#include "tools/csv/parallel.h"

#include "base/thread.h"

#include <stdlib.h>

/* A mebibyte of the table: a COPY costs a fraction of a millisecond, reading that some five. */
#define PART_BLOCKS 128
#define LAST_BLOCK INT64_C(4294967295)
#define FIRST_CAPACITY ((size_t)1024 * 1024)
/* What a part may keep before its turn. */
#define MOST_CAPACITY ((size_t)4 * 1024 * 1024)
#define ASK_EVERY_MS 100

typedef struct work work;

/* Part n is in place n modulo the number of places, from when it is taken until it is written. */
typedef struct place {
	pgm__csv_out out; /* goes to the buffer first */
	work *work;
	char *buffer;
	size_t capacity;
	int64_t part;
	bool done; /* all of it is here */
} place;

struct work {
	const pgm__copy_out *copy;
	const pgm__csv_source *source;
	pgm__csv_snapshot *snapshot;
	const pgm_config *config;
	int64_t parts;
	place *places;
	int nplaces;

	pthread_mutex_t lock;
	pthread_cond_t moved; /* turn, stopped or running has changed */
	int64_t next;	      /* part to be taken */
	int64_t turn;	      /* part to be written: copy->out is whose thread's that has it */
	int64_t rows;
	int running; /* threads */
	bool stopped;
	pgm_error error; /* the first one */
};

static bool is_stopped(work *w)
{
	bool stopped;

	pthread_mutex_lock(&w->lock);
	stopped = w->stopped;
	pthread_mutex_unlock(&w->lock);
	return stopped;
}

static void stop(work *w, const pgm_error *why)
{
	pthread_mutex_lock(&w->lock);
	if (!w->stopped && why)
		w->error = *why;
	w->stopped = true;
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
}

static bool go_on(void *arg)
{
	return !is_stopped(arg);
}

/* ------------------------------------------------------------------------------------- parts */

static place *place_of(work *w, int64_t part)
{
	return &w->places[part % w->nplaces];
}

/* The next part, and an empty place for it; NULL: there is none. */
static place *take(work *w)
{
	place *p = NULL;

	pthread_mutex_lock(&w->lock);
	while (!w->stopped && w->next < w->parts && w->next >= w->turn + w->nplaces)
		pthread_cond_wait(&w->moved, &w->lock);
	if (!w->stopped && w->next < w->parts) {
		p = place_of(w, w->next);
		p->part = w->next++;
	}
	pthread_mutex_unlock(&w->lock);
	return p;
}

/* By the thread whose turn it is. */
static void write_out(work *w, place *p)
{
	pgm__csv_put(w->copy->out, p->buffer, (size_t)(p->out.next - p->buffer));
	p->out.next = p->buffer;
	p->out.failed = w->copy->out->failed;
}

/* Whoever completes the part whose turn it is writes those behind it too, as far as they are complete. */
static void give(work *w, place *p, int64_t rows)
{
	pthread_mutex_lock(&w->lock);
	w->rows += rows;
	p->done = true;
	while ((p = place_of(w, w->turn))->done) {
		p->done = false; /* nobody else takes it up */
		pthread_mutex_unlock(&w->lock);
		write_out(w, p);
		pthread_mutex_lock(&w->lock);
		w->turn++;
		pthread_cond_broadcast(&w->moved);
	}
	pthread_mutex_unlock(&w->lock);
}

static bool wait_for_turn(work *w, const place *p)
{
	bool ok;

	pthread_mutex_lock(&w->lock);
	while (!w->stopped && w->turn != p->part)
		pthread_cond_wait(&w->moved, &w->lock);
	ok = !w->stopped;
	pthread_mutex_unlock(&w->lock);
	return ok;
}

static bool is_turn(work *w, const place *p)
{
	bool yes;

	pthread_mutex_lock(&w->lock);
	yes = w->turn == p->part;
	pthread_mutex_unlock(&w->lock);
	return yes;
}

static bool grow(place *p)
{
	size_t len = (size_t)(p->out.next - p->buffer), capacity = p->capacity ? 2 * p->capacity : FIRST_CAPACITY;
	char *buffer = capacity <= MOST_CAPACITY ? realloc(p->buffer, capacity) : NULL;

	if (!buffer)
		return false;
	p->buffer = buffer;
	p->capacity = capacity;
	p->out.next = buffer + len;
	p->out.end = buffer + capacity;
	return true;
}

static void full(pgm__csv_out *out)
{
	place *p = (place *)out;

	if (!out->failed && !is_turn(p->work, p) && grow(p))
		return;
	if (!out->failed && wait_for_turn(p->work, p))
		write_out(p->work, p);
	else
		out->failed = true;
	out->next = p->buffer;
}

/* ----------------------------------------------------------------------------------- threads */

static bool copy_part(work *w, pgm__csv_session *session, place *p, pgm_error *err)
{
	pgm__copy_out copy = {.session = session, .text = w->copy->text, .out = &p->out, .doing = w->copy->doing};
	int64_t first = p->part * PART_BLOCKS, last = p->part + 1 < w->parts ? first + PART_BLOCKS : LAST_BLOCK;
	char *sql = pgm__csv_source_sql(w->source, session, copy.text->text_delimiter, first, last);
	bool ok = sql ? pgm__copy_out_run(&copy, sql, err) : pgm__fail_nomem(err, copy.doing);

	free(sql);
	if (ok)
		give(w, p, copy.rows);
	return ok;
}

static void copy_parts(work *w, pgm__csv_session *session, pgm_error *err)
{
	place *p;

	while ((p = take(w)))
		if (!copy_part(w, session, p, err)) {
			stop(w, err);
			break;
		}
}

static void end_thread(work *w)
{
	pthread_mutex_lock(&w->lock);
	w->running--;
	pthread_cond_broadcast(&w->moved);
	pthread_mutex_unlock(&w->lock);
}

/* The one with the session that there was. */
static void *run_first(void *arg)
{
	work *w = arg;
	pgm__csv_session *session = w->copy->session;
	const pgm__csv_session asking = *session;
	pgm_error err = {0};

	session->go_on = go_on;
	session->arg = w;
	copy_parts(w, session, &err);
	session->go_on = asking.go_on;
	session->arg = asking.arg;
	end_thread(w);
	return NULL;
}

static void *run_other(void *arg)
{
	work *w = arg;
	pgm__csv_session session = {.go_on = go_on, .arg = w};
	pgm_error err = {0};

	if (pgm__csv_session_open(&session, w->config, &err) && pgm__csv_snapshot_begin(w->snapshot, &session, &err))
		copy_parts(w, &session, &err);
	else
		stop(w, &err);
	pgm__csv_session_close(&session);
	end_thread(w);
	return NULL;
}

/* Until all have ended. The caller is asked here, not by threads that it does not know. */
static void watch(work *w, pgm__copy_out *copy, const pgm__csv_session *asking)
{
	pthread_mutex_lock(&w->lock);
	while (w->running > 0) {
		pgm__cond_wait_until(&w->moved, &w->lock, pgm__clock_after_ms(ASK_EVERY_MS));
		copy->rows = w->rows;
		pthread_mutex_unlock(&w->lock);
		if (asking->go_on && !asking->go_on(asking->arg))
			stop(w, NULL);
		pthread_mutex_lock(&w->lock);
	}
	copy->rows = w->rows;
	pthread_mutex_unlock(&w->lock);
}

/* ---------------------------------------------------------------------------------- all of it */

static bool open_work(work *w, int jobs)
{
	w->nplaces = 2 * jobs;
	w->places = calloc((size_t)w->nplaces, sizeof(place));
	for (int i = 0; w->places && i < w->nplaces; i++) {
		w->places[i].work = w;
		w->places[i].out.full = full;
		if (!grow(&w->places[i]))
			return false;
	}
	return w->places && pthread_mutex_init(&w->lock, NULL) == 0;
}

static void close_places(work *w)
{
	for (int i = 0; w->places && i < w->nplaces; i++)
		free(w->places[i].buffer);
	free(w->places);
}

/* How many could be started; the first one works even if it is alone. */
static int start_threads(work *w, pthread_t *threads, int jobs)
{
	int started = 0;

	w->running = jobs;
	while (started < jobs && pgm__thread_start(&threads[started], started == 0 ? run_first : run_other, w))
		started++;
	pthread_mutex_lock(&w->lock);
	w->running -= jobs - started;
	pthread_mutex_unlock(&w->lock);
	return started;
}

static bool run(work *w, pgm__copy_out *copy, int jobs, pgm_error *err)
{
	const pgm__csv_session asking = *copy->session; /* before a thread has it ask somebody else */
	pthread_t *threads = calloc((size_t)jobs, sizeof(pthread_t));
	int started = threads ? start_threads(w, threads, jobs) : 0;

	if (started > 0)
		watch(w, copy, &asking);
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	if (started == 0)
		return pgm__fail_nomem(err, "starting threads");
	pgm__error_copy(err, &w->error);
	return !w->stopped;
}

bool pgm__csv_parallel_run(pgm__copy_out *copy, const pgm__csv_source *source, pgm__csv_snapshot *snapshot,
			   const pgm_config *config, int jobs, pgm_error *err)
{
	work w = {.copy = copy,
		  .source = source,
		  .snapshot = snapshot,
		  .config = config,
		  .parts = source->blocks / PART_BLOCKS + 1};
	bool has_lock = open_work(&w, jobs), has_both = has_lock && pgm__cond_init(&w.moved);
	bool ok = has_both ? run(&w, copy, jobs, err) : pgm__fail_nomem(err, copy->doing);

	if (has_both)
		pthread_cond_destroy(&w.moved);
	if (has_lock)
		pthread_mutex_destroy(&w.lock);
	close_places(&w);
	return ok;
}
