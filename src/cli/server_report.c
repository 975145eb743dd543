#include "cli/server_report.h"

#include "cli/advice.h"
#include "cli/json.h"
#include "cli/output.h"
#include "cli/server_rules.h"

#include <stdlib.h>
#include <string.h>

#define JSON_SCHEMA 1 /* raised when a member changes its meaning or goes */
#define TEXT_SIZE 2048
#define REMARK_COLUMN 30
#define MAX_WIDTH 40 /* of a column of the table */

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

/* ----------------------------------------------------------------------------------------- audit */

typedef struct widths {
	int id, wanted, live;
} widths;

static int wider(int width, const char *text)
{
	int len = text ? (int)strlen(text) : 1;

	return len > MAX_WIDTH ? (width > MAX_WIDTH ? width : MAX_WIDTH) : len > width ? len : width;
}

static widths measure(const pgm_server_report *audit)
{
	widths w = {(int)strlen("check"), (int)strlen("wanted"), (int)strlen("current")};

	for (size_t i = 0; i < audit->nchecks; i++) {
		w.id = wider(w.id, audit->checks[i].id);
		w.wanted = wider(w.wanted, audit->checks[i].wanted);
		w.live = wider(w.live, audit->checks[i].live);
	}
	return w;
}

static cli_colour colour_of(pgm_server_status status)
{
	return status == PGM_SERVER_OK ? CLI_GREEN : status == PGM_SERVER_MISMATCH ? CLI_RED : CLI_PLAIN;
}

static void show_cell(const char *text, int width)
{
	char clean[TEXT_SIZE];

	cli_print("  %-*s", width, text ? cli_clean(clean, sizeof(clean), text) : "-");
}

static void show_words(const char *title, const char *text)
{
	char clean[TEXT_SIZE];

	if (text)
		cli_print("          %s%s\n", title, cli_clean(clean, sizeof(clean), text));
}

static void show_check(const pgm_server_check *check, const widths *w)
{
	cli_print("%s%-8s%s", cli_colour_on(colour_of(check->status)), pgm_server_status_name(check->status),
		  cli_colour_on(CLI_PLAIN));
	show_cell(check->id, w->id);
	show_cell(check->wanted, w->wanted);
	show_cell(check->live, w->live);
	show_cell(check->source, 0);
	cli_print("\n");
	show_words("", check->reason);
	show_words("fix: ", check->fix);
	show_words("to see it: ", check->privilege);
}

static void show_sentence(const pgm_server_report *audit)
{
	char clean[TEXT_SIZE];
	const char *file = audit->nrules > 0 ? audit->rules[0].file : NULL; /* the sentence names others */

	if (!audit->sentence)
		return;
	cli_print("\n%s: ", file ? cli_clean(clean, sizeof(clean), file) : "pg_hba.conf");
	cli_print("%s\n", cli_clean(clean, sizeof(clean), audit->sentence));
}

static void show_checks(const pgm_server_report *audit)
{
	widths w = measure(audit);

	cli_print("%-8s  %-*s  %-*s  %-*s  %s\n", "status", w.id, "check", w.wanted, "wanted", w.live, "current",
		  "source");
	for (size_t i = 0; i < audit->nchecks; i++)
		show_check(&audit->checks[i], &w);
}

void cli_server_show_audit(const cli_server_report *r)
{
	const pgm_server_report *audit = r->audit;
	char version[128];

	cli_print("\n");
	show_checks(audit);
	show_sentence(audit);
	if (audit->connected)
		cli_print("\nPostgreSQL %s: ", cli_clean(version, sizeof(version), audit->version));
	else
		cli_print("\nnot connected: ");
	for (pgm_server_status s = PGM_SERVER_OK; s < PGM_SERVER_STATUSES; s++)
		cli_print("%s%zu %s", s ? ", " : "", audit->count[s], pgm_server_status_name(s));
	cli_print("\n");
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

static void json_checks(cli_json *j, const pgm_server_report *audit)
{
	cli_json_open(j, "checks", '[');
	for (size_t i = 0; audit && i < audit->nchecks; i++) {
		const pgm_server_check *check = &audit->checks[i];

		cli_json_open(j, NULL, '{');
		cli_json_text(j, "id", check->id);
		cli_json_text(j, "status", pgm_server_status_name(check->status));
		cli_json_bool(j, "required", check->required);
		cli_json_text(j, "wanted", check->wanted);
		cli_json_text(j, "live", check->live);
		cli_json_text(j, "source", check->source);
		cli_json_text(j, "reason", check->reason);
		cli_json_text(j, "fix", check->fix);
		cli_json_text(j, "privilege", check->privilege);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

static void json_server(cli_json *j, const pgm_server_report *audit)
{
	if (!audit || !audit->connected) {
		cli_json_null(j, "server");
		return;
	}
	cli_json_open(j, "server", '{');
	cli_json_text(j, "version", audit->version);
	cli_json_number(j, "version_number", audit->server_version);
	cli_json_text(j, "address", audit->server_address);
	cli_json_text(j, "client_address", audit->client_address);
	cli_json_text(j, "database", audit->database);
	cli_json_text(j, "user", audit->user);
	cli_json_bool(j, "superuser", audit->superuser);
	cli_json_close(j, '}');
}

static void json_error(cli_json *j, const pgm_server_report *audit)
{
	if (!audit || audit->connected) {
		cli_json_null(j, "error");
		return;
	}
	cli_json_open(j, "error", '{');
	cli_json_text(j, "code", pgm_code_name(audit->error.code));
	cli_json_text(j, "sqlstate", or_null(audit->error.sqlstate));
	cli_json_text(j, "message", audit->error.message);
	cli_json_text(j, "hint", cli_advice(&audit->error));
	cli_json_close(j, '}');
}

static void json_summary(cli_json *j, const cli_server_report *r)
{
	static const char *const keys[] = {
		[PGM_SERVER_OK] = "ok",
		[PGM_SERVER_REVIEW] = "review",
		[PGM_SERVER_UNKNOWN] = "unknown",
		[PGM_SERVER_MISMATCH] = "mismatch",
	};

	cli_json_open(j, "summary", '{');
	cli_json_text(j, "result", r->failed ? "failed" : "ok");
	cli_json_bool(j, "audited", r->audit != NULL);
	cli_json_bool(j, "connected", r->audit && r->audit->connected);
	cli_json_bool(j, "strict", r->strict);
	for (pgm_server_status s = PGM_SERVER_OK; s < PGM_SERVER_STATUSES; s++)
		cli_json_number(j, keys[s], r->audit ? (int64_t)r->audit->count[s] : 0);
	cli_json_close(j, '}');
}

bool cli_server_show_json(const cli_server_report *r)
{
	cli_json j = {0};
	bool ok;

	cli_json_open(&j, NULL, '{');
	cli_json_number(&j, "schema", JSON_SCHEMA);
	json_server(&j, r->audit);
	json_client(&j, r);
	json_advice(&j, r->advice);
	json_checks(&j, r->audit);
	cli_server_json_rules(&j, r->audit);
	json_error(&j, r->audit);
	json_summary(&j, r);
	cli_json_close(&j, '}');
	ok = !j.out.failed;
	if (ok)
		cli_print("%s\n", j.out.text);
	pgm__strbuf_free(&j.out);
	return ok;
}
