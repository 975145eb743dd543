/* For tests that have rules of their own in pg_hba.conf, and ask the server's log which of them decided. */
#ifndef RULES_H
#define RULES_H

#include "handles.h"
#include "support/cluster.h"

#include <errno.h>
#include <sys/stat.h>

/* ------------------------------------------------------------------------------------------ files */

/* Over the old content, so that it keeps its owner. */
static inline void rewrite(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		pgtest_die("cannot write %s: %s", path, strerror(errno));
}

static inline const char *hba_file(void)
{
	return pgtest_format("%s/pg_hba.conf", pgtest_server_now()->datadir);
}

/* -------------------------------------------------------------------------------------------- log */

static inline long log_end(void)
{
	struct stat st;

	return stat(pgtest_server_now()->log, &st) == 0 ? (long)st.st_size : 0;
}

/* What was logged from there on. Owner: free(3). */
static inline char *log_since(long offset)
{
	FILE *file = fopen(pgtest_server_now()->log, "re");
	size_t size = (size_t)(log_end() - offset);
	char *text = calloc(1, size + 1);

	if (!file || !text || fseek(file, offset, SEEK_SET) != 0 || fread(text, 1, size, file) != size)
		pgtest_die("cannot read %s", pgtest_server_now()->log);
	fclose(file);
	return text;
}

static inline bool logged_since(long offset, const char *words)
{
	char *text = log_since(offset);
	bool found = strstr(text, words) != NULL;

	free(text);
	return found;
}

/* -------------------------------------------------------------------------------------- reloading */

/* In force for the next connection: the postmaster says so first, and lets nobody in before it has read them. */
static inline void reload(void)
{
	long before = log_end();
	int64_t start = pgtest_now_ms();

	pgtest_exec("SELECT pg_reload_conf()");
	while (!logged_since(before, "received SIGHUP, reloading"))
		if (ms_since(start) > slow(10000))
			pgtest_die("the server does not reload");
		else
			blink();
}

static inline void use_rules(const char *text)
{
	rewrite(hba_file(), text);
	reload();
}

#endif
