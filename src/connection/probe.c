#include "connection/probe.h"

#include "base/error.h"
#include "connection/close.h"
#include "connection/connect.h"
#include "connection/endpoint.h"
#include "connection/resolve.h"
#include "connection/wait.h"

#include <arpa/inet.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANSWER_TIMEOUT (60 * PGM__SECOND) /* for SELECT 1, where the endpoint names no connect_timeout */

static void set_text(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
}
#define SET(field, text) set_text((field), sizeof(field), (text))

/* ------------------------------------------------------------------------- how it was verified */

/* From PostgreSQL 15 on libpq asks $HOME first. */
static const char *home_folder(void)
{
	const char *home = PQlibVersion() >= 150000 ? getenv("HOME") : NULL;
	const struct passwd *user;

	if (home && home[0])
		return home;
	user = getpwuid(geteuid());
	return user ? user->pw_dir : NULL;
}

/* What libpq takes as its root certificate, if there is one (manual, section 34.19.1). */
static void find_root(const char *given, char *root, size_t size)
{
	const char *home = given[0] ? NULL : home_folder();
	struct stat st;

	root[0] = '\0';
	if (given[0])
		set_text(root, size, given);
	else if (home)
		snprintf(root, size, "%s/.postgresql/root.crt", home);
	if (strcmp(root, "system") != 0 && root[0] && stat(root, &st) != 0)
		root[0] = '\0';
}

/* With a root certificate at hand libpq checks the chain whatever sslmode says; the name only if told. */
static void note_verified(const PQconninfoOption *options, pgm__probe_tls *tls)
{
	const char *given = "";

	for (; options->keyword; options++) {
		if (strcmp(options->keyword, "sslmode") == 0)
			SET(tls->sslmode, options->val);
		if (strcmp(options->keyword, "sslrootcert") == 0 && options->val)
			given = options->val;
	}
	if (!tls->in_use)
		return;
	find_root(given, tls->root, sizeof(tls->root));
	if (strcmp(tls->sslmode, "verify-full") == 0)
		tls->verified = PGM__VERIFIED_NAME;
	else if (strcmp(tls->sslmode, "verify-ca") == 0 || tls->root[0])
		tls->verified = PGM__VERIFIED_CHAIN;
}

static void note_tls(const PGconn *given, pgm__probe_tls *tls)
{
	PGconn *conn = (PGconn *)given; /* PQsslInUse and its like change nothing, but do not say so */
	PQconninfoOption *options = PQconninfo(conn);
	const char *bits;

	*tls = (pgm__probe_tls){.in_use = PQsslInUse(conn), .gss = PQgssEncInUse(conn)};
	if (tls->in_use) {
		bits = PQsslAttribute(conn, "key_bits");
		SET(tls->protocol, PQsslAttribute(conn, "protocol"));
		SET(tls->cipher, PQsslAttribute(conn, "cipher"));
		tls->bits = bits ? (int)strtol(bits, NULL, 10) : 0;
	}
	if (options)
		note_verified(options, tls);
	PQconninfoFree(options);
}

/* ------------------------------------------------------------------------------- looking on */

/* What can be seen of a connection while it is being made: it is gone once that has failed. */
static void look(const PGconn *conn, pgm__probe *out)
{
	if (!conn)
		return;
	SET(out->host, PQhost(conn));
	SET(out->address, PQhostaddr(conn));
	SET(out->port, PQport(conn));
	SET(out->database, PQdb(conn));
	SET(out->user, PQuser(conn));
	note_tls(conn, &out->tls);
}

static pgm__progress drive(pgm__connector *c, pgm__probe *out)
{
	pgm__progress progress = pgm__connector_step(c);

	while (progress == PGM__WANTS_READ || progress == PGM__WANTS_WRITE) {
		struct pollfd fd = {.fd = pgm__connector_fd(c),
				    .events = progress == PGM__WANTS_READ ? POLLIN : POLLOUT};

		look(pgm__connector_conn(c), out);
		pgm__poll(&fd, 1, pgm__connector_deadline(c));
		progress = pgm__connector_step(c);
	}
	look(pgm__connector_conn(c), out);
	return progress;
}

static bool fail(pgm__probe *out, pgm__probe_step step, const pgm_error *why)
{
	out->step[step].outcome = PGM__PROBE_FAILED;
	out->failed = step;
	out->error = *why;
	return false;
}

