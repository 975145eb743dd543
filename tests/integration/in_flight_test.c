/* B45, B47: what becomes of statements under way when their connection is lost, and when their time is up. */
#include "driven.h"
#include "outage.h"

#define ASYNC "type=async "
#define POOL(size) "type=async_pool async_pool.min_size=" #size " async_pool.max_size=" #size " "

static int table_setup(void **state)
{
	pgtest_exec("CREATE TABLE flown (n int); GRANT ALL ON flown TO PUBLIC");
	return handles_setup(state);
}

static int table_teardown(void **state)
{
	int outcome = handles_teardown(state);

	pgtest_exec("DROP TABLE flown");
	return outcome;
}

#define FLIGHT_TEST(test) cmocka_unit_test_setup_teardown(test, table_setup, table_teardown)

static driven drive_full(int looped, const char *settings, int size)
{
	driven d = drive(looped, settings);

	ask_driven(&d, "SELECT 1");
	turn_until(&d, stats_of(d.db).idle == size);
	return d;
}

static int backend_of(const driven *d)
{
	return atoi(ask_driven(d, "SELECT pg_backend_pid()").value);
}

/* A row each: what has run can be seen, and how often. */
static const char *insert(int n)
{
	return pgtest_format("INSERT INTO flown VALUES (%d)", n);
}

static long rows_of(int n)
{
	return pgtest_number("SELECT count(*) FROM flown WHERE n = %d", n);
}

static void must_insert(const driven *d, int n, int timeout_ms, answers *a)
{
	const pgm_query query = {.sql = insert(n), .timeout_ms = timeout_ms};

	must_submit_with(d->db, &query, a);
}

static bool is_unknown(const answers *a)
{
	return strcmp(a->sqlstate, "08007") == 0;
}

static void expect_unknown(const answers *a, pgm_code code)
{
	assert_int_equal(a->calls, 1);
	expect_code(a, code);
	assert_string_equal(a->sqlstate, "08007");
	assert_contains(a->message, "may or may not have run");
	assert_string_equal(a->value, "");
}

/* ----------------------------------------------------------------------------------------- B45 */

/* The third ends its own backend: two have run, up to 64 are sent and lost, the rest has not been sent. */
static void b45_completed_unknown_and_not_sent_are_told_apart(void **state)
{
	enum { MANY = 100 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive_full(i, ASYNC, 1);
		static answers a[MANY];
		int unknown = 0;

		memset(a, 0, sizeof a);
		pgtest_exec("TRUNCATE flown");
		for (int k = 0; k < MANY; k++) {
			if (k == 2)
				must_submit(d.db, "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(10)", &a[k]);
			else
				must_insert(&d, k, 0, &a[k]);
		}
		must_be_answered(&d, &a[MANY - 1]);
		for (int k = 0; k < MANY; k++) {
			assert_int_equal(a[k].calls, 1);
			assert_int_equal(rows_of(k), a[k].code == PGM_OK);
			if (a[k].code == PGM_OK)
				continue;
			expect_unknown(&a[k], PGM_ERR_BROKEN);
			assert_int_equal(k, 2 + unknown++);
		}
		assert_in_range(unknown, 1, DEPTH);
		assert_contains(a[2].message, "terminating connection");
		assert_int_equal(stats_of(d.db).opened, 2);
		assert_int_equal(stats_of(d.db).lost, 1);
		undrive(&d);
	}
}

/* The answer lies unread when writing the next statements finds out that nobody is there any more. */
static void b45_an_answer_that_had_come_counts_though_writing_fails(void **state)
{
	const char *hosts[] = {"", pgtest_format("host='%s'", pgtest_server_now()->socketdir)};

	(void)state;
	for (int i = 0; i < 4; i++) {
		driven d = drive_full(i % 2, pgtest_format(ASYNC "%s", hosts[i / 2]), 1);
		answers first = {.calls = 0}, others = {.wanted = 5};
		int pid = backend_of(&d);

		pgtest_exec("TRUNCATE flown");
		must_submit(d.db, insert(1), &first);
		assert_true(pgtest_until(slow(5000), "SELECT count(*) = 1 FROM flown")); /* and it has said so: */
		assert_true(
			pgtest_until(slow(5000), "SELECT state = 'idle' FROM pg_stat_activity WHERE pid = %d", pid));
		pgtest_terminate(pid);
		for (int k = 0; k < others.wanted; k++) {
			must_submit(d.db, insert(2), &others);
			poll(NULL, 0, 2); /* the refusal comes back */
		}
		must_be_answered(&d, &others);
		assert_int_equal(first.calls, 1);
		expect_code(&first, PGM_OK);
		assert_true(others.failed > 0);
		assert_int_equal(rows_of(1), 1);
		assert_int_equal(rows_of(2), others.wanted - others.failed);
		undrive(&d);
	}
}

