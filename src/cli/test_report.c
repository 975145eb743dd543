#include "cli/test_report.h"

#include "cli/advice.h"
#include "cli/json.h"
#include "cli/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSON_SCHEMA 1 /* raised when a member changes its meaning or goes */
#define DETAIL_SIZE 1600

/* --------------------------------------------------------------------------- what a step tells */

static void detail_resolve(const pgm__probe *p, char *buf, size_t size)
{
	if (p->step[PGM__PROBE_RESOLVE].outcome == PGM__PROBE_OK)
		snprintf(buf, size, "%s", p->host);
	else
		snprintf(buf, size, "not needed for %s", p->is_socket ? "a socket" : "an address");
}

static void detail_connect(const pgm__probe *p, char *buf, size_t size)
{
	if (p->is_socket)
		snprintf(buf, size, "socket in %s, port %s", p->host, p->port);
	else
		snprintf(buf, size, "%s, port %s", p->address, p->port);
}

static const char *verified_words(pgm__verified verified)
{
	static const char *const words[] = {
		[PGM__VERIFIED_NOTHING] = "server not verified",
		[PGM__VERIFIED_CHAIN] = "server verified: certificate, but not its name",
		[PGM__VERIFIED_NAME] = "server verified: certificate and name",
	};

	return words[verified];
}

static void detail_tls(const pgm__probe *p, char *buf, size_t size)
{
	const pgm__probe_tls *tls = &p->tls;
	bool has_root = tls->verified != PGM__VERIFIED_NOTHING && tls->root[0];

	if (tls->in_use)
		snprintf(buf, size, "%s, %s, %d bits; %s (sslmode %s%s%s)", tls->protocol, tls->cipher, tls->bits,
			 verified_words(tls->verified), tls->sslmode, has_root ? ", root certificate " : "",
			 has_root ? tls->root : "");
	else if (tls->gss)
		snprintf(buf, size, "not in use: GSSAPI encrypts");
	else if (p->is_socket)
		snprintf(buf, size, "not in use: a socket");
	else
		snprintf(buf, size, "not in use: nothing is encrypted (sslmode %s)", tls->sslmode);
}

static void detail_authenticate(const pgm__probe *p, char *buf, size_t size)
{
	snprintf(buf, size, "%s to database %s; %s", p->user, p->database,
		 p->asked_password ? "with a password"
				   : "no password was asked for: trust, peer, certificate or the like");
}

static void detail_settings(const pgm__probe *p, char *buf, size_t size)
{
	if (p->nsettings)
		snprintf(buf, size, "%zu session setting%s applied", p->nsettings, p->nsettings == 1 ? "" : "s");
	else
		snprintf(buf, size, "none in the file");
}

static void detail_select(const pgm__probe *p, char *buf, size_t size)
{
	(void)p;
	snprintf(buf, size, "answered");
}

static const struct {
	const char *title, *key; /* for people; in JSON */
	void (*detail)(const pgm__probe *probe, char *buf, size_t size);
} steps[PGM__PROBE_STEPS] = {
	[PGM__PROBE_RESOLVE] = {"resolve", "resolve", detail_resolve},
	[PGM__PROBE_CONNECT] = {"connect", "connect", detail_connect},
	[PGM__PROBE_TLS] = {"TLS", "tls", detail_tls},
	[PGM__PROBE_AUTHENTICATE] = {"authenticate", "authenticate", detail_authenticate},
	[PGM__PROBE_SETTINGS] = {"settings", "settings", detail_settings},
	[PGM__PROBE_SELECT] = {"SELECT 1", "select", detail_select},
};

/* Only what was reached has something to tell. */
static void detail_of(const pgm__probe *probe, int step, char *buf, size_t size)
{
	pgm__probe_outcome outcome = probe->step[step].outcome;

	buf[0] = '\0';
	if (outcome == PGM__PROBE_OK || outcome == PGM__PROBE_SKIPPED)
		steps[step].detail(probe, buf, size);
}

static const char *pooler_words(pgm__pooling pooling)
{
	static const char *const words[] = {
		[PGM__POOLING_NONE] = "",
		[PGM__POOLING_UNKNOWN] = "PgBouncer or its like answers here; whether the backend changes between "
					 "transactions could not be seen",
		[PGM__POOLING_STEADY] = "PgBouncer or its like answers here; the backend did not change between two "
					"transactions",
		[PGM__POOLING_CHANGING] = "PgBouncer or its like answers here; the backend changed between two "
					  "transactions",
	};

	return words[pooling];
}

