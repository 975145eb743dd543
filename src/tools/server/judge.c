#include "tools/server/judge.h"

#include "tools/server/client.h"
#include "tools/server/refusal.h"

#include <stdlib.h>
#include <string.h>

#define DENIED "42501" /* insufficient_privilege */
#define NO_TLS_WORDS "server does not support SSL"

pgm_server_check *pgm__judge_add(pgm__judge *j, const char *id, pgm_server_status status)
{
	pgm_server_report *r = j->report;
	pgm_server_check *list = pgm__arena_grow(j->arena, r->checks, r->nchecks, sizeof(*list));
	pgm_server_check *check = list ? &list[r->nchecks++] : &j->lost;

	if (list)
		r->checks = list;
	*check = (pgm_server_check){.id = id, .status = status};
	return check;
}

pgm_server_check *pgm__judge_unseen(pgm__judge *j, const char *id, const pgm__unseen *why, const char *what,
				    const char *privilege)
{
	pgm_server_check *check = pgm__judge_add(j, id, PGM_SERVER_UNKNOWN);

	if (strcmp(why->sqlstate, DENIED) == 0) {
		check->reason = pgm__arena_printf(j->arena, "%s: not visible to this role", what);
		check->privilege = pgm__arena_printf(j->arena, "GRANT %s TO %s", privilege, pgm__judge_role(j));
	} else {
		check->reason = pgm__arena_printf(j->arena, "%s: not seen: %s", what, why->message);
	}
	return check;
}

const char *pgm__judge_source(pgm__judge *j, const pgm__live_setting *setting)
{
	if (setting->file && setting->line > 0)
		return pgm__arena_printf(j->arena, "%s:%d", setting->file, setting->line);
	return setting->source;
}

const char *pgm__judge_quote(pgm__judge *j, const char *name)
{
	char *out = pgm__arena_room(j->arena, 2 * strlen(name) + 3), *to = out;

	if (!out)
		return name;
	*to++ = '"';
	for (; *name; name++) {
		if (*name == '"')
			*to++ = '"';
		*to++ = *name;
	}
	*to = '"';
	return out;
}

const char *pgm__judge_role(pgm__judge *j)
{
	return pgm__judge_quote(j, j->seen->user);
}

/* --------------------------------------------------------------------------------------- refused */

static const char *fix_of_refusal(pgm__judge *j)
{
	const pgm_error *err = &j->seen->error;

	if (pgm__refusal_by_hba(err->message))
		return "insert the recommended line into pg_hba.conf, above the first one that fits, and reload";
	if (strstr(err->message, NO_TLS_WORDS))
		return "ssl = on in postgresql.conf, with a certificate, and reload";
	if (strcmp(err->sqlstate, "53300") == 0)
		return "a limit is reached: raise max_connections (or that of the role or database), or use less";
	return NULL;
}

/* One that says what does not fit, besides that nothing else could be seen. */
static void judge_no_tls(pgm__judge *j)
{
	pgm_server_check *check;

	if (!strstr(j->seen->error.message, NO_TLS_WORDS))
		return;
	check = pgm__judge_add(j, "ssl", PGM_SERVER_MISMATCH);
	check->required = true;
	check->wanted = "on";
	check->live = "off";
	check->reason = pgm__arena_printf(j->arena, "sslmode=%s takes no connection without TLS", j->client->sslmode);
	check->fix = "ssl = on in postgresql.conf, with a certificate, and reload";
}

void pgm__judge_refused(pgm__judge *j)
{
	pgm_server_check *check = pgm__judge_add(j, "connection", PGM_SERVER_MISMATCH);

	check->required = true;
	check->wanted = "a connection";
	check->reason = pgm__arena_copy(j->arena, j->seen->error.message);
	check->fix = fix_of_refusal(j);
	judge_no_tls(j);
}
