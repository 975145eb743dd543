#include "cli/server_rules.h"

#include <stdlib.h>

static const char *const outcomes[] = {
	[PGM_HBA_ADMITTED] = "admitted", [PGM_HBA_REJECTED] = "rejected",   [PGM_HBA_NO_ENTRY] = "no_entry",
	[PGM_HBA_NO_TLS] = "no_tls",	 [PGM_HBA_UNDECIDED] = "undecided", [PGM_HBA_CONTRADICTED] = "contradicted",
};

/* file, line and the rule itself, as members; row negative: null each. */
static void add_place(cli_json *j, const pgm_server_report *audit, int row)
{
	const pgm_hba_row *rule = row >= 0 ? &audit->rules[row] : NULL;
	char *text = rule ? pgm_hba_rule(rule) : NULL;

	cli_json_text(j, "file", rule ? rule->file : NULL);
	if (rule)
		cli_json_number(j, "line", rule->line);
	else
		cli_json_null(j, "line");
	cli_json_text(j, "rule", text);
	j->out.failed = j->out.failed || (rule && !text);
	free(text);
}

static void add_possible(cli_json *j, const pgm_server_report *audit, const pgm_hba_attempt *attempt)
{
	cli_json_open(j, "possible", '[');
	for (size_t i = 0; attempt && i < attempt->npossible; i++) {
		cli_json_open(j, NULL, '{');
		add_place(j, audit, attempt->possible[i]);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

static void add_attempts(cli_json *j, const pgm_server_report *audit)
{
	static const char *const transports[] = {
		[PGM_HBA_SOCKET] = "socket", [PGM_HBA_PLAIN] = "plain", [PGM_HBA_TLS] = "tls", [PGM_HBA_GSS] = "gss"};
	const pgm_hba_verdict *verdict = &audit->verdict;

	cli_json_open(j, "attempts", '[');
	for (size_t i = 0; i < verdict->nattempts; i++) {
		const pgm_hba_attempt *attempt = &verdict->attempts[i];

		cli_json_open(j, NULL, '{');
		cli_json_text(j, "transport", transports[attempt->transport]);
		cli_json_text(j, "verdict", outcomes[attempt->outcome]);
		add_place(j, audit, attempt->row);
		add_possible(j, audit, attempt);
		cli_json_bool(j, "hangs_on_quotes", attempt->hangs_on_quotes);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

static void add_file_errors(cli_json *j, const pgm_server_report *audit)
{
	cli_json_open(j, "file_errors", '[');
	for (size_t i = 0; i < audit->nrules; i++) {
		const pgm_hba_row *row = &audit->rules[i];

		if (!row->error)
			continue;
		cli_json_open(j, NULL, '{');
		cli_json_text(j, "file", row->file);
		cli_json_number(j, "line", row->line);
		cli_json_text(j, "error", row->error);
		cli_json_bool(j, "loaded", row->type != NULL);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

void cli_server_json_rules(cli_json *j, const pgm_server_report *audit)
{
	const pgm_hba_verdict *verdict = audit ? &audit->verdict : NULL;

	if (!audit || !audit->has_rules) {
		cli_json_null(j, "hba");
		return;
	}
	cli_json_open(j, "hba", '{');
	cli_json_text(j, "verdict", outcomes[verdict->outcome]);
	add_place(j, audit, verdict->row);
	cli_json_text(j, "sentence", audit->sentence);
	cli_json_bool(j, "downgraded", verdict->downgraded);
	add_possible(j, audit, verdict->nattempts ? &verdict->attempts[verdict->nattempts - 1] : NULL);
	add_attempts(j, audit);
	add_file_errors(j, audit);
	cli_json_close(j, '}');
}