/* NULL: all is well. */
static const char *pooler_hint(const pgm__probe *p)
{
	if (p->pooling != PGM__POOLING_CHANGING || p->nsettings == 0)
		return NULL;
	return "the session settings of the file do not hold where the backend changes, and reach other clients of the "
	       "pooler: take them out of the file, and use ALTER ROLE ... SET, or SET LOCAL inside a transaction";
}

static void detail_pool(const cli_test_report *r, char *buf, size_t size)
{
	if (r->held < r->wanted)
		snprintf(buf, size, "%d of %d connections held at once (min_size %d, max_size %d)", r->held, r->wanted,
			 r->min_size, r->max_size);
	else
		snprintf(buf, size, "%d connection%s held at once (min_size %d, max_size %d)", r->held,
			 r->held == 1 ? "" : "s", r->min_size, r->max_size);
}

/* ------------------------------------------------------------------------------------ the table */

static void show_row(const char *title, pgm__probe_outcome outcome, pgm__time took, const char *detail)
{
	static const struct {
		cli_colour colour;
		const char *word;
	} words[] = {
		[PGM__PROBE_NOT_REACHED] = {CLI_DIM, "-"},
		[PGM__PROBE_SKIPPED] = {CLI_DIM, "-"},
		[PGM__PROBE_OK] = {CLI_GREEN, "ok"},
		[PGM__PROBE_FAILED] = {CLI_RED, "FAILED"},
	};
	char time[32] = "-", shown[DETAIL_SIZE];

	if (outcome == PGM__PROBE_OK || outcome == PGM__PROBE_FAILED)
		snprintf(time, sizeof(time), "%.1f ms", (double)took / (double)PGM__MS);
	cli_clean(shown, sizeof(shown), detail);
	cli_print("%-12s  %12s  %s%s%s%*s%s\n", title, time, cli_colour_on(words[outcome].colour), words[outcome].word,
		  cli_colour_on(CLI_PLAIN), shown[0] ? 8 - (int)strlen(words[outcome].word) : 0, "", shown);
}

void cli_test_show_steps(const cli_test_report *r)
{
	char detail[DETAIL_SIZE];

	for (int i = 0; i < PGM__PROBE_STEPS; i++) {
		detail_of(&r->probe, i, detail, sizeof(detail));
		if (r->probe.step[i].outcome == PGM__PROBE_NOT_REACHED)
			snprintf(detail, sizeof(detail), "not reached");
		show_row(steps[i].title, r->probe.step[i].outcome, r->probe.step[i].took, detail);
	}
	if (r->probe.pooling != PGM__POOLING_NONE)
		show_row("pooler", PGM__PROBE_OK, r->probe.pooling_took, pooler_words(r->probe.pooling));
	cli_flush();
}

void cli_test_show_pool(const cli_test_report *r)
{
	char detail[DETAIL_SIZE];

	detail_pool(r, detail, sizeof(detail));
	show_row("pool", r->held < r->wanted ? PGM__PROBE_FAILED : PGM__PROBE_OK, r->took, detail);
	cli_flush();
}

void cli_test_show_end(const cli_test_report *r)
{
	char version[sizeof(r->probe.version)];
	const char *advice;

	if (r->ok) {
		cli_print("\nPostgreSQL %s\n", cli_clean(version, sizeof(version), r->probe.version));
		cli_flush();
		if (pooler_hint(&r->probe))
			cli_say("hint: %s", pooler_hint(&r->probe));
		return;
	}
	cli_flush();
	cli_fail("%s", r->error.message);
	advice = cli_advice(&r->error);
	if (advice)
		cli_say("hint: %s", advice);
}

/* ----------------------------------------------------------------------------------------- JSON */

static void json_step(cli_json *j, const char *key, pgm__probe_outcome outcome, pgm__time took, const char *detail)
{
	static const char *const words[] = {
		[PGM__PROBE_NOT_REACHED] = "not_reached",
		[PGM__PROBE_SKIPPED] = "skipped",
		[PGM__PROBE_OK] = "ok",
		[PGM__PROBE_FAILED] = "failed",
	};

	cli_json_open(j, NULL, '{');
	cli_json_text(j, "step", key);
	cli_json_text(j, "result", words[outcome]);
	if (outcome == PGM__PROBE_OK || outcome == PGM__PROBE_FAILED)
		cli_json_ms(j, "ms", took);
	else
		cli_json_null(j, "ms");
	cli_json_text(j, "detail", detail[0] ? detail : NULL);
	cli_json_close(j, '}');
}

