#include "connection/slots.h"

#include <stddef.h>
#include <string.h>

/* Server down: probes follow each other at these distances, by a quarter more or less. Somebody waiting
 * is worth a probe every 600 ms; min_size alone is not, and a refusal for good less still. */
#define BACKOFF_FIRST (25 * PGM__MS)
#define BACKOFF_WAITED_FOR (600 * PGM__MS)
#define BACKOFF_MOST (5 * PGM__SECOND)
#define BACKOFF_MOST_FOR_GOOD (30 * PGM__SECOND)

/* max_lifetime is shortened by up to a tenth, so that connections opened together do not expire together. */
#define LIFETIME_SPREAD 10

static int32_t min_i32(int32_t a, int32_t b)
{
	return a < b ? a : b;
}

static int32_t max_i32(int32_t a, int32_t b)
{
	return a > b ? a : b;
}

static pgm__time min_time(pgm__time a, pgm__time b)
{
	return a < b ? a : b;
}

/* now + span, where 0 means never. */
static pgm__time after(pgm__time now, pgm__time span)
{
	return span == 0 || span > PGM__NEVER - now ? PGM__NEVER : now + span;
}

/* xorshift64: for jitter, nothing that must be unpredictable. */
static uint64_t next_random(pgm__slots *s)
{
	s->random ^= s->random << 13;
	s->random ^= s->random >> 7;
	s->random ^= s->random << 17;
	return s->random;
}

/* A share of span between 0 and span. */
static pgm__time random_share(pgm__slots *s, pgm__time span)
{
	return (pgm__time)(next_random(s) >> 11) % (span + 1);
}

/* The keeper sleeps until s->until; it must be woken if something will be due earlier. */
static void expect(pgm__slots *s, pgm__time at)
{
	if (at < s->until)
		s->stir = true;
}

/* --------------------------------------------------------------------------- lists of slots */

static void unlink_slot(pgm__slots *s, int32_t i)
{
	pgm__slot *slot = &s->slot[i];
	pgm__slot_list *list = &s->list[slot->state];

	if (slot->prev == PGM__NO_SLOT)
		list->first = slot->next;
	else
		s->slot[slot->prev].next = slot->next;
	if (slot->next == PGM__NO_SLOT)
		list->last = slot->prev;
	else
		s->slot[slot->next].prev = slot->prev;
	list->count--;
}

static void link_first(pgm__slots *s, int32_t i, pgm__slot_state state)
{
	pgm__slot *slot = &s->slot[i];
	pgm__slot_list *list = &s->list[state];

	slot->state = (uint8_t)state;
	slot->prev = PGM__NO_SLOT;
	slot->next = list->first;
	if (list->first == PGM__NO_SLOT)
		list->last = i;
	else
		s->slot[list->first].prev = i;
	list->first = i;
	list->count++;
}

static void link_last(pgm__slots *s, int32_t i, pgm__slot_state state)
{
	pgm__slot *slot = &s->slot[i];
	pgm__slot_list *list = &s->list[state];

	slot->state = (uint8_t)state;
	slot->next = PGM__NO_SLOT;
	slot->prev = list->last;
	if (list->last == PGM__NO_SLOT)
		list->first = i;
	else
		s->slot[list->last].next = i;
	list->last = i;
	list->count++;
}

/* The one way from state to state. First in its list: what was used last is used next. */
static void move(pgm__slots *s, int32_t i, pgm__slot_state state)
{
	unlink_slot(s, i);
	link_first(s, i, state);
}

static void all_empty(pgm__slots *s)
{
	for (int state = 0; state < PGM__SLOT_STATES; state++)
		s->list[state] = (pgm__slot_list){PGM__NO_SLOT, PGM__NO_SLOT, 0};
	for (int32_t i = 0; i < s->rules.max_size; i++) {
		s->slot[i] = (pgm__slot){0};
		link_last(s, i, PGM__SLOT_EMPTY);
	}
}

