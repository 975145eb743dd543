#include "base/conninfo.h"

#include <string.h>

const char *pgm__conninfo_value(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val ? options->val : "";
	return "";
}

bool pgm__conninfo_check_single(const PQconninfoOption *options, const char *name, pgm_error *err)
{
	/* harmless NULL: a value that is no list. */
	static const struct {
		const char *keyword, *harmless;
	} keys[] = {
		{"host", NULL},
		{"hostaddr", NULL},
		{"port", NULL},
		{"target_session_attrs", "any"},
		{"load_balance_hosts", "disable"},
	};

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *value = pgm__conninfo_value(options, keys[i].keyword), *harmless = keys[i].harmless;

		if (harmless ? value[0] && strcmp(value, harmless) != 0 : strchr(value, ',') != NULL)
			return pgm__fail(
				err, PGM_ERR_CONFIG,
				"%s: one endpoint per configuration, but %s is \"%s\" (from the file, a service "
				"file or the environment); for several use PgBouncer, HAProxy or the like",
				name, keys[i].keyword, value);
	}
	return true;
}
