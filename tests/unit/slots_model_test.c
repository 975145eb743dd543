/*
 * The slots core under random schedules, beside an obvious model.
 *
 * A schedule is a set of random rules and some hundred random steps: borrowers come, wait, wake up late and in
 * any order, run out of time; openings succeed or fail; connections break; the keeper sleeps as long as it is
 * allowed to. The model keeps plain arrays and says what each call must answer; after every step all that is
 * promised is looked at. At the end of a schedule the server accepts, everybody gives back, and nothing may be
 * left in the queue or missing from the pool.
 *
 * PGM_MODEL_SEED=n replays, PGM_MODEL_STEPS=n sets the number of steps.
 */
#include "connection/slots.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { MOST_SLOTS = 200, MOST_BORROWERS = 40, ORDINARY_STEPS = 2500000 };

/* What a server that is down, or refuses for good, is probed at; the same promise as in slots.c. */
#define FIRST_DISTANCE (25 * PGM__MS)
#define DISTANCE_WAITED_FOR (600 * PGM__MS)
#define MOST_DISTANCE (5 * PGM__SECOND)
#define MOST_DISTANCE_FOR_GOOD (30 * PGM__SECOND)

typedef enum whereabouts {
	AT_HOME,
	IN_LINE,
	ANSWERED, /* out of the line with an answer that it has not seen yet */
	HOLDING,
	AT_OPENING /* borrower_opens */
} whereabouts;

typedef struct borrower {
	whereabouts where;
	pgm__time since;
	int32_t slot;
	bool refused; /* ANSWERED, and the answer is no */
	bool has_waited, asks_again;
	bool knocked; /* has been woken, and will look */
} borrower;

typedef struct model_slot {
	pgm__slot_state state;
	int32_t holder; /* the borrower that has it LENT or is at OPENING it, else -1 */
	pgm__time since, expires;
	pgm__time lent_at; /* since, unless it has been lent again without a word */
	bool parked, outdated, reported;
} model_slot;

/* What is tested, in one piece so that it can be copied and asked what it would do. */
typedef struct core {
	pgm__slots s;
	pgm__slot slot[MOST_SLOTS];
	pgm__waiter waiter[MOST_BORROWERS];
} core;

typedef struct world {
	core real, copy;
	pgm__slot_rules rules;
	pgm__time now;
	uint64_t random;
	bool server_up, server_says_no_for_good;
	int hiccups;	    /* of a hundred openings, though the server is up */
	bool keeper_is_new; /* it has not asked what is due yet */

	model_slot slot[MOST_SLOTS];
	int32_t idle[MOST_SLOTS], nidle; /* used last comes first */
	borrower borrower[MOST_BORROWERS];
	int32_t line[MOST_BORROWERS], nline;
	int32_t hot; /* the slot that was given back without a word, or -1: as connection/hot.c does it */
	pgm__time hot_since;
	bool shut, failing, missed;
	pgm__time failing_since, failed_at, retry_at, distance;
	int32_t ramp;
	int64_t acquired, waited, opened, open_failed, closed, lost;
} world;

static struct {
	uint64_t seed;
	int64_t schedule, step;
	const char *doing;
} here;

#define CHECK(condition)                              \
	do {                                          \
		if (!(condition))                     \
			broken(#condition, __LINE__); \
	} while (0)

static void broken(const char *what, int line)
{
	print_error("PGM_MODEL_SEED=%" PRIu64 ", schedule %" PRId64 ", step %" PRId64 " (%s), line %d: not so: %s\n",
		    here.seed, here.schedule, here.step, here.doing, line, what);
	fail();
}

/* ------------------------------------------------------------------------------------ chance */

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9E3779B97F4A7C15);
	x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

static int64_t below(world *m, int64_t n)
{
	m->random = mix(m->random);
	return (int64_t)(m->random >> 1) % n;
}

static bool chance(world *m, int percent)
{
	return below(m, 100) < percent;
}

static pgm__time one_of(world *m, const pgm__time *choices, int64_t n)
{
	return choices[below(m, n)];
}

#define ONE_OF(m, ...) \
	one_of(m, (const pgm__time[]){__VA_ARGS__}, (int64_t)(sizeof((pgm__time[]){__VA_ARGS__}) / sizeof(pgm__time)))

/* ------------------------------------------------------------------------- the model: counting */

static int32_t count(const world *m, pgm__slot_state state)
{
	int32_t n = 0;

	for (int32_t i = 0; i < m->rules.max_size; i++)
		n += m->slot[i].state == state;
	return n;
}

static int32_t open_now(const world *m)
{
	return count(m, PGM__SLOT_IDLE) + count(m, PGM__SLOT_LENT) + count(m, PGM__SLOT_CHECKING);
}

static bool is_usable(const world *m, int32_t i)
{
	return m->slot[i].expires > m->now || m->failing;
}

static int32_t usable_idle(const world *m, int32_t *found)
{
	int32_t n = 0;

	for (int32_t k = 0; k < m->nidle; k++)
		if (is_usable(m, m->idle[k]))
			found[n++] = m->idle[k];
	return n;
}

static int32_t parked(const world *m)
{
	int32_t n = 0;

	for (int32_t i = 0; i < m->rules.max_size; i++)
		n += m->slot[i].parked;
	return n;
}

static int32_t openable(const world *m)
{
	return m->rules.borrower_opens ? parked(m) + count(m, PGM__SLOT_EMPTY) : 0;
}

static bool is_owed(const world *m, int32_t b)
{
	return m->now - m->borrower[b].since >= m->rules.hand_over_after;
}

