/* `pgmonkey pgconfig test`: connects as the file says, step by step. */
#include "cli/command.h"
#include "cli/output.h"
#include "cli/test_report.h"
#include "config/setting.h"

#include <stdlib.h>
#include <string.h>

static const char *const formats[] = {"text", "json", NULL};

static const cli_option options[] = {
	CLI_FILE_OPTION("the configuration to try"),
	{.name = "connection-type",
	 .value = "TYPE",
	 .choices = pgm__type_names,
	 .help = "as which type (default: what the file says)"},
	{.name = "format",
	 .value = "FORMAT",
	 .default_value = "text",
	 .choices = formats,
	 .help = "a table for people, or one JSON object"},
	CLI_OPTIONS_END,
};

/* One run: what was asked for, and what came of it. */
typedef struct test {
	cli_test_report report;
	pgm_config *config;
	pgm__settings *settings;
	pgm_manager *manager; /* a cache of its own, so that nothing is found in it */
	pgm_db *db;
	bool json;
} test;

/* Reads the file. The handle is opened without connecting: what the library says no to, it says here. */
static bool prepare(test *t, const cli_args *args)
{
	const char *type = cli_arg(args, "connection-type");
	pgm_open_options how = {.size = sizeof(how), .type = type ? pgm__type_of(type) : PGM_FROM_CONFIG, .lazy = true};
	pgm_error *err = &t->report.error;

	t->config = pgm_config_load(t->report.file, err);
	if (!t->config)
		return false;
	t->settings = pgm__settings_make(t->config, how.type, err);
	if (!t->settings)
		return false;
	t->report.type = pgm__type_name(t->settings->type);
	t->manager = pgm_manager_new(err);
	t->db = t->manager ? pgm_manager_open(t->manager, t->config, &how, err) : NULL;
	return t->db != NULL;
}

static bool probe(test *t)
{
	cli_progress("connecting");
	if (!pgm__probe_run(t->settings, &t->report.probe))
		t->report.error = t->report.probe.error;
	cli_progress_end();
	t->report.probed = true;
	if (!t->json)
		cli_test_show_steps(&t->report);
	return t->report.probe.ok;
}

static bool is_pool(const test *t)
{
	return !pgm__type_uses(t->settings->type).one;
}

/* One more than the pool keeps ready, so that it has to grow, unless that is all it may have. */
static bool hold(test *t, PGconn **held)
{
	cli_test_report *r = &t->report;
	pgm__time began = pgm__clock_now();

	cli_progress("filling the pool");
	while (r->held < r->wanted) {
		held[r->held] = pgm_acquire_at(t->db, PGM_TIMEOUT_FROM_CONFIG, "pgconfig test", r->held + 1, &r->error);
		if (!held[r->held])
			break;
		r->held++;
	}
	r->took = pgm__clock_now() - began;
	cli_progress_end();
	for (int i = 0; i < r->held; i++)
		pgm_release(held[i]);
	return r->held == r->wanted;
}

static bool hold_pool(test *t)
{
	cli_test_report *r = &t->report;
	PGconn **held;
	bool ok;

	r->min_size = t->settings->min_size;
	r->max_size = t->settings->max_size;
	r->wanted = r->max_size > r->min_size ? r->min_size + 1 : r->max_size;
	held = calloc((size_t)r->wanted, sizeof(PGconn *));
	if (!held)
		return pgm__fail_nomem(&r->error, "filling the pool");
	ok = hold(t, held);
	free(held);
	if (!t->json)
		cli_test_show_pool(r);
	return ok;
}

static int show_end(const test *t)
{
	int status = t->report.ok ? CLI_DONE : CLI_FAILED;

	if (t->json && !cli_test_show_json(&t->report))
		return cli_fail("out of memory");
	if (!t->json || !t->report.ok)
		cli_test_show_end(&t->report);
	return status;
}

static int run(const cli_args *args)
{
	test t = {.report.file = cli_arg(args, "filepath"), .json = strcmp(cli_arg(args, "format"), "json") == 0};
	int status;

	t.report.ok = prepare(&t, args) && probe(&t) && (!is_pool(&t) || hold_pool(&t));
	status = show_end(&t);
	pgm_manager_free(t.manager);
	pgm__settings_free(t.settings);
	pgm_config_free(t.config);
	return status;
}

const cli_command cli_pgconfig_test = {
	.name = "test",
	.summary = "connect as a file says, and show each step",
	.about = "Connects as the file says and shows each step with its time, so that a failure names the step that "
		 "failed.\n"
		 "It runs SELECT 1, asks which backend answers, to tell of a pooler in between, and changes nothing on "
		 "the server.\n"
		 "For the pool types it then holds min(max_size, min_size + 1) connections at once.",
	.example = "pgconfig test --filepath db.yaml\npgconfig test --filepath db.yaml --format json | jq .result",
	.options = options,
	.run = run,
};
