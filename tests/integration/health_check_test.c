/* B4, B6: check_on_checkout, which asks the server before a connection is lent. */
#include "handles.h"
#include "support/proxy.h"

#define CHECKED "pool.check_on_checkout=on sslmode=disable gssencmode=disable"

/* One that was used within the last second is lent unasked. */
static void outlive_use(void)
{
	for (int64_t start = pgtest_now_ms(); ms_since(start) < 1050;)
		blink();
}

/* ------------------------------------------------------------------ B4: the check cannot hang */

/* Connections of which nobody hears any more: the backend stands still, or the network swallows all. */
typedef struct patient {
	const char *type;
	int connections; /* all but one of them fall silent, or the only one */
	bool stops;	 /* the backend; else the network swallows */
	int limit_ms;	 /* how long an acquire may take */
	proxy *line;
	pgm_db *db;
	int pid[8];
	borrower next;
} patient;

static int silent(const patient *p)
{
	return p->connections > 1 ? p->connections - 1 : 1;
}

/* More bytes than the proxy lets through on one connection; then no limit any more for others. */
static void swallow_from_now_on(const patient *p, PGconn *const *conn)
{
	const char *sql = pgtest_format("SELECT length('%10000s')", "");

	for (int i = 0; i < silent(p); i++)
		must_run(conn[i], sql);
	proxy_limit(p->line, PROXY_TO_SERVER, 10000, PROXY_SWALLOW);
	proxy_limit(p->line, PROXY_TO_SERVER, -1, PROXY_SWALLOW);
}

/* What is given back last is lent first, so the one that still works is the last to be tried. */
static void fall_ill(patient *p)
{
	PGconn *conn[8];

	p->line = proxy_start();
	p->db = must_open("port=%d " CHECKED " type=%s pool.min_size=0 pool.max_size=%d", proxy_port(p->line), p->type,
			  p->connections);
	for (int i = 0; i < p->connections; i++) {
		conn[i] = must_acquire(p->db);
		p->pid[i] = PQbackendPID(conn[i]);
	}
	if (!p->stops)
		swallow_from_now_on(p, conn);
	for (int i = p->connections - 1; i >= 0; i--)
		pgm_release(conn[i]);
	for (int i = 0; p->stops && i < silent(p); i++)
		pgtest_stop(p->pid[i]);
}

static void must_recover(patient *p)
{
	assert_true(borrowed_within(&p->next, p->limit_ms + 20000));
	if (p->connections > 1)
		assert_int_equal(PQbackendPID(p->next.conn), p->pid[p->connections - 1]);
	else
		assert_int_not_equal(PQbackendPID(p->next.conn), p->pid[0]);
	assert_true(works(p->next.conn));
	assert_in_range(p->next.took_ms, 1, slow(p->limit_ms));
	assert_int_equal(stats_of(p->db).lost, silent(p));
	pgm_release(p->next.conn);
}

static void go_home(const patient *p)
{
	for (int i = 0; p->stops && i < silent(p); i++)
		pgtest_continue(p->pid[i]);
	pgm_close(p->db);
	proxy_stop(p->line);
}

/* All at the same time, as each takes its seconds. */
static void b04_a_silent_connection_is_dropped_in_time_and_the_next_taken(void **state)
{
	patient patients[] = {
		{.type = "normal", .connections = 1, .stops = true, .limit_ms = 4000},
		{.type = "normal", .connections = 1, .stops = false, .limit_ms = 4000},
		{.type = "pool", .connections = 2, .stops = true, .limit_ms = 4000},
		{.type = "pool", .connections = 2, .stops = false, .limit_ms = 4000},
		{.type = "pool",
		 .connections = 4,
		 .stops = false,
		 .limit_ms = 4500}, /* once one was silent, less patience */
	};
	const int n = (int)(sizeof patients / sizeof *patients);

	(void)state;
	for (int i = 0; i < n; i++)
		fall_ill(&patients[i]);
	outlive_use();
	for (int i = 0; i < n; i++)
		borrow_in_thread(&patients[i].next, patients[i].db, 30000);
	for (int i = 0; i < n; i++)
		must_recover(&patients[i]);
	assert_int_equal(pgtest_log_count("the server did not answer in time"), 1 + 1 + 1 + 1 + 3);
	for (int i = 0; i < n; i++)
		go_home(&patients[i]);
}