void pgm__slots_init(pgm__slots *s, const pgm__slot_rules *rules, pgm__slot *slot, uint64_t seed)
{
	*s = (pgm__slots){.rules = *rules, .slot = slot, .random = seed ? seed : 1};
	s->ramp = rules->num_workers;
	s->until = PGM__NEVER;
	all_empty(s);
}

/* ------------------------------------------------------------------------ the idle, in order */

/* While the server takes no new connections an expired one is better than none. */
static bool is_usable(const pgm__slots *s, int32_t i, pgm__time now)
{
	return s->slot[i].expires > now || s->failing_since != 0;
}

static int32_t usable_from(const pgm__slots *s, int32_t i, pgm__time now)
{
	while (i != PGM__NO_SLOT && !is_usable(s, i, now))
		i = s->slot[i].next;
	return i;
}

static int32_t first_usable(const pgm__slots *s, pgm__time now)
{
	return usable_from(s, s->list[PGM__SLOT_IDLE].first, now);
}

static int32_t expired_idle(const pgm__slots *s, pgm__time now)
{
	int32_t n = 0;

	for (int32_t i = s->list[PGM__SLOT_IDLE].first; i != PGM__NO_SLOT; i = s->slot[i].next)
		n += !is_usable(s, i, now);
	return n;
}

static int32_t first_parked(const pgm__slots *s)
{
	int32_t i = s->list[PGM__SLOT_OPENING].first;

	while (i != PGM__NO_SLOT && !s->slot[i].parked)
		i = s->slot[i].next;
	return i;
}

/* The slot that a borrower may open itself: left in the middle of it, or empty. */
static int32_t first_openable(const pgm__slots *s)
{
	int32_t i;

	if (!s->rules.borrower_opens)
		return PGM__NO_SLOT;
	i = first_parked(s);
	return i != PGM__NO_SLOT ? i : s->list[PGM__SLOT_EMPTY].first;
}

static void lend(pgm__slots *s, int32_t i, pgm__time now)
{
	pgm__slot *slot = &s->slot[i];

	move(s, i, PGM__SLOT_LENT);
	slot->since = now;
	slot->reported = false;
	s->acquired++;
	if (s->missed)
		s->stir = true; /* what is lent here would have done for them */
	expect(s, after(now, s->rules.leak_after));
}

/* ------------------------------------------------------------------------------- the queue */

/* By the time of asking: at the end, unless it has been asking for longer than others. */
static void enqueue(pgm__slots *s, pgm__waiter *w)
{
	pgm__waiter *before = s->tail;

	while (before && before->since > w->since)
		before = before->prev;
	s->waited += !w->counted;
	*w = (pgm__waiter){
		.prev = before,
		.next = before ? before->next : s->head,
		.since = w->since,
		.slot = PGM__NO_SLOT,
		.state = PGM__WAITER_QUEUED,
		.counted = true,
	};
	if (w->prev)
		w->prev->next = w;
	else
		s->head = w;
	if (w->next)
		w->next->prev = w;
	else
		s->tail = w;
	s->queued++;
}

static void dequeue(pgm__slots *s, pgm__waiter *w, pgm__waiter_state state)
{
	if (w->prev)
		w->prev->next = w->next;
	else
		s->head = w->next;
	if (w->next)
		w->next->prev = w->prev;
	else
		s->tail = w->prev;
	w->next = w->prev = NULL;
	w->state = (uint8_t)state;
	w->nudged = false;
	s->queued--;
	if (!s->head && s->failing_since)
		s->stir = true; /* nothing may be wanted any more: see forget_failure */
}

static void wake(pgm__slots *s, pgm__waiter *w)
{
	if (w->woken)
		return;
	w->woken = true;
	w->next_woken = NULL;
	if (s->woken_last)
		s->woken_last->next_woken = w;
	else
		s->woken_first = w;
	s->woken_last = w;
}

