/* What libpq reports becomes a code; no server is wanted for what it says of nothing at all. */
#include "connection/libpq_error.h"

#include "cmocka_all.h"
#include "pgmonkey.h"

#include <string.h>

static void expect_result(ExecStatusType status, bool ok, pgm_code code)
{
	PGresult *res = PQmakeEmptyPGresult(NULL, status);
	pgm_error err = {.code = PGM_ERR_BUSY};

	assert_int_equal(pgm_result_ok(res, &err), ok);
	assert_int_equal(err.code, code);
	assert_int_equal(err.message[0] == '\0', ok);
	assert_int_equal(pgm_result_ok(res, NULL), ok);
	PQclear(res);
}

static void accepted_statements_are_ok(void **state)
{
	(void)state;
	expect_result(PGRES_COMMAND_OK, true, PGM_OK);
	expect_result(PGRES_TUPLES_OK, true, PGM_OK);
	expect_result(PGRES_SINGLE_TUPLE, true, PGM_OK);
	expect_result(PGRES_EMPTY_QUERY, true, PGM_OK);
	expect_result(PGRES_COPY_IN, true, PGM_OK);
	expect_result(PGRES_COPY_OUT, true, PGM_OK);
	expect_result(PGRES_PIPELINE_SYNC, true, PGM_OK);
}

/* Without an SQLSTATE it is libpq that speaks: the connection is gone. */
static void an_error_without_an_sqlstate_is_a_lost_connection(void **state)
{
	(void)state;
	expect_result(PGRES_FATAL_ERROR, false, PGM_ERR_BROKEN);
	expect_result(PGRES_BAD_RESPONSE, false, PGM_ERR_BROKEN);
}

static void what_a_pipeline_skipped_was_not_run(void **state)
{
	(void)state;
	expect_result(PGRES_PIPELINE_ABORTED, false, PGM_ERR_QUERY);
}

static void no_result_is_no_success(void **state)
{
	pgm_error err;

	(void)state;
	assert_false(pgm_result_ok(NULL, &err));
	assert_int_equal(err.code, PGM_ERR_BROKEN);
	assert_false(pgm_result_ok(NULL, NULL));
}

static void a_connection_that_is_not_there_is_broken(void **state)
{
	PGconn *conn = PQconnectStart("host=/nonexistent gssencmode=nonsense");
	pgm_error err;

	(void)state;
	assert_false(pgm__fail_libpq(&err, conn));
	assert_int_equal(err.code, PGM_ERR_BROKEN);
	assert_non_null(strstr(err.message, "nonsense"));
	assert_null(strchr(err.message, '\n'));
	assert_false(pgm__fail_libpq(NULL, conn));
	PQfinish(conn);
	assert_false(pgm__fail_libpq(&err, NULL));
	assert_int_equal(err.code, PGM_ERR_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_statements_are_ok),
		cmocka_unit_test(an_error_without_an_sqlstate_is_a_lost_connection),
		cmocka_unit_test(what_a_pipeline_skipped_was_not_run),
		cmocka_unit_test(no_result_is_no_success),
		cmocka_unit_test(a_connection_that_is_not_there_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
