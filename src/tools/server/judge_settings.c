/* Session settings, timeouts, and what waits for a restart. */
#include "tools/server/client.h"
#include "tools/server/hide.h"
#include "tools/server/judge.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FORMAT(...) pgm__arena_printf(j->arena, __VA_ARGS__)
/* PostgreSQL manual, appendix A */
#define DENIED "42501"
#define CANCELLED "57014" /* our own time limit */

/* ------------------------------------------------------------------------------- session settings */

/* The same name may stand in both sections. */
static const char *check_id(pgm__judge *j, const char *kind, const pgm_server_setting *setting)
{
	return j->client->type == PGM_FROM_CONFIG ? FORMAT("%s.%s.%s", kind, setting->section, setting->name)
						  : FORMAT("%s.%s", kind, setting->name);
}

static const char *shown_value(const pgm_server_setting *setting, const char *value)
{
	return value && pgm__is_secret_name(setting->name) ? "****" : value;
}

/* About twenty settings are hidden from most roles: who may not see one may not set it in a session either, since what
 * sets it shows it. One with a dot is there only once somebody has set it. */
static bool is_hidden(const pgm__judge *j, const pgm_server_setting *setting, const pgm__probe_answer *probe)
{
	return strcmp(probe->sqlstate, DENIED) == 0 && !j->seen->no_settings.message &&
	       !pgm__seen_setting(j->seen, setting->name) && !strchr(setting->name, '.');
}

static void judge_probe(pgm__judge *j, const pgm_server_setting *setting, const pgm__probe_answer *probe)
{
	bool refused = !probe->accepted && probe->sqlstate[0] && strcmp(probe->sqlstate, CANCELLED) != 0;
	pgm_server_check *check = pgm__judge_add(j, check_id(j, "setting", setting),
						 probe->accepted ? PGM_SERVER_OK
						 : refused	 ? PGM_SERVER_MISMATCH
								 : PGM_SERVER_UNKNOWN);

	check->required = true;
	check->wanted = pgm__arena_copy(j->arena, shown_value(setting, setting->value));
	check->live = shown_value(setting, probe->shown);
	check->source = pgm__arena_copy(j->arena, setting->section);
	if (probe->accepted)
		return;
	check->reason = refused && pgm__is_secret_name(setting->name)
				? FORMAT("refused with SQLSTATE %s", probe->sqlstate)
				: probe->message;
	if (is_hidden(j, setting, probe))
		check->privilege = FORMAT("GRANT pg_read_all_settings TO %s", pgm__judge_role(j));
	if (refused)
		check->fix = FORMAT("correct %s in %s, or leave it out", setting->name, setting->section);
}

/* Set by ALTER ROLE ... SET or ALTER DATABASE ... SET. */
static bool is_of_role_or_database(const pgm__live_setting *live)
{
	static const char *const sources[] = {"global", "database", "user", "database user"};

	for (size_t i = 0; live->source && i < sizeof(sources) / sizeof(sources[0]); i++)
		if (strcmp(live->source, sources[i]) == 0)
			return true;
	return false;
}

/* As it was before the file's value came. */
static void judge_default(pgm__judge *j, const pgm_server_setting *setting, const pgm__probe_answer *probe)
{
	const pgm__live_setting *live = pgm__seen_setting(j->seen, setting->name);
	pgm_server_check *check;

	if (!live || !is_of_role_or_database(live) || !probe->accepted)
		return;
	check = pgm__judge_add(j, check_id(j, "default", setting), PGM_SERVER_OK);
	check->wanted = shown_value(setting, probe->shown);
	check->live = shown_value(setting, live->shown);
	check->source = strcmp(live->source, "user") == 0	     ? "role"
			: strcmp(live->source, "database user") == 0 ? "role in this database"
			: strcmp(live->source, "global") == 0	     ? "all roles"
								     : live->source;
	if (live->shown && strcmp(live->shown, probe->shown) == 0)
		return;
	check->status = PGM_SERVER_REVIEW;
	check->reason = FORMAT("the file's value takes the place of the one that was set with ALTER ... SET (%s)",
			       check->source);
}

