/* Which rule of pg_hba.conf decides: the first that fits. */
#include "hba_lines.h"

static hba_rows rows; /* of the test that runs */

static int begin(void **state)
{
	(void)state;
	rows = (hba_rows){0};
	return 0;
}

static int end(void **state)
{
	(void)state;
	hba_free_texts();
	return 0;
}

#define TOKENS(...)                                                                                             \
	{                                                                                                       \
		(const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *) \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A server that hides nothing. */
static const pgm_hba_facts all_known = {
	.ssl = PGM_HBA_YES, .all_roles = true, .all_interfaces = true, .all_names = true};

static pgm_hba_verdict match(const pgm_hba_client *client, const pgm_hba_facts *facts)
{
	pgm_hba_verdict verdict;
	pgm_error err;

	if (!pgm_hba_match(rows.list, rows.count, client, facts, &verdict, &err))
		fail_msg("%s", err.message);
	assert_int_equal(err.code, PGM_OK);
	return verdict;
}

/* line 0: none. */
static void expect_line(const pgm_hba_client *client, const pgm_hba_facts *facts, pgm_hba_outcome outcome, int line)
{
	pgm_hba_verdict verdict = match(client, facts);
	int found = verdict.row < 0 ? 0 : rows.list[verdict.row].line;
	char *words = pgm_hba_sentence(rows.list, client, &verdict);

	if (verdict.outcome != outcome || found != line)
		fail_msg("outcome %d, line %d instead of %d, %d: %s", verdict.outcome, found, outcome, line, words);
	free(words);
	pgm_hba_verdict_clear(&verdict);
}

static void expect_sentence(const pgm_hba_client *client, const pgm_hba_facts *facts, const char *wanted)
{
	pgm_hba_verdict verdict = match(client, facts);
	char *words = pgm_hba_sentence(rows.list, client, &verdict);

	assert_string_equal(words, wanted);
	free(words);
	pgm_hba_verdict_clear(&verdict);
}

/* --------------------------------------------------------------- seen on real servers, 12 to 18 */

static const char *const vector_lines[] = {
	"local all postgres trust",
	"local sameuser all scram-sha-256",
	"hostnossl all all 10.0.0.0/8 reject",
	"hostssl db1 +grp_b 10.1.2.0/24 scram-sha-256",
	"hostssl samerole all 10.1.2.3/8 scram-sha-256",
	"host replication repl all scram-sha-256",
	"host all \"Bob\" 127.0.0.1/32 scram-sha-256",
	"host all bob,+nosuch samehost scram-sha-256",
	"host db2 plain 172.16.5.5 255.240.0.0 md5",
	"host db1,app all .corp.example.test scram-sha-256",
	"host all all 192.168.50.7/32 reject",
	"hostssl all all ::/0 scram-sha-256",
	"host all limited 0.0.0.0/0 scram-sha-256",
	"host \"db 3\" all 0.0.0.0/0 scram-sha-256",
	"hostnogssenc all sup samenet scram-sha-256",
};

static const pgm_hba_interface vector_interfaces[] = {
	{"127.0.0.1", "255.0.0.0"},
	{"10.1.2.3", "255.255.255.0"},
	{"10.9.9.9", "255.255.0.0"},
	{"172.16.5.5", "255.240.0.0"},
};

static const pgm_hba_name vector_names[] = {
	{"10.1.2.3", "app1.corp.example.test"},
	{"fd00:1::5", "app6.corp.example.test"},
};

/* Each is a member of itself; app of two more. */
static pgm_hba_facts vector_facts(const char *user)
{
	static const char *const of_app[] = {"app", "grp_a", "grp_b", "db1"};
	pgm_hba_facts facts = all_known;

	if (strcmp(user, "app") == 0)
		facts.roles = (pgm_hba_tokens){of_app, COUNT(of_app)};
	facts.interfaces = vector_interfaces;
	facts.ninterfaces = COUNT(vector_interfaces);
	facts.names = vector_names;
	facts.nnames = COUNT(vector_names);
	return facts;
}

static const struct vector {
	const char *from; /* NULL: the socket */
	const char *user, *database;
	int line;
	bool tls;
} vectors[] = {
	{NULL, "app", "app", 2, false},
	{NULL, "app", "db1", 0, false},
	{NULL, "postgres", "db1", 1, false},
	{"10.1.2.3", "app", "db1", 3, false},
	{"10.1.2.3", "app", "db1", 4, true},
	{"10.1.2.3", "sup", "db1", 10, true},
	{"10.9.9.9", "app", "app", 5, true},
	{"127.0.0.1", "bob", "db1", 8, false},
	{"fd00:1::5", "plain", "db1", 10, true},
	{"fd00:1::5", "plain", "db2", 12, true},
	{"fd00:1::5", "plain", "db2", 0, false},
	{"203.0.113.9", "limited", "db2", 13, false},
	{"192.168.50.7", "limited", "db1", 11, true},
	{"127.0.0.1", "Bob", "db1", 7, false},
	{"172.16.5.5", "plain", "db2", 9, true},
	{"203.0.113.9", "plain", "db 3", 14, false},
	{"127.9.9.9", "sup", "db2", 15, false},
	{"10.1.2.9", "sup", "db2", 15, true},
	{"203.0.113.9", "plain", "db2", 0, false},
};

static void the_vectors_of_real_servers_come_out_as_there(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(vector_lines); i++)
		hba_add(&rows, vector_lines[i]);
	for (size_t i = 0; i < COUNT(vectors); i++) {
		const struct vector *v = &vectors[i];
		pgm_hba_client client = {v->from, v->tls ? "require" : "disable", v->user, v->database, false};
		pgm_hba_facts facts = vector_facts(v->user);
		bool reject = v->line == 3 || v->line == 11;

		expect_line(&client, &facts,
			    v->line == 0 ? PGM_HBA_NO_ENTRY
			    : reject	 ? PGM_HBA_REJECTED
					 : PGM_HBA_ADMITTED,
			    v->line);
	}
}

