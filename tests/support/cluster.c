#ifdef __APPLE__
#define _DARWIN_C_SOURCE
#endif
#define _XOPEN_SOURCE 700
#define _GNU_SOURCE /* posix_spawn_file_actions_addclosefrom_np */

#include "cluster.h"

#include "pgtest_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __linux__ /* there unistd.h has it */
extern char **environ;
#endif

struct cluster {
	const char *dir;
	int alive; /* the input of "server.sh serve": the server lives as long as it is open */
	pid_t serving;
	pgtest_server server;
};

/* -------------------------------------------------------------------------------------- scripts */

static const char *script(const char *name)
{
	const char *server = pgtest_env("PGM_TEST_SERVER");

	return pgtest_format("%.*s/%s", (int)(strrchr(server, '/') - server), server, name);
}

/* The environment, with two variables changed, and without what is preloaded into this program only. */
static const char **environment(const char *conf, const char *hba)
{
	const char **env;
	int n = 0, m = 0;

	while (environ[n])
		n++;
	env = pgtest__must(calloc((size_t)n + 3, sizeof(*env)));
	for (int i = 0; i < n; i++) {
		if (strncmp(environ[i], "LD_PRELOAD=", 11) != 0 && strncmp(environ[i], "PGM_TEST_CONF=", 14) != 0 &&
		    strncmp(environ[i], "PGM_TEST_HBA=", 13) != 0)
			env[m++] = environ[i];
	}
	env[m++] = pgtest_format("PGM_TEST_CONF=%s", conf ? conf : "");
	env[m] = pgtest_format("PGM_TEST_HBA=%s", hba ? hba : "");
	return env;
}

/* in, out: what becomes its standard input and output, -1: as ours. Signals as a shell would have them. */
static pid_t spawn(const char *const *argv, const char *const *env, int in, int out)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, alarm;
	pid_t pid;
	int error;

	sigemptyset(&none);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	posix_spawn_file_actions_init(&files);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
	/* libpq 15 opens a socket first and sets close-on-exec then: a server started in between would hold it open. */
	posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
#endif
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &alarm);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	error = posix_spawn(&pid, argv[0], &files, &attr, (char *const *)argv, (char *const *)env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	if (error)
		pgtest_die("cannot run %s: %s", argv[0], strerror(error));
	return pid;
}

static void await_success(pid_t pid, const char *what)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			pgtest_die("waitpid: %s", strerror(errno));
	}
	if (status != 0)
		pgtest_die("%s failed", what);
}

static void make_pipe(int fds[2])
{
	if (pipe(fds) != 0)
		pgtest_die("pipe: %s", strerror(errno));
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	fcntl(fds[1], F_SETFD, FD_CLOEXEC);
}

/* Runs a script to its end; what it printed. */
static const char *run_script(const char *const *argv, const char *const *env)
{
	char *text = pgtest__must(calloc(1, 4096));
	size_t len = 0;
	int fds[2];
	pid_t pid;

	make_pipe(fds);
	pid = spawn(argv, env, -1, fds[1]);
	close(fds[1]);
	for (;;) {
		ssize_t n = read(fds[0], text + len, 4095 - len);

		if (n == 0 || (n < 0 && errno != EINTR))
			break;
		if (n > 0)
			len += (size_t)n;
	}
	close(fds[0]);
	await_success(pid, pgtest_format("%s %s %s", argv[0], argv[1], argv[2]));
	return pgtest_keep(text);
}

static void tell_server(const cluster *c, const char *command, const char *arg)
{
	const char *argv[] = {script("server.sh"), command, c->dir, arg, NULL};

	run_script(argv, (const char *const *)environ);
}

/* ------------------------------------------------------------------------------- start and stop */

/* The value in "NAME=value" lines, of which the shell's backslashes are taken away. */
static const char *variable(const char *env, const char *name)
{
	size_t len = strlen(name);
	char *value, *out;

	while (strncmp(env, name, len) != 0 || env[len] != '=') {
		env = strchr(env, '\n');
		if (!env++)
			pgtest_die("%s is not in the server's env file", name);
	}
	env += len + 1;
	out = value = pgtest__copy(env, strcspn(env, "\n"));
	for (const char *p = value; *p; p++) {
		if (*p == '\\' && p[1])
			p++;
		*out++ = *p;
	}
	*out = '\0';
	return pgtest_keep(value);
}

