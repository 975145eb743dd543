/*
 * Which rule decides: what is predicted from the rules that the server shows is what the server's log names. Rules and
 * clients are made by chance; PGM_TEST_SEED repeats a run, PGM_TEST_FILES makes a longer one.
 *
 * Every client has a wrong password, so that each attempt ends in the log with the rule that it matched.
 */
#include "base/strbuf.h"
#include "rules.h"
#include "support/proxy.h"
#include "tools/server/ask.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pgmonkey/server.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CLIENTS_PER_FILE 2

static cluster *server;
static pgm__audit_session session; /* a superuser's, who sees the rules; opened before there are any */
static pgm__arena arena;
static unsigned long long seed;

/* ---------------------------------------------------------------------------------------- chance */

static unsigned chance(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 20) % n;
}

#define PICK(list) ((list)[chance(COUNT(list))])

static const char *const types[] = {"local",   "local",	    "host",	    "host",	 "host",
				    "hostssl", "hostnossl", "hostnogssenc", "hostgssenc"};
static const char *const databases[] = {"all",	    "all", "sameuser", "samerole", "samegroup", "db1",	      "db1",
					"\"db 3\"", "db2", "app",      "grp_b",	   "nosuch",	"replication"};
static const char *const users[] = {"all",    "all",	"app",	  "bob",     "\"Bob\"", "plain", "sup",
				    "+grp_a", "+grp_b", "nosuch", "+nosuch", "+db1",	"+sup"};
static const char *const addresses[] = {"all",
					"all",
					"127.0.0.1/32",
					"127.0.0.2/31",
					"127.0.0.7/8",
					"127.0.0.0/30",
					"10.0.0.0/8",
					"0.0.0.0/0",
					"::1/128",
					"::/0",
					"fd00::/8",
					"samehost",
					"127.0.0.9 255.0.0.255",
					"samenet",
					"127.0.0.2 255.255.255.254"};
static const char *const methods[] = {"scram-sha-256", "md5", "md5", "password", "reject"};

static void add_list(pgm__strbuf *file, const char *const *from, size_t count)
{
	for (unsigned n = 1 + chance(3); n > 0; n--)
		pgm__strbuf_printf(file, "%s%s", chance(3) ? from[chance((unsigned)count)] : "all", n > 1 ? "," : " ");
}

/* Owner: free(3). */
static char *make_rules(void)
{
	pgm__strbuf file = {0};

	pgm__strbuf_puts(&file, "# made by chance\n");
	for (unsigned n = 2 + chance(12); n > 0; n--) {
		const char *type = PICK(types);

		pgm__strbuf_printf(&file, "%s ", type);
		add_list(&file, databases, COUNT(databases));
		add_list(&file, users, COUNT(users));
		if (strcmp(type, "local") != 0)
			pgm__strbuf_printf(&file, "%s ", PICK(addresses));
		pgm__strbuf_printf(&file, "%s%s", PICK(methods), n % 3 ? "\n" : " # a comment\n\n");
	}
	return pgm__strbuf_take(&file);
}

/* --------------------------------------------------------------------------------------- clients */

static struct source {
	const char *address; /* NULL: the socket */
	proxy *proxy;	     /* NULL: not to be had here */
} sources[] = {{NULL, NULL},	    {"127.0.0.1", NULL}, {"127.0.0.2", NULL}, {"127.0.0.3", NULL},
	       {"127.0.0.9", NULL}, {"127.8.9.9", NULL}, {"::1", NULL}};

static const char *const modes[] = {"disable", "require", "prefer", "allow"};
static const char *const client_users[] = {"app", "bob", "Bob", "plain", "sup"};
static const char *const client_databases[] = {"db1", "db2", "db 3", "app", "grp_b"};

typedef struct client {
	pgm_hba_client hba;
	const struct source *source;
} client;

static client make_client(void)
{
	const struct source *source;

	do
		source = &PICK(sources);
	while (source->address && !source->proxy);
	return (client){{.address = source->address,
			 .sslmode = PICK(modes),
			 .user = PICK(client_users),
			 .database = PICK(client_databases)},
			source};
}

