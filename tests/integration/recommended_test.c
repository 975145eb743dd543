/* What is recommended works: with the recommended lines alone in its files, a server lets in the client that they are
 * for, and nobody else. */
#include "rules.h"

#include <pgmonkey/server.h>

static cluster *server;
static int version;
static const char *conf_before; /* the cluster's own: addresses, port, sockets */

/* ----------------------------------------------------------------------------------------- files */

static const char *conf_file(void)
{
	return pgtest_format("%s/pgm.conf", pgtest_server_now()->datadir);
}

static const char *content_of(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, 16384);

	if (!file || !text || fread(text, 1, 16383, file) == 0)
		pgtest_die("cannot read %s", path);
	fclose(file);
	return pgtest_keep(text);
}

static const char *lines_of(const pgm_server_advice *advice, pgm_server_file file, pgm_server_kind kind)
{
	const char *text = "";

	for (size_t i = 0; i < advice->nlines; i++)
		if (advice->lines[i].file == file && advice->lines[i].kind == kind)
			text = pgtest_format("%s%s # %s\n", text, advice->lines[i].text,
					     advice->lines[i].remark ? advice->lines[i].remark : "");
	return text;
}

/* Owner: pgm_server_advice_free. */
static pgm_server_advice *advise(const pgm_config *config)
{
	pgm_error err;
	pgm_server_client *client = pgm_server_client_new(config, &err);
	pgm_server_advice *advice;

	assert_non_null(client);
	client->server_version = version;
	client->superuser_reserved = 3;
	advice = pgm_server_recommend(client, &err);
	if (!advice)
		pgtest_die("%s", err.message);
	pgm_server_client_free(client);
	return advice;
}

/* The server starts anew with these files, unless it has them. */
static void have_files(const char *hba, const char *conf)
{
	const char *whole = pgtest_format("%s%s", conf_before, conf);

	if (strcmp(content_of(hba_file()), hba) == 0 && strcmp(content_of(conf_file()), whole) == 0)
		return;
	rewrite(hba_file(), hba);
	rewrite(conf_file(), whole);
	cluster_restart(server, "fast");
}

/* Only what is required. */
static void follow(const char *settings)
{
	pgm_config *config = pgtest_config("%s", settings);
	pgm_server_advice *advice = advise(config);

	have_files(lines_of(advice, PGM_SERVER_HBA_CONF, PGM_SERVER_REQUIRED),
		   lines_of(advice, PGM_SERVER_POSTGRESQL_CONF, PGM_SERVER_REQUIRED));
	pgm_server_advice_free(advice);
	pgm_config_free(config);
}

/* In the place of the rules those that are shown as a choice, and all that is advisable. */
static void follow_choice(const char *settings)
{
	pgm_config *config = pgtest_config("%s", settings);
	pgm_server_advice *advice = advise(config);

	have_files(lines_of(advice, PGM_SERVER_HBA_CONF, PGM_SERVER_ADVISABLE),
		   pgtest_format("%s%s", lines_of(advice, PGM_SERVER_POSTGRESQL_CONF, PGM_SERVER_REQUIRED),
				 lines_of(advice, PGM_SERVER_POSTGRESQL_CONF, PGM_SERVER_ADVISABLE)));
	pgm_server_advice_free(advice);
	pgm_config_free(config);
}

/* --------------------------------------------------------------------------------------- clients */

static void connects(const char *settings, bool encrypted)
{
	pgm_db *db = must_open("%s", settings);
	PGconn *conn = must_acquire(db);

	assert_true(works(conn));
	assert_int_equal(PQsslInUse(conn), encrypted);
	pgm_release(conn);
	pgm_close(db);
}

static void is_refused(const char *settings)
{
	pgm_error err = open_error(pgtest_config("%s", settings), NULL);

	assert_string_equal(err.sqlstate, "28000");
	assert_contains(err.message, "no pg_hba.conf entry");
}

static const char *certificate(void)
{
	return pgtest_format("sslcert='%s' sslkey='%s'", cluster_certificate("client.crt"),
			     cluster_certificate("client.key"));
}

static const char *verifying(void)
{
	return pgtest_format("sslrootcert='%s'", cluster_certificate("ca.crt"));
}

static void works_for(const char *settings, bool encrypted)
{
	follow(settings);
	connects(settings, encrypted);
	is_refused(pgtest_format("%s user=nobody password=x", settings));
	is_refused(pgtest_format("%s dbname=postgres", settings));
}

/* --------------------------------------------------------------------------------------- the tests */

/* With sslmode=allow plain comes first; with prefer there is no TLS where the server was told of none. */
static const struct {
	const char *sslmode;
	bool encrypted;
} modes[] = {{"disable", false}, {"allow", false},    {"prefer", false},
	     {"require", true},	 {"verify-ca", true}, {"verify-full", true}};

#define NMODES (sizeof(modes) / sizeof(modes[0]))

static void it_works_with_a_password_in_every_sslmode(void **state)
{
	(void)state;
	for (size_t i = 0; i < NMODES; i++)
		works_for(pgtest_format("host=%s sslmode=%s %s", i % 2 ? "localhost" : "127.0.0.1", modes[i].sslmode,
					verifying()),
			  modes[i].encrypted);
}

static void it_works_with_a_certificate_alone_in_every_sslmode_that_shows_it(void **state)
{
	(void)state;
	for (size_t i = 1; i < NMODES; i++)
		works_for(pgtest_format("!password host=localhost sslmode=%s %s %s", modes[i].sslmode, verifying(),
					certificate()),
			  true);
}

