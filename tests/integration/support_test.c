/* The tools of tests/support do what their headers say: who tests the tests. */
#include "unit/cmocka_all.h"

#include "support/blackhole.h"
#include "support/cluster.h"
#include "support/pgtest.h"
#include "support/proxy.h"
#include "support/sigtimer.h"
#include "support/stall.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHORT_MS 150 /* long enough to say that nothing comes */
#define LONG_MS 10000

/* ------------------------------------------------------------------------------- plain libpq */

/* conninfo of the server in use, with more at its end: the last of a keyword counts. */
static const char *conninfo(const char *more)
{
	const pgtest_server *s = pgtest_server_now();

	return pgtest_format("host=%s port=%s dbname=%s user=%s password=%s application_name=%s %s", s->host, s->port,
			     s->dbname, s->user, s->password, pgtest_application(), more);
}

static PGconn *connect_with(const char *more)
{
	PGconn *conn = PQconnectdb(conninfo(more));

	if (PQstatus(conn) != CONNECTION_OK)
		fail_msg("%s", PQerrorMessage(conn));
	return conn;
}

static PGconn *connect_to_port(int port)
{
	return connect_with(pgtest_format("port=%d", port));
}

/* Connects for that long; PGRES_POLLING_OK, _FAILED, or what it waits for at the end. */
static PostgresPollingStatusType try_connect(PGconn *conn, int timeout_ms)
{
	int64_t deadline = pgtest_now_ms() + timeout_ms;
	PostgresPollingStatusType polled = PGRES_POLLING_WRITING;

	while (polled == PGRES_POLLING_READING || polled == PGRES_POLLING_WRITING) {
		short events = polled == PGRES_POLLING_READING ? POLLIN : POLLOUT;
		struct pollfd fd = {.fd = PQsocket(conn), .events = events};
		int left = (int)(deadline - pgtest_now_ms());

		if (left <= 0 || poll(&fd, 1, left) <= 0)
			break;
		polled = PQconnectPoll(conn);
	}
	return polled;
}

static bool answers_within(PGconn *conn, int timeout_ms)
{
	int64_t deadline = pgtest_now_ms() + timeout_ms;

	while (PQisBusy(conn)) {
		struct pollfd fd = {.fd = PQsocket(conn), .events = POLLIN};
		int left = (int)(deadline - pgtest_now_ms());

		if (left <= 0 || poll(&fd, 1, left) <= 0 || !PQconsumeInput(conn))
			return false;
	}
	return true;
}

static void ask(PGconn *conn)
{
	assert_int_equal(PQsendQuery(conn, "SELECT 42"), 1);
}

static void read_answer(PGconn *conn)
{
	PGresult *res = PQgetResult(conn);

	assert_string_equal(PQgetvalue(res, 0, 0), "42");
	PQclear(res);
	assert_null(PQgetResult(conn));
}

static void assert_works(PGconn *conn)
{
	ask(conn);
	assert_true(answers_within(conn, LONG_MS));
	read_answer(conn);
}

/* Not by PQstatus: libpq leaves it at CONNECTION_OK when it was the sending that failed. */
static void assert_lost(PGconn *conn)
{
	PGresult *res = PQexec(conn, "SELECT 42");

	assert_int_equal(PQresultStatus(res), PGRES_FATAL_ERROR);
	PQclear(res);
}

/* What the socket says before libpq has looked at it: 0 at the end, else errno. */
static int end_of(const PGconn *conn)
{
	char byte;

	return recv(PQsocket(conn), &byte, 1, MSG_PEEK) == 0 ? 0 : errno;
}

/* ------------------------------------------------------------------------------------ pgtest */

static void yaml_is_the_server_with_the_changes_given(void **state)
{
	const char *yaml = pgtest_yaml("type=pool pool.max_size=%d sync.my.var='it\\'s' !password host=h", 3);

	(void)state;
	assert_non_null(strstr(yaml, "connection_type: 'pool'\n"));
	assert_non_null(strstr(yaml, "pool_settings:\n  max_size: '3'\n"));
	assert_non_null(strstr(yaml, "sync_settings:\n  my.var: 'it''s'\n"));
	assert_non_null(strstr(yaml, "  host: 'h'\n"));
	assert_null(strstr(yaml, "password"));
	assert_null(strstr(yaml, pgtest_server_now()->host));
}

