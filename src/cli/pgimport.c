/* `pgmonkey pgimport`: a CSV file into a table. */
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "pgmonkey/csv.h"
#include "tools/csv/hidden.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const cli_option options[] = {
	{.name = "import-file", .value = "CSV", .required = true, .help = "the file; - is standard input"},
	{.name = "table", .value = "TABLE", .required = true, .help = "[schema.]table; made if it does not exist"},
	CLI_FILE_OPTION("the configuration of the connection"),
	{.name = "settings", .value = "YAML", .help = "the settings file (default: the CSV file's name with .yaml)"},
	{.name = "review", .help = "where there is no settings file: write it and stop"},
	{.name = "jobs",
	 .value = "N",
	 .default_value = "1",
	 .help = "connections that fill a new table together, at most 64"},
	CLI_OPTIONS_END,
};

static bool show_progress(const pgm_csv_progress *progress, void *arg)
{
	double part = progress->total_bytes > 0 ? (double)progress->bytes / (double)progress->total_bytes : -1;

	cli_bar_show(arg, part <= 1 ? part : -1, progress->bytes, progress->rows);
	return !cli_interrupt();
}

static void show_result(const pgm_csv_result *r)
{
	int64_t speed = (int64_t)((double)r->rows / (r->seconds > 1e-6 ? r->seconds : 1e-6));
	char table[2 * sizeof(r->table)];

	cli_progress_end();
	cli_print("%" PRId64 " rows in %.2f s (%" PRId64 " rows/s) into %s\n", r->rows, r->seconds, speed,
		  cli_clean(table, sizeof(table), r->table));
}

/* Only an answer to COMMIT that was lost leaves it open what happened, and the error says so. */
static int show_failure(const pgm_error *err)
{
	bool unknown = strcmp(err->sqlstate, "08007") == 0;

	if (cli_interrupt() && !unknown) {
		if (strstr(err->message, PGM__CSV_LEFT_BEHIND))
			cli_say("%s", err->message);
		cli_say("interrupted: nothing was imported");
		return cli_interrupt_status();
	}
	return cli_fail("%s%s", err->message, unknown ? "" : "; nothing was imported");
}

/* True: there is nothing more to do. */
static bool review(const pgm_csv_import_options *how, int *status)
{
	bool written;
	pgm_error err;

	if (!pgm_csv_look(how, &written, &err)) {
		*status = show_failure(&err);
		return true;
	}
	if (written && !cli_is_quiet())
		cli_say("look through the settings, then run the same command again");
	*status = CLI_DONE;
	return written;
}

static int import(const pgm_config *config, const pgm_csv_import_options *how)
{
	pgm_csv_result result;
	pgm_error err;

	if (!pgm_csv_import(config, how, &result, &err))
		return show_failure(&err);
	show_result(&result);
	return CLI_DONE;
}

static int run(const cli_args *args)
{
	cli_bar bar = {0};
	pgm_csv_import_options how = {.size = sizeof(how),
				      .table = cli_arg(args, "table"),
				      .file = cli_arg(args, "import-file"),
				      .settings = cli_arg(args, "settings"),
				      .on_progress = show_progress,
				      .on_note = cli_show_note,
				      .arg = &bar};
	pgm_config *config;
	pgm_error err;
	int status;

	if (!cli_arg_number(args, "jobs", PGM_CSV_JOBS_MAX, &how.jobs))
		return CLI_WRONG_USAGE;
	config = pgm_config_load(cli_arg(args, "filepath"), &err);
	if (!config)
		return cli_fail("%s", err.message);
	cli_interrupt_catch();
	if (!cli_arg(args, "review") || !review(&how, &status))
		status = import(config, &how);
	pgm_config_free(config);
	return status;
}

const cli_command cli_pgimport = {
	.name = "pgimport",
	.summary = "fill a table from a CSV file",
	.about = "Fills a table from a CSV file, all or nothing; a table that does not exist is made, every column "
		 "text.\n"
		 "How the file is written is found out, and noted in a settings file beside it, which is used from "
		 "then on.",
	.example = "pgimport --import_file customers.csv --table public.customers --connconfig db.yaml\n"
		   "pgimport --import_file - --table customers --connconfig db.yaml < customers.csv",
	.options = options,
	.run = run,
};
