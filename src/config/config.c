#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "base/secret.h"
#include "config/data.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_WITHOUT_FILE "configuration"

/* ------------------------------------------------------------------------------------- entries */

static void free_entry(pgm__entry *entry)
{
	free(entry->key);
	pgm__secret_free(entry->value);
}

static bool make_entry(pgm__entry *entry, const char *key, const char *value)
{
	*entry = (pgm__entry){.key = strdup(key), .value = strdup(value)};
	if (entry->key && entry->value)
		return true;
	free_entry(entry);
	return false;
}

static bool make_room(pgm__entries *entries)
{
	size_t capacity = entries->capacity ? entries->capacity * 2 : 16;
	pgm__entry *list;

	if (entries->count < entries->capacity)
		return true;
	list = realloc(entries->list, capacity * sizeof(*list));
	if (!list)
		return false;
	entries->list = list;
	entries->capacity = capacity;
	return true;
}

pgm__entry *pgm__config_find(const pgm_config *config, pgm__section_id section, const char *key)
{
	int (*compare)(const char *, const char *) = pgm__sections[section].any_guc ? strcasecmp : strcmp;
	const pgm__entries *entries = &config->sections[section];

	for (size_t i = 0; i < entries->count; i++)
		if (compare(entries->list[i].key, key) == 0)
			return &entries->list[i];
	return NULL;
}

bool pgm__config_store(pgm_config *config, pgm__section_id section, const char *key, const char *value,
		       pgm__mark key_mark, pgm__mark value_mark)
{
	pgm__entries *entries = &config->sections[section];
	pgm__entry *place = pgm__config_find(config, section, key), entry;

	if (!make_entry(&entry, key, value))
		return false;
	entry.key_mark = key_mark;
	entry.value_mark = value_mark;
	if (place) {
		free_entry(place);
	} else if (make_room(entries)) {
		place = &entries->list[entries->count++];
	} else {
		free_entry(&entry);
		return false;
	}
	*place = entry;
	return true;
}

static void remove_entry(pgm_config *config, pgm__section_id section, const char *key)
{
	pgm__entries *entries = &config->sections[section];
	pgm__entry *entry = pgm__config_find(config, section, key);

	if (!entry)
		return;
	free_entry(entry);
	entries->count--;
	memmove(entry, entry + 1, (size_t)(entries->list + entries->count - entry) * sizeof(*entry));
}

bool pgm__config_is_absent(const pgm__setting *row, const char *value)
{
	return !value[0] && !(row && row->type == PGM__SECRET);
}

/* --------------------------------------------------------------------------------------- whole */

pgm_config *pgm__config_named(const char *name, const pgm__keywords *keywords)
{
	pgm_config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	if (keywords)
		config->keywords = *keywords;
	config->name = strdup(name ? name : NAME_WITHOUT_FILE);
	if (!config->name) {
		free(config);
		return NULL;
	}
	return config;
}

pgm_config *pgm__config_new(const pgm__keywords *keywords)
{
	return pgm__config_named(NULL, keywords);
}

void pgm_config_free(pgm_config *config)
{
	if (!config)
		return;
	for (int i = 0; i < PGM__NSECTIONS; i++) {
		for (size_t j = 0; j < config->sections[i].count; j++)
			free_entry(&config->sections[i].list[j]);
		free(config->sections[i].list);
	}
	free(config->name);
	free(config);
}

/* ---------------------------------------------------------------------------------- set and get */

static bool fail_unknown(const pgm_config *config, pgm__section_id section, const char *what, const char *name,
			 pgm_error *err)
{
	const char *in = pgm__sections[section].name;
	char hint[128], shown[80];

	pgm__config_hint(config, section, name, hint, sizeof(hint));
	return pgm__fail(err, PGM_ERR_CONFIG, "unknown %s %s%s%s%s", what,
			 pgm__config_show_key(config, section, name, shown, sizeof(shown)), in ? " in " : "",
			 in ? in : "", hint);
}

bool pgm_config_set(pgm_config *config, const char *section, const char *key, const char *value, pgm_error *err)
{
	pgm__section_id id = pgm__section_find(section);
	const pgm__setting *row;
	/* Only to be looked at: the casts do not lead to a write. */
	pgm__entry entry = {.key = (char *)key, .value = (char *)value};

	pgm__error_clear(err);
	if (!config || !key)
		return pgm__fail(err, PGM_ERR_MISUSE, "pgm_config_set needs a configuration and a key");
	if (id == PGM__NSECTIONS)
		return fail_unknown(config, PGM__TOP, "section", section, err);
	if (!pgm__config_knows(config, id, key, &row))
		return fail_unknown(config, id, "key", key, err);
	if (!value || pgm__config_is_absent(row, value)) {
		remove_entry(config, id, key);
		return true;
	}
	if (!pgm__config_check(config, id, &entry, err))
		return false;
	return pgm__config_store(config, id, key, value, (pgm__mark){0}, (pgm__mark){0}) ||
	       pgm__fail_nomem(err, "setting a value");
}

const char *pgm_config_get(const pgm_config *config, const char *section, const char *key)
{
	pgm__section_id id = pgm__section_find(section);
	const pgm__setting *row;
	const pgm__entry *entry;

	if (!config || !key || id == PGM__NSECTIONS)
		return NULL;
	entry = pgm__config_find(config, id, key);
	if (entry)
		return entry->value;
	row = pgm__setting_find(id, key);
	return row ? row->default_value : NULL;
}

const char *pgm_config_key(const pgm_config *config, const char *section, size_t index)
{
	pgm__section_id id = pgm__section_find(section);

	if (!config || id == PGM__NSECTIONS || index >= config->sections[id].count)
		return NULL;
	return config->sections[id].list[index].key;
}
