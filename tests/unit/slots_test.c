/* The slots core, one behaviour at a time. slots_model_test.c has all of them at once. */
#include "connection/slots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 8 };

#define NOW (1000 * PGM__SECOND)
#define US (PGM__MS / 1000)
#define MINUTE (60 * PGM__SECOND)

static pgm__slots s;
static pgm__slot slots[MOST];

static pgm__slot_rules sizes(int32_t min, int32_t max)
{
	return (pgm__slot_rules){.min_size = min, .max_size = max, .num_workers = 4, .hand_over_after = PGM__MS};
}

static pgm__slot_rules normal_rules(void)
{
	pgm__slot_rules rules = sizes(1, 1);

	rules.borrower_opens = true;
	return rules;
}

static void start(pgm__slot_rules rules)
{
	memset(slots, 0xA5, sizeof slots);
	pgm__slots_init(&s, &rules, slots, 42);
}

/* ------------------------------------------------------------------------- asking for one thing */

static void assert_due_nothing(pgm__time now, pgm__time until)
{
	pgm__due due = pgm__slots_due(&s, now);

	assert_int_equal(due.what, PGM__DUE_NOTHING);
	assert_int_equal(due.slot, PGM__NO_SLOT);
	assert_int_equal(due.until, until);
	assert_int_equal(s.until, until);
	assert_false(s.stir);
}

static int32_t due_slot(pgm__due_what what, pgm__time now)
{
	pgm__due due = pgm__slots_due(&s, now);

	assert_int_equal(due.what, what);
	assert_in_range(due.slot, 0, MOST - 1);
	return due.slot;
}

/* Runs the keeper, which opens nothing and closes nothing; until when it may sleep. */
static pgm__time rest(pgm__time now)
{
	pgm__due due = pgm__slots_due(&s, now);

	assert_int_equal(due.what, PGM__DUE_NOTHING);
	return due.until;
}

static void open_due(int32_t n, pgm__time now)
{
	while (n-- > 0)
		assert_true(pgm__slots_opened(&s, due_slot(PGM__DUE_OPEN, now), now));
}

static void fail_due(bool for_good, pgm__time now)
{
	pgm__slots_failed(&s, due_slot(PGM__DUE_OPEN, now), for_good, now);
}

/* A pool with min_size connections, all idle since NOW, and a keeper that sleeps. */
static void start_full(pgm__slot_rules rules)
{
	start(rules);
	open_due(rules.min_size, NOW);
	rest(NOW);
}

static int32_t get(pgm__time now)
{
	pgm__waiter w = {0};

	assert_int_equal(pgm__slots_acquire(&s, &w, false, now), PGM__GOT);
	assert_int_equal(s.slot[w.slot].state, PGM__SLOT_LENT);
	return w.slot;
}

static void get_nothing(pgm__time now)
{
	pgm__waiter w = {0};

	assert_int_equal(pgm__slots_acquire(&s, &w, false, now), PGM__NONE);
}

static void join(pgm__waiter *w, pgm__time now)
{
	*w = (pgm__waiter){0};
	assert_int_equal(pgm__slots_acquire(&s, w, true, now), PGM__WAIT);
}

static void give_back(int32_t i, pgm__time now)
{
	assert_true(pgm__slots_release(&s, i, now));
}

static void assert_woken(const pgm__waiter *w)
{
	assert_ptr_equal(pgm__slots_next_woken(&s), w);
}

static int32_t count(pgm__slot_state state)
{
	return pgm__slots_count(&s, state);
}

/* --------------------------------------------------------------------------------- borrowing */

static void a_new_pool_is_empty_and_wants_min_size(void **state)
{
	(void)state;
	start(sizes(2, 3));
	assert_int_equal(count(PGM__SLOT_EMPTY), 3);
	assert_int_equal(pgm__slots_open(&s), 0);
	due_slot(PGM__DUE_OPEN, NOW);
	due_slot(PGM__DUE_OPEN, NOW);
	assert_due_nothing(NOW, PGM__NEVER);
	assert_int_equal(count(PGM__SLOT_OPENING), 2);
}

static void a_seed_of_zero_still_gives_jitter(void **state)
{
	pgm__slot_rules rules = sizes(0, 1);

	(void)state;
	pgm__slots_init(&s, &rules, slots, 0);
	assert_true(s.random != 0);
}

static void an_acquire_takes_the_connection_used_last(void **state)
{
	int32_t a, b;

	(void)state;
	start_full(sizes(3, 3));
	a = get(NOW);
	b = get(NOW);
	give_back(b, NOW);
	give_back(a, NOW);
	assert_int_equal(get(NOW), a);
	assert_int_equal(get(NOW), b);
	assert_int_equal(s.acquired, 4);
}

static void an_acquire_that_may_not_wait_gets_nothing_when_nothing_is_free(void **state)
{
	(void)state;
	start_full(sizes(1, 1));
	get(NOW);
	get_nothing(NOW);
	assert_null(s.head);
	assert_int_equal(s.waited, 0);
}

static void a_waiter_is_woken_by_a_release_and_takes_it(void **state)
{
	pgm__waiter w;
	int32_t i;

	(void)state;
	start_full(sizes(1, 1));
	i = get(NOW);
	join(&w, NOW);
	give_back(i, NOW + 10 * US);
	assert_woken(&w);
	assert_woken(NULL);
	assert_int_equal(w.state, PGM__WAITER_QUEUED);
	assert_int_equal(pgm__slots_retry(&s, &w, NOW + 20 * US), PGM__GOT);
	assert_int_equal(w.slot, i);
	assert_int_equal(s.queued, 0);
	assert_int_equal(s.waited, 1);
}

static void a_newcomer_may_be_quicker_within_the_first_millisecond(void **state)
{
	pgm__waiter w;
	int32_t i;

	(void)state;
	start_full(sizes(1, 1));
	i = get(NOW);
	join(&w, NOW);
	give_back(i, NOW + 10 * US);
	assert_int_equal(get(NOW + PGM__MS - 1), i);
	assert_woken(&w);
	assert_int_equal(pgm__slots_retry(&s, &w, NOW + PGM__MS - 1), PGM__WAIT);
	assert_int_equal(s.queued, 1);
	give_back(i, NOW + PGM__MS - 1); /* and is woken again the next time */
	assert_woken(&w);
}

static void a_head_that_waited_a_millisecond_is_handed_the_connection(void **state)
{
	pgm__waiter w;
	int32_t i;

	(void)state;
	start_full(sizes(1, 1));
	i = get(NOW);
	join(&w, NOW);
	give_back(i, NOW + PGM__MS);
	assert_int_equal(s.slot[i].state, PGM__SLOT_LENT);
	get_nothing(NOW + PGM__MS);
	assert_woken(&w);
	assert_int_equal(w.state, PGM__WAITER_GRANTED);
	assert_int_equal(pgm__slots_retry(&s, &w, NOW + PGM__SECOND), PGM__GOT);
	assert_int_equal(w.slot, i);
}

static void a_newcomer_does_not_pass_a_head_that_was_woken_and_is_late(void **state)
{
	pgm__waiter w;
	int32_t i;

	(void)state;
	start_full(sizes(1, 1));
	i = get(NOW);
	join(&w, NOW);
	give_back(i, NOW + 10 * US);
	get_nothing(NOW + PGM__MS);
	assert_int_equal(w.state, PGM__WAITER_GRANTED);
	assert_woken(&w);
	assert_woken(NULL); /* once is enough */
}

static void a_newcomer_takes_what_is_left_after_the_line_has_been_served(void **state)
{
	pgm__waiter w;
	int32_t a, b;

	(void)state;
	start_full(sizes(2, 2));
	a = get(NOW);
	b = get(NOW);
	join(&w, NOW);
	give_back(a, NOW + 10 * US);
	give_back(b, NOW + 10 * US);
	assert_int_equal(get(NOW + PGM__MS), a); /* b, used last, went to the head */
	assert_int_equal(pgm__slots_retry(&s, &w, NOW + PGM__MS), PGM__GOT);
	assert_int_equal(w.slot, b);
}

static void a_waiter_that_looks_does_not_pass_one_that_is_owed(void **state)
{
	pgm__waiter first, second;
	int32_t a, b;

	(void)state;
	start_full(sizes(2, 2));
	a = get(NOW);
	b = get(NOW);
	join(&first, NOW);
	join(&second, NOW);
	give_back(a, NOW + 10 * US);
	give_back(b, NOW + 10 * US);
	assert_woken(&first);
	assert_woken(&second);
	get(NOW + 20 * US); /* a newcomer was quicker: one is left for two */
	assert_int_equal(pgm__slots_retry(&s, &second, NOW + 2 * PGM__MS), PGM__WAIT);
	assert_woken(&first);
	assert_int_equal(pgm__slots_retry(&s, &first, NOW + 2 * PGM__MS), PGM__GOT);
}

