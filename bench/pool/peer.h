/*
 * What is compared: a pool of connections, by five functions. One pool of a peer is open at a time. A function
 * that fails ends the program with the reason: a benchmark that goes on after an error measures nothing.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include "target.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct peer {
	const char *name;
	void (*open)(const target *t, int size); /* all size connections are open when it returns */
	void *(*borrow)(void);
	void (*select_1)(void *conn); /* runs SELECT 1 in the peer's own plainest way, and reads the answer */
	void (*give_back)(void *conn);
	void (*close)(void);
} peer;

/* bare: one libpq connection, borrowing costs nothing. */
extern const peer peer_bare, peer_pgmonkey;
#ifdef HAVE_ZDB
extern const peer peer_zdb;
#endif
#ifdef HAVE_SOCI
extern const peer peer_soci;
#endif

/* The pools to compare, pgmonkey first; count of them in *count. */
const peer *const *peers(int *count);

#ifdef __cplusplus
}
#endif

#endif
