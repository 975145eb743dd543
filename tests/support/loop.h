/*
 * An event loop of the test's own: poll(2), one timer for each handle, and a clock of its own that ticks every few
 * milliseconds. It checks what the library tells it, and ends the program where that is wrong:
 *
 *	- watch, timer and closed come from the loop's thread, and nothing comes after closed;
 *	- what is to be watched is open, what is not to be watched any more was watched;
 *	- what is watched stays what it was: libpq may close a socket and open another of the same number, and a real
 *	  loop would then wait for the old one for ever;
 *	- no timeout is out of all reason, and there is one timer only;
 *	- with closed everything has been taken back.
 *
 * How often it turned, how long the longest turn took, and the largest gap between two ticks tell the rest.
 *
 *	loop *l = loop_new();                          whoever makes it turns it
 *	pgm_db *db = loop_open(l, "type=async");
 *	...
 *	assert_true(loop_run_until(l, 1000, is_answered, &answer));
 *	loop_free(l);                                  closes its handles
 */
#ifndef LOOP_H
#define LOOP_H

#include "pgtest.h"

typedef struct loop loop;

loop *loop_new(void);
void loop_free(loop *l);

/* ------------------------------------------------------------------------------------- opening */

/* A place for one handle: options.loop. Belongs to the loop. */
const pgm_loop *loop_bind(loop *l);

/* The handle that was opened with it. */
void loop_attach(const pgm_loop *bound, pgm_db *db);

/* Both at once, formats as pgtest_config does. NULL with err filled if it cannot be opened. options may be NULL. */
pgm_db *loop_try_open(loop *l, const pgm_open_options *options, pgm_config *config, pgm_error *err);
pgm_db *loop_open(loop *l, const char *fmt, ...) PGTEST_PRINTF(2);

/* True once closed has been called for it. */
bool loop_has_closed(const pgm_loop *bound);

/* ------------------------------------------------------------------------------------- turning */

/* Once: waits at most that long, and deals with what there is. */
void loop_turn(loop *l, int most_ms);

void loop_run(loop *l, int ms);

/* False: not within timeout_ms. */
bool loop_run_until(loop *l, int timeout_ms, bool (*reached)(void *arg), void *arg);

/* ------------------------------------------------------------------------------------- figures */

typedef struct loop_figures {
	int turns;
	int watches, timers;  /* calls */
	int longest_turn_ms;  /* in the library's hands and the callbacks'; without the time for want of a processor */
	int largest_gap_ms;   /* between two ticks of the loop's own clock; the same */
	int largest_timer_ms; /* that was asked for */
} loop_figures;

loop_figures loop_figures_of(const loop *l);
void loop_forget_figures(loop *l);

/* What is watched now; -1 behind the last. */
int loop_watched(const loop *l, int i);
unsigned loop_events(const loop *l, int fd);

/* ----------------------------------------------------------------------------------------- faults */

/* From here on watch, timer fail. */
void loop_refuse_watches(loop *l, bool refuse);
void loop_refuse_timers(loop *l, bool refuse);

/* With each turn it says of everything that it is ready, of what is not watched as well, and that the timers went off. */
void loop_lie(loop *l, bool lie);

#endif