static bool head_is_owed(const world *m)
{
	return m->nline > 0 && is_owed(m, m->line[0]);
}

/* --------------------------------------------------------------------------- the model: moving */

static void remove_at(int32_t *list, int32_t *n, int32_t at)
{
	memmove(list + at, list + at + 1, (size_t)(*n - at - 1) * sizeof *list);
	(*n)--;
}

static void remove_value(int32_t *list, int32_t *n, int32_t value)
{
	for (int32_t k = 0; k < *n; k++)
		if (list[k] == value) {
			remove_at(list, n, k);
			return;
		}
}

static void put(world *m, int32_t i, pgm__slot_state state)
{
	if (m->slot[i].state == PGM__SLOT_IDLE)
		remove_value(m->idle, &m->nidle, i);
	m->slot[i].state = state;
	m->slot[i].holder = -1;
	m->slot[i].parked = false;
	if (state == PGM__SLOT_IDLE) {
		memmove(m->idle + 1, m->idle, (size_t)m->nidle * sizeof *m->idle);
		m->idle[0] = i;
		m->nidle++;
	}
}

static void put_idle_last(world *m, int32_t i)
{
	put(m, i, PGM__SLOT_IDLE);
	remove_at(m->idle, &m->nidle, 0);
	m->idle[m->nidle++] = i;
}

static void lend_to(world *m, int32_t i, int32_t b)
{
	put(m, i, PGM__SLOT_LENT);
	m->slot[i].holder = b;
	m->slot[i].since = m->slot[i].lent_at = m->now;
	m->slot[i].reported = false;
	m->borrower[b].slot = i;
	m->acquired++;
}

static void take_from_line(world *m, int32_t b, whereabouts where)
{
	remove_value(m->line, &m->nline, b);
	m->borrower[b].where = where;
	m->borrower[b].refused = false;
}

/* Whoever has waited for long is given what is free, in order. */
static void settle(world *m)
{
	int32_t free_slot[MOST_SLOTS];
	int32_t n = usable_idle(m, free_slot);

	for (int32_t k = 0; k < n && head_is_owed(m); k++) {
		int32_t b = m->line[0];

		take_from_line(m, b, ANSWERED);
		lend_to(m, free_slot[k], b);
	}
}

static void refuse_line(world *m)
{
	while (m->nline > 0) {
		int32_t b = m->line[0];

		take_from_line(m, b, ANSWERED);
		m->borrower[b].refused = true;
	}
}

/* ---------------------------------------------------------------- the model: what is due, and why */

static bool has_given_up(const world *m)
{
	return m->failing && m->rules.reconnect_timeout && open_now(m) == 0 &&
	       m->now - m->failing_since >= m->rules.reconnect_timeout;
}

/* Closing an expired one costs nobody anything if enough good ones are there; otherwise only to make room. */
static bool may_retire(const world *m)
{
	int32_t usable[MOST_SLOTS];
	int32_t expired = m->nidle - usable_idle(m, usable);
	int32_t open = open_now(m);
	int32_t in_flight = count(m, PGM__SLOT_OPENING) + count(m, PGM__SLOT_CLOSING);

	if (m->rules.borrower_opens || open - expired >= m->rules.min_size)
		return true;
	return count(m, PGM__SLOT_EMPTY) == 0 && in_flight < m->rules.num_workers &&
	       (open > m->rules.min_size || m->rules.min_size == m->rules.max_size);
}

static bool is_to_close(const world *m, int32_t i)
{
	const model_slot *slot = &m->slot[i];

	if (slot->state != PGM__SLOT_IDLE)
		return m->shut && slot->parked;
	if (m->shut)
		return true;
	if (m->rules.max_idle && open_now(m) > m->rules.min_size && m->now - slot->since >= m->rules.max_idle)
		return true;
	return !is_usable(m, i) && may_retire(m);
}

static bool wants_opening(const world *m)
{
	int32_t usable[MOST_SLOTS];
	int32_t nusable = usable_idle(m, usable);
	int32_t good = open_now(m) - (m->nidle - nusable);
	int32_t opening = count(m, PGM__SLOT_OPENING);
	bool wanted = good + opening < m->rules.min_size || nusable + opening < m->nline + m->missed;

	return wanted && !m->shut && !m->rules.borrower_opens && count(m, PGM__SLOT_EMPTY) > 0 && opening < m->ramp &&
	       (!m->failing || m->now >= m->retry_at);
}

static bool is_leak(const world *m, int32_t i)
{
	const model_slot *slot = &m->slot[i];

	return slot->state == PGM__SLOT_LENT && m->rules.leak_after && !slot->reported && !m->shut &&
	       m->now - slot->since >= m->rules.leak_after;
}

static void note_time(world *m)
{
	bool wanted;

	if (m->shut)
		return;
	if (has_given_up(m))
		refuse_line(m);
	wanted = m->nline > 0 || open_now(m) < m->rules.min_size || count(m, PGM__SLOT_OPENING) > 0;
	if (m->failing && !wanted && m->now >= m->retry_at)
		m->failing = false;
}

static void check_nothing_due(const world *m)
{
	CHECK(!wants_opening(m));
	for (int32_t i = 0; i < m->rules.max_size; i++)
		CHECK(!is_to_close(m, i) && !is_leak(m, i));
}

static void check_never_below_min(const world *m)
{
	CHECK(m->shut || m->rules.borrower_opens || m->rules.min_size == m->rules.max_size ||
	      open_now(m) >= m->rules.min_size);
}

/* ---------------------------------------------------------- what holds after every step: the core */

