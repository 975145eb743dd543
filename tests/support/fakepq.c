#include "fakepq.h"

#include <fcntl.h>
#include <libpq-events.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_EVENTS 8
#define MAX_QUEUE 64
#define MAX_STATEMENTS 100000
#define MAX_FUNCTIONS 128
#define UTF8 6 /* as PQclientEncoding numbers it */

typedef struct plan {
	int polls;
	const char *error;
} plan;

struct pg_result {
	ExecStatusType status;
	char *sqlstate, *message, *tag, *value; /* value: of the one row; NULL: no row */
	bool is_loss, is_silence;		/* in a script: what happens instead of this answer */
	struct pg_result *next;
};

typedef struct event_proc {
	PGEventProc proc;
	void *arg, *data;
} event_proc;

struct pg_conn {
	struct pg_conn *next;
	ConnStatusType status;
	plan plan;
	char *error;
	int fd, server_fd; /* server_fd -1: the server has closed */
	bool nonblocking, silent, dying;
	int unread; /* how many answers have come that nobody has consumed */
	PGresult *last_words;
	PGresult *queue[MAX_QUEUE]; /* NULL stands for the NULL that ends an answer */
	int first, count;
	PGTransactionStatusType transaction;
	PGpipelineStatus pipeline;
	PGnotify *notifies;
	int pid, encoding;
	PGVerbosity verbosity;
	PGContextVisibility context;
	PQnoticeReceiver receiver;
	void *receiver_arg;
	PQnoticeProcessor processor;
	void *processor_arg;
	event_proc events[MAX_EVENTS];
	int nevents;
	PQconninfoOption *options;
};

