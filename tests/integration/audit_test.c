/* An audit, compared with what really is: by roles of every kind, with rules and settings of every kind, directly, and
 * through what may stand in between. */
#include "rules.h"
#include "support/proxy.h"
#include "tools/server/session.h"

#include <pgmonkey/server.h>

#define WALRUS "S3cr3t-Walrus" /* in no report, ever */

static cluster *server;
static pgm_server_client *client;
static pgm_server_report *report;

static const char base_rules[] = "local all all scram-sha-256\nhost all all all scram-sha-256\n";

/* ---------------------------------------------------------------------------------------- auditing */

static void drop_report(void)
{
	pgm_server_report_free(report);
	pgm_server_client_free(client);
	report = NULL;
	client = NULL;
}

static void lacks_secrets(const char *text)
{
	if (!text)
		return;
	assert_lacks(text, WALRUS);
	assert_lacks(text, pgtest_server_now()->password);
	assert_lacks(text, pgtest_server_now()->superuser_password);
}

static void lacks_secrets_in_rules(void)
{
	for (size_t i = 0; i < report->nrules; i++) {
		char *rule = pgm_hba_rule(&report->rules[i]);

		lacks_secrets(rule);
		lacks_secrets(report->rules[i].error);
		free(rule);
	}
	lacks_secrets(report->sentence);
}

/* Whatever is found. */
static void look_for_secrets(void)
{
	for (size_t i = 0; i < report->nchecks; i++) {
		const pgm_server_check *c = &report->checks[i];
		const char *const texts[] = {c->id, c->wanted, c->live, c->source, c->reason, c->fix, c->privilege};

		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
			lacks_secrets(texts[k]);
	}
	lacks_secrets(report->error.message);
	lacks_secrets_in_rules();
}

static void audit_config(pgm_config *config)
{
	pgm_error err;

	drop_report();
	client = pgm_server_client_new(config, &err);
	assert_non_null(client);
	report = pgm_server_audit(config, client, &err);
	pgm_config_free(config);
	if (!report)
		pgtest_die("%s", err.message);
	assert_int_equal(err.code, PGM_OK);
	look_for_secrets();
}
#define audit(...) audit_config(pgtest_config(__VA_ARGS__))

static const char *as_superuser(void)
{
	return pgtest_format("user=%s password=%s", pgtest_server_now()->superuser,
			     pgtest_server_now()->superuser_password);
}

static const pgm_server_check *find(const char *id)
{
	for (size_t i = 0; i < report->nchecks; i++)
		if (strcmp(report->checks[i].id, id) == 0)
			return &report->checks[i];
	return NULL;
}

static const pgm_server_check *check(const char *id)
{
	const pgm_server_check *found = find(id);

	if (!found)
		fail_msg("there is no check %s", id);
	return found;
}

static void expect(const char *id, pgm_server_status status)
{
	const pgm_server_check *found = check(id);

	if (found->status != status)
		fail_msg("%s is %s instead of %s: %s", id, pgm_server_status_name(found->status),
			 pgm_server_status_name(status), found->reason ? found->reason : "no reason");
}

static void expect_reason(const char *id, pgm_server_status status, const char *part)
{
	expect(id, status);
	assert_contains(check(id)->reason, part);
}

static void expect_rule(int line)
{
	assert_true(report->has_rules);
	assert_int_equal(report->verdict.outcome, PGM_HBA_ADMITTED);
	assert_int_equal(report->rules[report->verdict.row].line, line);
}

static int begin(void **state)
{
	use_rules(base_rules);
	return handles_setup(state);
}

static int end(void **state)
{
	drop_report();
	pgtest_exec("ALTER ROLE pgm_test RESET ALL; ALTER DATABASE pgm_test RESET ALL; "
		    "ALTER ROLE pgm_test IN DATABASE pgm_test RESET ALL; ALTER ROLE pgm_test CONNECTION LIMIT -1; "
		    "ALTER ROLE pgm_test VALID UNTIL 'infinity'; ALTER DATABASE pgm_test CONNECTION LIMIT -1; "
		    "REVOKE ALL ON pg_hba_file_rules FROM pgm_test; "
		    "REVOKE ALL ON FUNCTION pg_hba_file_rules() FROM pgm_test");
	return handles_teardown(state);
}

/* ------------------------------------------------------------------------------------ what decides */

/* From PostgreSQL 14 on a login is logged with file and line. */
static void expect_logged(long before, int line)
{
	if (pgtest_number("SHOW server_version_num") < 140000)
		return;
	assert_true(logged_since(before, pgtest_format("pg_hba.conf:%d)", line)));
}

