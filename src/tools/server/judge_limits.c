/* Are there connections enough? */
#include "tools/server/client.h"
#include "tools/server/judge.h"

#include <stdlib.h>
#include <string.h>

#define SOON_DAYS 30

#define FORMAT(...) pgm__arena_printf(j->arena, __VA_ARGS__)

static int need_of(const pgm__judge *j)
{
	return pgm_server_client_connections(j->client, NULL, 0);
}

static int reserves_of(const pgm__seen *seen)
{
	return pgm__seen_number(seen, "superuser_reserved_connections", PGM__SUPERUSER_RESERVED_DEFAULT) +
	       pgm__seen_number(seen, "reserved_connections", 0);
}

static void judge_max_connections(pgm__judge *j)
{
	const pgm__live_setting *setting = pgm__seen_setting(j->seen, "max_connections");
	int need = need_of(j), reserves = reserves_of(j->seen), max;
	int64_t others = j->seen->used > 0 ? j->seen->used - 1 : 0; /* without this one */
	pgm_server_check *check;

	if (!setting)
		return;
	max = pgm__seen_number(j->seen, "max_connections", 0);
	check = pgm__judge_add(j, "max_connections", PGM_SERVER_OK);
	check->required = true;
	check->wanted = FORMAT("%d or more", need + reserves);
	check->live = setting->setting;
	check->source = pgm__judge_source(j, setting);
	if (max < need + reserves) {
		check->status = PGM_SERVER_MISMATCH;
		check->reason =
			FORMAT("the client may want %d connections, and %d are reserved for others", need, reserves);
		check->fix = FORMAT("max_connections = %d in postgresql.conf, and restart; or lower max_size",
				    need + reserves);
	} else if (max - reserves - others < need) {
		check->status = PGM_SERVER_REVIEW;
		check->reason =
			FORMAT("%lld connections are in use now, perhaps by this same client: beside them %d fit no "
			       "more",
			       (long long)others, need);
		check->fix =
			FORMAT("if they are others', max_connections = %lld", (long long)(need + reserves + others));
	}
}

static void judge_used(pgm__judge *j)
{
	if (j->seen->no_used.message)
		pgm__judge_unseen(j, "connections_in_use", &j->seen->no_used, "the connections in use now",
				  "SELECT ON pg_stat_database");
}

static void judge_limit(pgm__judge *j, const char *id, int limit, const char *what, const char *name)
{
	int need = need_of(j);
	pgm_server_check *check = pgm__judge_add(j, id, PGM_SERVER_OK);

	check->required = true;
	check->wanted = FORMAT("%d or more", need);
	check->live = limit == PGM__UNLIMITED ? "no limit" : FORMAT("%d", limit);
	check->source = what;
	if (limit == PGM__UNLIMITED || limit >= need)
		return;
	check->status = PGM_SERVER_MISMATCH;
	check->reason =
		FORMAT("the client may want %d connections, the %s \"%s\" may have %d", need, what, name, limit);
	check->fix = FORMAT("ALTER %s %s CONNECTION LIMIT %d, or lower max_size",
			    strcmp(what, "role") == 0 ? "ROLE" : "DATABASE", pgm__judge_quote(j, name), need);
}

static void judge_valid_until(pgm__judge *j)
{
	pgm_server_check *check;

	if (!j->seen->valid_until)
		return;
	check = pgm__judge_add(j, "role_valid_until",
			       j->seen->days_left < SOON_DAYS ? PGM_SERVER_REVIEW : PGM_SERVER_OK);
	check->live = j->seen->valid_until;
	check->source = "role";
	if (check->status == PGM_SERVER_OK)
		return;
	check->reason = j->seen->days_left < 0 ? "the role's password has expired"
			: j->seen->days_left == 0
				? "the role's password expires within a day"
				: FORMAT("the role's password expires in %lld days", (long long)j->seen->days_left);
	check->fix = FORMAT("ALTER ROLE %s VALID UNTIL a later day", pgm__judge_role(j));
}

/* The server holds a superuser to no limit of role or database. */
void pgm__judge_limits(pgm__judge *j)
{
	judge_max_connections(j);
	judge_used(j);
	if (j->seen->no_role.message)
		pgm__judge_unseen(j, "role_limit", &j->seen->no_role, "the limits of this role", "SELECT ON pg_roles");
	else if (!j->seen->superuser)
		judge_limit(j, "role_limit", j->seen->role_limit, "role", j->seen->user);
	if (j->seen->no_database.message)
		pgm__judge_unseen(j, "database_limit", &j->seen->no_database, "the limits of this database",
				  "SELECT ON pg_database");
	else if (!j->seen->superuser)
		judge_limit(j, "database_limit", j->seen->database_limit, "database", j->seen->database);
	judge_valid_until(j);
}
