#include "soak.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct hand {
	world *world;
	uint64_t random;
} hand;

static int between(hand *h, int least, int most)
{
	return soak_between(&h->random, least, most);
}

static void pause_a_while(hand *h, int least, int most)
{
	soak_pause(between(h, least, most));
}

/* --------------------------------------------------------------------------------------- backends */

/* One of ours, by what comes out of the hand; 0: it was the last, and has ended. */
static int pick_backend(hand *h)
{
	if (!pgtest_until(20000, "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = '%s'",
			  pgtest_application()))
		pgtest_die("nobody is connected for 20 s");
	return (int)pgtest_number(
		"SELECT coalesce((array_agg(pid ORDER BY backend_start, pid))[1 + %d %% count(*)], 0) "
		"FROM pg_stat_activity WHERE application_name = '%s' HAVING count(*) > 0",
		between(h, 0, 9999), pgtest_application());
}

static void kill_backend(hand *h)
{
	pgtest_exec("SELECT pg_terminate_backend(%d)", pick_backend(h));
}

static void cancel_backend(hand *h)
{
	pgtest_exec("SELECT pg_cancel_backend(%d)", pick_backend(h));
}

static void kill_them_all(hand *h)
{
	(void)h;
	pgtest_exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '%s'",
		    pgtest_application());
}

static void stop_backend(hand *h)
{
	int pid = pick_backend(h);

	if (pid > 0 && kill(pid, SIGSTOP) == 0) { /* it may have ended meanwhile */
		pause_a_while(h, 100, 1500);
		pgtest_continue(pid);
	}
}

/* ----------------------------------------------------------------------------------------- server */

static void restart_fast(hand *h)
{
	cluster_restart(h->world->cluster, "fast");
}

static void restart_immediate(hand *h)
{
	cluster_restart(h->world->cluster, "immediate");
}

static void be_down(hand *h)
{
	cluster_down(h->world->cluster, "fast");
	pause_a_while(h, 100, 1000);
	cluster_up(h->world->cluster);
}

/* ---------------------------------------------------------------------------------------- network */

static void hold(hand *h)
{
	proxy_set(h->world->proxy, PROXY_HOLD);
	pause_a_while(h, 50, 1500);
	proxy_set(h->world->proxy, PROXY_FORWARD);
}

static void delay(hand *h)
{
	proxy_delay(h->world->proxy, between(h, 1, 100));
	pause_a_while(h, 200, 1000);
	proxy_delay(h->world->proxy, 0);
}

/* With answers on their way, so that some of what was done is never told. */
static void reset(hand *h)
{
	proxy_delay(h->world->proxy, 50);
	pause_a_while(h, 100, 300);
	proxy_cut(h->world->proxy);
	proxy_delay(h->world->proxy, 0);
}

static void refuse(hand *h)
{
	proxy_set(h->world->proxy, PROXY_REFUSE);
	proxy_cut(h->world->proxy);
	pause_a_while(h, 50, 800);
	proxy_set(h->world->proxy, PROXY_FORWARD);
}

/* Not a word arrives any more, until at last somebody says so. */
static void swallow(hand *h)
{
	proxy_set(h->world->proxy, PROXY_SWALLOW);
	pause_a_while(h, 50, 1500);
	proxy_cut(h->world->proxy);
	proxy_set(h->world->proxy, PROXY_FORWARD);
}

/* ------------------------------------------------------------------------------------- the process */

static target *pick_target(hand *h)
{
	return &h->world->targets[between(h, 0, h->world->ntargets - 1)];
}

static pgm_db *pick_handle(hand *h)
{
	target *t = pick_target(h);
	pgm_db *latest = t->own ? atomic_load(&t->latest) : NULL;

	return latest ? latest : soak_open(h->world, t, NULL);
}

static void drain(hand *h)
{
	pgm_db *db = pick_handle(h);

	if (db)
		pgm_drain(db);
}

static void close_handle(hand *h)
{
	pgm_close(pick_handle(h));
}

/* GCC 12's sanitizers do not survive it: in the child of busy threads the allocator of the one may stay locked, and
 * the other takes a new thread for one of the parent's. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FORKS 0
#else
#define FORKS 1
#endif

#if FORKS
/* Sixty seconds, or it hangs. */
static int end_of(pid_t child)
{
	int64_t deadline = pgtest_now_ms() + 60000;
	int status;

	while (waitpid(child, &status, WNOHANG) == 0) {
		if (pgtest_now_ms() > deadline) {
			kill(child, SIGKILL);
			pgtest_die("a forked child hangs");
		}
		soak_pause(2);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The child writes a row of its own, on a connection of its own. */
static void fork_and_wait(hand *h)
{
	const target *t = pick_target(h);
	bool by_exit = between(h, 0, 1);
	int status, number = atomic_load(&soak_ledger[CHILDREN].rows);
	pid_t child = pgtest_fork();

	if (child == 0) {
		pgm_db *db = soak_open(h->world, t, NULL);
		outcome told = db ? soak_write_one(db, CHILDREN, number) : FAILED;

		if (by_exit)
			exit((int)told);
		_exit((int)told);
	}
	status = end_of(child);
	if (status != COMMITTED)
		pgtest_die("a forked child could not commit (%s): it ended with %d", t->name, status);
	soak_tell(CHILDREN, COMMITTED);
}

static void fork_child(hand *h)
{
	if (!pgtest_under_valgrind()) /* which calls what other threads were at a leak of the child's */
		fork_and_wait(h);
}
#endif

/* --------------------------------------------------------------------------------------- the deck */

static struct fault {
	const char *name;
	void (*act)(hand *h);
	int times;
} deck[] = {
	{"backend killed", kill_backend, 0},
	{"statement cancelled", cancel_backend, 0},
	{"all backends killed", kill_them_all, 0},
	{"backend stopped and continued", stop_backend, 0},
	{"restart, fast", restart_fast, 0},
	{"restart, immediate", restart_immediate, 0},
	{"server down for a while", be_down, 0},
	{"network held", hold, 0},
	{"network slow", delay, 0},
	{"connections reset", reset, 0},
	{"connections refused", refuse, 0},
	{"network silent, then reset", swallow, 0},
	{"handle drained", drain, 0},
	{"handle closed", close_handle, 0},
#if FORKS
	{"fork", fork_child, 0},
#endif
};
#define FAULTS (int)(sizeof deck / sizeof *deck)

static void shuffle(hand *h)
{
	for (int i = FAULTS - 1; i > 0; i--) {
		int j = between(h, 0, i);
		struct fault other = deck[i];

		deck[i] = deck[j];
		deck[j] = other;
	}
}

void soak_harm(world *w, int seconds)
{
	hand h = {.world = w, .random = w->seed};
	int64_t until = pgtest_now_ms() + 1000 * (int64_t)seconds;

	/* Whole decks, so that every kind is dealt. */
	for (bool first = true; first || pgtest_now_ms() < until; first = false) {
		shuffle(&h);
		for (int i = 0; i < FAULTS && (first || pgtest_now_ms() < until); i++) {
			deck[i].act(&h);
			deck[i].times++;
			pause_a_while(&h, 20, 300);
		}
	}
}

int soak_tell_harm(void)
{
	int restarts = 0;

	for (int i = 0; i < FAULTS; i++) {
		printf("# %5d  %s\n", deck[i].times, deck[i].name);
		if (deck[i].act == restart_fast || deck[i].act == restart_immediate || deck[i].act == be_down)
			restarts += deck[i].times;
	}
	return restarts;
}