static void check_list(const world *m, pgm__slot_state state)
{
	const pgm__slot_list *list = &m->real.s.list[state];
	int32_t n = 0, before = PGM__NO_SLOT;

	for (int32_t i = list->first; i != PGM__NO_SLOT; i = m->real.slot[i].next) {
		CHECK(i >= 0 && i < m->rules.max_size && n < m->rules.max_size);
		CHECK(m->real.slot[i].prev == before);
		CHECK(m->real.slot[i].state == state && m->slot[i].state == state);
		if (state == PGM__SLOT_IDLE)
			CHECK(m->idle[n] == i);
		before = i;
		n++;
	}
	CHECK(list->last == before);
	CHECK(list->count == n && n == count(m, state));
}

static void check_slots(const world *m)
{
	int32_t in_lists = 0;

	for (int state = 0; state < PGM__SLOT_STATES; state++) {
		check_list(m, (pgm__slot_state)state);
		in_lists += m->real.s.list[state].count;
	}
	CHECK(in_lists == m->rules.max_size);
	for (int32_t i = 0; i < m->rules.max_size; i++) {
		const model_slot *slot = &m->slot[i];

		if (slot->state == PGM__SLOT_OPENING)
			CHECK(m->real.slot[i].parked == slot->parked);
		if (slot->state == PGM__SLOT_LENT && i != m->hot)
			CHECK(slot->holder >= 0 && m->borrower[slot->holder].slot == i);
		if (slot->state == PGM__SLOT_LENT || slot->state == PGM__SLOT_IDLE)
			CHECK(m->real.slot[i].since == slot->since && m->real.slot[i].expires == slot->expires);
	}
}

static void check_line(const world *m)
{
	const pgm__waiter *before = NULL;
	int32_t n = 0, newcomers = 0;

	for (const pgm__waiter *w = m->real.s.head; w; w = w->next) {
		CHECK(n < m->nline && w == &m->real.waiter[m->line[n]]);
		CHECK(w->prev == before && w->state == PGM__WAITER_QUEUED);
		before = w;
		newcomers += !m->borrower[m->line[n]].asks_again;
		n++;
	}
	CHECK(m->real.s.tail == before && m->real.s.queued == n && n == m->nline);
	CHECK(!m->rules.max_waiting || newcomers <= m->rules.max_waiting);
	CHECK(!m->real.s.woken_first && !m->real.s.woken_last);
}

/* For each connection that is free somebody in the line has been told and will look; so has whoever has an answer. */
static void check_nobody_forgotten(const world *m)
{
	int32_t usable[MOST_SLOTS];
	int32_t nfree = usable_idle(m, usable) + openable(m);
	int32_t will_look = 0;

	for (int32_t b = 0; b < MOST_BORROWERS; b++) {
		const pgm__waiter *w = &m->real.waiter[b];

		if (m->borrower[b].where == ANSWERED) {
			CHECK(m->borrower[b].knocked);
			CHECK(w->state == (m->borrower[b].refused ? PGM__WAITER_REFUSED : PGM__WAITER_GRANTED));
			CHECK(m->borrower[b].refused || w->slot == m->borrower[b].slot);
		}
		if (m->borrower[b].where == IN_LINE && w->nudged) {
			CHECK(m->borrower[b].knocked);
			will_look++;
		}
	}
	CHECK(will_look >= (nfree < m->nline ? nfree : m->nline));
}

static void check_counters(const world *m)
{
	const pgm__slots *s = &m->real.s;

	CHECK(s->acquired == m->acquired && s->waited == m->waited && s->missed == m->missed);
	CHECK(s->opened == m->opened && s->open_failed == m->open_failed);
	CHECK(s->closed == m->closed && s->lost == m->lost);
	CHECK(pgm__slots_open(s) == open_now(m));
	CHECK(!m->failing == !s->failing_since);
	CHECK(!m->failing || s->retry_at == m->retry_at);
}

/* ------------------------------------------------------ what holds after every step: the sleeper */

static pgm__waiter *same_in_copy(world *m, const pgm__waiter *w)
{
	return w ? m->copy.waiter + (w - m->real.waiter) : NULL;
}

static void copy_core(world *m)
{
	m->copy.s = m->real.s;
	m->copy.s.slot = m->copy.slot;
	memcpy(m->copy.slot, m->real.slot, (size_t)m->rules.max_size * sizeof *m->copy.slot);
	m->copy.s.head = same_in_copy(m, m->real.s.head);
	m->copy.s.tail = same_in_copy(m, m->real.s.tail);
	for (int32_t k = 0; k < m->nline; k++) {
		const pgm__waiter *w = &m->real.waiter[m->line[k]];
		pgm__waiter *copied = same_in_copy(m, w);

		*copied = *w;
		copied->next = same_in_copy(m, w->next);
		copied->prev = same_in_copy(m, w->prev);
	}
}

static void check_nothing_due_at(world *m, pgm__time t)
{
	pgm__due due;

	copy_core(m);
	if (m->hot >= 0)
		pgm__slots_return(&m->copy.s, m->hot, m->hot_since);
	due = pgm__slots_due(&m->copy.s, t);
	CHECK(due.what == PGM__DUE_NOTHING);
	CHECK(m->copy.s.queued == m->real.s.queued);
	CHECK(!m->copy.s.failing_since == !m->real.s.failing_since);
	CHECK(due.until > t);
}

/* The keeper may sleep until then unless stir is set: it must not miss anything by that. */
static void check_sleep(world *m)
{
	pgm__time until = m->real.s.until;

	if (m->keeper_is_new || m->real.s.stir || until <= m->now)
		return;
	check_nothing_due_at(m, m->now);
	check_nothing_due_at(m, m->now + below(m, until - m->now));
	if (until != PGM__NEVER)
		check_nothing_due_at(m, until - 1);
}

