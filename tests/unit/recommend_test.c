/* What is recommended for a server. */
#include "cmocka_all.h"

#include <pgmonkey/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Over TCP from somewhere, with a password. */
static const pgm_server_client remote = {
	.host = "db.example.test",
	.hostaddr = "",
	.port = "5432",
	.database = "db1",
	.user = "app",
	.sslmode = "require",
	.sslrootcert = "",
	.has_password = true,
	.type = PGM_FROM_CONFIG,
	.pool.max_size = 20,
	.async_pool.max_size = 20,
	.address = "10.1.2.3",
};

static pgm_server_advice *advise(const pgm_server_client *client)
{
	pgm_error err;
	pgm_server_advice *advice = pgm_server_recommend(client, &err);

	if (!advice)
		fail_msg("%s", err.message);
	assert_int_equal(err.code, PGM_OK);
	return advice;
}

/* The lines of a kind, each with a line end. Owner: free(3). */
static char *lines_of(const pgm_server_client *client, pgm_server_file file, pgm_server_kind kind)
{
	pgm_server_advice *advice = advise(client);
	size_t size = 4096, len = 0;
	char *text = calloc(1, size);

	assert_non_null(text);
	for (size_t i = 0; i < advice->nlines; i++) {
		const pgm_server_line *line = &advice->lines[i];

		if (line->file == file && line->kind == kind)
			len += (size_t)snprintf(text + len, size - len, "%s\n", line->text ? line->text : line->remark);
		assert_true(len < size);
	}
	pgm_server_advice_free(advice);
	return text;
}

static void expect(const pgm_server_client *client, pgm_server_file file, pgm_server_kind kind, const char *wanted)
{
	char *text = lines_of(client, file, kind);

	assert_string_equal(text, wanted);
	free(text);
}
#define expect_rules(client, wanted) expect((client), PGM_SERVER_HBA_CONF, PGM_SERVER_REQUIRED, (wanted))
#define expect_conf(client, wanted) expect((client), PGM_SERVER_POSTGRESQL_CONF, PGM_SERVER_REQUIRED, (wanted))
#define expect_advice(client, wanted) expect((client), PGM_SERVER_POSTGRESQL_CONF, PGM_SERVER_ADVISABLE, (wanted))

static void expect_remark(const pgm_server_client *client, const char *part)
{
	pgm_server_advice *advice = advise(client);
	bool found = false;

	for (size_t i = 0; i < advice->nlines; i++)
		found = found || (advice->lines[i].remark && strstr(advice->lines[i].remark, part));
	pgm_server_advice_free(advice);
	if (!found)
		fail_msg("no remark says \"%s\"", part);
}

static void sslmode_says_the_type_of_the_rule(void **state)
{
	static const struct {
		const char *sslmode, *type;
		bool needs_ssl;
	} cases[] = {{"disable", "host", false},      {"allow", "host", false},
		     {"prefer", "host", false},	      {"", "host", false},
		     {"require", "hostssl", true},    {"verify-ca", "hostssl", true},
		     {"verify-full", "hostssl", true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pgm_server_client client = remote;
		char wanted[128];

		client.sslmode = cases[i].sslmode;
		snprintf(wanted, sizeof(wanted), "%s db1 app 10.1.2.3/32 scram-sha-256\n", cases[i].type);
		expect_rules(&client, wanted);
		expect_conf(&client, cases[i].needs_ssl ? "ssl = on\nlisten_addresses = '*'\nmax_connections = 43\n"
							: "listen_addresses = '*'\nmax_connections = 43\n");
	}
}

static void prefer_and_allow_get_the_advice_to_ask_for_more(void **state)
{
	pgm_server_client client = remote;

	(void)state;
	client.sslmode = "prefer";
	expect_remark(&client, "sslmode=prefer works without TLS too");
	expect_remark(&client, "ask for require");
	client.sslmode = "allow";
	expect_remark(&client, "sslmode=allow works without TLS too");
	expect_advice(&client, "ssl = on\npassword_encryption = scram-sha-256\n");
}

static void a_socket_gets_a_local_rule_and_nothing_about_tls(void **state)
{
	static const char *const hosts[] = {"/var/run/postgresql", "@pg", ""};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		pgm_server_client client = remote;

		client.host = hosts[i];
		client.sslmode = "verify-full";
		client.has_certificate = true;
		client.has_password = i == 0;
		expect_rules(&client, "local db1 app scram-sha-256\n");
		expect_conf(&client, "max_connections = 43\n");
	}
}

static void the_socket_directory_is_mentioned(void **state)
{
	pgm_server_client client = remote;

	(void)state;
	client.host = "/it's/a\\b";
	client.server_version = 150000;
	client.superuser_reserved = 3;
	expect_advice(&client, "unix_socket_directories = '/it''s/a\\\\b'\n");
}

