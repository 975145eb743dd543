/* Eight threads on four connections: who gets how much, and how long one has to wait. */
#include "figures.h"
#include "sample.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define THREADS 8
#define CONNECTIONS 4
#define ROUND_NS INT64_C(1000000000)
#define HOLD_NS 1000000

typedef void (*use)(const peer *p, void *conn);

typedef struct worker {
	pthread_t thread;
	const peer *peer;
	use use;
	atomic_bool *go, *stop;
	long served;
	int64_t longest_wait;
} worker;

static void run_select_1(const peer *p, void *conn)
{
	p->select_1(conn);
}

static void hold(const peer *p, void *conn)
{
	const struct timespec a_millisecond = {.tv_nsec = HOLD_NS};

	(void)p;
	(void)conn;
	nanosleep(&a_millisecond, NULL);
}

static void *work(void *arg)
{
	worker *w = arg;

	while (!atomic_load(w->go))
		continue;
	while (!atomic_load(w->stop)) {
		int64_t asked = now_ns(), waited;
		void *conn = w->peer->borrow();

		waited = now_ns() - asked;
		if (waited > w->longest_wait)
			w->longest_wait = waited;
		w->use(w->peer, conn);
		w->peer->give_back(conn);
		w->served++;
	}
	return NULL;
}

typedef struct outcome {
	sample per_second, fairness, longest_ms;
} outcome;

static void run_round(const peer *p, use what, outcome *out)
{
	worker workers[THREADS];
	atomic_bool go = false, stop = false;
	const struct timespec round = {.tv_sec = ROUND_NS / 1000000000, .tv_nsec = ROUND_NS % 1000000000};
	long least = 0, most = 0, all = 0;
	int64_t longest = 0, start;

	for (int i = 0; i < THREADS; i++) {
		workers[i] = (worker){.peer = p, .use = what, .go = &go, .stop = &stop};
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			die("cannot start a thread");
	}
	start = now_ns();
	atomic_store(&go, true);
	nanosleep(&round, NULL);
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++) {
		const worker *w = &workers[i];

		pthread_join(w->thread, NULL);
		all += w->served;
		least = i == 0 || w->served < least ? w->served : least;
		most = w->served > most ? w->served : most;
		longest = w->longest_wait > longest ? w->longest_wait : longest;
	}
	sample_add(&out->per_second, (double)all * 1e9 / (double)(now_ns() - start));
	sample_add(&out->fairness, most ? (double)least / (double)most : 0);
	sample_add(&out->longest_ms, (double)longest / 1e6);
}

static void contend(const target *t, int rounds, use what, const char *title)
{
	static outcome outcomes[8];
	int count;
	const peer *const *all = peers(&count);

	for (int i = 0; i < count; i++) {
		outcomes[i] = (outcome){.per_second = {.count = 0}};
		all[i]->open(t, CONNECTIONS);
	}
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < count; i++)
			run_round(all[i], what, &outcomes[i]);
	printf("\n%d threads on %d connections, %s, %d rounds of %g s\n"
	       "  %-12s  a second                       least/most served            longest wait, ms\n",
	       THREADS, CONNECTIONS, title, rounds, (double)ROUND_NS / 1e9, "");
	for (int i = 0; i < count; i++) {
		printf("  %-12s", all[i]->name);
		sample_print(&outcomes[i].per_second, 0);
		sample_print(&outcomes[i].fairness, 3);
		sample_print(&outcomes[i].longest_ms, 1);
		printf("\n");
		all[i]->close();
	}
}

void figure_contention(const target *t, int rounds)
{
	contend(t, rounds, run_select_1, "each running SELECT 1");
}

void figure_holding(const target *t, int rounds)
{
	contend(t, rounds, hold, "each holding one for 1 ms");
}