struct pg_cancel {
	int pid;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all of this; no callback runs under it */
static PGconn *connections;
static plan connect_plans[MAX_QUEUE], default_plan = {.polls = 2};
static int nconnect_plans;
static PGresult *script; /* answers to come, first first */
static char *statements[MAX_STATEMENTS];
static int nstatements;
static struct {
	const char *name;
	int calls;
} functions[MAX_FUNCTIONS];
static int last_pid = 1000;
static char nothing[] = ""; /* what libpq answers where it has no text; nobody writes to it */

/* --------------------------------------------------------------------------------------- helpers */

static char *duplicate(const char *text)
{
	size_t size = text ? strlen(text) + 1 : 0;
	char *out = text ? malloc(size) : NULL;

	return out ? memcpy(out, text, size) : NULL;
}

static void count_call(const char *function)
{
	int i = 0;

	pthread_mutex_lock(&lock);
	while (functions[i].name && strcmp(functions[i].name, function) != 0)
		i++;
	functions[i].name = function;
	functions[i].calls++;
	pthread_mutex_unlock(&lock);
}

#define COUNT() count_call(__func__)

static PGresult *new_result(ExecStatusType status)
{
	PGresult *res = calloc(1, sizeof(*res));

	if (!res)
		abort();
	res->status = status;
	return res;
}

static PGresult *new_error(ExecStatusType status, const char *sqlstate, const char *message)
{
	PGresult *res = new_result(status);

	res->sqlstate = duplicate(sqlstate);
	res->message = duplicate(message);
	return res;
}

static void free_result(PGresult *res)
{
	if (!res)
		return;
	free(res->sqlstate);
	free(res->message);
	free(res->tag);
	free(res->value);
	free(res);
}

static void set_error(PGconn *conn, const char *message)
{
	free(conn->error);
	conn->error = duplicate(message);
}

static void break_locked(PGconn *conn, const char *message)
{
	conn->status = CONNECTION_BAD;
	conn->transaction = PQTRANS_UNKNOWN;
	set_error(conn, message);
	if (conn->server_fd >= 0)
		close(conn->server_fd);
	conn->server_fd = -1;
}

/* ---------------------------------------------------------------------------------------- script */

void fakepq_reset(void)
{
	pthread_mutex_lock(&lock);
	while (script) {
		PGresult *next = script->next;

		free_result(script);
		script = next;
	}
	while (nstatements)
		free(statements[--nstatements]);
	memset(functions, 0, sizeof(functions));
	nconnect_plans = 0;
	default_plan = (plan){.polls = 2};
	pthread_mutex_unlock(&lock);
}

void fakepq_next_connect(int polls, const char *error)
{
	pthread_mutex_lock(&lock);
	if (nconnect_plans == MAX_QUEUE)
		abort();
	connect_plans[nconnect_plans++] = (plan){.polls = polls, .error = error};
	pthread_mutex_unlock(&lock);
}

void fakepq_every_connect(int polls, const char *error)
{
	pthread_mutex_lock(&lock);
	default_plan = (plan){.polls = polls, .error = error};
	pthread_mutex_unlock(&lock);
}

static void add_answer(PGresult *res)
{
	PGresult **end = &script;

	pthread_mutex_lock(&lock);
	while (*end)
		end = &(*end)->next;
	*end = res;
	pthread_mutex_unlock(&lock);
}

void fakepq_next_row(const char *value)
{
	PGresult *res = new_result(PGRES_TUPLES_OK);

	res->tag = duplicate("SELECT 1");
	res->value = duplicate(value);
	add_answer(res);
}

void fakepq_next_error(const char *sqlstate, const char *message)
{
	add_answer(new_error(PGRES_FATAL_ERROR, sqlstate, message));
}

void fakepq_next_lost(const char *message)
{
	PGresult *res = new_error(PGRES_FATAL_ERROR, NULL, message);

	res->is_loss = true;
	add_answer(res);
}

void fakepq_next_silence(void)
{
	PGresult *res = new_result(PGRES_COMMAND_OK);

	res->is_silence = true;
	add_answer(res);
}

/* One byte to read for each thing that has come. */
static void arrive_locked(PGconn *conn)
{
	if (conn->server_fd >= 0 && write(conn->server_fd, "", 1) != 1)
		abort();
}

void fakepq_speak(PGconn *conn)
{
	pthread_mutex_lock(&lock);
	if (conn->silent)
		arrive_locked(conn);
	conn->silent = false;
	pthread_mutex_unlock(&lock);
}

void fakepq_kill(PGconn *conn, const char *sqlstate, const char *message)
{
	pthread_mutex_lock(&lock);
	if (conn->server_fd >= 0) {
		arrive_locked(conn);
		close(conn->server_fd);
		conn->server_fd = -1;
		conn->dying = true;
		free_result(conn->last_words);
		conn->last_words = sqlstate ? new_error(PGRES_FATAL_ERROR, sqlstate, message) : NULL;
	}
	pthread_mutex_unlock(&lock);
}

void fakepq_notify(PGconn *conn, const char *channel, const char *payload)
{
	PGnotify *notify = calloc(1, sizeof(*notify)), **end = &conn->notifies;

	if (!notify)
		abort();
	notify->relname = duplicate(channel);
	notify->extra = duplicate(payload);
	pthread_mutex_lock(&lock);
	notify->be_pid = conn->pid;
	while (*end)
		end = &(*end)->next;
	*end = notify;
	arrive_locked(conn);
	pthread_mutex_unlock(&lock);
}

int fakepq_calls(const char *function)
{
	int calls = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; functions[i].name; i++) {
		if (strcmp(functions[i].name, function) == 0)
			calls = functions[i].calls;
	}
	pthread_mutex_unlock(&lock);
	return calls;
}

int fakepq_open(void)
{
	int count = 0;

	pthread_mutex_lock(&lock);
	for (const PGconn *conn = connections; conn; conn = conn->next)
		count++;
	pthread_mutex_unlock(&lock);
	return count;
}

const char *fakepq_statement(int i)
{
	const char *sql;

	pthread_mutex_lock(&lock);
	sql = i >= 0 && i < nstatements ? statements[i] : NULL;
	pthread_mutex_unlock(&lock);
	return sql;
}

int fakepq_statements(const char *beginning)
{
	int count = 0;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < nstatements; i++)
		count += strncmp(statements[i], beginning, strlen(beginning)) == 0;
	pthread_mutex_unlock(&lock);
	return count;
}

/* ------------------------------------------------------------------------------------ connecting */

static PQconninfoOption *make_options(const char *const *keywords, const char *const *values)
{
	PQconninfoOption *options;
	int n = 0;

	while (keywords && keywords[n])
		n++;
	options = calloc((size_t)n + 1, sizeof(*options));
	if (!options)
		abort();
	for (int i = 0; i < n; i++) {
		options[i].keyword = duplicate(keywords[i]);
		options[i].val = duplicate(values[i]);
	}
	return options;
}

