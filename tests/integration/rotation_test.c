/* B18, B19: what new connections are made with, and when old ones are replaced by them. */
#include "handles.h"
#include "support/cluster.h"
#include "support/proxy.h"
#include "support/shim.h"

#include <stdatomic.h>

static const char *const types[] = {"normal", "pool"};

static void resolving_takes(int ms)
{
	setenv("PGM_SHIM_RESOLVE_MS", pgtest_format("%d", ms), 1);
}

static int rotation_setup(void **state)
{
	resolving_takes(0);
	return handles_setup(state);
}

#define ROTATION_TEST(test) cmocka_unit_test_setup_teardown(test, rotation_setup, handles_teardown)

/* Connecting, and who is too old, are the same code for all types: what is theirs alone is tried on the blocking ones. */
#define BLOCKING_ROTATION_TEST(test) TEST_OF(BLOCKING_ONLY, test, rotation_setup, handles_teardown)

static int backend_of(PGconn *conn)
{
	return atoi(ask(conn, "SELECT pg_backend_pid()"));
}

/* One that is lent for a moment. */
static int some_backend(pgm_db *db)
{
	PGconn *conn = must_acquire(db);
	int pid = backend_of(conn);

	pgm_release(conn);
	return pid;
}

static bool is_there(int pid)
{
	return pgtest_number("SELECT count(*) FROM pg_stat_activity WHERE pid = %d", pid) == 1;
}

static void must_be_ready(pgm_db *db)
{
	pgm_error err;

	if (!pgm_wait_ready(db, slow(5000), &err))
		fail_msg("%s", err.message);
}

static void wait_closed(pgm_db *db, int64_t count)
{
	int64_t start = pgtest_now_ms();

	while (stats_of(db).closed < count && ms_since(start) < slow(5000))
		blink();
	assert_true(stats_of(db).closed >= count);
}

/* -------------------------------------------------------------------------- the server's account */

static long log_begin;

static FILE *open_log(void)
{
	FILE *log = fopen(pgtest_server_now()->log, "r");

	assert_non_null(log);
	return log;
}

static void account_starts_here(void)
{
	FILE *log = open_log();

	assert_int_equal(fseek(log, 0, SEEK_END), 0);
	log_begin = ftell(log);
	fclose(log);
}

#define MOST_SESSIONS 200

/* What the server wrote down of this program's sessions. */
typedef struct account {
	int begun, ended;
	int pid[MOST_SESSIONS]; /* of those that have begun: an older one may be ending late */
	int least;		/* sessions at a time, from the moment that there were as many as wanted */
	double shortest, longest;
} account;

static bool has_begun(const account *a, int pid)
{
	for (int i = 0; i < a->begun; i++)
		if (a->pid[i] == pid)
			return true;
	return false;
}

static void add_end(account *a, const char *session_time)
{
	int hours, minutes;
	double seconds;

	assert_int_equal(sscanf(session_time, "session time: %d:%d:%lf", &hours, &minutes, &seconds), 3);
	seconds += 60 * minutes;
	a->ended++;
	a->shortest = seconds < a->shortest ? seconds : a->shortest;
	a->longest = seconds > a->longest ? seconds : a->longest;
}

/* A line is "DATE TIME ZONE [PID] WORDS". */
static void add_to_account(account *a, const char *line, int wanted)
{
	const char *end = strstr(line, "session time: ");
	int pid = atoi(strchr(line, '[') + 1);

	if (strstr(line, "connection authorized:") && a->begun < MOST_SESSIONS)
		a->pid[a->begun++] = pid;
	else if (end && has_begun(a, pid))
		add_end(a, end);
	if (a->begun - a->ended < a->least && a->begun >= wanted)
		a->least = a->begun - a->ended;
}

static account read_account(int wanted)
{
	account a = {.least = 1 << 20, .shortest = 1e9};
	FILE *log = open_log();
	char line[2048];

	assert_int_equal(fseek(log, log_begin, SEEK_SET), 0);
	while (fgets(line, sizeof line, log))
		if (strstr(line, pgtest_application()) && strchr(line, '['))
			add_to_account(&a, line, wanted);
	fclose(log);
	return a;
}

