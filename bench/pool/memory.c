/* What a pooled connection takes beyond what libpq takes for it. */
#include "figures.h"
#include "sample.h"

#include <libpq-fe.h>
#include <stdio.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#define FEW 10
#define MANY 60

#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
static double in_use(void)
{
	struct mallinfo2 info = mallinfo2();

	return (double)(info.uordblks + info.hblkhd);
}

static double of_a_pool(const target *t, int size)
{
	double before = in_use(), taken;

	peer_pgmonkey.open(t, size);
	taken = in_use() - before;
	peer_pgmonkey.close();
	return taken;
}

static double of_libpq(const target *t, int size)
{
	static PGconn *conns[MANY];
	double before = in_use(), taken;

	for (int i = 0; i < size; i++) {
		conns[i] = PQsetdbLogin(t->host, t->port, NULL, NULL, t->dbname, t->user, t->password);
		if (PQstatus(conns[i]) != CONNECTION_OK)
			die("libpq: %s", PQerrorMessage(conns[i]));
	}
	taken = in_use() - before;
	for (int i = 0; i < size; i++)
		PQfinish(conns[i]);
	return taken;
}

void figure_memory(const target *t, int rounds)
{
	sample ours = {.count = 0}, bare = {.count = 0};

	of_a_pool(t, MANY); /* what is made once and kept */
	for (int round = 0; round < rounds; round++) {
		sample_add(&ours, (of_a_pool(t, MANY) - of_a_pool(t, FEW)) / (MANY - FEW));
		sample_add(&bare, (of_libpq(t, MANY) - of_libpq(t, FEW)) / (MANY - FEW));
	}
	printf("\nmemory of a connection, allocated (pools of %d against pools of %d): bytes, %d rounds\n  bare libpq "
	       " ",
	       MANY, FEW, rounds);
	sample_print(&bare, 0);
	printf("\n  pgmonkey    ");
	sample_print(&ours, 0);
	printf("\n  beyond libpq  %.0f\n", sample_at(&ours, 0.5) - sample_at(&bare, 0.5));
}
#else
void figure_memory(const target *t, int rounds)
{
	(void)t;
	(void)rounds;
	printf("\nmemory of a connection: not measured, this C library has no mallinfo2\n");
}
#endif
