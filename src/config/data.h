/* What a pgm_config is made of, for the files of this folder. */
#ifndef PGM_CONFIG_DATA_H
#define PGM_CONFIG_DATA_H

#include "base/error.h"
#include "config/config.h"
#include "config/setting.h"
#include "config/yaml_tree.h"

typedef struct pgm__entry {
	char *key, *value;
	pgm__mark key_mark, value_mark; /* line 0: set by a call */
} pgm__entry;

typedef struct pgm__entries {
	pgm__entry *list; /* in the order of the file */
	size_t count, capacity;
} pgm__entries;

struct pgm_config {
	char *name; /* the file's, for messages */
	pgm__keywords keywords;
	pgm__entries sections[PGM__NSECTIONS];
};

/* ------------------------------------------------------------------- config.c: keeping values */

/* NULL if memory is out. */
pgm_config *pgm__config_named(const char *name, const pgm__keywords *keywords);

/* NULL if there is none. In the sections of session settings case does not count, as on the server. */
pgm__entry *pgm__config_find(const pgm_config *config, pgm__section_id section, const char *key);

/* Adds or replaces, without a check. False if memory is out: nothing has changed. */
bool pgm__config_store(pgm_config *config, pgm__section_id section, const char *key, const char *value,
		       pgm__mark key_mark, pgm__mark value_mark);

/* An empty value is an absent one, except that of a secret. */
bool pgm__config_is_absent(const pgm__setting *row, const char *value);

/* ------------------------------------------------------------------- check.c: judging them */

/* False if the key means nothing in that section. *row: its row in the table, or NULL (a session setting, or
 * a keyword that only libpq knows). */
bool pgm__config_knows(const pgm_config *config, pgm__section_id section, const char *key, const pgm__setting **row);

/* What the user may have meant by a key (or, at the top, a section) that is not known: "" or
 * "; did you mean ...?" */
void pgm__config_hint(const pgm_config *config, pgm__section_id section, const char *key, char *buf, size_t size);

/* A known key and its value, alone. entry need not be one of config's. Errors: _CONFIG. */
bool pgm__config_check(const pgm_config *config, pgm__section_id section, const pgm__entry *entry, pgm_error *err);

/* What only several values together can tell, for one section. Errors: _CONFIG. */
bool pgm__config_check_section(const pgm_config *config, pgm__section_id section, pgm_error *err);

/* "pool_settings.max_size", or just the key at the top. */
void pgm__config_full_name(pgm__section_id section, const char *key, char *buf, size_t size);

/* The key as a message may show it: in quotes, or words in its place where a secret may have run into it. */
const char *pgm__config_show_key(const pgm_config *config, pgm__section_id section, const char *key, char *buf,
				 size_t size);

#endif
