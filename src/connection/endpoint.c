#include "connection/endpoint.h"

#include "base/conninfo.h"
#include "base/error.h"
#include "config/setting.h"

#include <stdlib.h>
#include <string.h>

PGconn *pgm__libpq_start(const pgm__settings *settings, const char *keyword, const char *value)
{
	size_t n = settings->nkeywords;
	const char **keywords = calloc(n + 2, sizeof *keywords);
	const char **values = calloc(n + 2, sizeof *values);
	PGconn *conn = NULL;

	if (keywords && values) {
		for (size_t i = 0; i < n; i++) {
			keywords[i] = settings->keywords[i];
			values[i] = settings->values[i];
		}
		keywords[n] = keyword; /* of two that are the same the last one counts */
		values[n] = value;
		conn = PQconnectStartParams(keywords, values, 0);
	}
	free(values);
	free(keywords);
	return conn;
}

/*
 * The only door to libpq's merged options opens after PQconnectStart, which connects. A gssencmode that
 * does not exist makes it stop just before that, with everything merged. src/tools/server/client.c, which has no settings
 * of ours, does the same.
 */
static PQconninfoOption *merged_options(const pgm__settings *settings, pgm_error *err)
{
	PGconn *conn = pgm__libpq_start(settings, "gssencmode", "none of libpq's");
	PQconninfoOption *options = conn ? PQconninfo(conn) : NULL;

	if (!options)
		pgm__fail_nomem(err, "prepare a connection");
	PQfinish(conn);
	return options;
}

/* From the file it is a whole number already; from a service file or PGCONNECT_TIMEOUT it may be anything. What is
 * too large is as much as there is room for. */
static bool read_timeout(const char *text, const pgm__settings *settings, pgm__time *out, pgm_error *err)
{
	const char *digits = text + (text[0] == '-');
	int64_t seconds = strtoll(text, NULL, 10);

	if (digits[strspn(digits, "0123456789")] != '\0')
		return pgm__fail(
			err, PGM_ERR_CONFIG,
			"%s: connect_timeout is \"%.64s\" (from a service file or the environment), expected seconds",
			settings->origin, text);
	if (seconds > INT32_MAX)
		seconds = INT32_MAX;
	*out = (seconds > 0 ? seconds : PGM__CONNECT_TIMEOUT_DEFAULT) * PGM__SECOND;
	return true;
}

bool pgm__endpoint_find(const pgm__settings *settings, pgm__endpoint *out, pgm_error *err)
{
	PQconninfoOption *options = merged_options(settings, err);
	bool ok = false;

	*out = (pgm__endpoint){0};
	if (!options)
		return false;
	if (!pgm__conninfo_check_single(options, settings->origin, err) ||
	    !read_timeout(pgm__conninfo_value(options, "connect_timeout"), settings, &out->connect_timeout, err))
		goto out;
	out->host = strdup(pgm__conninfo_value(options, "host"));
	out->hostaddr = strdup(pgm__conninfo_value(options, "hostaddr"));
	out->port = strdup(pgm__conninfo_value(options, "port"));
	ok = out->host && out->hostaddr && out->port;
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
	free(endpoint->port);
	*endpoint = (pgm__endpoint){0};
}
