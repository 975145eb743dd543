/* What the library logs, kept for a test to look at. One thread. */
#ifndef PGM_TESTS_CAPTURED_LOG_H
#define PGM_TESTS_CAPTURED_LOG_H

#include "pgmonkey.h"

#include <stdio.h>
#include <string.h>

typedef struct captured_log {
	int count;
	pgm_log_level level; /* of the last one */
	char last[2048];
	char all[8192]; /* a line each */
} captured_log;

static captured_log captured;

static inline void capture(pgm_log_level level, const char *message, void *arg)
{
	captured_log *log = arg;
	size_t used = strlen(log->all);

	log->count++;
	log->level = level;
	snprintf(log->last, sizeof(log->last), "%s", message);
	snprintf(log->all + used, sizeof(log->all) - used, "%s\n", message);
}

/* From here on, and nothing so far. */
static inline void start_capture(void)
{
	memset(&captured, 0, sizeof(captured));
	pgm_set_log(PGM_LOG_DEBUG, capture, &captured);
}

#endif
