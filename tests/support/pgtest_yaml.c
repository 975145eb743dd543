#define _XOPEN_SOURCE 700

#include "pgtest_internal.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct item {
	const char *section;
	char *key, *value; /* value NULL: left out */
} item;

typedef struct items {
	item list[64];
	int count;
} items;

bool pgtest_evented(void)
{
	return getenv("PGM_TEST_EVENTED") != NULL;
}

static const struct {
	const char *prefix, *section;
} sections[] = {
	{"pool", "pool_settings"},
	{"async_pool", "async_pool_settings"},
	{"sync", "sync_settings"},
	{"async", "async_settings"},
};

/* "pool.max_size": the section, and name moves on to the key. */
static const char *section_of(const char **name)
{
	size_t len = strcspn(*name, ".");

	if (strcmp(*name, "type") == 0)
		return "";
	for (size_t i = 0; (*name)[len] == '.' && i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (len == strlen(sections[i].prefix) && strncmp(*name, sections[i].prefix, len) == 0) {
			*name += len + 1;
			return sections[i].section;
		}
	}
	return "connection_settings";
}

/* What a test says of normal and pool, said of async and async_pool (PGM_TEST_EVENTED). */
static const char *evented_section(const char *section)
{
	if (strcmp(section, "pool_settings") == 0)
		return "async_pool_settings";
	return strcmp(section, "sync_settings") == 0 ? "async_settings" : section;
}

static char *evented_type(char *type)
{
	const char *evented = strcmp(type, "normal") == 0 ? "async" : strcmp(type, "pool") == 0 ? "async_pool" : type;
	char *copy = pgtest__copy(evented, strlen(evented));

	free(type);
	return copy;
}

/* Takes over value. */
static void put(items *all, const char *name, char *value)
{
	const char *section = section_of(&name);
	item *it = all->list;

	if (pgtest_evented())
		section = evented_section(section);
	if (*section == '\0') {
		name = "connection_type";
		value = value && pgtest_evented() ? evented_type(value) : value;
	}
	while (it < all->list + all->count && (strcmp(it->section, section) != 0 || strcmp(it->key, name) != 0))
		it++;
	if (it == all->list + all->count) {
		if (all->count++ == sizeof(all->list) / sizeof(all->list[0]))
			pgtest_die("pgtest_yaml: too many keys");
		*it = (item){.section = section, .key = pgtest__copy(name, strlen(name))};
	}
	free(it->value);
	it->value = value;
}

/* A conninfo string's value: plain up to a blank, or quoted; a backslash takes the next character as it is. */
static char *take_value(const char **text)
{
	const char *p = *text;
	bool quoted = *p == '\'';
	char *value = pgtest__must(malloc(strlen(p) + 1)), *out = value;

	if (quoted)
		p++;
	while (*p && (quoted ? *p != '\'' : !isspace((unsigned char)*p))) {
		if (*p == '\\' && p[1])
			p++;
		*out++ = *p++;
	}
	*out = '\0';
	if (quoted && *p++ != '\'')
		pgtest_die("pgtest_yaml: unfinished quote in \"%s\"", *text);
	*text = p;
	return value;
}

static void put_all(items *all, const char *text)
{
	const char *whole = text;

	for (;;) {
		bool leave_out;
		char *name;
		size_t len;

		text += strspn(text, " \t\n");
		if (!*text)
			return;
		leave_out = *text == '!';
		text += leave_out;
		len = strcspn(text, "= \t\n");
		name = pgtest__copy(text, len);
		text += len;
		if (!leave_out && *text++ != '=')
			pgtest_die("pgtest_yaml: key=value expected at \"%s\" in \"%s\"", name, whole);
		put(all, name, leave_out ? NULL : take_value(&text));
		free(name);
	}
}

static void print_value(FILE *out, const char *value)
{
	putc('\'', out);
	for (; *value; value++) {
		if (*value == '\'')
			putc('\'', out);
		putc(*value, out);
	}
	fputs("'\n", out);
}

static void print_section(FILE *out, const items *all, const char *section)
{
	bool begun = *section == '\0';
	const char *indent = begun ? "" : "  ";

	for (int i = 0; i < all->count; i++) {
		const item *it = &all->list[i];

		if (!it->value || strcmp(it->section, section) != 0)
			continue;
		if (!begun)
			fprintf(out, "%s:\n", section);
		begun = true;
		fprintf(out, "%s%s: ", indent, it->key);
		print_value(out, it->value);
	}
}

static char *print_yaml(const items *all)
{
	char *text = NULL;
	size_t len;
	FILE *out = pgtest__must(open_memstream(&text, &len));

	print_section(out, all, "");
	print_section(out, all, "connection_settings");
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		print_section(out, all, sections[i].section);
	fclose(out);
	return pgtest__must(text);
}

static const char *make_yaml(const char *fmt, va_list args)
{
	const pgtest_server *server = pgtest_server_now();
	items all = {.count = 0};
	char *text;

	if (pgtest_evented())
		put(&all, "type", pgtest__copy("normal", strlen("normal")));
	put(&all, "host", pgtest__copy(server->host, strlen(server->host)));
	put(&all, "port", pgtest__copy(server->port, strlen(server->port)));
	put(&all, "dbname", pgtest__copy(server->dbname, strlen(server->dbname)));
	put(&all, "user", pgtest__copy(server->user, strlen(server->user)));
	put(&all, "password", pgtest__copy(server->password, strlen(server->password)));
	put(&all, "application_name", pgtest__copy(pgtest_application(), strlen(pgtest_application())));
	if (fmt) {
		text = pgtest__vformat(fmt, args);
		put_all(&all, text);
		free(text);
	}
	text = print_yaml(&all);
	for (int i = 0; i < all.count; i++) {
		free(all.list[i].key);
		free(all.list[i].value);
	}
	return pgtest_keep(text);
}

const char *pgtest_yaml(const char *fmt, ...)
{
	const char *yaml;
	va_list args;

	va_start(args, fmt);
	yaml = make_yaml(fmt, args);
	va_end(args);
	return yaml;
}

static atomic_int files;

const char *pgtest_yaml_file(const char *fmt, ...)
{
	const char *yaml;
	va_list args;

	va_start(args, fmt);
	yaml = make_yaml(fmt, args);
	va_end(args);
	return pgtest_file(pgtest_format("%d.yaml", atomic_fetch_add(&files, 1) + 1), yaml);
}

pgm_config *pgtest_config(const char *fmt, ...)
{
	pgm_config *config;
	const char *yaml;
	pgm_error err;
	va_list args;

	va_start(args, fmt);
	yaml = make_yaml(fmt, args);
	va_end(args);
	config = pgm_config_parse(yaml, strlen(yaml), "pgtest.yaml", &err);
	if (!config)
		pgtest_die("%s\n%s", err.message, yaml);
	return config;
}

static char application[32];
static pthread_once_t application_once = PTHREAD_ONCE_INIT;

static void name_application(void)
{
	snprintf(application, sizeof(application), "pgtest-%ld", (long)getpid());
}

const char *pgtest_application(void)
{
	pthread_once(&application_once, name_application);
	return application;
}