static void the_loopback_has_two_addresses(void **state)
{
	static const char *const hosts[] = {"localhost", "LOCALHOST", "127.0.0.1", "127.0.0.9", "::1"};

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		pgm_server_client client = remote;

		client.host = hosts[i];
		client.address = NULL;
		expect_rules(&client, "hostssl db1 app 127.0.0.1/32 scram-sha-256\n"
				      "hostssl db1 app ::1/128 scram-sha-256\n");
		expect_conf(&client, "ssl = on\nmax_connections = 43\n");
	}
}

static void hostaddr_counts_before_host(void **state)
{
	pgm_server_client client = remote;

	(void)state;
	client.host = "localhost";
	client.hostaddr = "10.9.9.9";
	client.address = NULL;
	expect_rules(&client, "");
	client.host = "db.example.test";
	client.hostaddr = "127.0.0.1";
	expect_rules(&client, "hostssl db1 app 127.0.0.1/32 scram-sha-256\n"
			      "hostssl db1 app ::1/128 scram-sha-256\n");
}

static void an_address_that_is_not_known_is_left_to_fill_in(void **state)
{
	pgm_server_client client = remote;

	(void)state;
	client.address = NULL;
	expect_rules(&client, "");
	expect(&client, PGM_SERVER_HBA_CONF, PGM_SERVER_UNFINISHED, "hostssl db1 app ADDRESS/32 scram-sha-256\n");
	expect_remark(&client, "--client-address");
	client.address = "10.1.2.0/24";
	expect_rules(&client, "hostssl db1 app 10.1.2.0/24 scram-sha-256\n");
	client.address = "FD00::5";
	expect_rules(&client, "hostssl db1 app fd00::5/128 scram-sha-256\n");
	client.host = "localhost";
	expect_rules(&client, "hostssl db1 app fd00::5/128 scram-sha-256\n");
}

