/* B12: why connecting failed is told apart, and told well. */
#include "handles.h"
#include "support/cluster.h"
#include "support/net.h"
#include "support/proxy.h"

static void expect_error(pgm_config *config, pgm_code code, const char *sqlstate, const char *words)
{
	pgm_error err = open_error(config, NULL);

	if (err.code != code || strcmp(err.sqlstate, sqlstate) != 0)
		fail_msg("%s %s instead of %s %s: %s", pgm_code_name(err.code), err.sqlstate, pgm_code_name(code),
			 sqlstate, err.message);
	assert_contains(err.message, words);
	assert_lacks(err.message, "wrong-secret");
	assert_lacks(err.message, pgtest_server_now()->password);
	assert_null(strchr(err.message, '\n'));
	if (sqlstate[0])
		assert_null(strstr(err.message, pgtest_format("%s:", sqlstate)));
	assert_lacks(err.message, "LOCATION");
	assert_lacks(err.message, ".c:");
}

static void b12_a_wrong_password_is_auth(void **state)
{
	(void)state;
	expect_error(pgtest_config("password=wrong-secret"), PGM_ERR_AUTH, "28P01", "password authentication failed");
	expect_error(pgtest_config("user=nobody_here password=wrong-secret"), PGM_ERR_AUTH, "28P01", "nobody_here");
	expect_error(pgtest_config("!password"), PGM_ERR_AUTH, "", "no password");
}

static void b12_a_missing_database_is_auth(void **state)
{
	(void)state;
	expect_error(pgtest_config("dbname=no_such_db"), PGM_ERR_AUTH, "3D000",
		     "database \"no_such_db\" does not exist");
}

static void b12_refused_by_pg_hba_is_auth(void **state)
{
	cluster *c = cluster_start(NULL, "host all all all reject");

	(void)state;
	pgtest_use(cluster_server(c));
	expect_error(pgtest_config(NULL), PGM_ERR_AUTH, "28000", "pg_hba.conf");
	cluster_stop(c);
}

static void b12_nobody_listening_is_connect(void **state)
{
	proxy *p = proxy_start();
	int port = proxy_port(p);

	(void)state;
	proxy_set(p, PROXY_REFUSE);
	expect_error(pgtest_config("port=%d", port), PGM_ERR_CONNECT, "", "Connection refused");
	proxy_stop(p);
	expect_error(pgtest_config("host='%s/none'", pgtest_dir()), PGM_ERR_CONNECT, "", "No such file");
}

static void b12_an_unknown_host_is_connect(void **state)
{
	(void)state;
	expect_error(pgtest_config("host=no-such-host.invalid"), PGM_ERR_CONNECT, "", "no-such-host.invalid");
}

static void b12_a_connection_that_is_cut_is_connect(void **state)
{
	proxy *p = proxy_start();

	(void)state;
	proxy_set(p, PROXY_RESET);
	expect_error(pgtest_config("port=%d", proxy_port(p)), PGM_ERR_CONNECT, "", "");
	proxy_set(p, PROXY_CLOSE);
	expect_error(pgtest_config("port=%d", proxy_port(p)), PGM_ERR_CONNECT, "", "");
	proxy_stop(p);
}

static const char *make_limited_role(int limit)
{
	const char *role = pgtest_format("b12_%ld_%d", (long)getpid(), limit);

	pgtest_exec("CREATE ROLE %s LOGIN PASSWORD 'x' CONNECTION LIMIT %d", role, limit);
	return role;
}

