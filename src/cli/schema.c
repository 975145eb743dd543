#include "cli/schema.h"

#include "cli/json.h"
#include "config/setting.h"
#include "connection/keywords.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* As JSON knows no more than numbers, texts, booleans and null, each setting takes what its text may have been read as. */

/* An ASCII character that is no letter is kept out of the name of a session setting; all beyond ASCII are letters. */
#define LETTER "[^\\u0000-@\\[-\\^`{-\\u007f]"
#define LATER "[^\\u0000-#%-/:-@\\[-\\^`{-\\u007f]"
#define GUC_NAME "^" LETTER LATER "*(\\." LETTER LATER "*)*$"

/* ------------------------------------------------------------------------------------- patterns */

/* A regular expression for the whole numbers from 0 to most, with or without zeros before them. */
static void add_up_to(pgm__strbuf *out, int64_t most)
{
	char digits[24];
	int n = snprintf(digits, sizeof(digits), "%" PRId64, most);

	pgm__strbuf_puts(out, "0*(");
	if (n > 1)
		pgm__strbuf_printf(out, "[0-9]{1,%d}|", n - 1);
	for (int i = 0; i < n; i++)
		if (digits[i] > '0')
			pgm__strbuf_printf(out, "%.*s[0-%c][0-9]{%d}|", i, digits, digits[i] - 1, n - 1 - i);
	pgm__strbuf_printf(out, "%s)", digits);
}

/* An empty value is an absent one. */
static char *number_pattern(const pgm__setting *row)
{
	pgm__strbuf out = {0};

	pgm__strbuf_puts(&out, "^(|");
	if (row->min > 0) {
		pgm__strbuf_puts(&out, "(?!");
		add_up_to(&out, row->min - 1);
		pgm__strbuf_puts(&out, "$)");
	}
	add_up_to(&out, row->max);
	pgm__strbuf_puts(&out, ")$");
	return pgm__strbuf_take(&out);
}

/* ---------------------------------------------------------------------------------------- values */

/* What stands between these is one line. */
static void open_line(cli_json *j, const char *key)
{
	cli_json_open(j, key, '{');
	j->lines = false;
}

static void close_line(cli_json *j)
{
	cli_json_close(j, '}');
	j->lines = true;
}

static void add_words(cli_json *j, const char *key, const char *const *words)
{
	bool lines = j->lines;

	cli_json_open(j, key, '[');
	j->lines = false;
	for (; *words; words++)
		cli_json_text(j, NULL, *words);
	cli_json_close(j, ']');
	j->lines = lines;
}

/* One of the forms that a value may have, in an anyOf. */
static void add_form(cli_json *j, const char *type, const char *key, const char *value)
{
	cli_json_open(j, NULL, '{');
	cli_json_text(j, "type", type);
	if (key)
		cli_json_text(j, key, value);
	cli_json_close(j, '}');
}

static void add_any_scalar(cli_json *j)
{
	static const char *const types[] = {"string", "number", "boolean", "null", NULL};

	add_words(j, "type", types);
}

/* unlike: a pattern that no text may have in it; NULL: any text will do. */
static void add_text(cli_json *j, const char *unlike)
{
	add_any_scalar(j);
	if (!unlike)
		return;
	cli_json_open(j, "not", '{');
	cli_json_text(j, "type", "string");
	cli_json_text(j, "pattern", unlike);
	cli_json_close(j, '}');
}

static void add_number(cli_json *j, const pgm__setting *row)
{
	char *pattern = number_pattern(row);

	cli_json_open(j, "anyOf", '[');
	cli_json_open(j, NULL, '{');
	cli_json_text(j, "type", "integer");
	cli_json_number(j, "minimum", row->min);
	cli_json_number(j, "maximum", row->max);
	cli_json_close(j, '}');
	add_form(j, "string", "pattern", pattern ? pattern : "");
	add_form(j, "null", NULL, NULL);
	cli_json_close(j, ']');
	j->out.failed = j->out.failed || !pattern;
	free(pattern);
}

static void add_boolean(cli_json *j)
{
	cli_json_open(j, "anyOf", '[');
	add_form(j, "boolean", NULL, NULL);
	cli_json_open(j, NULL, '{');
	cli_json_text(j, "type", "integer");
	cli_json_number(j, "minimum", 0);
	cli_json_number(j, "maximum", 1);
	cli_json_close(j, '}');
	add_form(j, "string", "pattern",
		 "^(|[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]|[Yy][Ee][Ss]|[Nn][Oo]|[Oo][Nn]|[Oo][Ff][Ff]|[01])$");
	add_form(j, "null", NULL, NULL);
	cli_json_close(j, ']');
}

/* Null or nothing: as if the key were absent. */
static void add_absent(cli_json *j)
{
	cli_json_open(j, "enum", '[');
	cli_json_null(j, NULL);
	cli_json_text(j, NULL, "");
	cli_json_close(j, ']');
}

/* In a form of its own, so that an editor offers these and no others. */
static void add_choice(cli_json *j, const pgm__setting *row)
{
	cli_json_open(j, "anyOf", '[');
	cli_json_open(j, NULL, '{');
	add_words(j, "enum", row->choices);
	cli_json_close(j, '}');
	cli_json_open(j, NULL, '{');
	add_absent(j);
	cli_json_close(j, '}');
	cli_json_close(j, ']');
}

/* A connection string where one value belongs; in a name "=" makes one. */
#define CONNECTION_STRING "postgres(ql)?://"

