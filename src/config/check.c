/* Whether keys and values are what the settings table, libpq and the server's naming rules allow. */
#include "config/data.h"
#include "config/nearest.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ONE_ENDPOINT                                                                                              \
	"expected one endpoint per file; for several hosts, failover or balancing put PgBouncer, HAProxy or the " \
	"like in between"

void pgm__config_full_name(pgm__section_id section, const char *key, char *buf, size_t size)
{
	const char *name = pgm__sections[section].name;

	snprintf(buf, size, "%s%s%.64s", name ? name : "", name ? "." : "", key);
}

static bool libpq_knows(const pgm_config *config, const char *key)
{
	return config->keywords.known && config->keywords.known(key);
}

bool pgm__config_knows(const pgm_config *config, pgm__section_id section, const char *key, const pgm__setting **row)
{
	*row = pgm__setting_find(section, key);
	if (*row && !((*row)->flags & PGM__UNLISTED))
		return true;
	if (pgm__sections[section].any_guc)
		return true;
	return section == PGM__CONNECTION && libpq_knows(config, key);
}

/* ---------------------------------------------------------------------------------------- hints */

/* The section other than this one whose table has the key, or NULL. */
static const char *home_of(pgm__section_id section, const char *key)
{
	for (int i = PGM__CONNECTION; i < PGM__SYNC; i++)
		if (i != (int)section && pgm__setting_find((pgm__section_id)i, key))
			return pgm__sections[i].name;
	return NULL;
}

static const char *nearest_to(const pgm_config *config, pgm__section_id section, const char *key)
{
	pgm__nearest nearest = {.word = key};
	const pgm__setting *row;

	for (row = pgm__sections[section].rows; row->key; row++)
		if (!(row->flags & PGM__REFUSED) && (!(row->flags & PGM__UNLISTED) || libpq_knows(config, row->key)))
			pgm__nearest_offer(&nearest, row->key);
	for (int i = PGM__CONNECTION; section == PGM__TOP && i < PGM__NSECTIONS; i++)
		pgm__nearest_offer(&nearest, pgm__sections[i].name);
	return nearest.best;
}

void pgm__config_hint(const pgm_config *config, pgm__section_id section, const char *key, char *buf, size_t size)
{
	const char *home = home_of(section, key), *nearest = nearest_to(config, section, key);

	buf[0] = '\0';
	if (home)
		snprintf(buf, size, "; it belongs to %s", home);
	else if (nearest)
		snprintf(buf, size, "; did you mean \"%s\"?", nearest);
}

/* "password:secret" and "password secret" are keys to YAML where a blank or a colon is missing. */
static bool may_hold_secret(const pgm_config *config, pgm__section_id section, const char *key)
{
	static const char *const beginnings[] = {"pass", "pw", "secret"};

	if (key[strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] != '\0')
		return true;
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (strncasecmp(key, beginnings[i], strlen(beginnings[i])) == 0)
			return !home_of(section, key) && !nearest_to(config, section, key);
	return false;
}

const char *pgm__config_show_key(const pgm_config *config, pgm__section_id section, const char *key, char *buf,
				 size_t size)
{
	if (may_hold_secret(config, section, key))
		snprintf(buf, size, "(not shown, it may hold a password)");
	else
		snprintf(buf, size, "\"%.64s\"", key);
	return buf;
}

/* --------------------------------------------------------------------------------------- values */

/* The value of a number setting, and whether it is the default's. False if it is not a number. */
static bool number_of(const pgm_config *config, pgm__section_id section, const pgm__setting *row, int64_t *number,
		      const pgm__entry **entry)
{
	*entry = pgm__config_find(config, section, row->key);
	return pgm__setting_parse(row, *entry ? (*entry)->value : row->default_value, number);
}

