/* Shared by the files of pgtest; not for tests. */
#ifndef PGTEST_INTERNAL_H
#define PGTEST_INTERNAL_H

#include "pgtest.h"

#include <stddef.h>

/* NULL, which malloc and its like give when memory is out, ends the program. */
void *pgtest__must(void *memory);

/* Owner: the caller. */
char *pgtest__vformat(const char *fmt, va_list args);
char *pgtest__copy(const char *text, size_t len);

/* For what sends no event to somebody who only looks on: a process, a table, a file. */
void pgtest__pause(void);

/* As pthread_cond_timedwait, with pgtest_while_waiting called now and then. False: the deadline has passed. */
bool pgtest__cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *deadline);

#endif
