/* From a YAML tree to a configuration. */
#include "base/file.h"
#include "base/log.h"
#include "config/data.h"

#include <string.h>
#include <sys/stat.h>

/* Older programs put everything under this one key. */
#define LEGACY_TOP "postgresql"

typedef struct loader {
	pgm_config *config;
	pgm_error *err;
	pgm__mark seen[PGM__NSECTIONS]; /* where a section began: it may not come again under LEGACY_TOP */
} loader;

static bool is_null(const pgm__node *node)
{
	return node->kind == PGM__SCALAR && node->is_null;
}

static const char *kind_name(const pgm__node *node)
{
	static const char *const names[] = {
		[PGM__SCALAR] = "one value", [PGM__SEQUENCE] = "a list", [PGM__MAPPING] = "a mapping"};

	return names[node->kind];
}

static bool expect(loader *l, const char *what, const pgm__node *node, pgm__node_kind kind)
{
	pgm__node wanted = {.kind = kind};

	return node->kind == kind || pgm__yaml_fail(l->config->name, node->mark, l->err, "%s: expected %s, found %s",
						    what, kind_name(&wanted), kind_name(node));
}

/* ----------------------------------------------------------------------------------- unknown keys */

/* In {password: a,b} the rest of a password looks like a key: in {} no unknown key is named after a secret. */
static bool may_be_secret(pgm__section_id section, const pgm__node *mapping, const pgm__pair *pair)
{
	const pgm__setting *row;

	for (size_t i = 0; mapping->is_flow && &mapping->pairs[i] != pair; i++) {
		row = pgm__setting_find(section, mapping->pairs[i].key->text);
		if (row && row->type == PGM__SECRET)
			return true;
	}
	return false;
}

static void warn_unknown(loader *l, pgm__section_id section, const pgm__node *mapping, const pgm__pair *pair)
{
	const char *in = pgm__sections[section].name, *key = pair->key->text;
	char hint[128], shown[80] = "(after a password)";

	pgm__config_hint(l->config, section, key, hint, sizeof(hint));
	if (!may_be_secret(section, mapping, pair))
		pgm__config_show_key(l->config, section, key, shown, sizeof(shown));
	pgm__log(PGM_LOG_WARNING, "%s:%d:%d: unknown key %s %s %s is ignored%s", l->config->name, pair->key->mark.line,
		 pair->key->mark.column, shown, in ? "in" : "at", in ? in : "the top level", hint);
}

/* ---------------------------------------------------------------------------------------- values */

/* Values are stored first and judged when all are there, so that a message can name two of them. */
static bool load_value(loader *l, pgm__section_id section, const pgm__node *mapping, const pgm__pair *pair)
{
	const char *key = pair->key->text, *file = l->config->name;
	const pgm__setting *row;
	const pgm__entry *first;
	char name[128];

	if (!pgm__config_knows(l->config, section, key, &row)) {
		warn_unknown(l, section, mapping, pair);
		return true;
	}
	if (is_null(pair->value))
		return true;
	pgm__config_full_name(section, key, name, sizeof(name));
	if (!expect(l, name, pair->value, PGM__SCALAR))
		return false;
	if (pgm__config_is_absent(row, pair->value->text))
		return true;
	first = pgm__config_find(l->config, section, key);
	if (first)
		return pgm__yaml_fail(file, pair->key->mark, l->err,
				      "duplicate key: expected %s once, it is in line %d already", name,
				      first->key_mark.line);
	return pgm__config_store(l->config, section, key, pair->value->text, pair->key->mark, pair->value->mark) ||
	       pgm__fail_nomem(l->err, "reading the configuration");
}

static bool load_section(loader *l, pgm__section_id section, const pgm__pair *pair)
{
	const pgm__node *mapping = pair->value;

	if (is_null(mapping))
		return true;
	if (!expect(l, pair->key->text, mapping, PGM__MAPPING))
		return false;
	if (l->seen[section].line)
		return pgm__yaml_fail(l->config->name, pair->key->mark, l->err,
				      "duplicate key: expected %s once, it is in line %d already", pair->key->text,
				      l->seen[section].line);
	l->seen[section] = pair->key->mark;
	for (size_t i = 0; i < mapping->npairs; i++)
		if (!load_value(l, section, mapping, &mapping->pairs[i]))
			return false;
	return true;
}

static bool load_top(loader *l, const pgm__node *top, bool legacy);

