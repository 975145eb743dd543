/* What an audit has seen, judged. */
#include "cmocka_all.h"
#include "tools/server/client.h"
#include "tools/server/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A client, a server that suits it, and the judgement on both. */
typedef struct scene {
	pgm_server_client client;
	pgm__seen seen;
	pgm__live_setting settings[16];
	pgm_server_report report;
	pgm__arena arena;
} scene;

static scene now;

#define denied ((pgm__unseen){"42501", "permission denied"})

static void set_live(const char *name, const char *value)
{
	for (size_t i = 0; i < now.seen.nsettings; i++)
		if (strcmp(now.settings[i].name, name) == 0) {
			now.settings[i].setting = now.settings[i].shown = value;
			return;
		}
	assert_true(now.seen.nsettings < COUNT(now.settings));
	now.settings[now.seen.nsettings++] =
		(pgm__live_setting){.name = name, .setting = value, .shown = value, .source = "configuration file"};
}

static int begin(void **state)
{
	(void)state;
	now = (scene){
		.client = {.host = "db.example.test",
			   .hostaddr = "",
			   .port = "5432",
			   .database = "db1",
			   .user = "app",
			   .sslmode = "require",
			   .sslrootcert = "",
			   .has_password = true,
			   .type = PGM_POOL,
			   .pool = {.max_size = 20, .max_idle = 300, .max_lifetime = 3600},
			   .async_pool = {.max_size = 20, .max_idle = 300, .max_lifetime = 3600}},
		.seen = {.version = 150000,
			 .tls = true,
			 .used_password = PGM_HBA_YES,
			 .version_text = "15",
			 .user = "app",
			 .database = "db1",
			 .client_address = "10.1.2.3",
			 .tls_at_server = PGM_HBA_YES,
			 .no_rules = denied,
			 .used = 1,
			 .role_limit = PGM__UNLIMITED,
			 .database_limit = PGM__UNLIMITED},
	};
	now.seen.settings = now.settings;
	set_live("ssl", "on");
	set_live("ssl_ca_file", "");
	set_live("password_encryption", "scram-sha-256");
	set_live("max_connections", "100");
	set_live("superuser_reserved_connections", "3");
	set_live("idle_session_timeout", "0");
	return 0;
}

static int end(void **state)
{
	(void)state;
	pgm_hba_verdict_clear(&now.report.verdict);
	pgm__arena_free(&now.arena);
	return 0;
}

/* Anew, from what is seen now. */
static void judge(void)
{
	pgm__judge j = {.client = &now.client, .seen = &now.seen, .report = &now.report, .arena = &now.arena};

	now.report.nchecks = 0;
	now.report.checks = NULL;
	if (now.seen.error.code != PGM_OK) {
		pgm__judge_refused(&j);
		return;
	}
	pgm__judge_login(&j);
	pgm__judge_limits(&j);
	pgm__judge_settings(&j);
}

static const pgm_server_check *find(const char *id)
{
	for (size_t i = 0; i < now.report.nchecks; i++)
		if (strcmp(now.report.checks[i].id, id) == 0)
			return &now.report.checks[i];
	return NULL;
}

static const pgm_server_check *check(const char *id)
{
	const pgm_server_check *found;

	judge();
	found = find(id);
	if (!found)
		fail_msg("there is no check %s", id);
	return found;
}

static void expect(const char *id, pgm_server_status status)
{
	const pgm_server_check *found = check(id);

	if (found->status != status)
		fail_msg("%s is %s instead of %s: %s", id, pgm_server_status_name(found->status),
			 pgm_server_status_name(status), found->reason ? found->reason : "");
	if (status == PGM_SERVER_OK) {
		assert_null(found->reason);
		assert_null(found->fix);
	} else {
		assert_non_null(found->reason);
	}
}

static void expect_none(const char *id)
{
	judge();
	assert_null(find(id));
}

static void expect_reason(const char *id, const char *part)
{
	const pgm_server_check *found = check(id);

	assert_non_null(found->reason);
	if (!strstr(found->reason, part))
		fail_msg("\"%s\" is not in \"%s\"", part, found->reason);
}

