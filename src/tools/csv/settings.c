#include "tools/csv/settings.h"

#include "base/strbuf.h"
#include "config/yaml_tree.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef enum kind { BOOLEAN, BYTE, TEXT } kind;

typedef struct row {
	const char *key;
	size_t offset, size; /* in pgm__csv_settings; size counts for TEXT */
	const char *default_value;
	kind kind;
	bool may_be_empty;
	const char *help;
} row;

#define FIELD(name) offsetof(pgm__csv_settings, name), sizeof(((pgm__csv_settings *)NULL)->name)

/* The one list of keys. */
static const row rows[] = {
	{"has_headers", FIELD(has_headers), "true", BOOLEAN, false,
	 "The first record names the columns. false: it is data, and columns go by position."},
	{"auto_create_table", FIELD(auto_create_table), "true", BOOLEAN, false,
	 "Import: make the table, every column text, if it does not exist."},
	{"enforce_lowercase", FIELD(enforce_lowercase), "true", BOOLEAN, false,
	 "Import: names in lower case, other characters than letters, 0-9 and _ become _. false: as they are written."},
	{"delimiter", FIELD(delimiter), "", BYTE, true, "One byte; '\\t' for a tab. Empty: import finds it out."},
	{"quotechar", FIELD(quote), "\"", BYTE, false, "One byte; inside of quotes it is written twice."},
	{"encoding", FIELD(encoding), "", TEXT, true,
	 "As iconv names it: UTF-8, WINDOWS-1252, UTF-16LE, ... Empty: import finds it out."},
	{"null_string", FIELD(null_string), "", TEXT, true,
	 "A field equal to this, and not in quotes, is NULL; '' is the empty field."},
};

#define NROWS (sizeof(rows) / sizeof(rows[0]))

static void *field(pgm__csv_settings *settings, const row *r)
{
	return (char *)settings + r->offset;
}

static const void *const_field(const pgm__csv_settings *settings, const row *r)
{
	return (const char *)settings + r->offset;
}

/* --------------------------------------------------------------------------------------- values */

static bool set_boolean(bool *to, const char *text)
{
	static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		*to = strcasecmp(text, yes[i]) == 0;
		if (*to || strcasecmp(text, no[i]) == 0)
			return true;
	}
	return false;
}

/* "\t" in single quotes, or in none, is two characters of YAML. */
static bool set_byte(char *to, const char *text)
{
	*to = strcmp(text, "\\t") == 0 ? '\t' : text[0];
	return *to == '\0' || ((text[1] == '\0' || *to == '\t') && (unsigned char)*to < 0x80 && !strchr("\r\n", *to));
}

static bool set_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text);
	return strlen(text) < size;
}

static bool set(pgm__csv_settings *settings, const row *r, const char *text)
{
	switch (r->kind) {
	case BOOLEAN:
		return set_boolean(field(settings, r), text);
	case BYTE:
		return set_byte(field(settings, r), text);
	case TEXT:
		break;
	}
	return set_text(field(settings, r), r->size, text);
}

void pgm__csv_settings_init(pgm__csv_settings *settings)
{
	*settings = (pgm__csv_settings){0};
	for (size_t i = 0; i < NROWS; i++)
		set(settings, &rows[i], rows[i].default_value);
}

const char *pgm__csv_show_byte(char byte, char buf[16])
{
	if (byte == '\t')
		snprintf(buf, 16, "a tab");
	else if (byte == ' ')
		snprintf(buf, 16, "a space");
	else if (byte < ' ' || byte > '~')
		snprintf(buf, 16, "the byte 0x%02X", (unsigned char)byte);
	else
		snprintf(buf, 16, byte == '\'' ? "\"%c\"" : "'%c'", byte);
	return buf;
}

/* -------------------------------------------------------------------------------------- reading */

static bool fail_value(const char *name, const pgm__node *value, const row *r, pgm_error *err)
{
	switch (r->kind) {
	case BOOLEAN:
		return pgm__yaml_fail(name, value->mark, err, "%s: expected true or false", r->key);
	case BYTE:
		return pgm__yaml_fail(name, value->mark, err,
				      "%s: expected one byte of ASCII, not a line end, or '\\t' for a tab%s", r->key,
				      r->may_be_empty ? "; without the key it is found out" : "");
	case TEXT:
		break;
	}
	return pgm__yaml_fail(name, value->mark, err, "%s: expected a text of at most %zu bytes", r->key, r->size - 1);
}

static bool fail_key(const char *name, const pgm__node *key, pgm_error *err)
{
	pgm__strbuf keys = {0};

	if (strstr(key->text, "_settings") || strcmp(key->text, "connection_type") == 0)
		return pgm__yaml_fail(name, key->mark, err,
				      "%s: this is the configuration of a connection, not the settings of a CSV file; "
				      "name another file with --settings",
				      key->text);
	for (size_t i = 0; i < NROWS; i++)
		pgm__strbuf_printf(&keys, "%s%s", i ? ", " : "", rows[i].key);
	pgm__yaml_fail(name, key->mark, err, "unknown key %s: expected one of %s", key->text,
		       keys.text ? keys.text : "those in the manual");
	pgm__strbuf_free(&keys);
	return false;
}