static void check_everything(world *m)
{
	check_slots(m);
	check_line(m);
	check_nobody_forgotten(m);
	check_counters(m);
	check_sleep(m);
}

/* -------------------------------------------------------------------------------- the borrowers */

static bool holds_something(const borrower *b)
{
	return b->where == HOLDING || b->where == AT_OPENING || (b->where == ANSWERED && !b->refused);
}

/* A random borrower for whom is() holds, or -1. */
static int32_t some_borrower(world *m, bool (*is)(const borrower *))
{
	int32_t start = (int32_t)below(m, MOST_BORROWERS);

	for (int32_t k = 0; k < MOST_BORROWERS; k++) {
		int32_t b = (start + k) % MOST_BORROWERS;

		if (is(&m->borrower[b]))
			return b;
	}
	return -1;
}

static bool is_at_home(const borrower *b)
{
	return b->where == AT_HOME;
}

static bool is_waiting(const borrower *b)
{
	return b->where == IN_LINE || b->where == ANSWERED;
}

static bool is_knocked(const borrower *b)
{
	return is_waiting(b) && b->knocked;
}

static bool is_holding(const borrower *b)
{
	return b->where == HOLDING;
}

static bool is_at_opening(const borrower *b)
{
	return b->where == AT_OPENING;
}

/* What lies in the memory of a waiter that is gone is of no concern to anybody. */
static void go_home(world *m, int32_t b)
{
	m->borrower[b] = (borrower){.where = AT_HOME, .slot = PGM__NO_SLOT};
	memset(&m->real.waiter[b], 0xA5, sizeof m->real.waiter[b]);
}

static void begin_opening(world *m, int32_t b)
{
	int32_t i = m->real.waiter[b].slot;

	CHECK(i >= 0 && i < m->rules.max_size);
	CHECK(m->slot[i].state == PGM__SLOT_EMPTY || m->slot[i].parked);
	CHECK(m->slot[i].parked || parked(m) == 0);
	put(m, i, PGM__SLOT_OPENING);
	m->slot[i].holder = b;
	m->borrower[b].slot = i;
	m->borrower[b].where = AT_OPENING;
}

/* What a borrower that may take something now must get; PGM__NONE if nothing is there. */
static pgm__verdict take(world *m, int32_t b)
{
	int32_t usable[MOST_SLOTS];

	if (usable_idle(m, usable) > 0) {
		lend_to(m, usable[0], b);
		m->borrower[b].where = HOLDING;
		return PGM__GOT;
	}
	return openable(m) ? PGM__OPEN : PGM__NONE;
}

static void hasten_retry(world *m)
{
	if (m->failing && m->failed_at + DISTANCE_WAITED_FOR < m->retry_at)
		m->retry_at = m->failed_at + DISTANCE_WAITED_FOR;
}

/* Behind all who have been asking for as long. */
static void join_line(world *m, int32_t b)
{
	int32_t place = m->nline;

	while (place > 0 && m->borrower[m->line[place - 1]].since > m->borrower[b].since)
		place--;
	memmove(m->line + place + 1, m->line + place, (size_t)(m->nline - place) * sizeof *m->line);
	m->line[place] = b;
	m->nline++;
	m->borrower[b].where = IN_LINE;
	m->waited += !m->borrower[b].has_waited;
	m->borrower[b].has_waited = true;
	hasten_retry(m);
}

static pgm__verdict expected_of_acquire(world *m, int32_t b, bool may_wait, bool again)
{
	pgm__verdict verdict = PGM__NONE;

	if (m->shut)
		return PGM__SHUT;
	settle(m);
	if (!head_is_owed(m) || m->borrower[m->line[0]].since > m->borrower[b].since)
		verdict = take(m, b);
	if (verdict != PGM__NONE && m->nline > 0)
		hasten_retry(m);
	if (verdict != PGM__NONE)
		return verdict;
	if (!may_wait) {
		m->missed = true;
		hasten_retry(m);
		return PGM__NONE;
	}
	if (!again && m->rules.max_waiting && m->nline >= m->rules.max_waiting)
		return PGM__BUSY;
	join_line(m, b);
	return PGM__WAIT;
}

static void ask(world *m, int32_t b, bool again)
{
	bool may_wait = chance(m, 85);
	pgm__verdict expected, verdict;

	expected = expected_of_acquire(m, b, may_wait, again);
	verdict = pgm__slots_acquire(&m->real.s, &m->real.waiter[b], may_wait, m->now);
	CHECK(verdict == expected);
	if (verdict == PGM__GOT)
		CHECK(m->real.waiter[b].slot == m->borrower[b].slot);
	else if (verdict == PGM__OPEN)
		begin_opening(m, b);
	else if (verdict != PGM__WAIT)
		go_home(m, b);
	CHECK((verdict != PGM__GOT && verdict != PGM__OPEN) || again || !head_is_owed(m));
}

static void acquire(world *m)
{
	int32_t b = some_borrower(m, is_at_home);

	here.doing = "acquire";
	if (b < 0)
		return;
	memset(&m->real.waiter[b], 0, sizeof m->real.waiter[b]);
	m->borrower[b].since = m->now;
	ask(m, b, false);
}