/* One rule that lets everybody in by a method. */
static pgm_hba_row row;
static const char *const all[] = {"all"};

static void have_rule(const char *method, const char *error)
{
	const pgm_hba_client who = {"10.1.2.3", "require", "app", "db1", false};
	pgm_error err;

	row = (pgm_hba_row){.line = 7,
			    .type = "host",
			    .databases = {all, 1},
			    .users = {all, 1},
			    .address = "all",
			    .method = method,
			    .error = error};
	now.seen.rules = &row;
	now.seen.nrules = 1;
	now.report.has_rules = true;
	now.seen.facts = (pgm_hba_facts){.ssl = PGM_HBA_YES};
	pgm_hba_verdict_clear(&now.report.verdict);
	assert_true(pgm_hba_match(&row, 1, &who, &now.seen.facts, &now.report.verdict, &err));
}

/* ------------------------------------------------------------------------------------- connections */

static void pool_sizes_are_compared_with_max_connections(void **state)
{
	static const struct {
		pgm_type type;
		int pool, async_pool, instances;
		const char *max, *superuser, *reserved; /* reserved NULL: before 16 */
		int used;
		pgm_server_status status;
	} cases[] = {
		{PGM_POOL, 20, 20, 0, "100", "3", NULL, 1, PGM_SERVER_OK},
		{PGM_POOL, 97, 20, 0, "100", "3", NULL, 1, PGM_SERVER_OK},
		{PGM_POOL, 98, 20, 0, "100", "3", NULL, 1, PGM_SERVER_MISMATCH},
		{PGM_POOL, 20, 98, 0, "100", "3", NULL, 1, PGM_SERVER_OK},
		{PGM_ASYNC_POOL, 20, 98, 0, "100", "3", NULL, 1, PGM_SERVER_MISMATCH},
		{PGM_POOL, 97, 20, 0, "100", "3", "0", 1, PGM_SERVER_OK},
		{PGM_POOL, 97, 20, 0, "100", "3", "1", 1, PGM_SERVER_MISMATCH},
		{PGM_POOL, 20, 20, 0, "23", "3", NULL, 1, PGM_SERVER_OK},
		{PGM_POOL, 20, 20, 0, "23", "3", NULL, 2, PGM_SERVER_REVIEW},
		{PGM_POOL, 20, 20, 0, "22", "3", NULL, 1, PGM_SERVER_MISMATCH},
		{PGM_POOL, 20, 20, 0, "100", "3", NULL, 78, PGM_SERVER_OK},
		{PGM_POOL, 20, 20, 0, "100", "3", NULL, 79, PGM_SERVER_REVIEW},
		{PGM_POOL, 20, 20, 2, "100", "3", NULL, 1, PGM_SERVER_OK},
		{PGM_POOL, 20, 20, 3, "100", "3", NULL, 1, PGM_SERVER_MISMATCH},
		{PGM_NORMAL, 20, 20, 0, "4", "3", NULL, 1, PGM_SERVER_OK},
		{PGM_NORMAL, 20, 20, 0, "3", "3", NULL, 1, PGM_SERVER_MISMATCH},
		{PGM_FROM_CONFIG, 20, 20, 0, "43", "3", NULL, 1, PGM_SERVER_OK},
		{PGM_FROM_CONFIG, 20, 20, 0, "42", "3", NULL, 1, PGM_SERVER_MISMATCH},
		{PGM_POOL, 20, 20, 0, "20", "0", NULL, 0, PGM_SERVER_OK},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		end(NULL);
		begin(NULL);
		now.client.type = cases[i].type;
		now.client.pool.max_size = cases[i].pool;
		now.client.async_pool.max_size = cases[i].async_pool;
		now.client.instances = cases[i].instances;
		set_live("max_connections", cases[i].max);
		set_live("superuser_reserved_connections", cases[i].superuser);
		if (cases[i].reserved)
			set_live("reserved_connections", cases[i].reserved);
		now.seen.used = cases[i].used;
		expect("max_connections", cases[i].status);
	}
}