static const char *read_file(const char *path)
{
	char *text = pgtest__must(calloc(1, 16384));
	FILE *file = fopen(path, "re");

	if (!file || fread(text, 1, 16383, file) == 0)
		pgtest_die("cannot read %s", path);
	fclose(file);
	return pgtest_keep(text);
}

static void read_server(cluster *c)
{
	const char *env = read_file(pgtest_format("%s/env", c->dir));

	c->server = (pgtest_server){
		.host = variable(env, "PGM_TEST_HOST"),
		.port = variable(env, "PGM_TEST_PORT"),
		.socketdir = variable(env, "PGM_TEST_SOCKETDIR"),
		.user = variable(env, "PGM_TEST_USER"),
		.password = variable(env, "PGM_TEST_PASSWORD"),
		.dbname = variable(env, "PGM_TEST_DBNAME"),
		.superuser = variable(env, "PGM_TEST_SUPERUSER"),
		.superuser_password = variable(env, "PGM_TEST_SUPERUSER_PASSWORD"),
		.datadir = variable(env, "PGM_TEST_DATADIR"),
		.log = variable(env, "PGM_TEST_LOG"),
		.dir = variable(env, "PGM_TEST_DIR"),
	};
}

/* Until it says that it is ready. */
static void start_serving(cluster *c, const char *const *env)
{
	const char *argv[] = {script("server.sh"), "serve", c->dir, NULL};
	int in[2], out[2];
	ssize_t n;
	char byte;

	make_pipe(in);
	make_pipe(out);
	c->serving = spawn(argv, env, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	c->alive = in[1];
	do
		n = read(out[0], &byte, 1);
	while (n < 0 && errno == EINTR);
	close(out[0]);
	if (n <= 0)
		pgtest_die("a private cluster did not start");
}

cluster *cluster_start(const char *conf, const char *hba)
{
	static atomic_int number;
	cluster *c = pgtest__must(calloc(1, sizeof(*c)));
	const char **env = environment(conf, hba);

	/* Not in the test's folder: that one the test removes, this one only "serve" may. */
	c->dir = pgtest_format("%s/c.%ld.%d", pgtest_env("PGM_TEST_DIR"), (long)getpid(),
			       atomic_fetch_add(&number, 1) + 1);
	start_serving(c, env);
	free(env);
	read_server(c);
	return c;
}

void cluster_stop(cluster *c)
{
	if (pgtest_server_now() == &c->server)
		pgtest_use(NULL);
	/* The line counts, not only the end: a forked child may hold the pipe too. */
	if (write(c->alive, "\n", 1) != 1)
		pgtest_die("the server of %s went by itself", c->dir);
	close(c->alive);
	await_success(c->serving, "stopping a cluster");
	free(c);
}

const pgtest_server *cluster_server(const cluster *c)
{
	return &c->server;
}

/* -------------------------------------------------------------------------------- while it runs */

void cluster_down(cluster *c, const char *mode)
{
	tell_server(c, "down", mode);
}

void cluster_up(cluster *c)
{
	tell_server(c, "up", NULL);
}

void cluster_restart(cluster *c, const char *mode)
{
	tell_server(c, "restart", mode);
}

void cluster_conf(cluster *c, const char *line)
{
	tell_server(c, "conf", line);
}

void cluster_hba(cluster *c, const char *line)
{
	tell_server(c, "hba", line);
}

/* ------------------------------------------------------------------------------------------ TLS */

static void make_certificates(void)
{
	const char *argv[] = {script("tls.sh"), "make", pgtest_format("%s/tls", pgtest_dir()), NULL};

	run_script(argv, (const char *const *)environ);
}

const char *cluster_certificate(const char *file)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_certificates);
	return pgtest_format("%s/tls/%s", pgtest_dir(), file);
}

void cluster_tls(cluster *c, const char *kind)
{
	const char *argv[] = {script("tls.sh"), kind ? "on" : "off", c->dir, cluster_certificate(""), kind, NULL};

	run_script(argv, (const char *const *)environ);
}

/* ------------------------------------------------------------------------------------ PgBouncer */

int pgbouncer_start(const pgtest_server *server, const char *mode)
{
	const char *argv[] = {script("pgbouncer.sh"), "start", server->dir, mode, NULL};

	return atoi(run_script(argv, (const char *const *)environ));
}

void pgbouncer_stop(const pgtest_server *server, const char *mode)
{
	const char *argv[] = {script("pgbouncer.sh"), "stop", server->dir, mode, NULL};

	run_script(argv, (const char *const *)environ);
}
