/* PostgreSQL's own: one statement a client, as many clients as there are to be in flight. */
#include "figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const scripts[] = {
	[POINT_SELECT] = "\\set id random(1, 100000)\nSELECT balance FROM accounts WHERE id = :id;\n",
	[SELECT_1] = "SELECT 1;\n",
};

static void write_script(const char *path, statement_kind kind)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(scripts[kind], file) == EOF || fclose(file) != 0)
		die("cannot write %s", path);
}

/* Its own figure, from what it prints. */
static double read_report(FILE *from)
{
	static const char rate[] = "tps = ";
	char line[256];
	double per_second = 0;

	while (fgets(line, sizeof line, from))
		if (strncmp(line, rate, sizeof rate - 1) == 0)
			per_second = strtod(line + sizeof rate - 1, NULL);
	return per_second;
}

double run_pgbench(const target *t, const char *host, statement_kind kind, int clients)
{
	char script[512], command[2048];
	double per_second;
	FILE *report;

	snprintf(script, sizeof script, "%s/pgbench-%d.sql", getenv("PGM_BENCH_DIR"), (int)kind);
	write_script(script, kind);
	snprintf(command, sizeof command,
		 "PGPASSWORD='%s' PGSSLMODE=disable pgbench -n -M prepared -f '%s' -c %d -T 2 -h '%s' -p '%s' -U '%s' "
		 "'%s' 2>/dev/null",
		 t->password, script, clients, host, t->port, t->user, t->dbname);
	report = popen(command, "r"); /* NOLINT(cert-env33-c): found by PATH, as a user would */
	if (!report)
		return 0;
	per_second = read_report(report);
	return pclose(report) == 0 ? per_second : 0;
}