/* It is committed, and its answer is lost on the way: nobody can tell, and nobody tries again. */
static void b45_what_ran_and_lost_its_answer_is_unknown_and_not_run_again(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		proxy *p = proxy_start();
		driven d = drive_full(i, pgtest_format(ASYNC PROXIED, proxy_port(p)), 1);
		answers a = {.calls = 0}, next = {.calls = 0}, waiting = {.wanted = DEPTH + 12};

		pgtest_exec("TRUNCATE flown");
		must_submit(d.db, "INSERT INTO flown SELECT 1 FROM pg_sleep(0.2)", &a);
		must_insert(&d, 2, 0, &next);
		turn_for(&d, 50);
		proxy_set(p, PROXY_HOLD);
		assert_true(pgtest_until(slow(5000), "SELECT count(*) = 2 FROM flown"));
		for (int k = 0; k < waiting.wanted; k++) /* what there is room for is sent, and goes nowhere */
			must_insert(&d, 3, 0, &waiting);
		turn_for(&d, 20);
		assert_int_equal(a.calls + next.calls + waiting.calls, 0);
		proxy_cut(p);
		proxy_set(p, PROXY_FORWARD);
		must_be_answered(&d, &waiting);
		expect_unknown(&a, PGM_ERR_BROKEN);
		expect_unknown(&next, PGM_ERR_BROKEN);
		assert_int_equal(waiting.failed, DEPTH - 2);
		assert_int_equal(rows_of(1), 1);
		assert_int_equal(rows_of(2), 1);
		assert_int_equal(rows_of(3), waiting.wanted - (DEPTH - 2));
		undrive(&d);
		proxy_stop(p);
	}
}

/* Those that were not sent wait for the server, as long as reconnect_timeout says. */
static void b45_what_was_not_sent_runs_when_the_server_is_back(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		proxy *p = proxy_start();
		driven d = drive_full(i, pgtest_format(POOL(2) PROXIED, proxy_port(p)), 2);
		answers sent = {.wanted = 2 * DEPTH}, unsent = {.wanted = 10};

		pgtest_exec("TRUNCATE flown");
		for (int k = 0; k < sent.wanted; k++)
			must_submit(d.db, "INSERT INTO flown SELECT 1 FROM pg_sleep(0.4)", &sent);
		for (int k = 0; k < unsent.wanted; k++)
			must_insert(&d, 2, 0, &unsent);
		turn_for(&d, 20);
		assert_int_equal(stats_of(d.db).waiting, unsent.wanted);
		lose_server(p);
		turn_until(&d, stats_of(d.db).open_failed > 0);
		must_be_answered(&d, &sent);
		assert_int_equal(sent.failed, sent.wanted);
		assert_true(is_unknown(&sent));
		assert_int_equal(unsent.calls, 0);
		proxy_set(p, PROXY_FORWARD);
		must_be_answered(&d, &unsent);
		assert_int_equal(unsent.failed, 0);
		assert_int_equal(rows_of(2), unsent.wanted);
		undrive(&d);
		proxy_stop(p);
	}
}