static void the_rule_it_names_is_the_one_in_the_log(void **state)
{
	static const struct {
		const char *rules, *settings;
		int line;
	} cases[] = {
		{base_rules, "", 2},
		{"host all all all scram-sha-256\n", "", 1},
		{"# nothing\n\nhostssl all all all md5\nhost all all all scram-sha-256\n", "sslmode=disable", 4},
		{"# nothing\n\nhostssl all all all md5\nhost all all all scram-sha-256\n", "sslmode=require", 3},
		{"hostnossl all all all reject\nhost all +pg_monitor all scram-sha-256\nhost all all all password\n",
		 "sslmode=require", 3},
		{"host all all samehost password\nhost all all all scram-sha-256\n", "", 1},
		{"host all all samenet md5\nhost all all all scram-sha-256\n", "", 1},
	};

	(void)state;
	pgtest_exec("GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO pgm_test");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		long before;

		use_rules(cases[i].rules);
		before = log_end();
		audit("%s", cases[i].settings);
		expect_rule(cases[i].line);
		expect("pg_hba", PGM_SERVER_OK);
		expect_logged(before, cases[i].line);
	}
}

static void a_rule_by_host_name_is_possible_until_the_login_excludes_it(void **state)
{
	(void)state;
	use_rules("host all all nowhere.invalid trust\nhost all all 127.0.0.1/32 scram-sha-256\n");
	audit("%s", as_superuser());
	expect_rule(2); /* a password was asked for: not by trust */
	use_rules("host all all nowhere.invalid md5\nhost all all 127.0.0.1/32 scram-sha-256\n");
	audit("%s", as_superuser());
	if (report->server_version >= 160000) {
		expect_rule(2); /* system_user tells the method */
		return;
	}
	expect_reason("pg_hba", PGM_SERVER_REVIEW, "name service");
	assert_contains(report->sentence,
			"line 1: host all all nowhere.invalid md5, or, where none of these fits, line 2");
}

static void the_socket_has_its_own_rules(void **state)
{
	(void)state;
	use_rules("host all all all trust\nlocal all pgm_super md5\nlocal all all scram-sha-256\n");
	audit("host='%s' %s", pgtest_server_now()->socketdir, as_superuser());
	expect_rule(2);
	assert_null(report->client_address);
	assert_contains(report->sentence, "over the socket as pgm_super to pgm_test is decided by line 2");
	assert_null(find("ssl"));
}

static void a_downgrade_in_silence_is_told(void **state)
{
	(void)state;
	use_rules("hostssl all all all reject\nhost all all all scram-sha-256\n");
	audit("sslmode=prefer %s", as_superuser());
	expect_reason("pg_hba", PGM_SERVER_REVIEW, "in silence");
	expect_reason("ssl", PGM_SERVER_REVIEW, "not encrypted");
	assert_true(report->verdict.downgraded);
	assert_int_equal(report->verdict.nattempts, 2);
	expect_rule(2);
}

static void a_password_that_nobody_asks_for_is_told(void **state)
{
	(void)state;
	use_rules("host all all all trust\nlocal all all scram-sha-256\n");
	audit("%s", as_superuser());
	expect_reason("password", PGM_SERVER_REVIEW, "never asked for");
	expect_rule(1);
}

/* A name in quotes and a keyword look the same in the view. */
static void a_role_called_like_a_keyword_makes_it_doubtful(void **state)
{
	(void)state;
	use_rules("host all \"all\" all reject\nhost all all all scram-sha-256\nlocal all all scram-sha-256\n");
	audit("%s", as_superuser());
	expect_reason("pg_hba", PGM_SERVER_REVIEW, ""); /* by the view, line 1 refuses everybody */
	assert_int_equal(report->verdict.outcome, PGM_HBA_CONTRADICTED);
	use_rules("host all \"+pg_monitor\" all reject\nhost all all all scram-sha-256\nlocal all all scram-sha-256\n");
	audit("%s", as_superuser());
	expect("pg_hba", PGM_SERVER_OK);
	pgtest_exec("CREATE ROLE \"+pg_monitor\"");
	audit("%s", as_superuser());
	pgtest_exec("DROP ROLE \"+pg_monitor\"");
	expect("pg_hba", PGM_SERVER_OK); /* it matters to that role only */
	pgtest_exec("CREATE ROLE \"+odd\" LOGIN SUPERUSER PASSWORD 'walrus'");
	use_rules("host all \"+odd\" all md5\nhost all all all scram-sha-256\nlocal all all scram-sha-256\n");
	audit("user=+odd password=walrus");
	pgtest_exec("DROP ROLE \"+odd\"");
	expect_reason("pg_hba", PGM_SERVER_REVIEW, "looks like a keyword");
}

