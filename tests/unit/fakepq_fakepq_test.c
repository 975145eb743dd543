/* The stand-in keeps its word: each promise of fakepq.h, once. */
#include "cmocka_all.h"
#include "support/fakepq.h"

#include <libpq-events.h>
#include <poll.h>
#include <string.h>

static PGconn *start(void)
{
	static const char *const keywords[] = {"host", "dbname", NULL}, *const values[] = {"h", "d", NULL};

	return PQconnectStartParams(keywords, values, 0);
}

static PGconn *connected(void)
{
	PGconn *conn = start();

	while (PQconnectPoll(conn) != PGRES_POLLING_OK)
		assert_int_not_equal(PQstatus(conn), CONNECTION_BAD);
	return conn;
}

static bool readable(const PGconn *conn)
{
	struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

static int setup(void **state)
{
	(void)state;
	fakepq_reset();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(fakepq_open(), 0);
	fakepq_reset();
	return 0;
}

static void a_connect_takes_the_polls_it_was_told(void **state)
{
	PGconn *conn;

	(void)state;
	fakepq_next_connect(3, NULL);
	conn = start();
	assert_int_equal(PQconnectPoll(conn), PGRES_POLLING_READING);
	assert_true(readable(conn));
	assert_int_equal(PQconnectPoll(conn), PGRES_POLLING_READING);
	assert_int_equal(PQconnectPoll(conn), PGRES_POLLING_OK);
	assert_int_equal(fakepq_calls("PQconnectPoll"), 3);
	assert_string_equal(PQdb(conn), "d");
	assert_int_equal(fakepq_open(), 1);
	PQfinish(conn);
}

static void a_connect_fails_or_stalls_as_told(void **state)
{
	PGconn *conn;

	(void)state;
	fakepq_next_connect(1, "FATAL:  28P01: no\n");
	fakepq_next_connect(FAKEPQ_STALLS, NULL);
	conn = start();
	assert_int_equal(PQconnectPoll(conn), PGRES_POLLING_FAILED);
	assert_string_equal(PQerrorMessage(conn), "FATAL:  28P01: no\n");
	PQfinish(conn);
	conn = start();
	assert_int_equal(PQconnectPoll(conn), PGRES_POLLING_READING);
	assert_false(readable(conn));
	PQfinish(conn);
}

static void statements_are_answered_in_the_order_of_the_script(void **state)
{
	PGconn *conn = connected();
	PGresult *res;

	(void)state;
	fakepq_next_row("42");
	fakepq_next_error("42601", "syntax error");
	res = PQexec(conn, "SELECT 42");
	assert_int_equal(PQresultStatus(res), PGRES_TUPLES_OK);
	assert_string_equal(PQgetvalue(res, 0, 0), "42");
	PQclear(res);
	res = PQexec(conn, "SELEC");
	assert_string_equal(PQresultErrorField(res, PG_DIAG_SQLSTATE), "42601");
	PQclear(res);
	res = PQexec(conn, "");
	assert_int_equal(PQresultStatus(res), PGRES_EMPTY_QUERY);
	PQclear(res);
	assert_string_equal(fakepq_statement(1), "SELEC");
	assert_int_equal(fakepq_statements("SEL"), 2);
	PQfinish(conn);
}

static void exec(PGconn *conn, const char *sql, const char *tag)
{
	PGresult *res = PQexec(conn, sql);

	assert_string_equal(PQcmdStatus(res), tag);
	PQclear(res);
}

static void transactions_are_followed(void **state)
{
	PGconn *conn = connected();

	(void)state;
	exec(conn, "BEGIN", "");
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_INTRANS);
	exec(conn, "COMMIT", "COMMIT");
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	exec(conn, "BEGIN", "");
	fakepq_next_error("22012", "division by zero");
	exec(conn, "SELECT 1/0", "");
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_INERROR);
	exec(conn, "COMMIT", "ROLLBACK");
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
	PQfinish(conn);
}

