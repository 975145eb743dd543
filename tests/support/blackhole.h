/*
 * Places that a connect does not come back from, without root or a firewall. BLACKHOLE_SILENT: a listener
 * that never accepts; connect succeeds, then no byte ever comes. BLACKHOLE_SYN: a listener whose queue of
 * one is full, so that the kernel drops what else comes; connect itself gets no answer. Needs no thread.
 */
#ifndef BLACKHOLE_H
#define BLACKHOLE_H

typedef struct blackhole blackhole;

typedef enum blackhole_kind { BLACKHOLE_SILENT, BLACKHOLE_SYN } blackhole_kind;

/* address: numeric, NULL for 127.0.0.1; any 127.x.y.z will do on Linux. port 0: a free one. */
blackhole *blackhole_start(blackhole_kind kind, const char *address, int port);
int blackhole_port(const blackhole *hole);
void blackhole_stop(blackhole *hole);

#endif
