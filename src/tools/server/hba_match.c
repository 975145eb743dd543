/* The first rule that fits decides (check_hba in the server's hba.c). Pure. */
#include "base/error.h"
#include "pgmonkey/server.h"
#include "tools/server/address.h"
#include "tools/server/hba_token.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One connection as the rules see it. */
typedef struct question {
	const pgm_hba_client *client;
	const pgm_hba_facts *facts;
	pgm_hba_transport transport;
	pgm__address address; /* unless over a socket */
	bool in_quotes;	      /* tokens that look like keywords are taken for the names that they would be in quotes */
} question;

/* ------------------------------------------------------------------------------------ answers */

static pgm_hba_answer yes_if(bool condition)
{
	return condition ? PGM_HBA_YES : PGM_HBA_NO;
}

static pgm_hba_answer both(pgm_hba_answer a, pgm_hba_answer b)
{
	if (a == PGM_HBA_NO || b == PGM_HBA_NO)
		return PGM_HBA_NO;
	return a == PGM_HBA_YES ? b : a;
}

static pgm_hba_answer either(pgm_hba_answer a, pgm_hba_answer b)
{
	if (a == PGM_HBA_YES || b == PGM_HBA_YES)
		return PGM_HBA_YES;
	return a == PGM_HBA_NO ? b : a;
}

static bool holds(pgm_hba_tokens tokens, const char *name)
{
	for (size_t i = 0; i < tokens.count; i++)
		if (strcmp(tokens.list[i], name) == 0)
			return true;
	return false;
}

/* --------------------------------------------------------------------------- database and user */

static pgm_hba_answer is_member(const question *q, const char *role)
{
	if (strcmp(role, q->client->user) == 0 || holds(q->facts->roles, role))
		return PGM_HBA_YES;
	return q->facts->all_roles ? PGM_HBA_NO : PGM_HBA_UNKNOWN;
}

static pgm_hba_answer matches_regex(const question *q, const char *pattern, const char *text)
{
	for (size_t i = 0; i < q->facts->nregexes; i++) {
		const pgm_hba_regex *known = &q->facts->regexes[i];

		if (strcmp(known->pattern, pattern) == 0 && strcmp(known->text, text) == 0)
			return yes_if(known->matches);
	}
	return PGM_HBA_UNKNOWN;
}

/* The view does not tell a keyword from a name in quotes. */
static bool is_in_quotes(const question *q, pgm_hba_tokens odd, const char *token)
{
	return q->in_quotes && holds(odd, token);
}

/* An expression or a plain name. */
static pgm_hba_answer matches_name(const question *q, const char *token, const char *name)
{
	if (pgm__hba_is_regex(token, q->facts->server_version))
		return matches_regex(q, token, name);
	return yes_if(strcmp(token, name) == 0);
}

static pgm_hba_answer matches_database(const question *q, const char *token)
{
	const pgm_hba_client *client = q->client;
	bool plain = !is_in_quotes(q, q->facts->odd_databases, token);

	if (client->replication)
		return yes_if(plain && strcmp(token, "replication") == 0);
	if (!plain)
		return matches_name(q, token, client->database);
	if (strcmp(token, "all") == 0)
		return PGM_HBA_YES;
	if (strcmp(token, "sameuser") == 0)
		return yes_if(strcmp(client->database, client->user) == 0);
	if (strcmp(token, "samerole") == 0 || strcmp(token, "samegroup") == 0)
		return is_member(q, client->database);
	if (strcmp(token, "replication") == 0)
		return PGM_HBA_NO;
	return matches_name(q, token, client->database);
}

static pgm_hba_answer matches_user(const question *q, const char *token)
{
	bool plain = !is_in_quotes(q, q->facts->odd_users, token);

	if (plain && token[0] == '+')
		return is_member(q, token + 1);
	if (plain && strcmp(token, "all") == 0)
		return PGM_HBA_YES;
	return matches_name(q, token, q->client->user);
}