static void the_socket_without_a_rule_of_its_own_is_refused(void **state)
{
	const pgm_hba_client client = {.user = "app", .database = "db1"};
	const pgm_hba_facts facts = vector_facts("app");

	(void)state;
	hba_add(&rows, "local sameuser all scram-sha-256");
	hba_add(&rows, "host all all all trust");
	expect_line(&client, &facts, PGM_HBA_NO_ENTRY, 0);
}

static void prefer_goes_on_without_tls_in_silence(void **state)
{
	const pgm_hba_client client = {"10.1.2.3", "prefer", "app", "db1", false};
	pgm_hba_verdict verdict;

	(void)state;
	hba_add(&rows, "hostssl all all 10.1.2.3/32 reject");
	hba_add(&rows, "hostnossl all all 10.1.2.3/32 scram-sha-256");
	verdict = match(&client, &all_known);
	assert_int_equal(verdict.outcome, PGM_HBA_ADMITTED);
	assert_int_equal(verdict.nattempts, 2);
	assert_int_equal(verdict.attempts[0].outcome, PGM_HBA_REJECTED);
	assert_int_equal(verdict.attempts[0].row, 0);
	assert_int_equal(verdict.row, 1);
	assert_true(verdict.downgraded);
	pgm_hba_verdict_clear(&verdict);
	expect_sentence(&client, &all_known,
			"your connection from 10.1.2.3 with sslmode=prefer as app to db1 with TLS is rejected by line "
			"1: hostssl all all 10.1.2.3/32 reject; then without encryption is decided by line 2: "
			"hostnossl all all 10.1.2.3/32 scram-sha-256");
}

/* ------------------------------------------------------------------------------------- attempts */