static void silence_ends_when_the_server_speaks_or_is_asked_to_cancel(void **state)
{
	PGconn *conn = connected();
	PGcancel *cancel = PQgetCancel(conn);
	PGresult *res;

	(void)state;
	fakepq_next_silence();
	assert_int_equal(PQsendQuery(conn, "SELECT 1"), 1);
	assert_true(PQisBusy(conn));
	assert_false(readable(conn));
	assert_int_equal(PQtransactionStatus(conn), PQTRANS_ACTIVE);
	fakepq_speak(conn);
	assert_true(readable(conn));
	assert_true(PQisBusy(conn));
	assert_int_equal(PQconsumeInput(conn), 1);
	assert_false(PQisBusy(conn));
	PQclear(PQgetResult(conn));
	assert_null(PQgetResult(conn));
	assert_false(readable(conn));

	fakepq_next_silence();
	assert_int_equal(PQsendQuery(conn, "SELECT 2"), 1);
	assert_int_equal(PQcancel(cancel, NULL, 0), 1);
	res = PQgetResult(conn);
	assert_string_equal(PQresultErrorField(res, PG_DIAG_SQLSTATE), "57014");
	PQclear(res);
	assert_null(PQgetResult(conn));
	PQfreeCancel(cancel);
	PQfinish(conn);
}

static void a_lost_connection_answers_once_and_is_bad(void **state)
{
	PGconn *conn = connected();
	PGresult *res;

	(void)state;
	fakepq_next_lost("gone\n");
	res = PQexec(conn, "SELECT 1");
	assert_int_equal(PQresultStatus(res), PGRES_FATAL_ERROR);
	assert_int_equal(PQstatus(conn), CONNECTION_BAD);
	assert_string_equal(PQerrorMessage(conn), "gone\n");
	PQclear(res);
	assert_int_equal(PQsendQuery(conn, "SELECT 1"), 0);
	PQfinish(conn);
}

static void hear(void *arg, const PGresult *res)
{
	const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);

	memcpy(arg, sqlstate, strlen(sqlstate) + 1);
}

static void an_idle_death_is_seen_at_the_second_look(void **state)
{
	PGconn *conn = connected();
	char heard[6] = "";

	(void)state;
	PQsetNoticeReceiver(conn, hear, heard);
	fakepq_kill(conn, "57P01", "terminating connection");
	assert_true(readable(conn));
	assert_int_equal(PQstatus(conn), CONNECTION_OK);
	assert_int_equal(PQconsumeInput(conn), 1);
	assert_null(PQnotifies(conn));
	assert_string_equal(heard, "57P01");
	assert_int_equal(PQconsumeInput(conn), 0);
	assert_int_equal(PQstatus(conn), CONNECTION_BAD);
	PQfinish(conn);
}

static void a_notification_is_no_death(void **state)
{
	PGconn *conn = connected();
	PGnotify *notify;

	(void)state;
	fakepq_notify(conn, "news", "text");
	assert_true(readable(conn));
	assert_int_equal(PQconsumeInput(conn), 1);
	notify = PQnotifies(conn);
	assert_string_equal(notify->extra, "text");
	PQfreemem(notify->relname);
	PQfreemem(notify->extra);
	PQfreemem(notify);
	assert_null(PQnotifies(conn));
	assert_false(readable(conn));
	PQfinish(conn);
}

static int count_events(PGEventId id, void *info, void *arg)
{
	(void)info;
	((int *)arg)[id]++;
	return 1;
}

static void events_fire_as_libpq_fires_them(void **state)
{
	PGconn *conn = connected();
	int fired[8] = {0}, data;

	(void)state;
	assert_int_equal(PQregisterEventProc(conn, count_events, "test", fired), 1);
	assert_int_equal(PQregisterEventProc(conn, count_events, "test", fired), 0);
	assert_int_equal(fired[PGEVT_REGISTER], 1);
	assert_int_equal(PQsetInstanceData(conn, count_events, &data), 1);
	assert_ptr_equal(PQinstanceData(conn, count_events), &data);
	PQreset(conn);
	assert_int_equal(fired[PGEVT_CONNRESET], 1);
	PQfinish(conn);
	assert_int_equal(fired[PGEVT_CONNDESTROY], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_connect_takes_the_polls_it_was_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_connect_fails_or_stalls_as_told, setup, teardown),
		cmocka_unit_test_setup_teardown(statements_are_answered_in_the_order_of_the_script, setup, teardown),
		cmocka_unit_test_setup_teardown(transactions_are_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(silence_ends_when_the_server_speaks_or_is_asked_to_cancel, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_lost_connection_answers_once_and_is_bad, setup, teardown),
		cmocka_unit_test_setup_teardown(an_idle_death_is_seen_at_the_second_look, setup, teardown),
		cmocka_unit_test_setup_teardown(a_notification_is_no_death, setup, teardown),
		cmocka_unit_test_setup_teardown(events_fire_as_libpq_fires_them, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
