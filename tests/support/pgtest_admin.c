#define _XOPEN_SOURCE 700

#include "pgtest_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows, and the connection's use */
static PGconn *admin;
static pid_t admin_owner;
static const pgtest_server *admin_server;
static PGconn *volatile inherited; /* the parent's, after a fork: never touched, only kept from looking lost */
static pthread_once_t registered = PTHREAD_ONCE_INIT;

static PGconn *connect_admin(const pgtest_server *server)
{
	static const char *const keywords[] = {
		"host", "port", "dbname", "user", "password", "connect_timeout", "application_name", NULL};
	const char *values[] = {server->socketdir,	    server->port, server->dbname, server->superuser,
				server->superuser_password, "30",	  "pgtest-admin", NULL};

	return pgtest__must(PQconnectdbParams(keywords, values, 0));
}

/* Not at exit of a forked child: it would say goodbye in the parent's name. */
static void drop_admin(void)
{
	if (admin_owner == getpid())
		PQfinish(admin);
	else
		inherited = admin;
	admin = NULL;
}

/* The child's lock is free, whatever another thread of the parent was doing; it makes a connection of its own. */
static void after_fork_in_child(void)
{
	pthread_mutex_init(&lock, NULL);
}

static void register_handlers(void)
{
	if (atexit(drop_admin) != 0 || pthread_atfork(NULL, NULL, after_fork_in_child) != 0)
		pgtest_die("atexit or pthread_atfork failed");
}

static PGconn *admin_locked(void)
{
	const pgtest_server *server = pgtest_server_now();

	if (admin && (admin_owner != getpid() || admin_server != server || PQstatus(admin) != CONNECTION_OK))
		drop_admin();
	if (!admin) {
		pthread_once(&registered, register_handlers);
		admin = connect_admin(server);
		admin_owner = getpid();
		admin_server = server;
	}
	return admin;
}

/* Long-lived, so that a connection lost meanwhile is noticed at the next call. */
PGconn *pgtest_admin(void)
{
	PGconn *conn;

	pthread_mutex_lock(&lock);
	conn = admin_locked();
	if (PQstatus(conn) != CONNECTION_OK)
		pgtest_die("side connection: %s", PQerrorMessage(conn));
	pthread_mutex_unlock(&lock);
	return conn;
}

static bool succeeded(const PGresult *res)
{
	return PQresultStatus(res) == PGRES_TUPLES_OK || PQresultStatus(res) == PGRES_COMMAND_OK;
}

/* NULL: failed, and if must_work is set, the program ends. */
static char *run_sql(const char *sql, bool must_work)
{
	char *value = NULL;
	PGresult *res;

	pthread_mutex_lock(&lock);
	res = PQexec(admin_locked(), sql);
	/* Without an SQLSTATE the error is libpq's own: no server. PQstatus may still be CONNECTION_OK then. */
	if (!succeeded(res) && !PQresultErrorField(res, PG_DIAG_SQLSTATE)) {
		PQclear(res);
		drop_admin();
		res = PQexec(admin_locked(), sql);
	}
	if (succeeded(res))
		value = pgtest__copy(PQntuples(res) > 0 ? PQgetvalue(res, 0, 0) : "",
				     PQntuples(res) > 0 ? (size_t)PQgetlength(res, 0, 0) : 0);
	else if (must_work)
		pgtest_die("%s: %s", sql, PQerrorMessage(admin));
	PQclear(res);
	pthread_mutex_unlock(&lock);
	return value;
}

void pgtest_exec(const char *fmt, ...)
{
	va_list args;
	char *sql;

	va_start(args, fmt);
	sql = pgtest__vformat(fmt, args);
	va_end(args);
	free(run_sql(sql, true));
	free(sql);
}

const char *pgtest_query(const char *fmt, ...)
{
	const char *value;
	va_list args;
	char *sql;

	va_start(args, fmt);
	sql = pgtest__vformat(fmt, args);
	va_end(args);
	value = pgtest_keep(run_sql(sql, true));
	free(sql);
	return value;
}

long pgtest_number(const char *fmt, ...)
{
	char *sql, *value;
	va_list args;
	long number;

	va_start(args, fmt);
	sql = pgtest__vformat(fmt, args);
	va_end(args);
	value = run_sql(sql, true);
	number = atol(value);
	free(value);
	free(sql);
	return number;
}

bool pgtest_until(int timeout_ms, const char *fmt, ...)
{
	int64_t deadline = pgtest_now_ms() + timeout_ms;
	bool holds = false;
	va_list args;
	char *sql;

	va_start(args, fmt);
	sql = pgtest__vformat(fmt, args);
	va_end(args);
	for (;;) {
		/* A server that is down at the moment is a condition that does not hold yet. */
		char *value = run_sql(sql, false);

		holds = value && value[0] == 't';
		free(value);
		if (holds || pgtest_now_ms() >= deadline)
			break;
		pgtest__pause();
	}
	free(sql);
	return holds;
}

int pgtest_connections(const char *application)
{
	return (int)pgtest_number("SELECT count(*) FROM pg_stat_activity WHERE application_name = '%s'",
				  application ? application : pgtest_application());
}

bool pgtest_connections_become(const char *application, int count, int timeout_ms)
{
	return pgtest_until(timeout_ms, "SELECT count(*) = %d FROM pg_stat_activity WHERE application_name = '%s'",
			    count, application ? application : pgtest_application());
}

/* ------------------------------------------------------------------------------------- backends */

/* Asks until it is gone: a backend that is sending its last words to a client that does not read waits for ever,
   and only the next request lets it go without them. */
void pgtest_terminate(int pid)
{
	if (!pgtest_until(getenv("PGM_TEST_SLOW") ? 60000 : 10000,
			  "SELECT count(pg_terminate_backend(pid)) = 0 FROM pg_stat_activity WHERE pid = %d", pid))
		pgtest_die("backend %d does not go: %s", pid,
			   pgtest_query("SELECT concat_ws(' ', state, wait_event_type, wait_event, query)"
					" FROM pg_stat_activity WHERE pid = %d",
					pid));
}

#ifdef __linux__
static bool stands(int pid)
{
	char path[64], line[512], *state = NULL;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	stat = fopen(path, "re");
	if (!stat)
		return false;
	if (fgets(line, sizeof(line), stat))
		state = strrchr(line, ')');
	fclose(stat);
	return state && state[1] && state[2] == 'T';
}
#endif

void pgtest_stop(int pid)
{
	int64_t deadline = pgtest_now_ms() + 10000;

	if (kill(pid, SIGSTOP) != 0)
		pgtest_die("cannot stop process %d: %s", pid, strerror(errno));
#ifdef __linux__
	while (!stands(pid)) {
		if (pgtest_now_ms() >= deadline)
			pgtest_die("process %d does not stop", pid);
		pgtest__pause();
	}
#else
	(void)deadline;
	pgtest__pause();
#endif
}

void pgtest_continue(int pid)
{
	if (kill(pid, SIGCONT) != 0 && errno != ESRCH)
		pgtest_die("cannot continue process %d: %s", pid, strerror(errno));
}