static void each_sslmode_makes_the_attempts_of_libpq(void **state)
{
	static const struct {
		const char *sslmode;
		pgm_hba_answer ssl;
		pgm_hba_outcome outcome;
		int line, nattempts;
	} cases[] = {
		{"disable", PGM_HBA_YES, PGM_HBA_ADMITTED, 2, 1},
		{"allow", PGM_HBA_YES, PGM_HBA_ADMITTED, 2, 1},
		{"prefer", PGM_HBA_YES, PGM_HBA_ADMITTED, 1, 1},
		{NULL, PGM_HBA_YES, PGM_HBA_ADMITTED, 1, 1},
		{"", PGM_HBA_YES, PGM_HBA_ADMITTED, 1, 1},
		{"require", PGM_HBA_YES, PGM_HBA_ADMITTED, 1, 1},
		{"verify-ca", PGM_HBA_YES, PGM_HBA_ADMITTED, 1, 1},
		{"verify-full", PGM_HBA_YES, PGM_HBA_ADMITTED, 1, 1},
		{"prefer", PGM_HBA_NO, PGM_HBA_ADMITTED, 2, 1},
		{"allow", PGM_HBA_NO, PGM_HBA_ADMITTED, 2, 1},
		{"require", PGM_HBA_NO, PGM_HBA_NO_TLS, 0, 0},
		{"prefer", PGM_HBA_UNKNOWN, PGM_HBA_ADMITTED, 1, 1},
	};

	(void)state;
	hba_add(&rows, "hostssl all all all scram-sha-256");
	hba_add(&rows, "hostnossl all all all scram-sha-256");
	for (size_t i = 0; i < COUNT(cases); i++) {
		pgm_hba_client client = {"10.1.2.3", cases[i].sslmode, "app", "db1", false};
		pgm_hba_facts facts = all_known;
		pgm_hba_verdict verdict;

		facts.ssl = cases[i].ssl;
		expect_line(&client, &facts, cases[i].outcome, cases[i].line);
		verdict = match(&client, &facts);
		assert_int_equal(verdict.nattempts, cases[i].nattempts);
		assert_false(verdict.downgraded);
		pgm_hba_verdict_clear(&verdict);
	}
}

static void allow_takes_tls_where_plain_is_refused(void **state)
{
	const pgm_hba_client client = {"10.1.2.3", "allow", "app", "db1", false};
	pgm_hba_verdict verdict;

	(void)state;
	hba_add(&rows, "hostssl all all all scram-sha-256");
	verdict = match(&client, &all_known);
	assert_int_equal(verdict.outcome, PGM_HBA_ADMITTED);
	assert_int_equal(verdict.nattempts, 2);
	assert_int_equal(verdict.attempts[0].outcome, PGM_HBA_NO_ENTRY);
	assert_false(verdict.downgraded);
	pgm_hba_verdict_clear(&verdict);
}

static void both_attempts_refused_is_refused(void **state)
{
	const pgm_hba_client client = {"10.1.2.3", "prefer", "app", "db1", false};

	(void)state;
	hba_add(&rows, "hostssl all all all reject");
	expect_line(&client, &all_known, PGM_HBA_NO_ENTRY, 0);
	hba_add(&rows, "host all all all reject");
	expect_line(&client, &all_known, PGM_HBA_REJECTED, 2);
}

static void a_server_without_tls_is_said_to_be_so(void **state)
{
	const pgm_hba_client client = {"10.1.2.3", "require", "app", "db1", false};
	pgm_hba_facts facts = all_known;

	(void)state;
	facts.ssl = PGM_HBA_NO;
	hba_add(&rows, "host all all all scram-sha-256");
	expect_sentence(&client, &facts,
			"your connection from 10.1.2.3 with sslmode=require as app to db1 is not made: the server "
			"speaks no TLS");
}

/* ----------------------------------------------------------------------------- types, addresses */

static void gss_fits_the_types_that_name_it(void **state)
{
	const pgm_hba_client client = {"10.1.2.3", "prefer", "app", "db1", false};
	pgm_hba_facts facts = all_known;

	(void)state;
	facts.up = true;
	facts.transport = PGM_HBA_GSS;
	hba_add(&rows, "hostssl all all all trust");
	hba_add(&rows, "hostnogssenc all all all trust");
	hba_add(&rows, "hostgssenc all all all trust");
	hba_add(&rows, "hostnossl all all all trust");
	expect_line(&client, &facts, PGM_HBA_ADMITTED, 3);
	rows.list[2].type = "local";
	expect_line(&client, &facts, PGM_HBA_ADMITTED, 4);
}

