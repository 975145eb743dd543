/* Which rule decides, and what it asks for. */
#include "tools/server/client.h"
#include "tools/server/judge.h"

#include <stdlib.h>
#include <string.h>

#define SCRAM "scram-sha-256"

static const pgm_hba_row *decided_row(const pgm__judge *j)
{
	const pgm_hba_verdict *verdict = &j->report->verdict;

	return j->report->has_rules && verdict->outcome == PGM_HBA_ADMITTED ? &j->seen->rules[verdict->row] : NULL;
}

/* ------------------------------------------------------------------------------------------ rules */

/* What hangs on rules that could not be seen. */
static pgm_server_check *judge_unseen_rules(pgm__judge *j, const char *id, const char *what)
{
	return pgm__judge_unseen(
		j, id, &j->seen->no_rules, what,
		pgm__arena_printf(j->arena,
				  "SELECT ON pg_hba_file_rules TO %s; GRANT EXECUTE ON FUNCTION pg_hba_file_rules()",
				  pgm__judge_role(j)));
}

static bool hangs_on_quotes(const pgm_hba_verdict *verdict)
{
	for (size_t i = 0; i < verdict->nattempts; i++)
		if (verdict->attempts[i].hangs_on_quotes)
			return true;
	return false;
}

/* NULL: nothing to be said against it. */
static const char *doubt_about(pgm__judge *j, const char **fix)
{
	const pgm_hba_verdict *verdict = &j->report->verdict;

	if (verdict->unread >= 0) {
		*fix = pgm__arena_printf(j->arena, "mend line %d of pg_hba.conf, and reload",
					 j->seen->rules[verdict->unread].line);
		return "a line of the file cannot be read, so the server goes on with the rules it had before";
	}
	if (j->seen->rules_changed == PGM_HBA_YES) {
		*fix = "SELECT pg_reload_conf()";
		return "the file was changed after it was loaded: the rules in force may be others";
	}
	if (verdict->outcome == PGM_HBA_CONTRADICTED)
		return "no rule of the file could have let this connection in: it was changed and not reloaded, or "
		       "something stands in between";
	if (verdict->outcome == PGM_HBA_UNDECIDED)
		return j->seen->facts.all_roles
			       ? "it hangs on the server's interfaces or name service"
			       : "it hangs on the roles that this one is a member of, which are not visible to it";
	if (verdict->downgraded) {
		*fix = "sslmode: require in the client's file, or let the rule for TLS let it in";
		return "TLS is refused, and the client goes on without it in silence";
	}
	if (hangs_on_quotes(verdict))
		return "a name in the rules looks like a keyword, and there is a role or database of that name: the "
		       "view "
		       "does not show which is meant";
	return NULL;
}

static void judge_rules(pgm__judge *j)
{
	const pgm_hba_verdict *verdict = &j->report->verdict;
	bool refused = verdict->outcome == PGM_HBA_REJECTED || verdict->outcome == PGM_HBA_NO_ENTRY ||
		       verdict->outcome == PGM_HBA_NO_TLS;
	const char *fix = NULL, *doubt = doubt_about(j, &fix);
	const pgm_hba_row *row = decided_row(j);
	pgm_server_check *check = pgm__judge_add(j, "pg_hba",
						 doubt	   ? PGM_SERVER_REVIEW
						 : refused ? PGM_SERVER_MISMATCH
							   : PGM_SERVER_OK);

	check->required = true;
	check->wanted = "a rule that lets this client in";
	check->live = row ? pgm__arena_adopt(j->arena, pgm_hba_rule(row)) : NULL;
	check->reason = doubt || !refused ? doubt : "the rules refuse this client";
	check->fix = doubt || !refused ? fix : "insert the recommended line above the first one that fits, and reload";
	if (row && row->file)
		check->source = pgm__arena_printf(j->arena, "%s:%d", row->file, row->line);
	else if (row)
		check->source = pgm__arena_printf(j->arena, "pg_hba.conf:%d", row->line);
}

/* ---------------------------------------------------------------------------------------- encryption */

static void judge_ssl(pgm__judge *j)
{
	const pgm__live_setting *ssl = pgm__seen_setting(j->seen, "ssl");
	pgm__tls_wish wish = pgm__client_tls(j->client);
	pgm_server_check *check;
	bool on = ssl && strcmp(ssl->setting, "on") == 0;

	if (!ssl || wish == PGM__TLS_NEVER)
		return;
	check = pgm__judge_add(j, "ssl", PGM_SERVER_OK);
	check->required = wish == PGM__TLS_ALWAYS;
	check->wanted = "on";
	check->live = ssl->setting;
	check->source = pgm__judge_source(j, ssl);
	if (on) {
		if (!j->seen->tls && !j->seen->gss && j->seen->tls_at_server != PGM_HBA_YES) {
			check->status = PGM_SERVER_REVIEW;
			check->reason =
				"the server has TLS, and this connection is not encrypted: the client does not object";
			check->fix = "sslmode: require, or stronger";
		}
		return;
	}
	/* The client has TLS all the same: it ends at something in between. */
	check->status = wish == PGM__TLS_ALWAYS && !j->seen->tls ? PGM_SERVER_MISMATCH : PGM_SERVER_REVIEW;
	check->reason = wish == PGM__TLS_ALWAYS ? "the client takes no connection without TLS"
						: "nothing is encrypted, and the client does not object";
	check->fix = "ssl = on in postgresql.conf, with a certificate, and reload";
}

