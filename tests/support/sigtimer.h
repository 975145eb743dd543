/*
 * A thousand SIGALRM a second, for whichever thread does not block them, with a handler that only counts
 * and no SA_RESTART: every call that can be interrupted is. One at a time per program. (Under valgrind
 * it is two hundred.)
 */
#ifndef SIGTIMER_H
#define SIGTIMER_H

void sigtimer_start(void);
void sigtimer_stop(void); /* the old handler is back */
long sigtimer_count(void);

#endif