static void what_could_not_be_seen_is_unknown_each_on_its_own(void **state)
{
	(void)state;
	now.seen.no_used = now.seen.no_role = now.seen.no_database = now.seen.no_tls_at_server = denied;
	expect("connections_in_use", PGM_SERVER_UNKNOWN);
	assert_string_equal(check("connections_in_use")->privilege, "GRANT SELECT ON pg_stat_database TO \"app\"");
	expect("role_limit", PGM_SERVER_UNKNOWN);
	assert_string_equal(check("role_limit")->privilege, "GRANT SELECT ON pg_roles TO \"app\"");
	expect("database_limit", PGM_SERVER_UNKNOWN);
	expect("tls_end", PGM_SERVER_UNKNOWN);
	expect("max_connections", PGM_SERVER_OK);
	expect("password", PGM_SERVER_OK);
}

static void what_got_no_answer_is_not_for_want_of_a_privilege(void **state)
{
	(void)state;
	now.seen.no_role = (pgm__unseen){"", "the connection was lost"};
	expect("role_limit", PGM_SERVER_UNKNOWN);
	expect_reason("role_limit", "the connection was lost");
	assert_null(check("role_limit")->privilege);
}

static void role_and_database_have_limits_of_their_own(void **state)
{
	(void)state;
	expect("role_limit", PGM_SERVER_OK);
	assert_string_equal(check("role_limit")->live, "no limit");
	now.seen.role_limit = 20;
	expect("role_limit", PGM_SERVER_OK);
	now.seen.role_limit = 19;
	expect("role_limit", PGM_SERVER_MISMATCH);
	expect_reason("role_limit", "20 connections, the role \"app\" may have 19");
	assert_string_equal(check("role_limit")->fix, "ALTER ROLE \"app\" CONNECTION LIMIT 20, or lower max_size");
	expect("database_limit", PGM_SERVER_OK);
	now.seen.database_limit = 0;
	expect("database_limit", PGM_SERVER_MISMATCH);
	assert_string_equal(check("database_limit")->fix,
			    "ALTER DATABASE \"db1\" CONNECTION LIMIT 20, or lower max_size");
	now.seen.superuser = true;
	expect_none("role_limit");
	expect_none("database_limit");
}

static void a_password_that_expires_soon_is_told(void **state)
{
	(void)state;
	expect_none("role_valid_until");
	now.seen.valid_until = "2030-01-01 00:00:00+00";
	now.seen.days_left = 30;
	expect("role_valid_until", PGM_SERVER_OK);
	now.seen.days_left = 29;
	expect("role_valid_until", PGM_SERVER_REVIEW);
	expect_reason("role_valid_until", "29 days");
	now.seen.days_left = 0;
	expect_reason("role_valid_until", "within a day");
	now.seen.days_left = -1;
	expect_reason("role_valid_until", "has expired");
}

/* ------------------------------------------------------------------------------------------ login */

static void ssl_is_judged_by_what_sslmode_asks(void **state)
{
	static const struct {
		const char *sslmode, *ssl;
		bool tls;
		int status; /* -1: no check */
	} cases[] = {
		{"require", "on", true, PGM_SERVER_OK},		{"verify-full", "on", true, PGM_SERVER_OK},
		{"require", "off", false, PGM_SERVER_MISMATCH}, {"require", "off", true, PGM_SERVER_REVIEW},
		{"prefer", "on", true, PGM_SERVER_OK},		{"prefer", "off", false, PGM_SERVER_REVIEW},
		{"allow", "off", false, PGM_SERVER_REVIEW},	{"disable", "off", false, -1},
		{"prefer", "on", false, PGM_SERVER_REVIEW},	{"allow", "on", false, PGM_SERVER_REVIEW},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		now.client.sslmode = cases[i].sslmode;
		now.seen.tls = cases[i].tls;
		now.seen.tls_at_server = cases[i].tls ? PGM_HBA_YES : PGM_HBA_NO;
		set_live("ssl", cases[i].ssl);
		if (cases[i].status < 0)
			expect_none("ssl");
		else
			expect("ssl", (pgm_server_status)cases[i].status);
	}
	now.client.sslmode = "require";
	now.client.host = "/run";
	expect_none("ssl");
}