static pgm_hba_answer matches_any(const question *q, pgm_hba_tokens tokens,
				  pgm_hba_answer (*matches)(const question *, const char *))
{
	pgm_hba_answer answer = PGM_HBA_NO;

	for (size_t i = 0; i < tokens.count; i++)
		answer = either(answer, matches(q, tokens.list[i]));
	return answer;
}

/* ------------------------------------------------------------------------------------- address */

static pgm_hba_answer in_range(const question *q, const char *address, const char *netmask)
{
	pgm__address base, mask;

	if (!pgm__address_parse(address, &base) || !pgm__address_parse(netmask, &mask))
		return PGM_HBA_UNKNOWN;
	return yes_if(pgm__address_matches(&q->address, &base, &mask));
}

static pgm_hba_answer is_own(const question *q, bool net)
{
	for (size_t i = 0; i < q->facts->ninterfaces; i++) {
		const pgm_hba_interface *interface = &q->facts->interfaces[i];
		pgm__address own, mask;

		if (!pgm__address_parse(interface->address, &own))
			continue;
		if (pgm__address_equal(&q->address, &own))
			return PGM_HBA_YES;
		if (net && interface->netmask && pgm__address_parse(interface->netmask, &mask) &&
		    pgm__address_matches(&q->address, &own, &mask))
			return PGM_HBA_YES;
	}
	return q->facts->all_interfaces ? PGM_HBA_NO : PGM_HBA_UNKNOWN;
}

/* A name that begins with a dot stands for all that end so. */
static bool is_host_name(const char *pattern, const char *name)
{
	size_t pattern_len = strlen(pattern), len = strlen(name);

	if (pattern[0] != '.')
		return strcasecmp(pattern, name) == 0;
	return len > pattern_len && strcasecmp(name + len - pattern_len, pattern) == 0;
}

static pgm_hba_answer has_name(const question *q, const char *pattern)
{
	for (size_t i = 0; i < q->facts->nnames; i++) {
		pgm__address address;

		if (pgm__address_parse(q->facts->names[i].address, &address) &&
		    pgm__address_equal(&q->address, &address) && is_host_name(pattern, q->facts->names[i].name))
			return PGM_HBA_YES;
	}
	return q->facts->all_names ? PGM_HBA_NO : PGM_HBA_UNKNOWN;
}

static pgm_hba_answer matches_address(const question *q, const pgm_hba_row *row)
{
	if (!row->address || strcmp(row->address, "all") == 0)
		return PGM_HBA_YES;
	if (strcmp(row->address, "samehost") == 0 || strcmp(row->address, "samenet") == 0)
		return is_own(q, strcmp(row->address, "samenet") == 0);
	if (row->netmask)
		return in_range(q, row->address, row->netmask);
	return has_name(q, row->address);
}

/* ---------------------------------------------------------------------------------------- a row */

static bool has_type(const question *q, const char *type)
{
	static const struct {
		const char *type;
		bool fits[4]; /* by transport */
	} types[] = {
		{"local", {[PGM_HBA_SOCKET] = true}},
		{"host", {[PGM_HBA_PLAIN] = true, [PGM_HBA_TLS] = true, [PGM_HBA_GSS] = true}},
		{"hostssl", {[PGM_HBA_TLS] = true}},
		{"hostnossl", {[PGM_HBA_PLAIN] = true, [PGM_HBA_GSS] = true}},
		{"hostgssenc", {[PGM_HBA_GSS] = true}},
		{"hostnogssenc", {[PGM_HBA_PLAIN] = true, [PGM_HBA_TLS] = true}},
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strcmp(types[i].type, type) == 0)
			return types[i].fits[q->transport];
	return false;
}

static pgm_hba_answer matches_row(question *q, const pgm_hba_row *row, bool in_quotes)
{
	pgm_hba_answer answer;

	q->in_quotes = in_quotes;
	answer = matches_any(q, row->databases, matches_database);
	if (answer != PGM_HBA_NO)
		answer = both(answer, matches_any(q, row->users, matches_user));
	if (answer != PGM_HBA_NO && q->transport != PGM_HBA_SOCKET)
		answer = both(answer, matches_address(q, row));
	return answer;
}