static void default_receiver(void *arg, const PGresult *res)
{
	(void)arg;
	fprintf(stderr, "fakepq: notice: %s\n", res->message);
}

static void default_processor(void *arg, const char *message)
{
	(void)arg, (void)message;
}

static void start_locked(PGconn *conn)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		abort();
	for (int i = 0; i < 2; i++)
		fcntl(pair[i], F_SETFD, FD_CLOEXEC);
	fcntl(pair[0], F_SETFL, O_NONBLOCK);
	conn->fd = pair[0];
	conn->server_fd = pair[1];
	conn->status = CONNECTION_STARTED;
	conn->transaction = PQTRANS_IDLE;
	conn->pid = ++last_pid;
	conn->plan = default_plan;
	if (nconnect_plans > 0) {
		conn->plan = connect_plans[0];
		memmove(connect_plans, connect_plans + 1, (size_t)--nconnect_plans * sizeof(connect_plans[0]));
	}
}

PGconn *PQconnectStartParams(const char *const *keywords, const char *const *values, int expand_dbname)
{
	PGconn *conn = calloc(1, sizeof(*conn));

	(void)expand_dbname;
	COUNT();
	if (!conn)
		return NULL;
	conn->options = make_options(keywords, values);
	conn->encoding = UTF8;
	conn->verbosity = PQERRORS_DEFAULT;
	conn->context = PQSHOW_CONTEXT_ERRORS;
	conn->receiver = default_receiver;
	conn->processor = default_processor;
	pthread_mutex_lock(&lock);
	conn->next = connections;
	connections = conn;
	start_locked(conn);
	pthread_mutex_unlock(&lock);
	return conn;
}

static void drain(int fd)
{
	char bytes[256];

	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
}

/* Asks to write once, then to read, with something there to be read each time. */
static PostgresPollingStatusType poll_locked(PGconn *conn)
{
	drain(conn->fd);
	if (conn->status == CONNECTION_OK)
		return PGRES_POLLING_OK;
	if (conn->status == CONNECTION_BAD)
		return PGRES_POLLING_FAILED;
	conn->status = CONNECTION_AWAITING_RESPONSE;
	if (conn->plan.polls == FAKEPQ_STALLS)
		return PGRES_POLLING_READING;
	if (conn->plan.polls-- > 1) {
		arrive_locked(conn);
		return PGRES_POLLING_READING;
	}
	if (conn->plan.error) {
		break_locked(conn, conn->plan.error);
		return PGRES_POLLING_FAILED;
	}
	conn->status = CONNECTION_OK;
	return PGRES_POLLING_OK;
}

PostgresPollingStatusType PQconnectPoll(PGconn *conn)
{
	PostgresPollingStatusType polled;

	COUNT();
	pthread_mutex_lock(&lock);
	polled = poll_locked(conn);
	pthread_mutex_unlock(&lock);
	return polled;
}

static void connect_now(PGconn *conn)
{
	PostgresPollingStatusType polled;

	do {
		pthread_mutex_lock(&lock);
		polled = poll_locked(conn);
		pthread_mutex_unlock(&lock);
	} while (polled != PGRES_POLLING_OK && polled != PGRES_POLLING_FAILED);
}

PGconn *PQconnectdbParams(const char *const *keywords, const char *const *values, int expand_dbname)
{
	PGconn *conn = PQconnectStartParams(keywords, values, expand_dbname);

	COUNT();
	connect_now(conn);
	return conn;
}

/* What belongs to the session and not to the object. */
static void end_session_locked(PGconn *conn)
{
	if (conn->fd >= 0)
		close(conn->fd);
	if (conn->server_fd >= 0)
		close(conn->server_fd);
	conn->fd = conn->server_fd = -1;
	for (; conn->count > 0; conn->count--, conn->first = (conn->first + 1) % MAX_QUEUE)
		free_result(conn->queue[conn->first]);
	while (conn->notifies) {
		PGnotify *next = conn->notifies->next;

		PQfreemem(conn->notifies->relname);
		PQfreemem(conn->notifies->extra);
		PQfreemem(conn->notifies);
		conn->notifies = next;
	}
	free_result(conn->last_words);
	conn->last_words = NULL;
	conn->unread = 0;
	conn->silent = conn->dying = false;
	conn->pipeline = PQ_PIPELINE_OFF;
	free(conn->error);
	conn->error = NULL;
}