/* The server writes it down a little later. */
static account account_with(int ended, int wanted)
{
	int64_t start = pgtest_now_ms();
	account a = read_account(wanted);

	while (a.ended < ended && ms_since(start) < slow(5000)) {
		blink();
		a = read_account(wanted);
	}
	assert_true(a.ended >= ended);
	return a;
}

/* --------------------------------------------------------------------- what connections are made with */

static const char *make_role(const char *password)
{
	static int number;
	const char *role = pgtest_format("b18_%ld_%d", (long)getpid(), ++number);

	pgtest_exec("CREATE ROLE %s LOGIN PASSWORD '%s'", role, password);
	return role;
}

static void drop_role(const char *role)
{
	assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
	pgtest_exec("DROP ROLE %s", role);
}

/* Its path. The old one is replaced as a whole: the keeper may be reading it. */
static const char *password_file(const char *password)
{
	const char *path = pgtest_format("%s/passwords", pgtest_dir());

	assert_int_equal(rename(pgtest_file("new", pgtest_format("*:*:*:*:%s\n", password)), path), 0);
	return path;
}

static pgm_db *must_open_with_file(const char *type, const char *role)
{
	return must_open("type=%s pool.min_size=2 pool.max_size=3 user=%s !password passfile=%s", type, role,
			 password_file("old"));
}

static void b18_a_changed_password_file_is_used_by_the_next_connection(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *role = make_role("old");
		pgm_db *db = must_open_with_file(types[i], role);
		PGconn *conn = must_acquire(db);

		must_be_ready(db); /* none is on its way with the old one */
		assert_string_equal(PQpass(conn), "old");
		pgtest_exec("ALTER ROLE %s PASSWORD 'new'", role);
		password_file("new");
		pgm_drain(db);
		assert_true(works(conn)); /* no session ends by that */
		pgm_release(conn);
		conn = must_acquire(db);
		assert_string_equal(PQpass(conn), "new");
		pgm_release(conn);
		must_be_ready(db);
		assert_int_equal(stats_of(db).open_failed, 0);
		pgm_close(db);
		drop_role(role);
	}
}

static void b18_a_handle_that_was_refused_works_once_the_password_file_is_right(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *role = make_role("old");
		pgm_db *db = must_open_with_file(types[i], role);
		pgm_error err;

		must_be_ready(db);
		pgtest_exec("ALTER ROLE %s PASSWORD 'new'", role);
		pgtest_exec("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = '%s'", role);
		assert_null(pgm_acquire_for(db, slow(10000), &err));
		assert_int_equal(err.code, PGM_ERR_AUTH);
		assert_string_equal(err.sqlstate, "28P01");
		wait_stats(db, opening, 0); /* as above */
		password_file("new");
		pgm_release(must_acquire(db));
		pgm_close(db);
		drop_role(role);
	}
}

static void copy_certificate(const char *name)
{
	const char *to = pgtest_format("%s/mine", pgtest_dir());

	assert_int_equal(system(pgtest_format("cp '%s' '%s.crt' && cp '%s' '%s.key'",
					      cluster_certificate(pgtest_format("%s.crt", name)), to,
					      cluster_certificate(pgtest_format("%s.key", name)), to)),
			 0);
}

static const char *certificate_of(PGconn *conn)
{
	return ask(conn, "SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
}

/* Two certificates that the server takes, each with a name of its own. */
static void b18_a_changed_client_certificate_is_used_by_the_next_connection(void **state)
{
	cluster *c = cluster_start(NULL, "hostssl all pgm_test all scram-sha-256 clientcert=verify-ca");

	(void)state;
	cluster_tls(c, "good");
	pgtest_use(cluster_server(c));
	for (int i = 0; i < 2; i++) {
		PGconn *conn;
		pgm_db *db;

		copy_certificate("client");
		db = must_open("type=%s pool.min_size=1 pool.max_size=2 sslmode=require sslcert='%s/mine.crt' "
			       "sslkey='%s/mine.key'",
			       types[i], pgtest_dir(), pgtest_dir());
		conn = must_acquire(db);
		assert_string_equal(certificate_of(conn), "/CN=pgm_test");
		copy_certificate("good");
		pgm_drain(db);
		assert_true(works(conn));
		pgm_release(conn);
		conn = must_acquire(db);
		assert_string_equal(certificate_of(conn), "/CN=localhost");
		pgm_release(conn);
		pgm_close(db);
	}
	assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
	cluster_stop(c);
}

/* ---------------------------------------------------------------------------------------- drain */

static void b18_drain_replaces_idle_connections_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		int many = i ? 3 : 1;
		pgm_db *db = must_open("type=%s pool.min_size=3 pool.max_size=5", types[i]);

		must_be_ready(db);
		pgtest_exec("CREATE TEMP TABLE old AS SELECT pid FROM pg_stat_activity WHERE application_name = '%s'",
			    pgtest_application());
		assert_int_equal(pgtest_number("SELECT count(*) FROM old"), many);
		pgm_drain(db);
		assert_int_equal(pgtest_number("SELECT count(*) FROM old WHERE pid = %d", some_backend(db)), 0);
		assert_true(pgtest_until(slow(5000), "SELECT NOT EXISTS (SELECT FROM old JOIN pg_stat_activity USING "
						     "(pid))"));
		assert_true(pgtest_connections_become(NULL, many, slow(3000)));
		pgtest_exec("DROP TABLE old");
		pgm_close(db);
	}
}

