/* Opening: by path when the handle is there already, a whole pool with TLS, a process from its start. */
#include "figures.h"
#include "sample.h"

#include <pgmonkey.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPENS 20000
#define POOL_SIZE 20

extern char **environ;

/* In a folder of the run, which run.sh removes. The file must be older than the clock's granularity to count
 * as unchanged. */
static const char *write_config(const target *t, const char *type, int size, const char *sslmode)
{
	static char path[512];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s-%d.yaml", getenv("PGM_BENCH_DIR"), type, size);
	file = fopen(path, "w");
	if (!file)
		die("cannot write %s", path);
	fchmod(fileno(file), 0600);
	fprintf(file,
		"connection_type: %s\nconnection_settings:\n  host: '%s'\n  port: %s\n  user: '%s'\n"
		"  password: '%s'\n  dbname: '%s'\n  sslmode: %s\npool_settings:\n  min_size: %d\n  max_size: %d\n",
		type, strcmp(sslmode, "disable") == 0 ? t->host : t->address, t->port, t->user, t->password, t->dbname,
		sslmode, size, size);
	if (fclose(file) != 0)
		die("cannot write %s", path);
	return path;
}

static pgm_db *must_open(const char *path)
{
	pgm_error err;
	pgm_db *db = pgm_open(path, PGM_FROM_CONFIG, &err);

	if (!db || !pgm_wait_ready(db, 30000, &err))
		die("pgmonkey: %s", err.message);
	return db;
}

void figure_opening_by_path(const target *t, int rounds)
{
	const char *path = write_config(t, "normal", 1, "disable");
	sample us = {.count = 0};
	pgm_cache_stats stats;
	int64_t reads;

	usleep(50000);
	must_open(path);
	pgm_cache_info(NULL, &stats, sizeof stats);
	reads = stats.file_reads;
	for (int round = 0; round < rounds; round++) {
		int64_t start = now_ns();

		for (int i = 0; i < OPENS; i++)
			must_open(path);
		sample_add(&us, (double)(now_ns() - start) / OPENS / 1000);
	}
	pgm_cache_info(NULL, &stats, sizeof stats);
	printf("\nopening by path when the handle is cached, pgm_wait_ready included: us, %d rounds of %d; the file "
	       "was "
	       "read %d times meanwhile\n  %-12s",
	       rounds, OPENS, (int)(stats.file_reads - reads), "pgmonkey");
	sample_print(&us, 2);
	printf("\n");
	pgm_clear_cache(NULL);
}

/* Milliseconds until all size connections are open. */
static double fill(const target *t, int size)
{
	const char *path = write_config(t, "pool", size, "require");
	int64_t start = now_ns();

	must_open(path);
	start = now_ns() - start;
	pgm_clear_cache(NULL);
	return (double)start / 1e6;
}

void figure_filling_a_pool(const target *t, int rounds)
{
	sample one = {.count = 0}, all = {.count = 0}, ratio = {.count = 0};

	for (int round = 0; round < rounds; round++) {
		double single = fill(t, 1), whole = fill(t, POOL_SIZE);

		sample_add(&one, single);
		sample_add(&all, whole);
		sample_add(&ratio, whole / single);
	}
	printf("\nfilling a pool of %d over TLS (num_workers 3): ms, %d rounds\n  one         ", POOL_SIZE, rounds);
	sample_print(&one, 2);
	printf("\n  %d          ", POOL_SIZE);
	sample_print(&all, 2);
	printf("\n  ratio       ");
	sample_print(&ratio, 2);
	printf("\n");
}

static double run_program(const char *name, const char *argument)
{
	char path[1024];
	char *argv[] = {path, (char *)argument, NULL};
	int64_t start = now_ns();
	int status;
	pid_t pid;

	snprintf(path, sizeof path, "%s/%s", getenv("PGM_BENCH_BIN"), name);
	if (posix_spawn(&pid, path, NULL, NULL, argv, environ) != 0 || waitpid(pid, &status, 0) != pid || status != 0)
		die("%s failed", path);
	return (double)(now_ns() - start) / 1e6;
}

void figure_process_start(const target *t, int rounds)
{
	const char *path = write_config(t, "normal", 1, "disable");
	sample ours = {.count = 0}, bare = {.count = 0}, ratio = {.count = 0};
	char words[1024];

	snprintf(words, sizeof words, "host='%s' port=%s user=%s password=%s dbname=%s sslmode=disable", t->host,
		 t->port, t->user, t->password, t->dbname);
	for (int round = 0; round < rounds; round++) {
		double a = 0, b = 0;

		for (int i = 0; i < 20; i++) { /* in turn, so that a slow moment hits both */
			b += run_program("start_libpq", words) / 20;
			a += run_program("start_pgmonkey", path) / 20;
		}
		sample_add(&ours, a);
		sample_add(&bare, b);
		sample_add(&ratio, a / b);
	}
	printf("\na process from its start to its first row and its end: ms, %d rounds of 20\n  bare libpq  ", rounds);
	sample_print(&bare, 2);
	printf("\n  pgmonkey    ");
	sample_print(&ours, 2);
	printf("\n  ratio       ");
	sample_print(&ratio, 3);
	printf("\n");
}
