/* What is opened, borrowed or begun ends with its scope, whatever way that is left. */
#include <iostream>
#include <pgmonkey.hpp>

/* A savepoint: the exception that leaves this scope undoes what was done in it, and nothing else. */
static void insert(const pgm::connection &conn, const char *number)
{
	pgm::transaction savepoint(conn);
	const char *params[] = {number};

	pgm::check(PQexecParams(conn.get(), "INSERT INTO even VALUES ($1)", 1, nullptr, params, nullptr, nullptr, 0));
	savepoint.commit();
}

static int fill(pgm::database &db)
{
	pgm::connection conn = db.acquire();
	pgm::transaction work(conn);
	int refused = 0;

	pgm::check(PQexec(conn.get(), "CREATE TEMP TABLE even (n int CHECK (n % 2 = 0)) ON COMMIT DROP"));
	for (const char *number : {"2", "3", "4"}) {
		try {
			insert(conn, number);
		} catch (const pgm::error &e) {
			std::cout << number << ": " << e.what() << " (" << e.sqlstate() << ")\n";
			refused++;
		}
	}
	for (const PGresult *row : pgm::cursor(conn, "SELECT n FROM even WHERE n < $1 ORDER BY n", {"100"}))
		std::cout << PQgetvalue(row, 0, 0) << '\n';
	work.commit();
	return refused;
}

int main(int argc, char **argv)
{
	try {
		pgm::database db(argc > 1 ? argv[1] : "db.yaml", PGM_NORMAL);

		return fill(db) == 1 ? 0 : 1;
	} catch (const std::exception &e) {
		std::cerr << e.what() << '\n';
		return 1;
	}
}