static bool load_legacy(loader *l, const pgm__pair *pair)
{
	if (is_null(pair->value))
		return true;
	if (!expect(l, LEGACY_TOP, pair->value, PGM__MAPPING))
		return false;
	pgm__log(PGM_LOG_WARNING,
		 "%s:%d:%d: the top-level key \"" LEGACY_TOP "\" is of older programs; what is under it "
		 "belongs at the top level",
		 l->config->name, pair->key->mark.line, pair->key->mark.column);
	return load_top(l, pair->value, true);
}

static bool load_top(loader *l, const pgm__node *top, bool legacy)
{
	for (size_t i = 0; i < top->npairs; i++) {
		const pgm__pair *pair = &top->pairs[i];
		pgm__section_id section = pgm__section_find(pair->key->text);
		bool ok;

		if (section != PGM__NSECTIONS)
			ok = load_section(l, section, pair);
		else if (!legacy && strcmp(pair->key->text, LEGACY_TOP) == 0)
			ok = load_legacy(l, pair);
		else
			ok = load_value(l, PGM__TOP, top, pair);
		if (!ok)
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------------------------------- whole */

static bool check_all(loader *l)
{
	for (int i = 0; i < PGM__NSECTIONS; i++) {
		pgm__section_id section = (pgm__section_id)i;
		const pgm__entries *entries = &l->config->sections[i];

		for (size_t j = 0; j < entries->count; j++)
			if (!pgm__config_check(l->config, section, &entries->list[j], l->err))
				return false;
		if (!pgm__config_check_section(l->config, section, l->err))
			return false;
	}
	return true;
}

/* A file of comments only is a configuration of defaults, but more likely one that was cut short. */
static bool load_tree(loader *l, const pgm__yaml *yaml)
{
	if (!yaml->root || is_null(yaml->root)) {
		pgm__log(PGM_LOG_WARNING, "%s:1:1: nothing is set here; every setting is the default", l->config->name);
		return true;
	}
	return expect(l, "the file", yaml->root, PGM__MAPPING) && load_top(l, yaml->root, false) && check_all(l);
}

pgm_config *pgm__config_parse(const char *yaml, size_t len, const char *name, const pgm__keywords *keywords,
			      pgm_error *err)
{
	loader l = {.config = pgm__config_named(name, keywords), .err = err};
	pgm__yaml tree;
	bool ok;

	pgm__error_clear(err);
	if (!yaml && len > 0) {
		pgm__fail(err, PGM_ERR_MISUSE, "pgm_config_parse: the text is NULL");
		pgm_config_free(l.config);
		return NULL;
	}
	if (!l.config) {
		pgm__fail_nomem(err, "reading the configuration");
		return NULL;
	}
	ok = pgm__yaml_parse(&tree, yaml ? yaml : "", yaml ? len : 0, l.config->name, err);
	if (ok) {
		ok = load_tree(&l, &tree);
		pgm__yaml_free(&tree);
	}
	if (!ok) {
		pgm_config_free(l.config);
		return NULL;
	}
	return l.config;
}

static bool holds_secret(const pgm_config *config)
{
	for (const pgm__setting *row = pgm__sections[PGM__CONNECTION].rows; row->key; row++) {
		const pgm__entry *entry = pgm__config_find(config, PGM__CONNECTION, row->key);

		if (row->type == PGM__SECRET && entry && entry->value[0])
			return true;
	}
	return false;
}

pgm_config *pgm__config_load(const char *path, const pgm__keywords *keywords, pgm_error *err)
{
	pgm__strbuf text = {.secret = true};
	pgm_config *config = NULL;
	struct stat st;

	pgm__error_clear(err);
	if (!path)
		pgm__fail(err, PGM_ERR_MISUSE, "pgm_config_load needs a path");
	else if (!path[0])
		pgm__fail(err, PGM_ERR_IO, "cannot read the configuration: the path is empty");
	else if (pgm__file_read(path, PGM__YAML_MAX_BYTES, &text, &st, err))
		config = pgm__config_parse(text.text, text.len, path, keywords, err);
	if (config && st.st_mode & (S_IRGRP | S_IROTH) && holds_secret(config))
		pgm__log(PGM_LOG_WARNING, "%s: holds a password and can be read by others (mode %04o); chmod 600 it",
			 path, (unsigned)st.st_mode & 07777);
	pgm__strbuf_free(&text);
	return config;
}
