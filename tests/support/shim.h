/*
 * Preloaded libraries, of shims/: "getaddrinfo", "clock" and "threads", see the comment at the top of each. A test
 * program that needs one says so first in main, which starts the program again with it:
 *
 *	int main(int argc, char **argv)
 *	{
 *		shim_preload("getaddrinfo", argv);
 *
 * The build puts them beside the tests, or where PGM_TEST_SHIMS says. Linux only. "nospace" is for a
 * server: tests/cli/pgimport_server.bats preloads it into one.
 */
#ifndef SHIM_H
#define SHIM_H

/* Returns in the program that has it. */
void shim_preload(const char *name, char **argv);

/* With "threads": how many have been started so far. */
int shim_threads_started(void);

#endif