static void an_address_is_compared_under_its_mask(void **state)
{
	static const struct {
		const char *rule, *address;
		bool fits;
	} cases[] = {
		{"10.1.2.3/32", "10.1.2.3", true},
		{"10.1.2.3/32", "10.1.2.4", false},
		{"10.1.2.3/8", "10.200.0.1", true},	    /* not aligned */
		{"10.1.2.3 255.0.0.255", "10.9.9.3", true}, /* with a hole */
		{"10.1.2.3 255.0.0.255", "10.9.9.4", false},
		{"172.16.5.5 255.240.0.0", "172.31.255.255", true},
		{"172.16.5.5 255.240.0.0", "172.32.0.0", false},
		{"0.0.0.0/0", "1.2.3.4", true},
		{"0.0.0.0/0", "::1", false},
		{"0.0.0.0/0", "::ffff:1.2.3.4", false},
		{"::/0", "1.2.3.4", false},
		{"::/0", "fd00::1", true},
		{"fd00:1::/32", "fd00:1:2::9", true},
		{"fd00:1::/32", "fd00:2::9", false},
		{"fe80::/10", "fe80::1%eth0", true},
		{"::1/128", "::1", true},
		{"all", "::1", true},
		{"all", "1.2.3.4", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		pgm_hba_client client = {cases[i].address, "disable", "app", "db1", false};
		char line[128];

		rows.count = 0;
		snprintf(line, sizeof(line), "host all all %s trust", cases[i].rule);
		hba_add(&rows, line);
		expect_line(&client, &all_known, cases[i].fits ? PGM_HBA_ADMITTED : PGM_HBA_NO_ENTRY,
			    cases[i].fits ? 1 : 0);
	}
}

static void an_address_that_is_none_is_a_misuse(void **state)
{
	const pgm_hba_client client = {"db.example.test", "disable", "app", "db1", false};
	pgm_hba_verdict verdict;
	pgm_error err;

	(void)state;
	assert_false(pgm_hba_match(NULL, 0, &client, &all_known, &verdict, &err));
	assert_int_equal(err.code, PGM_ERR_MISUSE);
	pgm_hba_verdict_clear(&verdict);
}

static void host_names_are_compared_without_case_and_by_their_end(void **state)
{
	static const struct {
		const char *rule;
		bool fits;
	} cases[] = {
		{"APP1.corp.Example.test", true}, {".corp.example.test", true},	      {".CORP.example.test", true},
		{"corp.example.test", false},	  {".app1.corp.example.test", false}, {"app2.corp.example.test", false},
	};
	const pgm_hba_client client = {"10.1.2.3", "disable", "app", "db1", false};
	const pgm_hba_facts facts = vector_facts("app");

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char line[128];

		rows.count = 0;
		snprintf(line, sizeof(line), "host all all %s trust", cases[i].rule);
		hba_add(&rows, line);
		expect_line(&client, &facts, cases[i].fits ? PGM_HBA_ADMITTED : PGM_HBA_NO_ENTRY, cases[i].fits);
	}
}

/* --------------------------------------------------------------------------- database, user */

static void a_name_fits_exactly_and_with_its_case(void **state)
{
	const pgm_hba_client client = {NULL, NULL, "bob", "db1", false};

	(void)state;
	hba_add(&rows, "local db1 Bob trust");
	hba_add(&rows, "local DB1 bob trust");
	hba_add(&rows, "local db bob trust");
	hba_add(&rows, "local x,db1,y y,bob trust");
	expect_line(&client, &all_known, PGM_HBA_ADMITTED, 4);
}

