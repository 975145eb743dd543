/*
 * Which PGconn are ours, and what we know of each: PGconn * -> lease.
 *
 * It answers without touching what conn points to, so a pointer that was given back twice, or closed
 * long ago, is recognised as such instead of being read. Looking up takes no lock (a release does it
 * every time); adding and removing take the process-wide one.
 */
#ifndef PGM_CONNECTION_REGISTRY_H
#define PGM_CONNECTION_REGISTRY_H

#include "pgmonkey.h"

typedef struct pgm__lease pgm__lease;

/* NULL if it is not ours. Thread: any. */
pgm__lease *pgm__registry_find(const PGconn *conn);

/* False if memory is out. Thread: any, with no lock of ours held. */
bool pgm__registry_add(PGconn *conn, pgm__lease *lease);
void pgm__registry_remove(const PGconn *conn);

#endif
