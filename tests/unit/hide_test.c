/* Secrets in rules are never shown, and what a refusal tells of the client is found. */
#include "cmocka_all.h"
#include "tools/server/hide.h"
#include "tools/server/refusal.h"

#include <string.h>

static pgm__arena arena;

static int free_arena(void **state)
{
	(void)state;
	pgm__arena_free(&arena);
	return 0;
}

static void the_value_of_a_secret_option_is_left_away(void **state)
{
	static const struct {
		const char *option, *shown;
	} cases[] = {
		{"ldapbindpasswd=S3cr3t-Walrus", "ldapbindpasswd=****"},
		{"ldapbindpasswd=", "ldapbindpasswd=****"},
		{"radiussecrets=S3cr3t-Walrus,b=c", "radiussecrets=****"},
		{"LDAPBINDPASSWD=S3cr3t-Walrus", "LDAPBINDPASSWD=****"},
		{"ldapserver=ldap.example.test", "ldapserver=ldap.example.test"},
		{"map=secret", "map=secret"},
		{"clientcert=verify-full", "clientcert=verify-full"},
		{"radiussecrets", "radiussecrets"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(pgm__hide_option(&arena, cases[i].option), cases[i].shown);
}

static void what_an_error_repeats_of_its_line_may_be_a_secret(void **state)
{
	static const struct {
		const char *error, *shown;
	} cases[] = {
		{"could not parse RADIUS secret list \"S3cr3t-Walrus\"", "could not parse RADIUS secret list \"****\""},
		{"authentication option not in name=value format: S3cr3t-Walrus",
		 "authentication option not in name=value format: ****"},
		{"unrecognized authentication option name: \"S3cr3t-Walrus\"",
		 "unrecognized authentication option name: ****"},
		{"the number \"S3cr3t\" and \"Walrus\" differ", "the number \"****\" differ"},
		{"invalid authentication method \"ldapbindpasswd=S3cr3t-Walrus\"",
		 "invalid authentication method \"****\""},
		{"invalid connection type \"hots\"", "invalid connection type \"hots\""},
		{"invalid authentication method \"md6\"", "invalid authentication method \"md6\""},
		{"invalid IP mask \"255.0.0.x\"", "invalid IP mask \"255.0.0.x\""},
		{"end-of-line before authentication method", "end-of-line before authentication method"},
		{"hostssl record cannot match because SSL is disabled",
		 "hostssl record cannot match because SSL is disabled"},
		{"an open \"quote S3cr3t-Walrus", "an open \"****\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(pgm__hide_error(&arena, cases[i].error), cases[i].shown);
	assert_null(pgm__hide_error(&arena, NULL));
}

static void a_refusal_tells_the_clients_address(void **state)
{
	static const struct {
		const char *message, *address; /* address NULL: none */
		bool by_hba;
	} cases[] = {
		{"FATAL: no pg_hba.conf entry for host \"10.1.2.3\", user \"app\", database \"db1\", SSL encryption",
		 "10.1.2.3", true},
		{"FATAL: pg_hba.conf rejects connection for host \"fd00::5\", user \"app\", database \"db1\"",
		 "fd00::5", true},
		{"FATAL: no pg_hba.conf entry for replication connection from host \"::1\", user \"app\"", "::1", true},
		{"FATAL: no pg_hba.conf entry for host \"[local]\", user \"app\"", NULL, true},
		{"FATAL: no pg_hba.conf entry for host \"host \"10.1.2.3\"", NULL, true},
		{"FATAL: no pg_hba.conf entry for host \"10.1.2.3", "10.1.2.3", true},
		{"FATAL: no pg_hba.conf entry for host "
		 "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
		 NULL, true},
		{"FATAL: password authentication failed for user \"host \"10.1.2.3\"\"", NULL, false},
		{"", NULL, false},
	};
	char address[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool found = pgm__refusal_address(cases[i].message, address, sizeof(address));

		assert_int_equal(found, cases[i].address != NULL);
		if (found)
			assert_string_equal(address, cases[i].address);
		assert_int_equal(pgm__refusal_by_hba(cases[i].message), cases[i].by_hba);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_value_of_a_secret_option_is_left_away),
		cmocka_unit_test(what_an_error_repeats_of_its_line_may_be_a_secret),
		cmocka_unit_test(a_refusal_tells_the_clients_address),
	};

	return cmocka_run_group_tests(tests, NULL, free_arena);
}
