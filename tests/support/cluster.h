/*
 * A PostgreSQL of the test's own, for tests that restart it, change its settings, or need it untouched;
 * starting one takes well under a second. It goes when the test ends, however that ends. After
 * "pgtest_use(cluster_server(c))" everything in pgtest.h talks to it; users, passwords and database names
 * are those of the common server.
 */
#ifndef CLUSTER_H
#define CLUSTER_H

#include "pgtest.h"

typedef struct cluster cluster;

/* conf: lines of postgresql.conf; hba: lines for the top of pg_hba.conf. NULL: none. */
cluster *cluster_start(const char *conf, const char *hba);
void cluster_stop(cluster *c);

const pgtest_server *cluster_server(const cluster *c);

/* mode: "smart", "fast", "immediate". Each returns when it is done. */
void cluster_down(cluster *c, const char *mode);
void cluster_up(cluster *c);
void cluster_restart(cluster *c, const char *mode);

/* A line each; in force for the next connection. */
void cluster_conf(cluster *c, const char *line);
void cluster_hba(cluster *c, const char *line);

/* ---------------------------------------------------------------------------------------- TLS */

/*
 * Turns TLS on, with a server certificate made on the spot: "good" (for localhost, 127.0.0.1 and ::1),
 * "expired", "wrongname" or "wrongca"; again to change it; NULL turns it off. In force for the next
 * connection. Demand it, or a client certificate, with cluster_hba: "hostssl all all all cert".
 */
void cluster_tls(cluster *c, const char *kind);

/* The path of one of tls.sh's files: "ca.crt", "client.crt", "client.key", "wrongclient.crt", ... */
const char *cluster_certificate(const char *file);

/* ---------------------------------------------------------------------------------- PgBouncer */

/* In front of a server; mode: "session", "transaction" or "statement"; one of each at a time. Its port. */
int pgbouncer_start(const pgtest_server *server, const char *mode);
void pgbouncer_stop(const pgtest_server *server, const char *mode);

#endif