static void fire(PGconn *conn, PGEventId id, void *info)
{
	for (int i = 0; i < conn->nevents; i++)
		conn->events[i].proc(id, info, conn->events[i].arg);
}

void PQfinish(PGconn *conn)
{
	PGEventConnDestroy info = {.conn = conn};
	PGconn **place = &connections;

	COUNT();
	if (!conn)
		return;
	pthread_mutex_lock(&lock);
	end_session_locked(conn);
	while (*place != conn)
		place = &(*place)->next;
	*place = conn->next;
	conn->status = CONNECTION_BAD;
	pthread_mutex_unlock(&lock);
	fire(conn, PGEVT_CONNDESTROY, &info);
	PQconninfoFree(conn->options);
	free(conn);
}

void PQreset(PGconn *conn)
{
	PGEventConnReset info = {.conn = conn};

	COUNT();
	pthread_mutex_lock(&lock);
	end_session_locked(conn);
	start_locked(conn);
	pthread_mutex_unlock(&lock);
	connect_now(conn);
	if (PQstatus(conn) == CONNECTION_OK)
		fire(conn, PGEVT_CONNRESET, &info);
}

/* ------------------------------------------------------------------------------------ statements */

static void push_locked(PGconn *conn, PGresult *res)
{
	if (conn->count == MAX_QUEUE)
		abort();
	conn->queue[(conn->first + conn->count++) % MAX_QUEUE] = res;
}

static PGresult *take_locked(PGconn *conn)
{
	PGresult *res = conn->queue[conn->first];

	conn->first = (conn->first + 1) % MAX_QUEUE;
	conn->count--;
	return res;
}

static bool begins(const char *sql, const char *word)
{
	return strncasecmp(sql, word, strlen(word)) == 0;
}

/* A server's view of the transaction, for plain transaction control; no statement fails inside a failed one. */
static void follow_transaction(PGconn *conn, const char *sql, PGresult *res)
{
	PGTransactionStatusType now = conn->transaction;

	if (res->status == PGRES_FATAL_ERROR) {
		if (now == PQTRANS_INTRANS)
			conn->transaction = begins(sql, "COMMIT") ? PQTRANS_IDLE : PQTRANS_INERROR;
	} else if (begins(sql, "BEGIN") || begins(sql, "START TRANSACTION") || begins(sql, "ROLLBACK TO")) {
		conn->transaction = PQTRANS_INTRANS;
	} else if (begins(sql, "COMMIT") || begins(sql, "ROLLBACK") || begins(sql, "END") || begins(sql, "ABORT")) {
		/* PostgreSQL answers COMMIT of a failed transaction with success and the tag ROLLBACK. */
		if (!res->tag)
			res->tag = duplicate(begins(sql, "COMMIT") && now != PQTRANS_INERROR ? "COMMIT" : "ROLLBACK");
		conn->transaction = PQTRANS_IDLE;
	}
}

static PGresult *next_answer_locked(void)
{
	PGresult *res = script;

	if (!res)
		return new_result(PGRES_COMMAND_OK);
	script = res->next;
	res->next = NULL;
	return res;
}

static int send_locked(PGconn *conn, const char *sql)
{
	PGresult *res;

	if (conn->status != CONNECTION_OK) {
		set_error(conn, "no connection to the server\n");
		return 0;
	}
	if (conn->count > 0 && conn->pipeline == PQ_PIPELINE_OFF) {
		set_error(conn, "another command is already in progress\n");
		return 0;
	}
	if (nstatements < MAX_STATEMENTS)
		statements[nstatements++] = duplicate(sql);
	res = next_answer_locked();
	if (*sql == '\0' && res->status == PGRES_COMMAND_OK)
		res->status = PGRES_EMPTY_QUERY;
	follow_transaction(conn, sql, res);
	conn->silent = res->is_silence;
	conn->unread++;
	if (!conn->silent)
		arrive_locked(conn);
	push_locked(conn, res);
	push_locked(conn, NULL);
	return 1;
}