/* What it got turned out to be dead. */
static void ask_again(world *m)
{
	int32_t b = some_borrower(m, is_holding);

	here.doing = "ask again";
	if (b < 0 || m->real.waiter[b].since == 0 || m->real.waiter[b].since != m->borrower[b].since)
		return;
	put(m, m->borrower[b].slot, PGM__SLOT_CLOSING);
	m->lost++;
	pgm__slots_lost(&m->real.s, m->borrower[b].slot);
	m->borrower[b].slot = PGM__NO_SLOT;
	m->borrower[b].asks_again = true;
	ask(m, b, true);
}

/* The borrower sees the answer that it was given while it slept. */
static void see_answer(world *m, int32_t b, pgm__verdict verdict)
{
	if (m->borrower[b].refused) {
		CHECK(verdict == (m->shut ? PGM__SHUT : PGM__REFUSED));
		go_home(m, b);
		return;
	}
	CHECK(verdict == PGM__GOT && m->real.waiter[b].slot == m->borrower[b].slot);
	m->borrower[b].where = HOLDING;
}

static void look_again(world *m, int32_t b)
{
	bool nudged = m->real.waiter[b].nudged;
	pgm__verdict expected, verdict;

	m->borrower[b].knocked = false;
	settle(m);
	if (m->borrower[b].where == ANSWERED) {
		see_answer(m, b, pgm__slots_retry(&m->real.s, &m->real.waiter[b], m->now));
		return;
	}
	expected = nudged ? take(m, b) : PGM__NONE;
	verdict = pgm__slots_retry(&m->real.s, &m->real.waiter[b], m->now);
	CHECK(verdict == (expected == PGM__NONE ? PGM__WAIT : expected));
	if (verdict == PGM__WAIT)
		return;
	CHECK(!head_is_owed(m) || m->line[0] == b || verdict == PGM__OPEN);
	take_from_line(m, b, HOLDING);
	if (verdict == PGM__OPEN)
		begin_opening(m, b);
}

static void retry(world *m)
{
	int32_t b = some_borrower(m, chance(m, 90) ? is_knocked : is_waiting);

	here.doing = "retry";
	if (b >= 0)
		look_again(m, b);
}

static void leave(world *m)
{
	int32_t b = some_borrower(m, is_waiting);
	pgm__verdict verdict;

	here.doing = "leave";
	if (b < 0)
		return;
	verdict = pgm__slots_leave(&m->real.s, &m->real.waiter[b], m->now);
	if (m->borrower[b].where == ANSWERED) {
		m->borrower[b].knocked = false;
		see_answer(m, b, verdict);
		return;
	}
	CHECK(verdict == PGM__NONE);
	take_from_line(m, b, AT_HOME);
	settle(m);
	go_home(m, b);
}

static void release(world *m)
{
	int32_t b = some_borrower(m, is_holding);
	int32_t i;
	bool kept;

	here.doing = "release";
	if (b < 0)
		return;
	i = m->borrower[b].slot;
	go_home(m, b);
	if (chance(m, 5)) {
		put(m, i, PGM__SLOT_CLOSING);
		m->lost++;
		pgm__slots_lost(&m->real.s, i);
		return;
	}
	put(m, i, PGM__SLOT_IDLE);
	kept = !m->shut && (is_usable(m, i) || !may_retire(m));
	CHECK(pgm__slots_release(&m->real.s, i, m->now) == kept);
	if (kept) {
		m->slot[i].since = m->now;
		m->missed = false;
		settle(m);
	} else {
		put(m, i, PGM__SLOT_CLOSING);
		check_never_below_min(m);
	}
}

/* ---------------------------------------------------------- without a word (see connection/hot.h) */

/* Whoever takes the handle's lock begins with this. */
static void take_in_hot(world *m)
{
	int32_t i = m->hot;

	if (i < 0)
		return;
	m->hot = -1;
	put(m, i, PGM__SLOT_IDLE);
	m->slot[i].since = m->hot_since;
	m->missed = false;
	pgm__slots_return(&m->real.s, i, m->hot_since);
}

static void give_back_hot(world *m)
{
	int32_t b = some_borrower(m, is_holding);

	here.doing = "give back hot";
	if (b < 0 || m->hot >= 0 || m->shut || m->nline > 0 || m->slot[m->borrower[b].slot].expires <= m->now)
		return;
	m->hot = m->borrower[b].slot;
	m->hot_since = m->now;
	m->slot[m->hot].holder = -1;
	go_home(m, b);
}

static void lend_hot(world *m)
{
	int32_t b = some_borrower(m, is_at_home);

	here.doing = "lend hot";
	if (b < 0 || m->hot < 0 || m->slot[m->hot].expires <= m->now)
		return;
	m->slot[m->hot].holder = b;
	m->slot[m->hot].lent_at = m->now;
	m->borrower[b].slot = m->hot;
	m->borrower[b].where = HOLDING;
	m->borrower[b].since = m->now;
	m->hot = -1;
}

/* ---------------------------------------------------------------------------------- the openers */

/* A random slot in that state, or -1. */
static int32_t some_slot(world *m, pgm__slot_state state)
{
	int32_t start = (int32_t)below(m, m->rules.max_size);

	for (int32_t k = 0; k < m->rules.max_size; k++) {
		int32_t i = (start + k) % m->rules.max_size;

		if (m->slot[i].state == state)
			return i;
	}
	return -1;
}

static void note_opened(world *m, int32_t i)
{
	pgm__time life = m->rules.max_lifetime, expires = m->real.slot[i].expires;

	if (m->slot[i].outdated)
		CHECK(expires == m->now);
	else
		CHECK(life ? expires <= m->now + life && expires >= m->now + life - life / 10 : expires == PGM__NEVER);
	m->slot[i].outdated = false;
	m->slot[i].expires = expires;
	m->opened++;
	m->missed = false;
	m->failing = false;
	m->distance = 0;
	m->ramp = m->ramp * 2 < m->rules.num_workers ? m->ramp * 2 : m->rules.num_workers;
}