static void tls_that_ends_in_between_is_told(void **state)
{
	(void)state;
	expect_none("tls_end");
	now.seen.tls_at_server = PGM_HBA_NO;
	expect("tls_end", PGM_SERVER_REVIEW);
	now.seen.tls = false;
	expect_none("tls_end");
	now.seen.tls_at_server = PGM_HBA_YES;
	expect("tls_end", PGM_SERVER_REVIEW);
	now.seen.tls_at_server = PGM_HBA_UNKNOWN;
	expect_none("tls_end");
}

static void a_password_that_was_not_asked_for_is_told(void **state)
{
	(void)state;
	expect("password", PGM_SERVER_OK);
	now.seen.used_password = PGM_HBA_NO;
	expect("password", PGM_SERVER_REVIEW);
	assert_string_equal(check("password")->live, "not asked for");
	now.seen.method = "peer";
	assert_string_equal(check("password")->live, "not asked for: peer");
	now.client.has_password = false;
	expect_none("password");
}

static void md5_passwords_do_not_go_with_a_rule_for_scram(void **state)
{
	(void)state;
	have_rule("scram-sha-256", NULL);
	expect("password_encryption", PGM_SERVER_OK);
	set_live("password_encryption", "md5");
	expect("password_encryption", PGM_SERVER_REVIEW);
	have_rule("md5", NULL);
	expect("password_encryption", PGM_SERVER_OK);
	set_live("password_encryption", "on");
	have_rule("scram-sha-256", NULL);
	expect("password_encryption", PGM_SERVER_REVIEW);
}

static void md5_passwords_may_fit_a_rule_that_is_hidden(void **state)
{
	(void)state;
	expect("password_encryption", PGM_SERVER_OK);
	set_live("password_encryption", "md5");
	expect("password_encryption", PGM_SERVER_UNKNOWN);
	assert_non_null(strstr(check("password_encryption")->privilege, "GRANT SELECT ON pg_hba_file_rules"));
	have_rule("scram-sha-256", NULL);
	now.report.verdict.outcome = PGM_HBA_UNDECIDED;
	expect("password_encryption", PGM_SERVER_UNKNOWN);
	assert_null(check("password_encryption")->privilege);
	now.seen.method = "scram-sha-256"; /* as PostgreSQL 16 tells it */
	expect("password_encryption", PGM_SERVER_REVIEW);
	now.seen.method = "md5";
	expect("password_encryption", PGM_SERVER_OK);
}

static void a_rule_for_certificates_wants_authorities(void **state)
{
	static const char *const clientcert[] = {"clientcert=verify-full"};

	(void)state;
	have_rule("scram-sha-256", NULL);
	expect_none("ssl_ca_file");
	have_rule("cert", NULL);
	expect("ssl_ca_file", PGM_SERVER_MISMATCH);
	set_live("ssl_ca_file", "/very/secret/ca.crt");
	expect("ssl_ca_file", PGM_SERVER_OK);
	assert_string_equal(check("ssl_ca_file")->live, "set"); /* the path is nobody's business */
	have_rule("scram-sha-256", NULL);
	row.options = (pgm_hba_tokens){clientcert, 1};
	expect("ssl_ca_file", PGM_SERVER_OK);
}

static void the_rule_that_decides_is_shown_with_its_place(void **state)
{
	(void)state;
	have_rule("scram-sha-256", NULL);
	expect("pg_hba", PGM_SERVER_OK);
	assert_string_equal(check("pg_hba")->live, "host all all all scram-sha-256");
	assert_string_equal(check("pg_hba")->source, "pg_hba.conf:7");
	row.file = "/etc/pg_hba.conf";
	assert_string_equal(check("pg_hba")->source, "/etc/pg_hba.conf:7");
}

static void rules_that_are_hidden_are_unknown_with_the_grant(void **state)
{
	const pgm_server_check *found;

	(void)state;
	now.seen.user = "odd \"role\"";
	expect("pg_hba", PGM_SERVER_UNKNOWN);
	found = check("pg_hba");
	assert_string_equal(found->privilege, "GRANT SELECT ON pg_hba_file_rules TO \"odd \"\"role\"\"\"; "
					      "GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO \"odd \"\"role\"\"\"");
}