/* Before 16 these are names like any other. */
static void an_expression_is_put_to_the_server(void **state)
{
	(void)state;
	use_rules("host /^nosuch /^pgm_s all reject\nhost \"/^pgm_t.st$\" /^pgm_s all scram-sha-256\n"
		  "host all all all scram-sha-256\nlocal all all scram-sha-256\n");
	audit("%s", as_superuser());
	assert_int_equal(report->verdict.unread, -1);
	expect_rule(report->server_version >= 160000 ? 2 : 3);
}

/* ------------------------------------------------------------------------------------ who may see it */

static void without_privileges_the_rules_are_unknown_and_all_else_is_seen(void **state)
{
	(void)state;
	audit("type=pool");
	expect("pg_hba", PGM_SERVER_UNKNOWN);
	assert_contains(check("pg_hba")->privilege, "GRANT SELECT ON pg_hba_file_rules TO \"pgm_test\"");
	assert_contains(check("pg_hba")->privilege, "GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO \"pgm_test\"");
	assert_false(report->has_rules);
	assert_null(report->sentence);
	expect("max_connections", PGM_SERVER_OK);
	assert_string_equal(check("max_connections")->source, "configuration file");
	expect("role_limit", PGM_SERVER_OK);
	expect("database_limit", PGM_SERVER_OK);
	expect("password", PGM_SERVER_OK);
	expect("ssl", PGM_SERVER_OK);
	if (report->server_version >= 140000)
		expect("idle_session_timeout", PGM_SERVER_OK);
}

static void select_alone_is_not_enough_execute_alone_is(void **state)
{
	(void)state;
	pgtest_exec("GRANT SELECT ON pg_hba_file_rules TO pgm_test");
	audit(NULL);
	expect("pg_hba", PGM_SERVER_UNKNOWN);
	pgtest_exec("REVOKE ALL ON pg_hba_file_rules FROM pgm_test; "
		    "GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO pgm_test");
	audit(NULL);
	expect_rule(2);
	assert_string_equal(check("pg_hba")->source,
			    report->server_version >= 160000 ? pgtest_format("%s:2", hba_file()) : "pg_hba.conf:2");
	pgtest_exec("GRANT SELECT ON pg_hba_file_rules TO pgm_test");
	audit(NULL);
	expect_rule(2);
}

static void a_superuser_sees_file_and_line(void **state)
{
	(void)state;
	audit("%s", as_superuser());
	assert_string_equal(check("pg_hba")->source, pgtest_format("%s:2", hba_file()));
	assert_contains(check("max_connections")->source, "pgm.conf:");
	assert_true(report->superuser);
	assert_null(find("role_limit"));
}

/* From PostgreSQL 15 on a role may have leave to set it. */
static void a_hidden_setting_is_set_only_by_who_may_see_it(void **state)
{
	static const char settings[] = "type=normal sync.dynamic_library_path=x",
			  grant[] = "GRANT pg_read_all_settings TO \"pgm_test\"";

	(void)state;
	audit(settings);
	expect_reason("setting.dynamic_library_path", PGM_SERVER_MISMATCH, "permission denied");
	assert_string_equal(check("setting.dynamic_library_path")->privilege, grant);
	if (report->server_version < 150000)
		return;
	pgtest_exec("GRANT SET ON PARAMETER dynamic_library_path TO pgm_test; "
		    "ALTER ROLE pgm_test SET dynamic_library_path = 'y'");
	audit(settings);
	expect_reason("setting.dynamic_library_path", PGM_SERVER_MISMATCH, "to examine");
	pgtest_exec("%s", grant);
	audit(settings);
	expect("setting.dynamic_library_path", PGM_SERVER_OK);
	expect("default.dynamic_library_path", PGM_SERVER_REVIEW);
	assert_string_equal(check("default.dynamic_library_path")->live, "y");
	pgtest_exec("REVOKE pg_read_all_settings FROM pgm_test; "
		    "REVOKE SET ON PARAMETER dynamic_library_path FROM pgm_test");
}