static void judge_tls_end(pgm__judge *j)
{
	pgm_server_check *check;

	if (j->seen->tls && j->seen->no_tls_at_server.message)
		pgm__judge_unseen(j, "tls_end", &j->seen->no_tls_at_server, "where TLS ends", "SELECT ON pg_stat_ssl");
	if (j->seen->tls_at_server == PGM_HBA_UNKNOWN || j->seen->tls == (j->seen->tls_at_server == PGM_HBA_YES))
		return;
	check = pgm__judge_add(j, "tls_end", PGM_SERVER_REVIEW);
	check->wanted = "TLS from end to end";
	check->live = j->seen->tls ? "TLS at the client, none at the server" : "TLS at the server, none at the client";
	check->reason = "TLS ends at something in between, which reads what passes";
}

static void judge_pooler(pgm__judge *j)
{
	pgm_server_check *check;

	if (!j->seen->pooler)
		return;
	check = pgm__judge_add(j, "pooler", PGM_SERVER_REVIEW);
	check->live = "PgBouncer or its like answers";
	check->reason =
		"rules, limits and addresses are those of the pooler's connections, not of this client's; its own "
		"files were not looked at";
}

/* ----------------------------------------------------------------------------------------- password */

static void judge_password(pgm__judge *j)
{
	pgm_server_check *check;

	if (!j->client->has_password || j->seen->pooler)
		return;
	check = pgm__judge_add(j, "password", PGM_SERVER_OK);
	check->wanted = "asked for";
	check->live = j->seen->used_password == PGM_HBA_YES ? "asked for"
		      : j->seen->method ? pgm__arena_printf(j->arena, "not asked for: %s", j->seen->method)
					: "not asked for";
	if (j->seen->used_password == PGM_HBA_YES)
		return;
	check->status = PGM_SERVER_REVIEW;
	check->reason = "there is a password that the server never asked for: the rule is trust, peer, cert or the "
			"like, and whoever satisfies it needs none";
}

/* By which the client was let in; NULL: not known. */
static const char *method_of(const pgm__judge *j)
{
	const pgm_hba_row *row = decided_row(j);

	return row ? row->method : j->seen->method;
}

/* Passwords are stored for md5, and what the rule asks for is not known. */
static pgm_server_check *judge_unknown_method(pgm__judge *j)
{
	static const char id[] = "password_encryption";
	pgm_server_check *check;

	if (!j->report->has_rules)
		return judge_unseen_rules(j, id, "whether the rule asks for SCRAM");
	check = pgm__judge_add(j, id, PGM_SERVER_UNKNOWN);
	check->reason = "whether the rule asks for SCRAM is not known, as the rule is not";
	return check;
}

/* "on" was md5's other name. A rule for md5 takes what was stored for SCRAM as well. */
static void judge_password_encryption(pgm__judge *j)
{
	const pgm__live_setting *setting = pgm__seen_setting(j->seen, "password_encryption");
	const char *method = method_of(j);
	pgm_server_check *check;
	bool scram;

	if (!j->client->has_password || !setting)
		return;
	scram = strcmp(setting->setting, SCRAM) == 0;
	check = scram || method ? pgm__judge_add(j, "password_encryption", PGM_SERVER_OK) : judge_unknown_method(j);
	check->wanted = !method || strcmp(method, SCRAM) == 0 ? SCRAM : "any";
	check->live = setting->setting;
	check->source = pgm__judge_source(j, setting);
	if (scram || !method || strcmp(method, SCRAM) != 0)
		return;
	check->status = PGM_SERVER_REVIEW;
	check->reason = "the rule asks for SCRAM, but the next password that is set will be stored for md5: the client "
			"could not log in any more";
	check->fix = "password_encryption = " SCRAM " in postgresql.conf, and reload";
}

static bool asks_certificate(const pgm_hba_row *row)
{
	if (row && strcmp(row->method, "cert") == 0)
		return true;
	for (size_t i = 0; row && i < row->options.count; i++)
		if (strncmp(row->options.list[i], "clientcert=verify", strlen("clientcert=verify")) == 0)
			return true;
	return false;
}

static void judge_ca_file(pgm__judge *j)
{
	const pgm__live_setting *setting = pgm__seen_setting(j->seen, "ssl_ca_file");
	pgm_server_check *check;

	if (!setting || !asks_certificate(decided_row(j)))
		return;
	check = pgm__judge_add(j, "ssl_ca_file", setting->setting[0] ? PGM_SERVER_OK : PGM_SERVER_MISMATCH);
	check->required = true;
	check->wanted = "set";
	check->live = setting->setting[0] ? "set" : "empty"; /* the path is the server's own affair */
	check->source = pgm__judge_source(j, setting);
	if (setting->setting[0])
		return;
	check->reason = "the rule asks for a client certificate, which the server cannot check";
	check->fix = "ssl_ca_file in postgresql.conf, and reload";
}

void pgm__judge_login(pgm__judge *j)
{
	judge_pooler(j);
	if (j->report->has_rules)
		judge_rules(j);
	else
		judge_unseen_rules(j, "pg_hba", "the rules of pg_hba.conf")->required = true;
	judge_ssl(j);
	judge_tls_end(j);
	judge_password(j);
	judge_password_encryption(j);
	judge_ca_file(j);
}