static void an_address_that_is_none_is_an_error(void **state)
{
	pgm_server_client client = remote;
	pgm_error err;

	(void)state;
	client.address = "app.example.test";
	assert_null(pgm_server_recommend(&client, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	assert_non_null(strstr(err.message, "app.example.test"));
}

static void a_certificate_alone_is_asked_for_by_cert(void **state)
{
	static const char *const modes[] = {"allow", "prefer", "require", "verify-full"};

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		pgm_server_client client = remote;

		client.sslmode = modes[i];
		client.has_password = false;
		client.has_certificate = true;
		expect_rules(&client, "hostssl db1 app 10.1.2.3/32 cert\n");
		expect_conf(&client, "ssl = on\nssl_ca_file = 'root.crt'\nlisten_addresses = '*'\n"
				     "max_connections = 43\n");
		expect_remark(&client, "must be \"app\"");
	}
}

static void a_certificate_that_cannot_be_shown_counts_for_nothing(void **state)
{
	pgm_server_client client = remote;

	(void)state;
	client.sslmode = "disable";
	client.has_password = false;
	client.has_certificate = true;
	expect_rules(&client, "host db1 app 10.1.2.3/32 scram-sha-256\n");
}

static void with_a_password_the_certificate_is_a_choice(void **state)
{
	pgm_server_client client = remote;

	(void)state;
	client.has_certificate = true;
	expect_rules(&client, "hostssl db1 app 10.1.2.3/32 scram-sha-256\n");
	expect(&client, PGM_SERVER_HBA_CONF, PGM_SERVER_ADVISABLE,
	       "hostssl db1 app 10.1.2.3/32 scram-sha-256 clientcert=verify-full\n");
	expect_conf(&client, "ssl = on\nlisten_addresses = '*'\nmax_connections = 43\n");
	expect_advice(&client, "ssl_cert_file = 'server.crt'\nssl_key_file = 'server.key'\n"
			       "ssl_ca_file = 'root.crt'\npassword_encryption = scram-sha-256\n");
}

static void verifying_the_server_asks_for_its_names(void **state)
{
	pgm_server_client client = remote;

	(void)state;
	client.sslmode = "verify-full";
	client.sslrootcert = "/etc/ca.crt";
	expect_remark(&client, "must name \"db.example.test\" among its subjectAltNames, and chain up to /etc/ca.crt");
	client.sslmode = "verify-ca";
	expect_remark(&client, "verify-ca: the server's certificate must chain up to /etc/ca.crt");
}

static void names_are_quoted(void **state)
{
	pgm_server_client client = remote;

	(void)state;
	client.database = "db 3";
	client.user = "all";
	expect_rules(&client, "hostssl \"db 3\" \"all\" 10.1.2.3/32 scram-sha-256\n");
	client.database = "/x";
	expect_rules(&client, "hostssl \"/^/x$\" \"all\" 10.1.2.3/32 scram-sha-256\n");
	expect_remark(&client, "before PostgreSQL 16");
	client.server_version = 150000;
	expect_rules(&client, "hostssl \"/x\" \"all\" 10.1.2.3/32 scram-sha-256\n");
}

static void a_name_that_no_rule_can_hold_is_an_error(void **state)
{
	pgm_server_client client = remote;
	pgm_error err;

	(void)state;
	client.user = "a\nhost all all all trust";
	assert_null(pgm_server_recommend(&client, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	client.user = "app";
	client.database = "a\rb";
	assert_null(pgm_server_recommend(&client, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
}

static void physical_replication_has_a_keyword(void **state)
{
	pgm_server_client client = remote;

	(void)state;
	client.replication = true;
	expect_rules(&client, "hostssl replication app 10.1.2.3/32 scram-sha-256\n");
}

static void a_port_of_ones_own_is_asked_for(void **state)
{
	pgm_server_client client = remote;

	(void)state;
	client.port = "6543";
	expect_conf(&client, "ssl = on\nport = 6543\nlisten_addresses = '*'\nmax_connections = 43\n");
}

static void password_encryption_is_advice_for_servers_before_14(void **state)
{
	pgm_server_client client = remote;

	(void)state;
	client.sslmode = "disable";
	expect_advice(&client, "password_encryption = scram-sha-256\n");
	client.server_version = 130012;
	expect_advice(&client, "password_encryption = scram-sha-256\n");
	client.server_version = 140000;
	expect_advice(&client, "");
}

/* Table: pools, instances, reserves; the sum. */
static void max_connections_is_the_pools_and_what_is_reserved(void **state)
{
	static const struct {
		pgm_type type;
		int pool, async_pool, instances, version, superuser, reserved, sum;
		const char *words;
	} cases[] = {
		{PGM_FROM_CONFIG, 20, 20, 0, 0, 0, 0, 43,
		 "pool 20 + async_pool 20 + superuser_reserved_connections 3; less than the server's default of 100"},
		{PGM_NORMAL, 20, 20, 0, 0, 0, 0, 4, "1 connection + superuser_reserved_connections 3"},
		{PGM_ASYNC, 20, 20, 0, 0, 0, 0, 4, "1 connection"},
		{PGM_POOL, 20, 20, 0, 0, 0, 0, 23, "pool 20 +"},
		{PGM_ASYNC_POOL, 20, 30, 0, 0, 0, 0, 33, "async_pool 30 +"},
		{PGM_POOL, 20, 20, 1, 0, 0, 0, 43, "pool 20 + async_pool 20"},
		{PGM_POOL, 20, 20, 4, 0, 0, 0, 163, "4 x (pool 20 + async_pool 20) + superuser_reserved_connections 3"},
		{PGM_POOL, 97, 20, 0, 0, 0, 0, 100, "pool 97 + superuser_reserved_connections 3"},
		{PGM_POOL, 96, 20, 0, 0, 0, 0, 99, "less than the server's default of 100: keep what is greater"},
		{PGM_POOL, 20, 20, 0, 150000, 5, 0, 25, "superuser_reserved_connections 5"},
		{PGM_POOL, 20, 20, 0, 150000, 0, 0, 20, "superuser_reserved_connections 0"},
		{PGM_POOL, 20, 20, 0, 160000, 3, 4, 27, "reserved_connections 4"},
		{PGM_POOL, 10000, 10000, 10000, 0, 0, 0, 200000003, "a server takes 262143 at most"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pgm_server_client client = remote;
		pgm_server_advice *advice;
		char wanted[64];

		client.host = "/run";
		client.type = cases[i].type;
		client.pool.max_size = cases[i].pool;
		client.async_pool.max_size = cases[i].async_pool;
		client.instances = cases[i].instances;
		client.server_version = cases[i].version;
		client.superuser_reserved = cases[i].superuser;
		client.reserved = cases[i].reserved;
		snprintf(wanted, sizeof(wanted), "max_connections = %d\n", cases[i].sum);
		expect_conf(&client, wanted);
		expect_remark(&client, cases[i].words);
		advice = advise(&client);
		assert_int_equal(advice->max_connections, cases[i].sum);
		pgm_server_advice_free(advice);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sslmode_says_the_type_of_the_rule),
		cmocka_unit_test(prefer_and_allow_get_the_advice_to_ask_for_more),
		cmocka_unit_test(a_socket_gets_a_local_rule_and_nothing_about_tls),
		cmocka_unit_test(the_socket_directory_is_mentioned),
		cmocka_unit_test(the_loopback_has_two_addresses),
		cmocka_unit_test(hostaddr_counts_before_host),
		cmocka_unit_test(an_address_that_is_not_known_is_left_to_fill_in),
		cmocka_unit_test(an_address_that_is_none_is_an_error),
		cmocka_unit_test(a_certificate_alone_is_asked_for_by_cert),
		cmocka_unit_test(a_certificate_that_cannot_be_shown_counts_for_nothing),
		cmocka_unit_test(with_a_password_the_certificate_is_a_choice),
		cmocka_unit_test(verifying_the_server_asks_for_its_names),
		cmocka_unit_test(names_are_quoted),
		cmocka_unit_test(a_name_that_no_rule_can_hold_is_an_error),
		cmocka_unit_test(physical_replication_has_a_keyword),
		cmocka_unit_test(a_port_of_ones_own_is_asked_for),
		cmocka_unit_test(password_encryption_is_advice_for_servers_before_14),
		cmocka_unit_test(max_connections_is_the_pools_and_what_is_reserved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
