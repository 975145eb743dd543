/* One thread: what borrowing and giving back cost by themselves, and around a statement. */
#include "figures.h"
#include "sample.h"

#include <pthread.h>
#include <stdio.h>

#define PAIRS 200000
#define STATEMENTS 5000
#define POOL_SIZE 4

/* A C library may leave out locks in a process that has no second thread; the programs that pool have one. */
static pthread_mutex_t end = PTHREAD_MUTEX_INITIALIZER;

static void *wait_for_end(void *arg)
{
	pthread_mutex_lock(&end);
	pthread_mutex_unlock(&end);
	return arg;
}

static pthread_t start_second_thread(void)
{
	pthread_t thread;

	pthread_mutex_lock(&end);
	if (pthread_create(&thread, NULL, wait_for_end, NULL) != 0)
		die("cannot start a thread");
	return thread;
}

static void end_second_thread(pthread_t thread)
{
	pthread_mutex_unlock(&end);
	pthread_join(thread, NULL);
}

static double ns_per_pair(const peer *p)
{
	int64_t start;

	for (int i = 0; i < PAIRS / 10; i++)
		p->give_back(p->borrow());
	start = now_ns();
	for (int i = 0; i < PAIRS; i++)
		p->give_back(p->borrow());
	return (double)(now_ns() - start) / PAIRS;
}

static double statements_per_second(const peer *p)
{
	int64_t start = 0;

	for (int i = -STATEMENTS / 10; i < STATEMENTS; i++) {
		void *conn;

		if (i == 0)
			start = now_ns();
		conn = p->borrow();
		p->select_1(conn);
		p->give_back(conn);
	}
	return STATEMENTS * 1e9 / (double)(now_ns() - start);
}

void figure_borrowing(const target *t, int rounds)
{
	sample samples[8] = {{.count = 0}};
	int count;
	const peer *const *all = peers(&count);
	pthread_t second = start_second_thread();

	for (int i = 0; i < count; i++)
		all[i]->open(t, POOL_SIZE);
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < count; i++)
			sample_add(&samples[i], ns_per_pair(all[i]));
	printf("\nborrow + give back, uncontended, a second thread in the process: ns a pair, %d rounds of %d\n",
	       rounds, PAIRS);
	for (int i = 0; i < count; i++) {
		printf("  %-12s", all[i]->name);
		sample_print(&samples[i], 1);
		printf("\n");
		all[i]->close();
	}
	end_second_thread(second);
}

void figure_round_trip(const target *t, int rounds)
{
	sample ratios[8] = {{.count = 0}}, bare = {.count = 0};
	int count;
	const peer *const *all = peers(&count);

	peer_bare.open(t, 1);
	for (int i = 0; i < count; i++)
		all[i]->open(t, POOL_SIZE);
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < count; i++) {
			double yardstick = statements_per_second(&peer_bare);

			sample_add(&bare, yardstick);
			sample_add(&ratios[i], statements_per_second(all[i]) / yardstick);
		}
	printf("\nborrow + SELECT 1 + give back, in statements per second, as a ratio to PQexec on one connection\n"
	       "(bare: %.0f a second), each measured right after the bare one, %d rounds of %d\n",
	       sample_at(&bare, 0.5), rounds, STATEMENTS);
	for (int i = 0; i < count; i++) {
		printf("  %-12s", all[i]->name);
		sample_print(&ratios[i], 3);
		printf("\n");
		all[i]->close();
	}
	peer_bare.close();
}