pgm__waiter *pgm__slots_next_woken(pgm__slots *s)
{
	pgm__waiter *w = s->woken_first;

	if (!w)
		return NULL;
	s->woken_first = w->next_woken;
	if (!s->woken_first)
		s->woken_last = NULL;
	w->next_woken = NULL;
	w->woken = false;
	return w;
}

static void unwake(pgm__slots *s, pgm__waiter *w)
{
	pgm__waiter *before = NULL;

	if (!w->woken)
		return;
	for (pgm__waiter *at = s->woken_first; at != w; at = at->next_woken)
		before = at;
	if (before)
		before->next_woken = w->next_woken;
	else
		s->woken_first = w->next_woken;
	if (s->woken_last == w)
		s->woken_last = before;
	w->next_woken = NULL;
	w->woken = false;
}

static void nudge(pgm__slots *s, pgm__waiter *w)
{
	if (w->nudged)
		return;
	w->nudged = true;
	wake(s, w);
}

static void grant(pgm__slots *s, pgm__waiter *w, int32_t i, pgm__time now)
{
	dequeue(s, w, PGM__WAITER_GRANTED);
	w->slot = i;
	lend(s, i, now);
	wake(s, w);
}

static void refuse_all(pgm__slots *s)
{
	while (s->head) {
		pgm__waiter *w = s->head;

		dequeue(s, w, PGM__WAITER_REFUSED);
		wake(s, w);
	}
}

static bool is_owed(const pgm__slots *s, const pgm__waiter *w, pgm__time now)
{
	return now - w->since >= s->rules.hand_over_after;
}

/* Matches what is free with who waits: the long-waiting are given it, the others woken to take it. */
static void settle(pgm__slots *s, pgm__time now)
{
	pgm__waiter *w = s->head;

	for (int32_t i = first_usable(s, now); w && i != PGM__NO_SLOT;) {
		pgm__waiter *next_waiter = w->next;
		int32_t next_slot = usable_from(s, s->slot[i].next, now);

		if (is_owed(s, w, now))
			grant(s, w, i, now);
		else
			nudge(s, w);
		w = next_waiter;
		i = next_slot;
	}
	if (s->head && first_openable(s) != PGM__NO_SLOT)
		nudge(s, s->head);
}

/* Whoever is owed a connection comes before whoever is looking for one just now. */
static void serve_the_owed(pgm__slots *s, pgm__time now)
{
	if (s->head && is_owed(s, s->head, now))
		settle(s, now);
}

/* When connecting counts as having failed for too long. Not while some are open: a server that has no room for more
 * makes the pool smaller, and those who wait get what others give back. */
static pgm__time give_up_at(const pgm__slots *s)
{
	if (!s->failing_since || pgm__slots_open(s) > 0)
		return PGM__NEVER;
	return after(s->failing_since, s->rules.reconnect_timeout);
}

/* Somebody waits and nothing is free: that changes when the next attempt is worth it, see BACKOFF_WAITED_FOR. */
static void expect_opening(pgm__slots *s, pgm__time now)
{
	if (s->failing_since) {
		s->retry_at = min_time(s->retry_at, s->failed_at + BACKOFF_WAITED_FOR);
		expect(s, s->retry_at);
		expect(s, give_up_at(s));
	} else if (s->list[PGM__SLOT_EMPTY].count > 0 && s->list[PGM__SLOT_OPENING].count < s->ramp) {
		expect(s, now);
	}
}

/* ------------------------------------------------------------------------------ the borrower */

/* A slot for w at once: an idle one, or one that it may open. */
static pgm__verdict take(pgm__slots *s, pgm__waiter *w, pgm__time now)
{
	int32_t i = first_usable(s, now);

	if (i != PGM__NO_SLOT) {
		lend(s, i, now);
		w->slot = i;
		return PGM__GOT;
	}
	i = first_openable(s);
	if (i == PGM__NO_SLOT)
		return PGM__NONE;
	move(s, i, PGM__SLOT_OPENING);
	w->slot = i;
	s->slot[i].parked = false;
	return PGM__OPEN;
}