static int send_statement(PGconn *conn, const char *sql)
{
	int sent;

	pthread_mutex_lock(&lock);
	sent = send_locked(conn, sql);
	pthread_mutex_unlock(&lock);
	return sent;
}

int PQsendQuery(PGconn *conn, const char *sql)
{
	COUNT();
	return send_statement(conn, sql);
}

int PQsendQueryParams(PGconn *conn, const char *sql, int nparams, const Oid *types, const char *const *values,
		      const int *lengths, const int *formats, int result_format)
{
	(void)nparams, (void)types, (void)values, (void)lengths, (void)formats, (void)result_format;
	COUNT();
	return send_statement(conn, sql);
}

int PQsendPrepare(PGconn *conn, const char *name, const char *sql, int nparams, const Oid *types)
{
	(void)name, (void)nparams, (void)types;
	COUNT();
	return send_statement(conn, sql);
}

int PQsendQueryPrepared(PGconn *conn, const char *name, int nparams, const char *const *values, const int *lengths,
			const int *formats, int result_format)
{
	(void)nparams, (void)values, (void)lengths, (void)formats, (void)result_format;
	COUNT();
	return send_statement(conn, name);
}

static int consume_locked(PGconn *conn)
{
	char bytes[256];
	ssize_t n;

	if (conn->fd < 0 || conn->status == CONNECTION_BAD)
		return 0;
	n = read(conn->fd, bytes, sizeof(bytes));
	if (n == 0) {
		break_locked(conn, "server closed the connection unexpectedly\n"
				   "\tThis probably means the server terminated abnormally\n"
				   "\tbefore or while processing the request.\n");
		return 0;
	}
	if (n > 0 && !conn->silent && !conn->dying)
		conn->unread = 0;
	return 1;
}

int PQconsumeInput(PGconn *conn)
{
	int ok;

	COUNT();
	pthread_mutex_lock(&lock);
	ok = consume_locked(conn);
	pthread_mutex_unlock(&lock);
	return ok;
}

/* What libpq does when it parses what it has: an error that nobody asked for goes to the notice receiver. */
static void parse(PGconn *conn)
{
	PGresult *words = NULL;

	pthread_mutex_lock(&lock);
	if (conn->last_words && conn->count == 0) {
		char byte;

		/* Only if it has been consumed: what is left to read is the end of the file. */
		if (recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
			words = conn->last_words;
			conn->last_words = NULL;
		}
	}
	pthread_mutex_unlock(&lock);
	if (words) {
		conn->receiver(conn->receiver_arg, words);
		free_result(words);
	}
}

int PQisBusy(PGconn *conn)
{
	int busy;

	COUNT();
	parse(conn);
	pthread_mutex_lock(&lock);
	busy = conn->status == CONNECTION_OK && conn->count > 0 && conn->queue[conn->first] && conn->unread > 0;
	pthread_mutex_unlock(&lock);
	return busy;
}

/* The connection is lost in the place of this answer. */
static PGresult *lose_locked(PGconn *conn, PGresult *answer)
{
	break_locked(conn, answer->message);
	while (conn->count > 0)
		free_result(take_locked(conn));
	push_locked(conn, NULL);
	answer->is_loss = false;
	return answer;
}

static bool wait_readable(PGconn *conn)
{
	struct pollfd fd = {.fd = conn->fd, .events = POLLIN};

	poll(&fd, 1, -1);
	return PQconsumeInput(conn) == 1;
}

PGresult *PQgetResult(PGconn *conn)
{
	PGresult *res = NULL;

	COUNT();
	while (PQisBusy(conn)) {
		if (!wait_readable(conn))
			break;
	}
	pthread_mutex_lock(&lock);
	if (conn->count > 0) {
		res = take_locked(conn);
		if (res && (res->is_loss || conn->status != CONNECTION_OK)) {
			if (!res->is_loss) {
				free_result(res);
				res = new_error(PGRES_FATAL_ERROR, NULL, conn->error);
			}
			res = lose_locked(conn, res);
		} else if (res && res->status == PGRES_FATAL_ERROR) {
			set_error(conn, res->message);
		}
	}
	pthread_mutex_unlock(&lock);
	return res;
}