static void note_failed(world *m, int32_t i, bool for_good)
{
	pgm__time most;

	put(m, i, PGM__SLOT_EMPTY);
	for_good = for_good && !m->slot[i].outdated;
	m->slot[i].outdated = false;
	m->open_failed++;
	m->missed = false;
	if (for_good || has_given_up(m))
		refuse_line(m);
	if (m->rules.borrower_opens)
		return;
	if (m->failing && m->now < m->retry_at) { /* one of several that were under way together */
		m->failed_at = m->now;
		m->ramp = 1;
		CHECK(m->real.s.retry_at == m->retry_at);
		return;
	}
	most = m->nline > 0 ? DISTANCE_WAITED_FOR : for_good ? MOST_DISTANCE_FOR_GOOD : MOST_DISTANCE;
	m->distance = m->distance * 2 < most ? m->distance * 2 : most;
	if (m->distance == 0)
		m->distance = FIRST_DISTANCE;
	m->failing_since = m->failing ? m->failing_since : m->now;
	m->failing = true;
	m->failed_at = m->now;
	m->ramp = 1;
	m->retry_at = m->real.s.retry_at;
	CHECK(m->retry_at - m->now >= m->distance - m->distance / 4);
	CHECK(m->retry_at - m->now <= m->distance + m->distance / 4);
}

static void fail_opening(world *m, int32_t i)
{
	bool for_good = m->server_says_no_for_good;

	pgm__slots_failed(&m->real.s, i, for_good, m->now);
	note_failed(m, i, for_good);
	settle(m);
}

/* Whoever opens the handle opens the first connection. */
static void begin_opening_for_nobody(world *m)
{
	bool room = !m->shut && count(m, PGM__SLOT_EMPTY) > 0;
	int32_t i = pgm__slots_begin(&m->real.s);

	here.doing = "begin opening";
	CHECK(room == (i != PGM__NO_SLOT));
	if (!room)
		return;
	CHECK(m->slot[i].state == PGM__SLOT_EMPTY);
	put(m, i, PGM__SLOT_OPENING);
}

static void finish_opening(world *m)
{
	int32_t i = some_slot(m, PGM__SLOT_OPENING);

	here.doing = "opening";
	if (i < 0 || m->slot[i].parked || m->slot[i].holder >= 0)
		return;
	if (!m->server_up || chance(m, m->hiccups)) {
		fail_opening(m, i);
		return;
	}
	CHECK(pgm__slots_opened(&m->real.s, i, m->now) == !m->shut);
	put(m, i, m->shut ? PGM__SLOT_CLOSING : PGM__SLOT_IDLE);
	if (m->shut)
		return;
	m->slot[i].since = m->now;
	note_opened(m, i);
	settle(m);
}

static void finish_own_opening(world *m, int32_t b, int32_t i)
{
	CHECK(pgm__slots_opened_lent(&m->real.s, i, m->now) == !m->shut);
	if (m->shut) {
		put(m, i, PGM__SLOT_CLOSING);
		go_home(m, b);
		return;
	}
	lend_to(m, i, b);
	note_opened(m, i);
	m->borrower[b].where = HOLDING;
}

static void borrower_opens(world *m)
{
	int32_t b = some_borrower(m, is_at_opening);
	int32_t i;

	here.doing = "own opening";
	if (b < 0)
		return;
	i = m->borrower[b].slot;
	if (chance(m, 25)) {
		pgm__slots_park(&m->real.s, i, m->now);
		go_home(m, b);
		m->slot[i].parked = true;
		m->slot[i].holder = -1;
		settle(m);
	} else if (!m->server_up || chance(m, m->hiccups)) {
		go_home(m, b);
		fail_opening(m, i);
	} else {
		finish_own_opening(m, b, i);
	}
}

/* ----------------------------------------------------------------------- the keeper, the closing */

static void finish_closing(world *m)
{
	int32_t i = some_slot(m, PGM__SLOT_CLOSING);

	here.doing = "closed";
	if (i < 0)
		return;
	put(m, i, PGM__SLOT_EMPTY);
	m->closed++;
	pgm__slots_closed(&m->real.s, i, m->now);
	settle(m);
}

static void begin_check(world *m)
{
	int32_t i = (int32_t)below(m, m->rules.max_size);
	bool idle = m->slot[i].state == PGM__SLOT_IDLE;

	here.doing = "check";
	CHECK(pgm__slots_check(&m->real.s, i) == idle);
	if (idle)
		put(m, i, PGM__SLOT_CHECKING);
}

static void finish_check(world *m)
{
	int32_t i = some_slot(m, PGM__SLOT_CHECKING);

	here.doing = "checked";
	if (i < 0)
		return;
	CHECK(pgm__slots_check_done(&m->real.s, i, m->now) == !m->shut);
	if (m->shut) {
		put(m, i, PGM__SLOT_CLOSING);
		return;
	}
	put_idle_last(m, i);
	settle(m);
}

static void lose(world *m)
{
	int32_t i = some_slot(m, chance(m, 50) ? PGM__SLOT_IDLE : PGM__SLOT_CHECKING);

	here.doing = "lost";
	if (i < 0)
		return;
	pgm__slots_lost(&m->real.s, i);
	put(m, i, PGM__SLOT_CLOSING);
	m->lost++;
}