static void yaml_is_what_the_library_reads(void **state)
{
	pgm_config *config = pgtest_config("type=pool pool.max_size=3");

	(void)state;
	assert_string_equal(pgm_config_get(config, "pool_settings", "max_size"), "3");
	assert_string_equal(pgm_config_get(config, "connection_settings", "port"), pgtest_server_now()->port);
	pgm_config_free(config);
}

static void backends_are_counted_and_terminated(void **state)
{
	PGconn *conn = connect_with("");

	(void)state;
	assert_int_equal(pgtest_connections(NULL), 1);
	pgtest_terminate(PQbackendPID(conn));
	assert_int_equal(pgtest_connections(NULL), 0);
	assert_lost(conn);
	PQfinish(conn);
}

static void a_stopped_backend_is_silent_until_it_is_continued(void **state)
{
	PGconn *conn = connect_with("");
	int pid = PQbackendPID(conn);

	(void)state;
	pgtest_stop(pid);
	ask(conn);
	assert_false(answers_within(conn, SHORT_MS));
	pgtest_continue(pid);
	assert_true(answers_within(conn, LONG_MS));
	read_answer(conn);
	PQfinish(conn);
}

static void *pass(void *barrier)
{
	pgtest_barrier_wait(barrier);
	return barrier;
}

static void a_thread_is_done_when_its_function_has_returned(void **state)
{
	pgtest_barrier barrier;
	pgtest_thread *thread;
	int threads;

	(void)state;
	/* With the first thread of a program a sanitizer starts one of its own. */
	pgtest_barrier_init(&barrier, 1);
	pgtest_join(pgtest_run(pass, &barrier));
	pgtest_barrier_destroy(&barrier);
	threads = pgtest_threads();

	pgtest_barrier_init(&barrier, 2);
	thread = pgtest_run(pass, &barrier);
	assert_int_equal(pgtest_threads(), threads + 1);
	assert_false(pgtest_done(thread, 20));
	pgtest_barrier_wait(&barrier);
	assert_true(pgtest_done(thread, LONG_MS));
	assert_ptr_equal(pgtest_join(thread), &barrier);
	assert_true(pgtest_threads_become(threads, LONG_MS));
	pgtest_barrier_destroy(&barrier);
}

static void the_log_is_kept_and_waited_for(void **state)
{
	(void)state;
	pgtest_log_start(PGM_LOG_DEBUG);
	pgm_config_free(pgtest_config("hosst=x"));
	pgtest_log_stop();
	assert_true(pgtest_log_wait("hosst", LONG_MS));
	assert_int_equal(pgtest_log_count("hosst"), 1);
	assert_false(pgtest_log_wait_count("hosst", 2, 20));
	pgtest_log_clear();
	assert_int_equal(pgtest_log_count(NULL), 0);
}