static void b45_what_was_not_sent_in_time_is_told_so_and_never_runs(void **state)
{
	driven d;
	proxy *p = proxy_start();
	answers a = {.wanted = 5};

	(void)state;
	d = drive_full(1, pgtest_format(ASYNC PROXIED " async_pool.reconnect_timeout=1", proxy_port(p)), 1);
	lose_server(p);
	for (int k = 0; k < a.wanted; k++)
		must_insert(&d, 1, 0, &a);
	/* Written into a socket that is dead already they would be unknown. */
	must_be_answered(&d, &a);
	assert_int_equal(a.failed, a.wanted);
	proxy_set(p, PROXY_FORWARD);
	turn_until(&d, stats_of(d.db).idle == 1);
	assert_int_equal(rows_of(1), 0);
	undrive(&d);
	proxy_stop(p);
}

/* On a borrowed connection nothing goes elsewhere: it was to be this one. */
static void b45_on_a_borrowed_connection_each_is_told_what_became_of_it(void **state)
{
	enum { MANY = DEPTH + 10, SENT = DEPTH }; /* and one more, when the first is answered */

	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive_full(i, POOL(2), 2);
		static answers a[MANY];
		PGconn *conn = must_lend(&d);

		memset(a, 0, sizeof a);
		pgtest_exec("TRUNCATE flown");
		for (int k = 0; k < MANY; k++)
			must_send_on(conn,
				     k == 1 ? "SELECT pg_terminate_backend(pg_backend_pid()) FROM pg_sleep(0.3)"
					    : insert(k),
				     &a[k]);
		must_be_answered(&d, &a[MANY - 1]);
		expect_code(&a[0], PGM_OK);
		for (int k = 1; k < SENT; k++)
			expect_unknown(&a[k], PGM_ERR_BROKEN);
		for (int k = SENT + 1; k < MANY; k++) {
			expect_code(&a[k], PGM_ERR_BROKEN);
			assert_contains(a[k].message, "was not sent");
			assert_string_equal(a[k].sqlstate, "");
		}
		assert_int_equal(pgtest_number("SELECT count(*) FROM flown"), 1);
		pgm_release(conn);
		assert_string_equal(ask_driven(&d, "SELECT 42").value, "42");
		undrive(&d);
	}
}

/* ----------------------------------------------------------------------------------------- B47 */

/* Because the only connection is lent, or because as many are before it as a connection takes. */
static void b47_one_that_was_not_sent_is_withdrawn_and_never_runs(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive_full(i, ASYNC, 1);
		answers a = {.calls = 0}, b = {.calls = 0}, before = {.wanted = DEPTH}, after = {.calls = 0};
		PGconn *conn = must_lend(&d);
		int64_t start = pgtest_now_ms();

		pgtest_exec("TRUNCATE flown");
		must_insert(&d, 1, 100, &a);
		must_be_answered(&d, &a);
		assert_in_range(ms_since(start), 100, 100 + slow(1000));
		expect_code(&a, PGM_ERR_TIMEOUT);
		assert_string_equal(a.sqlstate, ""); /* it is known not to have run */
		pgm_release(conn);
		for (int k = 0; k < before.wanted; k++)
			must_submit(d.db, k ? "SELECT 1" : "SELECT pg_sleep(0.4)", &before);
		must_insert(&d, 2, 100, &b);
		must_submit(d.db, insert(3), &after);
		must_be_answered(&d, &b);
		expect_code(&b, PGM_ERR_TIMEOUT);
		if (before.calls == 0) /* else this machine is very slow, and it has been sent */
			assert_string_equal(b.sqlstate, "");
		must_be_answered(&d, &after);
		assert_int_equal(before.failed, 0);
		assert_int_equal(before.calls, before.wanted);
		assert_int_equal(rows_of(1), 0);
		assert_int_equal(rows_of(2), is_unknown(&b));
		assert_int_equal(rows_of(3), 1);
		assert_int_equal(stats_of(d.db).lost, 0);
		undrive(&d);
	}
}