/* Nobody who has been promised a connection came earlier. */
static bool is_first(const pgm__slots *s, const pgm__waiter *w, pgm__time now)
{
	return !s->head || s->head->since > w->since || !is_owed(s, s->head, now);
}

pgm__verdict pgm__slots_acquire(pgm__slots *s, pgm__waiter *w, bool may_wait, pgm__time now)
{
	bool again = w->since != 0;

	if (!again)
		w->since = now;
	if (s->shut)
		return PGM__SHUT;
	serve_the_owed(s, now);
	if (is_first(s, w, now)) {
		pgm__verdict verdict = take(s, w, now);

		if (verdict != PGM__NONE) {
			if (s->head)
				expect_opening(s, now); /* the head may have been counting on it */
			return verdict;
		}
	}
	if (!may_wait) {
		s->missed = true;
		expect_opening(s, now);
		return PGM__NONE;
	}
	if (!again && s->rules.max_waiting && s->queued >= s->rules.max_waiting)
		return PGM__BUSY;
	enqueue(s, w);
	expect_opening(s, now);
	return PGM__WAIT;
}

/* The answer of a waiter that is not in the queue any more. */
static pgm__verdict answer(const pgm__slots *s, const pgm__waiter *w)
{
	if (w->state == PGM__WAITER_GRANTED)
		return PGM__GOT;
	return s->shut ? PGM__SHUT : PGM__REFUSED;
}

pgm__verdict pgm__slots_retry(pgm__slots *s, pgm__waiter *w, pgm__time now)
{
	pgm__verdict verdict;

	serve_the_owed(s, now);
	unwake(s, w); /* it is awake */
	if (w->state != PGM__WAITER_QUEUED)
		return answer(s, w);
	if (!w->nudged)
		return PGM__WAIT;
	w->nudged = false;
	verdict = take(s, w, now);
	if (verdict == PGM__NONE)
		return PGM__WAIT;
	dequeue(s, w, PGM__WAITER_OUT);
	return verdict;
}

pgm__verdict pgm__slots_leave(pgm__slots *s, pgm__waiter *w, pgm__time now)
{
	unwake(s, w);
	if (w->state != PGM__WAITER_QUEUED)
		return answer(s, w);
	dequeue(s, w, PGM__WAITER_OUT);
	settle(s, now); /* it may have been woken for a slot that is still free */
	return PGM__NONE;
}

/* May an expired connection be closed now, rather than after its replacement is there? */
static bool may_retire(const pgm__slots *s, int32_t expired)
{
	int32_t busy = s->list[PGM__SLOT_OPENING].count + s->list[PGM__SLOT_CLOSING].count;

	if (s->rules.borrower_opens || pgm__slots_open(s) - expired >= s->rules.min_size)
		return true;
	if (pgm__slots_open(s) <= s->rules.min_size && s->rules.min_size < s->rules.max_size)
		return false;
	return pgm__slots_open(s) + busy >= s->rules.max_size && busy < s->rules.num_workers;
}

static void expect_ageing(pgm__slots *s, int32_t i)
{
	const pgm__slot *slot = &s->slot[i];

	if (pgm__slots_open(s) > s->rules.min_size)
		expect(s, after(slot->since, s->rules.max_idle));
	expect(s, slot->expires);
}

static bool refuse_if_shut(pgm__slots *s, int32_t i)
{
	if (!s->shut)
		return false;
	move(s, i, PGM__SLOT_CLOSING);
	return true;
}

