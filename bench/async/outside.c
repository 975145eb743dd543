#include "outside.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char *const outsiders[OUTSIDERS] = {"tokio-postgres", "pgx",    "pg-native", "postgres.js", "pg",
					  "asyncpg",	    "psycopg"};

struct outside {
	const char *name;
	pid_t pid;
	FILE *to, *from;
};

static const char *path_of(const char *name)
{
	static char path[1024];

	snprintf(path, sizeof path, "%s/peers/%s", must_getenv("PGM_BENCH_BIN"), name);
	return path;
}

bool outside_is_there(const char *name)
{
	return access(path_of(name), X_OK) == 0;
}

static void run_program(const target *t, const char *host, char *const argv[])
{
	setenv("PGHOST", host, 1);
	setenv("PGPORT", t->port, 1);
	setenv("PGUSER", t->user, 1);
	setenv("PGPASSWORD", t->password, 1);
	setenv("PGDATABASE", t->dbname, 1);
	setenv("PGSSLMODE", "disable", 1);
	execv(argv[0], argv);
	_exit(127);
}

static pid_t start(const target *t, const char *host, char *const argv[], FILE **to, FILE **from)
{
	int in[2], out[2];
	pid_t pid;

	if (pipe(in) != 0 || pipe(out) != 0)
		die("no pipe for %s", argv[0]);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("%s cannot be started", argv[0]);
	if (pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		for (int i = 0; i < 2; i++) {
			close(in[i]);
			close(out[i]);
		}
		run_program(t, host, argv);
	}
	close(in[0]);
	close(out[1]);
	*to = fdopen(in[1], "w");
	*from = fdopen(out[0], "r");
	if (!*to || !*from)
		die("no pipe for %s", argv[0]);
	return pid;
}

outside *outside_open(const char *name, const target *t, const char *host, statement_kind kind, int connections,
		      int in_flight)
{
	char path[1024], kind_name[16], connections_number[16], in_flight_number[16], line[64];
	char *const argv[] = {path, kind_name, connections_number, in_flight_number, NULL};
	outside *o = calloc(1, sizeof *o);

	if (!o)
		die("no memory");
	snprintf(path, sizeof path, "%s", path_of(name));
	snprintf(kind_name, sizeof kind_name, "%s", statements[kind].name);
	snprintf(connections_number, sizeof connections_number, "%d", connections);
	snprintf(in_flight_number, sizeof in_flight_number, "%d", in_flight);
	o->name = name;
	o->pid = start(t, host, argv, &o->to, &o->from);
	if (fgets(line, sizeof line, o->from) && strcmp(line, "ready\n") == 0)
		return o;
	outside_close(o);
	return NULL;
}

static double cpu_us(const outside *o)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(o->pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
		die("%s has ended", o->name);
	return 1e6 * (double)used.tv_sec + (double)used.tv_nsec / 1000;
}

void outside_run(outside *o, load *l)
{
	double cpu = cpu_us(o), seconds, answered;
	char line[256], *at = line;

	fprintf(o->to, "%lld\n", (long long)(l->for_ns / 1000000));
	if (fflush(o->to) != 0 || !fgets(line, sizeof line, o->from))
		die("%s has ended", o->name);
	answered = strtod(at, &at);
	seconds = strtod(at, &at);
	l->p50_us = strtod(at, &at);
	l->p99_us = strtod(at, &at);
	if (answered < 1 || *at != '\n')
		die("%s says: %s", o->name, line);
	l->answered = (int64_t)answered;
	l->per_second = answered / seconds;
	l->cpu_us = (cpu_us(o) - cpu) / answered;
}

void outside_close(outside *o)
{
	fclose(o->to);
	kill(o->pid, SIGTERM);
	waitpid(o->pid, NULL, 0);
	fclose(o->from);
	free(o);
}