static void replication_is_for_physical_replication_alone(void **state)
{
	const pgm_hba_client physical = {NULL, NULL, "repl", "", true};
	const pgm_hba_client plain = {NULL, NULL, "repl", "replication", false};

	(void)state;
	hba_add(&rows, "local all repl reject");
	hba_add(&rows, "local replication repl trust");
	expect_line(&physical, &all_known, PGM_HBA_ADMITTED, 2);
	expect_line(&plain, &all_known, PGM_HBA_REJECTED, 1);
	rows.list[0].type = "host";
	expect_line(&plain, &all_known, PGM_HBA_NO_ENTRY, 0);
}

static void a_group_is_matched_by_membership_which_may_be_unknown(void **state)
{
	const pgm_hba_client client = {NULL, NULL, "app", "grp_b", false};
	pgm_hba_facts facts = all_known;
	pgm_hba_facts part = {.roles = TOKENS("app", "grp_b")};

	(void)state;
	hba_add(&rows, "local all +grp_b trust");
	hba_add(&rows, "local samerole all trust");
	hba_add(&rows, "local all +app trust");
	expect_line(&client, &facts, PGM_HBA_ADMITTED, 3);
	expect_line(&client, &part, PGM_HBA_ADMITTED, 1);
	rows.list[0].users = (pgm_hba_tokens)TOKENS("+other");
	expect_line(&client, &part, PGM_HBA_UNDECIDED, 2);
	part.all_roles = true;
	expect_line(&client, &part, PGM_HBA_ADMITTED, 2);
}

static void an_expression_counts_from_16_on(void **state)
{
	static const pgm_hba_regex known[] = {{"/^db", "db1", true}, {"/^x", "db1", false}, {"/pp$", "app", true}};
	const pgm_hba_client client = {NULL, NULL, "app", "db1", false};
	pgm_hba_facts facts = all_known;

	(void)state;
	facts.regexes = known;
	facts.nregexes = COUNT(known);
	hba_add(&rows, "local /^x all trust");
	hba_add(&rows, "local /^db \"/pp$\" trust");
	expect_line(&client, &facts, PGM_HBA_ADMITTED, 2);
	facts.server_version = 150004;
	expect_line(&client, &facts, PGM_HBA_NO_ENTRY, 0);
	facts.server_version = 160000;
	expect_line(&client, &facts, PGM_HBA_ADMITTED, 2);
	facts.nregexes = 2;
	expect_line(&client, &facts, PGM_HBA_UNDECIDED, 0);
}

static void a_name_with_a_slash_is_a_name_before_16(void **state)
{
	const pgm_hba_client client = {NULL, NULL, "/app", "db1", false};
	pgm_hba_facts facts = all_known;

	(void)state;
	facts.server_version = 150000;
	hba_add(&rows, "local all \"/app\" trust");
	expect_line(&client, &facts, PGM_HBA_ADMITTED, 1);
}

/* The view shows "all" in quotes and all alike. */
static void a_name_like_a_keyword_is_told_where_the_verdict_hangs_on_it(void **state)
{
	const pgm_hba_client client = {NULL, NULL, "+grp", "db1", false};
	pgm_hba_facts facts = all_known;
	pgm_hba_verdict verdict;

	(void)state;
	hba_add(&rows, "local all +grp trust");
	hba_add(&rows, "local all all reject");
	verdict = match(&client, &facts);
	assert_int_equal(verdict.row, 1);
	assert_false(verdict.attempts[0].hangs_on_quotes); /* there is no such role, as far as one knows */
	pgm_hba_verdict_clear(&verdict);

	facts.odd_users = (pgm_hba_tokens)TOKENS("+grp");
	verdict = match(&client, &facts);
	assert_int_equal(verdict.row, 1);
	assert_true(verdict.attempts[0].hangs_on_quotes);
	pgm_hba_verdict_clear(&verdict);

	/* Behind the rule that decides it does not matter, nor where both readings agree. */
	rows.list[0].users = (pgm_hba_tokens)TOKENS("all");
	rows.list[1].users = (pgm_hba_tokens)TOKENS("+grp");
	verdict = match(&client, &facts);
	assert_int_equal(verdict.row, 0);
	assert_false(verdict.attempts[0].hangs_on_quotes);
	pgm_hba_verdict_clear(&verdict);
}