static void a_waiter_granted_by_its_own_look_is_not_woken_once_more(void **state)
{
	pgm__waiter w;
	int32_t i;

	(void)state;
	start_full(sizes(1, 1));
	i = get(NOW);
	join(&w, NOW);
	give_back(i, NOW + 10 * US);
	assert_woken(&w);
	assert_int_equal(pgm__slots_retry(&s, &w, NOW + PGM__SECOND), PGM__GOT);
	assert_woken(NULL);
}

static void waiters_are_served_in_the_order_in_which_they_came(void **state)
{
	pgm__waiter w[3];
	int32_t i;

	(void)state;
	start_full(sizes(1, 1));
	i = get(NOW);
	for (int k = 0; k < 3; k++)
		join(&w[k], NOW + k);
	for (int k = 0; k < 3; k++) {
		give_back(i, NOW + PGM__SECOND);
		assert_woken(&w[k]);
		assert_int_equal(pgm__slots_retry(&s, &w[k], NOW + PGM__SECOND), PGM__GOT);
	}
}

static void as_many_waiters_are_woken_as_connections_are_free(void **state)
{
	pgm__waiter w[3];
	int32_t a, b;

	(void)state;
	start_full(sizes(2, 2));
	a = get(NOW);
	b = get(NOW);
	for (int k = 0; k < 3; k++)
		join(&w[k], NOW);
	give_back(a, NOW);
	give_back(b, NOW);
	assert_woken(&w[0]);
	assert_woken(&w[1]);
	assert_woken(NULL);
}

static void a_wake_up_for_nothing_changes_nothing(void **state)
{
	pgm__waiter w;

	(void)state;
	start_full(sizes(1, 1));
	get(NOW);
	join(&w, NOW);
	assert_int_equal(pgm__slots_retry(&s, &w, NOW + MINUTE), PGM__WAIT);
	assert_int_equal(s.queued, 1);
}

static void max_waiting_answers_busy(void **state)
{
	pgm__slot_rules rules = sizes(1, 1);
	pgm__waiter w[3] = {{0}};

	(void)state;
	rules.max_waiting = 2;
	start_full(rules);
	get(NOW);
	join(&w[0], NOW);
	join(&w[1], NOW);
	assert_int_equal(pgm__slots_acquire(&s, &w[2], true, NOW), PGM__BUSY);
	assert_int_equal(pgm__slots_acquire(&s, &w[2], false, NOW), PGM__NONE);
	assert_int_equal(pgm__slots_leave(&s, &w[0], NOW), PGM__NONE);
	join(&w[2], NOW);
	assert_int_equal(s.waited, 3);
}

/* --------------------------------------------------------------------------- leaving the line */

static void a_waiter_may_leave_from_anywhere_in_the_line(void **state)
{
	pgm__waiter w[3];

	(void)state;
	start_full(sizes(1, 1));
	get(NOW);
	for (int k = 0; k < 3; k++)
		join(&w[k], NOW);
	assert_int_equal(pgm__slots_leave(&s, &w[1], NOW), PGM__NONE); /* the middle, the end, the beginning */
	assert_int_equal(pgm__slots_leave(&s, &w[2], NOW), PGM__NONE);
	assert_ptr_equal(s.head, &w[0]);
	assert_ptr_equal(s.tail, &w[0]);
	assert_int_equal(pgm__slots_leave(&s, &w[0], NOW), PGM__NONE);
	assert_null(s.head);
	assert_null(s.tail);
}

static void a_leave_after_the_hand_over_returns_got(void **state)
{
	pgm__waiter w;
	int32_t i;

	(void)state;
	start_full(sizes(1, 1));
	i = get(NOW);
	join(&w, NOW);
	give_back(i, NOW + PGM__MS);
	assert_int_equal(pgm__slots_leave(&s, &w, NOW + PGM__MS), PGM__GOT);
	assert_int_equal(w.slot, i);
	assert_woken(NULL); /* it is gone: nobody may touch it any more */
}

static void a_nudged_waiter_that_leaves_passes_its_turn_on(void **state)
{
	pgm__waiter first, second;
	int32_t i;

	(void)state;
	start_full(sizes(1, 1));
	i = get(NOW);
	join(&first, NOW);
	join(&second, NOW);
	give_back(i, NOW + 10 * US);
	assert_int_equal(pgm__slots_leave(&s, &first, NOW + 20 * US), PGM__NONE);
	assert_woken(&second);
	assert_woken(NULL);
	assert_int_equal(pgm__slots_retry(&s, &second, NOW + 30 * US), PGM__GOT);
}

static void leaving_takes_a_waiter_out_of_the_middle_of_those_to_be_woken(void **state)
{
	pgm__waiter w[4];

	(void)state;
	start(sizes(0, 1));
	for (int k = 0; k < 4; k++)
		join(&w[k], NOW);
	pgm__slots_shut(&s);
	assert_int_equal(pgm__slots_leave(&s, &w[1], NOW), PGM__SHUT);
	assert_int_equal(pgm__slots_leave(&s, &w[3], NOW), PGM__SHUT);
	assert_woken(&w[0]);
	assert_woken(&w[2]);
	assert_woken(NULL);
}

static void whoever_asks_again_keeps_its_place_in_the_line(void **state)
{
	pgm__slot_rules rules = sizes(1, 1);
	pgm__waiter first = {0}, second, late;

	(void)state;
	rules.max_waiting = 2;
	start_full(rules);
	assert_int_equal(pgm__slots_acquire(&s, &first, true, NOW), PGM__GOT);
	join(&second, NOW + US);
	join(&late, NOW + 2 * US);
	pgm__slots_lost(&s, first.slot);						      /* what it got is dead */
	assert_int_equal(pgm__slots_acquire(&s, &first, true, NOW + PGM__SECOND), PGM__WAIT); /* and not BUSY */
	assert_ptr_equal(s.head, &first);
	assert_ptr_equal(s.tail, &late);
	pgm__slots_closed(&s, 0, NOW + PGM__SECOND);
	open_due(1, NOW + PGM__SECOND);
	assert_int_equal(pgm__slots_retry(&s, &first, NOW + PGM__SECOND), PGM__GOT);
	assert_int_equal(s.waited, 3);
}

/* ---------------------------------------------------------------------------- how many are open */

static void who_does_not_want_to_wait_makes_the_pool_grow_for_the_next(void **state)
{
	(void)state;
	start_full(sizes(1, 3));
	get(NOW);
	get_nothing(NOW);
	get_nothing(NOW);
	assert_true(s.stir);
	open_due(1, NOW); /* one, however often it was asked */
	rest(NOW);
	get(NOW);
	rest(NOW);
}

static void what_comes_back_is_enough_for_who_did_not_want_to_wait(void **state)
{
	int32_t i;

	(void)state;
	start_full(sizes(1, 3));
	i = get(NOW);
	get_nothing(NOW);
	give_back(i, NOW);
	rest(NOW);
	get(NOW);
	rest(NOW); /* the wish is forgotten */
}

static void waiters_make_the_pool_grow_up_to_max_size(void **state)
{
	pgm__waiter w[4];

	(void)state;
	start(sizes(0, 3));
	rest(NOW);
	for (int k = 0; k < 4; k++)
		join(&w[k], NOW);
	assert_true(s.stir);
	for (int k = 0; k < 3; k++)
		due_slot(PGM__DUE_OPEN, NOW);
	assert_due_nothing(NOW, PGM__NEVER);
}

static void no_more_than_num_workers_are_opened_at_once(void **state)
{
	pgm__slot_rules rules = sizes(5, 5);
	int32_t i;

	(void)state;
	rules.num_workers = 2;
	start(rules);
	i = due_slot(PGM__DUE_OPEN, NOW);
	due_slot(PGM__DUE_OPEN, NOW);
	assert_due_nothing(NOW, PGM__NEVER);
	assert_true(pgm__slots_opened(&s, i, NOW));
	assert_true(s.stir);
	due_slot(PGM__DUE_OPEN, NOW);
	rest(NOW);
}

static void no_more_are_opened_than_there_are_waiters_without_one(void **state)
{
	pgm__waiter w[2];
	int32_t i;

	(void)state;
	start_full(sizes(1, 4));
	i = get(NOW);
	join(&w[0], NOW);
	join(&w[1], NOW);
	give_back(i, NOW);
	due_slot(PGM__DUE_OPEN, NOW); /* one is free, one is opened: that serves two */
	rest(NOW);
}

