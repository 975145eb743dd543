/* Messages to whoever pgm_set_log named. Never call these with a lock held: the receiver is user code. */
#ifndef PGM_BASE_LOG_H
#define PGM_BASE_LOG_H

#include "base/error.h"
#include "pgmonkey.h"

/* One line (base/line.h). Costs one relaxed load when the level is off; keeps errno. */
void pgm__log(pgm_log_level level, const char *fmt, ...) PGM__PRINTF(2, 3);

/* True if a message of this level would go anywhere: for messages that are dear to compose. */
bool pgm__log_wanted(pgm_log_level level);

/* Around fork(2), so that the child does not find pgm_set_log halfway. */
void pgm__log_before_fork(void);
void pgm__log_after_fork(void);

#endif
