#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "config/settings.h"

#include "base/secret.h"
#include "base/strbuf.h"
#include "config/data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------- typed fields */

static void store_field(pgm__settings *settings, const pgm__setting *row, int64_t number)
{
	void *field = (char *)settings + row->offset;

	switch (row->store) {
	case PGM__STORE_INT:
		*(int *)field = (int)number;
		break;
	case PGM__STORE_BOOL:
		*(bool *)field = number != 0;
		break;
	case PGM__STORE_TIME:
		*(pgm__time *)field = number * PGM__SECOND;
		break;
	case PGM__STORE_NONE:
		break;
	}
}

static int64_t load_field(const pgm__settings *settings, const pgm__setting *row)
{
	const void *field = (const char *)settings + row->offset;

	switch (row->store) {
	case PGM__STORE_INT:
		return *(const int *)field;
	case PGM__STORE_BOOL:
		return *(const bool *)field;
	case PGM__STORE_TIME:
		return *(const pgm__time *)field;
	case PGM__STORE_NONE:
		break;
	}
	return 0;
}

/* A bound that was given lowers the default of what it bounds. */
static int64_t default_of(const pgm_config *config, pgm__section_id section, const pgm__setting *row)
{
	int64_t number = 0, most;
	const pgm__setting *bound = row->not_above ? pgm__setting_find(section, row->not_above) : NULL;
	const pgm__entry *entry = bound ? pgm__config_find(config, section, bound->key) : NULL;

	if (row->default_value)
		pgm__setting_parse(row, row->default_value, &number);
	if (entry && pgm__setting_parse(bound, entry->value, &most) && most < number)
		return most;
	return number;
}

/* The values were checked when they were set. */
static void fill_fields(pgm__settings *settings, const pgm_config *config, pgm__section_id section, unsigned without)
{
	for (const pgm__setting *row = pgm__sections[section].rows; row->key; row++) {
		const pgm__entry *entry = pgm__config_find(config, section, row->key);
		int64_t number;

		if (row->store == PGM__STORE_NONE || row->flags & without)
			continue;
		if (!entry || !pgm__setting_parse(row, entry->value, &number))
			number = default_of(config, section, row);
		store_field(settings, row, number);
	}
}

/* ---------------------------------------------------------------------------- libpq's keywords */

/* What libpq wants: numbers without leading zeros, 1 and 0 for a boolean. Equal meaning, equal text. */
static char *libpq_value(const pgm__setting *row, const char *value)
{
	char text[32];
	int64_t number;

	if (!row || (row->type != PGM__NUMBER && row->type != PGM__BOOLEAN) || !pgm__setting_parse(row, value, &number))
		return strdup(value);
	snprintf(text, sizeof(text), "%lld", (long long)number);
	return strdup(text);
}

static int compare_entries(const void *a, const void *b)
{
	const pgm__entry *const *left = a, *const *right = b;

	return strcmp((*left)->key, (*right)->key);
}

/* The entries of a section by name, so that the order in the file makes no difference. NULL: no memory. */
static const pgm__entry **sorted_entries(const pgm__entries *entries)
{
	const pgm__entry **sorted = malloc((entries->count + 1) * sizeof(*sorted));

	if (!sorted)
		return NULL;
	for (size_t i = 0; i < entries->count; i++)
		sorted[i] = &entries->list[i];
	qsort(sorted, entries->count, sizeof(*sorted), compare_entries);
	return sorted;
}

static bool add_keyword(pgm__settings *settings, const pgm__entry *entry)
{
	const pgm__setting *row = pgm__setting_find(PGM__CONNECTION, entry->key);
	size_t n = settings->nkeywords;

	if (row && row->flags & PGM__OWN)
		return true;
	settings->keywords[n] = strdup(entry->key);
	settings->values[n] = libpq_value(row, entry->value);
	settings->nkeywords++;
	return settings->keywords[n] && settings->values[n];
}

static bool fill_keywords(pgm__settings *settings, const pgm_config *config)
{
	const pgm__entries *entries = &config->sections[PGM__CONNECTION];
	const pgm__entry **sorted = sorted_entries(entries);
	bool ok;

	settings->keywords = calloc(entries->count + 1, sizeof(char *));
	settings->values = calloc(entries->count + 1, sizeof(char *));
	ok = sorted && settings->keywords && settings->values;
	for (size_t i = 0; ok && i < entries->count; i++)
		ok = add_keyword(settings, sorted[i]);
	free(sorted);
	return ok;
}

/* ---------------------------------------------------------------------------- session settings */

static char *where_of(const pgm_config *config, const pgm__entry *entry)
{
	pgm__strbuf buf = {0};

	if (entry->key_mark.line)
		pgm__strbuf_printf(&buf, "%s:%d:%d", config->name, entry->key_mark.line, entry->key_mark.column);
	else
		pgm__strbuf_puts(&buf, "session setting");
	return pgm__strbuf_take(&buf);
}