static void b12_too_many_connections_is_transient(void **state)
{
	const char *role = make_limited_role(0);
	const pgm_open_options lazy = {.lazy = true};
	pgm_db *db;
	pgm_error err;
	borrower b;

	(void)state;
	expect_error(pgtest_config("user=%s password=x", role), PGM_ERR_CONNECT, "53300", "too many connections");
	db = must_open_with(&lazy, "user=%s password=x type=pool pool.min_size=0 pool.max_size=1", role);
	assert_null(pgm_acquire_for(db, slow(300), &err));
	assert_int_equal(err.code, PGM_ERR_TIMEOUT);
	assert_contains(err.message, "last connection error");
	assert_contains(err.message, "too many connections");
	borrow_in_thread(&b, db, 20000);
	wait_stats(db, waiting, 1);
	pgtest_exec("ALTER ROLE %s CONNECTION LIMIT 5", role);
	assert_true(borrowed_within(&b, 5000));
	pgm_release(b.conn);
	pgm_close(db);
	assert_true(pgtest_connections_become(NULL, 0, slow(3000)));
	pgtest_exec("DROP ROLE %s", role);
}

static void *shut_down_smartly(void *arg)
{
	cluster_down(arg, "smart");
	return NULL;
}

/* With a session open a smart shutdown waits, and the server says so to whoever comes. */
static void b12_a_server_that_is_shutting_down_is_transient(void **state)
{
	cluster *c = cluster_start(NULL, NULL);
	pgtest_thread *stopper;
	int64_t start = pgtest_now_ms();
	pgm_error err = {0};
	PGconn *conn;
	pgm_db *db;

	(void)state;
	pgtest_use(cluster_server(c));
	db = must_open("port=%s", cluster_server(c)->port);
	conn = must_acquire(db);
	stopper = pgtest_run(shut_down_smartly, c);
	while (strcmp(err.sqlstate, "57P03") != 0 && ms_since(start) < slow(5000)) {
		pgm_config *config = pgtest_config("application_name=again");
		pgm_manager *m = pgm_manager_new(NULL);

		pgm_manager_open(m, config, NULL, &err);
		pgm_manager_free(m);
		pgm_config_free(config);
	}
	assert_string_equal(err.sqlstate, "57P03");
	assert_int_equal(err.code, PGM_ERR_CONNECT);
	pgm_release(conn);
	pgm_close(db);
	pgtest_join(stopper);
	cluster_stop(c);
}

static void refuse_all(pgm_db *db)
{
	borrower b[3];
	int64_t start = pgtest_now_ms();

	for (int i = 0; i < 3; i++)
		borrow_in_thread(&b[i], db, 30000);
	for (int i = 0; i < 3; i++) {
		assert_false(borrowed_within(&b[i], 3000));
		assert_int_equal(b[i].err.code, PGM_ERR_AUTH);
		assert_string_equal(b[i].err.sqlstate, "28P01");
	}
	assert_within(start, 3000);
}

static void b12_an_auth_error_fails_waiters_at_once(void **state)
{
	const pgm_open_options lazy = {.lazy = true};

	(void)state;
	refuse_all(must_open_with(&lazy, "password=wrong-secret type=pool pool.min_size=0 pool.max_size=3"));
	refuse_all(must_open_with(&lazy, "password=wrong-secret type=normal"));
}

static int count_of(const char *text, const char *part)
{
	int count = 0;

	while ((text = strstr(text, part)) != NULL) {
		count++;
		text += strlen(part);
	}
	return count;
}

/* libpq tries with TLS and without it, and strings both answers together. */
static void b12_the_doubled_message_of_sslmode_prefer_is_shown_once(void **state)
{
	cluster *c = cluster_start(NULL, NULL);
	pgm_error err;

	(void)state;
	cluster_tls(c, "good");
	pgtest_use(cluster_server(c));
	for (int i = 0; i < 2; i++) {
		err = open_error(pgtest_config("password=wrong-secret sslmode=%s", i ? "allow" : "prefer"), NULL);
		assert_int_equal(err.code, PGM_ERR_AUTH);
		assert_string_equal(err.sqlstate, "28P01");
		assert_int_equal(count_of(err.message, "password authentication failed"), 1);
	}
	cluster_stop(c);
}