static const char *unlike(pgm__section_id section, unsigned flags)
{
	if (section != PGM__CONNECTION)
		return NULL;
	if (flags & PGM__NAME)
		return "=|" CONNECTION_STRING;
	return flags & PGM__ONE_ENDPOINT ? ",|" CONNECTION_STRING : CONNECTION_STRING;
}

static void add_value(cli_json *j, pgm__section_id section, const pgm__setting *row)
{
	if (row->flags & PGM__REFUSED) {
		add_absent(j);
		return;
	}
	switch (row->type) {
	case PGM__TEXT:
		add_text(j, unlike(section, row->flags));
		break;
	case PGM__SECRET:
		add_text(j, NULL);
		break;
	case PGM__NUMBER:
		add_number(j, row);
		break;
	case PGM__BOOLEAN:
		add_boolean(j);
		break;
	case PGM__CHOICE:
		add_choice(j, row);
		break;
	}
}

/* -------------------------------------------------------------------------------------- settings */

static void add_help(cli_json *j, const pgm__setting *row)
{
	char text[512];

	snprintf(text, sizeof(text), "%s%s%s%s%s", row->help, row->unit ? ", in " : "", row->unit ? row->unit : "",
		 row->zero ? "; 0 = " : "", row->zero ? row->zero : "");
	cli_json_text(j, "description", text);
}

static void add_default(cli_json *j, const pgm__setting *row)
{
	int64_t number;

	if (!row->default_value)
		return;
	pgm__setting_parse(row, row->default_value, &number);
	if (row->type == PGM__NUMBER)
		cli_json_number(j, "default", number);
	else if (row->type == PGM__BOOLEAN)
		cli_json_bool(j, "default", number != 0);
	else
		cli_json_text(j, "default", row->default_value);
}

static void add_row(cli_json *j, pgm__section_id section, const pgm__setting *row)
{
	open_line(j, row->key);
	add_help(j, row);
	add_default(j, row);
	add_value(j, section, row);
	close_line(j);
}

/* A keyword that the table says nothing of, or lists only in case that libpq has it. */
static void add_keyword(const char *keyword, void *arg)
{
	cli_json *j = arg;
	const pgm__setting *row = pgm__setting_find(PGM__CONNECTION, keyword);

	if (row && row->flags & PGM__UNLISTED) {
		add_row(j, PGM__CONNECTION, row);
	} else if (!row) {
		open_line(j, keyword);
		add_text(j, unlike(PGM__CONNECTION, 0));
		close_line(j);
	}
}

static void add_rows(cli_json *j, pgm__section_id section)
{
	for (const pgm__setting *row = pgm__sections[section].rows; row->key; row++)
		if (!(row->flags & PGM__UNLISTED))
			add_row(j, section, row);
	if (section == PGM__CONNECTION)
		pgm__keywords_each(add_keyword, j);
}

/* -------------------------------------------------------------------------------------- sections */

static void begin_mapping(cli_json *j, const char *help)
{
	static const char *const types[] = {"object", "null", NULL};

	if (help)
		cli_json_text(j, "description", help);
	add_words(j, "type", types);
}

/* Under a name that is none, too, null stands for nothing; but no key is empty. */
static void add_gucs(cli_json *j)
{
	open_line(j, "propertyNames");
	cli_json_number(j, "minLength", 1);
	close_line(j);
	cli_json_open(j, "patternProperties", '{');
	open_line(j, GUC_NAME);
	add_any_scalar(j);
	close_line(j);
	cli_json_close(j, '}');
	open_line(j, "additionalProperties");
	add_absent(j);
	close_line(j);
}

static void add_section(cli_json *j, pgm__section_id id)
{
	const pgm__section *section = &pgm__sections[id];

	cli_json_open(j, section->name, '{');
	begin_mapping(j, section->help);
	cli_json_open(j, "properties", '{');
	add_rows(j, id);
	cli_json_close(j, '}');
	if (section->any_guc)
		add_gucs(j);
	else
		cli_json_bool(j, "additionalProperties", false);
	cli_json_close(j, '}');
}

static void add_sections(cli_json *j)
{
	char reference[80];

	add_rows(j, PGM__TOP);
	for (int i = PGM__CONNECTION; i < PGM__NSECTIONS; i++) {
		snprintf(reference, sizeof(reference), "#/definitions/%s", pgm__sections[i].name);
		open_line(j, pgm__sections[i].name);
		cli_json_text(j, "$ref", reference);
		close_line(j);
	}
}

/* Files of older programs have all of it under one key. */
static void add_legacy(cli_json *j)
{
	cli_json_open(j, "postgresql", '{');
	cli_json_bool(j, "deprecated", true);
	begin_mapping(j, "of older programs: what is under it belongs at the top level");
	cli_json_bool(j, "additionalProperties", false);
	cli_json_open(j, "properties", '{');
	add_sections(j);
	cli_json_close(j, '}');
	cli_json_close(j, '}');
}

char *cli_schema_text(void)
{
	cli_json j = {.lines = true};

	cli_json_open(&j, NULL, '{');
	cli_json_text(&j, "$schema", "http://json-schema.org/draft-07/schema#");
	cli_json_text(&j, "title", "A connection to PostgreSQL, for pgmonkey");
	begin_mapping(&j, NULL);
	cli_json_bool(&j, "additionalProperties", false);
	cli_json_open(&j, "properties", '{');
	add_sections(&j);
	add_legacy(&j);
	cli_json_close(&j, '}');
	cli_json_open(&j, "definitions", '{');
	for (int i = PGM__CONNECTION; i < PGM__NSECTIONS; i++)
		add_section(&j, (pgm__section_id)i);
	cli_json_close(&j, '}');
	cli_json_close(&j, '}');
	return pgm__strbuf_take(&j.out);
}