static PGresult *exec_sent(PGconn *conn, int sent)
{
	PGresult *last = NULL, *res;

	if (!sent)
		return new_error(PGRES_FATAL_ERROR, NULL, PQerrorMessage(conn));
	while ((res = PQgetResult(conn))) {
		free_result(last);
		last = res;
	}
	return last;
}

PGresult *PQexec(PGconn *conn, const char *sql)
{
	COUNT();
	return exec_sent(conn, send_statement(conn, sql));
}

PGresult *PQexecParams(PGconn *conn, const char *sql, int nparams, const Oid *types, const char *const *values,
		       const int *lengths, const int *formats, int result_format)
{
	(void)nparams, (void)types, (void)values, (void)lengths, (void)formats, (void)result_format;
	COUNT();
	return exec_sent(conn, send_statement(conn, sql));
}

int PQflush(PGconn *conn)
{
	COUNT();
	return PQstatus(conn) == CONNECTION_OK ? 0 : -1;
}

int PQsetSingleRowMode(PGconn *conn)
{
	COUNT();
	return conn->count > 0;
}

/* COPY is not played: a script that wants it extends this file. */
int PQputCopyEnd(PGconn *conn, const char *message)
{
	(void)conn, (void)message;
	COUNT();
	return -1;
}

int PQgetCopyData(PGconn *conn, char **buffer, int async)
{
	(void)conn, (void)async;
	COUNT();
	*buffer = NULL;
	return -1;
}

/* -------------------------------------------------------------------------------------- pipeline */

PGpipelineStatus PQpipelineStatus(const PGconn *conn)
{
	COUNT();
	return conn->pipeline;
}

int PQenterPipelineMode(PGconn *conn)
{
	COUNT();
	if (conn->count > 0)
		return 0;
	conn->pipeline = PQ_PIPELINE_ON;
	return 1;
}

int PQexitPipelineMode(PGconn *conn)
{
	COUNT();
	if (conn->count > 0)
		return 0;
	conn->pipeline = PQ_PIPELINE_OFF;
	return 1;
}

int PQpipelineSync(PGconn *conn)
{
	int ok;

	COUNT();
	pthread_mutex_lock(&lock);
	ok = conn->pipeline != PQ_PIPELINE_OFF && conn->status == CONNECTION_OK;
	if (ok) {
		conn->unread++;
		arrive_locked(conn);
		push_locked(conn, new_result(PGRES_PIPELINE_SYNC));
	}
	pthread_mutex_unlock(&lock);
	return ok;
}

/* ------------------------------------------------------------------------------- cancel, notify */

PGcancel *PQgetCancel(PGconn *conn)
{
	PGcancel *cancel = malloc(sizeof(*cancel));

	COUNT();
	if (cancel)
		cancel->pid = conn->pid;
	return cancel;
}

void PQfreeCancel(PGcancel *cancel)
{
	COUNT();
	free(cancel);
}

static void cancel_locked(PGconn *conn)
{
	PGresult *res = conn->silent ? conn->queue[conn->first] : NULL;

	if (!res)
		return;
	res->status = PGRES_FATAL_ERROR;
	res->sqlstate = duplicate("57014");
	res->message = duplicate("canceling statement due to user request");
	if (conn->transaction == PQTRANS_INTRANS)
		conn->transaction = PQTRANS_INERROR;
	conn->silent = false;
	arrive_locked(conn);
}

int PQcancel(PGcancel *cancel, char *errbuf, int size)
{
	(void)errbuf, (void)size;
	COUNT();
	pthread_mutex_lock(&lock);
	for (PGconn *conn = connections; conn; conn = conn->next) {
		if (conn->pid == cancel->pid)
			cancel_locked(conn);
	}
	pthread_mutex_unlock(&lock);
	return 1;
}

PGnotify *PQnotifies(PGconn *conn)
{
	PGnotify *notify;

	COUNT();
	parse(conn);
	pthread_mutex_lock(&lock);
	notify = conn->notifies;
	if (notify)
		conn->notifies = notify->next;
	pthread_mutex_unlock(&lock);
	if (notify)
		notify->next = NULL;
	return notify;
}

/* ---------------------------------------------------------------------------------------- events */