static void b18_drain_replaces_lent_connections_as_they_come_back(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		int many = i ? 3 : 1, old[3];
		PGconn *conn[3];
		pgm_db *db = must_open("type=%s pool.min_size=3 pool.max_size=3", types[i]);

		for (int k = 0; k < many; k++) {
			conn[k] = must_acquire(db);
			old[k] = backend_of(conn[k]);
		}
		pgm_drain(db);
		for (int k = 0; k < many; k++)
			assert_int_equal(backend_of(conn[k]), old[k]);
		for (int k = 0; k < many; k++) {
			pgm_release(conn[k]);
			assert_true(pgtest_until(slow(3000), "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %d",
						 old[k]));
			for (int later = k + 1; later < many; later++)
				assert_true(is_there(old[later]));
		}
		must_be_ready(db);
		for (int k = 0; k < many; k++)
			assert_int_not_equal(some_backend(db), old[k]);
		assert_int_equal(stats_of(db).lost, 0);
		pgm_close(db);
	}
}

/* Begun with what the old file said: the one that is served has it from the new one. */
static void b18_drain_reaches_connections_that_are_being_opened(void **state)
{
	const pgm_open_options lazy = {.lazy = true};

	(void)state;
	for (int changed = 0; changed < 2; changed++) {
		const char *role = make_role("old");
		proxy *p = proxy_start();
		borrower b;
		pgm_db *db;

		db = must_open_with(&lazy,
				    "type=pool pool.min_size=1 pool.max_size=2 port=%d user=%s !password "
				    "passfile=%s",
				    proxy_port(p), role, password_file("old"));
		proxy_set(p, PROXY_HOLD);
		borrow_in_thread(&b, db, slow(10000));
		assert_true(proxy_wait_accepted(p, 1, slow(5000)));
		if (changed)
			pgtest_exec("ALTER ROLE %s PASSWORD 'new'", role);
		password_file(changed ? "new" : "old");
		pgm_drain(db);
		proxy_set(p, PROXY_FORWARD);
		if (!borrowed_within(&b, 5000))
			fail_msg("%s", b.err.message);
		assert_string_equal(PQpass(b.conn), changed ? "new" : "old");
		assert_int_equal(stats_of(db).opened, changed ? 1 : 2);
		assert_int_equal(stats_of(db).open_failed, changed ? 1 : 0);
		pgm_release(b.conn);
		pgm_close(db);
		proxy_stop(p);
		drop_role(role);
	}
}

static void b18_drain_opens_the_replacements_first(void **state)
{
	account a;
	pgm_db *db;

	(void)state;
	account_starts_here();
	db = must_open("type=pool pool.min_size=4 pool.max_size=6");
	must_be_ready(db);
	pgm_drain(db);
	wait_closed(db, 4);
	a = account_with(4, 4);
	assert_true(a.begun >= 8);
	assert_in_range(a.least, 4, 6);
	pgm_close(db);
}

/* ------------------------------------------------------------------------------------- lifetime */

/* In whole seconds, as the file has it; valgrind would spend one on opening alone. */
static int lifetime(void)
{
	return getenv("PGM_TEST_SLOW") ? 4 : 1;
}

