/* Rules and verdicts in words. */
#include "base/strbuf.h"
#include "pgmonkey/server.h"
#include "tools/server/address.h"
#include "tools/server/hba_token.h"

#include <string.h>

static void add_tokens(pgm__strbuf *out, pgm_hba_tokens tokens, const char *separator)
{
	for (size_t i = 0; i < tokens.count; i++) {
		pgm__strbuf_puts(out, i ? separator : " ");
		pgm__hba_show_token(out, tokens.list[i]);
	}
}

static void add_address(pgm__strbuf *out, const pgm_hba_row *row)
{
	pgm__address mask;
	int bits = row->netmask && pgm__address_parse(row->netmask, &mask) ? pgm__mask_bits(&mask) : -1;

	if (!row->address)
		return;
	pgm__strbuf_printf(out, " %s", row->address);
	if (row->netmask && bits >= 0)
		pgm__strbuf_printf(out, "/%d", bits);
	else if (row->netmask)
		pgm__strbuf_printf(out, " %s", row->netmask);
}

static void add_rule(pgm__strbuf *out, const pgm_hba_row *row)
{
	if (!row->type) {
		pgm__strbuf_printf(out, "(cannot be read: %s)", row->error ? row->error : "no reason is given");
		return;
	}
	pgm__strbuf_puts(out, row->type);
	add_tokens(out, row->databases, ",");
	add_tokens(out, row->users, ",");
	add_address(out, row);
	pgm__strbuf_printf(out, " %s", row->method ? row->method : "");
	add_tokens(out, row->options, " ");
}

char *pgm_hba_rule(const pgm_hba_row *row)
{
	pgm__strbuf out = {0};

	add_rule(&out, row);
	return pgm__strbuf_take(&out);
}

/* -------------------------------------------------------------------------------------- sentence */

static void add_line(pgm__strbuf *out, const pgm_hba_row *rows, int row)
{
	const char *file = rows[row].file;

	pgm__strbuf_printf(out, "line %d", rows[row].line);
	if (file && rows[0].file && strcmp(file, rows[0].file) != 0)
		pgm__strbuf_printf(out, " of %s", file);
	pgm__strbuf_puts(out, ": ");
	add_rule(out, &rows[row]);
}

static void add_client(pgm__strbuf *out, const pgm_hba_client *client)
{
	if (client->address)
		pgm__strbuf_printf(out, "your connection from %s with sslmode=%s", client->address,
				   client->sslmode && client->sslmode[0] ? client->sslmode : "prefer");
	else
		pgm__strbuf_puts(out, "your connection over the socket");
	pgm__strbuf_puts(out, " as ");
	pgm__hba_show_token(out, client->user);
	pgm__strbuf_puts(out, " to ");
	pgm__hba_show_token(out, client->replication ? "replication" : client->database);
}

static void add_possible(pgm__strbuf *out, const pgm_hba_row *rows, const pgm_hba_attempt *attempt)
{
	for (size_t i = 0; i < attempt->npossible; i++) {
		pgm__strbuf_puts(out, i ? ", or " : "");
		add_line(out, rows, attempt->possible[i]);
	}
	if (attempt->row >= 0) {
		pgm__strbuf_puts(out, ", or, where none of these fits, ");
		add_line(out, rows, attempt->row);
	}
}

static void add_outcome(pgm__strbuf *out, const pgm_hba_row *rows, const pgm_hba_attempt *attempt)
{
	switch (attempt->outcome) {
	case PGM_HBA_ADMITTED:
		pgm__strbuf_puts(out, "decided by ");
		add_line(out, rows, attempt->row);
		break;
	case PGM_HBA_REJECTED:
		pgm__strbuf_puts(out, "rejected by ");
		add_line(out, rows, attempt->row);
		break;
	case PGM_HBA_UNDECIDED:
		pgm__strbuf_puts(out, "decided by ");
		add_possible(out, rows, attempt);
		break;
	case PGM_HBA_CONTRADICTED:
		pgm__strbuf_puts(out, "let in, though by these rules it could not be: the rules in force are others");
		break;
	case PGM_HBA_NO_ENTRY:
	case PGM_HBA_NO_TLS:
		pgm__strbuf_puts(out, "refused: no line fits");
		break;
	}
}

char *pgm_hba_sentence(const pgm_hba_row *rows, const pgm_hba_client *client, const pgm_hba_verdict *verdict)
{
	static const char *const ways[] = {
		[PGM_HBA_SOCKET] = "over the socket",
		[PGM_HBA_PLAIN] = "without encryption",
		[PGM_HBA_TLS] = "with TLS",
		[PGM_HBA_GSS] = "encrypted by GSSAPI",
	};
	pgm__strbuf out = {0};

	add_client(&out, client);
	if (verdict->nattempts == 0)
		pgm__strbuf_puts(&out, " is not made: the server speaks no TLS");
	for (size_t i = 0; i < verdict->nattempts; i++) {
		if (i)
			pgm__strbuf_puts(&out, "; then");
		if (verdict->nattempts > 1)
			pgm__strbuf_printf(&out, " %s", ways[verdict->attempts[i].transport]);
		pgm__strbuf_puts(&out, " is ");
		add_outcome(&out, rows, &verdict->attempts[i]);
	}
	return pgm__strbuf_take(&out);
}
