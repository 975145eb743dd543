/* A pipe that wakes whoever sleeps in poll(2): closed on exec, and nonblocking at both ends. */
#ifndef PGM_BASE_PIPE_H
#define PGM_BASE_PIPE_H

#include "pgmonkey.h"

/* Both ends are -1 on failure. Errors: _IO. */
bool pgm__pipe_open(int ends[2], pgm_error *err);

/* Leaves -1 behind; twice is harmless. */
void pgm__pipe_close(int ends[2]);

/* Makes ends[0] readable. */
void pgm__pipe_wake(const int ends[2]);

#endif