static void a_database_called_all_is_one_such_name(void **state)
{
	const pgm_hba_client client = {NULL, NULL, "app", "db1", false};
	pgm_hba_facts facts = all_known;
	pgm_hba_verdict verdict;

	(void)state;
	hba_add(&rows, "local all app trust");
	facts.odd_users = (pgm_hba_tokens)TOKENS("all"); /* a role is no database */
	verdict = match(&client, &facts);
	assert_false(verdict.attempts[0].hangs_on_quotes);
	pgm_hba_verdict_clear(&verdict);
	facts.odd_databases = (pgm_hba_tokens)TOKENS("all");
	verdict = match(&client, &facts);
	assert_int_equal(verdict.outcome, PGM_HBA_ADMITTED);
	assert_true(verdict.attempts[0].hangs_on_quotes);
	pgm_hba_verdict_clear(&verdict);
}

/* The server has read "+grp" in quotes, or else nobody would have been asked for a password of md5. */
static void a_live_connection_tells_which_reading_is_right(void **state)
{
	const pgm_hba_client client = {NULL, NULL, "+grp", "db1", false};
	pgm_hba_facts facts = all_known;
	pgm_hba_verdict verdict;

	(void)state;
	hba_add(&rows, "local all +grp md5");
	hba_add(&rows, "local all all scram-sha-256");
	facts.odd_users = (pgm_hba_tokens)TOKENS("+grp");
	facts.up = true;
	facts.transport = PGM_HBA_SOCKET;
	facts.method = "md5";
	expect_line(&client, &facts, PGM_HBA_ADMITTED, 1);
	facts.method = "scram-sha-256";
	expect_line(&client, &facts, PGM_HBA_ADMITTED, 2);
	verdict = match(&client, &facts);
	assert_true(verdict.attempts[0].hangs_on_quotes);
	pgm_hba_verdict_clear(&verdict);
	facts.method = "trust";
	expect_line(&client, &facts, PGM_HBA_CONTRADICTED, 1);
}

/* ------------------------------------------------------------------------------ what is not known */

static void a_rule_that_may_fit_is_a_possible_one(void **state)
{
	const pgm_hba_client client = {"10.1.2.3", "disable", "app", "db1", false};
	const pgm_hba_facts nothing = {0};
	pgm_hba_verdict verdict;

	(void)state;
	hba_add(&rows, "host all all samehost trust");
	hba_add(&rows, "host db2 all .example.test trust"); /* another database: not even possible */
	hba_add(&rows, "host all all .example.test reject");
	hba_add(&rows, "host all all samenet scram-sha-256");
	hba_add(&rows, "host all all all md5");
	hba_add(&rows, "host all all samenet reject");
	verdict = match(&client, &nothing);
	assert_int_equal(verdict.outcome, PGM_HBA_UNDECIDED);
	assert_int_equal(verdict.attempts[0].npossible, 3);
	assert_int_equal(verdict.attempts[0].possible[0], 0);
	assert_int_equal(verdict.attempts[0].possible[1], 2);
	assert_int_equal(verdict.attempts[0].possible[2], 3);
	assert_int_equal(verdict.row, 4);
	pgm_hba_verdict_clear(&verdict);
	expect_sentence(&client, &nothing,
			"your connection from 10.1.2.3 with sslmode=disable as app to db1 is decided by line 1: host "
			"all all samehost trust, or line 3: host all all .example.test reject, or line 4: host all all "
			"samenet scram-sha-256, or, where none of these fits, line 5: host all all all md5");
}

