/* An event loop behind its adapter, as the tests of all adapters turn it. One file for each: with_uv.c, ... */
#ifndef TURNER_H
#define TURNER_H

#include "support/pgtest.h"

typedef struct turner turner;

turner *turner_new(void);
pgm_db *turner_open(turner *t, pgm_manager *manager, const pgm_config *config, pgm_error *err);

/* Once: until something has happened, at most that long. */
void turner_turn(turner *t, int most_ms);

/* False: something is left on the loop, which stays. */
bool turner_free(turner *t);

/* The loop goes while a handle is open on it. False: this one knows better, and stays. */
bool turner_goes_first(turner *t);

#endif