bool pgm__slots_release(pgm__slots *s, int32_t i, pgm__time now)
{
	pgm__slot *slot = &s->slot[i];

	if (refuse_if_shut(s, i))
		return false;
	if (slot->expires <= now && !s->failing_since && may_retire(s, expired_idle(s, now) + 1)) {
		move(s, i, PGM__SLOT_CLOSING);
		return false;
	}
	move(s, i, PGM__SLOT_IDLE);
	slot->since = now;
	s->missed = false;
	expect_ageing(s, i);
	if (s->head)
		settle(s, now);
	return true;
}

void pgm__slots_return(pgm__slots *s, int32_t i, pgm__time since)
{
	move(s, i, PGM__SLOT_IDLE);
	s->slot[i].since = since;
	s->missed = false;
}

void pgm__slots_lent_again(pgm__slots *s, int32_t i, pgm__time since)
{
	s->slot[i].since = since;
	s->slot[i].reported = false;
	expect(s, after(since, s->rules.leak_after));
}

/* -------------------------------------------------------------------------------- the opener */

static void note_opened(pgm__slots *s, int32_t i, pgm__time now)
{
	pgm__slot *slot = &s->slot[i];
	pgm__time life = s->rules.max_lifetime;

	slot->parked = false;
	slot->expires = life ? after(now, life - random_share(s, life / LIFETIME_SPREAD)) : PGM__NEVER;
	if (slot->outdated)
		slot->expires = now;
	slot->outdated = false;
	s->opened++;
	s->missed = false;
	s->failing_since = 0;
	s->backoff = 0;
	s->ramp = min_i32(s->ramp * 2, s->rules.num_workers);
	s->stir = true; /* more may be wanted, and more may be opened at once now */
}

int32_t pgm__slots_begin(pgm__slots *s)
{
	int32_t i = s->shut ? PGM__NO_SLOT : s->list[PGM__SLOT_EMPTY].first;

	if (i == PGM__NO_SLOT)
		return i;
	move(s, i, PGM__SLOT_OPENING);
	s->stir = true; /* with the last place taken an expired one may have to go first */
	return i;
}

bool pgm__slots_opened(pgm__slots *s, int32_t i, pgm__time now)
{
	if (refuse_if_shut(s, i))
		return false;
	note_opened(s, i, now);
	move(s, i, PGM__SLOT_IDLE);
	s->slot[i].since = now;
	settle(s, now);
	return true;
}

bool pgm__slots_opened_lent(pgm__slots *s, int32_t i, pgm__time now)
{
	if (refuse_if_shut(s, i))
		return false;
	note_opened(s, i, now);
	lend(s, i, now);
	return true;
}

static void set_retry(pgm__slots *s, bool for_good, pgm__time now)
{
	pgm__time most = s->head ? BACKOFF_WAITED_FOR : for_good ? BACKOFF_MOST_FOR_GOOD : BACKOFF_MOST;

	/* Attempts that were under way together and failed together are one failure. */
	if (!s->failing_since || now >= s->retry_at) {
		s->backoff = s->backoff ? min_time(s->backoff * 2, most) : BACKOFF_FIRST;
		s->retry_at = now + s->backoff - s->backoff / 4 + random_share(s, s->backoff / 2);
	}
	s->failed_at = now;
	s->ramp = 1;
	if (!s->failing_since)
		s->failing_since = now;
}

void pgm__slots_failed(pgm__slots *s, int32_t i, bool for_good, pgm__time now)
{
	for_good = for_good && !s->slot[i].outdated;
	move(s, i, PGM__SLOT_EMPTY);
	s->slot[i].parked = s->slot[i].outdated = false;
	s->open_failed++;
	s->missed = false;
	s->stir = true;
	if (s->rules.borrower_opens) {
		if (for_good)
			refuse_all(s);
		settle(s, now);
		return;
	}
	if (for_good || give_up_at(s) <= now)
		refuse_all(s);
	set_retry(s, for_good, now);
	settle(s, now); /* expired idle ones are usable from here on */
}

void pgm__slots_park(pgm__slots *s, int32_t i, pgm__time now)
{
	s->slot[i].parked = true;
	if (s->shut)
		s->stir = true;
	settle(s, now);
}