static void an_opened_connection_goes_to_the_head_of_the_line(void **state)
{
	pgm__waiter w;
	int32_t i;

	(void)state;
	start(sizes(0, 1));
	join(&w, NOW);
	i = due_slot(PGM__DUE_OPEN, NOW);
	assert_true(pgm__slots_opened(&s, i, NOW + PGM__SECOND));
	assert_woken(&w);
	assert_int_equal(w.state, PGM__WAITER_GRANTED);
	assert_int_equal(w.slot, i);
	assert_int_equal(s.opened, 1);
}

static void an_opening_outlives_the_waiter_that_caused_it(void **state)
{
	pgm__waiter w;
	int32_t i;

	(void)state;
	start(sizes(0, 1));
	join(&w, NOW);
	i = due_slot(PGM__DUE_OPEN, NOW);
	assert_int_equal(pgm__slots_leave(&s, &w, NOW + PGM__SECOND), PGM__NONE);
	assert_true(pgm__slots_opened(&s, i, NOW + 3 * PGM__SECOND));
	assert_int_equal(get(NOW + 3 * PGM__SECOND), i);
}

static void a_newcomer_that_is_quicker_makes_the_pool_grow_for_the_head(void **state)
{
	pgm__waiter w;
	int32_t i;

	(void)state;
	start_full(sizes(1, 2));
	i = get(NOW);
	join(&w, NOW);
	give_back(i, NOW + 10 * US);
	rest(NOW + 10 * US); /* one waits, one is free: that will do */
	get(NOW + 20 * US);
	assert_true(s.stir);
	due_slot(PGM__DUE_OPEN, NOW + 20 * US);
}

static void a_lost_connection_is_replaced(void **state)
{
	int32_t i;

	(void)state;
	start_full(sizes(1, 2));
	i = get(NOW);
	pgm__slots_lost(&s, i);
	assert_int_equal(s.slot[i].state, PGM__SLOT_CLOSING);
	assert_int_equal(s.lost, 1);
	assert_true(s.stir); /* there is room for another before this one is closed */
	assert_int_not_equal(due_slot(PGM__DUE_OPEN, NOW), i);
	rest(NOW);
}

static void a_place_is_free_only_when_its_connection_is_really_closed(void **state)
{
	pgm__waiter w;
	int32_t i;

	(void)state;
	start_full(sizes(1, 1));
	i = get(NOW);
	join(&w, NOW);
	pgm__slots_lost(&s, i);
	assert_due_nothing(NOW, PGM__NEVER);
	pgm__slots_closed(&s, i, NOW);
	assert_int_equal(s.closed, 1);
	assert_true(s.stir);
	assert_int_equal(due_slot(PGM__DUE_OPEN, NOW), i);
}

static void the_first_opening_waits_for_nobody_and_counts_as_one_of_min_size(void **state)
{
	int32_t i;

	(void)state;
	start(sizes(1, 1));
	i = pgm__slots_begin(&s);
	assert_int_equal(slots[i].state, PGM__SLOT_OPENING);
	assert_int_equal(pgm__slots_begin(&s), PGM__NO_SLOT);
	assert_due_nothing(NOW, PGM__NEVER);
	assert_true(pgm__slots_opened(&s, i, NOW));
	assert_int_equal(get(NOW), i);
}

static void an_opening_that_takes_the_last_place_lets_an_expired_one_go(void **state)
{
	pgm__slot_rules rules = sizes(4, 4);
	int32_t old;

	(void)state;
	rules.max_lifetime = MINUTE;
	start(rules);
	fail_due(false, NOW);
	open_due(1, NOW + PGM__SECOND);
	old = s.list[PGM__SLOT_IDLE].first;
	due_slot(PGM__DUE_OPEN, NOW + PGM__SECOND); /* two at once, so soon after a failure */
	due_slot(PGM__DUE_OPEN, NOW + PGM__SECOND);
	rest(NOW + 2 * MINUTE); /* one place is left to replace the old one first */
	assert_int_not_equal(pgm__slots_begin(&s), PGM__NO_SLOT);
	assert_true(s.stir);
	assert_int_equal(due_slot(PGM__DUE_CLOSE, NOW + 2 * MINUTE), old);
}

static void no_opening_begins_once_shut(void **state)
{
	(void)state;
	start(sizes(1, 1));
	pgm__slots_shut(&s);
	assert_int_equal(pgm__slots_begin(&s), PGM__NO_SLOT);
}

/* -------------------------------------------------------------------------------------- ageing */

static void a_connection_above_min_size_closes_after_max_idle(void **state)
{
	pgm__slot_rules rules = sizes(1, 3);
	pgm__waiter w;
	int32_t kept, extra;

	(void)state;
	rules.max_idle = MINUTE;
	start_full(rules);
	kept = get(NOW);
	join(&w, NOW);
	extra = due_slot(PGM__DUE_OPEN, NOW);
	assert_true(pgm__slots_opened(&s, extra, NOW + PGM__MS));
	rest(NOW + PGM__MS);
	give_back(extra, NOW + PGM__SECOND);
	assert_false(s.stir); /* while something is lent the keeper comes by in time, see pgm__slots_return */
	give_back(kept, NOW + 2 * PGM__SECOND);
	assert_due_nothing(NOW + 2 * PGM__SECOND, NOW + PGM__MS + MINUTE);
	assert_due_nothing(NOW + PGM__MS + MINUTE, NOW + PGM__SECOND + MINUTE);
	assert_due_nothing(NOW + PGM__SECOND + MINUTE - 1, NOW + PGM__SECOND + MINUTE);
	assert_int_equal(due_slot(PGM__DUE_CLOSE, NOW + PGM__SECOND + MINUTE), extra);
	assert_due_nothing(NOW + 10 * MINUTE, PGM__NEVER); /* the last one is min_size */
}

/* The keeper sleeps while a driver lends and takes back without a word: nothing may be overdue when it wakes. */
static void a_quiet_return_is_in_time_for_the_keeper(void **state)
{
	pgm__slot_rules rules = sizes(0, 3);
	int32_t i;

	(void)state;
	rules.max_idle = MINUTE;
	rules.max_lifetime = 10 * MINUTE;
	start(rules);
	get_nothing(NOW);
	open_due(1, NOW);
	i = get(NOW);
	assert_due_nothing(NOW, NOW + MINUTE);
	assert_due_nothing(NOW + MINUTE, NOW + 2 * MINUTE); /* still lent */
	pgm__slots_return(&s, i, NOW + 90 * PGM__SECOND);
	assert_false(s.stir);
	assert_int_equal(count(PGM__SLOT_IDLE), 1);
	assert_due_nothing(NOW + 2 * MINUTE, NOW + 150 * PGM__SECOND);
	assert_int_equal(due_slot(PGM__DUE_CLOSE, NOW + 150 * PGM__SECOND), i);
}

static void the_end_of_a_lent_ones_life_is_known_in_advance(void **state)
{
	pgm__slot_rules rules = sizes(1, 1);
	int32_t i;

	(void)state;
	rules.max_lifetime = 10 * MINUTE;
	start_full(rules);
	i = get(NOW);
	s.until = 0; /* whatever it was told before */
	assert_due_nothing(NOW, s.slot[i].expires);
}

static void a_newer_loan_is_no_leak(void **state)
{
	pgm__slot_rules rules = sizes(1, 1);
	int32_t i;

	(void)state;
	rules.leak_after = MINUTE;
	start_full(rules);
	i = get(NOW);
	rest(NOW);
	assert_int_equal(due_slot(PGM__DUE_REPORT, NOW + MINUTE), i);
	pgm__slots_lent_again(&s, i, NOW + 50 * PGM__SECOND);
	assert_due_nothing(NOW + MINUTE, NOW + 110 * PGM__SECOND);
	assert_int_equal(due_slot(PGM__DUE_REPORT, NOW + 110 * PGM__SECOND), i);
	assert_due_nothing(NOW + 110 * PGM__SECOND, PGM__NEVER);
}

static void of_several_idle_for_too_long_the_one_used_last_stays(void **state)
{
	pgm__slot_rules rules = sizes(1, 3);
	pgm__waiter w[2];

	(void)state;
	rules.max_idle = MINUTE;
	start_full(rules);
	get(NOW);
	join(&w[0], NOW);
	join(&w[1], NOW);
	open_due(2, NOW + PGM__MS);
	for (int32_t i = 0; i < 3; i++)
		give_back(i, NOW + PGM__SECOND);
	assert_int_equal(due_slot(PGM__DUE_CLOSE, NOW + 2 * MINUTE), 0);
	assert_int_equal(due_slot(PGM__DUE_CLOSE, NOW + 2 * MINUTE), 1);
	assert_due_nothing(NOW + 2 * MINUTE, PGM__NEVER);
}