/* It is answered in time; what is before it and behind it goes on; whether it runs is not known, and said so. */
static void b47_one_that_waits_behind_others_is_answered_in_time(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive_full(i, ASYNC, 1);
		const pgm_query endless = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 150};
		answers first = {.calls = 0}, late = {.calls = 0}, later = {.calls = 0}, last = {.calls = 0};
		int64_t start = pgtest_now_ms();

		pgtest_exec("TRUNCATE flown");
		must_submit(d.db, "SELECT pg_sleep(0.6)", &first);
		must_insert(&d, 1, 150, &late);
		must_submit_with(d.db, &endless, &later);
		must_submit(d.db, insert(2), &last);
		must_be_answered(&d, &late);
		must_be_answered(&d, &later);
		assert_in_range(ms_since(start), 150, slow(590));
		assert_int_equal(first.calls + last.calls, 0);
		expect_code(&late, PGM_ERR_TIMEOUT);
		assert_true(is_unknown(&late));
		assert_contains(late.message, "may still run");
		must_be_answered(&d, &last); /* the endless one was cancelled, though nobody waits for it any more */
		expect_code(&first, PGM_OK);
		expect_code(&last, PGM_OK);
		assert_int_equal(rows_of(1), 1);
		assert_int_equal(rows_of(2), 1);
		assert_int_equal(late.calls + later.calls, 2);
		assert_int_equal(stats_of(d.db).lost, 0);
		undrive(&d);
	}
}

static void b47_one_that_runs_is_cancelled_and_its_neighbours_are_not_hurt(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) { /* with an idle connection that can ask, and without */
		driven d = i < 2 ? drive_full(i, ASYNC, 1) : drive_full(i % 2, POOL(2), 2);
		const pgm_query endless = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 100};
		answers before = {.calls = 0}, late = {.calls = 0}, after = {.wanted = 5};
		int64_t start = pgtest_now_ms();

		pgtest_exec("TRUNCATE flown");
		must_submit(d.db, insert(1), &before);
		must_submit_with(d.db, &endless, &late);
		for (int k = 0; k < after.wanted; k++)
			must_submit(d.db, insert(2), &after);
		must_be_answered(&d, &late);
		must_be_answered(&d, &after);
		assert_in_range(ms_since(start), 100, slow(3000));
		expect_code(&before, PGM_OK);
		expect_code(&late, PGM_ERR_TIMEOUT);
		assert_contains(late.message, "was cancelled");
		assert_int_equal(after.failed, 0);
		assert_int_equal(rows_of(1), 1);
		assert_int_equal(rows_of(2), after.wanted);
		assert_true(pgtest_until(slow(3000),
					 "SELECT count(*) = 0 FROM pg_stat_activity WHERE state = 'active' AND "
					 "application_name = '%s'",
					 pgtest_application()));
		assert_int_equal(stats_of(d.db).lost, 0);
		undrive(&d);
	}
}

/* It would hit what comes next: that waits until the cancel is over, and the connection with it. */
static void b47_nothing_is_sent_where_a_cancel_is_under_way(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		driven d = drive_full(i, ASYNC, 1);
		const pgm_query endless = {.sql = "SELECT pg_sleep(60)", .timeout_ms = 50};
		answers late = {.calls = 0}, next = {.wanted = 3};
		int pid = backend_of(&d);

		pgtest_exec("TRUNCATE flown");
		must_submit_with(d.db, &endless, &late);
		wait_active(pid, "pg_sleep(60)");
		pgtest_stop(pid); /* so that it does not end at once */
		turn_for(&d, 100);
		for (int k = 0; k < next.wanted; k++)
			must_submit(d.db, insert(1), &next);
		turn_for(&d, 20);
		assert_int_equal(stats_of(d.db).waiting, next.wanted);
		pgtest_continue(pid);
		must_be_answered(&d, &next);
		assert_int_equal(late.calls, 1);
		expect_code(&late, PGM_ERR_TIMEOUT);
		assert_int_equal(next.failed, 0);
		assert_int_equal(rows_of(1), next.wanted);
		assert_int_equal(stats_of(d.db).lost, 0);
		undrive(&d);
	}
}

/* Statements that end in the very moment in which they are late: whatever is told is true, of each and of the one
 * behind it. */