static void a_line_of_another_file_is_named_with_it(void **state)
{
	const pgm_hba_client client = {"10.1.2.3", "disable", "app", "db1", false};

	(void)state;
	hba_add(&rows, "host db2 all all trust");
	hba_add(&rows, "host all all all md5");
	rows.list[0].file = rows.list[1].file = "/etc/pg_hba.conf";
	expect_sentence(&client, &all_known,
			"your connection from 10.1.2.3 with sslmode=disable as app to db1 is decided by line 2: host "
			"all all all md5");
	rows.list[1].file = "/etc/more.conf";
	expect_sentence(&client, &all_known,
			"your connection from 10.1.2.3 with sslmode=disable as app to db1 is decided by line 2 of "
			"/etc/more.conf: host all all all md5");
}

static void a_live_connection_excludes_what_could_not_have_let_it_in(void **state)
{
	const pgm_hba_client client = {"10.1.2.3", "disable", "app", "db1", false};
	pgm_hba_facts facts = {.up = true, .transport = PGM_HBA_PLAIN, .used_password = PGM_HBA_YES};
	pgm_hba_verdict verdict;

	(void)state;
	hba_add(&rows, "host all all samehost trust");
	hba_add(&rows, "host all all .example.test reject");
	hba_add(&rows, "host all all samenet scram-sha-256");
	hba_add(&rows, "host all all all reject");
	expect_line(&client, &facts, PGM_HBA_ADMITTED, 3);
	facts.used_password = PGM_HBA_NO;
	expect_line(&client, &facts, PGM_HBA_ADMITTED, 1);
	rows.list[3].method = "peer";
	verdict = match(&client, &facts);
	assert_int_equal(verdict.outcome, PGM_HBA_UNDECIDED);
	assert_int_equal(verdict.attempts[0].npossible, 1);
	pgm_hba_verdict_clear(&verdict);
	facts.method = "trust"; /* as system_user tells */
	expect_line(&client, &facts, PGM_HBA_ADMITTED, 1);
	facts.method = "md5";
	expect_line(&client, &facts, PGM_HBA_CONTRADICTED, 4);
}

static void a_live_connection_that_no_rule_lets_in_is_told(void **state)
{
	const pgm_hba_client client = {"10.1.2.3", "require", "app", "db1", false};
	pgm_hba_facts facts = all_known;

	(void)state;
	facts.up = true;
	facts.transport = PGM_HBA_TLS;
	facts.used_password = PGM_HBA_YES;
	hba_add(&rows, "host all all all trust");
	expect_line(&client, &facts, PGM_HBA_CONTRADICTED, 1);
	expect_sentence(&client, &facts,
			"your connection from 10.1.2.3 with sslmode=require as app to db1 is let in, though by these "
			"rules it could not be: the rules in force are others");
	rows.count = 0;
	expect_line(&client, &facts, PGM_HBA_CONTRADICTED, 0);
}

static void a_live_connection_shows_a_downgrade(void **state)
{
	const pgm_hba_client client = {"10.1.2.3", "prefer", "app", "db1", false};
	pgm_hba_facts facts = all_known;
	pgm_hba_verdict verdict;

	(void)state;
	facts.up = true;
	facts.transport = PGM_HBA_PLAIN;
	facts.used_password = PGM_HBA_YES;
	hba_add(&rows, "hostssl all all all reject");
	hba_add(&rows, "host all all all scram-sha-256");
	verdict = match(&client, &facts);
	assert_int_equal(verdict.outcome, PGM_HBA_ADMITTED);
	assert_int_equal(verdict.nattempts, 2);
	assert_true(verdict.downgraded);
	pgm_hba_verdict_clear(&verdict);
}

/* ------------------------------------------------------------------------------------ error rows */

static void a_row_with_a_type_counts_in_spite_of_its_error(void **state)
{
	const pgm_hba_client client = {"10.1.2.3", "require", "app", "db1", false};
	pgm_hba_facts facts = all_known;
	pgm_hba_verdict verdict;

	(void)state;
	hba_add(&rows, "hostssl all all all scram-sha-256");
	rows.list[0].error = "hostssl record cannot match because SSL is disabled";
	hba_add(&rows, "host all all all trust");
	verdict = match(&client, &facts);
	assert_int_equal(verdict.row, 0);
	assert_int_equal(verdict.unread, -1);
	pgm_hba_verdict_clear(&verdict);
}

