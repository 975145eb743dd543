/* The preloaded libraries of tests/support/shims do what they say. */
#include "unit/cmocka_all.h"

#include "support/pgtest.h"
#include "support/shim.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static const char *resolve(const char *name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	const char *all = "";
	int error = getaddrinfo(name, "1234", &hints, &list);

	if (error)
		return gai_strerror(error);
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		char host[64];

		assert_int_equal(getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST),
				 0);
		all = pgtest_format("%s%s ", all, host);
	}
	freeaddrinfo(list);
	return all;
}

static void a_name_has_the_addresses_it_was_given(void **state)
{
	(void)state;
	setenv("PGM_SHIM_HOSTS", "one=127.0.0.5 twoaddr=127.0.0.2,127.0.0.1 nowhere=", 1);
	assert_string_equal(resolve("twoaddr"), "127.0.0.2 127.0.0.1 ");
	assert_string_equal(resolve("one"), "127.0.0.5 ");
	assert_string_equal(resolve("nowhere"), gai_strerror(EAI_NONAME));
	assert_string_equal(resolve("127.0.0.9"), "127.0.0.9 ");
	setenv("PGM_SHIM_HOSTS", "one=127.0.0.6", 1);
	assert_string_equal(resolve("one"), "127.0.0.6 ");
}

static void names_take_their_time_and_numbers_do_not(void **state)
{
	int64_t before = pgtest_now_ms();

	(void)state;
	setenv("PGM_SHIM_HOSTS", "slow=127.0.0.1", 1);
	setenv("PGM_SHIM_RESOLVE_MS", "200", 1);
	resolve("127.0.0.1");
	assert_true(pgtest_now_ms() - before < 200);
	before = pgtest_now_ms();
	resolve("slow");
	assert_true(pgtest_now_ms() - before >= 200);
	unsetenv("PGM_SHIM_RESOLVE_MS");
}

/* libpq, a shared library, sees the same. */
static void libpq_asks_the_shim(void **state)
{
	const pgtest_server *s = pgtest_server_now();
	PGconn *conn;

	(void)state;
	setenv("PGM_SHIM_HOSTS", "twoaddr=127.0.0.2,127.0.0.1", 1);
	conn = PQconnectdb(pgtest_format("host=twoaddr port=%s dbname=%s user=%s password=%s", s->port, s->dbname,
					 s->user, s->password));
	assert_int_equal(PQstatus(conn), CONNECTION_OK);
	assert_string_equal(PQhostaddr(conn), "127.0.0.1");
	PQfinish(conn);
}

static void the_date_jumps_and_the_monotonic_clock_does_not(void **state)
{
	time_t before = time(NULL);
	int64_t monotonic = pgtest_now_ms();
	struct timespec now;

	(void)state;
	setenv("PGM_SHIM_DAYS", "-1", 1);
	assert_in_range(before - time(NULL), 86400 - 60, 86400); /* a moment may have passed */
	setenv("PGM_SHIM_DAYS", "10", 1);
	clock_gettime(CLOCK_REALTIME, &now);
	assert_int_equal((now.tv_sec - before) / 86400, 10);
	assert_true(pgtest_now_ms() - monotonic < 60000);
	unsetenv("PGM_SHIM_DAYS");
	assert_true(time(NULL) - before < 60);
}

static void *do_nothing(void *arg)
{
	return arg;
}

static void every_thread_is_counted(void **state)
{
	int before = shim_threads_started();

	(void)state;
	for (int i = 1; i <= 3; i++) {
		pgtest_join(pgtest_run(do_nothing, NULL));
		assert_int_equal(shim_threads_started() - before, i);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_the_addresses_it_was_given),
		cmocka_unit_test(names_take_their_time_and_numbers_do_not),
		cmocka_unit_test(libpq_asks_the_shim),
		cmocka_unit_test(the_date_jumps_and_the_monotonic_clock_does_not),
		cmocka_unit_test(every_thread_is_counted),
	};

	(void)argc;
	shim_preload("getaddrinfo", argv);
	shim_preload("clock", argv);
	shim_preload("threads", argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