static void connect_in_vain(const client *c)
{
	char port[16];
	const char *const keywords[] = {"host",	   "port",	 "user",    "dbname", "password",
					"sslmode", "gssencmode", "sslcert", NULL};
	const char *const values[] = {c->hba.address ? "127.0.0.1" : pgtest_server_now()->socketdir,
				      c->hba.address ? port : pgtest_server_now()->port,
				      c->hba.user,
				      c->hba.database,
				      "wrong",
				      c->hba.sslmode,
				      "disable",
				      "/nowhere",
				      NULL};
	PGconn *conn;

	if (c->source->proxy)
		snprintf(port, sizeof(port), "%d", proxy_port(c->source->proxy));
	conn = PQconnectdbParams(keywords, values, 0);
	assert_int_equal(PQstatus(conn), CONNECTION_BAD);
	PQfinish(conn);
}

/* ------------------------------------------------------------------------------------- prediction */

static pgm_hba_interface interfaces[64];
static size_t ninterfaces;
static char interface_texts[2 * COUNT(interfaces)][INET6_ADDRSTRLEN];

static const char *text_of(const struct sockaddr *sa, char *out)
{
	const void *bytes = sa->sa_family == AF_INET
				    ? (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr
				    : (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;

	return inet_ntop(sa->sa_family, bytes, out, INET6_ADDRSTRLEN);
}

/* As the server, which runs here, sees them. */
static void list_interfaces(void)
{
	struct ifaddrs *all;

	assert_int_equal(getifaddrs(&all), 0);
	for (struct ifaddrs *i = all; i && ninterfaces < COUNT(interfaces); i = i->ifa_next) {
		if (!i->ifa_addr || !i->ifa_netmask ||
		    (i->ifa_addr->sa_family != AF_INET && i->ifa_addr->sa_family != AF_INET6))
			continue;
		interfaces[ninterfaces].address = text_of(i->ifa_addr, interface_texts[2 * ninterfaces]);
		interfaces[ninterfaces].netmask = text_of(i->ifa_netmask, interface_texts[2 * ninterfaces + 1]);
		ninterfaces++;
	}
	freeifaddrs(all);
}

static pgm_hba_facts facts_for(const pgm__seen *seen, const char *user)
{
	static const char *const of_app[] = {"app", "grp_a", "grp_b", "db1"};
	pgm_hba_facts facts = seen->facts;

	facts.roles = strcmp(user, "app") == 0 ? (pgm_hba_tokens){of_app, COUNT(of_app)} : (pgm_hba_tokens){0};
	facts.all_roles = true;
	facts.interfaces = interfaces;
	facts.ninterfaces = ninterfaces;
	facts.all_interfaces = facts.all_names = true;
	facts.up = false;
	return facts;
}

/* ------------------------------------------------------------------------------------- comparison */

/* The next outcome in the log: a line number, 0 for none, -1 for reject, -2 at the end. */
static int next_outcome(const char **at)
{
	static const char matched[] = "Connection matched ", none[] = "no pg_hba.conf entry",
			  rejects[] = "pg_hba.conf rejects connection";
	const char *m = strstr(*at, matched), *n = strstr(*at, none), *r = strstr(*at, rejects);

	if (m && (!n || m < n) && (!r || m < r)) {
		const char *line = strstr(m, " line ");

		*at = m + strlen(matched);
		return line ? atoi(line + strlen(" line ")) : -2;
	}
	if (n && (!r || n < r)) {
		*at = n + strlen(none);
		return 0;
	}
	if (r)
		*at = r + strlen(rejects);
	return r ? -1 : -2;
}

static int predicted(const pgm__seen *seen, const pgm_hba_attempt *attempt)
{
	switch (attempt->outcome) {
	case PGM_HBA_ADMITTED:
		return seen->rules[attempt->row].line;
	case PGM_HBA_REJECTED:
		return -1;
	default:
		return 0;
	}
}

typedef struct score {
	int attempts, admitted, refused;
} score;

static void compare(const pgm__seen *seen, const client *c, const pgm_hba_verdict *verdict, const char *file,
		    const char *log, score *s)
{
	const char *at = log;

	for (size_t i = 0; i < verdict->nattempts; i++) {
		int wanted = predicted(seen, &verdict->attempts[i]), found = next_outcome(&at);

		assert_int_not_equal(verdict->attempts[i].outcome, PGM_HBA_UNDECIDED);
		if (found != wanted)
			fail_msg("predicted %d, but the log says %d (attempt %zu) for %s as %s to %s, "
				 "sslmode=%s:\n%s\n%s",
				 wanted, found, i + 1, c->hba.address ? c->hba.address : "the socket", c->hba.user,
				 c->hba.database, c->hba.sslmode, file, log);
		s->attempts++;
		s->admitted += found > 0;
		s->refused += found <= 0;
	}
}

static void try_client(const pgm__seen *seen, const char *file, score *s)
{
	const client c = make_client();
	const pgm_hba_facts facts = facts_for(seen, c.hba.user);
	pgm_hba_verdict verdict;
	pgm_error err;
	long before = log_end();
	char *log;

	connect_in_vain(&c);
	log = log_since(before);
	assert_true(pgm_hba_match(seen->rules, seen->nrules, &c.hba, &facts, &verdict, &err));
	compare(seen, &c, &verdict, file, log, s);
	pgm_hba_verdict_clear(&verdict);
	free(log);
}

static void try_file(score *s)
{
	char *file = make_rules();
	pgm__seen seen = {
		.version = PQserverVersion(session.conn), .user = "", .database = "", .client_address = "::1"};
	pgm__live_setting ssl = {.name = "ssl", .setting = "on"};

	seen.settings = &ssl;
	seen.nsettings = 1;
	use_rules(file);
	pgm__ask_rules(&session, &seen, &arena);
	assert_true(seen.has_rules);
	for (int i = 0; i < CLIENTS_PER_FILE; i++)
		try_client(&seen, file, s);
	pgm__arena_free(&arena);
	free(file);
}

static void the_predicted_rule_is_the_one_that_the_log_names(void **state)
{
	const char *given = getenv("PGM_TEST_FILES");
	int files = given ? atoi(given) : getenv("PGM_TEST_SLOW") ? 40 : 210;
	score s = {0};

	(void)state;
	print_message("# seed %llu\n", seed);
	for (int i = 0; i < files; i++)
		try_file(&s);
	print_message("# %d files, %d attempts: %d matched a rule, %d were refused\n", files, s.attempts, s.admitted,
		      s.refused);
	/* It is chance that makes them, but not chance that there are some of each. */
	assert_true(s.admitted > files / 4);
	assert_true(s.refused > files / 4);
	assert_true(s.attempts >= files * CLIENTS_PER_FILE);
}

/* ------------------------------------------------------------------------------------------ set-up */

/* With SCRAM every one of the logins would cost thousands of hashes. */
static void make_roles(void)
{
	static const char *const sql[] = {
		"SET password_encryption = 'md5'",
		"CREATE ROLE grp_b",
		"CREATE ROLE grp_a IN ROLE grp_b",
		"CREATE ROLE db1",
		"CREATE ROLE app LOGIN PASSWORD 'right' IN ROLE grp_a, db1",
		"CREATE ROLE bob LOGIN PASSWORD 'right'",
		"CREATE ROLE \"Bob\" LOGIN PASSWORD 'right'",
		"CREATE ROLE plain LOGIN PASSWORD 'right'",
		"CREATE ROLE sup LOGIN SUPERUSER PASSWORD 'right'",
	};

	for (size_t i = 0; i < COUNT(sql); i++)
		pgtest_exec("%s", sql[i]);
}

static bool listens_on_six(void)
{
	return strstr(pgtest_query("SHOW listen_addresses"), "::1") != NULL;
}

static int start_server(void **state)
{
	const char *given = getenv("PGM_TEST_SEED");
	const pgtest_server *s;
	pgm_config *config;
	pgm_error err;

	(void)state;
	seed = given ? strtoull(given, NULL, 10) : (unsigned long long)pgtest_now_ms() * 2654435761u + 1;
	server = cluster_start(NULL, NULL);
	pgtest_use(cluster_server(server));
	s = pgtest_server_now();
	cluster_tls(server, "good");
	make_roles();
	list_interfaces();
	for (size_t i = 0; i < COUNT(sources); i++)
		if (sources[i].address && (!strchr(sources[i].address, ':') || listens_on_six()))
			sources[i].proxy = proxy_start_from(sources[i].address);
	config = pgtest_config("host='%s' user=%s password=%s dbname=postgres", s->socketdir, s->superuser,
			       s->superuser_password);
	if (!pgm__audit_open(&session, config, "", &err))
		pgtest_die("%s", err.message);
	pgm_config_free(config);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	pgm__audit_close(&session);
	for (size_t i = 0; i < COUNT(sources); i++)
		if (sources[i].proxy)
			proxy_stop(sources[i].proxy);
	cluster_stop(server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_predicted_rule_is_the_one_that_the_log_names),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