static void rules_that_refuse_are_a_mismatch(void **state)
{
	(void)state;
	have_rule("reject", NULL);
	expect("pg_hba", PGM_SERVER_MISMATCH);
	assert_non_null(check("pg_hba")->fix);
}

static void doubts_about_the_rules_are_a_review(void **state)
{
	(void)state;
	have_rule("scram-sha-256", NULL);
	now.seen.rules_changed = PGM_HBA_YES;
	expect("pg_hba", PGM_SERVER_REVIEW);
	expect_reason("pg_hba", "changed after it was loaded");
	now.seen.rules_changed = PGM_HBA_NO;
	now.report.verdict.unread = 0;
	expect("pg_hba", PGM_SERVER_REVIEW);
	expect_reason("pg_hba", "goes on with the rules it had before");
	now.report.verdict.unread = -1;
	now.report.verdict.downgraded = true;
	expect_reason("pg_hba", "in silence");
	now.report.verdict.downgraded = false;
	now.report.verdict.attempts[0].hangs_on_quotes = true;
	expect_reason("pg_hba", "looks like a keyword");
	now.report.verdict.attempts[0].hangs_on_quotes = false;
	now.report.verdict.outcome = PGM_HBA_UNDECIDED;
	expect_reason("pg_hba", "member of");
	now.seen.facts.all_roles = true;
	expect_reason("pg_hba", "name service");
	now.report.verdict.outcome = PGM_HBA_CONTRADICTED;
	expect_reason("pg_hba", "could have let this connection in");
	have_rule("scram-sha-256", "an error that does not count");
	expect("pg_hba", PGM_SERVER_OK);
}

static void a_pooler_in_between_is_told(void **state)
{
	(void)state;
	expect_none("pooler");
	now.seen.pooler = true;
	expect("pooler", PGM_SERVER_REVIEW);
	expect_none("password");
}

/* --------------------------------------------------------------------------------------- settings */

static pgm_server_setting setting = {"sync_settings", "work_mem", "4MB"};
static pgm__probe_answer probe;

static void have_setting(const char *name, const char *value, pgm__probe_answer answer)
{
	setting = (pgm_server_setting){"sync_settings", name, value};
	probe = answer;
	now.client.settings = &setting;
	now.client.nsettings = 1;
	now.seen.probes = &probe;
}

static void a_session_setting_that_is_refused_is_a_mismatch(void **state)
{
	static const char *const states[] = {"42704", "22023", "42501", "55P02", "25001"};

	(void)state;
	have_setting("work_mem", "4MB", (pgm__probe_answer){.accepted = true, .shown = "4MB"});
	expect("setting.work_mem", PGM_SERVER_OK);
	for (size_t i = 0; i < COUNT(states); i++) {
		have_setting("work_mem", "plenty",
			     (pgm__probe_answer){.sqlstate = states[i], .message = "no such value"});
		expect("setting.work_mem", PGM_SERVER_MISMATCH);
		expect_reason("setting.work_mem", "no such value");
	}
	have_setting("work_mem", "4MB", (pgm__probe_answer){.sqlstate = "57014", .message = "cancelled"});
	expect("setting.work_mem", PGM_SERVER_UNKNOWN);
	have_setting("work_mem", "4MB", (pgm__probe_answer){.sqlstate = "", .message = "lost"});
	expect("setting.work_mem", PGM_SERVER_UNKNOWN);
}

static void a_setting_with_a_secret_is_not_shown(void **state)
{
	(void)state;
	have_setting("app.api_Token", "S3cr3t-Walrus", (pgm__probe_answer){.accepted = true, .shown = "S3cr3t-Walrus"});
	assert_string_equal(check("setting.app.api_Token")->wanted, "****");
	assert_string_equal(check("setting.app.api_Token")->live, "****");
	have_setting("app.password", "S3cr3t-Walrus",
		     (pgm__probe_answer){.sqlstate = "22023", .message = "invalid value \"S3cr3t-Walrus\""});
	expect_reason("setting.app.password", "refused with SQLSTATE 22023");
	assert_null(strstr(check("setting.app.password")->reason, "Walrus"));
}