static bool rejects(const pgm_hba_row *row)
{
	return row->method && strcmp(row->method, "reject") == 0;
}

/* ---------------------------------------------------------------------------------- an attempt */

static void scan(question *q, const pgm_hba_row *rows, size_t nrows, bool in_quotes, pgm_hba_attempt *attempt)
{
	attempt->row = -1;
	for (size_t i = 0; i < nrows && attempt->row < 0; i++) {
		pgm_hba_answer answer;

		if (!rows[i].type || !has_type(q, rows[i].type))
			continue;
		answer = matches_row(q, &rows[i], in_quotes);
		if (answer != matches_row(q, &rows[i], !in_quotes))
			attempt->hangs_on_quotes = true;
		if (answer == PGM_HBA_YES)
			attempt->row = (int)i;
		else if (answer == PGM_HBA_UNKNOWN)
			attempt->possible[attempt->npossible++] = (int)i;
	}
	if (attempt->npossible > 0)
		attempt->outcome = PGM_HBA_UNDECIDED;
	else if (attempt->row < 0)
		attempt->outcome = PGM_HBA_NO_ENTRY;
	else
		attempt->outcome = rejects(&rows[attempt->row]) ? PGM_HBA_REJECTED : PGM_HBA_ADMITTED;
}

/* Methods by which a password is sent, or is not; those that are not here may do either. */
static bool fits_password(const char *method, pgm_hba_answer used_password)
{
	static const char *const with[] = {"scram-sha-256", "md5", "password", "ldap", "radius", "bsd"};
	static const char *const without[] = {"trust", "peer", "ident", "cert", "gss", "sspi", "oauth"};

	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		if (strcmp(method, with[i]) == 0)
			return used_password != PGM_HBA_NO;
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		if (strcmp(method, without[i]) == 0)
			return used_password != PGM_HBA_YES;
	return true;
}

static bool could_have_let_in(const pgm_hba_row *row, const pgm_hba_facts *facts)
{
	if (rejects(row) || !row->method)
		return false;
	if (facts->method)
		return strcmp(row->method, facts->method) == 0;
	return fits_password(row->method, facts->used_password);
}

/* The connection is up: of all that may have decided, what is left. */
static void exclude(const pgm_hba_facts *facts, const pgm_hba_row *rows, pgm_hba_attempt *attempt)
{
	size_t left = 0;
	bool row_left = attempt->row >= 0 && could_have_let_in(&rows[attempt->row], facts);

	for (size_t i = 0; i < attempt->npossible; i++)
		if (could_have_let_in(&rows[attempt->possible[i]], facts))
			attempt->possible[left++] = attempt->possible[i];
	attempt->npossible = left;
	if (left + row_left == 0) {
		attempt->outcome = PGM_HBA_CONTRADICTED;
	} else if (left + row_left > 1) {
		attempt->outcome = PGM_HBA_UNDECIDED;
		attempt->row = row_left ? attempt->row : -1;
	} else {
		attempt->outcome = PGM_HBA_ADMITTED;
		attempt->row = row_left ? attempt->row : attempt->possible[0];
		attempt->npossible = 0;
	}
}

/* What one reading of the rules cannot explain the other may. */
static void look_at_live(question *q, const pgm_hba_row *rows, size_t nrows, pgm_hba_attempt *attempt)
{
	exclude(q->facts, rows, attempt);
	if (attempt->outcome != PGM_HBA_CONTRADICTED || !attempt->hangs_on_quotes)
		return;
	attempt->npossible = 0;
	scan(q, rows, nrows, true, attempt);
	exclude(q->facts, rows, attempt);
}

/* -------------------------------------------------------------------------------------- attempts */