static void a_check_keeps_the_idle_age(void **state)
{
	pgm__slot_rules rules = sizes(0, 1);
	pgm__waiter w;

	(void)state;
	rules.max_idle = MINUTE;
	start(rules);
	join(&w, NOW);
	open_due(1, NOW);
	assert_int_equal(pgm__slots_leave(&s, &w, NOW), PGM__NONE);
	assert_true(pgm__slots_check(&s, 0));
	rest(NOW);
	assert_true(pgm__slots_check_done(&s, 0, NOW + 30 * PGM__SECOND));
	assert_true(s.stir);
	assert_due_nothing(NOW + 30 * PGM__SECOND, NOW + MINUTE);
	assert_int_equal(due_slot(PGM__DUE_CLOSE, NOW + MINUTE), 0);
}

static void a_lifetime_is_shortened_by_a_tenth_at_most(void **state)
{
	pgm__slot_rules rules = sizes(1, 1);
	pgm__time least = PGM__NEVER, most = 0;

	(void)state;
	rules.max_lifetime = 1000 * PGM__SECOND;
	for (uint64_t seed = 1; seed <= 2000; seed++) {
		pgm__slots_init(&s, &rules, slots, seed * UINT64_C(0x9E3779B97F4A7C15));
		open_due(1, NOW);
		least = slots[0].expires < least ? slots[0].expires : least;
		most = slots[0].expires > most ? slots[0].expires : most;
	}
	assert_in_range(least, NOW + 900 * PGM__SECOND, NOW + 905 * PGM__SECOND);
	assert_in_range(most, NOW + 995 * PGM__SECOND, NOW + 1000 * PGM__SECOND);
}

static void without_max_lifetime_a_connection_never_expires(void **state)
{
	(void)state;
	start(sizes(1, 1));
	open_due(1, NOW);
	assert_int_equal(slots[0].expires, PGM__NEVER);
	assert_due_nothing(NOW, PGM__NEVER);
}

static void the_longest_durations_do_not_overflow(void **state)
{
	pgm__slot_rules rules = sizes(1, 2);
	pgm__waiter w;
	int32_t i;

	(void)state;
	rules.max_lifetime = rules.max_idle = rules.leak_after = rules.reconnect_timeout = PGM__NEVER;
	rules.hand_over_after = PGM__NEVER;
	start_full(rules);
	i = get(NOW);
	join(&w, NOW);
	fail_due(false, NOW);
	give_back(i, NOW + 1000 * MINUTE);
	assert_int_equal(w.state, PGM__WAITER_QUEUED); /* never handed over, only woken */
	assert_int_equal(pgm__slots_retry(&s, &w, NOW + 1000 * MINUTE), PGM__GOT);
	assert_true(slots[i].expires > NOW + 1000 * MINUTE);
}

static void an_expired_connection_is_not_lent(void **state)
{
	pgm__slot_rules rules = sizes(1, 2);

	(void)state;
	rules.max_lifetime = MINUTE;
	start_full(rules);
	get_nothing(NOW + MINUTE);
}

static void an_expired_connection_is_replaced_before_it_is_closed(void **state)
{
	pgm__slot_rules rules = sizes(1, 2);
	int32_t old, fresh;

	(void)state;
	rules.max_lifetime = MINUTE;
	start_full(rules);
	old = s.list[PGM__SLOT_IDLE].first;
	assert_int_equal(s.until, slots[old].expires);
	assert_due_nothing(slots[old].expires - 1, slots[old].expires);
	fresh = due_slot(PGM__DUE_OPEN, slots[old].expires);
	assert_int_not_equal(fresh, old);
	assert_due_nothing(slots[old].expires, PGM__NEVER);
	assert_true(pgm__slots_opened(&s, fresh, NOW + MINUTE));
	assert_true(s.stir);
	assert_int_equal(due_slot(PGM__DUE_CLOSE, NOW + MINUTE), old);
	assert_due_nothing(NOW + MINUTE, slots[fresh].expires);
}

static void an_expired_connection_that_comes_back_waits_for_its_replacement(void **state)
{
	pgm__slot_rules rules = sizes(1, 2);
	int32_t old;

	(void)state;
	rules.max_lifetime = MINUTE;
	start_full(rules);
	old = get(NOW);
	assert_due_nothing(NOW + MINUTE, PGM__NEVER); /* it is lent when its time has come */
	give_back(old, NOW + 2 * MINUTE);
	assert_true(s.stir);
	open_due(1, NOW + 2 * MINUTE);
	assert_int_equal(due_slot(PGM__DUE_CLOSE, NOW + 2 * MINUTE), old);
}

static void an_expired_connection_above_min_size_closes_when_it_comes_back(void **state)
{
	pgm__slot_rules rules = sizes(1, 2);
	pgm__waiter w;
	int32_t a;

	(void)state;
	rules.max_lifetime = MINUTE;
	start_full(rules);
	a = get(NOW);
	join(&w, NOW);
	open_due(1, NOW + 30 * PGM__SECOND);
	assert_int_equal(w.state, PGM__WAITER_GRANTED);
	assert_false(pgm__slots_release(&s, a, NOW + MINUTE));
	assert_int_equal(slots[a].state, PGM__SLOT_CLOSING);
	pgm__slots_closed(&s, a, NOW + MINUTE);
	assert_int_equal(pgm__slots_open(&s), 1);
}

static void with_min_equal_to_max_the_old_one_goes_first_one_at_a_time(void **state)
{
	pgm__slot_rules rules = sizes(3, 3);

	(void)state;
	rules.num_workers = 1;
	start_full(rules);
	pgm__slots_drain(&s, NOW);
	for (int k = 0; k < 3; k++) {
		int32_t old = due_slot(PGM__DUE_CLOSE, NOW);

		rest(NOW);
		pgm__slots_closed(&s, old, NOW);
		assert_int_equal(due_slot(PGM__DUE_OPEN, NOW), old);
		rest(NOW);
		assert_true(pgm__slots_opened(&s, old, NOW));
	}
	assert_due_nothing(NOW, PGM__NEVER);
}

static void with_min_equal_to_max_no_more_go_at_once_than_num_workers(void **state)
{
	pgm__slot_rules rules = sizes(4, 4);

	(void)state;
	rules.num_workers = 2;
	start_full(rules);
	pgm__slots_drain(&s, NOW);
	due_slot(PGM__DUE_CLOSE, NOW);
	due_slot(PGM__DUE_CLOSE, NOW);
	rest(NOW);
	assert_int_equal(pgm__slots_open(&s), 2);
}

static void a_full_pool_makes_room_for_replacements_but_not_below_min_size(void **state)
{
	pgm__waiter w[2];

	(void)state;
	start_full(sizes(2, 4));
	get(NOW);
	get(NOW);
	join(&w[0], NOW);
	join(&w[1], NOW);
	open_due(2, NOW + PGM__SECOND);
	for (int32_t i = 0; i < 4; i++)
		give_back(i, NOW + PGM__SECOND);
	pgm__slots_drain(&s, NOW + PGM__SECOND);
	due_slot(PGM__DUE_CLOSE, NOW + PGM__SECOND);
	due_slot(PGM__DUE_CLOSE, NOW + PGM__SECOND);
	rest(NOW + PGM__SECOND);
	assert_int_equal(pgm__slots_open(&s), 2);
}

static void drain_replaces_idle_connections_when_due_and_lent_ones_when_they_come_back(void **state)
{
	int32_t lent, idle;

	(void)state;
	start_full(sizes(2, 4));
	lent = get(NOW);
	idle = s.list[PGM__SLOT_IDLE].first;
	pgm__slots_drain(&s, NOW);
	assert_true(s.stir);
	get_nothing(NOW);
	open_due(1, NOW);
	assert_int_equal(due_slot(PGM__DUE_CLOSE, NOW), idle);
	rest(NOW);
	give_back(lent, NOW); /* its replacement is not there yet */
	open_due(1, NOW);
	assert_int_equal(due_slot(PGM__DUE_CLOSE, NOW), lent);
	assert_due_nothing(NOW, PGM__NEVER);
}