static void a_default_of_role_or_database_that_the_file_overrides_is_told(void **state)
{
	static const char *const sources[] = {"user", "database", "database user", "global"};
	static const char *const words[] = {"role", "database", "role in this database", "all roles"};

	(void)state;
	have_setting("statement_timeout", "4000", (pgm__probe_answer){.accepted = true, .shown = "4s"});
	set_live("statement_timeout", "4s");
	expect_none("default.statement_timeout");
	for (size_t i = 0; i < COUNT(sources); i++) {
		now.settings[now.seen.nsettings - 1].source = sources[i];
		set_live("statement_timeout", "4s");
		expect("default.statement_timeout", PGM_SERVER_OK);
		assert_string_equal(check("default.statement_timeout")->source, words[i]);
		set_live("statement_timeout", "5s");
		expect("default.statement_timeout", PGM_SERVER_REVIEW);
	}
}

static void a_setting_that_is_hidden_is_not_called_missing(void **state)
{
	(void)state;
	have_setting("dynamic_library_path", "x",
		     (pgm__probe_answer){.sqlstate = "42501", .message = "must be superuser ... to examine"});
	expect("setting.dynamic_library_path", PGM_SERVER_MISMATCH);
	assert_string_equal(check("setting.dynamic_library_path")->privilege, "GRANT pg_read_all_settings TO \"app\"");
	have_setting("max_connections", "1", (pgm__probe_answer){.sqlstate = "42501", .message = "permission denied"});
	assert_null(check("setting.max_connections")->privilege);
	have_setting("app.user", "x", (pgm__probe_answer){.sqlstate = "42501", .message = "permission denied"});
	assert_null(check("setting.app.user")->privilege);
}

static void of_a_type_left_open_both_sections_count(void **state)
{
	(void)state;
	now.client.type = PGM_FROM_CONFIG;
	have_setting("work_mem", "4MB", (pgm__probe_answer){.accepted = true, .shown = "4MB"});
	expect("setting.sync_settings.work_mem", PGM_SERVER_OK);
}

static void idle_connections_must_outlive_the_pools_patience(void **state)
{
	static const struct {
		const char *ms;
		int max_idle, max_lifetime;
		bool check;
		pgm_server_status status;
	} cases[] = {
		{"0", 300, 3600, false, PGM_SERVER_OK},
		{"300001", 300, 3600, false, PGM_SERVER_OK},
		{"300000", 300, 3600, false, PGM_SERVER_REVIEW},
		{"1000", 300, 3600, false, PGM_SERVER_REVIEW},
		{"1000", 300, 3600, true, PGM_SERVER_OK},
		{"999999999", 0, 0, false, PGM_SERVER_REVIEW},
		{"0", 0, 0, false, PGM_SERVER_OK},
		{"3600001", 0, 3600, false, PGM_SERVER_OK},
		{"3600000", 0, 3600, false, PGM_SERVER_REVIEW},
		{"60001", 300, 60, false, PGM_SERVER_OK},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		set_live("idle_session_timeout", cases[i].ms);
		now.client.pool.max_idle = cases[i].max_idle;
		now.client.pool.max_lifetime = cases[i].max_lifetime;
		now.client.pool.check_on_checkout = cases[i].check;
		expect("idle_session_timeout", cases[i].status);
	}
	now.client.type = PGM_NORMAL;
	expect_none("idle_session_timeout");
	now.client.type = PGM_POOL;
	have_setting("idle_session_timeout", "0", (pgm__probe_answer){.accepted = true, .shown = "0"});
	expect_none("idle_session_timeout"); /* the file's own value counts */
}

static void timeouts_inside_a_transaction_are_shown(void **state)
{
	(void)state;
	set_live("idle_in_transaction_session_timeout", "5s");
	set_live("transaction_timeout", "0");
	expect("idle_in_transaction_session_timeout", PGM_SERVER_OK);
	assert_string_equal(check("idle_in_transaction_session_timeout")->live, "5s");
	expect("transaction_timeout", PGM_SERVER_OK);
}

static void what_waits_for_a_restart_is_told(void **state)
{
	(void)state;
	expect_none("pending_restart.max_connections");
	now.settings[3].pending_restart = true;
	expect("pending_restart.max_connections", PGM_SERVER_REVIEW);
	expect_reason("pending_restart.max_connections", "configured, not active");
}

