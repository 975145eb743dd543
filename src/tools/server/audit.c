/* Connect, ask, judge. */
#include "base/error.h"
#include "tools/server/ask.h"
#include "tools/server/client.h"
#include "tools/server/judge.h"
#include "tools/server/refusal.h"

#include <stdlib.h>
#include <string.h>

/* The public part first: a pointer to one is a pointer to the other. */
typedef struct owned_report {
	pgm_server_report report;
	pgm__arena arena;
} owned_report;

const char *pgm_server_status_name(pgm_server_status status)
{
	static const char *const names[PGM_SERVER_STATUSES] = {
		[PGM_SERVER_OK] = "OK",
		[PGM_SERVER_REVIEW] = "REVIEW",
		[PGM_SERVER_UNKNOWN] = "UNKNOWN",
		[PGM_SERVER_MISMATCH] = "MISMATCH",
	};

	return (size_t)status < PGM_SERVER_STATUSES ? names[status] : "no status";
}

/* ------------------------------------------------------------------------------------------- see */

/* What is wrong with the configuration or with us is no report about a server. */
static bool is_about_server(const pgm_error *err)
{
	return err->code != PGM_ERR_NOMEM && err->code != PGM_ERR_MISUSE && err->code != PGM_ERR_CONFIG;
}

/* False: err, or seen->error if it is the server's. */
static bool look(const pgm_config *config, const pgm_server_client *client, pgm__seen *seen, pgm__arena *arena,
		 pgm_error *err)
{
	pgm__audit_session session;
	bool ok = pgm__audit_open(&session, config, pgm__client_options(client), err) &&
		  pgm__ask_session(&session, seen, arena, err);

	if (ok) {
		pgm__ask_settings(&session, client, seen, arena); /* before the probes */
		pgm__ask_limits(&session, seen, arena);
		pgm__ask_rules(&session, seen, arena);
		pgm__ask_probes(&session, client, seen, arena);
	}
	pgm__audit_close(&session);
	if (!ok)
		seen->error = *err;
	return ok;
}

/* ----------------------------------------------------------------------------------------- judge */

static bool match(const pgm_server_client *client, const pgm__seen *seen, owned_report *out, pgm_error *err)
{
	pgm_server_report *r = &out->report;
	const pgm_hba_client who = {.address = seen->client_address,
				    .sslmode = client->sslmode,
				    .user = seen->user,
				    .database = seen->database,
				    .replication = client->replication};

	if (!seen->has_rules)
		return true;
	r->has_rules = true;
	r->rules = seen->rules;
	r->nrules = seen->nrules;
	if (!pgm_hba_match(seen->rules, seen->nrules, &who, &seen->facts, &r->verdict, err))
		return false;
	r->sentence = pgm__arena_adopt(&out->arena, pgm_hba_sentence(seen->rules, &who, &r->verdict));
	return true;
}

static void describe(const pgm__seen *seen, pgm_server_report *r)
{
	r->connected = seen->error.code == PGM_OK;
	r->error = seen->error;
	r->server_version = seen->version;
	r->version = seen->version_text;
	r->user = seen->user;
	r->database = seen->database;
	r->client_address = seen->client_address;
	r->server_address = seen->server_address;
	r->superuser = seen->superuser;
}

static void judge(const pgm_server_client *client, const pgm__seen *seen, owned_report *out)
{
	pgm__judge j = {.client = client, .seen = seen, .report = &out->report, .arena = &out->arena};

	if (out->report.connected) {
		pgm__judge_login(&j);
		pgm__judge_limits(&j);
		pgm__judge_settings(&j);
	} else {
		pgm__judge_refused(&j);
	}
	for (size_t i = 0; i < out->report.nchecks; i++)
		out->report.count[out->report.checks[i].status]++;
}

/* On the loopback both addresses count, whichever it was this time. */
static void learn_address(pgm_server_client *client, const pgm__seen *seen)
{
	pgm__arena *arena = pgm__client_arena(client);
	char address[64];

	if (client->address || pgm__client_is_loopback(client))
		return;
	if (seen->client_address)
		client->address = pgm__arena_copy(arena, seen->client_address);
	else if (pgm__refusal_address(seen->error.message, address, sizeof(address)))
		client->address = pgm__arena_copy(arena, address);
}

/* For pgm_server_recommend. */
static void learn(pgm_server_client *client, const pgm__seen *seen)
{
	learn_address(client, seen);
	client->server_version = seen->version;
	client->superuser_reserved =
		pgm__seen_number(seen, "superuser_reserved_connections", PGM__SUPERUSER_RESERVED_DEFAULT);
	client->reserved = pgm__seen_number(seen, "reserved_connections", 0);
}

/* ------------------------------------------------------------------------------------------ whole */

static bool audit(const pgm_config *config, pgm_server_client *client, owned_report *out, pgm_error *err)
{
	pgm__seen seen = {0};

	if (!look(config, client, &seen, &out->arena, err) && !is_about_server(err))
		return false;
	pgm__error_clear(err);
	if (!match(client, &seen, out, err))
		return false;
	describe(&seen, &out->report);
	judge(client, &seen, out);
	learn(client, &seen);
	return (!out->arena.failed && !pgm__client_arena(client)->failed) || pgm__fail_nomem(err, "auditing a server");
}

pgm_server_report *pgm_server_audit(const pgm_config *config, pgm_server_client *client, pgm_error *err)
{
	owned_report *out = calloc(1, sizeof(*out));
	pgm_error why = {0};

	pgm__error_clear(err);
	if (!config || !client)
		pgm__fail(&why, PGM_ERR_MISUSE, "pgm_server_audit needs a configuration and its client");
	else if (!out)
		pgm__fail_nomem(&why, "auditing a server");
	else if (audit(config, client, out, &why))
		return &out->report;
	pgm__error_copy(err, &why);
	if (out)
		pgm_server_report_free(&out->report);
	return NULL;
}

void pgm_server_report_free(pgm_server_report *report)
{
	if (!report)
		return;
	pgm_hba_verdict_clear(&report->verdict);
	pgm__arena_free(&((owned_report *)report)->arena);
	free(report);
}
