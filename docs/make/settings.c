/*
 * The settings table as text, for docs/yaml.md (settings markdown) and pgmonkey.yaml(5) (settings man, in scdoc's
 * language). scripts/docs.sh puts it where it belongs.
 */
#include "config/setting.h"

#include <stdio.h>
#include <string.h>

/* How one kind of page writes things. */
typedef struct page {
	const char *section, *top, *list, *key; /* list: before its first row */
	const char *special;			/* characters that want a backslash */
} page;

static const page markdown = {"\n### %s\n\n", "At the top", "\n", "- **`%s`**: ", "<>*_\\"};
static const page man = {"\n## %s\n\n", "At the top", "", "\n*%s*\n\t", "*_\\[]~`#"};

static void put(const page *p, const char *text)
{
	for (; *text; text++) {
		if (strchr(p->special, *text))
			putchar('\\');
		putchar(*text);
	}
}

/* The first letter as it begins a sentence. What begins with a key stays as it is. */
static void put_sentence(const page *p, const char *text)
{
	char first[2] = {text[0], '\0'};

	if (first[0] >= 'a' && first[0] <= 'z' && strncmp(text, "libpq", 5) != 0 && strncmp(text, "pgmonkey", 8) != 0)
		first[0] = (char)(first[0] - 'a' + 'A');
	put(p, first);
	put(p, text + 1);
}

static void put_default(const page *p, const pgm__setting *row, bool guc)
{
	if (row->zero && !row->default_value && !guc)
		return; /* told with the zero */
	fputs(" Default: ", stdout);
	put(p, row->default_value ? row->default_value : guc ? "the server's" : "libpq's");
	fputs(".", stdout);
}

static void put_zero(const page *p, const pgm__setting *row, bool guc)
{
	if (!row->zero)
		return;
	fputs(row->default_value || guc ? " 0: " : " 0, or not given: ", stdout);
	put(p, row->zero);
	fputs(".", stdout);
}

/* What may stand there. Of a session setting the server knows that. */
static void put_values(const page *p, const pgm__setting *row, bool guc)
{
	char values[256];

	if (guc && row->unit)
		printf(" In %s.", row->unit);
	if (guc || row->type == PGM__TEXT || row->type == PGM__SECRET)
		return;
	pgm__setting_describe(row, values, sizeof(values));
	fputs(" ", stdout);
	put_sentence(p, values);
	fputs(".", stdout);
}

static void put_notes(const page *p, const pgm__setting *row)
{
	if (row->not_above) {
		fputs(" Not above ", stdout);
		put(p, row->not_above);
		fputs(".", stdout);
	}
	if (row->flags & PGM__POOL_ONLY)
		fputs(" Without meaning for the types of one connection.", stdout);
	if (row->flags & PGM__UNLISTED)
		fputs(" Where the linked libpq has it.", stdout);
}

static void put_row(const page *p, const pgm__setting *row, bool guc)
{
	printf(p->key, row->key);
	put_sentence(p, row->help);
	fputs(".", stdout);
	if (row->flags & PGM__REFUSED) {
		fputs(" Refused: one endpoint per file.", stdout);
	} else {
		put_values(p, row, guc);
		put_zero(p, row, guc);
		put_default(p, row, guc);
		put_notes(p, row);
	}
	fputs("\n", stdout);
}

static void put_section(const page *p, size_t number)
{
	const pgm__section *section = &pgm__sections[number];

	printf(p->section, section->name ? section->name : p->top);
	put_sentence(p, section->help);
	puts(".");
	/* Two sections may share their rows. */
	for (size_t i = 0; i < number; i++)
		if (pgm__sections[i].rows == section->rows)
			return;
	if (section->any_guc)
		puts("\nAny session setting may stand here, and the server says what it takes. Among them:");
	fputs(p->list, stdout);
	for (const pgm__setting *row = section->rows; row->key; row++)
		put_row(p, row, section->any_guc);
}

int main(int argc, char **argv)
{
	const page *p = argc == 2 && strcmp(argv[1], "markdown") == 0 ? &markdown
			: argc == 2 && strcmp(argv[1], "man") == 0    ? &man
								      : NULL;

	if (!p) {
		fputs("usage: settings markdown|man\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < PGM__NSECTIONS; i++)
		put_section(p, i);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
