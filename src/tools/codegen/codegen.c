/* Which programs there are, and how a template becomes one: see templates/README.md. */
#include "pgmonkey/codegen.h"

#include "tools/codegen/literal.h"
#include "tools/codegen/template.h"

#include <string.h>

#define CONFIG_TOKEN "@CONFIG@"
#define TYPE_TOKEN "THE_TYPE"

typedef struct language {
	const char *name, *extension;
	const char *before_part, *after_part; /* a line between these names a part of the program */
	void (*literal)(pgm__strbuf *out, const char *text);
} language;

static const language c = {"c", ".c", "#include \"", ".c\"", pgm__literal_c};
static const language python = {"python", ".py", "from ", " import *", pgm__literal_python};

/* The first library of a language is its default. The templates of a row: library/TYPE, or library/LOOP. */
static const struct program {
	const language *language;
	const char *library;
	const char *loop; /* the event-driven types only */
} programs[] = {
	{&c, "pgmonkey", NULL},
	{&c, "pgmonkey", "uv"},
	{&c, "libpq", NULL},
	{&python, "psycopg", NULL},
};

#define NPROGRAMS (sizeof(programs) / sizeof(programs[0]))

static const struct {
	const char *name, *constant;
	bool evented;
} types[] = {
	[PGM_NORMAL] = {"normal", "PGM_NORMAL", false},
	[PGM_POOL] = {"pool", "PGM_POOL", false},
	[PGM_ASYNC] = {"async", "PGM_ASYNC", true},
	[PGM_ASYNC_POOL] = {"async_pool", "PGM_ASYNC_POOL", true},
};

/* ------------------------------------------------------------------------------------ templates */

/* A program being written. */
typedef struct writer {
	const struct program *program;
	const char *path, *type_constant;
	pgm__strbuf out;
} writer;

static const char *find_template(const char *library, const char *name, size_t len, const char *extension)
{
	size_t folder = strlen(library);

	for (const pgm__template *t = pgm__templates; t->name; t++)
		if (strncmp(t->name, library, folder) == 0 && t->name[folder] == '/' &&
		    strncmp(t->name + folder + 1, name, len) == 0 && strcmp(t->name + folder + 1 + len, extension) == 0)
			return t->text;
	return NULL;
}

/* The template that the line stands for, or NULL: it is a line like others. */
static const char *part_of(const writer *w, const char *line, size_t len)
{
	const language *l = w->program->language;
	size_t before = strlen(l->before_part), after = strlen(l->after_part);

	if (len <= before + after || strncmp(line, l->before_part, before) != 0 ||
	    strncmp(line + len - after, l->after_part, after) != 0)
		return NULL;
	return find_template(w->program->library, line + before, len - before - after, l->extension);
}

/* What is put in the place of a token is not looked at again: a path may be called like one. */
static void write_line(writer *w, const char *line, size_t len)
{
	const char *end = line + len;

	while (line < end) {
		if (strncmp(line, CONFIG_TOKEN, strlen(CONFIG_TOKEN)) == 0) {
			w->program->language->literal(&w->out, w->path);
			line += strlen(CONFIG_TOKEN);
		} else if (strncmp(line, TYPE_TOKEN, strlen(TYPE_TOKEN)) == 0) {
			pgm__strbuf_puts(&w->out, w->type_constant);
			line += strlen(TYPE_TOKEN);
		} else {
			pgm__strbuf_add(&w->out, line++, 1);
		}
	}
	pgm__strbuf_puts(&w->out, "\n");
}

/* A part has none of its own. */
static void write_text(writer *w, const char *text, bool whole)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *part = whole ? part_of(w, text, len) : NULL;

		if (part)
			write_text(w, part, false);
		else
			write_line(w, text, len);
		text += len + (text[len] == '\n');
	}
}