static void a_row_without_a_type_is_passed_over_and_told(void **state)
{
	const pgm_hba_client client = {"10.1.2.3", "require", "app", "db1", false};
	pgm_hba_verdict verdict;
	char *rule;

	(void)state;
	hba_add(&rows, "host db1 other all trust");
	hba_add(&rows, "host all all all trust");
	hba_add(&rows, "host all all all md5");
	rows.list[1] = (pgm_hba_row){.line = 2, .error = "invalid connection type \"hots\""};
	verdict = match(&client, &all_known);
	assert_int_equal(verdict.row, 2);
	assert_int_equal(verdict.unread, 1);
	pgm_hba_verdict_clear(&verdict);
	rule = pgm_hba_rule(&rows.list[1]);
	assert_string_equal(rule, "(cannot be read: invalid connection type \"hots\")");
	free(rule);
}

static void a_rule_is_shown_as_one_writes_it(void **state)
{
	static const struct {
		const char *written, *shown;
	} cases[] = {
		{"local all all trust", NULL},
		{"host \"db 3\",db1 +grp,\"a,b\" 10.1.2.0/24 md5", NULL},
		{"host all all 10.1.2.3 255.0.0.255 md5", NULL},
		{"host all all 10.1.2.3 255.255.0.0 md5", "host all all 10.1.2.3/16 md5"},
		{"hostssl all all ::/0 cert clientname=DN map=x", NULL},
		{"host \"\" \"a\"\"b\" .example.test trust", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *shown;

		rows.count = 0;
		hba_add(&rows, cases[i].written);
		shown = pgm_hba_rule(&rows.list[0]);
		assert_string_equal(shown, cases[i].shown ? cases[i].shown : cases[i].written);
		free(shown);
	}
}

#define MATCH_TEST(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MATCH_TEST(the_vectors_of_real_servers_come_out_as_there),
		MATCH_TEST(the_socket_without_a_rule_of_its_own_is_refused),
		MATCH_TEST(prefer_goes_on_without_tls_in_silence),
		MATCH_TEST(each_sslmode_makes_the_attempts_of_libpq),
		MATCH_TEST(allow_takes_tls_where_plain_is_refused),
		MATCH_TEST(both_attempts_refused_is_refused),
		MATCH_TEST(a_server_without_tls_is_said_to_be_so),
		MATCH_TEST(gss_fits_the_types_that_name_it),
		MATCH_TEST(an_address_is_compared_under_its_mask),
		MATCH_TEST(an_address_that_is_none_is_a_misuse),
		MATCH_TEST(host_names_are_compared_without_case_and_by_their_end),
		MATCH_TEST(a_name_fits_exactly_and_with_its_case),
		MATCH_TEST(replication_is_for_physical_replication_alone),
		MATCH_TEST(a_group_is_matched_by_membership_which_may_be_unknown),
		MATCH_TEST(an_expression_counts_from_16_on),
		MATCH_TEST(a_name_with_a_slash_is_a_name_before_16),
		MATCH_TEST(a_name_like_a_keyword_is_told_where_the_verdict_hangs_on_it),
		MATCH_TEST(a_database_called_all_is_one_such_name),
		MATCH_TEST(a_live_connection_tells_which_reading_is_right),
		MATCH_TEST(a_rule_that_may_fit_is_a_possible_one),
		MATCH_TEST(a_line_of_another_file_is_named_with_it),
		MATCH_TEST(a_live_connection_excludes_what_could_not_have_let_it_in),
		MATCH_TEST(a_live_connection_that_no_rule_lets_in_is_told),
		MATCH_TEST(a_live_connection_shows_a_downgrade),
		MATCH_TEST(a_row_with_a_type_counts_in_spite_of_its_error),
		MATCH_TEST(a_row_without_a_type_is_passed_over_and_told),
		MATCH_TEST(a_rule_is_shown_as_one_writes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
