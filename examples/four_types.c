/*
 * One program for all four connection types: which one it uses is the file's business (connection_type).
 * It submits statements and waits for their answers, then does a piece of work in a transaction.
 */
#include <pgmonkey.h>
#include <stdio.h>
#include <stdlib.h>

#define STATEMENTS 10

typedef struct tally {
	int answered;
	long sum;
} tally;

/* Exactly one call per accepted statement. */
static void on_square(PGresult *res, const pgm_error *err, void *arg)
{
	tally *t = arg;

	t->answered++;
	if (err)
		fprintf(stderr, "%s\n", err->message);
	else
		t->sum += strtol(PQgetvalue(res, 0, 0), NULL, 10);
	PQclear(res);
}

static bool submit_all(pgm_db *db, tally *t, pgm_error *err)
{
	for (int i = 1; i <= STATEMENTS; i++) {
		char number[12];
		const char *params[] = {number};
		const pgm_query query = {
			.sql = "SELECT $1::int * $1::int", .nparams = 1, .params = params, .timeout_ms = 5000};

		snprintf(number, sizeof number, "%d", i);
		if (!pgm_submit(db, &query, on_square, t, err))
			return false;
	}
	return pgm_wait(db, 10000, err);
}

/* Runs between BEGIN and COMMIT. */
static bool count_rows(PGconn *conn, void *arg, pgm_error *err)
{
	PGresult *res = PQexec(conn, "SELECT count(*) FROM generate_series(1, 1000)");
	bool ok = pgm_result_ok(res, err);

	if (ok)
		*(long *)arg = strtol(PQgetvalue(res, 0, 0), NULL, 10);
	PQclear(res);
	return ok;
}

int main(int argc, char **argv)
{
	static const char *const names[] = {
		[PGM_NORMAL] = "normal", [PGM_POOL] = "pool", [PGM_ASYNC] = "async", [PGM_ASYNC_POOL] = "async_pool"};
	pgm_error err;
	tally t = {0};
	long rows = 0;
	pgm_db *db = pgm_open(argc > 1 ? argv[1] : "db.yaml", PGM_FROM_CONFIG, &err);

	if (!db || !submit_all(db, &t, &err) || !pgm_with(db, count_rows, &rows, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	printf("%s: %d statements answered, the squares add up to %ld; %ld rows counted in a transaction\n",
	       names[pgm_db_type(db)], t.answered, t.sum, rows);
	return t.answered == STATEMENTS && t.sum == 385 && rows == 1000 ? 0 : 1;
}
