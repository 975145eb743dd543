/* The commented file that `pgmonkey pgconfig create` writes, made from the settings table. */
#include "base/strbuf.h"
#include "config/setting.h"

#include <string.h>

#define COMMENT_COLUMN 34

/* What is more than letters and digits goes into quotes, as YAML wants for '' at least. */
static void add_scalar(pgm__strbuf *out, const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";

	if (value[0] && value[0] != '-' && !value[strspn(value, plain)]) {
		pgm__strbuf_puts(out, value);
		return;
	}
	pgm__strbuf_puts(out, "'");
	for (; *value; value++)
		pgm__strbuf_add(out, *value == '\'' ? "''" : value, *value == '\'' ? 2 : 1);
	pgm__strbuf_puts(out, "'");
}

/* "one | two; what it is, in seconds; 0 = no limit" */
static void add_comment(pgm__strbuf *out, const pgm__setting *row)
{
	pgm__strbuf_puts(out, "# ");
	for (size_t i = 0; row->choices && row->choices[i]; i++)
		pgm__strbuf_printf(out, "%s%s", i ? " | " : "", row->choices[i]);
	pgm__strbuf_printf(out, "%s%s", row->choices ? "; " : "", row->help);
	if (row->unit)
		pgm__strbuf_printf(out, ", in %s", row->unit);
	if (row->zero)
		pgm__strbuf_printf(out, "; 0 = %s", row->zero);
	pgm__strbuf_puts(out, "\n");
}

static void add_padding(pgm__strbuf *out, size_t line_start)
{
	do
		pgm__strbuf_puts(out, " ");
	while (!out->failed && out->len - line_start < COMMENT_COLUMN);
}

static void add_row(pgm__strbuf *out, const pgm__setting *row, const char *indent)
{
	const char *value = row->default_value ? row->default_value : row->sample;
	size_t start = out->len;

	if (!value)
		return;
	pgm__strbuf_printf(out, "%s%s: ", indent, row->key);
	add_scalar(out, value);
	add_padding(out, start);
	add_comment(out, row);
}

static void add_section(pgm__strbuf *out, const pgm__section *section)
{
	size_t start;

	pgm__strbuf_puts(out, "\n");
	start = out->len;
	if (section->name) {
		pgm__strbuf_printf(out, "%s:", section->name);
		add_padding(out, start);
		pgm__strbuf_printf(out, "# %s\n", section->help);
	}
	for (const pgm__setting *row = section->rows; row->key; row++)
		add_row(out, row, section->name ? "  " : "");
}

char *pgm_config_template(const char *schema, pgm_error *err)
{
	pgm__strbuf out = {0};
	char *text;

	pgm__error_clear(err);
	if (schema && schema[0] && !strpbrk(schema, " \t\r\n"))
		pgm__strbuf_printf(&out, "# yaml-language-server: $schema=%s\n", schema);
	pgm__strbuf_puts(&out, "# A connection to PostgreSQL, for pgmonkey: one file for all four connection types.\n"
			       "# Every key is optional; in connection_settings, what is left out is libpq's default.\n"
			       "# If it holds a password, keep it readable by you alone (chmod 600).\n");
	for (size_t i = 0; i < PGM__NSECTIONS; i++)
		add_section(&out, &pgm__sections[i]);
	text = pgm__strbuf_take(&out);
	if (!text)
		pgm__fail_nomem(err, "composing the template");
	return text;
}
