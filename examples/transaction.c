/* A transfer between two accounts: all of it or none. A fee that cannot be paid is forgone: a savepoint. */
#include <pgmonkey.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct transfer {
	const char *amount;
	bool fee_paid;
} transfer;

static bool run(PGconn *conn, const char *sql, pgm_error *err)
{
	PGresult *res = PQexec(conn, sql);
	bool ok = pgm_result_ok(res, err);

	PQclear(res);
	return ok;
}

static bool move_money(PGconn *conn, const char *amount, const char *from, const char *to, pgm_error *err)
{
	const char *params[] = {amount, from, to};
	PGresult *res = PQexecParams(conn,
				     "UPDATE account SET balance = balance + "
				     "CASE owner WHEN $2 THEN -$1::int ELSE $1::int END WHERE owner IN ($2, $3)",
				     3, NULL, params, NULL, NULL, 0);
	bool ok = pgm_result_ok(res, err);

	PQclear(res);
	return ok;
}

static bool pay_fee(PGconn *conn, void *arg, pgm_error *err)
{
	(void)arg;
	return move_money(conn, "5", "ann", "bank", err);
}

/* Runs between BEGIN and COMMIT; false, with err filled, asks for ROLLBACK. */
static bool do_transfer(PGconn *conn, void *arg, pgm_error *err)
{
	transfer *t = arg;
	pgm_error fee;

	if (!move_money(conn, t->amount, "ann", "bob", err))
		return false;
	/* Inside a transaction this is a savepoint: its failure undoes the fee and nothing else. */
	t->fee_paid = pgm_transaction(conn, pay_fee, NULL, &fee);
	if (!t->fee_paid)
		printf("  no fee: %s\n", fee.message);
	return true;
}

/* A temporary table: it goes with the connection. */
static bool make_accounts(PGconn *conn, void *arg, pgm_error *err)
{
	(void)arg;
	return run(conn, "CREATE TEMP TABLE account (owner text PRIMARY KEY, balance int CHECK (balance >= 0))", err) &&
	       run(conn, "INSERT INTO account VALUES ('ann', 12), ('bob', 0), ('bank', 0)", err);
}

static bool read_balance(PGconn *conn, void *arg, pgm_error *err)
{
	PGresult *res = PQexec(conn, "SELECT balance FROM account WHERE owner = 'ann'");
	bool ok = pgm_result_ok(res, err);

	if (ok)
		*(long *)arg = strtol(PQgetvalue(res, 0, 0), NULL, 10);
	PQclear(res);
	return ok;
}

/* True if the transfer was committed. */
static bool attempt(pgm_db *db, const char *amount)
{
	transfer t = {.amount = amount};
	pgm_error err;
	bool ok;

	printf("ann sends %s\n", amount);
	ok = pgm_with(db, do_transfer, &t, &err);
	printf("  %s\n", ok ? "committed" : err.message);
	return ok;
}

int main(int argc, char **argv)
{
	pgm_error err;
	/* One connection, so that the temporary table is there from one transaction to the next. */
	pgm_db *db = pgm_open(argc > 1 ? argv[1] : "db.yaml", PGM_NORMAL, &err);
	bool first, second;
	long balance = -1;

	if (!db || !pgm_with(db, make_accounts, NULL, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	first = attempt(db, "10");  /* leaves 2: too little for the fee */
	second = attempt(db, "10"); /* more than there is: rolled back */
	if (!pgm_with(db, read_balance, &balance, &err)) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	printf("ann has %ld\n", balance);
	return first && !second && balance == 2 ? 0 : 1;
}