static void drain_reaches_a_connection_that_is_being_checked(void **state)
{
	int32_t i;

	(void)state;
	start_full(sizes(1, 2));
	i = s.list[PGM__SLOT_IDLE].first;
	assert_true(pgm__slots_check(&s, i));
	pgm__slots_drain(&s, NOW);
	rest(NOW);
	assert_true(pgm__slots_check_done(&s, i, NOW));
	assert_true(s.stir);
	get_nothing(NOW);
	due_slot(PGM__DUE_OPEN, NOW);
}

/* It may have been begun with the password that is not the right one any more. */
static void drain_reaches_a_connection_that_is_being_opened(void **state)
{
	pgm__waiter w;
	int32_t old, next;

	(void)state;
	start(sizes(1, 2));
	old = due_slot(PGM__DUE_OPEN, NOW);
	pgm__slots_drain(&s, NOW);
	join(&w, NOW);
	assert_true(pgm__slots_opened(&s, old, NOW));
	assert_null(pgm__slots_next_woken(&s));
	next = due_slot(PGM__DUE_OPEN, NOW);
	assert_true(pgm__slots_opened(&s, next, NOW));
	assert_int_equal(due_slot(PGM__DUE_CLOSE, NOW), old);
	assert_true(slots[next].expires > NOW);
}

static void drain_means_no_opening_that_begins_later(void **state)
{
	pgm__waiter w;
	int32_t i;

	(void)state;
	start(sizes(1, 1));
	join(&w, NOW);
	i = due_slot(PGM__DUE_OPEN, NOW);
	pgm__slots_drain(&s, NOW);
	pgm__slots_failed(&s, i, true, NOW); /* the next may be let in */
	assert_int_equal(w.state, PGM__WAITER_QUEUED);
	open_due(1, NOW + MINUTE);
	assert_true(slots[i].expires > NOW + MINUTE);
}

/* ------------------------------------------------------------------------- the server is down */

static void assert_distance(pgm__time now, pgm__time distance)
{
	pgm__time until = rest(now);

	assert_in_range(until, now + distance - distance / 4, now + distance + distance / 4);
}

static void after_a_failure_one_attempt_at_a_time_with_growing_distance(void **state)
{
	static const int64_t ms[] = {25, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
	pgm__time now = NOW;

	(void)state;
	start(sizes(3, 3));
	for (size_t k = 0; k < sizeof ms / sizeof *ms; k++) {
		fail_due(false, now);
		assert_true(s.stir);
		assert_distance(now, ms[k] * PGM__MS);
		now = s.until;
	}
	due_slot(PGM__DUE_OPEN, now);
	rest(now);
	assert_int_equal(count(PGM__SLOT_OPENING), 1);
	assert_int_equal(s.open_failed, 10);
}

static void a_refusal_for_good_is_tried_again_every_half_minute(void **state)
{
	pgm__time now = NOW;

	(void)state;
	start(sizes(1, 1));
	for (int k = 0; k < 15; k++) {
		fail_due(true, now);
		now = rest(now);
	}
	fail_due(true, now);
	assert_distance(now, 30 * PGM__SECOND);
}

static void retry_distances_differ_by_a_quarter_either_way(void **state)
{
	pgm__slot_rules rules = sizes(1, 1);
	pgm__time least = PGM__NEVER, most = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 2000; seed++) {
		pgm__slots_init(&s, &rules, slots, seed * UINT64_C(0x9E3779B97F4A7C15));
		fail_due(false, NOW);
		least = s.retry_at < least ? s.retry_at : least;
		most = s.retry_at > most ? s.retry_at : most;
	}
	assert_in_range(least, NOW + 18750 * US, NOW + 19000 * US);
	assert_in_range(most, NOW + 31000 * US, NOW + 31250 * US);
}

static void somebody_waiting_is_worth_a_probe_every_600_ms(void **state)
{
	pgm__time now = NOW;
	pgm__waiter w;

	(void)state;
	start(sizes(1, 1));
	for (int k = 0; k < 12; k++) {
		fail_due(false, now);
		now = rest(now);
	}
	fail_due(false, now);
	rest(now);
	join(&w, now + PGM__MS);
	assert_true(s.stir);
	assert_due_nothing(now + PGM__MS, now + 600 * PGM__MS);
	now += 600 * PGM__MS;
	fail_due(false, now);
	assert_distance(now, 600 * PGM__MS);
}

static void while_connecting_fails_an_expired_connection_is_better_than_none(void **state)
{
	pgm__slot_rules rules = sizes(1, 2);
	int32_t old;

	(void)state;
	rules.max_lifetime = MINUTE;
	start_full(rules);
	old = s.list[PGM__SLOT_IDLE].first;
	get_nothing(NOW + MINUTE);
	fail_due(false, NOW + MINUTE);
	assert_int_equal(get(NOW + MINUTE), old);
	give_back(old, NOW + MINUTE);
	rest(NOW + MINUTE); /* not closed either */
	assert_int_equal(pgm__slots_open(&s), 1);
}

static void a_failure_gives_the_expired_to_those_who_wait(void **state)
{
	pgm__slot_rules rules = sizes(1, 2);
	pgm__waiter w;

	(void)state;
	rules.max_lifetime = MINUTE;
	start_full(rules);
	join(&w, NOW + MINUTE);
	fail_due(false, NOW + MINUTE + PGM__SECOND);
	assert_woken(&w);
	assert_int_equal(w.state, PGM__WAITER_GRANTED);
}

static void a_refusal_for_good_tells_every_waiter_at_once(void **state)
{
	pgm__waiter w[2];

	(void)state;
	start(sizes(0, 2));
	join(&w[0], NOW);
	join(&w[1], NOW);
	fail_due(true, NOW);
	for (int k = 0; k < 2; k++) {
		assert_woken(&w[k]);
		assert_int_equal(pgm__slots_retry(&s, &w[k], NOW), PGM__REFUSED);
	}
	assert_int_equal(s.queued, 0);
}

static void a_leave_after_the_refusal_returns_refused(void **state)
{
	pgm__waiter w;

	(void)state;
	start(sizes(0, 1));
	join(&w, NOW);
	fail_due(true, NOW);
	assert_int_equal(pgm__slots_leave(&s, &w, NOW), PGM__REFUSED);
	assert_woken(NULL);
}

static void waiters_are_told_after_reconnect_timeout_and_the_pool_goes_on_trying(void **state)
{
	pgm__slot_rules rules = sizes(1, 1);
	pgm__time now = NOW;
	pgm__waiter w;

	(void)state;
	rules.reconnect_timeout = 3 * PGM__SECOND;
	start(rules);
	join(&w, NOW);
	while (now < NOW + 3 * PGM__SECOND) {
		fail_due(false, now);
		assert_int_equal(w.state, PGM__WAITER_QUEUED);
		now = rest(now);
		assert_true(now <= NOW + 3 * PGM__SECOND); /* it is told in time, not at the next attempt */
	}
	pgm__slots_due(&s, now);
	assert_woken(&w);
	assert_int_equal(pgm__slots_retry(&s, &w, now), PGM__REFUSED);
	now += MINUTE;
	if (count(PGM__SLOT_OPENING) == 0)
		due_slot(PGM__DUE_OPEN, now);
	assert_true(pgm__slots_opened(&s, 0, now));
	assert_int_equal(get(now), 0);
}

static void a_failed_attempt_after_reconnect_timeout_tells_the_waiters(void **state)
{
	pgm__slot_rules rules = sizes(0, 1);
	pgm__waiter w;
	int32_t i;

	(void)state;
	rules.reconnect_timeout = PGM__SECOND;
	start(rules);
	join(&w, NOW);
	fail_due(false, NOW);
	i = due_slot(PGM__DUE_OPEN, NOW + 100 * PGM__MS);
	pgm__slots_failed(&s, i, false, NOW + 2 * PGM__SECOND);
	assert_woken(&w);
	assert_int_equal(w.state, PGM__WAITER_REFUSED);
}

static void a_server_without_room_makes_the_pool_smaller_and_not_broken(void **state)
{
	pgm__slot_rules rules = sizes(1, 2);
	pgm__time now = NOW;
	pgm__waiter w, late;

	(void)state;
	rules.reconnect_timeout = PGM__SECOND;
	start_full(rules);
	get(NOW);
	join(&w, NOW);
	while (now < NOW + 10 * PGM__SECOND) {
		fail_due(false, now);
		now = rest(now);
	}
	join(&late, now);
	pgm__slots_due(&s, now);
	assert_int_equal(s.queued, 2);
	give_back(0, now);
	assert_woken(&w);
	assert_int_equal(w.state, PGM__WAITER_GRANTED);
	pgm__slots_lost(&s, 0); /* the last one: now there is nothing to wait for */
	pgm__slots_due(&s, now);
	assert_woken(&late);
	assert_int_equal(late.state, PGM__WAITER_REFUSED);
}

