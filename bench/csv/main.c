/*
 * bench/csv: loading and dumping tables, beside psql and the server's own COPY.
 *
 *   csv                            every figure
 *   csv FIGURE...                  some: csv-splitter csv-import csv-import-jobs csv-export
 *   csv generate SHAPE ROWS FILE   only the file: narrow, wide or typed
 *   PGM_BENCH_ROUNDS=n             rounds of each (default 15; these take a third)
 *   PGM_BENCH_CSV_PERCENT=n        of the full sizes: 5M narrow rows, 1M wide, 2M typed (default 20)
 *
 * It wants a server, named by PGM_TEST_*: bench/run.sh starts one. All contestants of a table are measured in turn.
 */
#include "sample.h"
#include "shapes.h"
#include "splitter.h"
#include "target.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct contestant {
	const char *name;
	const char *command; /* for the shell: $PGMONKEY, $PSQL, $CONFIG, $TABLE, $CSV, $OUT are set */
} contestant;

typedef struct figure {
	const char *name, *title;
	bool filled;	     /* the table has its rows before; else they are what is measured */
	const char *prepare; /* SQL with the table's name in it, before each run; NULL: nothing */
	const contestant *contestants;
	int base; /* the contestant that the ratios are to */
} figure;

static const contestant importers[] = {
	{"pgmonkey pgimport", "exec \"$PGMONKEY\" pgimport --quiet --import_file \"$CSV\" --table $TABLE "
			      "--connconfig \"$CONFIG\" >/dev/null"},
	{"psql \\copy", "exec \"$PSQL\" -X -q -c \"\\\\copy $TABLE from '$CSV' csv header\""},
	{"server COPY", "exec \"$PSQL\" -X -q -c \"COPY $TABLE FROM '$CSV' CSV HEADER\""},
	{0},
};

static const contestant import_jobs[] = {
	{"--jobs 1", "exec \"$PGMONKEY\" pgimport --quiet --import_file \"$CSV\" --table $TABLE "
		     "--connconfig \"$CONFIG\" >/dev/null"},
	{"--jobs 2", "exec \"$PGMONKEY\" pgimport --quiet --import_file \"$CSV\" --table $TABLE "
		     "--connconfig \"$CONFIG\" --jobs 2 >/dev/null"},
	{0},
};

static const contestant exporters[] = {
	{"pgmonkey pgexport", "exec \"$PGMONKEY\" pgexport --quiet --table $TABLE --connconfig \"$CONFIG\" "
			      "--export_file \"$OUT\" >/dev/null"},
	{"the same, --jobs 2", "exec \"$PGMONKEY\" pgexport --quiet --table $TABLE --connconfig \"$CONFIG\" "
			       "--export_file \"$OUT\" --jobs 2 >/dev/null"},
	{"psql \\copy", "exec \"$PSQL\" -X -q -c \"\\\\copy $TABLE to '$OUT' csv header\""},
	{"psql \\copy; sync", "\"$PSQL\" -X -q -c \"\\\\copy $TABLE to '$OUT' csv header\" && sync \"$OUT\""},
	{"server, to /dev/null", "exec \"$PSQL\" -X -q -c \"COPY $TABLE TO '/dev/null' CSV HEADER\""},
	{0},
};

static const figure figures[] = {
	{"csv-import", "loading into an existing table", false, "TRUNCATE %s", importers, 1},
	{"csv-import-jobs", "loading into a table that the import creates", false, "DROP TABLE IF EXISTS %s",
	 import_jobs, 0},
	{"csv-export", "dumping a table", true, NULL, exporters, 2},
};

static const char *in_folder(const char *name)
{
	static char paths[4][512];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", must_getenv("PGM_BENCH_DIR"), name);
	return path;
}

/* ------------------------------------------------------------------------------------ server */

static PGconn *conn;

