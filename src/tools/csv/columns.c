#include "tools/csv/columns.h"

#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool pgm__csv_columns_add(pgm__csv_columns *columns, const char *header, pgm_error *err)
{
	pgm__csv_column *added;

	if (columns->n == columns->capacity) {
		size_t capacity = columns->capacity ? columns->capacity * 2 : 16;
		pgm__csv_column *grown = realloc(columns->column, capacity * sizeof(*grown));

		if (!grown)
			return pgm__fail_nomem(err, "reading the header");
		columns->column = grown;
		columns->capacity = capacity;
	}
	added = &columns->column[columns->n];
	*added = (pgm__csv_column){.header = header ? strdup(header) : NULL};
	if (header && !added->header)
		return pgm__fail_nomem(err, "reading the header");
	columns->n++;
	return true;
}

void pgm__csv_columns_free(pgm__csv_columns *columns)
{
	for (size_t i = 0; i < columns->n; i++)
		free(columns->column[i].header);
	free(columns->column);
	free(columns->skip);
	*columns = (pgm__csv_columns){0};
}

/* --------------------------------------------------------------------------------------- names */

/* Bytes outside ASCII are parts of letters as far as we know, and stay. */
static char plain(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80)
		return c;
	return '_';
}

static const char *without_blanks(const char *text, size_t *len)
{
	text += strspn(text, " \t\r\n");
	*len = strlen(text);
	while (*len > 0 && strchr(" \t\r\n", text[*len - 1]))
		--*len;
	return text;
}

/* What the server would make of a longer name: as many whole characters as fit. Returns whether it is cut. */
static bool cut(char to[PGM__CSV_NAME_MAX + 1], const char *text, size_t len)
{
	bool is_longer = len > PGM__CSV_NAME_MAX;

	if (is_longer)
		for (len = PGM__CSV_NAME_MAX; len > 0 && (text[len] & 0xC0) == 0x80;)
			len--;
	memcpy(to, text, len);
	to[len] = '\0';
	return is_longer;
}

/* "" for a header with nothing in it. Returns whether it is cut. */
static bool make_name(char name[PGM__CSV_NAME_MAX + 1], const char *header, bool lowercase)
{
	size_t len;
	const char *text = without_blanks(header, &len);
	bool was_cut;

	if (!len || !lowercase)
		return cut(name, len ? header : "", len ? strlen(header) : 0);
	was_cut = cut(name, text, len);
	for (; *name; name++)
		*name = plain(*name);
	return was_cut;
}

static bool is_named(const pgm__csv_column *column)
{
	return column->name[0] != '\0';
}

/* ------------------------------------------------------------------------------------- checking */

typedef struct sorted {
	const pgm__csv_column *column;
} sorted;

static int by_name(const void *a, const void *b)
{
	const sorted *first = a, *second = b;
	int order = strcmp(first->column->name, second->column->name);

	if (order)
		return order;
	return first->column < second->column ? -1 : 1;
}

static bool fail_same(const pgm__csv_columns *columns, const pgm__csv_column *a, const pgm__csv_column *b,
		      pgm_error *err)
{
	size_t first = (size_t)(a - columns->column) + 1, second = (size_t)(b - columns->column) + 1;

	return pgm__fail(err, PGM_ERR_MISUSE,
			 "%s: column %zu (\"%s\") and column %zu (\"%s\") would both be %s; rename one", columns->file,
			 first, a->header, second, b->header, a->name);
}

static bool check_unique(const pgm__csv_columns *columns, pgm_error *err)
{
	sorted *all = calloc(columns->n + 1, sizeof(*all));
	bool ok = true;

	if (!all)
		return pgm__fail_nomem(err, "comparing the columns' names");
	for (size_t i = 0; i < columns->n; i++)
		all[i].column = &columns->column[i];
	qsort(all, columns->n, sizeof(*all), by_name);
	for (size_t i = 1; ok && i < columns->n; i++)
		if (is_named(all[i].column) && strcmp(all[i - 1].column->name, all[i].column->name) == 0)
			ok = fail_same(columns, all[i - 1].column, all[i].column, err);
	free(all);
	return ok;
}