static void json_steps(cli_json *j, const cli_test_report *r)
{
	char detail[DETAIL_SIZE];

	cli_json_open(j, "steps", '[');
	for (int i = 0; r->probed && i < PGM__PROBE_STEPS; i++) {
		detail_of(&r->probe, i, detail, sizeof(detail));
		json_step(j, steps[i].key, r->probe.step[i].outcome, r->probe.step[i].took, detail);
	}
	if (r->wanted) {
		detail_pool(r, detail, sizeof(detail));
		json_step(j, "pool", r->held < r->wanted ? PGM__PROBE_FAILED : PGM__PROBE_OK, r->took, detail);
	}
	cli_json_close(j, ']');
}

static void json_error(cli_json *j, const cli_test_report *r)
{
	if (r->ok) {
		cli_json_null(j, "error");
		return;
	}
	cli_json_open(j, "error", '{');
	cli_json_text(j, "code", pgm_code_name(r->error.code));
	cli_json_text(j, "sqlstate", r->error.sqlstate[0] ? r->error.sqlstate : NULL);
	cli_json_text(j, "message", r->error.message);
	cli_json_text(j, "hint", cli_advice(&r->error));
	cli_json_close(j, '}');
}

static void json_tls(cli_json *j, const pgm__probe_tls *tls)
{
	static const char *const words[] = {
		[PGM__VERIFIED_NOTHING] = "none",
		[PGM__VERIFIED_CHAIN] = "certificate",
		[PGM__VERIFIED_NAME] = "certificate_and_name",
	};

	if (!tls->in_use) {
		cli_json_null(j, "tls");
		return;
	}
	cli_json_open(j, "tls", '{');
	cli_json_text(j, "version", tls->protocol);
	cli_json_text(j, "cipher", tls->cipher);
	cli_json_number(j, "bits", tls->bits);
	cli_json_text(j, "verified", words[tls->verified]);
	cli_json_text(j, "sslmode", tls->sslmode);
	cli_json_text(j, "root_certificate", tls->verified && tls->root[0] ? tls->root : NULL);
	cli_json_close(j, '}');
}

static void json_pooler(cli_json *j, const pgm__probe *p)
{
	if (p->pooling == PGM__POOLING_NONE) {
		cli_json_null(j, "pooler");
		return;
	}
	cli_json_open(j, "pooler", '{');
	if (p->pooling == PGM__POOLING_UNKNOWN)
		cli_json_null(j, "backend_changes");
	else
		cli_json_bool(j, "backend_changes", p->pooling == PGM__POOLING_CHANGING);
	cli_json_text(j, "hint", pooler_hint(p));
	cli_json_close(j, '}');
}

static void json_server(cli_json *j, const pgm__probe *p)
{
	if (p->step[PGM__PROBE_AUTHENTICATE].outcome != PGM__PROBE_OK) {
		cli_json_null(j, "server");
		return;
	}
	cli_json_open(j, "server", '{');
	cli_json_text(j, "version", p->version);
	cli_json_text(j, "host", p->host);
	cli_json_text(j, "address", p->address[0] ? p->address : NULL);
	cli_json_number(j, "port", strtol(p->port, NULL, 10));
	cli_json_text(j, "database", p->database);
	cli_json_text(j, "user", p->user);
	cli_json_bool(j, "password_asked", p->asked_password);
	json_tls(j, &p->tls);
	cli_json_bool(j, "gssapi_encryption", p->tls.gss);
	json_pooler(j, p);
	cli_json_close(j, '}');
}

bool cli_test_show_json(const cli_test_report *r)
{
	cli_json j = {0};
	bool ok;

	cli_json_open(&j, NULL, '{');
	cli_json_number(&j, "schema", JSON_SCHEMA);
	cli_json_text(&j, "result", r->ok ? "ok" : "failed");
	cli_json_text(&j, "file", r->file);
	cli_json_text(&j, "connection_type", r->type);
	json_steps(&j, r);
	json_error(&j, r);
	json_server(&j, &r->probe);
	cli_json_close(&j, '}');
	ok = !j.out.failed;
	if (ok)
		cli_print("%s\n", j.out.text);
	pgm__strbuf_free(&j.out);
	return ok;
}