static void must_time_out(patient *p, int timeout_ms, int limit_ms)
{
	int64_t start = pgtest_now_ms(), timed_out = stats_of(p->db).timed_out;
	pgm_error err;

	assert_null(pgm_acquire_for(p->db, timeout_ms, &err));
	assert_within(start, limit_ms);
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_contains(err.message, pgtest_format("no connection within %g s", timeout_ms / 1000.0));
	assert_contains(err.message, "the server did not answer in time");
	assert_int_equal(stats_of(p->db).timed_out, timed_out + 1);
}

static void b04_the_check_keeps_nobody_much_longer_than_he_wanted_to_wait(void **state)
{
	patient p = {.type = "pool", .connections = 4, .stops = false, .limit_ms = 1500};

	(void)state;
	fall_ill(&p);
	outlive_use();
	must_time_out(&p, 900, 1600);
	must_time_out(&p, 100, 1500);
	borrow_in_thread(&p.next, p.db, 30000);
	must_recover(&p);
	go_home(&p);
}

/* -------------------------------------------------------------------------- B6: checks are cheap */

#define HOT_CHECKOUTS 10000

/* An empty query: Q, its length, and no text (PostgreSQL manual, 55.7). */
#define EMPTY_QUERY 6

/* The event-driven types send Parse, Bind, Describe, Execute and Sync in its place. */
#define EMPTY_PIPELINED 46

static void b06_hot_checkouts_send_nothing(void **state)
{
	static const char *const types[] = {"normal", "pool"};
	proxy *p = proxy_start();

	(void)state;
	for (int t = 0; t < 2; t++) {
		pgm_db *db = must_open("port=%d " CHECKED " type=%s pool.min_size=1 pool.max_size=1", proxy_port(p),
				       types[t]);
		long sent;

		pgm_release(must_acquire(db));
		sent = proxy_bytes(p, PROXY_TO_SERVER);
		for (int i = 0; i < HOT_CHECKOUTS; i++)
			pgm_release(must_acquire(db));
		assert_int_equal(stats_of(db).acquired, HOT_CHECKOUTS + 1);
		outlive_trust(); /* a look at the socket, and no question */
		pgm_release(must_acquire(db));
		assert_int_equal(proxy_bytes(p, PROXY_TO_SERVER), sent);
		pgm_close(db);
	}
	proxy_stop(p);
}

static void b06_after_a_second_an_empty_query_is_sent_where_asked_for(void **state)
{
	static const char *const types[] = {"normal", "pool"};
	proxy *p = proxy_start();
	pgm_db *checked[2], *unchecked[2];
	long sent;

	(void)state;
	for (int t = 0; t < 2; t++) {
		const char *pool = "pool.min_size=1 pool.max_size=1";

		checked[t] = must_open("port=%d " CHECKED " type=%s %s", proxy_port(p), types[t], pool);
		unchecked[t] = must_open("port=%d sslmode=disable gssencmode=disable type=%s %s", proxy_port(p),
					 types[t], pool);
		pgm_release(must_acquire(checked[t]));
		pgm_release(must_acquire(unchecked[t]));
	}
	outlive_use();
	sent = proxy_bytes(p, PROXY_TO_SERVER);
	for (int t = 0; t < 2; t++) {
		pgm_release(must_acquire(checked[t]));
		sent += pgtest_evented() ? EMPTY_PIPELINED : EMPTY_QUERY;
		assert_int_equal(proxy_bytes(p, PROXY_TO_SERVER), sent);
		pgm_release(must_acquire(unchecked[t]));
		assert_int_equal(proxy_bytes(p, PROXY_TO_SERVER), sent);
	}
	for (int t = 0; t < 2; t++) {
		pgm_close(checked[t]);
		pgm_close(unchecked[t]);
	}
	proxy_stop(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b04_a_silent_connection_is_dropped_in_time_and_the_next_taken),
		HANDLE_TEST(b04_the_check_keeps_nobody_much_longer_than_he_wanted_to_wait),
		HANDLE_TEST(b06_hot_checkouts_send_nothing),
		HANDLE_TEST(b06_after_a_second_an_empty_query_is_sent_where_asked_for),
	};

	return run_handle_tests(tests);
}
