/* Where the server is, and how a benchmark gives up. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct target {
	const char *host;    /* its socket directory */
	const char *address; /* for what wants TCP */
	const char *port, *user, *password, *dbname;
} target;

/* From PGM_TEST_*, which bench/run.sh sets. */
target target_of_environment(void);

/* Ends the program if it is not set. */
const char *must_getenv(const char *name);

int number_from_environment(const char *name, int otherwise);

/* True if the command line names it, or nothing. */
bool is_wanted(const char *name, char **wanted);

/* Ends the program: a benchmark that goes on after an error measures nothing. */
void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#ifdef __cplusplus
}
#endif

#endif
