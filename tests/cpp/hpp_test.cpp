/*
 * include/pgmonkey.hpp on a server, built as C++11 and as C++20. Prints TAP: cmocka leaves a test by longjmp, over
 * destructors.
 */
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>
#include <pgmonkey.hpp>
#include <string>
#include <type_traits>

namespace
{

/* --------------------------------------------------------------------------- what is promised */

template <typename T> struct moves_only {
	static constexpr bool value = !std::is_copy_constructible<T>::value && !std::is_copy_assignable<T>::value &&
				      std::is_nothrow_move_constructible<T>::value &&
				      std::is_nothrow_move_assignable<T>::value &&
				      std::is_nothrow_destructible<T>::value;
};

static_assert(moves_only<pgm::config>::value, "config");
static_assert(moves_only<pgm::database>::value, "database");
static_assert(moves_only<pgm::connection>::value, "connection");
static_assert(moves_only<pgm::transaction>::value, "transaction");
static_assert(moves_only<pgm::cursor>::value, "cursor");
static_assert(moves_only<pgm::result>::value, "result");
static_assert(std::is_nothrow_destructible<pgm::error>::value, "error");
static_assert(std::is_base_of<std::exception, pgm::error>::value, "error");
static_assert(!std::is_convertible<PGconn *, pgm::connection>::value, "taking over is said");

/* -------------------------------------------------------------------------------------- tools */

struct failed : std::runtime_error {
	using std::runtime_error::runtime_error;
};

#define EXPECT(what)                                                                                     \
	do {                                                                                             \
		if (!(what))                                                                             \
			throw failed(std::string(__FILE__ ":") + std::to_string(__LINE__) + ": " #what); \
	} while (0)

template <typename Act> pgm_code code_of(Act act)
{
	try {
		act();
	} catch (const pgm::error &e) {
		EXPECT(e.what()[0] != '\0');
		return e.code();
	}
	return PGM_OK;
}

std::string from_environment(const char *name)
{
	const char *value = std::getenv(name);

	if (!value)
		throw failed(std::string(name) + " is not set: run it by tests/support/server.sh with");
	return value;
}

pgm::config server()
{
	static const char *const names[][2] = {{"host", "PGM_TEST_HOST"},
					       {"port", "PGM_TEST_PORT"},
					       {"dbname", "PGM_TEST_DBNAME"},
					       {"user", "PGM_TEST_USER"},
					       {"password", "PGM_TEST_PASSWORD"}};
	pgm::config c;

	for (const auto &name : names)
		c.set("connection_settings", name[0], from_environment(name[1]).c_str());
	c.set("pool_settings", "min_size", "1");
	c.set("pool_settings", "max_size", "2");
	return c;
}

pgm_stats stats_of(const pgm::database &db)
{
	pgm_stats s;

	pgm_db_stats(db.get(), &s, sizeof s);
	return s;
}

std::string ask(const pgm::connection &conn, const char *sql)
{
	pgm::result res = pgm::check(PQexec(conn.get(), sql));

	return PQgetvalue(res.get(), 0, 0);
}

void make_table(const pgm::connection &conn)
{
	pgm::check(PQexec(conn.get(), "CREATE TEMP TABLE t (n int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)"));
}

void insert(const pgm::connection &conn, const char *n)
{
	const char *params[] = {n};

	pgm::check(PQexecParams(conn.get(), "INSERT INTO t VALUES ($1)", 1, nullptr, params, nullptr, nullptr, 0));
}

bool in_transaction(const pgm::connection &conn)
{
	return PQtransactionStatus(conn.get()) != PQTRANS_IDLE;
}

/* -------------------------------------------------------------------------------------- tests */

/* Does the server's process end? It takes its time to notice. */
bool ends(const std::string &pid)
{
	pgm::database db(server(), PGM_NORMAL);
	pgm::connection conn = db.acquire();
	std::string count = "SELECT count(*) FROM pg_stat_activity, pg_sleep(0.02) WHERE pid = " + pid;

	for (int i = 0; i < 1000; i++)
		if (ask(conn, count.c_str()) == "0")
			return true;
	return false;
}

void a_database_closes_with_its_scope()
{
	std::string pid;
	{
		pgm::database db(server(), PGM_NORMAL);

		pid = ask(db.acquire(), "SELECT pg_backend_pid()");
		EXPECT(ask(db.acquire(), "SELECT pg_backend_pid()") == pid);
	}
	EXPECT(ends(pid));
}

void a_connection_that_outlives_its_database_is_closed_when_given_back()
{
	pgm::connection outlives;
	{
		pgm::database db(server(), PGM_NORMAL);

		outlives = db.acquire();
	}
	std::string pid = ask(outlives, "SELECT pg_backend_pid()");
	outlives.release();
	EXPECT(!outlives);
	EXPECT(ends(pid));
}

void two_databases_share_nothing()
{
	pgm::database a(server(), PGM_NORMAL), b(server(), PGM_NORMAL);

	EXPECT(a.get() != b.get());
	EXPECT(ask(a.acquire(), "SELECT pg_backend_pid()") != ask(b.acquire(), "SELECT pg_backend_pid()"));
}

void a_connection_goes_back_with_its_scope()
{
	pgm::database db(server(), PGM_POOL);
	{
		pgm::connection a = db.acquire(), b = db.acquire();

		EXPECT(stats_of(db).lent == 2);
	}
	EXPECT(stats_of(db).lent == 0);
}

void an_exception_gives_back_and_rolls_back()
{
	pgm::database db(server(), PGM_NORMAL);

	make_table(db.acquire());
	EXPECT(code_of([&] {
		       pgm::connection conn = db.acquire();
		       pgm::transaction work(conn);

		       insert(conn, "1");
		       pgm::check(PQexec(conn.get(), "SELECT nonsense"));
	       }) == PGM_ERR_QUERY);
	EXPECT(stats_of(db).lent == 0);
	EXPECT(stats_of(db).rolled_back == 0); /* the transaction did it, not the giving back */
	EXPECT(ask(db.acquire(), "SELECT count(*) FROM t") == "0");
}

void what_is_moved_has_one_owner()
{
	pgm::database first(server(), PGM_POOL);
	pgm::database db(std::move(first));
	pgm::connection a = db.acquire();
	PGconn *raw = a.get();
	pgm::connection b(std::move(a));

	EXPECT(!first && !first.get());
	EXPECT(!a && b.get() == raw);
	a = std::move(b);
	EXPECT(!b && a.get() == raw);
	a = db.acquire(); /* the one before goes back, after the new one was lent */
	EXPECT(a.get() != raw && stats_of(db).lent == 1);
	pgm::connection &same = a;
	a = std::move(same);
	EXPECT(a && stats_of(db).lent == 1);
	db = pgm::database(server(), PGM_NORMAL); /* closes the pool; its connection is out */
	EXPECT(ask(a, "SELECT 1") == "1");
}

void a_connection_can_be_handed_over()
{
	pgm::database db(server(), PGM_NORMAL);
	PGconn *raw = db.acquire().detach();

	EXPECT(raw && stats_of(db).lent == 1);
	pgm::connection again(raw);
	EXPECT(again.get() == raw);
	again.release();
	again.release(); /* nothing to do */
	EXPECT(stats_of(db).lent == 0);
}

void a_transaction_commits_when_told_and_only_then()
{
	pgm::database db(server(), PGM_NORMAL);
	pgm::connection conn = db.acquire();

	make_table(conn);
	{
		pgm::transaction work(conn);

		insert(conn, "1");
		work.commit();
		EXPECT(!work && !in_transaction(conn));
	}
	{
		pgm::transaction work(conn);

		insert(conn, "2");
	}
	{
		pgm::transaction work(conn);

		insert(conn, "3");
		work.rollback();
		EXPECT(!work && !in_transaction(conn));
	}
	EXPECT(ask(conn, "SELECT string_agg(n::text, ',') FROM t") == "1");
}

void a_transaction_inside_is_a_savepoint()
{
	pgm::database db(server(), PGM_NORMAL);
	pgm::connection conn = db.acquire();

	make_table(conn);
	pgm::transaction work(conn);
	insert(conn, "1");
	{
		pgm::transaction inner(conn);

		insert(conn, "2");
	}
	{
		pgm::transaction inner(conn);

		insert(conn, "3");
		inner.commit();
	}
	work.commit();
	EXPECT(ask(conn, "SELECT string_agg(n::text, ',' ORDER BY n) FROM t") == "1,3");
}

void a_moved_transaction_ends_once()
{
	pgm::database db(server(), PGM_NORMAL);
	pgm::connection conn = db.acquire();

	make_table(conn);
	{
		pgm::transaction outer(conn), inner(conn);
		pgm::transaction moved(std::move(inner));

		EXPECT(!inner && moved);
		insert(conn, "1");
		moved.commit();
		EXPECT(in_transaction(conn));
		outer.commit();
	}
	EXPECT(ask(conn, "SELECT count(*) FROM t") == "1");
}

void a_commit_that_fails_throws_and_is_over()
{
	pgm::database db(server(), PGM_NORMAL);
	pgm::connection conn = db.acquire();

	make_table(conn);
	EXPECT(code_of([&] {
		       pgm::transaction work(conn);

		       insert(conn, "1");
		       insert(conn, "1"); /* the constraint is deferred */
		       try {
			       work.commit();
		       } catch (const pgm::error &e) {
			       EXPECT(std::strcmp(e.sqlstate(), "23505") == 0);
			       EXPECT(!work);
			       throw;
		       }
	       }) == PGM_ERR_QUERY);
	EXPECT(!in_transaction(conn));
	EXPECT(ask(conn, "SELECT count(*) FROM t") == "0");
}

void a_savepoint_that_cannot_be_released_is_undone()
{
	pgm::database db(server(), PGM_NORMAL);
	pgm::connection conn = db.acquire();

	make_table(conn);
	pgm::transaction work(conn);
	insert(conn, "1");
	EXPECT(code_of([&] {
		       pgm::transaction inner(conn);

		       insert(conn, "2");
		       PQclear(PQexec(conn.get(), "SELECT nonsense"));
		       inner.commit();
	       }) == PGM_ERR_QUERY);
	insert(conn, "3");
	work.commit();
	EXPECT(ask(conn, "SELECT string_agg(n::text, ',' ORDER BY n) FROM t") == "1,3");
}

void ending_twice_is_an_error_and_no_harm()
{
	pgm::database db(server(), PGM_NORMAL);
	pgm::connection conn = db.acquire();
	pgm::transaction work(conn);

	work.commit();
	EXPECT(code_of([&] { work.commit(); }) == PGM_ERR_MISUSE);
	EXPECT(code_of([&] { work.rollback(); }) == PGM_ERR_MISUSE);
	EXPECT(code_of([] { pgm::transaction none((pgm::connection())); }) == PGM_ERR_MISUSE);
	EXPECT(ask(conn, "SELECT 1") == "1");
}

void a_destructor_does_not_throw_on_a_broken_connection()
{
	pgm::database db(server(), PGM_NORMAL);
	{
		pgm::connection conn = db.acquire();
		pgm::transaction outer(conn), inner(conn);

		PQclear(PQexec(conn.get(), "SELECT pg_terminate_backend(pg_backend_pid())"));
		EXPECT(code_of([&] { pgm::transaction more(conn); }) != PGM_OK);
	}
	EXPECT(ask(db.acquire(), "SELECT 1") == "1");
}

void a_cursor_gives_each_row_once()
{
	pgm::database db(server(), PGM_NORMAL);
	pgm::connection conn = db.acquire();
	long sum = 0;

	for (const PGresult *row : pgm::cursor(conn, "SELECT generate_series(1, $1::int)", {"1000"}))
		sum += std::strtol(PQgetvalue(row, 0, 0), nullptr, 10);
	EXPECT(sum == 500500);
	pgm::cursor rows(conn, "SELECT $1::int, $2::text", {"7", nullptr});
	const PGresult *row = rows.next();
	EXPECT(row && std::strcmp(PQgetvalue(row, 0, 0), "7") == 0 && PQgetisnull(row, 0, 1));
	EXPECT(!rows.next() && !rows.next());
	pgm::cursor none(std::move(rows));
	EXPECT(!rows.get() && !rows.next());
	none.close();
	EXPECT(std::distance(none.begin(), none.end()) == 0);
}

void a_cursor_left_early_frees_the_connection()
{
	pgm::database db(server(), PGM_NORMAL);
	pgm::connection conn = db.acquire();

	for (const PGresult *row : pgm::cursor(conn, "SELECT generate_series(1, 100000000)"))
		if (std::strcmp(PQgetvalue(row, 0, 0), "3") == 0)
			break;
	EXPECT(ask(conn, "SELECT 1") == "1");
}

void a_cursor_throws_what_comes_in_the_middle()
{
	pgm::database db(server(), PGM_NORMAL);
	pgm::connection conn = db.acquire();
	int seen = 0;

	EXPECT(code_of([&] {
		       for (const PGresult *row : pgm::cursor(conn, "SELECT 10 / (3 - n) FROM generate_series(1, 5) n"))
			       seen += PQntuples(row);
	       }) == PGM_ERR_QUERY);
	EXPECT(seen == 2);
	EXPECT(ask(conn, "SELECT 1") == "1");
}

void errors_say_what_the_library_says()
{
	pgm::config wrong = server();

	EXPECT(code_of([] { pgm::database none("missing.yaml"); }) == PGM_ERR_IO);
	EXPECT(code_of([] { pgm::config::parse("connection_type: fast", "x.yaml"); }) == PGM_ERR_CONFIG);
	EXPECT(code_of([&] { wrong.set("pool_settings", "max_size", "many"); }) == PGM_ERR_CONFIG);
	wrong.set("connection_settings", "password", "wrong");
	EXPECT(code_of([&] { pgm::database none(wrong, PGM_NORMAL); }) == PGM_ERR_AUTH);
	EXPECT(code_of([] { pgm::check(nullptr); }) != PGM_OK);
	pgm::database db(server(), PGM_NORMAL), taken(std::move(db));
	EXPECT(code_of([&] { db.acquire(); }) == PGM_ERR_MISUSE);
}

void waiting_in_vain_names_the_caller()
{
	pgm::database db(server(), PGM_POOL);
	pgm::connection a = db.acquire(), b = db.acquire();

	try {
		db.acquire(10);
	} catch (const pgm::error &e) {
		EXPECT(e.code() == PGM_ERR_TIMEOUT);
		EXPECT(std::string(e.what()).find("hpp_test.cpp:") != std::string::npos);
		return;
	}
	throw failed("a third connection was lent");
}

const struct {
	const char *name;
	void (*run)();
} tests[] = {
#define TEST(name)          \
	{                   \
#name, name \
	}
	TEST(a_database_closes_with_its_scope),
	TEST(a_connection_that_outlives_its_database_is_closed_when_given_back),
	TEST(two_databases_share_nothing),
	TEST(a_connection_goes_back_with_its_scope),
	TEST(an_exception_gives_back_and_rolls_back),
	TEST(what_is_moved_has_one_owner),
	TEST(a_connection_can_be_handed_over),
	TEST(a_transaction_commits_when_told_and_only_then),
	TEST(a_transaction_inside_is_a_savepoint),
	TEST(a_moved_transaction_ends_once),
	TEST(a_commit_that_fails_throws_and_is_over),
	TEST(a_savepoint_that_cannot_be_released_is_undone),
	TEST(ending_twice_is_an_error_and_no_harm),
	TEST(a_destructor_does_not_throw_on_a_broken_connection),
	TEST(a_cursor_gives_each_row_once),
	TEST(a_cursor_left_early_frees_the_connection),
	TEST(a_cursor_throws_what_comes_in_the_middle),
	TEST(errors_say_what_the_library_says),
	TEST(waiting_in_vain_names_the_caller),
};

} // namespace

int main()
{
	int count = 0, bad = 0;

	std::cout << "1.." << sizeof tests / sizeof tests[0] << std::endl;
	for (const auto &test : tests) {
		std::string why;

		try {
			test.run();
		} catch (const std::exception &e) {
			why = e.what();
			bad++;
		}
		if (!why.empty())
			std::cout << "# " << why << std::endl;
		std::cout << (why.empty() ? "ok " : "not ok ") << ++count << " - " << test.name << std::endl;
	}
	return bad ? 1 : 0;
}
