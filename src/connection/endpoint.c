#include "connection/endpoint.h"

#include "base/error.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Seconds. Without connect_timeout libpq would wait for ever, and a server that accepts but never answers
 * would keep a pool from recovering. */
#define CONNECT_TIMEOUT_DEFAULT 60

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
	for (; options->keyword; options++)
		if (strcmp(options->keyword, keyword) == 0)
			return options->val ? options->val : "";
	return "";
}

/*
 * The only door to libpq's merged options opens after PQconnectStart, which connects. A gssencmode that
 * does not exist makes it stop just before that, with everything merged.
 */
static PQconninfoOption *merged_options(const pgm__settings *settings, pgm_error *err)
{
	size_t n = settings->nkeywords;
	const char **keywords = calloc(n + 2, sizeof *keywords);
	const char **values = calloc(n + 2, sizeof *values);
	PGconn *conn = NULL;
	PQconninfoOption *options = NULL;

	if (!keywords || !values)
		goto out;
	for (size_t i = 0; i < n; i++) {
		keywords[i] = settings->keywords[i];
		values[i] = settings->values[i];
	}
	keywords[n] = "gssencmode"; /* the last one counts */
	values[n] = "none of libpq's";
	conn = PQconnectStartParams(keywords, values, 0);
	options = conn ? PQconninfo(conn) : NULL;
out:
	if (!options)
		pgm__fail_nomem(err, "prepare a connection");
	PQfinish(conn);
	free(values);
	free(keywords);
	return options;
}

static bool check_single(const PQconninfoOption *options, const pgm__settings *settings, pgm_error *err)
{
	static const char *const lists[] = {"host", "hostaddr", "port"};
	const char *attrs = value_of(options, "target_session_attrs");
	const char *balance = value_of(options, "load_balance_hosts");

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (strchr(value_of(options, lists[i]), ','))
			return pgm__fail(
				err, PGM_ERR_CONFIG,
				"%s: one endpoint per configuration, but %s is \"%s\" (from the file, a service "
				"file or the environment); for several servers use PgBouncer, HAProxy or the like",
				settings->origin, lists[i], value_of(options, lists[i]));
	if ((attrs[0] && strcmp(attrs, "any") != 0) || (balance[0] && strcmp(balance, "disable") != 0))
		return pgm__fail(
			err, PGM_ERR_CONFIG,
			"%s: one endpoint per configuration, but %s asks to choose among several (from the file, "
			"a service file or the environment)",
			settings->origin,
			attrs[0] && strcmp(attrs, "any") != 0 ? "target_session_attrs" : "load_balance_hosts");
	return true;
}

bool pgm__endpoint_find(const pgm__settings *settings, pgm__endpoint *out, pgm_error *err)
{
	PQconninfoOption *options = merged_options(settings, err);
	long seconds;
	bool ok = false;

	*out = (pgm__endpoint){0};
	if (!options)
		return false;
	if (!check_single(options, settings, err))
		goto out;
	out->host = strdup(value_of(options, "host"));
	out->hostaddr = strdup(value_of(options, "hostaddr"));
	seconds = strtol(value_of(options, "connect_timeout"), NULL, 10);
	if (seconds > INT_MAX) /* from PGCONNECT_TIMEOUT; in nanoseconds it must fit into 64 bits */
		seconds = INT_MAX;
	out->connect_timeout = (seconds > 0 ? seconds : CONNECT_TIMEOUT_DEFAULT) * PGM__SECOND;
	ok = out->host && out->hostaddr;
	if (!ok) {
		pgm__fail_nomem(err, "prepare a connection");
		pgm__endpoint_free(out);
	}
out:
	PQconninfoFree(options);
	return ok;
}

void pgm__endpoint_free(pgm__endpoint *endpoint)
{
	free(endpoint->host);
	free(endpoint->hostaddr);
	*endpoint = (pgm__endpoint){0};
}