static void the_source_is_file_and_line_where_they_are_visible(void **state)
{
	(void)state;
	assert_string_equal(check("max_connections")->source, "configuration file");
	now.settings[3].file = "/etc/postgresql.conf";
	now.settings[3].line = 12;
	assert_string_equal(check("max_connections")->source, "/etc/postgresql.conf:12");
}

static void settings_that_cannot_be_read_are_unknown(void **state)
{
	(void)state;
	now.seen.no_settings = denied;
	now.seen.nsettings = 0;
	expect("pg_settings", PGM_SERVER_UNKNOWN);
	expect_none("max_connections");
	expect_none("ssl");
}

/* --------------------------------------------------------------------------------------- refused */

static void a_server_that_is_not_reached_is_one_mismatch(void **state)
{
	(void)state;
	now.seen.error = (pgm_error){.code = PGM_ERR_CONNECT, .message = "Connection refused"};
	expect("connection", PGM_SERVER_MISMATCH);
	assert_int_equal(now.report.nchecks, 1);
	expect_reason("connection", "Connection refused");
}

static void what_the_refusal_tells_is_said(void **state)
{
	(void)state;
	now.seen.error =
		(pgm_error){.code = PGM_ERR_CONNECT, .message = "server does not support SSL, but SSL was required"};
	expect("ssl", PGM_SERVER_MISMATCH);
	now.seen.error = (pgm_error){.code = PGM_ERR_AUTH,
				     .sqlstate = "28000",
				     .message = "FATAL: no pg_hba.conf entry for host \"10.1.2.3\", user \"app\""};
	assert_non_null(strstr(check("connection")->fix, "insert the recommended line"));
	now.seen.error = (pgm_error){.code = PGM_ERR_CONNECT, .sqlstate = "53300", .message = "too many clients"};
	assert_non_null(strstr(check("connection")->fix, "max_connections"));
}

#define JUDGE_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JUDGE_TEST(pool_sizes_are_compared_with_max_connections),
		JUDGE_TEST(what_could_not_be_seen_is_unknown_each_on_its_own),
		JUDGE_TEST(what_got_no_answer_is_not_for_want_of_a_privilege),
		JUDGE_TEST(role_and_database_have_limits_of_their_own),
		JUDGE_TEST(a_password_that_expires_soon_is_told),
		JUDGE_TEST(ssl_is_judged_by_what_sslmode_asks),
		JUDGE_TEST(tls_that_ends_in_between_is_told),
		JUDGE_TEST(a_password_that_was_not_asked_for_is_told),
		JUDGE_TEST(md5_passwords_do_not_go_with_a_rule_for_scram),
		JUDGE_TEST(md5_passwords_may_fit_a_rule_that_is_hidden),
		JUDGE_TEST(a_rule_for_certificates_wants_authorities),
		JUDGE_TEST(the_rule_that_decides_is_shown_with_its_place),
		JUDGE_TEST(rules_that_are_hidden_are_unknown_with_the_grant),
		JUDGE_TEST(rules_that_refuse_are_a_mismatch),
		JUDGE_TEST(doubts_about_the_rules_are_a_review),
		JUDGE_TEST(a_pooler_in_between_is_told),
		JUDGE_TEST(a_session_setting_that_is_refused_is_a_mismatch),
		JUDGE_TEST(a_setting_with_a_secret_is_not_shown),
		JUDGE_TEST(a_default_of_role_or_database_that_the_file_overrides_is_told),
		JUDGE_TEST(a_setting_that_is_hidden_is_not_called_missing),
		JUDGE_TEST(of_a_type_left_open_both_sections_count),
		JUDGE_TEST(idle_connections_must_outlive_the_pools_patience),
		JUDGE_TEST(timeouts_inside_a_transaction_are_shown),
		JUDGE_TEST(what_waits_for_a_restart_is_told),
		JUDGE_TEST(the_source_is_file_and_line_where_they_are_visible),
		JUDGE_TEST(settings_that_cannot_be_read_are_unknown),
		JUDGE_TEST(a_server_that_is_not_reached_is_one_mismatch),
		JUDGE_TEST(what_the_refusal_tells_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