int PQregisterEventProc(PGconn *conn, PGEventProc proc, const char *name, void *arg)
{
	PGEventRegister info = {.conn = conn};
	event_proc *event = &conn->events[conn->nevents];

	(void)name;
	COUNT();
	for (int i = 0; i < conn->nevents; i++) {
		if (conn->events[i].proc == proc)
			return 0;
	}
	if (conn->nevents == MAX_EVENTS)
		return 0;
	*event = (event_proc){.proc = proc, .arg = arg};
	conn->nevents++;
	if (proc(PGEVT_REGISTER, &info, arg))
		return 1;
	conn->nevents--;
	return 0;
}

int PQsetInstanceData(PGconn *conn, PGEventProc proc, void *data)
{
	COUNT();
	for (int i = 0; i < conn->nevents; i++) {
		if (conn->events[i].proc == proc) {
			conn->events[i].data = data;
			return 1;
		}
	}
	return 0;
}

void *PQinstanceData(const PGconn *conn, PGEventProc proc)
{
	COUNT();
	for (int i = 0; i < conn->nevents; i++) {
		if (conn->events[i].proc == proc)
			return conn->events[i].data;
	}
	return NULL;
}

/* --------------------------------------------------------------------------------------- results */

ExecStatusType PQresultStatus(const PGresult *res)
{
	COUNT();
	return res ? res->status : PGRES_FATAL_ERROR;
}

char *PQresStatus(ExecStatusType status)
{
	static char text[] = "PGRES_*";

	(void)status;
	COUNT();
	return text;
}

size_t PQresultMemorySize(const PGresult *res)
{
	(void)res;
	COUNT();
	return sizeof(*res);
}

char *PQresultErrorField(const PGresult *res, int field)
{
	COUNT();
	if (!res || res->status != PGRES_FATAL_ERROR)
		return NULL;
	switch (field) {
	case PG_DIAG_SQLSTATE:
		return res->sqlstate;
	case PG_DIAG_MESSAGE_PRIMARY:
		return res->sqlstate ? res->message : NULL; /* an error of libpq's own has no fields */
	default:
		return NULL;
	}
}

char *PQresultErrorMessage(const PGresult *res)
{
	COUNT();
	return res && res->message ? res->message : nothing;
}

char *PQcmdStatus(PGresult *res)
{
	COUNT();
	return res && res->tag ? res->tag : nothing;
}

int PQntuples(const PGresult *res)
{
	COUNT();
	return res && res->value;
}

int PQnfields(const PGresult *res)
{
	COUNT();
	return res && res->value;
}

char *PQgetvalue(const PGresult *res, int row, int column)
{
	COUNT();
	return res && res->value && row == 0 && column == 0 ? res->value : nothing;
}

int PQgetisnull(const PGresult *res, int row, int column)
{
	COUNT();
	return !(res && res->value && row == 0 && column == 0);
}

void PQclear(PGresult *res)
{
	COUNT();
	free_result(res);
}

void PQfreemem(void *memory)
{
	COUNT();
	free(memory);
}

/* ----------------------------------------------------------------------- state of the connection */

ConnStatusType PQstatus(const PGconn *conn)
{
	ConnStatusType status = CONNECTION_BAD;

	COUNT();
	pthread_mutex_lock(&lock);
	if (conn)
		status = conn->status;
	pthread_mutex_unlock(&lock);
	return status;
}

PGTransactionStatusType PQtransactionStatus(const PGconn *conn)
{
	PGTransactionStatusType status = PQTRANS_UNKNOWN;

	COUNT();
	pthread_mutex_lock(&lock);
	if (conn && conn->status == CONNECTION_OK)
		status = conn->count > 0 ? PQTRANS_ACTIVE : conn->transaction;
	pthread_mutex_unlock(&lock);
	return status;
}

char *PQerrorMessage(const PGconn *conn)
{
	COUNT();
	return conn && conn->error ? conn->error : nothing;
}

int PQsocket(const PGconn *conn)
{
	COUNT();
	return conn ? conn->fd : -1;
}

int PQbackendPID(const PGconn *conn)
{
	COUNT();
	return PQstatus(conn) == CONNECTION_OK ? conn->pid : 0;
}

int PQserverVersion(const PGconn *conn)
{
	COUNT();
	return PQstatus(conn) == CONNECTION_OK ? 150000 : 0;
}