/* ----------------------------------------------------------------------- looking and closing */

bool pgm__slots_check(pgm__slots *s, int32_t i)
{
	if (s->slot[i].state != PGM__SLOT_IDLE)
		return false;
	move(s, i, PGM__SLOT_CHECKING);
	s->stir = true; /* while it is away another may be wanted in its place */
	return true;
}

bool pgm__slots_check_done(pgm__slots *s, int32_t i, pgm__time now)
{
	if (refuse_if_shut(s, i))
		return false;
	unlink_slot(s, i);
	link_last(s, i, PGM__SLOT_IDLE); /* having been looked at is not having been used */
	expect_ageing(s, i);
	settle(s, now);
	return true;
}

void pgm__slots_lost(pgm__slots *s, int32_t i)
{
	move(s, i, PGM__SLOT_CLOSING);
	s->lost++;
	s->stir = true;
}

void pgm__slots_closed(pgm__slots *s, int32_t i, pgm__time now)
{
	move(s, i, PGM__SLOT_EMPTY);
	s->closed++;
	s->stir = true;
	settle(s, now);
}

void pgm__slots_drain(pgm__slots *s, pgm__time now)
{
	static const pgm__slot_state open[] = {PGM__SLOT_IDLE, PGM__SLOT_LENT, PGM__SLOT_CHECKING};

	for (size_t k = 0; k < sizeof open / sizeof *open; k++)
		for (int32_t i = s->list[open[k]].first; i != PGM__NO_SLOT; i = s->slot[i].next)
			s->slot[i].expires = min_time(s->slot[i].expires, now);
	for (int32_t i = s->list[PGM__SLOT_OPENING].first; i != PGM__NO_SLOT; i = s->slot[i].next)
		s->slot[i].outdated = true;
	s->stir = true;
}

void pgm__slots_shut(pgm__slots *s)
{
	s->shut = true;
	s->stir = true;
	refuse_all(s);
}

void pgm__slots_forget(pgm__slots *s)
{
	all_empty(s);
	s->head = s->tail = s->woken_first = s->woken_last = NULL;
	s->queued = 0;
	s->missed = false;
	s->failing_since = 0;
	s->backoff = 0;
	s->ramp = s->rules.num_workers;
	s->until = PGM__NEVER;
	s->stir = false;
}

/* ----------------------------------------------------------------------------- what is due */

static pgm__due due_slot(pgm__slots *s, pgm__due_what what, int32_t i, pgm__slot_state state)
{
	move(s, i, state);
	return (pgm__due){.what = what, .slot = i, .until = 0};
}

/* What is lent may become idle without a word (pgm__slots_return): then this is when it may have to go. */
static void expect_lent(const pgm__slots *s, pgm__time now, bool above_min, pgm__time *until)
{
	const pgm__slot_list *lent = &s->list[PGM__SLOT_LENT];

	if (above_min && lent->count > 0)
		*until = min_time(*until, after(now, s->rules.max_idle));
	for (int32_t i = lent->first; i != PGM__NO_SLOT; i = s->slot[i].next)
		if (s->slot[i].expires > now)
			*until = min_time(*until, s->slot[i].expires);
}

/* An idle connection that has to go; or, in *until, when one may have to. */
static int32_t find_to_close(pgm__slots *s, pgm__time now, pgm__time *until)
{
	bool retire = may_retire(s, expired_idle(s, now));
	bool above_min = pgm__slots_open(s) > s->rules.min_size;

	for (int32_t i = s->list[PGM__SLOT_IDLE].last; i != PGM__NO_SLOT; i = s->slot[i].prev) {
		const pgm__slot *slot = &s->slot[i];
		pgm__time idle_end = above_min ? after(slot->since, s->rules.max_idle) : PGM__NEVER;

		if (idle_end <= now || (retire && !is_usable(s, i, now)))
			return i;
		*until = min_time(*until, idle_end);
		if (slot->expires > now)
			*until = min_time(*until, slot->expires);
	}
	expect_lent(s, now, above_min, until);
	return PGM__NO_SLOT;
}

