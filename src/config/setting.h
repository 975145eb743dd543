/*
 * The settings table: what the YAML file may say. One row per setting, and nowhere else is a setting's
 * name, type, default, range or explanation written. Validation, defaults, "did you mean", the typed
 * settings, the template of `pgconfig create` and the JSON schema are made from it.
 *
 * To walk all of it:
 *	for (size_t i = 0; i < PGM__NSECTIONS; i++)
 *		for (const pgm__setting *row = pgm__sections[i].rows; row->key; row++)
 */
#ifndef PGM_CONFIG_SETTING_H
#define PGM_CONFIG_SETTING_H

#include "pgmonkey.h"

typedef enum pgm__section_id {
	PGM__TOP, /* keys at the top level of the file */
	PGM__CONNECTION,
	PGM__POOL,
	PGM__ASYNC_POOL,
	PGM__SYNC,
	PGM__ASYNC,
	PGM__NSECTIONS
} pgm__section_id;

typedef enum pgm__setting_type {
	PGM__TEXT,
	PGM__SECRET, /* a text that no message may hold; '' is a value, not an absent key */
	PGM__NUMBER, /* whole, not negative */
	PGM__BOOLEAN,
	PGM__CHOICE
} pgm__setting_type;

/* The type of the field of pgm__settings that a row fills. */
typedef enum pgm__store { PGM__STORE_NONE, PGM__STORE_INT, PGM__STORE_BOOL, PGM__STORE_TIME } pgm__store;

/* Seconds, where connect_timeout is 0 or not given. libpq would wait for ever then, and a server that accepts
 * but never answers would keep a pool from recovering. */
#define PGM__CONNECT_TIMEOUT_DEFAULT 60

#define PGM__TEXT_OF(macro) PGM__TEXT_OF_(macro)
#define PGM__TEXT_OF_(tokens) #tokens

#define PGM__OWN 1u	     /* in connection_settings, but not for libpq */
#define PGM__ONE_ENDPOINT 2u /* libpq takes a comma list here; pgmonkey does not */
#define PGM__REFUSED 4u	     /* only makes sense with several endpoints */
#define PGM__UNLISTED 8u     /* counts only if the linked libpq has it; not in the template */
#define PGM__POOL_ONLY 16u   /* without meaning for a type of one connection */
#define PGM__NAME 32u	     /* a plain name: a whole connection string may stand elsewhere, with a password in it */

typedef struct pgm__setting {
	const char *key;
	pgm__setting_type type;
	unsigned flags;
	const char *default_value;	/* NULL: none of ours (libpq's, or the server's) */
	const char *sample;		/* what the template shows where there is no default */
	int64_t min, max;		/* numbers */
	const char *const *choices;	/* NULL-terminated */
	const char *not_above;		/* the number setting of the same section that bounds this one */
	const char *unit, *help, *zero; /* help: what it is; zero: what 0 means, where that is special */
	pgm__store store;
	size_t offset; /* in pgm__settings */
} pgm__setting;

typedef struct pgm__section {
	const char *name; /* NULL: the top level */
	const char *help;
	const pgm__setting *rows; /* ends with a row without a key */
	bool any_guc;		  /* any session setting may stand here; the rows are examples */
} pgm__section;

extern const pgm__section pgm__sections[PGM__NSECTIONS];

/* The types in the order of pgm_type from PGM_NORMAL on, as the file writes them; ends with NULL. */
extern const char *const pgm__type_names[];

/* What a type takes from the file. */
typedef struct pgm__type_use {
	pgm__section_id pool, session;
	bool one; /* a pool of exactly one that is never aged out */
} pgm__type_use;

/* type must not be PGM_FROM_CONFIG. */
pgm__type_use pgm__type_uses(pgm_type type);

/* PGM_FROM_CONFIG if there is no such type. */
pgm_type pgm__type_of(const char *name);

/* The section of that name (NULL: the top level), or PGM__NSECTIONS. */
pgm__section_id pgm__section_find(const char *name);

/* The row, or NULL. */
const pgm__setting *pgm__setting_find(pgm__section_id section, const char *key);

/* True if text is a value of the row's type and in its range. number (may be NULL): the number, or 0 and 1
 * for a boolean, or the index of the choice. */
bool pgm__setting_parse(const pgm__setting *row, const char *text, int64_t *number);

/* What pgm__setting_parse takes, such as "a whole number from 1 to 65535". */
void pgm__setting_describe(const pgm__setting *row, char *buf, size_t size);

/* A GUC name as the server takes it: names joined by dots (PostgreSQL manual, section 20.16). */
bool pgm__guc_name_valid(const char *name);

#endif