/* A locale of its own, where the machine has its sources. */
static const char *german_locale(void)
{
	const char *path = pgtest_format("%s/locale", pgtest_dir());
	const char *make = pgtest_format("mkdir -p '%s' && localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' 2>/dev/null "
					 "&& chmod -R a+rX '%s'",
					 path, path, path);

	if (system("locale -a | grep -qix de_DE.UTF-\\\\?8") == 0)
		return ""; /* the machine has it */
	return system(make) == 0 ? path : NULL;
}

static void b12_a_translated_server_is_understood(void **state)
{
	const char *locales = german_locale();
	cluster *c;

	(void)state;
	if (!locales) {
		skip(); /* b12_a_translated_answer_is_understood plays it */
		return;
	}
	if (*locales)
		setenv("LOCPATH", locales, 1);
	c = cluster_start("lc_messages = 'de_DE.UTF-8'", NULL);
	unsetenv("LOCPATH");
	pgtest_use(cluster_server(c));
	expect_error(pgtest_config("password=wrong-secret"), PGM_ERR_AUTH, "28P01", "Passwort-Authentifizierung");
	expect_error(pgtest_config("dbname=no_such_db"), PGM_ERR_AUTH, "3D000", "existiert nicht");
	pgtest_exec("ALTER ROLE %s CONNECTION LIMIT 0", pgtest_server_now()->user);
	expect_error(pgtest_config(NULL), PGM_ERR_CONNECT, "53300", "zu viele Verbindungen");
	cluster_stop(c);
}

/* A server's answer, byte by byte. */
typedef struct refuser {
	int listener;
	const char *message;
	size_t len;
} refuser;

static void *refuse_one(void *arg)
{
	const refuser *r = arg;
	struct pollfd fd = {.fd = r->listener, .events = POLLIN};
	char startup[1024];

	thread_must(poll(&fd, 1, slow(5000)) == 1);
	fd.fd = net_accept(r->listener);
	thread_must(fd.fd >= 0 && poll(&fd, 1, slow(5000)) == 1);
	thread_must(read(fd.fd, startup, sizeof startup) > 0);
	thread_must(write(fd.fd, r->message, r->len) == (ssize_t)r->len);
	net_close(fd.fd);
	return NULL;
}

static void b12_a_translated_answer_is_understood(void **state)
{
	static const char fields[] =
		"SFATALE\0VFATAL\0C28P01\0Mautentification par mot de passe \303\251chou\303\251e\0"
		"Fauth.c\0L338\0Rauth_failed\0";
	char message[sizeof fields + 5] = {'E', 0, 0, 0, (char)(sizeof fields + 4)};
	refuser r = {.message = message, .len = sizeof message};
	int port = 0;
	pgtest_thread *server;

	(void)state;
	memcpy(message + 5, fields, sizeof fields);
	r.listener = net_listen("127.0.0.1", &port, 4);
	server = pgtest_run(refuse_one, &r);
	expect_error(pgtest_config("port=%d sslmode=disable gssencmode=disable", port), PGM_ERR_AUTH, "28P01",
		     "FATALE: autentification par mot de passe");
	pgtest_join(server);
	net_close(r.listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDLE_TEST(b12_a_wrong_password_is_auth),
		HANDLE_TEST(b12_a_missing_database_is_auth),
		HANDLE_TEST(b12_refused_by_pg_hba_is_auth),
		HANDLE_TEST(b12_nobody_listening_is_connect),
		HANDLE_TEST(b12_an_unknown_host_is_connect),
		HANDLE_TEST(b12_a_connection_that_is_cut_is_connect),
		HANDLE_TEST(b12_too_many_connections_is_transient),
		HANDLE_TEST(b12_a_server_that_is_shutting_down_is_transient),
		HANDLE_TEST(b12_an_auth_error_fails_waiters_at_once),
		HANDLE_TEST(b12_the_doubled_message_of_sslmode_prefer_is_shown_once),
		HANDLE_TEST(b12_a_translated_server_is_understood),
		HANDLE_TEST(b12_a_translated_answer_is_understood),
	};

	return run_handle_tests(tests);
}