static void it_works_with_a_password_and_a_certificate_in_every_sslmode(void **state)
{
	(void)state;
	for (size_t i = 0; i < NMODES; i++)
		works_for(
			pgtest_format("host=localhost sslmode=%s %s %s", modes[i].sslmode, verifying(), certificate()),
			modes[i].encrypted);
}

static void the_choice_asks_for_the_certificate_as_well(void **state)
{
	const char *without = pgtest_format("host=localhost sslmode=verify-full %s", verifying()),
		   *with = pgtest_format("%s %s", without, certificate());
	pgm_error err;

	(void)state;
	follow_choice(with);
	connects(with, true);
	err = open_error(pgtest_config("%s sslcert=/nowhere", without), NULL);
	assert_contains(err.message, "certificate");
	is_refused(pgtest_format("%s user=nobody password=x", with));
}

static void it_works_over_the_socket_in_every_sslmode(void **state)
{
	const char *socket = pgtest_format("host='%s'", pgtest_server_now()->socketdir);

	(void)state;
	for (size_t i = 0; i < NMODES; i++) {
		works_for(pgtest_format("%s sslmode=%s", socket, modes[i].sslmode), false);
		works_for(pgtest_format("%s sslmode=%s %s", socket, modes[i].sslmode, certificate()), false);
	}
}

static void it_holds_as_many_connections_as_the_pool_wants(void **state)
{
	static const char settings[] = "type=pool pool.min_size=7 pool.max_size=7";
	pgm_error err;
	pgm_db *db;

	(void)state;
	follow(settings);
	db = must_open(settings);
	if (!pgm_wait_ready(db, slow(10000), &err))
		fail_msg("%s", err.message);
	pgm_close(db);
}

/* Each of these, written carelessly, would let in others, or nobody. */
static const char *const names[] = {
	"all",	     "sameuser", "replication",
	"/d.b",	     "a b",	 "samerole",
	"samegroup", "+pgm",	 "a\"b",
	"\"",	     "a,b",	 ",",
	"a#b",	     "#",	 "/x.y",
	"/xzy",	     "/a(b)",	 "/a\\",
	"@f",	     "it's",	 "q\\",
	"-x",	     ".x",	 "a\tb",
	"m\303\274", "UPPER",	 "abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz 012345678",
};

#define NNAMES (sizeof(names) / sizeof(names[0]))
#define NDATABASES 5 /* that many of them are names of databases, too */

static void make_roles_and_databases(void)
{
	for (size_t i = 0; i < NNAMES; i++) {
		char *quoted = PQescapeIdentifier(pgtest_admin(), names[i], strlen(names[i]));

		pgtest_exec("CREATE ROLE %s LOGIN PASSWORD 'walrus'", quoted);
		if (i < NDATABASES)
			pgtest_exec("CREATE DATABASE %s", quoted);
		PQfreemem(quoted);
	}
}

static pgm_config *config_of_name(size_t i)
{
	pgm_config *config = pgtest_config("password=walrus");
	pgm_error err;

	assert_true(pgm_config_set(config, "connection_settings", "user", names[i], &err));
	assert_true(
		pgm_config_set(config, "connection_settings", "dbname", i < NDATABASES ? names[i] : "postgres", &err));
	return config;
}

/* Two lines for each, of which the first is for 127.0.0.1. */
static void each_name_is_let_in_by_its_own_line(void **state)
{
	const char *rules = "";
	long before;

	(void)state;
	for (size_t i = 0; i < NNAMES; i++) {
		pgm_config *config = config_of_name(i);
		pgm_server_advice *advice = advise(config);

		rules = pgtest_format("%s%s", rules, lines_of(advice, PGM_SERVER_HBA_CONF, PGM_SERVER_REQUIRED));
		pgm_server_advice_free(advice);
		pgm_config_free(config);
	}
	have_files(rules, "");
	for (size_t i = 0; i < NNAMES; i++) {
		pgm_db *db;

		before = log_end();
		db = must_open_config(config_of_name(i), NULL);
		pgm_release(must_acquire(db));
		pgm_close(db);
		assert_true(version < 140000 || logged_since(before, pgtest_format("pg_hba.conf:%zu)", 2 * i + 1)));
	}
	is_refused("dbname=postgres");
	is_refused("dbname=postgres user=all password=walrus");
}

static int start_server(void **state)
{
	const char *ca;

	(void)state;
	server = cluster_start(NULL, NULL);
	pgtest_use(cluster_server(server));
	version = (int)pgtest_number("SHOW server_version_num");
	conf_before = content_of(conf_file());
	make_roles_and_databases();
	cluster_tls(server, "good"); /* brings server.crt and server.key; its settings go again */
	ca = content_of(cluster_certificate("ca.crt"));
	rewrite(pgtest_format("%s/root.crt", pgtest_server_now()->datadir), ca);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	cluster_stop(server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_name_is_let_in_by_its_own_line),
		cmocka_unit_test(it_works_with_a_password_in_every_sslmode),
		cmocka_unit_test(it_works_with_a_certificate_alone_in_every_sslmode_that_shows_it),
		cmocka_unit_test(it_works_with_a_password_and_a_certificate_in_every_sslmode),
		cmocka_unit_test(the_choice_asks_for_the_certificate_as_well),
		cmocka_unit_test(it_works_over_the_socket_in_every_sslmode),
		cmocka_unit_test(it_holds_as_many_connections_as_the_pool_wants),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
