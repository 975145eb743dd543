/* `pgmonkey pgexport`: a table into a CSV file. */
#include "base/strbuf.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "pgmonkey/csv.h"
#include "tools/csv/name.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
	{.name = "table", .value = "TABLE", .required = true, .help = "[schema.]table, view or the like"},
	CLI_FILE_OPTION("the configuration of the connection"),
	{.name = "export-file", .value = "CSV", .help = "where to; - is standard output (default: TABLE.csv)"},
	{.name = "settings", .value = "YAML", .help = "the settings file (default: the CSV file's name with .yaml)"},
	{.name = "no-clobber", .help = "never replace a file"},
	{.name = "visible-rows", .help = "only the rows that row-level security shows"},
	{.name = "jobs",
	 .value = "N",
	 .default_value = "1",
	 .help = "connections that read a plain table together, at most 64"},
	CLI_OPTIONS_END,
};

static bool show_progress(const pgm_csv_progress *progress, void *arg)
{
	/* More than was guessed is no 100 percent. */
	double part = progress->total_rows > 0 ? (double)progress->rows / (double)progress->total_rows : -1;

	cli_bar_show(arg, part < 1 ? part : -1, progress->bytes, progress->rows);
	return !cli_interrupt();
}

/* public."My T" goes to My T.csv. Owner: the caller, free(3); NULL: it was said why. */
static char *default_file(const char *table)
{
	pgm__strbuf file = {0};
	pgm__csv_name name;
	pgm_error err;
	char *text;

	if (!pgm__csv_name_parse(&name, table, &err)) {
		cli_wrong_usage("%s", err.message);
		return NULL;
	}
	if (strchr(name.table, '/')) {
		cli_wrong_usage("the table's name has a / in it: say with --export-file where to write");
		return NULL;
	}
	pgm__strbuf_printf(&file, "%s.csv", name.table);
	text = pgm__strbuf_take(&file);
	if (!text)
		cli_fail("out of memory");
	return text;
}

static void show_result(const pgm_csv_result *r, const char *file)
{
	int64_t speed = (int64_t)((double)r->rows / (r->seconds > 1e-6 ? r->seconds : 1e-6));
	bool standard = strcmp(file, "-") == 0;
	char table[2 * sizeof(r->table)], path[4096];

	cli_progress_end();
	cli_clean(table, sizeof(table), r->table);
	if (!standard)
		cli_print("%" PRId64 " rows in %.2f s (%" PRId64 " rows/s) from %s into %s\n", r->rows, r->seconds,
			  speed, table, cli_clean(path, sizeof(path), file));
	else if (!cli_is_quiet())
		cli_say("%" PRId64 " rows in %.2f s (%" PRId64 " rows/s) from %s", r->rows, r->seconds, speed, table);
}

static int export(const pgm_config *config, const pgm_csv_export_options *how)
{
	pgm_csv_result result;
	pgm_error err;

	cli_interrupt_catch();
	if (pgm_csv_export(config, how, &result, &err)) {
		show_result(&result, how->file);
		return CLI_DONE;
	}
	if (cli_interrupt()) {
		cli_say(strcmp(how->file, "-") == 0 ? "interrupted" : "interrupted: nothing was written");
		return cli_interrupt_status();
	}
	return cli_fail("%s", err.message);
}

static int run(const cli_args *args)
{
	cli_bar bar = {0};
	pgm_csv_export_options how = {.size = sizeof(how),
				      .table = cli_arg(args, "table"),
				      .file = cli_arg(args, "export-file"),
				      .settings = cli_arg(args, "settings"),
				      .no_clobber = cli_arg(args, "no-clobber") != NULL,
				      .visible_rows = cli_arg(args, "visible-rows") != NULL,
				      .on_progress = show_progress,
				      .on_note = cli_show_note,
				      .arg = &bar};
	char *file = how.file ? NULL : default_file(how.table);
	pgm_config *config;
	pgm_error err;
	int status;

	if (!how.file && !file)
		return CLI_WRONG_USAGE;
	if (!how.file)
		how.file = file;
	if (!cli_arg_number(args, "jobs", PGM_CSV_JOBS_MAX, &how.jobs)) {
		free(file);
		return CLI_WRONG_USAGE;
	}
	config = pgm_config_load(cli_arg(args, "filepath"), &err);
	status = config ? export(config, &how) : cli_fail("%s", err.message);
	pgm_config_free(config);
	free(file);
	return status;
}

const cli_command cli_pgexport = {
	.name = "pgexport",
	.summary = "write a table into a CSV file",
	.about = "Writes a table, view, materialized, partitioned or foreign table into a CSV file.\n"
		 "The file appears when it is whole; whatever goes wrong, an old one stays as it was.\n"
		 "The settings file beside it says how it is written; it is made if there is none, and pgimport reads "
		 "it.",
	.example = "pgexport --table public.customers --connconfig db.yaml --export_file customers.csv\n"
		   "pgexport --table customers --connconfig db.yaml --export_file - | gzip > customers.csv.gz",
	.options = options,
	.run = run,
};
