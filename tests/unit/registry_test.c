/* The registry: PGconn * -> lease, looked up without a lock while others add and remove. */
#include "connection/registry.h"

#include "cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Addresses are all it knows; what they point to is never touched. */
static PGconn *conn_at(size_t i)
{
	return (PGconn *)(uintptr_t)(0x10000 + 16 * i);
}

static pgm__lease *lease_at(size_t i)
{
	return (pgm__lease *)(uintptr_t)(0x9000000 + 16 * i);
}

#define MANY 20000

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
static void *churn(void *arg)
{
	size_t first = (size_t)(uintptr_t)arg * 1000;
	uintptr_t wrong = 0;

	while (!atomic_load(&stop)) {
		for (size_t i = first; i < first + 50; i++)
			wrong += !pgm__registry_add(conn_at(i), lease_at(i));
		for (size_t i = first; i < first + 50; i++)
			wrong += pgm__registry_find(conn_at(i)) != lease_at(i);
		for (size_t i = first; i < first + 50; i++)
			pgm__registry_remove(conn_at(i));
		for (size_t i = first; i < first + 50; i++)
			wrong += pgm__registry_find(conn_at(i)) != NULL;
	}
	return (void *)wrong;
}

static void readers_need_no_lock(void **state)
{
	pthread_t threads[3];
	size_t fixed = 900000;
	void *wrong;

	(void)state;
	assert_true(pgm__registry_add(conn_at(fixed), lease_at(fixed)));
	atomic_store(&stop, false);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(uintptr_t)i), 0);
	for (int i = 0; i < 200000; i++)
		assert_ptr_equal(pgm__registry_find(conn_at(fixed)), lease_at(fixed));
	atomic_store(&stop, true);
	for (size_t i = 0; i < 3; i++) {
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
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