static void run_sql(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void run_sql(const char *fmt, ...)
{
	char sql[2048];
	va_list args;
	PGresult *res;

	va_start(args, fmt);
	vsnprintf(sql, sizeof sql, fmt, args);
	va_end(args);
	res = PQexec(conn, sql);
	if (PQresultStatus(res) != PGRES_COMMAND_OK)
		die("%s: %s", sql, PQerrorMessage(conn));
	PQclear(res);
}

/* Everybody uses libpq: its variables are the easiest way to say the same to all. */
static void find_server(void)
{
	static const char *const names[][2] = {{"PGHOST", "PGM_TEST_SOCKETDIR"},
					       {"PGPORT", "PGM_TEST_PORT"},
					       {"PGUSER", "PGM_TEST_SUPERUSER"},
					       {"PGPASSWORD", "PGM_TEST_SUPERUSER_PASSWORD"},
					       {"PGDATABASE", "PGM_TEST_DBNAME"}};
	const char *config = in_folder("csv.yaml");
	FILE *file = fopen(config, "w");

	if (!file || fputs("connection_type: normal\n", file) < 0 || fclose(file) != 0)
		die("cannot write %s", config);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		setenv(names[i][0], must_getenv(names[i][1]), 1);
	setenv("PGOPTIONS", "-c client_min_messages=warning", 1);
	setenv("CONFIG", config, 1);
	conn = PQconnectdb("");
	if (PQstatus(conn) != CONNECTION_OK)
		die("%s", PQerrorMessage(conn));
}

static void find_programs(void)
{
	char path[1024];

	snprintf(path, sizeof path, "%s/../bin/pgmonkey", must_getenv("PGM_BENCH_BIN"));
	setenv("PGMONKEY", path, 1);
	snprintf(path, sizeof path, "%s/psql", must_getenv("PGM_PG_BINDIR"));
	setenv("PSQL", access(path, X_OK) == 0 ? path : "psql", 1);
}

/* ----------------------------------------------------------------------------------- running */

typedef struct outcome {
	sample seconds, cpu, memory; /* cpu: of the client, in seconds; memory: MiB at the most */
} outcome;

static double seconds_of(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void run_once(const contestant *c, outcome *o)
{
	int64_t began = now_ns();
	struct rusage usage;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", c->command, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
		die("cannot run %s: %s", c->name, strerror(errno));
	if (status != 0)
		die("%s failed: %s", c->name, c->command);
	sample_add(&o->seconds, (double)(now_ns() - began) / 1e9);
	sample_add(&o->cpu, seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime));
	sample_add(&o->memory, (double)usage.ru_maxrss / 1024);
}

static void print_row(const contestant *c, outcome *o, outcome *base, double megabytes)
{
	double median = sample_at(&o->seconds, 0.5);

	printf("%-24s", c->name);
	sample_print(&o->seconds, 2);
	printf("  %8.2f  %10.0f  %10.2f  %8.1f\n", sample_at(&base->seconds, 0.5) / median, megabytes / median,
	       sample_at(&o->cpu, 0.5), sample_at(&o->memory, 1));
}

static void measure(const figure *f, const shape *s, int rounds, double megabytes)
{
	outcome outcomes[8] = {0};

	for (int round = 0; round < rounds; round++)
		for (int i = 0; f->contestants[i].name; i++) {
			if (f->prepare)
				run_sql(f->prepare, s->name);
			run_once(&f->contestants[i], &outcomes[i]);
		}
	for (int i = 0; f->contestants[i].name; i++)
		print_row(&f->contestants[i], &outcomes[i], &outcomes[f->base], megabytes);
}

/* Where the rows of a shape lie; its size in bytes. */
static long long write_file(const shape *s, char *csv, size_t size, long rows)
{
	snprintf(csv, size, "%s.csv", in_folder(s->name));
	return shape_write(s, csv, rows);
}

static void measure_splitter(int rounds, int percent)
{
	printf("\nthe splitter alone, without a server\n%-24s  %10s  %-16s\n", "", "GB/CPU s", "(quartiles)");
	for (const shape *s = shapes; s->name; s++) {
		long rows = s->rows / 100 * percent;
		char csv[600];

		write_file(s, csv, sizeof csv, rows);
		splitter_measure(s, csv, rows, rounds);
		unlink(csv);
	}
}

static void measure_shape(const figure *f, const shape *s, int rounds, int percent)
{
	long rows = s->rows / 100 * percent;
	char csv[600];
	double megabytes = (double)write_file(s, csv, sizeof csv, rows) / 1e6;

	setenv("TABLE", s->name, 1);
	setenv("CSV", csv, 1);
	setenv("OUT", in_folder("out.csv"), 1);
	run_sql("CREATE TABLE %s (%s)", s->name, s->columns);
	if (f->filled) {
		run_sql("COPY %s FROM '%s' CSV HEADER", s->name, csv);
		run_sql("VACUUM ANALYZE %s", s->name);
	}
	printf("\n%s: %s, %ld rows, %.0f MB\n%-24s  %10s  %-16s  %8s  %10s  %10s  %8s\n", f->title, s->name, rows,
	       megabytes, "", "seconds", "(quartiles)", "times", "MB/s", "client CPU", "peak MiB");
	measure(f, s, rounds, megabytes);
	run_sql("DROP TABLE %s", s->name);
	unlink(csv);
}

static int generate(char **argv)
{
	for (const shape *s = shapes; s->name; s++)
		if (strcmp(s->name, argv[0]) == 0) {
			shape_write(s, argv[2], strtol(argv[1], NULL, 10));
			return 0;
		}
	die("no shape is called %s", argv[0]);
}

int main(int argc, char **argv)
{
	int rounds = (number_from_environment("PGM_BENCH_ROUNDS", 15) + 2) / 3;
	int percent = number_from_environment("PGM_BENCH_CSV_PERCENT", 20);

	if (argc == 5 && strcmp(argv[1], "generate") == 0)
		return generate(argv + 2);
	if (is_wanted("csv-splitter", argv + 1))
		measure_splitter(rounds, percent);
	find_server();
	find_programs();
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
		for (const shape *s = shapes; s->name; s++)
			if (is_wanted(figures[i].name, argv + 1)) {
				measure_shape(&figures[i], s, rounds, percent);
				fflush(stdout);
			}
	PQfinish(conn);
	return 0;
}