static void openings_that_fail_together_are_one_failure(void **state)
{
	pgm__time distance;
	int32_t together[4];

	(void)state;
	start(sizes(4, 4));
	for (int k = 0; k < 4; k++)
		together[k] = due_slot(PGM__DUE_OPEN, NOW);
	for (int k = 0; k < 4; k++)
		pgm__slots_failed(&s, together[k], false, NOW);
	distance = s.retry_at - NOW;
	assert_true(distance <= 32 * PGM__MS); /* the first one's, 25 ms and a quarter */
	assert_int_equal(s.open_failed, 4);
	rest(NOW);
	pgm__slots_failed(&s, due_slot(PGM__DUE_OPEN, s.retry_at), false, s.retry_at);
	assert_true(s.retry_at - s.failed_at >= 37 * PGM__MS); /* the second one's, 50 ms less a quarter */
}

/* A pool under load, always at the edge of having something idle: its keeper sleeps all the same. */
static void a_time_that_was_named_stays_named_until_it_has_passed(void **state)
{
	pgm__slot_rules rules = sizes(1, 1);
	pgm__time named;

	(void)state;
	rules.max_lifetime = MINUTE;
	start_full(rules);
	named = slots[0].expires;
	for (pgm__time t = NOW; t < named; t += MINUTE / 8) {
		int32_t i = get(t);

		assert_due_nothing(t, named);
		give_back(i, t);
		assert_false(s.stir);
	}
}

static void after_recovery_openings_double_up_to_num_workers(void **state)
{
	static const int32_t at_once[] = {1, 2, 4, 5, 5};
	pgm__slot_rules rules = sizes(8, 8);

	(void)state;
	rules.num_workers = 5;
	start(rules);
	fail_due(false, NOW);
	assert_int_equal(s.ramp, 1);
	for (size_t k = 0; k + 1 < sizeof at_once / sizeof *at_once; k++) {
		while (pgm__slots_due(&s, NOW + PGM__SECOND).what == PGM__DUE_OPEN)
			;
		assert_int_equal(count(PGM__SLOT_OPENING), at_once[k]);
		assert_true(pgm__slots_opened(&s, s.list[PGM__SLOT_OPENING].first, NOW + PGM__SECOND));
		assert_int_equal(s.ramp, at_once[k + 1]);
	}
}

static void a_success_begins_the_distances_anew(void **state)
{
	pgm__time now = NOW;

	(void)state;
	start(sizes(2, 2));
	for (int k = 0; k < 6; k++) {
		fail_due(false, now);
		now = rest(now);
	}
	open_due(1, now);
	assert_int_equal(s.failing_since, 0);
	fail_due(false, now);
	assert_distance(now, 25 * PGM__MS);
}

static void a_failure_is_forgotten_when_nothing_is_wanted_any_more(void **state)
{
	pgm__slot_rules rules = sizes(0, 1);
	pgm__waiter w;

	(void)state;
	rules.reconnect_timeout = PGM__SECOND;
	start(rules);
	join(&w, NOW);
	fail_due(false, NOW);
	rest(NOW);
	assert_int_equal(pgm__slots_leave(&s, &w, NOW), PGM__NONE);
	assert_true(s.stir);
	assert_due_nothing(NOW, s.retry_at);
	assert_due_nothing(s.retry_at, PGM__NEVER);
	join(&w, NOW + MINUTE); /* long after reconnect_timeout, but of another failure */
	fail_due(false, NOW + MINUTE);
	assert_int_equal(w.state, PGM__WAITER_QUEUED);
}

static void a_failure_is_forgotten_in_time_when_the_last_waiter_is_served_otherwise(void **state)
{
	pgm__slot_rules rules = sizes(1, 2);
	pgm__waiter w;

	(void)state;
	start_full(rules);
	get(NOW);
	join(&w, NOW);
	fail_due(false, NOW);
	give_back(0, NOW + 10 * US);
	rest(NOW + 10 * US); /* one waits and one is free: no attempt is due */
	assert_woken(&w);
	assert_int_equal(pgm__slots_retry(&s, &w, NOW + 20 * US), PGM__GOT);
	assert_true(s.stir);
	assert_due_nothing(NOW + 20 * US, s.retry_at);
}

/* ---------------------------------------------------------------------- the borrower that opens */

static void a_borrower_opens_for_itself_on_normal(void **state)
{
	pgm__waiter w = {0};

	(void)state;
	start(normal_rules());
	assert_due_nothing(NOW, PGM__NEVER); /* never the keeper */
	assert_int_equal(pgm__slots_acquire(&s, &w, false, NOW), PGM__OPEN);
	assert_int_equal(slots[w.slot].state, PGM__SLOT_OPENING);
	get_nothing(NOW);
	assert_true(pgm__slots_opened_lent(&s, w.slot, NOW));
	assert_int_equal(slots[w.slot].state, PGM__SLOT_LENT);
	assert_int_equal(s.acquired, 1);
	assert_int_equal(s.opened, 1);
	give_back(w.slot, NOW);
	assert_int_equal(get(NOW), w.slot);
}

static void a_borrower_that_leaves_while_opening_parks_it_for_the_next(void **state)
{
	pgm__waiter w = {0}, next = {0};

	(void)state;
	start(normal_rules());
	assert_int_equal(pgm__slots_acquire(&s, &w, true, NOW), PGM__OPEN);
	pgm__slots_park(&s, w.slot, NOW);
	assert_int_equal(slots[w.slot].state, PGM__SLOT_OPENING);
	assert_int_equal(pgm__slots_acquire(&s, &next, true, NOW), PGM__OPEN);
	assert_int_equal(next.slot, w.slot);
	get_nothing(NOW); /* somebody is at it again */
	assert_true(pgm__slots_opened_lent(&s, next.slot, NOW));
}

static void a_parked_opening_wakes_the_head_which_goes_on_with_it(void **state)
{
	pgm__waiter w = {0}, next;

	(void)state;
	start(normal_rules());
	assert_int_equal(pgm__slots_acquire(&s, &w, true, NOW), PGM__OPEN);
	join(&next, NOW);
	pgm__slots_park(&s, w.slot, NOW + PGM__SECOND);
	get_nothing(NOW + PGM__SECOND); /* a newcomer does not pass */
	assert_woken(&next);
	assert_int_equal(pgm__slots_retry(&s, &next, NOW + PGM__SECOND), PGM__OPEN);
	assert_int_equal(next.slot, w.slot);
	assert_int_equal(s.queued, 0);
}

static void a_borrower_that_fails_lets_the_next_one_try_at_once(void **state)
{
	pgm__waiter w = {0}, next;

	(void)state;
	start(normal_rules());
	assert_int_equal(pgm__slots_acquire(&s, &w, true, NOW), PGM__OPEN);
	join(&next, NOW);
	pgm__slots_failed(&s, w.slot, false, NOW);
	assert_woken(&next);
	assert_int_equal(pgm__slots_retry(&s, &next, NOW), PGM__OPEN);
	assert_int_equal(s.open_failed, 1);
}

static void a_borrower_that_is_refused_for_good_speaks_for_all(void **state)
{
	pgm__waiter w = {0}, next;

	(void)state;
	start(normal_rules());
	assert_int_equal(pgm__slots_acquire(&s, &w, true, NOW), PGM__OPEN);
	join(&next, NOW);
	pgm__slots_failed(&s, w.slot, true, NOW);
	assert_int_equal(pgm__slots_retry(&s, &next, NOW), PGM__REFUSED);
}

static void a_drained_connection_of_normal_closes_when_it_comes_back(void **state)
{
	pgm__waiter w = {0};

	(void)state;
	start(normal_rules());
	assert_int_equal(pgm__slots_acquire(&s, &w, true, NOW), PGM__OPEN);
	assert_true(pgm__slots_opened_lent(&s, w.slot, NOW));
	pgm__slots_drain(&s, NOW);
	assert_false(pgm__slots_release(&s, w.slot, NOW));
	pgm__slots_closed(&s, w.slot, NOW);
	assert_int_equal(pgm__slots_acquire(&s, &w, true, NOW), PGM__OPEN);
}

/* ------------------------------------------------------------------------------------ checking */