/* The setting that row is compared with, either way, or NULL. */
static const pgm__setting *partner_of(pgm__section_id section, const pgm__setting *row)
{
	if (row->not_above)
		return pgm__setting_find(section, row->not_above);
	for (const pgm__setting *other = pgm__sections[section].rows; other->key; other++)
		if (other->not_above && strcmp(other->not_above, row->key) == 0)
			return other;
	return NULL;
}

static bool fail_value(const pgm_config *config, pgm__section_id section, const pgm__setting *row,
		       const pgm__entry *entry, pgm_error *err)
{
	const pgm__setting *partner = partner_of(section, row);
	const pgm__entry *other = partner ? pgm__config_find(config, section, partner->key) : NULL;
	char name[128], expected[128], beside[128] = "";

	pgm__config_full_name(section, entry->key, name, sizeof(name));
	pgm__setting_describe(row, expected, sizeof(expected));
	if (partner)
		snprintf(beside, sizeof(beside), " (%s is %.20s)", partner->key,
			 other ? other->value : partner->default_value);
	return pgm__yaml_fail(config->name, entry->value_mark, err, "%s: expected %s, found \"%.64s\"%s", name,
			      expected, entry->value, beside);
}

/* A whole connection string where one value belongs; the system or the server would repeat it, password and all.
 * As a database's name libpq would even take "key=value". */
static bool is_connection_string(const pgm__setting *row, const char *text)
{
	return strstr(text, "postgresql://") || strstr(text, "postgres://") ||
	       (row && row->flags & PGM__NAME && strchr(text, '='));
}

static bool is_secret(const pgm__setting *row)
{
	return row && row->type == PGM__SECRET;
}

bool pgm__config_check(const pgm_config *config, pgm__section_id section, const pgm__entry *entry, pgm_error *err)
{
	const pgm__setting *row = pgm__setting_find(section, entry->key);

	if (pgm__sections[section].any_guc && !pgm__guc_name_valid(entry->key))
		return pgm__yaml_fail(
			config->name, entry->key_mark, err,
			"%s: expected the name of a session setting (letters, digits, _ and $; parts joined "
			"by a dot), found \"%.64s\"",
			pgm__sections[section].name, entry->key);
	if (section == PGM__CONNECTION && !is_secret(row) && is_connection_string(row, entry->value))
		return pgm__yaml_fail(config->name, entry->value_mark, err,
				      "%s: expected a plain value, found a connection string; host, user and the like "
				      "have keys of their own",
				      entry->key);
	if (!row)
		return true;
	if (row->flags & PGM__REFUSED)
		return pgm__yaml_fail(config->name, entry->key_mark, err, "%s: " ONE_ENDPOINT, row->key);
	if (row->flags & PGM__ONE_ENDPOINT && strchr(entry->value, ','))
		return pgm__yaml_fail(config->name, entry->value_mark, err, "%s: " ONE_ENDPOINT, row->key);
	return pgm__setting_parse(row, entry->value, NULL) || fail_value(config, section, row, entry, err);
}

/* A default that nobody wrote gives way (pgm__settings_make lowers it): `max_size: 3` alone is no mistake. */
static bool check_order(const pgm_config *config, pgm__section_id section, const pgm__setting *row, pgm_error *err)
{
	const pgm__setting *bound = pgm__setting_find(section, row->not_above);
	const pgm__entry *entry, *bound_entry;
	int64_t number, most;
	char name[128];

	if (!number_of(config, section, row, &number, &entry) ||
	    !number_of(config, section, bound, &most, &bound_entry) || !entry || number <= most)
		return true;
	pgm__config_full_name(section, row->key, name, sizeof(name));
	return pgm__yaml_fail(config->name, entry->value_mark, err, "%s: expected at most %s, found %lld above %lld%s",
			      name, bound->key, (long long)number, (long long)most,
			      bound_entry ? "" : " (the default)");
}

bool pgm__config_check_section(const pgm_config *config, pgm__section_id section, pgm_error *err)
{
	for (const pgm__setting *row = pgm__sections[section].rows; row->key; row++)
		if (row->not_above && !check_order(config, section, row, err))
			return false;
	return true;
}