static void act(world *m, const pgm__due *due)
{
	int32_t i = due->slot;

	CHECK(i >= 0 && i < m->rules.max_size);
	if (due->what == PGM__DUE_OPEN) {
		CHECK(wants_opening(m) && m->slot[i].state == PGM__SLOT_EMPTY);
		CHECK(count(m, PGM__SLOT_OPENING) < (m->failing ? 1 : m->rules.num_workers));
		put(m, i, PGM__SLOT_OPENING);
	} else if (due->what == PGM__DUE_CLOSE) {
		CHECK(is_to_close(m, i));
		put(m, i, PGM__SLOT_CLOSING);
		check_never_below_min(m);
	} else {
		CHECK(is_leak(m, i));
		if (m->slot[i].lent_at > m->slot[i].since) {
			m->slot[i].since = m->slot[i].lent_at;
			pgm__slots_lent_again(&m->real.s, i, m->slot[i].lent_at);
		} else {
			m->slot[i].reported = true;
		}
	}
}

static void keep(world *m)
{
	int32_t bound = 3 * m->rules.max_size + 1;
	pgm__due due;

	take_in_hot(m);
	here.doing = "due";
	note_time(m);
	while ((due = pgm__slots_due(&m->real.s, m->now)).what != PGM__DUE_NOTHING) {
		act(m, &due);
		CHECK(--bound > 0);
		note_time(m);
	}
	check_nothing_due(m);
	CHECK(due.until > m->now && m->real.s.until == due.until && !m->real.s.stir);
	m->keeper_is_new = false;
}

static bool keeper_is_awake(const world *m)
{
	return m->keeper_is_new || m->real.s.stir || m->now >= m->real.s.until;
}

/* A keeper comes late, and now and then for nothing. */
static void maybe_keep(world *m)
{
	if (keeper_is_awake(m) || chance(m, 5))
		keep(m);
}

/* ------------------------------------------------------------------------------- the rare events */

static void drain(world *m)
{
	here.doing = "drain";
	pgm__slots_drain(&m->real.s, m->now);
	for (int32_t i = 0; i < m->rules.max_size; i++)
		if (m->slot[i].state == PGM__SLOT_OPENING)
			m->slot[i].outdated = true;
		else if (m->slot[i].expires > m->now)
			m->slot[i].expires = m->now;
}

static void shut(world *m)
{
	here.doing = "shut";
	pgm__slots_shut(&m->real.s);
	m->shut = true;
	refuse_line(m);
}

/* As in the child after fork: none of the other threads is there. */
static void forget(world *m)
{
	here.doing = "forget";
	pgm__slots_forget(&m->real.s);
	for (int32_t i = 0; i < m->rules.max_size; i++) {
		put(m, i, PGM__SLOT_EMPTY);
		m->slot[i].outdated = false;
	}
	for (int32_t b = 0; b < MOST_BORROWERS; b++)
		go_home(m, b);
	m->nline = 0;
	m->failing = m->missed = false;
	m->distance = 0;
	m->ramp = m->rules.num_workers;
	m->keeper_is_new = true;
}

static void rarely(world *m)
{
	int64_t which = below(m, 100);

	if (which < 60)
		drain(m);
	else if (which < 70)
		forget(m);
	else if (which < 75)
		shut(m);
	m->server_up = chance(m, 70);
	m->server_says_no_for_good = chance(m, 20);
}

static void pass_time(world *m)
{
	pgm__time until = m->real.s.until;
	int64_t how = below(m, 100);

	here.doing = "time";
	if (how < 40)
		m->now += below(m, PGM__MS / 10);
	else if (how < 65)
		m->now += below(m, 5 * PGM__MS);
	else if (how < 80)
		m->now += below(m, PGM__SECOND);
	else if (how < 92 && until != PGM__NEVER && until > m->now)
		m->now = until - below(m, 2);
	else if (how < 96)
		m->now += below(m, 100 * PGM__SECOND);
	else if (m->nline > 0 && m->rules.hand_over_after < PGM__SECOND && !head_is_owed(m))
		m->now = m->borrower[m->line[0]].since + m->rules.hand_over_after - below(m, 2);
}

/* -------------------------------------------------------------------------------- the schedules */

static void wake_all(world *m)
{
	pgm__waiter *w;

	while ((w = pgm__slots_next_woken(&m->real.s))) {
		borrower *b = &m->borrower[w - m->real.waiter];

		CHECK(w >= m->real.waiter && w < m->real.waiter + MOST_BORROWERS);
		CHECK(is_waiting(b));
		CHECK(!w->woken && !w->next_woken);
		b->knocked = true;
	}
}

typedef struct happening {
	void (*happen)(world *);
	int weight;
	bool needs_no_lock;
} happening;

static const happening happenings[] = {
	{acquire, 24, false},	     {retry, 18, false},
	{leave, 5, false},	     {release, 18, false},
	{finish_opening, 10, false}, {borrower_opens, 5, false},
	{finish_closing, 6, false},  {begin_check, 2, false},
	{finish_check, 4, false},    {lose, 1, false},
	{maybe_keep, 12, true},	     {pass_time, 14, true},
	{rarely, 1, false},	     {begin_opening_for_nobody, 1, false},
	{ask_again, 2, false},	     {give_back_hot, 8, true},
	{lend_hot, 8, true},
};

static void happen_something(world *m)
{
	int64_t which = below(m, 139);

	for (size_t k = 0; k < sizeof happenings / sizeof *happenings; k++) {
		if (which < happenings[k].weight) {
			if (!happenings[k].needs_no_lock)
				take_in_hot(m);
			happenings[k].happen(m);
			return;
		}
		which -= happenings[k].weight;
	}
}