static void only_an_idle_connection_can_be_checked(void **state)
{
	int32_t i;

	(void)state;
	start_full(sizes(1, 1));
	i = s.list[PGM__SLOT_IDLE].first;
	assert_true(pgm__slots_check(&s, i));
	assert_false(pgm__slots_check(&s, i));
	get_nothing(NOW);
	assert_true(pgm__slots_check_done(&s, i, NOW));
	get(NOW);
	assert_false(pgm__slots_check(&s, i));
}

static void a_checked_connection_is_the_last_to_be_used(void **state)
{
	int32_t i;

	(void)state;
	start_full(sizes(2, 2));
	i = s.list[PGM__SLOT_IDLE].first;
	assert_true(pgm__slots_check(&s, i));
	assert_true(pgm__slots_check_done(&s, i, NOW));
	assert_int_not_equal(get(NOW), i);
	assert_int_equal(get(NOW), i);
}

static void a_checked_connection_goes_to_whoever_came_meanwhile(void **state)
{
	pgm__waiter w;

	(void)state;
	start_full(sizes(1, 1));
	assert_true(pgm__slots_check(&s, 0));
	join(&w, NOW);
	assert_true(pgm__slots_check_done(&s, 0, NOW + PGM__MS));
	assert_int_equal(pgm__slots_retry(&s, &w, NOW + PGM__MS), PGM__GOT);
}

static void a_check_of_what_a_waiter_was_woken_for_makes_the_pool_grow(void **state)
{
	pgm__waiter w;

	(void)state;
	start_full(sizes(1, 2));
	get(NOW);
	join(&w, NOW);
	give_back(0, NOW);
	rest(NOW);
	assert_true(pgm__slots_check(&s, 0));
	assert_true(s.stir);
	due_slot(PGM__DUE_OPEN, NOW);
}

/* --------------------------------------------------------------------------------------- leaks */

static void a_loan_that_lasts_is_reported_once(void **state)
{
	pgm__slot_rules rules = sizes(1, 1);
	int32_t i;

	(void)state;
	rules.leak_after = MINUTE;
	start_full(rules);
	i = get(NOW);
	assert_true(s.stir);
	assert_due_nothing(NOW, NOW + MINUTE);
	assert_int_equal(due_slot(PGM__DUE_REPORT, NOW + MINUTE), i);
	assert_due_nothing(NOW + 2 * MINUTE, PGM__NEVER);
	assert_int_equal(slots[i].state, PGM__SLOT_LENT); /* never taken away */
	give_back(i, NOW + 2 * MINUTE);
	get(NOW + 2 * MINUTE);
	assert_due_nothing(NOW + 2 * MINUTE, NOW + 3 * MINUTE);
	assert_int_equal(due_slot(PGM__DUE_REPORT, NOW + 3 * MINUTE), i); /* another loan */
}

/* ------------------------------------------------------------------------------ shut and forget */

static void shut_tells_every_waiter_and_lends_no_more(void **state)
{
	pgm__waiter w[2], late = {0};

	(void)state;
	start_full(sizes(1, 1));
	get(NOW);
	join(&w[0], NOW);
	join(&w[1], NOW);
	pgm__slots_shut(&s);
	for (int k = 0; k < 2; k++) {
		assert_woken(&w[k]);
		assert_int_equal(pgm__slots_retry(&s, &w[k], NOW), PGM__SHUT);
	}
	assert_int_equal(pgm__slots_acquire(&s, &late, true, NOW), PGM__SHUT);
}

static void shut_closes_what_is_idle_and_the_rest_when_it_comes_back(void **state)
{
	int32_t lent, checked;

	(void)state;
	start(sizes(4, 4));
	open_due(3, NOW);
	due_slot(PGM__DUE_OPEN, NOW);
	lent = get(NOW);
	checked = s.list[PGM__SLOT_IDLE].first;
	assert_true(pgm__slots_check(&s, checked));
	rest(NOW);
	pgm__slots_shut(&s);
	assert_true(s.stir);
	due_slot(PGM__DUE_CLOSE, NOW);
	assert_due_nothing(NOW, PGM__NEVER);
	assert_false(pgm__slots_release(&s, lent, NOW));
	assert_false(pgm__slots_check_done(&s, checked, NOW));
	assert_false(pgm__slots_opened(&s, s.list[PGM__SLOT_OPENING].first, NOW));
	assert_int_equal(count(PGM__SLOT_CLOSING), 4);
	assert_due_nothing(NOW, PGM__NEVER);
}

static void shut_leaves_a_connection_to_the_waiter_that_was_handed_it(void **state)
{
	pgm__waiter w;

	(void)state;
	start_full(sizes(1, 1));
	get(NOW);
	join(&w, NOW);
	give_back(0, NOW + PGM__SECOND);
	pgm__slots_shut(&s);
	assert_int_equal(pgm__slots_retry(&s, &w, NOW + PGM__SECOND), PGM__GOT);
	assert_false(pgm__slots_release(&s, w.slot, NOW + PGM__SECOND));
}

static void shut_while_a_borrower_opens_closes_what_it_opened(void **state)
{
	pgm__waiter w = {0};

	(void)state;
	start(normal_rules());
	assert_int_equal(pgm__slots_acquire(&s, &w, true, NOW), PGM__OPEN);
	pgm__slots_shut(&s);
	assert_false(pgm__slots_opened_lent(&s, w.slot, NOW));
	assert_int_equal(slots[w.slot].state, PGM__SLOT_CLOSING);
	assert_int_equal(s.acquired, 0);
}

static void shut_closes_an_opening_that_nobody_is_at(void **state)
{
	pgm__waiter w = {0};

	(void)state;
	start(normal_rules());
	assert_int_equal(pgm__slots_acquire(&s, &w, true, NOW), PGM__OPEN);
	pgm__slots_shut(&s);
	assert_due_nothing(NOW, PGM__NEVER);
	pgm__slots_park(&s, w.slot, NOW);
	assert_true(s.stir);
	assert_int_equal(due_slot(PGM__DUE_CLOSE, NOW), w.slot);
	assert_due_nothing(NOW, PGM__NEVER);
}

static void forget_leaves_empty_slots_nobody_waiting_and_the_counters(void **state)
{
	pgm__waiter w[2];

	(void)state;
	start_full(sizes(2, 3));
	get(NOW);
	get(NOW);
	join(&w[0], NOW);
	join(&w[1], NOW);
	fail_due(false, NOW);
	rest(NOW);
	give_back(0, NOW); /* somebody is about to be woken */
	pgm__slots_lost(&s, 1);
	pgm__slots_forget(&s);
	assert_int_equal(count(PGM__SLOT_EMPTY), 3);
	assert_int_equal(pgm__slots_open(&s), 0);
	assert_null(s.head);
	assert_int_equal(s.queued, 0);
	assert_woken(NULL);
	assert_int_equal(s.until, PGM__NEVER); /* the keeper begins anew */
	assert_false(s.stir);
	assert_int_equal(s.acquired, 2);
	assert_int_equal(s.opened, 2);
	due_slot(PGM__DUE_OPEN, NOW); /* at once, and not one at a time: the failure was another process's */
	due_slot(PGM__DUE_OPEN, NOW);
}

static void forget_forgets_that_an_opening_was_parked(void **state)
{
	pgm__waiter w = {0};

	(void)state;
	start(normal_rules());
	assert_int_equal(pgm__slots_acquire(&s, &w, true, NOW), PGM__OPEN);
	pgm__slots_park(&s, w.slot, NOW);
	pgm__slots_forget(&s);
	assert_false(slots[w.slot].parked);
	assert_int_equal(pgm__slots_acquire(&s, &w, true, NOW), PGM__OPEN);
	get_nothing(NOW);
}

/* ------------------------------------------------------------------------------ waking the keeper */

static void stir_is_set_when_something_is_due_earlier(void **state)
{
	pgm__slot_rules rules = sizes(1, 2);

	(void)state;
	rules.leak_after = MINUTE;
	start_full(rules);
	get(NOW);
	assert_true(s.stir);
	assert_due_nothing(NOW, NOW + MINUTE);
}

static void stir_is_not_set_when_the_keeper_wakes_in_time_anyway(void **state)
{
	pgm__slot_rules rules = sizes(2, 2);

	(void)state;
	rules.leak_after = MINUTE;
	start_full(rules);
	get(NOW);
	rest(NOW);
	get(NOW + PGM__SECOND);
	assert_false(s.stir);
}

static void a_waiter_at_a_full_pool_does_not_wake_the_keeper(void **state)
{
	pgm__waiter w;

	(void)state;
	start_full(sizes(1, 1));
	get(NOW);
	join(&w, NOW);
	give_back(0, NOW);
	assert_int_equal(pgm__slots_retry(&s, &w, NOW), PGM__GOT);
	assert_false(s.stir);
}

