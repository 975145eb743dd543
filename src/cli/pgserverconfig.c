/* `pgmonkey pgserverconfig`: what a configuration asks of its server, and whether the server gives it. */
#include "cli/advice.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/server_report.h"

#include <string.h>

#define MAX_INSTANCES 10000

static const char *const formats[] = {"text", "json", NULL};

static const cli_option options[] = {
	CLI_FILE_OPTION("the client's configuration"),
	{.name = "audit", .help = "connect, read only, and compare with what the server has"},
	{.name = "format",
	 .value = "FORMAT",
	 .default_value = "text",
	 .choices = formats,
	 .help = "lines to be pasted and a table, or one JSON object"},
	{.name = "strict", .help = "with --audit: REVIEW and UNKNOWN fail too"},
	{.name = "client-address",
	 .value = "CIDR",
	 .help = "this client as the server sees it: 10.1.2.3, or 10.1.2.0/24"},
	{.name = "instances", .value = "N", .help = "how many programs use the file at the same time"},
	CLI_OPTIONS_END,
};

/* One run. */
typedef struct task {
	cli_server_report report;
	pgm_config *config;
	pgm_server_client *client;
	pgm_server_report *audit;
	pgm_server_advice *advice;
	bool json;
} task;

/* Of what is said on the command line, what the table of options cannot check. */
static bool read_line(const cli_args *args, int *instances)
{
	const char *address = cli_arg(args, "client-address");

	if (address && !pgm_server_address_normal(address, NULL, 0))
		return !cli_wrong_usage("--client-address: expected an address or a range such as 10.1.2.3 or "
					"10.1.2.0/24, found \"%s\"",
					address);
	if (!cli_arg_number(args, "instances", MAX_INSTANCES, instances))
		return false;
	if (cli_arg(args, "strict") && !cli_arg(args, "audit"))
		return !cli_wrong_usage("--strict is about what --audit finds: give both");
	return true;
}

static bool read_client(task *t, const cli_args *args, int instances, pgm_error *err)
{
	t->config = pgm_config_load(t->report.file, err);
	t->client = t->config ? pgm_server_client_new(t->config, err) : NULL;
	if (!t->client)
		return false;
	t->client->instances = instances;
	t->client->address = cli_arg(args, "client-address");
	t->report.client = t->client;
	return true;
}

static bool fails(const pgm_server_report *audit, bool strict)
{
	return !audit->connected || audit->count[PGM_SERVER_MISMATCH] > 0 ||
	       (strict && audit->count[PGM_SERVER_REVIEW] + audit->count[PGM_SERVER_UNKNOWN] > 0);
}

static bool audit(task *t, pgm_error *err)
{
	cli_progress("asking the server");
	t->audit = pgm_server_audit(t->config, t->client, err);
	cli_progress_end();
	if (!t->audit)
		return false;
	t->report.audit = t->audit;
	t->report.failed = fails(t->audit, t->report.strict);
	return true;
}

/* After the audit, which may have found this client's address. */
static bool recommend(task *t, pgm_error *err)
{
	t->advice = pgm_server_recommend(t->client, err);
	t->report.advice = t->advice;
	return t->advice != NULL;
}

static void say_not_connected(const pgm_error *why)
{
	const char *advice = cli_advice(why);

	cli_fail("%s", why->message);
	if (advice)
		cli_say("hint: %s", advice);
}

static int show(const task *t)
{
	if (t->json && !cli_server_show_json(&t->report))
		return cli_fail("out of memory");
	if (!t->json)
		cli_server_show_advice(&t->report);
	if (!t->json && t->audit)
		cli_server_show_audit(&t->report);
	if (t->audit && !t->audit->connected)
		say_not_connected(&t->audit->error);
	return t->report.failed ? CLI_FAILED : CLI_DONE;
}

static int run(const cli_args *args)
{
	task t = {.report.file = cli_arg(args, "filepath"),
		  .report.strict = cli_arg(args, "strict") != NULL,
		  .json = strcmp(cli_arg(args, "format"), "json") == 0};
	int instances = 0, status;
	pgm_error err;

	if (!read_line(args, &instances))
		return CLI_WRONG_USAGE;
	if (!read_client(&t, args, instances, &err))
		status = cli_wrong_usage("%s", err.message);
	else if ((cli_arg(args, "audit") && !audit(&t, &err)) || !recommend(&t, &err))
		status = cli_fail("%s", err.message);
	else
		status = show(&t);
	pgm_server_advice_free(t.advice);
	pgm_server_report_free(t.audit);
	pgm_server_client_free(t.client);
	pgm_config_free(t.config);
	return status;
}

const cli_command cli_pgserverconfig = {
	.name = "pgserverconfig",
	.summary = "what a file asks of its server, and whether the server gives it",
	.about =
		"Prints the least that the server needs in pg_hba.conf and postgresql.conf for the client of the file; "
		"every other line begins with #.\n"
		"With --audit it connects, read only, compares, and says which line of pg_hba.conf decides. It never "
		"writes to the server.\n"
		"Exit status: 0 no MISMATCH; 1 a MISMATCH, or the server could not be reached; 2 the command line or "
		"the "
		"file is wrong.",
	.example = "pgserverconfig --filepath db.yaml\npgserverconfig --filepath db.yaml --audit --format json | jq "
		   ".summary",
	.options = options,
	.run = run,
};