/* Nothing at all after the colon is no value; null and ~ are taken for what they look like. */
static bool set_node(pgm__csv_settings *settings, const row *r, const pgm__node *value, const char *name,
		     pgm_error *err)
{
	if (value->kind != PGM__SCALAR)
		return fail_value(name, value, r, err);
	if (value->is_null && !value->text[0])
		return true;
	if (!value->text[0] && !r->may_be_empty)
		return fail_value(name, value, r, err);
	return set(settings, r, value->text) || fail_value(name, value, r, err);
}

static bool set_pair(pgm__csv_settings *settings, const pgm__pair *pair, const char *name, pgm_error *err)
{
	for (size_t i = 0; i < NROWS; i++)
		if (strcmp(pair->key->text, rows[i].key) == 0)
			return set_node(settings, &rows[i], pair->value, name, err);
	return fail_key(name, pair->key, err);
}

static bool set_all(pgm__csv_settings *settings, const pgm__node *root, const char *name, pgm_error *err)
{
	if (!root || root->is_null)
		return true;
	if (root->kind != PGM__MAPPING)
		return pgm__yaml_fail(name, root->mark, err,
				      "expected the settings of a CSV file, one \"key: value\" a line");
	for (size_t i = 0; i < root->npairs; i++)
		if (!set_pair(settings, &root->pairs[i], name, err))
			return false;
	return true;
}

bool pgm__csv_settings_check(const pgm__csv_settings *settings, const char *name, pgm_error *err)
{
	char shown[16];

	if (settings->delimiter && settings->delimiter == settings->quote)
		return pgm__fail(err, PGM_ERR_CONFIG,
				 "%s: delimiter and quotechar are both %s: expected different ones", name,
				 pgm__csv_show_byte(settings->quote, shown));
	if (strpbrk(settings->null_string, "\r\n") || strchr(settings->null_string, settings->quote) ||
	    (settings->delimiter && strchr(settings->null_string, settings->delimiter)))
		return pgm__fail(err, PGM_ERR_CONFIG,
				 "%s: null_string: expected a text without the delimiter, the quote and line ends",
				 name);
	return true;
}

bool pgm__csv_settings_parse(pgm__csv_settings *settings, const char *text, size_t len, const char *name,
			     pgm_error *err)
{
	pgm__yaml yaml;
	bool ok;

	pgm__csv_settings_init(settings);
	pgm__error_clear(err);
	if (!pgm__yaml_parse(&yaml, text, len, name, err))
		return false;
	ok = set_all(settings, yaml.root, name, err) && pgm__csv_settings_check(settings, name, err);
	pgm__yaml_free(&yaml);
	return ok;
}

/* -------------------------------------------------------------------------------------- writing */

/* In single quotes, which need no escapes but for themselves. */
static void add_quoted(pgm__strbuf *out, const char *text)
{
	pgm__strbuf_puts(out, "'");
	for (; *text; text++)
		pgm__strbuf_add(out, *text == '\'' ? "''" : text, *text == '\'' ? 2 : 1);
	pgm__strbuf_puts(out, "'");
}

static void add_value(pgm__strbuf *out, const pgm__csv_settings *settings, const row *r)
{
	const void *value = const_field(settings, r);
	char byte[3] = {0};

	switch (r->kind) {
	case BOOLEAN:
		pgm__strbuf_puts(out, *(const bool *)value ? "true" : "false");
		break;
	case BYTE:
		byte[0] = *(const char *)value;
		if (byte[0] == '\t' || (byte[0] >= ' ' && byte[0] <= '~'))
			add_quoted(out, byte[0] == '\t' ? "\\t" : byte);
		else
			pgm__strbuf_printf(out, "\"\\x%02X\"", (unsigned char)byte[0]);
		break;
	case TEXT:
		add_quoted(out, value);
		break;
	}
}

char *pgm__csv_settings_text(const pgm__csv_settings *settings)
{
	pgm__strbuf out = {0};

	pgm__strbuf_puts(&out, "# How the CSV file of the same name is written, for pgmonkey's pgimport and pgexport.\n"
			       "# Change what is wrong; a key that is left out gets its default.\n");
	for (size_t i = 0; i < NROWS; i++) {
		pgm__strbuf_printf(&out, "\n# %s\n%s: ", rows[i].help, rows[i].key);
		add_value(&out, settings, &rows[i]);
		pgm__strbuf_puts(&out, "\n");
	}
	return pgm__strbuf_take(&out);
}

/* A CSV file that is called data.yaml gets data.yaml.yaml. */
char *pgm__csv_settings_path(const char *csv)
{
	const char *slash = strrchr(csv, '/'), *name = slash ? slash + 1 : csv, *dot = strrchr(name, '.');
	pgm__strbuf path = {0};

	if (!dot || dot == name || strcmp(dot, ".yaml") == 0)
		dot = csv + strlen(csv);
	pgm__strbuf_add(&path, csv, (size_t)(dot - csv));
	pgm__strbuf_puts(&path, ".yaml");
	return pgm__strbuf_take(&path);
}