static void a_keeper_with_nothing_to_do_sleeps_for_ever(void **state)
{
	(void)state;
	start_full(sizes(2, 4));
	give_back(get(NOW), NOW);
	assert_false(s.stir);
	assert_due_nothing(NOW, PGM__NEVER);
	assert_due_nothing(NOW + 1000 * MINUTE, PGM__NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_pool_is_empty_and_wants_min_size),
		cmocka_unit_test(a_seed_of_zero_still_gives_jitter),
		cmocka_unit_test(an_acquire_takes_the_connection_used_last),
		cmocka_unit_test(an_acquire_that_may_not_wait_gets_nothing_when_nothing_is_free),
		cmocka_unit_test(a_waiter_is_woken_by_a_release_and_takes_it),
		cmocka_unit_test(a_newcomer_may_be_quicker_within_the_first_millisecond),
		cmocka_unit_test(a_head_that_waited_a_millisecond_is_handed_the_connection),
		cmocka_unit_test(a_newcomer_does_not_pass_a_head_that_was_woken_and_is_late),
		cmocka_unit_test(a_newcomer_takes_what_is_left_after_the_line_has_been_served),
		cmocka_unit_test(a_waiter_that_looks_does_not_pass_one_that_is_owed),
		cmocka_unit_test(a_waiter_granted_by_its_own_look_is_not_woken_once_more),
		cmocka_unit_test(waiters_are_served_in_the_order_in_which_they_came),
		cmocka_unit_test(as_many_waiters_are_woken_as_connections_are_free),
		cmocka_unit_test(a_wake_up_for_nothing_changes_nothing),
		cmocka_unit_test(max_waiting_answers_busy),
		cmocka_unit_test(a_waiter_may_leave_from_anywhere_in_the_line),
		cmocka_unit_test(a_leave_after_the_hand_over_returns_got),
		cmocka_unit_test(a_nudged_waiter_that_leaves_passes_its_turn_on),
		cmocka_unit_test(leaving_takes_a_waiter_out_of_the_middle_of_those_to_be_woken),
		cmocka_unit_test(waiters_make_the_pool_grow_up_to_max_size),
		cmocka_unit_test(no_more_than_num_workers_are_opened_at_once),
		cmocka_unit_test(no_more_are_opened_than_there_are_waiters_without_one),
		cmocka_unit_test(an_opened_connection_goes_to_the_head_of_the_line),
		cmocka_unit_test(an_opening_outlives_the_waiter_that_caused_it),
		cmocka_unit_test(a_newcomer_that_is_quicker_makes_the_pool_grow_for_the_head),
		cmocka_unit_test(a_lost_connection_is_replaced),
		cmocka_unit_test(a_place_is_free_only_when_its_connection_is_really_closed),
		cmocka_unit_test(the_first_opening_waits_for_nobody_and_counts_as_one_of_min_size),
		cmocka_unit_test(an_opening_that_takes_the_last_place_lets_an_expired_one_go),
		cmocka_unit_test(no_opening_begins_once_shut),
		cmocka_unit_test(a_connection_above_min_size_closes_after_max_idle),
		cmocka_unit_test(a_quiet_return_is_in_time_for_the_keeper),
		cmocka_unit_test(the_end_of_a_lent_ones_life_is_known_in_advance),
		cmocka_unit_test(a_newer_loan_is_no_leak),
		cmocka_unit_test(whoever_asks_again_keeps_its_place_in_the_line),
		cmocka_unit_test(who_does_not_want_to_wait_makes_the_pool_grow_for_the_next),
		cmocka_unit_test(what_comes_back_is_enough_for_who_did_not_want_to_wait),
		cmocka_unit_test(of_several_idle_for_too_long_the_one_used_last_stays),
		cmocka_unit_test(a_check_keeps_the_idle_age),
		cmocka_unit_test(a_lifetime_is_shortened_by_a_tenth_at_most),
		cmocka_unit_test(without_max_lifetime_a_connection_never_expires),
		cmocka_unit_test(the_longest_durations_do_not_overflow),
		cmocka_unit_test(an_expired_connection_is_not_lent),
		cmocka_unit_test(an_expired_connection_is_replaced_before_it_is_closed),
		cmocka_unit_test(an_expired_connection_that_comes_back_waits_for_its_replacement),
		cmocka_unit_test(an_expired_connection_above_min_size_closes_when_it_comes_back),
		cmocka_unit_test(with_min_equal_to_max_the_old_one_goes_first_one_at_a_time),
		cmocka_unit_test(with_min_equal_to_max_no_more_go_at_once_than_num_workers),
		cmocka_unit_test(a_full_pool_makes_room_for_replacements_but_not_below_min_size),
		cmocka_unit_test(drain_replaces_idle_connections_when_due_and_lent_ones_when_they_come_back),
		cmocka_unit_test(drain_reaches_a_connection_that_is_being_checked),
		cmocka_unit_test(drain_reaches_a_connection_that_is_being_opened),
		cmocka_unit_test(drain_means_no_opening_that_begins_later),
		cmocka_unit_test(after_a_failure_one_attempt_at_a_time_with_growing_distance),
		cmocka_unit_test(a_refusal_for_good_is_tried_again_every_half_minute),
		cmocka_unit_test(retry_distances_differ_by_a_quarter_either_way),
		cmocka_unit_test(somebody_waiting_is_worth_a_probe_every_600_ms),
		cmocka_unit_test(while_connecting_fails_an_expired_connection_is_better_than_none),
		cmocka_unit_test(a_failure_gives_the_expired_to_those_who_wait),
		cmocka_unit_test(a_refusal_for_good_tells_every_waiter_at_once),
		cmocka_unit_test(a_leave_after_the_refusal_returns_refused),
		cmocka_unit_test(waiters_are_told_after_reconnect_timeout_and_the_pool_goes_on_trying),
		cmocka_unit_test(a_failed_attempt_after_reconnect_timeout_tells_the_waiters),
		cmocka_unit_test(a_server_without_room_makes_the_pool_smaller_and_not_broken),
		cmocka_unit_test(openings_that_fail_together_are_one_failure),
		cmocka_unit_test(a_time_that_was_named_stays_named_until_it_has_passed),
		cmocka_unit_test(after_recovery_openings_double_up_to_num_workers),
		cmocka_unit_test(a_success_begins_the_distances_anew),
		cmocka_unit_test(a_failure_is_forgotten_when_nothing_is_wanted_any_more),
		cmocka_unit_test(a_failure_is_forgotten_in_time_when_the_last_waiter_is_served_otherwise),
		cmocka_unit_test(a_borrower_opens_for_itself_on_normal),
		cmocka_unit_test(a_borrower_that_leaves_while_opening_parks_it_for_the_next),
		cmocka_unit_test(a_parked_opening_wakes_the_head_which_goes_on_with_it),
		cmocka_unit_test(a_borrower_that_fails_lets_the_next_one_try_at_once),
		cmocka_unit_test(a_borrower_that_is_refused_for_good_speaks_for_all),
		cmocka_unit_test(a_drained_connection_of_normal_closes_when_it_comes_back),
		cmocka_unit_test(only_an_idle_connection_can_be_checked),
		cmocka_unit_test(a_checked_connection_is_the_last_to_be_used),
		cmocka_unit_test(a_checked_connection_goes_to_whoever_came_meanwhile),
		cmocka_unit_test(a_check_of_what_a_waiter_was_woken_for_makes_the_pool_grow),
		cmocka_unit_test(a_loan_that_lasts_is_reported_once),
		cmocka_unit_test(shut_tells_every_waiter_and_lends_no_more),
		cmocka_unit_test(shut_closes_what_is_idle_and_the_rest_when_it_comes_back),
		cmocka_unit_test(shut_leaves_a_connection_to_the_waiter_that_was_handed_it),
		cmocka_unit_test(shut_while_a_borrower_opens_closes_what_it_opened),
		cmocka_unit_test(shut_closes_an_opening_that_nobody_is_at),
		cmocka_unit_test(forget_leaves_empty_slots_nobody_waiting_and_the_counters),
		cmocka_unit_test(forget_forgets_that_an_opening_was_parked),
		cmocka_unit_test(stir_is_set_when_something_is_due_earlier),
		cmocka_unit_test(stir_is_not_set_when_the_keeper_wakes_in_time_anyway),
		cmocka_unit_test(a_waiter_at_a_full_pool_does_not_wake_the_keeper),
		cmocka_unit_test(a_keeper_with_nothing_to_do_sleeps_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