const char *PQparameterStatus(const PGconn *conn, const char *name)
{
	COUNT();
	if (PQstatus(conn) != CONNECTION_OK)
		return NULL;
	if (strcmp(name, "server_version") == 0)
		return "15.0";
	return strcmp(name, "client_encoding") == 0 ? "UTF8" : NULL;
}

int PQsslInUse(PGconn *conn)
{
	(void)conn;
	COUNT();
	return 0;
}

int PQconnectionNeedsPassword(const PGconn *conn)
{
	(void)conn;
	COUNT();
	return 0;
}

int PQconnectionUsedPassword(const PGconn *conn)
{
	(void)conn;
	COUNT();
	return 0;
}

int PQsetnonblocking(PGconn *conn, int on)
{
	COUNT();
	conn->nonblocking = on != 0;
	return 0;
}

int PQisnonblocking(const PGconn *conn)
{
	COUNT();
	return conn->nonblocking;
}

PGVerbosity PQsetErrorVerbosity(PGconn *conn, PGVerbosity verbosity)
{
	PGVerbosity old = conn->verbosity;

	COUNT();
	conn->verbosity = verbosity;
	return old;
}

PGContextVisibility PQsetErrorContextVisibility(PGconn *conn, PGContextVisibility context)
{
	PGContextVisibility old = conn->context;

	COUNT();
	conn->context = context;
	return old;
}

PQnoticeReceiver PQsetNoticeReceiver(PGconn *conn, PQnoticeReceiver receiver, void *arg)
{
	PQnoticeReceiver old = conn->receiver;

	COUNT();
	if (receiver) {
		conn->receiver = receiver;
		conn->receiver_arg = arg;
	}
	return old;
}

PQnoticeProcessor PQsetNoticeProcessor(PGconn *conn, PQnoticeProcessor processor, void *arg)
{
	PQnoticeProcessor old = conn->processor;

	COUNT();
	if (processor) {
		conn->processor = processor;
		conn->processor_arg = arg;
	}
	return old;
}

void PQtrace(PGconn *conn, FILE *file)
{
	(void)conn, (void)file;
	COUNT();
}

void PQuntrace(PGconn *conn)
{
	(void)conn;
	COUNT();
}

int PQclientEncoding(const PGconn *conn)
{
	COUNT();
	return conn->encoding;
}

int PQsetClientEncoding(PGconn *conn, const char *name)
{
	COUNT();
	conn->encoding = strcmp(name, "UTF8") == 0 ? UTF8 : UTF8 + 1;
	return 0;
}

const char *pg_encoding_to_char(int encoding)
{
	COUNT();
	return encoding == UTF8 ? "UTF8" : "OTHER";
}

/* -------------------------------------------------------------------------------------- conninfo */

static char *option(const PGconn *conn, const char *keyword)
{
	for (PQconninfoOption *it = conn->options; it->keyword; it++) {
		if (strcmp(it->keyword, keyword) == 0 && it->val)
			return it->val;
	}
	return nothing;
}

char *PQhost(const PGconn *conn)
{
	COUNT();
	return option(conn, "host");
}

char *PQport(const PGconn *conn)
{
	COUNT();
	return option(conn, "port");
}

char *PQdb(const PGconn *conn)
{
	COUNT();
	return option(conn, "dbname");
}

char *PQuser(const PGconn *conn)
{
	COUNT();
	return option(conn, "user");
}

PQconninfoOption *PQconninfo(PGconn *conn)
{
	const char *keywords[64] = {NULL}, *values[64];

	COUNT();
	for (int i = 0; i < 63 && conn->options[i].keyword; i++) {
		keywords[i] = conn->options[i].keyword;
		values[i] = conn->options[i].val;
	}
	return make_options(keywords, values);
}

PQconninfoOption *PQconndefaults(void)
{
	static const char *const keywords[] = {"host", "port", "dbname", "user", "sslmode", NULL};
	static const char *const values[] = {NULL, "5432", NULL, "fake", "prefer", NULL};

	COUNT();
	return make_options(keywords, values);
}

void PQconninfoFree(PQconninfoOption *options)
{
	COUNT();
	for (PQconninfoOption *it = options; it && it->keyword; it++) {
		free(it->keyword);
		free(it->val);
	}
	free(options);
}

int PQlibVersion(void)
{
	COUNT();
	return 150000;
}