/* PostgreSQL manual, 5.5. */
static bool is_system_name(const char *name)
{
	static const char *const names[] = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool check_possible(const pgm__csv_columns *columns, pgm_error *err)
{
	size_t named = 0;

	for (size_t i = 0; i < columns->n; i++) {
		named += is_named(&columns->column[i]);
		if (is_system_name(columns->column[i].name))
			return pgm__fail(err, PGM_ERR_MISUSE,
					 "%s: column %zu: %s is a name that every table of PostgreSQL has for itself; "
					 "rename it",
					 columns->file, i + 1, columns->column[i].name);
	}
	if (named > PGM__CSV_COLUMNS_MAX)
		return pgm__fail(err, PGM_ERR_MISUSE, "%s has %zu columns; PostgreSQL's tables have %d at most",
				 columns->file, named, PGM__CSV_COLUMNS_MAX);
	return true;
}

/* Once all have their names: which are left out. */
static bool note_skipped(pgm__csv_columns *columns, const pgm__csv_notes *notes, pgm_error *err)
{
	pgm__strbuf list = {0};
	size_t nskipped = 0;

	columns->skip = calloc(columns->n + 1, sizeof(*columns->skip));
	for (size_t i = 0; columns->skip && i < columns->n; i++) {
		columns->skip[i] = !is_named(&columns->column[i]);
		if (columns->skip[i] && ++nskipped <= 10)
			pgm__strbuf_printf(&list, "%s%zu", nskipped > 1 ? ", " : "", i + 1);
	}
	if (nskipped > 10)
		pgm__strbuf_puts(&list, ", ...");
	if (nskipped)
		pgm__csv_note(notes, PGM_LOG_WARNING, "%s: column%s %s skipped: nothing in the header", columns->file,
			      nskipped == 1 ? "" : "s", list.text ? list.text : "");
	pgm__strbuf_free(&list);
	if (!columns->skip)
		return pgm__fail_nomem(err, "reading the header");
	return nskipped < columns->n || pgm__fail(err, PGM_ERR_MISUSE, "%s: the header names no column", columns->file);
}

static void note_cut(const pgm__csv_columns *columns, const pgm__csv_column *column, const pgm__csv_notes *notes)
{
	pgm__csv_note(notes, PGM_LOG_WARNING,
		      "%s: column %zu is called %s: its name is longer than PostgreSQL's 63 bytes", columns->file,
		      (size_t)(column - columns->column) + 1, column->name);
}

bool pgm__csv_columns_make(pgm__csv_columns *columns, const pgm__csv_settings *settings, const pgm__csv_notes *notes,
			   pgm_error *err)
{
	for (size_t i = 0; i < columns->n; i++) {
		pgm__csv_column *column = &columns->column[i];

		if (!column->header)
			snprintf(column->name, sizeof(column->name), "column_%zu", i + 1);
		else if (make_name(column->name, column->header, settings->enforce_lowercase))
			note_cut(columns, column, notes);
	}
	return check_possible(columns, err) && check_unique(columns, err) && note_skipped(columns, notes, err);
}

/* ------------------------------------------------------------------------------------- matching */

static const pgm__csv_target_column *find(const pgm__csv_target_column *targets, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(targets[i].name, name) == 0)
			return &targets[i];
	return NULL;
}

static bool fail_unknown(const pgm__csv_columns *columns, const pgm__csv_column *column,
			 const pgm__csv_target_column *targets, size_t ntargets, const char *table, pgm_error *err)
{
	pgm__strbuf list = {0};

	for (size_t i = 0; i < ntargets; i++)
		pgm__strbuf_printf(&list, "%s%s", i ? ", " : "", targets[i].name);
	pgm__fail(err, PGM_ERR_MISUSE, "%s: column %zu (\"%s\") is none of %s, which has %s", columns->file,
		  (size_t)(column - columns->column) + 1, column->header, table, list.text ? list.text : "no columns");
	pgm__strbuf_free(&list);
	return false;
}

static bool fail_generated(const pgm__csv_columns *columns, const char *name, pgm_error *err)
{
	return pgm__fail(err, PGM_ERR_MISUSE,
			 "%s: column %s is generated by the server and cannot be imported; take it out of the file, or "
			 "empty its header, which skips it",
			 columns->file, name);
}

static bool match_header(pgm__csv_columns *columns, pgm__csv_column *column, const pgm__csv_settings *settings,
			 const pgm__csv_target_column *targets, size_t ntargets, const char *table,
			 const pgm__csv_notes *notes, pgm_error *err)
{
	bool was_cut = make_name(column->name, column->header, false);
	const pgm__csv_target_column *target;

	if (!is_named(column))
		return true;
	target = find(targets, ntargets, column->name);
	if (!target && settings->enforce_lowercase) {
		was_cut = make_name(column->name, column->header, true);
		target = find(targets, ntargets, column->name);
	}
	if (!target)
		return fail_unknown(columns, column, targets, ntargets, table, err);
	if (target->generated)
		return fail_generated(columns, target->name, err);
	if (was_cut)
		note_cut(columns, column, notes);
	return true;
}

static bool match_positions(pgm__csv_columns *columns, const pgm__csv_target_column *targets, size_t ntargets,
			    const char *table, pgm_error *err)
{
	size_t settable = 0, identities = 0, next = 0;
	bool with_identities;

	for (size_t i = 0; i < ntargets; i++) {
		settable += !targets[i].generated;
		identities += targets[i].identity;
	}
	with_identities = columns->n != settable - identities;
	if (columns->n != (with_identities ? settable : settable - identities))
		return pgm__fail(err, PGM_ERR_MISUSE,
				 "%s: the first record has %zu field%s, expected %zu, as many as %s has columns",
				 columns->file, columns->n, columns->n == 1 ? "" : "s", settable, table);
	for (size_t i = 0; i < ntargets; i++)
		if (!targets[i].generated && (with_identities || !targets[i].identity))
			memcpy(columns->column[next++].name, targets[i].name, sizeof(targets[i].name));
	return true;
}

bool pgm__csv_columns_match(pgm__csv_columns *columns, const pgm__csv_settings *settings,
			    const pgm__csv_target_column *targets, size_t ntargets, const char *table,
			    const pgm__csv_notes *notes, pgm_error *err)
{
	if (!settings->has_headers)
		return match_positions(columns, targets, ntargets, table, err) && note_skipped(columns, notes, err);
	for (size_t i = 0; i < columns->n; i++)
		if (!match_header(columns, &columns->column[i], settings, targets, ntargets, table, notes, err))
			return false;
	return check_unique(columns, err) && note_skipped(columns, notes, err);
}
