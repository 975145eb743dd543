/* The registry: PGconn * -> lease, looked up without a lock while others add and remove. */
#include "connection/registry.h"

#include "cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MANY 20000
#define ALIGNMENT 16 /* malloc's, which the hash counts on */

/* Addresses are all it knows; what they point to is never touched. */
static char conns[ALIGNMENT * MANY], leases[ALIGNMENT * MANY];

static PGconn *conn_at(size_t i)
{
	return (void *)&conns[ALIGNMENT * i];
}

static pgm__lease *lease_at(size_t i)
{
	return (void *)&leases[ALIGNMENT * i];
}

static void what_was_added_is_found_until_it_is_removed(void **state)
{
	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		assert_null(pgm__registry_find(conn_at(i)));
		assert_true(pgm__registry_add(conn_at(i), lease_at(i)));
	}
	for (size_t i = 0; i < MANY; i++)
		assert_ptr_equal(pgm__registry_find(conn_at(i)), lease_at(i));
	for (size_t i = 0; i < MANY; i += 2)
		pgm__registry_remove(conn_at(i));
	for (size_t i = 0; i < MANY; i++)
		assert_ptr_equal(pgm__registry_find(conn_at(i)), i % 2 ? lease_at(i) : NULL);
	for (size_t i = 0; i < MANY; i++)
		pgm__registry_remove(conn_at(i));
	for (size_t i = 0; i < MANY; i++)
		assert_null(pgm__registry_find(conn_at(i)));
}

static void the_same_address_can_be_another_connection_later(void **state)
{
	(void)state;
	for (size_t round = 0; round < 100; round++) {
		assert_true(pgm__registry_add(conn_at(1), lease_at(round)));
		assert_ptr_equal(pgm__registry_find(conn_at(1)), lease_at(round));
		pgm__registry_remove(conn_at(1));
		assert_null(pgm__registry_find(conn_at(1)));
	}
	pgm__registry_remove(conn_at(1));
	assert_null(pgm__registry_find(NULL));
}

static atomic_bool stop;

/* Each thread its own addresses, all in the same buckets. */
typedef struct churner {
	pthread_t thread;
	size_t first;
	int wrong;
} churner;

static void *churn(void *arg)
{
	churner *c = arg;
	size_t first = c->first;

	while (!atomic_load(&stop)) {
		for (size_t i = first; i < first + 50; i++)
			c->wrong += !pgm__registry_add(conn_at(i), lease_at(i));
		for (size_t i = first; i < first + 50; i++)
			c->wrong += pgm__registry_find(conn_at(i)) != lease_at(i);
		for (size_t i = first; i < first + 50; i++)
			pgm__registry_remove(conn_at(i));
		for (size_t i = first; i < first + 50; i++)
			c->wrong += pgm__registry_find(conn_at(i)) != NULL;
	}
	return NULL;
}

static void readers_need_no_lock(void **state)
{
	churner churners[3];
	size_t fixed = MANY - 1;

	(void)state;
	assert_true(pgm__registry_add(conn_at(fixed), lease_at(fixed)));
	atomic_store(&stop, false);
	for (size_t i = 0; i < 3; i++) {
		churners[i] = (churner){.first = i * 1000};
		assert_int_equal(pthread_create(&churners[i].thread, NULL, churn, &churners[i]), 0);
	}
	for (int i = 0; i < 200000; i++)
		assert_ptr_equal(pgm__registry_find(conn_at(fixed)), lease_at(fixed));
	atomic_store(&stop, true);
	for (size_t i = 0; i < 3; i++) {
		pthread_join(churners[i].thread, NULL);
		assert_int_equal(churners[i].wrong, 0);
	}
	pgm__registry_remove(conn_at(fixed));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_is_found_until_it_is_removed),
		cmocka_unit_test(the_same_address_can_be_another_connection_later),
		cmocka_unit_test(readers_need_no_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