/* ------------------------------------------------------------------------------------- timeouts */

static bool is_in_file(const pgm_server_client *client, const char *name)
{
	for (size_t i = 0; i < client->nsettings; i++)
		if (strcasecmp(client->settings[i].name, name) == 0)
			return true;
	return false;
}

/* Where the file sets it, the server's value does not come to bear. */
static const pgm__live_setting *timeout_in_force(const pgm__judge *j, const char *name)
{
	return is_in_file(j->client, name) ? NULL : pgm__seen_setting(j->seen, name);
}

/* The seconds after which the pool itself closes a connection that lies idle; 0: never. */
static const char *patience_of(const pgm_server_pool *pool, int *seconds)
{
	bool lifetime = pool->max_lifetime && (!pool->max_idle || pool->max_lifetime < pool->max_idle);

	*seconds = lifetime ? pool->max_lifetime : pool->max_idle;
	return lifetime ? "max_lifetime" : "max_idle";
}

/* A connection that lies in the pool for longer than the server bears is dead when it is wanted. */
static void judge_idle_session(pgm__judge *j)
{
	const pgm__live_setting *live = timeout_in_force(j, "idle_session_timeout");
	int64_t ms = live ? strtoll(live->setting, NULL, 10) : 0;
	pgm_server_pool pool;
	pgm_server_check *check;
	const char *limit;
	int patience;

	if (!live || !pgm__client_pool(j->client, &pool))
		return;
	limit = patience_of(&pool, &patience);
	check = pgm__judge_add(j, "idle_session_timeout", PGM_SERVER_OK);
	check->wanted = patience ? FORMAT("0, or more than %s (%d s)", limit, patience) : "0";
	check->live = live->shown;
	check->source = pgm__judge_source(j, live);
	if (ms == 0 || pool.check_on_checkout || (patience && ms > (int64_t)patience * 1000))
		return;
	check->status = PGM_SERVER_REVIEW;
	check->reason = "the server ends connections that lie idle in the pool before the pool does";
	check->fix = "a smaller max_idle or max_lifetime, or check_on_checkout: true";
}

/* Shown, that one knows of them. */
static void show_timeout(pgm__judge *j, const char *name)
{
	const pgm__live_setting *live = timeout_in_force(j, name);
	pgm_server_check *check;

	if (!live)
		return;
	check = pgm__judge_add(j, name, PGM_SERVER_OK);
	check->live = live->shown;
	check->source = pgm__judge_source(j, live);
}

/* -------------------------------------------------------------------------------------- restarts */

static void judge_pending(pgm__judge *j, const pgm__live_setting *live)
{
	pgm_server_check *check;

	if (!live->pending_restart)
		return;
	check = pgm__judge_add(j, FORMAT("pending_restart.%s", live->name), PGM_SERVER_REVIEW);
	check->live = live->shown;
	check->source = pgm__judge_source(j, live);
	check->reason = "configured, not active: a change in the file waits for a restart of the server";
	check->fix = "restart the server";
}

static void judge_hidden_settings(pgm__judge *j)
{
	if (j->seen->no_settings.message)
		pgm__judge_unseen(j, "pg_settings", &j->seen->no_settings, "the settings of the server",
				  "SELECT ON pg_settings");
}

void pgm__judge_settings(pgm__judge *j)
{
	judge_hidden_settings(j);
	for (size_t i = 0; j->seen->probes && i < j->client->nsettings; i++) {
		judge_probe(j, &j->client->settings[i], &j->seen->probes[i]);
		judge_default(j, &j->client->settings[i], &j->seen->probes[i]);
	}
	judge_idle_session(j);
	show_timeout(j, "idle_in_transaction_session_timeout");
	show_timeout(j, "transaction_timeout");
	for (size_t i = 0; i < j->seen->nsettings; i++)
		judge_pending(j, &j->seen->settings[i]);
}
