/* What a configuration says of its server. */
#include "cmocka_all.h"

#include <pgmonkey/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pgm_server_client *client_of(const char *yaml)
{
	pgm_error err;
	pgm_config *config = pgm_config_parse(yaml, strlen(yaml), "db.yaml", &err);
	pgm_server_client *client = config ? pgm_server_client_new(config, &err) : NULL;

	pgm_config_free(config);
	if (!client)
		fail_msg("%s", err.message);
	assert_int_equal(err.code, PGM_OK);
	return client;
}

static int no_libpq_environment(void **state)
{
	static const char *const names[] = {"PGHOST",	  "PGHOSTADDR", "PGPORT",    "PGDATABASE", "PGUSER",
					    "PGPASSWORD", "PGSSLMODE",	"PGSSLCERT", "PGSERVICE",  "PGSSLROOTCERT"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	return 0;
}

static void the_file_says_who_connects_how(void **state)
{
	pgm_server_client *client = client_of("connection_type: pool\n"
					      "connection_settings:\n"
					      "  host: db.example.test\n"
					      "  port: '6543'\n"
					      "  dbname: db1\n"
					      "  user: app\n"
					      "  password: S3cr3t-Walrus\n"
					      "  sslmode: verify-full\n"
					      "  sslcert: /c.crt\n"
					      "  sslrootcert: /ca.crt\n"
					      "  autocommit: true\n"
					      "pool_settings: {max_size: 7, max_idle: 60, check_on_checkout: yes}\n"
					      "sync_settings: {statement_timeout: 1000, app.user: x}\n"
					      "async_settings: {lock_timeout: 1000}\n");

	(void)state;
	assert_string_equal(client->host, "db.example.test");
	assert_string_equal(client->hostaddr, "");
	assert_string_equal(client->port, "6543");
	assert_string_equal(client->database, "db1");
	assert_string_equal(client->user, "app");
	assert_string_equal(client->sslmode, "verify-full");
	assert_string_equal(client->sslrootcert, "/ca.crt");
	assert_true(client->has_password);
	assert_true(client->has_certificate);
	assert_false(client->replication);
	assert_int_equal(client->type, PGM_POOL);
	assert_int_equal(client->pool.max_size, 7);
	assert_int_equal(client->pool.max_idle, 60);
	assert_int_equal(client->pool.max_lifetime, 3600);
	assert_true(client->pool.check_on_checkout);
	assert_int_equal(client->async_pool.max_size, 20);
	assert_false(client->async_pool.check_on_checkout);
	assert_int_equal(client->nsettings, 2);
	assert_string_equal(client->settings[0].section, "sync_settings");
	assert_string_equal(client->settings[0].name, "statement_timeout");
	assert_string_equal(client->settings[0].value, "1000");
	assert_string_equal(client->settings[1].name, "app.user");
	assert_false(pgm_server_client_is_local(client));
	pgm_server_client_free(client);
}

static void what_the_file_leaves_open_is_libpqs(void **state)
{
	pgm_server_client *client = client_of("connection_settings: {user: app}");

	(void)state;
	assert_string_equal(client->host, "");
	assert_string_equal(client->port, "5432");
	assert_string_equal(client->database, "app");
	assert_string_equal(client->sslmode, "prefer");
	assert_false(client->has_password);
	assert_int_equal(client->type, PGM_FROM_CONFIG);
	assert_true(pgm_server_client_is_local(client));
	pgm_server_client_free(client);
}

static void the_environment_counts_where_the_file_says_nothing(void **state)
{
	pgm_server_client *client;

	(void)state;
	setenv("PGHOST", "env.example.test", 1);
	setenv("PGUSER", "env", 1);
	setenv("PGPASSWORD", "S3cr3t-Walrus", 1);
	client = client_of("connection_settings: {user: app}");
	no_libpq_environment(NULL);
	assert_string_equal(client->host, "env.example.test");
	assert_string_equal(client->user, "app");
	assert_true(client->has_password);
	pgm_server_client_free(client);
}

static void a_password_file_counts_as_a_password(void **state)
{
	char path[] = "/tmp/pgm-pgpass-XXXXXX", yaml[128];
	int fd = mkstemp(path);
	FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
	pgm_server_client *client;

	(void)state;
	assert_non_null(file);
	fputs("*:*:*:app:S3cr3t-Walrus\n", file);
	assert_int_equal(fclose(file), 0);
	snprintf(yaml, sizeof(yaml), "connection_settings: {host: h, user: app, sslcert: /c, passfile: %s}", path);
	client = client_of(yaml);
	unlink(path);
	assert_true(client->has_password);
	assert_true(client->has_certificate);
	pgm_server_client_free(client);
}

/* Whoever reads the lines that are recommended would take half of it for the whole. */
static void what_libpq_cannot_merge_is_an_error(void **state)
{
	static const struct {
		const char *name, *value, *said;
	} cases[] = {
		{"PGSERVICE", "nosuch", "definition of service \"nosuch\" not found"},
		{"PGSSLMODE", "sometimes", "sslmode"},
		{"PGPORT", "abc", "port is \"abc\" (from a service file or the environment), expected 1 to 65535"},
		{"PGPORT", "65536", "port is \"65536\""},
		{"PGPORT", "1,2", "one endpoint per configuration, but port is \"1,2\""},
		{"PGHOST", "a,b", "one endpoint per configuration, but host is \"a,b\""},
		{"PGTARGETSESSIONATTRS", "read-write", "but target_session_attrs is \"read-write\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		static const char yaml[] = "connection_settings: {user: app}";
		pgm_error err;
		pgm_config *config = pgm_config_parse(yaml, strlen(yaml), "db.yaml", &err);

		assert_non_null(config);
		setenv(cases[i].name, cases[i].value, 1);
		assert_null(pgm_server_client_new(config, &err));
		unsetenv(cases[i].name);
		assert_int_equal(err.code, PGM_ERR_CONFIG);
		if (!strstr(err.message, cases[i].said))
			fail_msg("%s=%s: %s", cases[i].name, cases[i].value, err.message);
		pgm_config_free(config);
	}
	setenv("PGTARGETSESSIONATTRS", "any", 1);
	pgm_server_client_free(client_of("connection_settings: {user: app}"));
	unsetenv("PGTARGETSESSIONATTRS");
}

static void the_type_says_which_session_settings_count(void **state)
{
	static const struct {
		const char *type;
		size_t count;
		const char *first;
	} cases[] = {{"normal", 1, "work_mem"},
		     {"pool", 1, "work_mem"},
		     {"async", 2, "lock_timeout"},
		     {"async_pool", 2, "lock_timeout"},
		     {"", 3, "work_mem"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char yaml[256];
		pgm_server_client *client;

		snprintf(yaml, sizeof(yaml),
			 "connection_type: %s\n"
			 "sync_settings: {work_mem: 4MB}\n"
			 "async_settings: {lock_timeout: 1, statement_timeout: 1}\n",
			 cases[i].type);
		client = client_of(yaml);
		assert_int_equal(client->nsettings, cases[i].count);
		assert_string_equal(client->settings[0].name, cases[i].first);
		pgm_server_client_free(client);
	}
}

static void a_host_may_be_a_socket(void **state)
{
	static const struct {
		const char *host, *hostaddr;
		bool local;
	} cases[] = {{"/run/pg", "", true},	    {"@abstract", "", true}, {"", "", true},
		     {"localhost", "", false},	    {"10.1.2.3", "", false}, {"", "10.1.2.3", false},
		     {"/run/pg", "10.1.2.3", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pgm_server_client client = {.host = cases[i].host, .hostaddr = cases[i].hostaddr};

		assert_int_equal(pgm_server_client_is_local(&client), cases[i].local);
	}
}

static void connections_are_those_of_the_types_that_may_be_in_use(void **state)
{
	static const struct {
		pgm_type type;
		int instances, connections;
		const char *how;
	} cases[] = {
		{PGM_FROM_CONFIG, 0, 27, "pool 20 + async_pool 7"},
		{PGM_NORMAL, 0, 1, "1 connection"},
		{PGM_ASYNC, 0, 1, "1 connection"},
		{PGM_POOL, 0, 20, "pool 20"},
		{PGM_ASYNC_POOL, 0, 7, "async_pool 7"},
		{PGM_POOL, 1, 27, "pool 20 + async_pool 7"},
		{PGM_POOL, 3, 81, "3 x (pool 20 + async_pool 7)"},
		{PGM_FROM_CONFIG, 2, 54, "2 x (pool 20 + async_pool 7)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pgm_server_client client = {.type = cases[i].type,
					    .instances = cases[i].instances,
					    .pool.max_size = 20,
					    .async_pool.max_size = 7};
		char how[64];

		assert_int_equal(pgm_server_client_connections(&client, how, sizeof(how)), cases[i].connections);
		assert_string_equal(how, cases[i].how);
		assert_int_equal(pgm_server_client_connections(&client, NULL, 0), cases[i].connections);
	}
}

static void replication_is_physical_if_it_says_true(void **state)
{
	pgm_server_client *client = client_of("connection_settings: {replication: 'true'}");

	(void)state;
	assert_true(client->replication);
	pgm_server_client_free(client);
	client = client_of("connection_settings: {replication: database}");
	assert_false(client->replication);
	pgm_server_client_free(client);
}

static void addresses_are_brought_into_the_servers_spelling(void **state)
{
	static const struct {
		const char *given, *normal; /* NULL: it is none */
	} cases[] = {
		{"10.1.2.3", "10.1.2.3/32"},
		{"10.1.2.0/24", "10.1.2.0/24"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"FD00:0:0::5", "fd00::5/128"},
		{"::/0", "::/0"},
		{"fe80::1%eth0", "fe80::1/128"},
		{"10.1.2.3/33", NULL},
		{"::/129", NULL},
		{"10.1.2.3/", NULL},
		{"10.1.2.3/x", NULL},
		{"10.1.2.3/-1", NULL},
		{"10.1.2.3/+1", NULL},
		{"10.1.2", NULL},
		{"db.example.test", NULL},
		{"", NULL},
		{"10.1.2.3/255.255.0.0", NULL},
	};
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool ok = pgm_server_address_normal(cases[i].given, out, sizeof(out));

		assert_int_equal(ok, cases[i].normal != NULL);
		if (ok)
			assert_string_equal(out, cases[i].normal);
		assert_int_equal(pgm_server_address_normal(cases[i].given, NULL, 0), ok);
	}
}

static void no_configuration_is_a_misuse(void **state)
{
	pgm_error err;

	(void)state;
	assert_null(pgm_server_client_new(NULL, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	pgm_server_client_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_says_who_connects_how),
		cmocka_unit_test(what_the_file_leaves_open_is_libpqs),
		cmocka_unit_test(the_environment_counts_where_the_file_says_nothing),
		cmocka_unit_test(a_password_file_counts_as_a_password),
		cmocka_unit_test(what_libpq_cannot_merge_is_an_error),
		cmocka_unit_test(the_type_says_which_session_settings_count),
		cmocka_unit_test(a_host_may_be_a_socket),
		cmocka_unit_test(connections_are_those_of_the_types_that_may_be_in_use),
		cmocka_unit_test(replication_is_physical_if_it_says_true),
		cmocka_unit_test(addresses_are_brought_into_the_servers_spelling),
		cmocka_unit_test(no_configuration_is_a_misuse),
	};

	return cmocka_run_group_tests(tests, no_libpq_environment, NULL);
}