/* Without min_size none waits for a replacement. */
static void b19_lifetimes_are_those_of_the_file_less_a_tenth_at_most(void **state)
{
	enum { MANY = 16 };
	PGconn *conn[MANY];
	account a;
	pgm_db *db;

	(void)state;
	account_starts_here();
	db = must_open("type=pool pool.min_size=0 pool.max_size=%d pool.max_lifetime=%d", MANY, lifetime());
	for (int i = 0; i < MANY; i++)
		conn[i] = must_acquire(db);
	for (int i = 0; i < MANY; i++)
		pgm_release(conn[i]);
	wait_closed(db, MANY);
	a = account_with(MANY, MANY);
	/* If they are spread at all, one of so many ends in the first three quarters of that tenth. */
	if (a.shortest < 0.9 * lifetime() || a.shortest > 0.975 * lifetime() ||
	    a.longest > lifetime() + slow(500) / 1000.0)
		fail_msg("lifetimes from %g to %g s", a.shortest, a.longest);
	pgm_close(db);
}

typedef struct user {
	pgm_db *db;
	atomic_bool stop;
	pgtest_thread *thread;
} user;

static void *use_it(void *arg)
{
	user *u = arg;

	while (!atomic_load(&u->stop)) {
		pgm_error err;
		PGconn *conn = pgm_acquire(u->db, &err);

		thread_must(conn && works(conn));
		pgm_release(conn);
	}
	return NULL;
}

static void use_until_closed(pgm_db *db, int64_t count)
{
	static user users[2];

	for (int i = 0; i < 2; i++) {
		users[i] = (user){.db = db};
		users[i].thread = pgtest_run(use_it, &users[i]);
	}
	wait_closed(db, count);
	for (int i = 0; i < 2; i++) {
		atomic_store(&users[i].stop, true);
		pgtest_join(users[i].thread);
	}
}

/* An event-driven handle is this thread's. */
static void use_here_until_closed(pgm_db *db, int64_t count)
{
	int64_t start = pgtest_now_ms();

	while (stats_of(db).closed < count && ms_since(start) < slow(5000))
		some_backend(db);
	assert_true(stats_of(db).closed >= count);
}

static void b19_the_replacement_is_opened_first_and_min_size_is_kept(void **state)
{
	account a;
	pgm_db *db;

	(void)state;
	account_starts_here();
	db = must_open("type=pool pool.min_size=4 pool.max_size=6 pool.max_lifetime=%d", lifetime());
	must_be_ready(db);
	/* Some of them of the second generation. */
	(pgtest_evented() ? use_here_until_closed : use_until_closed)(db, 6);
	a = account_with(6, 4);
	assert_in_range(a.least, 4, 6);
	assert_true(a.shortest >= 0.9 * lifetime());
	assert_int_equal(stats_of(db).lost, 0);
	pgm_close(db);
}

/* With as many as there may be, one has to go before the next can come. */
static void b19_a_full_pool_replaces_its_connections_too(void **state)
{
	account a;
	pgm_db *db;

	(void)state;
	account_starts_here();
	db = must_open("type=pool pool.min_size=3 pool.max_size=3 pool.num_workers=1 pool.max_lifetime=%d", lifetime());
	wait_closed(db, 3);
	a = account_with(3, 3);
	assert_in_range(a.least, 2, 3);
	wait_stats(db, size, 3);
	pgm_close(db);
}

static void b19_the_keeper_replaces_what_lies_idle(void **state)
{
	int64_t start = pgtest_now_ms();
	pgm_db *db = must_open("type=pool pool.min_size=1 pool.max_size=2 pool.max_lifetime=%d", lifetime());
	int old = some_backend(db);

	(void)state;
	assert_true(pgtest_until(slow(5000), "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %d", old));
	assert_in_range(ms_since(start), 900 * lifetime(), 1000 * lifetime() + slow(500));
	assert_int_equal(stats_of(db).idle, 1);
	pgm_close(db);
}

static void b19_a_busy_connection_ages_as_an_idle_one_does(void **state)
{
	int64_t start = pgtest_now_ms();
	pgm_db *db = must_open("type=pool pool.min_size=1 pool.max_size=1 pool.max_lifetime=%d", lifetime());
	int old = some_backend(db);

	(void)state;
	while (some_backend(db) == old && ms_since(start) < 1000 * lifetime() + slow(3000))
		continue;
	assert_in_range(ms_since(start), 900 * lifetime(), 1000 * lifetime() + slow(500));
	pgm_close(db);
}