/* ---------------------------------------------------------------------------------- the steps */

/* Is there a name to resolve? The connector's own time for that step holds more than resolving. */
static bool has_name(const pgm__endpoint *endpoint)
{
	struct in6_addr unused;

	return !pgm__host_is_socket(endpoint->host) && endpoint->hostaddr[0] == '\0' && !strchr(endpoint->host, ':') &&
	       inet_pton(AF_INET, endpoint->host, &unused) != 1;
}

static void note_steps(const pgm__connector *c, pgm__probe *out)
{
	static const pgm__connect_step taken[] = {
		[PGM__PROBE_RESOLVE] = PGM__STEP_RESOLVE,   [PGM__PROBE_CONNECT] = PGM__STEP_CONNECT,
		[PGM__PROBE_TLS] = PGM__STEP_TLS,	    [PGM__PROBE_AUTHENTICATE] = PGM__STEP_AUTHENTICATE,
		[PGM__PROBE_SETTINGS] = PGM__STEP_SETTINGS,
	};
	pgm__connect_step at = pgm__connector_at(c);

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]) && taken[i] <= at; i++) {
		out->step[i].took = pgm__connector_spent(c, taken[i]);
		out->step[i].outcome = out->step[i].took > 0 ? PGM__PROBE_OK : PGM__PROBE_SKIPPED;
		if (taken[i] == at)
			fail(out, (pgm__probe_step)i, pgm__connector_error(c));
	}
}

/* The connector took its time for it, and found nothing to do. */
static void skip(pgm__probe *out, pgm__probe_step step)
{
	if (out->step[step].outcome == PGM__PROBE_OK)
		out->step[step].outcome = PGM__PROBE_SKIPPED;
}

static bool select_one(PGconn *conn, pgm__time timeout, pgm__probe *out)
{
	pgm__time began = pgm__clock_now();
	pgm_error err;
	PGresult *res = pgm__exec_until(conn, "SELECT 1", began + timeout, &err);
	bool ok = res && pgm_result_ok(res, &err);

	PQclear(res);
	out->step[PGM__PROBE_SELECT].took = pgm__clock_now() - began;
	out->step[PGM__PROBE_SELECT].outcome = PGM__PROBE_OK;
	return ok || fail(out, PGM__PROBE_SELECT, &err);
}

static void look_for_pooler(PGconn *conn, const pgm__settings *settings, pgm__probe *out)
{
	pgm__time began = pgm__clock_now();

	out->pooling = pgm__pooling_of(conn, settings);
	out->pooling_took = pgm__clock_now() - began;
}

static bool use(PGconn *conn, const pgm__settings *settings, pgm__time timeout, pgm__probe *out)
{
	bool ok;

	out->asked_password = PQconnectionUsedPassword(conn);
	SET(out->version, PQparameterStatus(conn, "server_version"));
	ok = select_one(conn, timeout, out);
	if (ok)
		look_for_pooler(conn, settings, out);
	pgm__conn_close(conn, ok);
	return ok;
}

bool pgm__probe_run(const pgm__settings *settings, pgm__probe *out)
{
	static const pgm_hooks no_hooks;
	pgm__connector *c = pgm__connector_new(settings, &no_hooks);
	pgm__endpoint endpoint;
	bool has_endpoint = pgm__endpoint_find(settings, &endpoint, NULL); /* the connector tells if not */

	*out = (pgm__probe){.nsettings = settings->ngucs};
	if (!c) {
		pgm__fail_nomem(&out->error, "connect");
		goto out;
	}
	if (has_endpoint) {
		out->is_socket = pgm__host_is_socket(endpoint.host) && endpoint.hostaddr[0] == '\0';
		SET(out->host, endpoint.host);
	}
	out->ok = drive(c, out) == PGM__CONNECTED;
	note_steps(c, out);
	if (has_endpoint && !has_name(&endpoint))
		skip(out, PGM__PROBE_RESOLVE);
	if (!out->tls.in_use && !out->tls.gss)
		skip(out, PGM__PROBE_TLS);
	if (out->ok)
		out->ok = use(pgm__connector_take(c), settings,
			      has_endpoint ? endpoint.connect_timeout : ANSWER_TIMEOUT, out);
out:
	if (has_endpoint)
		pgm__endpoint_free(&endpoint);
	pgm__connector_free(c);
	return out->ok;
}