static void a_forked_child_has_a_side_connection_of_its_own(void **state)
{
	const char *parent = pgtest_query("SELECT pg_backend_pid()");
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(strcmp(pgtest_query("SELECT pg_backend_pid()"), parent) == 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_string_equal(pgtest_query("SELECT pg_backend_pid()"), parent);
}

/* ------------------------------------------------------------------------------------- proxy */

static void the_proxy_forwards_and_counts(void **state)
{
	proxy *p = proxy_start();
	PGconn *conn = connect_to_port(proxy_port(p));
	PGresult *res = PQexec(conn, "SELECT repeat('x', 1000000)");

	(void)state;
	assert_int_equal(PQgetlength(res, 0, 0), 1000000);
	PQclear(res);
	assert_int_equal(proxy_accepted(p), 1);
	assert_int_equal(proxy_open(p), 1);
	assert_true(proxy_bytes(p, PROXY_TO_CLIENT) > 1000000);
	assert_true(proxy_bytes(p, PROXY_TO_SERVER) > 30);
	PQfinish(conn);
	assert_true(proxy_wait_open(p, 0, LONG_MS));
	proxy_stop(p);
}

static void the_proxy_reaches_a_unix_socket(void **state)
{
	const pgtest_server *server = pgtest_server_now();
	proxy *p = proxy_start_to(server->socketdir, atoi(server->port));
	PGconn *conn = connect_to_port(proxy_port(p));

	(void)state;
	assert_works(conn);
	PQfinish(conn);
	proxy_stop(p);
}

static void what_the_proxy_holds_comes_later(void **state)
{
	proxy *p = proxy_start();
	PGconn *conn = connect_to_port(proxy_port(p));

	(void)state;
	proxy_set(p, PROXY_HOLD);
	ask(conn);
	assert_false(answers_within(conn, SHORT_MS));
	proxy_set(p, PROXY_FORWARD);
	assert_true(answers_within(conn, LONG_MS));
	read_answer(conn);
	PQfinish(conn);
	proxy_stop(p);
}

static void what_the_proxy_swallows_never_comes(void **state)
{
	proxy *p = proxy_start();
	PGconn *conn = connect_to_port(proxy_port(p));

	(void)state;
	proxy_set(p, PROXY_SWALLOW);
	ask(conn);
	assert_false(answers_within(conn, SHORT_MS));
	proxy_set(p, PROXY_FORWARD);
	assert_false(answers_within(conn, SHORT_MS));
	PQfinish(conn);
	proxy_stop(p);
}

static void the_proxy_delays_each_way(void **state)
{
	proxy *p = proxy_start();
	PGconn *conn = connect_to_port(proxy_port(p));
	int64_t before;

	(void)state;
	proxy_delay(p, 60);
	before = pgtest_now_ms();
	assert_works(conn);
	assert_true(pgtest_now_ms() - before >= 120);
	proxy_delay(p, 0);
	assert_works(conn);
	PQfinish(conn);
	proxy_stop(p);
}

static void a_reset_is_an_error_on_both_sides(void **state)
{
	proxy *p = proxy_start();
	PGconn *conn = connect_to_port(proxy_port(p)), *again;

	(void)state;
	proxy_set(p, PROXY_RESET);
	assert_int_equal(proxy_open(p), 0);
	assert_int_equal(end_of(conn), ECONNRESET);
	assert_lost(conn);
	assert_true(pgtest_connections_become(NULL, 0, LONG_MS));
	PQfinish(conn);
	again = PQconnectdb(conninfo(pgtest_format("port=%d", proxy_port(p))));
	assert_int_equal(PQstatus(again), CONNECTION_BAD);
	PQfinish(again);

	proxy_set(p, PROXY_FORWARD);
	conn = connect_to_port(proxy_port(p));
	proxy_cut(p);
	assert_lost(conn);
	PQreset(conn);
	assert_works(conn);
	PQfinish(conn);
	proxy_stop(p);
}

static void a_close_is_an_end_of_file(void **state)
{
	proxy *p = proxy_start();
	PGconn *conn = connect_to_port(proxy_port(p));

	(void)state;
	proxy_set(p, PROXY_CLOSE);
	assert_int_equal(end_of(conn), 0);
	assert_lost(conn);
	PQfinish(conn);
	proxy_stop(p);
}

static void a_refusing_proxy_lets_open_connections_go_on(void **state)
{
	proxy *p = proxy_start();
	PGconn *conn = connect_to_port(proxy_port(p)), *refused;

	(void)state;
	proxy_set(p, PROXY_REFUSE);
	refused = PQconnectdb(conninfo(pgtest_format("port=%d", proxy_port(p))));
	assert_non_null(strstr(PQerrorMessage(refused), "refused"));
	PQfinish(refused);
	assert_works(conn);
	proxy_set(p, PROXY_FORWARD);
	PQfinish(connect_to_port(proxy_port(p)));
	PQfinish(conn);
	proxy_stop(p);
}

static void a_limit_takes_effect_at_its_byte(void **state)
{
	proxy *p = proxy_start();
	PGconn *conn;

	(void)state;
	/* One byte: the answer to SSLRequest, or the first of the answer to the startup packet. */
	proxy_limit(p, PROXY_TO_CLIENT, 1, PROXY_HOLD);
	conn = PQconnectStart(conninfo(pgtest_format("port=%d", proxy_port(p))));
	assert_int_equal(try_connect(conn, SHORT_MS), PGRES_POLLING_READING);
	assert_int_equal(proxy_bytes(p, PROXY_TO_CLIENT), 1);
	PQfinish(conn);

	proxy_limit(p, PROXY_TO_CLIENT, 20, PROXY_RESET);
	conn = PQconnectStart(conninfo(pgtest_format("port=%d", proxy_port(p))));
	assert_int_equal(try_connect(conn, LONG_MS), PGRES_POLLING_FAILED);
	PQfinish(conn);

	proxy_limit(p, PROXY_TO_CLIENT, -1, PROXY_HOLD);
	PQfinish(connect_to_port(proxy_port(p)));
	proxy_stop(p);
}

/* ------------------------------------------------------------------------- holes and stalls */

static void a_silent_hole_takes_the_connection_and_says_nothing(void **state)
{
	blackhole *hole = blackhole_start(BLACKHOLE_SILENT, NULL, 0);
	PGconn *conn = PQconnectStart(conninfo(pgtest_format("port=%d", blackhole_port(hole))));

	(void)state;
	assert_int_equal(try_connect(conn, SHORT_MS), PGRES_POLLING_READING);
	PQfinish(conn);
	blackhole_stop(hole);
}

static void a_syn_hole_does_not_even_take_it(void **state)
{
	blackhole *hole = blackhole_start(BLACKHOLE_SYN, "127.0.0.2", atoi(pgtest_server_now()->port));
	const char *more = pgtest_format("host=127.0.0.2 port=%d", blackhole_port(hole));
	PGconn *conn = PQconnectStart(conninfo(more));

	(void)state;
	assert_int_equal(try_connect(conn, 2 * SHORT_MS), PGRES_POLLING_WRITING);
	assert_int_equal(PQstatus(conn), CONNECTION_STARTED);
	PQfinish(conn);
	blackhole_stop(hole);
}

static void a_stall_gets_as_far_as_its_step(void **state)
{
	static const ConnStatusType at[STALL_STEPS] = {
		[STALL_AT_ACCEPT] = CONNECTION_SSL_STARTUP,
		[STALL_AT_TLS] = CONNECTION_SSL_STARTUP,
		[STALL_AT_STARTUP] = CONNECTION_AWAITING_RESPONSE,
		[STALL_AT_PASSWORD] = CONNECTION_AWAITING_RESPONSE,
		[STALL_AT_READY] = CONNECTION_AUTH_OK,
		[STALL_AT_QUERY] = CONNECTION_OK,
	};

	(void)state;
	for (int step = 0; step < STALL_STEPS; step++) {
		stall *s = stall_start((stall_step)step);
		PGconn *conn = PQconnectStart(conninfo(pgtest_format("port=%d sslmode=prefer", stall_port(s))));
		PostgresPollingStatusType polled = try_connect(conn, step == STALL_AT_QUERY ? LONG_MS : SHORT_MS);

		assert_int_equal(polled, step == STALL_AT_QUERY ? PGRES_POLLING_OK : PGRES_POLLING_READING);
		assert_int_equal(PQstatus(conn), at[step]);
		assert_int_equal(stall_accepted(s), 1);
		if (step == STALL_AT_QUERY) {
			ask(conn);
			assert_false(answers_within(conn, SHORT_MS));
		}
		PQfinish(conn);
		stall_stop(s);
	}
}

/* ------------------------------------------------------------------------------------ signals */

static void the_timer_interrupts_a_thousand_times_a_second(void **state)
{
	struct timespec left = {.tv_sec = 0, .tv_nsec = 200000000};

	(void)state;
	sigtimer_start();
	while (nanosleep(&left, &left) != 0)
		assert_int_equal(errno, EINTR);
	sigtimer_stop();
	assert_true(sigtimer_count() >= 20); /* a busy machine merges some */
}

/* ----------------------------------------------------------------------------------- clusters */

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool goes_within(const char *path, int timeout_ms)
{
	int64_t deadline = pgtest_now_ms() + timeout_ms;

	while (is_there(path)) {
		if (pgtest_now_ms() >= deadline)
			return false;
		poll(NULL, 0, 10);
	}
	return true;
}

static void a_cluster_restarts_on_its_port_and_leaves_nothing(void **state)
{
	cluster *c = cluster_start("work_mem = 123kB", "local all nobody_special trust");
	const char *dir = cluster_server(c)->dir, *pid_file;
	PGconn *conn;
	pid_t pid;

	(void)state;
	pgtest_use(cluster_server(c));
	assert_string_equal(pgtest_query("SHOW work_mem"), "123kB");
	assert_int_equal(pgtest_number("SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'trust'"), 1);
	conn = connect_with("");
	cluster_restart(c, "immediate");
	assert_lost(conn);
	PQreset(conn);
	assert_works(conn);
	cluster_conf(c, "work_mem = 234kB");
	PQreset(conn);
	assert_string_equal(pgtest_query("SHOW work_mem"), "234kB");
	cluster_down(c, "fast");
	assert_lost(conn);
	assert_false(pgtest_until(0, "SELECT true"));
	cluster_up(c);
	PQreset(conn);
	pgtest_stop(PQbackendPID(conn)); /* not in the way of the end */
	pid_file = pgtest_format("%s/postmaster.pid", cluster_server(c)->datadir);
	assert_true(is_there(pid_file));
	pid = atoi(pgtest_query("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)"));
	assert_int_equal(kill(pid, 0), 0);
	cluster_stop(c);
	PQfinish(conn);
	assert_false(is_there(dir));
	assert_ptr_not_equal(pgtest_server_now(), NULL);
	PQfinish(connect_with(""));
}

/* Made in a child, which is then killed: nobody is left who could stop it. */
static void a_cluster_does_not_outlive_its_test(void **state)
{
	char dir[256] = "";
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		const char *mine = cluster_server(cluster_start(NULL, NULL))->dir;

		if (write(fds[1], mine, strlen(mine)) > 0)
			raise(SIGKILL);
		_exit(1);
	}
	close(fds[1]);
	while ((n = read(fds[0], dir + len, sizeof(dir) - 1 - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(len > 0);
	assert_true(goes_within(dir, LONG_MS));
}

static int run(const char *command)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void with_returns_the_status_and_leaves_nothing(void **state)
{
	const char *mark = pgtest_format("%s/with", pgtest_dir());
	char dir[256] = "";
	FILE *file;

	(void)state;
	assert_int_equal(run(pgtest_format("exec \"$PGM_TEST_SERVER\" with sh -c "
					   "'test -S \"$PGM_TEST_SOCKETDIR/.s.PGSQL.$PGM_TEST_PORT\" || exit 8;"
					   " printf %%s \"$PGM_TEST_DIR\" >%s; exit 7'",
					   mark)),
			 7);
	file = fopen(mark, "r");
	assert_non_null(file);
	assert_non_null(fgets(dir, sizeof(dir), file));
	fclose(file);
	assert_string_not_equal(dir, pgtest_server_now()->dir);
	assert_false(is_there(dir));
}

/* ---------------------------------------------------------------------------------------- TLS */

/* What libpq says when it connects with the certificates of tls.sh; "" if it works. */
static const char *tls_error(const char *more)
{
	PGconn *conn = PQconnectdb(
		conninfo(pgtest_format("sslmode=verify-full sslrootcert=%s %s", cluster_certificate("ca.crt"), more)));
	const char *error = pgtest_format("%s", PQerrorMessage(conn));

	if (PQstatus(conn) == CONNECTION_OK)
		assert_true(PQsslInUse(conn));
	PQfinish(conn);
	return error;
}

static const char *with_client(const char *name)
{
	return pgtest_format("sslcert=%s sslkey=%s", cluster_certificate(pgtest_format("%s.crt", name)),
			     cluster_certificate(pgtest_format("%s.key", name)));
}

static void certificates_are_good_and_bad_as_named(void **state)
{
	cluster *c = cluster_start(NULL, NULL);
	proxy *p;

	(void)state;
	pgtest_use(cluster_server(c));
	cluster_tls(c, "good");
	assert_string_equal(tls_error(""), "");
	p = proxy_start();
	assert_string_equal(tls_error(pgtest_format("port=%d", proxy_port(p))), "");
	proxy_stop(p);
	cluster_tls(c, "expired");
	/* libpq does not tell why; the alert that it sends does, in the server's log. */
	assert_non_null(strstr(tls_error(""), "certificate verify failed"));
	assert_true(pgtest_until(LONG_MS, "SELECT pg_read_file('%s') ~ 'alert certificate expired'",
				 pgtest_server_now()->log));
	cluster_tls(c, "wrongname");
	assert_non_null(strstr(tls_error(""), "other.example"));
	cluster_tls(c, "wrongca");
	assert_non_null(strstr(tls_error(""), "certificate verify failed"));
	cluster_tls(c, "good");
	cluster_hba(c, "hostssl all all all cert");
	assert_non_null(strstr(tls_error(""), "valid client certificate"));
	assert_string_equal(tls_error(with_client("client")), "");
	assert_string_not_equal(tls_error(with_client("wrongclient")), "");
	cluster_tls(c, NULL);
	assert_non_null(strstr(tls_error(""), "does not support SSL"));
	cluster_stop(c);
}

/* ---------------------------------------------------------------------------------- PgBouncer */

static void pgbouncer_pools_sessions_and_transactions(void **state)
{
	static const char *const modes[] = {"session", "transaction"};
	cluster *c = cluster_start(NULL, NULL);

	(void)state;
	pgtest_use(cluster_server(c));
	for (int i = 0; i < 2; i++) {
		int port = pgbouncer_start(cluster_server(c), modes[i]);
		PGconn *one = connect_to_port(port), *two = connect_to_port(port);

		assert_works(one);
		assert_works(two);
		/* One after the other: transactions share one server connection, sessions do not. */
		assert_int_equal(pgtest_connections(NULL), i == 0 ? 2 : 1);
		PQfinish(one);
		PQfinish(two);
		if (i == 0)
			pgbouncer_stop(cluster_server(c), modes[i]);
		assert_true(i == 1 || pgtest_connections_become(NULL, 0, LONG_MS));
	}
	cluster_stop(c); /* and the second PgBouncer with it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(yaml_is_the_server_with_the_changes_given),
		cmocka_unit_test(yaml_is_what_the_library_reads),
		cmocka_unit_test(backends_are_counted_and_terminated),
		cmocka_unit_test(a_stopped_backend_is_silent_until_it_is_continued),
		cmocka_unit_test(a_thread_is_done_when_its_function_has_returned),
		cmocka_unit_test(the_log_is_kept_and_waited_for),
		cmocka_unit_test(a_forked_child_has_a_side_connection_of_its_own),
		cmocka_unit_test(the_proxy_forwards_and_counts),
		cmocka_unit_test(the_proxy_reaches_a_unix_socket),
		cmocka_unit_test(what_the_proxy_holds_comes_later),
		cmocka_unit_test(what_the_proxy_swallows_never_comes),
		cmocka_unit_test(the_proxy_delays_each_way),
		cmocka_unit_test(a_reset_is_an_error_on_both_sides),
		cmocka_unit_test(a_close_is_an_end_of_file),
		cmocka_unit_test(a_refusing_proxy_lets_open_connections_go_on),
		cmocka_unit_test(a_limit_takes_effect_at_its_byte),
		cmocka_unit_test(a_silent_hole_takes_the_connection_and_says_nothing),
		cmocka_unit_test(a_syn_hole_does_not_even_take_it),
		cmocka_unit_test(a_stall_gets_as_far_as_its_step),
		cmocka_unit_test(the_timer_interrupts_a_thousand_times_a_second),
		cmocka_unit_test(a_cluster_restarts_on_its_port_and_leaves_nothing),
		cmocka_unit_test(a_cluster_does_not_outlive_its_test),
		cmocka_unit_test(with_returns_the_status_and_leaves_nothing),
		cmocka_unit_test(certificates_are_good_and_bad_as_named),
		cmocka_unit_test(pgbouncer_pools_sessions_and_transactions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