static bool fill_gucs(pgm__settings *settings, const pgm_config *config, pgm__section_id section)
{
	const pgm__entries *entries = &config->sections[section];
	const pgm__entry **sorted = sorted_entries(entries);
	bool ok;

	settings->gucs = calloc(entries->count + 1, sizeof(*settings->gucs));
	ok = sorted && settings->gucs;
	for (size_t i = 0; ok && i < entries->count; i++) {
		pgm__guc *guc = &settings->gucs[settings->ngucs++];

		*guc = (pgm__guc){strdup(sorted[i]->key), strdup(sorted[i]->value), where_of(config, sorted[i])};
		ok = guc->name && guc->value && guc->where;
	}
	free(sorted);
	return ok;
}

/* ------------------------------------------------------------------------------------- the key */

/* Each text with its length before it, so that no two lists of texts give the same key. */
static void key_text(pgm__strbuf *key, const char *text)
{
	pgm__strbuf_printf(key, "%zu:", strlen(text));
	pgm__strbuf_puts(key, text);
	pgm__strbuf_puts(key, ",");
}

static void key_fields(pgm__strbuf *key, const pgm__settings *settings, pgm__section_id section)
{
	for (const pgm__setting *row = pgm__sections[section].rows; row->key; row++) {
		if (row->store == PGM__STORE_NONE)
			continue;
		pgm__strbuf_printf(key, "%s=%lld,", row->key, (long long)load_field(settings, row));
	}
}

static bool fill_key(pgm__settings *settings)
{
	pgm__strbuf key = {.secret = true};

	key_text(&key, pgm__type_name(settings->type));
	pgm__strbuf_printf(&key, "%zu keywords,", settings->nkeywords);
	for (size_t i = 0; i < settings->nkeywords; i++) {
		key_text(&key, settings->keywords[i]);
		key_text(&key, settings->values[i]);
	}
	pgm__strbuf_printf(&key, "%zu settings,", settings->ngucs);
	for (size_t i = 0; i < settings->ngucs; i++) {
		key_text(&key, settings->gucs[i].name);
		key_text(&key, settings->gucs[i].value);
	}
	key_fields(&key, settings, PGM__CONNECTION);
	key_fields(&key, settings, pgm__type_uses(settings->type).pool);
	settings->key_len = key.len;
	settings->key = pgm__strbuf_take(&key);
	return settings->key;
}

/* --------------------------------------------------------------------------------------- whole */

static bool fill(pgm__settings *settings, const pgm_config *config)
{
	pgm__type_use use = pgm__type_uses(settings->type);

	/* What a type of one connection does not take from the file. */
	settings->min_size = settings->max_size = settings->num_workers = 1;
	fill_fields(settings, config, PGM__CONNECTION, 0);
	fill_fields(settings, config, use.pool, use.one ? PGM__POOL_ONLY : 0);
	settings->origin = strdup(config->name);
	return settings->origin && fill_keywords(settings, config) && fill_gucs(settings, config, use.session) &&
	       fill_key(settings);
}

pgm__settings *pgm__settings_make(const pgm_config *config, pgm_type type, pgm_error *err)
{
	pgm__settings *settings;
	pgm__type_use use;

	pgm__error_clear(err);
	if (!config) {
		pgm__fail(err, PGM_ERR_MISUSE, "opening a database needs a configuration");
		return NULL;
	}
	if (type == PGM_FROM_CONFIG)
		type = pgm__type_of(pgm_config_get(config, NULL, "connection_type"));
	if (type < PGM_NORMAL || type > PGM_ASYNC_POOL) {
		pgm__fail(err, PGM_ERR_MISUSE, "opening %s: there is no connection type %d", config->name, (int)type);
		return NULL;
	}
	use = pgm__type_uses(type);
	if (!use.one && !pgm__config_check_section(config, use.pool, err))
		return NULL;
	settings = calloc(1, sizeof(*settings));
	if (settings)
		settings->type = type;
	if (!settings || !fill(settings, config)) {
		pgm__settings_free(settings);
		pgm__fail_nomem(err, "reading the settings");
		return NULL;
	}
	return settings;
}

void pgm__settings_free(pgm__settings *settings)
{
	if (!settings)
		return;
	for (size_t i = 0; i < settings->nkeywords; i++) {
		free(settings->keywords[i]);
		pgm__secret_free(settings->values[i]);
	}
	for (size_t i = 0; i < settings->ngucs; i++) {
		free(settings->gucs[i].name);
		pgm__secret_free(settings->gucs[i].value);
		free(settings->gucs[i].where);
	}
	free(settings->keywords);
	free(settings->values);
	free(settings->gucs);
	free(settings->origin);
	pgm__secret_free(settings->key);
	free(settings);
}