/* A slot to open now; or, in *until, when. */
static int32_t find_to_open(pgm__slots *s, pgm__time now, pgm__time *until)
{
	int32_t opening = s->list[PGM__SLOT_OPENING].count;
	int32_t expired = expired_idle(s, now);
	int32_t good = pgm__slots_open(s) - expired;
	int32_t usable = s->list[PGM__SLOT_IDLE].count - expired;
	int32_t wanted = s->queued + s->missed;
	int32_t need = max_i32(s->rules.min_size - good, wanted - usable) - opening;

	if (s->rules.borrower_opens || need <= 0 || opening >= s->ramp)
		return PGM__NO_SLOT;
	if (s->failing_since && s->retry_at > now) {
		*until = min_time(*until, s->retry_at);
		return PGM__NO_SLOT;
	}
	return s->list[PGM__SLOT_EMPTY].first; /* NO_SLOT if max_size are there */
}

static int32_t find_leak(pgm__slots *s, pgm__time now, pgm__time *until)
{
	for (int32_t i = s->list[PGM__SLOT_LENT].first; i != PGM__NO_SLOT; i = s->slot[i].next) {
		pgm__time at = after(s->slot[i].since, s->rules.leak_after);

		if (s->slot[i].reported)
			continue;
		if (at <= now)
			return i;
		*until = min_time(*until, at);
	}
	return PGM__NO_SLOT;
}

/* Once nothing is wanted any more the next failure is a new one, and expired connections are due again. */
static void forget_failure(pgm__slots *s, pgm__time now, pgm__time *until)
{
	bool wanted = s->queued > 0 || pgm__slots_open(s) < s->rules.min_size || s->list[PGM__SLOT_OPENING].count > 0;

	if (!s->failing_since || wanted)
		return;
	if (s->retry_at <= now)
		s->failing_since = 0;
	else
		*until = min_time(*until, s->retry_at);
}

/* A time that was named stays named until it has passed: in a busy pool what is lent and given back all the
 * time would otherwise make the keeper forget it with every look, and be woken with every release. */
static pgm__due nothing_until(pgm__slots *s, pgm__time now, pgm__time until)
{
	if (s->until > now)
		until = min_time(until, s->until);
	s->until = until;
	s->stir = false;
	return (pgm__due){.what = PGM__DUE_NOTHING, .slot = PGM__NO_SLOT, .until = until};
}

pgm__due pgm__slots_due(pgm__slots *s, pgm__time now)
{
	pgm__time until = PGM__NEVER;
	int32_t i;

	if (s->shut) {
		i = s->list[PGM__SLOT_IDLE].first;
		if (i == PGM__NO_SLOT)
			i = first_parked(s);
		return i == PGM__NO_SLOT ? nothing_until(s, now, PGM__NEVER)
					 : due_slot(s, PGM__DUE_CLOSE, i, PGM__SLOT_CLOSING);
	}
	if (give_up_at(s) <= now)
		refuse_all(s);
	else if (s->head)
		until = give_up_at(s);
	forget_failure(s, now, &until);

	i = find_to_close(s, now, &until);
	if (i != PGM__NO_SLOT)
		return due_slot(s, PGM__DUE_CLOSE, i, PGM__SLOT_CLOSING);
	i = find_to_open(s, now, &until);
	if (i != PGM__NO_SLOT)
		return due_slot(s, PGM__DUE_OPEN, i, PGM__SLOT_OPENING);
	i = find_leak(s, now, &until);
	if (i == PGM__NO_SLOT)
		return nothing_until(s, now, until);
	s->slot[i].reported = true;
	return (pgm__due){.what = PGM__DUE_REPORT, .slot = i, .until = 0};
}