static void b47_a_statement_that_ends_as_it_is_late_harms_nobody(void **state)
{
	enum { ROUNDS = 120 };
	static answers late[ROUNDS], next[ROUNDS];
	driven d = drive_full(1, POOL(2), 2);
	int in_time = 0, hit = 0;

	(void)state;
	memset(late, 0, sizeof late);
	memset(next, 0, sizeof next);
	for (int k = 0; k < ROUNDS; k++) {
		const pgm_query query = {
			.sql = pgtest_format("INSERT INTO flown SELECT %d FROM pg_sleep(0.00%d)", k, 3 + k % 5),
			.timeout_ms = 5};

		must_submit_with(d.db, &query, &late[k]);
		must_submit(d.db, insert(ROUNDS + k), &next[k]);
		if (k % 2)
			turn_until(&d, next[k].calls && next[k - 1].calls);
	}
	turn_until(&d, stats_of(d.db).lent == 0 && stats_of(d.db).waiting == 0);
	for (int k = 0; k < ROUNDS; k++) {
		long ran = rows_of(k);

		assert_int_equal(late[k].calls, 1);
		assert_int_equal(next[k].calls, 1);
		if (late[k].code == PGM_OK)
			assert_int_equal(ran, 1);
		else if (!is_unknown(&late[k]))
			assert_int_equal(ran, 0);
		in_time += late[k].code == PGM_OK;
		assert_int_equal(rows_of(ROUNDS + k), next[k].code == PGM_OK);
		if (next[k].code == PGM_OK)
			continue;
		assert_string_equal(next[k].sqlstate, "57014");
		assert_contains(next[k].message, "it was not run: it was cancelled in place of a late statement");
		hit++;
	}
	print_message("%d of %d in time, %d cancelled in place of another\n", in_time, ROUNDS, hit);
	assert_int_equal(stats_of(d.db).lost, 0);
	undrive(&d);
}

/* What is half written cannot be taken back: its connection goes, and whoever was on it is told. */
static void b47_one_that_cannot_be_written_in_time_costs_its_connection_only(void **state)
{
	enum { SIZE = 8 << 20 };
	char *large = malloc(SIZE + 1);
	const char *params[] = {large};
	const pgm_query query = {
		.sql = "INSERT INTO flown SELECT length($1::text)", .nparams = 1, .params = params, .timeout_ms = 200};
	driven d = drive_full(1, POOL(2), 2);
	answers a = {.calls = 0}, other = {.wanted = 20};
	int pid;

	(void)state;
	assert_non_null(large);
	memset(large, 'y', SIZE);
	large[SIZE] = '\0';
	pid = backend_of(&d); /* the one that was used last is taken next */
	pgtest_stop(pid);
	must_submit_with(d.db, &query, &a);
	for (int k = 0; k < other.wanted; k++)
		must_submit(d.db, "SELECT 1", &other);
	must_be_answered(&d, &other);
	assert_int_equal(other.failed, 0);
	must_be_answered(&d, &a);
	expect_code(&a, PGM_ERR_TIMEOUT);
	assert_true(is_unknown(&a));
	turn_until(&d, stats_of(d.db).lost == 1);
	pgtest_continue(pid);
	assert_string_equal(ask_driven(&d, "SELECT 42").value, "42");
	undrive(&d);
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLIGHT_TEST(b45_completed_unknown_and_not_sent_are_told_apart),
		FLIGHT_TEST(b45_an_answer_that_had_come_counts_though_writing_fails),
		FLIGHT_TEST(b45_what_ran_and_lost_its_answer_is_unknown_and_not_run_again),
		FLIGHT_TEST(b45_what_was_not_sent_runs_when_the_server_is_back),
		FLIGHT_TEST(b45_what_was_not_sent_in_time_is_told_so_and_never_runs),
		FLIGHT_TEST(b45_on_a_borrowed_connection_each_is_told_what_became_of_it),
		FLIGHT_TEST(b47_one_that_was_not_sent_is_withdrawn_and_never_runs),
		FLIGHT_TEST(b47_one_that_waits_behind_others_is_answered_in_time),
		FLIGHT_TEST(b47_one_that_runs_is_cancelled_and_its_neighbours_are_not_hurt),
		FLIGHT_TEST(b47_nothing_is_sent_where_a_cancel_is_under_way),
		FLIGHT_TEST(b47_a_statement_that_ends_as_it_is_late_harms_nobody),
		FLIGHT_TEST(b47_one_that_cannot_be_written_in_time_costs_its_connection_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
