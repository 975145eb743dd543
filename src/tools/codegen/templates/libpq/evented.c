/* ------------------------------------------------------------------------------ statements */

/* Where a connection is: it connects, then sends one statement after the other. */
typedef enum state { CONNECTING, SETTING, WORKING, DONE, FAILED } state;

typedef struct program program;

typedef struct session {
	PGconn *conn;
	program *program;
	state state;
	int set;	 /* session settings that were sent */
	short waits_for; /* POLLIN, POLLOUT */
} session;

struct program {
	const config *config;
	int sent, answered, failed; /* statements */
};

/* Your statements go here: the next one is sent. Each is a transaction of its own. */
static bool send_statement(session *s)
{
	const char *params[] = {"statement_timeout"};

	return PQsendQueryParams(s->conn,
				 "SELECT current_database(), current_setting('application_name'), current_setting($1)",
				 1, NULL, params, NULL, NULL, 0);
}

/* What a statement was answered with. */
static void take_rows(const PGresult *res)
{
	printf("database %s, application %s, setting %s\n", PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1),
	       PQgetvalue(res, 0, 2));
}

static bool send_setting(session *s)
{
	const settings *all = &s->program->config->session;
	const char *params[] = {all->names[s->set], all->values[s->set]};

	return PQsendQueryParams(s->conn, "SELECT set_config($1, $2, false)", 2, NULL, params, NULL, NULL, 0);
}

/* ------------------------------------------------------------------------------ the connection */

static void give_up(session *s)
{
	if (s->state == WORKING)
		s->program->failed++;
	s->state = FAILED;
	fprintf(stderr, "%s", PQerrorMessage(s->conn));
}

static void begin(session *s, const config *c)
{
	/* 0: the database's name is a name, even if it looks like a connection string. */
	s->conn = PQconnectStartParams(c->connection.names, c->connection.values, 0);
	s->waits_for = POLLOUT;
	if (!s->conn || PQstatus(s->conn) == CONNECTION_BAD)
		give_up(s);
}

/* The connection is free: sends the next setting, then the next statement, until there is none. */
static void send_next(session *s)
{
	program *p = s->program;
	bool ok = true;

	if (s->set < p->config->session.count) {
		s->state = SETTING;
		ok = send_setting(s);
		s->set++;
	} else if (p->sent < STATEMENTS) {
		s->state = WORKING;
		p->sent++;
		ok = send_statement(s);
	} else {
		s->state = DONE;
	}
	s->waits_for = POLLIN | POLLOUT; /* PQflush says when all is sent */
	if (!ok)
		give_up(s);
}

static void go_on_connecting(session *s)
{
	switch (PQconnectPoll(s->conn)) {
	case PGRES_POLLING_READING:
		s->waits_for = POLLIN;
		break;
	case PGRES_POLLING_WRITING:
		s->waits_for = POLLOUT;
		break;
	case PGRES_POLLING_OK:
		if (PQsetnonblocking(s->conn, 1) == 0)
			send_next(s);
		else
			give_up(s);
		break;
	default:
		give_up(s);
		break;
	}
}

static void take_result(session *s, PGresult *res)
{
	ExecStatusType status = PQresultStatus(res);
	bool ok = status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;

	if (!ok)
		fprintf(stderr, "%s", PQresultErrorMessage(res));
	if (s->state == WORKING) {
		s->program->answered++;
		s->program->failed += !ok;
	}
	if (s->state == WORKING && status == PGRES_TUPLES_OK)
		take_rows(res);
	if (s->state == SETTING && !ok)
		s->state = FAILED;
	PQclear(res);
}

static void go_on_working(session *s)
{
	PGresult *res;
	int unsent;

	if (!PQconsumeInput(s->conn) || (unsent = PQflush(s->conn)) < 0) {
		give_up(s);
		return;
	}
	s->waits_for = (short)(unsent ? POLLIN | POLLOUT : POLLIN);
	while ((s->state == SETTING || s->state == WORKING) && !PQisBusy(s->conn)) {
		res = PQgetResult(s->conn);
		if (res)
			take_result(s, res);
		else
			send_next(s);
	}
}

/* ------------------------------------------------------------------------------ the loop */

static bool is_at_work(const session *s)
{
	return s->state != DONE && s->state != FAILED;
}

/* One turn: waits until one of the connections can go on. False: all are done, or the time is over. */
static bool turn(session *sessions, struct pollfd *watched, int count)
{
	int n = 0, at = 0, ready;

	for (int i = 0; i < count; i++)
		if (is_at_work(&sessions[i]))
			watched[n++] = (struct pollfd){PQsocket(sessions[i].conn), sessions[i].waits_for, 0};
	if (n == 0)
		return false;
	ready = poll(watched, (nfds_t)n, LIMIT_MS);
	if (ready == 0)
		fprintf(stderr, "the server was silent for %d ms\n", LIMIT_MS);
	if (ready <= 0)
		return ready < 0 && errno == EINTR;
	for (int i = 0; i < count; i++) {
		if (!is_at_work(&sessions[i]) || watched[at++].revents == 0)
			continue;
		if (sessions[i].state == CONNECTING)
			go_on_connecting(&sessions[i]);
		else
			go_on_working(&sessions[i]);
	}
	return true;
}

/* Runs all statements over that many connections. */
static bool run(const config *c, int count)
{
	program p = {.config = c};
	session *sessions = calloc((size_t)count, sizeof *sessions);
	struct pollfd *watched = calloc((size_t)count, sizeof *watched);

	if (!sessions || !watched)
		fprintf(stderr, "out of memory\n");
	for (int i = 0; sessions && watched && i < count; i++) {
		sessions[i].program = &p;
		begin(&sessions[i], c);
	}
	while (sessions && watched && turn(sessions, watched, count)) {
	}
	for (int i = 0; sessions && i < count; i++)
		PQfinish(sessions[i].conn);
	free(sessions);
	free(watched);
	return p.answered == STATEMENTS && p.failed == 0;
}
