#include "connection/evented/prepared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS (sizeof((pgm__prepared *)0)->bucket / sizeof(pgm__prepared_text *))

/* FNV-1a. */
static uint32_t hash_of(const char *sql)
{
	uint32_t hash = 2166136261u;

	for (; *sql; sql++)
		hash = (hash ^ (unsigned char)*sql) * 16777619u;
	return hash;
}

/* Left open and said to be unknown (0) are the same to the server. */
static Oid type_at(const Oid *types, int i)
{
	return types ? types[i] : 0;
}

static bool is_same(const pgm__prepared_text *text, const pgm_query *query)
{
	if (text->ntypes != query->nparams || strcmp(text->sql, query->sql) != 0)
		return false;
	for (int i = 0; i < text->ntypes; i++)
		if (type_at(text->types, i) != type_at(query->types, i))
			return false;
	return true;
}

pgm__prepared_text *pgm__prepared_find(pgm__prepared *p, const pgm_query *query)
{
	pgm__prepared_text *text = p->found;
	uint32_t hash;

	if (text && is_same(text, query))
		return text;
	hash = hash_of(query->sql);
	text = p->bucket[hash % BUCKETS];
	while (text && (text->hash != hash || !is_same(text, query)))
		text = text->next;
	if (text)
		p->found = text;
	return text;
}

static void text_free(pgm__prepared_text *text)
{
	if (text)
		free(text->types);
	free(text);
}

static pgm__prepared_text *text_new(const pgm_query *query)
{
	size_t size = strlen(query->sql) + 1;
	pgm__prepared_text *text = calloc(1, sizeof *text + size);

	if (!text)
		return NULL;
	memcpy(text->sql, query->sql, size);
	text->hash = hash_of(query->sql);
	text->ntypes = query->nparams;
	if (query->nparams == 0)
		return text;
	text->types = calloc((size_t)query->nparams, sizeof *text->types);
	if (!text->types) {
		text_free(text);
		return NULL;
	}
	for (int i = 0; i < query->nparams; i++)
		text->types[i] = type_at(query->types, i);
	return text;
}

pgm__prepared_text *pgm__prepared_add(pgm__prepared *p, const pgm_query *query)
{
	pgm__prepared_text *text = p->count < PGM__PREPARED_MOST ? text_new(query) : NULL;

	if (!text)
		return NULL;
	text->number = ++p->last_number;
	snprintf(text->name, sizeof text->name, "pgmonkey_%u", text->number);
	text->next = p->bucket[text->hash % BUCKETS];
	p->bucket[text->hash % BUCKETS] = text;
	p->count++;
	return text;
}

static pgm__prepared_text **place_of(pgm__prepared *p, unsigned number)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (pgm__prepared_text **at = &p->bucket[i]; *at; at = &(*at)->next)
			if ((*at)->number == number)
				return at;
	return NULL;
}

void pgm__prepared_confirm(pgm__prepared *p, unsigned number)
{
	pgm__prepared_text **at = place_of(p, number);

	if (at)
		(*at)->confirmed = true;
}

void pgm__prepared_forget(pgm__prepared *p, unsigned number)
{
	pgm__prepared_text **at = place_of(p, number), *text;

	if (!at)
		return;
	text = *at;
	*at = text->next;
	if (p->found == text)
		p->found = NULL;
	p->count--;
	text_free(text);
}

void pgm__prepared_clear(pgm__prepared *p)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		for (pgm__prepared_text *text = p->bucket[i], *next; text; text = next) {
			next = text->next;
			text_free(text);
		}
	}
	*p = (pgm__prepared){.last_number = p->last_number}; /* the server may still know the names */
}