/* --------------------------------------------------------------------------------------- choosing */

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* "c: pgmonkey (loop uv), libpq; python: psycopg" */
static void list_programs(pgm__strbuf *out)
{
	for (size_t i = 0; i < NPROGRAMS; i++) {
		const struct program *p = &programs[i], *before = i ? p - 1 : NULL;

		if (!before || before->language != p->language)
			pgm__strbuf_printf(out, "%s%s: %s", before ? "; " : "", p->language->name, p->library);
		else if (!same(before->library, p->library))
			pgm__strbuf_printf(out, ", %s", p->library);
		if (p->loop)
			pgm__strbuf_printf(out, " (loop %s)", p->loop);
	}
}

static const struct program *fail_program(const pgm_code_options *o, pgm_error *err)
{
	pgm__strbuf all = {0};

	list_programs(&all);
	pgm__fail(err, PGM_ERR_MISUSE, "no code is generated for%s%.40s%s%.40s%s%.40s; there is %s",
		  o->language ? " the language " : "", o->language ? o->language : "",
		  !o->library	? ""
		  : o->language ? " with the library "
				: " the library ",
		  o->library ? o->library : "",
		  !o->loop		      ? ""
		  : o->language || o->library ? " on the event loop "
					      : " the event loop ",
		  o->loop ? o->loop : "", all.text ? all.text : "");
	pgm__strbuf_free(&all);
	return NULL;
}

static const struct program *choose_program(const pgm_code_options *o, pgm_error *err)
{
	for (size_t i = 0; i < NPROGRAMS; i++)
		if ((!o->language || same(programs[i].language->name, o->language)) &&
		    (!o->library || same(programs[i].library, o->library)) && same(programs[i].loop, o->loop))
			return &programs[i];
	return fail_program(o, err);
}

static pgm_type choose_type(const pgm_config *config, pgm_type wanted)
{
	const char *name = wanted == PGM_FROM_CONFIG ? pgm_config_get(config, NULL, "connection_type") : NULL;

	for (int i = PGM_NORMAL; name && i <= PGM_ASYNC_POOL; i++)
		if (strcmp(types[i].name, name) == 0)
			return (pgm_type)i;
	return wanted;
}

/* What the caller's version of the options has; the rest is zero. */
static bool copy_options(const pgm_config *config, const pgm_code_options *options, pgm_code_options *copy,
			 pgm_error *err)
{
	size_t known = options && options->size < sizeof(*copy) ? options->size : sizeof(*copy);

	if (!config || !options || !known)
		return pgm__fail(err, PGM_ERR_MISUSE,
				 "pgm_generate_code needs a configuration, and options with their size");
	memcpy(copy, options, known);
	if (!copy->path || !copy->path[0])
		return pgm__fail(err, PGM_ERR_MISUSE, "pgm_generate_code needs the path of the configuration's file");
	copy->type = choose_type(config, copy->type);
	if (copy->type < PGM_NORMAL || copy->type > PGM_ASYNC_POOL)
		return pgm__fail(err, PGM_ERR_MISUSE, "pgm_generate_code: there is no such connection type");
	return true;
}

/* The template, or NULL. */
static const char *choose_template(const struct program *program, pgm_type type, pgm_error *err)
{
	const char *name = program->loop ? program->loop : types[type].name;
	const char *text = find_template(program->library, name, strlen(name), program->language->extension);

	if (program->loop && !types[type].evented) {
		pgm__fail(err, PGM_ERR_MISUSE, "%s joins no event loop: async and async_pool do", types[type].name);
		return NULL;
	}
	if (!text)
		pgm__fail(err, PGM_ERR_MISUSE, "there is no program for %s and %s", program->library, name);
	return text;
}

char *pgm_generate_code(const pgm_config *config, const pgm_code_options *options, pgm_error *err)
{
	pgm_code_options o = {0};
	writer w = {0};
	const char *text;
	char *code;

	pgm__error_clear(err);
	if (!copy_options(config, options, &o, err))
		return NULL;
	w.program = choose_program(&o, err);
	text = w.program ? choose_template(w.program, o.type, err) : NULL;
	if (!text)
		return NULL;
	w.path = o.path;
	w.type_constant = types[o.type].constant;
	write_text(&w, text, true);
	code = pgm__strbuf_take(&w.out);
	if (!code)
		pgm__fail_nomem(err, "generating code");
	return code;
}
