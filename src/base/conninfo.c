#include "base/conninfo.h"

#include <string.h>

const char *pgm__conninfo_value(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val ? options->val : "";
	return "";
}

/* harmless NULL: a value that is no list. */
static bool check(const PQconninfoOption *options, const char *keyword, const char *harmless, const char *name,
		  pgm_error *err)
{
	const char *value = pgm__conninfo_value(options, keyword);

	if (harmless ? !value[0] || strcmp(value, harmless) == 0 : !strchr(value, ','))
		return true;
	return pgm__fail(err, PGM_ERR_CONFIG,
			 "%s: one endpoint per configuration, but %s is \"%s\" (from file, service file or "
			 "environment); for several use PgBouncer or HAProxy",
			 name, keyword, value);
}

bool pgm__conninfo_check_single(const PQconninfoOption *options, const char *name, pgm_error *err)
{
	return check(options, "host", NULL, name, err) && check(options, "hostaddr", NULL, name, err) &&
	       check(options, "port", NULL, name, err) && check(options, "target_session_attrs", "any", name, err) &&
	       check(options, "load_balance_hosts", "disable", name, err);
}
