#include "cli/server_report.h"

#include "cli/json.h"
#include "cli/output.h"

#include <stdlib.h>
#include <string.h>

#define JSON_SCHEMA 1 /* raised when a member changes its meaning or goes */
#define TEXT_SIZE 2048
#define REMARK_COLUMN 30

/* ------------------------------------------------------------------------------- recommendations */

/* A line that may not be shown as it is (a control character in a name, a password inside another text) is no line
 * to be pasted any more. */
static void show_line(const pgm_server_line *line)
{
	char text[TEXT_SIZE], remark[TEXT_SIZE];
	bool as_it_is = strcmp(cli_clean(text, sizeof(text), line->text), line->text) == 0;
	bool live = line->kind == PGM_SERVER_REQUIRED && as_it_is;
	const char *why = as_it_is ? line->remark : "cannot be shown as it is: write it by hand";

	if (why)
		cli_print("%s%-*s  # %s\n", live ? "" : "# ", REMARK_COLUMN - (live ? 2 : 4), text,
			  cli_clean(remark, sizeof(remark), why));
	else
		cli_print("%s%s\n", live ? "" : "# ", text);
}

static void show_lines(const pgm_server_advice *advice, pgm_server_file file, pgm_server_kind from, pgm_server_kind to)
{
	char remark[TEXT_SIZE];

	for (size_t i = 0; i < advice->nlines; i++) {
		const pgm_server_line *line = &advice->lines[i];

		if (line->file != file || line->kind < from || line->kind > to)
			continue;
		if (line->kind == PGM_SERVER_REMARK)
			cli_print("# %s\n", cli_clean(remark, sizeof(remark), line->remark));
		else
			show_line(line);
	}
}

static bool has_lines(const pgm_server_advice *advice, pgm_server_file file, pgm_server_kind kind)
{
	for (size_t i = 0; i < advice->nlines; i++)
		if (advice->lines[i].file == file && advice->lines[i].kind == kind)
			return true;
	return false;
}

void cli_server_show_advice(const cli_server_report *r)
{
	const pgm_server_advice *advice = r->advice;

	cli_print("# pg_hba.conf: insert above the first line that already matches this client\n");
	show_lines(advice, PGM_SERVER_HBA_CONF, PGM_SERVER_REQUIRED, PGM_SERVER_REMARK);
	cli_print("# postgresql.conf: required\n");
	show_lines(advice, PGM_SERVER_POSTGRESQL_CONF, PGM_SERVER_REQUIRED, PGM_SERVER_UNFINISHED);
	show_lines(advice, PGM_SERVER_POSTGRESQL_CONF, PGM_SERVER_REMARK, PGM_SERVER_REMARK);
	if (has_lines(advice, PGM_SERVER_POSTGRESQL_CONF, PGM_SERVER_ADVISABLE))
		cli_print("# advisable\n");
	show_lines(advice, PGM_SERVER_POSTGRESQL_CONF, PGM_SERVER_ADVISABLE, PGM_SERVER_ADVISABLE);
	cli_flush();
}

/* ------------------------------------------------------------------------------------------ JSON */

static const char *or_null(const char *text)
{
	return text && text[0] ? text : NULL;
}

static void json_lines(cli_json *j, const char *key, const pgm_server_advice *advice, pgm_server_file file)
{
	static const char *const kinds[] = {
		[PGM_SERVER_REQUIRED] = "required",
		[PGM_SERVER_UNFINISHED] = "unfinished",
		[PGM_SERVER_ADVISABLE] = "advisable",
		[PGM_SERVER_REMARK] = "remark",
	};

	cli_json_open(j, key, '[');
	for (size_t i = 0; i < advice->nlines; i++) {
		const pgm_server_line *line = &advice->lines[i];

		if (line->file != file)
			continue;
		cli_json_open(j, NULL, '{');
		cli_json_text(j, "kind", kinds[line->kind]);
		cli_json_text(j, "line", line->text);
		cli_json_text(j, "remark", line->remark);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

static void json_advice(cli_json *j, const pgm_server_advice *advice)
{
	cli_json_open(j, "recommendations", '{');
	json_lines(j, "pg_hba_conf", advice, PGM_SERVER_HBA_CONF);
	json_lines(j, "postgresql_conf", advice, PGM_SERVER_POSTGRESQL_CONF);
	cli_json_close(j, '}');
}

static void json_client(cli_json *j, const cli_server_report *r)
{
	static const char *const types[] = {NULL, "normal", "pool", "async", "async_pool"};
	const pgm_server_client *client = r->client;
	bool local = pgm_server_client_is_local(client);

	cli_json_open(j, "client", '{');
	cli_json_text(j, "file", r->file);
	cli_json_text(j, "connection_type", types[client->type]);
	cli_json_text(j, "host", or_null(client->host));
	cli_json_text(j, "hostaddr", or_null(client->hostaddr));
	cli_json_number(j, "port", strtol(client->port, NULL, 10));
	cli_json_text(j, "database", client->database);
	cli_json_text(j, "user", client->user);
	cli_json_text(j, "sslmode", local ? NULL : or_null(client->sslmode));
	cli_json_text(j, "address", client->address);
	cli_json_number(j, "instances", client->instances > 0 ? client->instances : 1);
	cli_json_number(j, "connections", pgm_server_client_connections(client, NULL, 0));
	cli_json_close(j, '}');
}

bool cli_server_show_json(const cli_server_report *r)
{
	cli_json j = {0};
	bool ok;

	cli_json_open(&j, NULL, '{');
	cli_json_number(&j, "schema", JSON_SCHEMA);
	json_client(&j, r);
	json_advice(&j, r->advice);
	cli_json_close(&j, '}');
	ok = !j.out.failed;
	if (ok)
		cli_print("%s\n", j.out.text);
	pgm__strbuf_free(&j.out);
	return ok;
}