/* The keeper is at the replacement, and will be for a while. */
static void b19_an_expired_connection_is_not_lent(void **state)
{
	PGconn *conn;
	pgm_db *db;
	pgm_error err;
	int old;

	(void)state;
	db = must_open("type=pool pool.min_size=1 pool.max_size=2 host=localhost pool.max_lifetime=%d", lifetime());
	old = some_backend(db);
	resolving_takes(500);
	wait_stats(db, opening, 1);
	assert_int_equal(stats_of(db).idle, 1);
	outlive_trust(); /* borrowers go by a clock that lags behind a little */
	assert_null(pgm_acquire_for(db, 0, &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_int_equal(stats_of(db).opening, 1);
	conn = must_acquire(db);
	assert_int_not_equal(backend_of(conn), old);
	pgm_release(conn);
	pgm_close(db);
}

static void b19_a_lent_connection_expires_when_it_comes_back(void **state)
{
	pgm_db *db = must_open("type=pool pool.min_size=0 pool.max_size=1 pool.max_lifetime=%d", lifetime());
	PGconn *conn = must_acquire(db);
	int64_t start = pgtest_now_ms(); /* its life has begun before */

	(void)state;
	while (ms_since(start) < 1000 * lifetime() + 20)
		blink();
	assert_true(works(conn)); /* it is not taken away */
	assert_int_equal(stats_of(db).closed, 0);
	pgm_release(conn);
	assert_int_equal(stats_of(db).closed, 1);
	assert_int_equal(stats_of(db).size, 0);
	pgm_close(db);
}

/* An old connection is better than none. */
static void b19_an_expired_connection_stays_while_no_other_can_be_had(void **state)
{
	const char *role = make_role("x");
	pgm_db *db;
	int old;

	(void)state;
	pgtest_exec("ALTER ROLE %s CONNECTION LIMIT 1", role);
	db = must_open("type=pool pool.min_size=1 pool.max_size=2 pool.max_lifetime=%d user=%s password=x", lifetime(),
		       role);
	old = some_backend(db);
	for (int64_t start = pgtest_now_ms(); stats_of(db).open_failed < 2 && ms_since(start) < slow(5000);)
		blink();
	assert_true(stats_of(db).open_failed >= 2);
	for (int i = 0; i < 20; i++)
		assert_int_equal(some_backend(db), old);
	pgtest_exec("ALTER ROLE %s CONNECTION LIMIT 2", role);
	assert_true(pgtest_until(slow(10000), "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = %d", old));
	pgm_release(must_acquire(db));
	pgm_close(db);
	drop_role(role);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		ROTATION_TEST(b18_a_changed_password_file_is_used_by_the_next_connection),
		ROTATION_TEST(b18_a_handle_that_was_refused_works_once_the_password_file_is_right),
		BLOCKING_ROTATION_TEST(b18_a_changed_client_certificate_is_used_by_the_next_connection),
		ROTATION_TEST(b18_drain_replaces_idle_connections_at_once),
		ROTATION_TEST(b18_drain_replaces_lent_connections_as_they_come_back),
		ROTATION_TEST(b18_drain_reaches_connections_that_are_being_opened),
		ROTATION_TEST(b18_drain_opens_the_replacements_first),
		BLOCKING_ROTATION_TEST(b19_lifetimes_are_those_of_the_file_less_a_tenth_at_most),
		ROTATION_TEST(b19_the_replacement_is_opened_first_and_min_size_is_kept),
		BLOCKING_ROTATION_TEST(b19_a_full_pool_replaces_its_connections_too),
		ROTATION_TEST(b19_the_keeper_replaces_what_lies_idle),
		BLOCKING_ROTATION_TEST(b19_a_busy_connection_ages_as_an_idle_one_does),
		BLOCKING_ROTATION_TEST(b19_an_expired_connection_is_not_lent),
		ROTATION_TEST(b19_a_lent_connection_expires_when_it_comes_back),
		BLOCKING_ROTATION_TEST(b19_an_expired_connection_stays_while_no_other_can_be_had),
	};

	(void)argc;
	resolving_takes(0); /* there from the beginning, see support/shims */
	shim_preload("getaddrinfo", argv);
	return run_handle_tests(tests);
}