static void step(world *m)
{
	here.step++;
	happen_something(m);
	if (chance(m, 5)) { /* somebody runs out of time before the wake-up reaches it */
		take_in_hot(m);
		leave(m);
	}
	wake_all(m);
	check_everything(m);
}

static void set_rules(world *m)
{
	pgm__slot_rules *r = &m->rules;

	r->borrower_opens = chance(m, 15);
	r->max_size = (int32_t)(chance(m, 3) ? MOST_SLOTS : 1 + below(m, 8));
	if (r->borrower_opens)
		r->max_size = 1;
	r->min_size = (int32_t)below(m, r->max_size + 1);
	if (chance(m, 25))
		r->min_size = r->max_size;
	r->max_waiting = (int32_t)ONE_OF(m, 0, 0, 1, 3);
	r->num_workers = (int32_t)ONE_OF(m, 1, 2, 3, 8);
	r->max_idle = ONE_OF(m, 0, PGM__MS, 300 * PGM__MS, 300 * PGM__SECOND);
	r->max_lifetime = ONE_OF(m, 0, 1, 2 * PGM__MS, PGM__SECOND, 3600 * PGM__SECOND);
	r->reconnect_timeout = ONE_OF(m, 0, 100 * PGM__MS, 3 * PGM__SECOND, 300 * PGM__SECOND);
	r->leak_after = ONE_OF(m, 0, 3 * PGM__MS, 5 * PGM__SECOND);
	r->hand_over_after = ONE_OF(m, 0, PGM__MS, PGM__MS, PGM__SECOND, PGM__NEVER);
}

static void begin(world *m, uint64_t seed)
{
	*m = (world){.random = seed, .server_up = true, .hiccups = 3, .keeper_is_new = true, .hot = -1};
	set_rules(m);
	m->now = 1 + below(m, 1000 * PGM__SECOND);
	m->ramp = m->rules.num_workers;
	memset(m->real.slot, 0xA5, sizeof m->real.slot);
	pgm__slots_init(&m->real.s, &m->rules, m->real.slot, chance(m, 10) ? 0 : seed);
	for (int32_t i = 0; i < MOST_SLOTS; i++)
		m->slot[i].holder = -1;
	for (int32_t b = 0; b < MOST_BORROWERS; b++)
		go_home(m, b);
	check_everything(m);
}

/* ----------------------------------------------------------------- how every schedule has to end */

static bool is_busy(const borrower *b)
{
	return b->where != AT_HOME;
}

static bool is_at_rest(world *m)
{
	int32_t usable[MOST_SLOTS];
	int32_t nusable = usable_idle(m, usable);

	if (some_borrower(m, is_busy) >= 0 || count(m, PGM__SLOT_CLOSING) || count(m, PGM__SLOT_CHECKING) ||
	    count(m, PGM__SLOT_OPENING) > parked(m))
		return false;
	if (m->shut)
		return count(m, PGM__SLOT_EMPTY) == m->rules.max_size;
	if (m->rules.borrower_opens)
		return true;
	if (m->rules.max_idle && nusable > m->rules.min_size)
		return false;
	return nusable >= m->rules.min_size;
}

/* Nothing new happens: what has been begun ends, and when nothing is left to end the keeper's time comes. */
static void wind_down(world *m)
{
	static void (*const endings[])(world *) = {release, finish_opening, borrower_opens, finish_closing,
						   finish_check};
	bool idle = some_borrower(m, holds_something) < 0 && some_borrower(m, is_knocked) < 0 &&
		    !count(m, PGM__SLOT_CLOSING) && !count(m, PGM__SLOT_CHECKING) &&
		    count(m, PGM__SLOT_OPENING) == parked(m);

	if (keeper_is_awake(m)) {
		keep(m);
	} else if (idle) {
		here.doing = "nothing more will happen by itself";
		CHECK(m->real.s.until != PGM__NEVER);
		m->now = m->real.s.until;
	} else if (chance(m, 40)) {
		int32_t b = some_borrower(m, is_knocked);

		if (b >= 0)
			look_again(m, b);
	} else {
		endings[below(m, (int64_t)(sizeof endings / sizeof *endings))](m);
	}
}

static void end(world *m)
{
	int32_t bound = 5000 + 100 * m->rules.max_size;

	take_in_hot(m);
	m->server_up = true;
	m->hiccups = 0;
	while (!is_at_rest(m)) {
		here.step++;
		wind_down(m);
		wake_all(m);
		check_everything(m);
		here.doing = "coming to rest";
		CHECK(--bound > 0);
	}
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void every_random_schedule_keeps_every_promise(void **state)
{
	static world m;
	uint64_t now = (uint64_t)time(NULL);
	int64_t wanted = (int64_t)number_from("PGM_MODEL_STEPS", ORDINARY_STEPS);
	int64_t done = 0;

	(void)state;
	here.seed = number_from("PGM_MODEL_SEED", mix(now) >> 32);
	print_message("PGM_MODEL_SEED=%" PRIu64 "\n", here.seed);
	for (here.schedule = 0; done < wanted; here.schedule++) {
		int64_t steps;

		here.step = 0;
		here.doing = "begin";
		begin(&m, mix(mix(here.seed) + (uint64_t)here.schedule));
		steps = 20 + below(&m, 500);
		while (here.step < steps)
			step(&m);
		done += steps;
		end(&m);
	}
	print_message("%" PRId64 " steps in %" PRId64 " schedules\n", done, here.schedule);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_random_schedule_keeps_every_promise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