/* What libpq does, in its order: after any refusal of the first it makes the second. */
static size_t list_attempts(const pgm_hba_client *client, const pgm_hba_facts *facts, pgm_hba_transport out[2])
{
	const char *sslmode = client->sslmode && client->sslmode[0] ? client->sslmode : "prefer";
	bool allow = strcmp(sslmode, "allow") == 0, prefer = strcmp(sslmode, "prefer") == 0;
	bool plain = allow || prefer || strcmp(sslmode, "disable") == 0;
	bool tls = strcmp(sslmode, "disable") != 0 && facts->ssl != PGM_HBA_NO;
	size_t n = 0;

	if (!client->address) {
		out[0] = PGM_HBA_SOCKET;
		return 1;
	}
	if (tls && !allow)
		out[n++] = PGM_HBA_TLS;
	if (plain)
		out[n++] = PGM_HBA_PLAIN;
	if (tls && allow)
		out[n++] = PGM_HBA_TLS;
	return n;
}

/* A connection that is up was made by the last of them. */
static size_t end_with_live(pgm_hba_transport live, pgm_hba_transport out[2], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (out[i] == live)
			return i + 1;
	out[0] = live;
	return 1;
}

static bool make_attempt(const pgm_hba_row *rows, size_t nrows, question *q, pgm_hba_attempt *attempt)
{
	attempt->transport = q->transport;
	attempt->possible = calloc(nrows + 1, sizeof(*attempt->possible));
	if (attempt->possible)
		scan(q, rows, nrows, false, attempt);
	return attempt->possible != NULL;
}

static bool make_attempts(const pgm_hba_row *rows, size_t nrows, question *q, pgm_hba_verdict *verdict)
{
	pgm_hba_transport transports[2];
	size_t n = list_attempts(q->client, q->facts, transports);
	bool decided = false;

	if (q->facts->up)
		n = end_with_live(q->facts->transport, transports, n);
	verdict->outcome = PGM_HBA_NO_TLS;
	for (size_t i = 0; i < n && !decided; i++) {
		pgm_hba_attempt *attempt = &verdict->attempts[verdict->nattempts++];
		bool last = i + 1 == n;

		q->transport = transports[i];
		if (!make_attempt(rows, nrows, q, attempt))
			return false;
		if (q->facts->up && last)
			look_at_live(q, rows, nrows, attempt);
		decided = attempt->outcome == PGM_HBA_ADMITTED && !q->facts->up;
		if (verdict->outcome != PGM_HBA_UNDECIDED || q->facts->up)
			verdict->outcome = attempt->outcome;
		verdict->row = attempt->row;
	}
	return true;
}

bool pgm_hba_match(const pgm_hba_row *rows, size_t nrows, const pgm_hba_client *client, const pgm_hba_facts *facts,
		   pgm_hba_verdict *verdict, pgm_error *err)
{
	question q = {.client = client, .facts = facts};

	pgm__error_clear(err);
	*verdict = (pgm_hba_verdict){.row = -1, .unread = -1};
	if (client->address && !pgm__address_parse(client->address, &q.address))
		return pgm__fail(err, PGM_ERR_MISUSE, "deciding which rule fits: \"%s\" is no numeric address",
				 client->address);
	for (size_t i = 0; i < nrows && verdict->unread < 0; i++)
		if (!rows[i].type)
			verdict->unread = (int)i;
	if (!make_attempts(rows, nrows, &q, verdict))
		return pgm__fail_nomem(err, "deciding which rule fits");
	verdict->downgraded = verdict->nattempts == 2 && verdict->outcome == PGM_HBA_ADMITTED &&
			      verdict->attempts[1].transport == PGM_HBA_PLAIN;
	return true;
}

void pgm_hba_verdict_clear(pgm_hba_verdict *verdict)
{
	for (size_t i = 0; i < verdict->nattempts; i++)
		free(verdict->attempts[i].possible);
	*verdict = (pgm_hba_verdict){.row = -1, .unread = -1};
}
