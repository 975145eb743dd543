/* Passwords inside other texts. */
#include "base/mask.h"

#include "base/error.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <string.h>

#define SECRET "SekritXYZZY"

static void assert_hidden(const char *text)
{
	char buf[512];

	snprintf(buf, sizeof(buf), "%s", text);
	pgm__mask(buf);
	assert_int_equal(strlen(buf), strlen(text));
	if (strstr(buf, "XYZZY"))
		fail_msg("not covered: %s", buf);
}

static void assert_kept(const char *text)
{
	char buf[512];

	snprintf(buf, sizeof(buf), "%s", text);
	pgm__mask(buf);
	assert_string_equal(buf, text);
}

static void passwords_are_covered(void **state)
{
	(void)state;
	assert_hidden("postgresql://u:" SECRET "@host:5432/db");
	assert_hidden("cannot resolve host \"postgresql://u:" SECRET "@h/d\": unknown");
	assert_hidden("\"postgresql://u:Sekrit XYZZY@h/d\"");
	assert_hidden("postgresql://u:Sekrit\"XYZZY@h/d");
	assert_hidden("postgresql://u:Sekrit'XYZZY@h/d");
	assert_hidden("postgresql://u:a@b XYZZY@h/d");
	assert_hidden("postgresql://u:1234" SECRET);
	assert_hidden("postgres://u:" SECRET "/more@h");
	assert_hidden("database \"u:" SECRET "@127.0.0.1/d\" does not exist");
	assert_hidden("host=h password=" SECRET " dbname=d");
	assert_hidden("password = " SECRET);
	assert_hidden("PASSWORD='Sek\\'rit XYZZY' user=u");
	assert_hidden("password=\"a b XYZZY\"");
	assert_hidden("password='never ended XYZZY");
	assert_hidden("unknown key \"password:" SECRET "\" is ignored");
	assert_hidden("sslpassword=" SECRET);
	assert_hidden("passwd=" SECRET " and pwd=" SECRET);
}

static void what_is_no_password_stays(void **state)
{
	(void)state;
	assert_kept("");
	assert_kept("db.yaml:3:5: connection_settings.password: expected one value, found a list");
	assert_kept("postgresql://host:5432/db is refused; mail to me@example.org");
	assert_kept("cannot connect to localhost: connection to server at \"127.0.0.1\", port 5432 failed");
	assert_kept("FATAL: password authentication failed for user \"app\"");
	assert_kept("no connection within 30 s: 20 of 20 lent (oldest 412 s, worker.c:88), 7 waiting");
	assert_kept("https://www.postgresql.org/docs/current/libpq.html");
}

static void every_error_goes_through_it(void **state)
{
	pgm_error err;

	(void)state;
	pgm__fail(&err, PGM_ERR_IO, "cannot read %s", "postgresql://u:" SECRET "@h/d");
	assert_null(strstr(err.message, "XYZZY"));
	assert_non_null(strstr(err.message, "cannot read postgresql://u:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passwords_are_covered),
		cmocka_unit_test(what_is_no_password_stays),
		cmocka_unit_test(every_error_goes_through_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
