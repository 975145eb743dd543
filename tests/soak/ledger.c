#include "soak.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* PostgreSQL manual, appendix A: transaction_resolution_unknown. */
#define UNRESOLVED "08007"

account soak_ledger[WRITERS + 1];

outcome soak_outcome(bool ok, const pgm_error *err)
{
	if (ok)
		return COMMITTED;
	return strcmp(err->sqlstate, UNRESOLVED) == 0 ? UNKNOWN : FAILED;
}

void soak_tell(int who, outcome told)
{
	account *a = &soak_ledger[who];

	a->told[atomic_load(&a->rows)] = (unsigned char)told;
	atomic_fetch_add(&a->committed, told == COMMITTED);
	atomic_fetch_add(&a->rows, 1);
}

static bool is_right(outcome told, int found)
{
	switch (told) {
	case COMMITTED:
		return found == 1;
	case UNKNOWN:
		return found <= 1;
	default:
		return found == 0;
	}
}

static int audit_writer(int who, const int *found, int totals[OUTCOMES])
{
	static const char *const names[] = {"failed", "committed", "unknown"};
	const account *a = &soak_ledger[who];
	int wrong = 0, rows = atomic_load(&a->rows);

	for (int i = 0; i < rows; i++) {
		outcome told = (outcome)a->told[i];

		totals[told]++;
		if (is_right(told, found[i]))
			continue;
		wrong++;
		fprintf(stderr, "row %d of writer %d was told to be %s, and is there %d times\n", i, who, names[told],
			found[i]);
	}
	for (int i = rows; i < MOST_ROWS; i++)
		wrong += found[i] != 0; /* nobody told of it */
	return wrong;
}

int soak_audit(int totals[OUTCOMES])
{
	int *found = calloc((size_t)(WRITERS + 1) * MOST_ROWS, sizeof *found);
	PGresult *res = PQexec(pgtest_admin(), "SELECT writer, number FROM soak");
	int wrong = 0;

	if (!found || PQresultStatus(res) != PGRES_TUPLES_OK)
		pgtest_die("the audit: %s", PQresultErrorMessage(res));
	for (int i = 0; i < PQntuples(res); i++)
		found[atoi(PQgetvalue(res, i, 0)) * MOST_ROWS + atoi(PQgetvalue(res, i, 1))]++;
	PQclear(res);
	for (int i = 0; i <= WRITERS; i++)
		wrong += audit_writer(i, found + (ptrdiff_t)i * MOST_ROWS, totals);
	free(found);
	return wrong;
}