/* As where somebody has hardened the catalogs. */
static void each_thing_that_is_hidden_is_one_unknown(void **state)
{
	static const struct {
		const char *relation, *id;
	} cases[] = {{"pg_stat_database", "connections_in_use"},
		     {"pg_roles", "role_limit"},
		     {"pg_database", "database_limit"},
		     {"pg_stat_ssl", "tls_end"},
		     {"pg_settings", "pg_settings"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pgtest_exec("REVOKE SELECT ON %s FROM PUBLIC", cases[i].relation);
		audit("type=normal sslmode=require sync.work_mem=5MB");
		pgtest_exec("GRANT SELECT ON %s TO PUBLIC", cases[i].relation);
		expect(cases[i].id, PGM_SERVER_UNKNOWN);
		assert_string_equal(check(cases[i].id)->privilege,
				    pgtest_format("GRANT SELECT ON %s TO \"pgm_test\"", cases[i].relation));
		assert_int_equal(report->count[PGM_SERVER_UNKNOWN], 2); /* and the rules */
		expect("setting.work_mem", PGM_SERVER_OK);
	}
}

static void memberships_that_are_hidden_leave_it_undecided(void **state)
{
	(void)state;
	use_rules("host all +pg_monitor all scram-sha-256\nhost all all all scram-sha-256\n"
		  "local all all scram-sha-256\n");
	pgtest_exec("GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO pgm_test; "
		    "REVOKE SELECT ON pg_auth_members FROM PUBLIC");
	audit(NULL);
	pgtest_exec("GRANT SELECT ON pg_auth_members TO PUBLIC");
	expect_reason("pg_hba", PGM_SERVER_REVIEW, "member of");
	audit(NULL);
	expect_rule(2);
}

/* ---------------------------------------------------------------------------------- limits, settings */

static void limits_of_role_and_database_are_found(void **state)
{
	(void)state;
	pgtest_exec("ALTER ROLE pgm_test CONNECTION LIMIT 3; ALTER DATABASE pgm_test CONNECTION LIMIT 4; "
		    "ALTER ROLE pgm_test VALID UNTIL '%s'",
		    pgtest_query("SELECT now() + interval '3 days 1 hour'"));
	audit("type=pool pool.max_size=4 pool.min_size=0");
	expect_reason("role_limit", PGM_SERVER_MISMATCH, "may want 4 connections, the role \"pgm_test\" may have 3");
	expect("database_limit", PGM_SERVER_OK);
	expect_reason("role_valid_until", PGM_SERVER_REVIEW, "in 3 days");
	audit("type=pool pool.max_size=5 pool.min_size=0");
	expect("database_limit", PGM_SERVER_MISMATCH);
	audit("type=normal");
	expect("role_limit", PGM_SERVER_OK);
}

static void a_pool_that_the_server_cannot_hold_is_a_mismatch(void **state)
{
	(void)state;
	audit("type=pool pool.max_size=117");
	expect("max_connections", PGM_SERVER_REVIEW); /* the side connection of this test is there too */
	audit("type=pool pool.max_size=118");
	expect("max_connections", PGM_SERVER_MISMATCH);
	audit("type=pool pool.max_size=100");
	expect("max_connections", PGM_SERVER_OK);
}

static void session_settings_are_tried_and_leave_nothing(void **state)
{
	(void)state;
	audit("type=normal sync.work_mem=5MB sync.no_such_thing=1 sync.statement_timeout=soon sync.log_statement=all "
	      "sync.max_connections=5 sync.app.user=x sync.app.api_token=" WALRUS);
	expect("setting.work_mem", PGM_SERVER_OK);
	assert_string_equal(check("setting.work_mem")->live, "5MB");
	expect_reason("setting.no_such_thing", PGM_SERVER_MISMATCH, "unrecognized configuration parameter");
	expect_reason("setting.statement_timeout", PGM_SERVER_MISMATCH, "invalid value");
	expect_reason("setting.log_statement", PGM_SERVER_MISMATCH, "permission denied");
	expect_reason("setting.max_connections", PGM_SERVER_MISMATCH, "cannot be changed");
	expect("setting.app.user", PGM_SERVER_OK);
	expect("setting.app.api_token", PGM_SERVER_OK);
	assert_int_equal(report->count[PGM_SERVER_MISMATCH], 4);
}

static void what_role_or_database_set_is_compared_with_the_file(void **state)
{
	(void)state;
	pgtest_exec("ALTER ROLE pgm_test SET statement_timeout = '4s'; "
		    "ALTER DATABASE pgm_test SET lock_timeout = '1s'; "
		    "ALTER ROLE pgm_test IN DATABASE pgm_test SET work_mem = '7MB'");
	audit("type=normal sync.statement_timeout=4000 sync.lock_timeout=2000 sync.work_mem=8MB "
	      "sync.search_path=public");
	expect("default.statement_timeout", PGM_SERVER_OK);
	assert_string_equal(check("default.statement_timeout")->source, "role");
	expect_reason("default.lock_timeout", PGM_SERVER_REVIEW, "database");
	assert_string_equal(check("default.lock_timeout")->wanted, "2s");
	assert_string_equal(check("default.lock_timeout")->live, "1s");
	expect_reason("default.work_mem", PGM_SERVER_REVIEW, "role in this database");
	assert_null(find("default.search_path"));
}

static void a_timeout_that_ends_idle_connections_is_told(void **state)
{
	(void)state;
	if (pgtest_number("SHOW server_version_num") < 140000) {
		audit("type=pool");
		assert_null(find("idle_session_timeout"));
		return;
	}
	pgtest_exec("ALTER ROLE pgm_test SET idle_session_timeout = '10s'");
	audit("type=pool");
	expect_reason("idle_session_timeout", PGM_SERVER_REVIEW, "lie idle");
	audit("type=pool pool.check_on_checkout=true");
	expect("idle_session_timeout", PGM_SERVER_OK);
	audit("type=pool pool.max_idle=9");
	expect("idle_session_timeout", PGM_SERVER_OK);
}

static void what_waits_for_a_restart_is_told(void **state)
{
	(void)state;
	cluster_conf(server, "max_connections = 130");
	audit("%s", as_superuser());
	expect_reason("pending_restart.max_connections", PGM_SERVER_REVIEW, "configured, not active");
	cluster_conf(server, "max_connections = 120");
	audit("%s", as_superuser());
	assert_null(find("pending_restart.max_connections"));
}

/* ------------------------------------------------------------------------------------ broken rules */

static void a_line_that_cannot_be_read_makes_all_of_it_doubtful(void **state)
{
	(void)state;
	use_rules("hots all all all trust\nlocal all all scram-sha-256\nhost all all all scram-sha-256\n");
	audit("%s", as_superuser());
	expect_reason("pg_hba", PGM_SERVER_REVIEW, "goes on with the rules it had before");
	assert_contains(check("pg_hba")->fix, "line 1");
	assert_int_equal(report->verdict.unread, 0);
}

static void a_line_for_tls_is_loaded_without_it_too(void **state)
{
	(void)state;
	use_rules("hostssl all all all reject\nlocal all all scram-sha-256\nhost all all all scram-sha-256\n");
	cluster_tls(server, NULL);
	audit("sslmode=prefer %s", as_superuser());
	cluster_tls(server, "good");
	assert_contains(report->rules[0].error, "hostssl record cannot match because SSL is disabled");
	expect_rule(3);
	assert_int_equal(report->verdict.unread, -1);
	expect("pg_hba", PGM_SERVER_OK);
	expect_reason("ssl", PGM_SERVER_REVIEW, "nothing is encrypted");
}

/* The modification's time has whole seconds. */
static void outlive_load(void)
{
	assert_true(pgtest_until(slow(5000), "SELECT clock_timestamp() > date_trunc('second', pg_conf_load_time()) + "
					     "interval '1.01 second'"));
}

static void a_file_that_was_changed_and_not_loaded_is_told_to_a_superuser(void **state)
{
	(void)state;
	outlive_load();
	rewrite(hba_file(), "local all all trust\nhost all all all scram-sha-256\n");
	audit("%s", as_superuser());
	expect_reason("pg_hba", PGM_SERVER_REVIEW, "changed after it was loaded");
	reload();
	audit("%s", as_superuser());
	expect("pg_hba", PGM_SERVER_OK);
}

/* Before 16 no file includes another. */
static void rules_of_an_included_file_are_named_with_it(void **state)
{
	const char *more = pgtest_format("%s/more.conf", pgtest_server_now()->datadir);

	(void)state;
	rewrite(more, "# nothing\nhost all all all scram-sha-256\n");
	use_rules("local all all scram-sha-256\ninclude more.conf\nhost all all all reject\n");
	audit("%s", as_superuser());
	if (report->server_version < 160000) {
		assert_int_equal(report->rules[report->verdict.unread].line, 2);
		assert_int_equal(remove(more), 0);
		return;
	}
	expect("pg_hba", PGM_SERVER_OK);
	assert_string_equal(check("pg_hba")->source, pgtest_format("%s:2", more));
	assert_contains(report->sentence, pgtest_format("decided by line 2 of %s: host all all all", more));
	outlive_load();
	rewrite(more, "host all all all trust\n");
	audit("%s", as_superuser());
	expect_reason("pg_hba", PGM_SERVER_REVIEW, "changed after it was loaded");
	use_rules(base_rules);
	assert_int_equal(remove(more), 0);
}

/* ----------------------------------------------------------------------------------------- secrets */

static void secrets_of_the_rules_are_in_no_report(void **state)
{
	(void)state;
	use_rules("host all nobody 10.0.0.1/32 ldap ldapserver=l.example.test ldapbasedn=\"dc=x\" "
		  "ldapbinddn=\"cn=x\" ldapbindpasswd=" WALRUS "\n"
		  "host all nobody 10.0.0.2/32 radius radiusservers=r.example.test radiussecrets=" WALRUS "\n"
		  "host all nobody 10.0.0.3/32 ldap ldapserver=l.example.test " WALRUS "\n"
		  "host all nobody 10.0.0.4/32 radius radiusservers=127.0.0.1 radiussecrets=\"" WALRUS ",,\"\n"
		  "local all all scram-sha-256\nhost all all all scram-sha-256\n");
	audit("%s", as_superuser()); /* looks for them */
	assert_true(report->has_rules);
	assert_true(report->nrules >= 6);
	assert_true(report->verdict.unread >= 0);
}

/* --------------------------------------------------------------------------------------- in between */

static void through_a_proxy_it_is_the_proxys_address_that_counts(void **state)
{
	proxy *p = proxy_start_from("127.0.0.7");

	(void)state;
	use_rules("host all all 127.0.0.7/32 scram-sha-256\nhost all all all reject\nlocal all all scram-sha-256\n");
	audit("port=%d %s", proxy_port(p), as_superuser());
	proxy_stop(p);
	expect_rule(1);
	assert_string_equal(report->client_address, "127.0.0.7");
	assert_null(find("tls_end"));
	assert_null(find("pooler"));
}

static void behind_a_pooler_it_says_whose_rules_these_are(void **state)
{
	int port = pgbouncer_start(pgtest_server_now(), "transaction");

	(void)state;
	audit("port=%d sync.work_mem=5MB", port);
	pgbouncer_stop(pgtest_server_now(), "transaction");
	assert_true(report->connected);
	expect_reason("pooler", PGM_SERVER_REVIEW, "those of the pooler's connections");
	assert_null(find("password"));
	expect("setting.sync_settings.work_mem", PGM_SERVER_OK);
}

/* -------------------------------------------------------------------------------------- not reached */

static void a_server_that_is_not_there_is_a_report_too(void **state)
{
	(void)state;
	audit("port=1");
	assert_false(report->connected);
	expect("connection", PGM_SERVER_MISMATCH);
	assert_int_equal(report->count[PGM_SERVER_MISMATCH], 1);
	assert_contains(report->error.message, "Connection refused");
}

/* As if the file named a host that is not this one. */
static void audit_from_afar(pgm_config *config)
{
	pgm_error err;

	drop_report();
	client = pgm_server_client_new(config, &err);
	assert_non_null(client);
	client->host = "db.example.test";
	report = pgm_server_audit(config, client, &err);
	pgm_config_free(config);
	assert_non_null(report);
	look_for_secrets();
}

static void expect_first_line(const char *wanted)
{
	pgm_error err;
	pgm_server_advice *advice = pgm_server_recommend(client, &err);

	assert_non_null(advice);
	assert_string_equal(advice->lines[0].text, wanted);
	pgm_server_advice_free(advice);
}

static void a_refusal_tells_the_address_for_the_recommendation(void **state)
{
	static const char *const rules[] = {"local all all scram-sha-256\nhost all all 10.0.0.0/8 trust\n",
					    "local all all scram-sha-256\nhost all all all reject\n"};
	proxy *p = proxy_start_from("127.0.0.7");

	(void)state;
	for (int i = 0; i < 2; i++) {
		use_rules(rules[i]);
		audit_from_afar(pgtest_config("port=%d", proxy_port(p)));
		assert_false(report->connected);
		assert_contains(check("connection")->fix, "insert the recommended line");
		expect_first_line("host pgm_test pgm_test 127.0.0.7/32 scram-sha-256");
	}
	use_rules(base_rules);
	audit_from_afar(pgtest_config("port=%d", proxy_port(p)));
	assert_true(report->connected);
	expect_first_line("host pgm_test pgm_test 127.0.0.7/32 scram-sha-256");
	proxy_stop(p);
}

static void a_server_without_tls_is_a_mismatch_for_who_wants_it(void **state)
{
	(void)state;
	cluster_tls(server, NULL);
	audit("sslmode=require");
	cluster_tls(server, "good");
	assert_false(report->connected);
	expect("ssl", PGM_SERVER_MISMATCH);
}

static void a_configuration_that_is_wrong_is_an_error(void **state)
{
	pgm_config *config = pgtest_config("host=a");
	pgm_error err;

	(void)state;
	client = pgm_server_client_new(config, &err);
	setenv("PGHOSTADDR", "127.0.0.1,127.0.0.2", 1);
	report = pgm_server_audit(config, client, &err);
	unsetenv("PGHOSTADDR");
	pgm_config_free(config);
	assert_null(report);
	assert_int_equal(err.code, PGM_ERR_CONFIG);
	assert_null(pgm_server_audit(NULL, client, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
}

/* ---------------------------------------------------------------------------------------- read only */

/* Everything that was executed, as the server logs it; each must be a question. */
static int count_questions(const char *log)
{
	static const char mark[] = "execute <unnamed>: ";
	int count = 0;

	for (const char *found = strstr(log, mark); found; found = strstr(found, mark), count++) {
		found += strlen(mark);
		if (strncmp(found, "SELECT ", 7) != 0 && strncmp(found, "WITH RECURSIVE ", 15) != 0)
			fail_msg("no question: %.100s", found);
	}
	return count;
}

/* What there is of the database, and of the server's settings; and whoever writes has a transaction's number. */
static const char *fingerprint(void)
{
	return pgtest_query("SELECT (SELECT md5(string_agg(s::text, ',' ORDER BY name)) FROM pg_settings s) || "
			    "(SELECT coalesce(string_agg(d::text, ','), '-') FROM pg_db_role_setting d) || "
			    "(SELECT md5(string_agg(c::text, ',' ORDER BY oid)) FROM pg_class c) || "
			    "txid_snapshot_xmax(txid_current_snapshot())");
}

static void nothing_but_questions_is_asked_and_nothing_changes(void **state)
{
	const char *before;
	char *log;
	long start;

	(void)state;
	pgtest_exec("GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO pgm_test; "
		    "ALTER ROLE pgm_test SET log_statement = 'all'");
	before = fingerprint();
	start = log_end();
	audit("type=pool sync.work_mem=5MB sync.statement_timeout=1000");
	log = log_since(start);
	assert_true(pgtest_connections_become(NULL, 0, slow(5000)));
	assert_lacks(log, "LOG:  statement: "); /* all by the extended protocol */
	assert_true(count_questions(log) > 10);
	free(log);
	assert_string_equal(fingerprint(), before);
}

static void the_session_could_not_write_if_it_would(void **state)
{
	static const char *const writes[] = {"CREATE TABLE audit_was_here()", "CREATE SEQUENCE audit_was_here",
					     "COMMENT ON DATABASE pgm_test IS 'audit was here'"};
	pgm_config *config = pgtest_config("dbname=pgm_test");
	pgm__audit_session session;
	pgm_error err;

	(void)state;
	assert_true(pgm__audit_open(&session, config, "-c default_transaction_read_only=off", &err));
	pgm_config_free(config);
	for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
		assert_null(pgm__audit_ask(&session, writes[i], 0, NULL, 1, &err));
		assert_string_equal(err.sqlstate, "25006"); /* read_only_sql_transaction */
	}
	pgm__audit_close(&session);
}

static void expect_seven_seconds(void)
{
	assert_string_equal(check("idle_in_transaction_session_timeout")->live, "7s");
	assert_string_equal(check("idle_in_transaction_session_timeout")->source, "client");
}

/* Of the file, a service, or the environment. */
static void the_clients_own_options_stay(void **state)
{
	static const char options[] = "-c idle_in_transaction_session_timeout=7s";

	(void)state;
	audit("options='%s'", options);
	expect_seven_seconds();
	setenv("PGOPTIONS", options, 1);
	audit(NULL);
	unsetenv("PGOPTIONS");
	expect_seven_seconds();
	setenv("PGSERVICEFILE", pgtest_file("service.conf", pgtest_format("[here]\noptions=%s\n", options)), 1);
	audit("service=here");
	unsetenv("PGSERVICEFILE");
	expect_seven_seconds();
	/* But its questions take the time they take. */
	audit("options='-c statement_timeout=1 %s' %s", options, as_superuser());
	expect_seven_seconds();
	assert_null(find("pg_settings"));
	expect("max_connections", PGM_SERVER_OK);
}

static void a_server_that_does_not_answer_is_not_waited_for_long(void **state)
{
	proxy *p = proxy_start();
	int64_t start = pgtest_now_ms();

	(void)state;
	proxy_limit(p, PROXY_TO_CLIENT, 0, PROXY_HOLD);
	audit("port=%d connect_timeout=2", proxy_port(p));
	assert_within(start, 15000);
	assert_false(report->connected);
	proxy_stop(p);
}

/* What was seen before counts; all else is unknown, and the reason is no want of privileges. */
static void a_server_that_goes_in_mid_audit_leaves_a_report(void **state)
{
	proxy *p = proxy_start();

	(void)state;
	proxy_limit(p, PROXY_TO_CLIENT, 1500, PROXY_CLOSE);
	audit("port=%d type=normal sslmode=disable sync.work_mem=5MB sync.app.user=x", proxy_port(p));
	proxy_stop(p);
	assert_true(report->connected);
	expect_reason("pg_hba", PGM_SERVER_UNKNOWN, "not seen: ");
	assert_null(check("pg_hba")->privilege);
	expect("setting.work_mem", PGM_SERVER_UNKNOWN);
	assert_null(check("setting.work_mem")->fix);
	expect("setting.app.user", PGM_SERVER_UNKNOWN);
	assert_int_equal(report->count[PGM_SERVER_MISMATCH], 0);
}

static int start_server(void **state)
{
	(void)state;
	server = cluster_start(NULL, NULL);
	pgtest_use(cluster_server(server));
	cluster_tls(server, "good");
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	cluster_stop(server);
	return 0;
}

#define AUDIT_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		AUDIT_TEST(the_rule_it_names_is_the_one_in_the_log),
		AUDIT_TEST(a_rule_by_host_name_is_possible_until_the_login_excludes_it),
		AUDIT_TEST(the_socket_has_its_own_rules),
		AUDIT_TEST(a_downgrade_in_silence_is_told),
		AUDIT_TEST(a_password_that_nobody_asks_for_is_told),
		AUDIT_TEST(a_role_called_like_a_keyword_makes_it_doubtful),
		AUDIT_TEST(an_expression_is_put_to_the_server),
		AUDIT_TEST(without_privileges_the_rules_are_unknown_and_all_else_is_seen),
		AUDIT_TEST(select_alone_is_not_enough_execute_alone_is),
		AUDIT_TEST(a_superuser_sees_file_and_line),
		AUDIT_TEST(a_hidden_setting_is_set_only_by_who_may_see_it),
		AUDIT_TEST(each_thing_that_is_hidden_is_one_unknown),
		AUDIT_TEST(memberships_that_are_hidden_leave_it_undecided),
		AUDIT_TEST(limits_of_role_and_database_are_found),
		AUDIT_TEST(a_pool_that_the_server_cannot_hold_is_a_mismatch),
		AUDIT_TEST(session_settings_are_tried_and_leave_nothing),
		AUDIT_TEST(what_role_or_database_set_is_compared_with_the_file),
		AUDIT_TEST(a_timeout_that_ends_idle_connections_is_told),
		AUDIT_TEST(what_waits_for_a_restart_is_told),
		AUDIT_TEST(a_line_that_cannot_be_read_makes_all_of_it_doubtful),
		AUDIT_TEST(a_line_for_tls_is_loaded_without_it_too),
		AUDIT_TEST(a_file_that_was_changed_and_not_loaded_is_told_to_a_superuser),
		AUDIT_TEST(rules_of_an_included_file_are_named_with_it),
		AUDIT_TEST(secrets_of_the_rules_are_in_no_report),
		AUDIT_TEST(through_a_proxy_it_is_the_proxys_address_that_counts),
		AUDIT_TEST(behind_a_pooler_it_says_whose_rules_these_are),
		AUDIT_TEST(a_server_that_is_not_there_is_a_report_too),
		AUDIT_TEST(a_refusal_tells_the_address_for_the_recommendation),
		AUDIT_TEST(a_server_without_tls_is_a_mismatch_for_who_wants_it),
		AUDIT_TEST(a_configuration_that_is_wrong_is_an_error),
		AUDIT_TEST(nothing_but_questions_is_asked_and_nothing_changes),
		AUDIT_TEST(the_session_could_not_write_if_it_would),
		AUDIT_TEST(the_clients_own_options_stay),
		AUDIT_TEST(a_server_that_does_not_answer_is_not_waited_for_long),
		AUDIT_TEST(a_server_that_goes_in_mid_audit_leaves_a_report),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
