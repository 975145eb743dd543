/* SOCI 4: https://soci.sourceforge.net/ */
#include "peer.h"

#include <exception>
#include <soci/postgresql/soci-postgresql.h>
#include <soci/soci.h>
#include <string>

namespace
{
soci::connection_pool *pool;

void open_pool(const target *t, int size)
try {
	std::string words = std::string("host=") + t->host + " port=" + t->port + " user=" + t->user +
			    " password=" + t->password + " dbname=" + t->dbname;

	pool = new soci::connection_pool(static_cast<std::size_t>(size));
	for (int i = 0; i < size; i++)
		pool->at(static_cast<std::size_t>(i)).open(soci::postgresql, words);
} catch (const std::exception &e) {
	die("SOCI: %s", e.what());
}

/* Its plainest pair; a place in the pool, counted from one, as a pointer must not be null. */
void *borrow()
{
	return reinterpret_cast<void *>(pool->lease() + 1);
}

std::size_t place_of(void *conn)
{
	return reinterpret_cast<std::size_t>(conn) - 1;
}

void select_1(void *conn)
try {
	int one = 0;

	pool->at(place_of(conn)) << "SELECT 1", soci::into(one);
	if (one != 1)
		die("SOCI: no answer");
} catch (const std::exception &e) {
	die("SOCI: %s", e.what());
}

void give_back(void *conn)
{
	pool->give_back(place_of(conn));
}

void close_pool()
{
	delete pool;
}
} // namespace

extern "C" const peer peer_soci = {"SOCI", open_pool, borrow, select_1, give_back, close_pool};
