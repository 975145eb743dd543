/* Requests: made, kept while they wait, answered. */
#include "base/error.h"
#include "connection/evented/evented.h"

#include <stdlib.h>
#include <string.h>

/* Kept for the next ones, so that a statement costs no allocation of ours. */
#define UNUSED_MOST 1024
#define UNUSED_COPY_MOST 4096

/* ------------------------------------------------------------------------------------- lists */

void pgm__requests_push(pgm__requests *list, pgm__request *r)
{
	r->next = NULL;
	if (list->last)
		list->last->next = r;
	else
		list->first = r;
	list->last = r;
	list->count++;
}

pgm__request *pgm__requests_pop(pgm__requests *list)
{
	pgm__request *r = list->first;

	if (!r)
		return NULL;
	list->first = r->next;
	if (!list->first)
		list->last = NULL;
	list->count--;
	r->next = NULL;
	return r;
}

void pgm__requests_remove(pgm__requests *list, pgm__request *r)
{
	pgm__request *before = NULL;

	for (pgm__request *at = list->first; at != r; at = at->next)
		before = at;
	if (before)
		before->next = r->next;
	else
		list->first = r->next;
	if (list->last == r)
		list->last = before;
	list->count--;
	r->next = NULL;
}

/* ---------------------------------------------------------------------------- making, freeing */

/* There is room among the deadlines for each that there is, so that setting one cannot fail. */
pgm__request *pgm__request_new(pgm_db *db, pgm__request_kind kind)
{
	pgm__ev *ev = db->ev;
	pgm__request *r = ev->unused;

	if (!pgm__deadlines_reserve(&ev->deadlines, ev->requests + 1))
		return NULL;
	if (r) {
		char *copy = r->copy;
		size_t size = r->copy_size;

		ev->unused = r->next;
		ev->unused_count--;
		*r = (pgm__request){.copy = copy, .copy_size = size};
	} else if ((r = calloc(1, sizeof *r)) == NULL) {
		return NULL;
	}
	ev->requests++;
	r->kind = kind;
	r->slot = PGM__NO_SLOT;
	r->waiter.slot = PGM__NO_SLOT;
	r->due = PGM__NEVER;
	return r;
}

void pgm__request_free(pgm_db *db, pgm__request *r)
{
	pgm__ev *ev = db->ev;

	pgm__deadlines_remove(&ev->deadlines, &r->deadline);
	PQclear(r->res);
	if (r->err != &ev->no_words)
		free(r->err);
	ev->requests--;
	if (ev->unused_count < UNUSED_MOST && r->copy_size <= UNUSED_COPY_MOST) {
		r->next = ev->unused;
		ev->unused = r;
		ev->unused_count++;
		return;
	}
	free(r->copy);
	free(r);
}

/* ------------------------------------------------------------------------------ its own copy */

static size_t aligned(size_t size)
{
	return (size + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
}

/* How many bytes a parameter has: a text's NUL is sent along by nobody, but libpq looks for it. */
static size_t param_size(const pgm_query *q, int i)
{
	if (!q->params || !q->params[i])
		return 0;
	if (q->formats && q->formats[i] != 0)
		return q->lengths && q->lengths[i] > 0 ? (size_t)q->lengths[i] : 0;
	return strlen(q->params[i]) + 1;
}

static size_t size_of_copy(const pgm_query *q)
{
	size_t n = (size_t)(q->nparams > 0 ? q->nparams : 0), size = aligned(strlen(q->sql) + 1);

	size += q->params ? n * sizeof *q->params : 0;
	size += q->types ? aligned(n * sizeof *q->types) : 0;
	size += q->lengths ? aligned(n * sizeof *q->lengths) : 0;
	size += q->formats ? aligned(n * sizeof *q->formats) : 0;
	for (int i = 0; i < q->nparams; i++)
		size += param_size(q, i);
	return size;
}

/* To at, which moves on; NULL stays NULL. */
static const void *copy_part(char **at, const void *from, size_t size)
{
	char *to = *at;

	if (!from)
		return NULL;
	memcpy(to, from, size);
	*at += aligned(size);
	return to;
}

static void copy_params(char *at, const pgm_query *q, const char **to)
{
	for (int i = 0; i < q->nparams; i++) {
		size_t size = param_size(q, i);

		to[i] = q->params[i] ? at : NULL;
		if (size > 0)
			memcpy(at, q->params[i], size);
		at += size;
	}
}

bool pgm__request_keep(pgm__request *r, const pgm_query *query)
{
	size_t size = size_of_copy(query), n = (size_t)(query->nparams > 0 ? query->nparams : 0);
	const char **params;
	char *at;

	if (size > r->copy_size) {
		char *grown = malloc(size);

		if (!grown)
			return false;
		free(r->copy);
		r->copy = grown;
		r->copy_size = size;
	}
	at = r->copy;
	r->query = *query;
	r->query.sql = copy_part(&at, query->sql, strlen(query->sql) + 1);
	params = query->params ? (const char **)(void *)at : NULL;
	at += params ? n * sizeof *params : 0;
	r->query.types = copy_part(&at, query->types, n * sizeof *query->types);
	r->query.lengths = copy_part(&at, query->lengths, n * sizeof *query->lengths);
	r->query.formats = copy_part(&at, query->formats, n * sizeof *query->formats);
	if (params)
		copy_params(at, query, params);
	r->query.params = params;
	return true;
}

/* --------------------------------------------------------------------------------- answering */

void pgm__request_answer(pgm_db *db, pgm__request *r, const pgm_error *err)
{
	pgm__deadlines_remove(&db->ev->deadlines, &r->deadline);
	if (err && err->code != PGM_OK) {
		r->err = malloc(sizeof *r->err);
		if (r->err)
			*r->err = *err;
		else
			r->err = &db->ev->no_words;
	}
	r->state = PGM__REQUEST_ANSWERED;
	pgm__requests_push(&db->ev->answers, r);
}
