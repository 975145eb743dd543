/* A CSV file into a table, all or nothing. */
#include "base/clock.h"
#include "pgmonkey/csv.h"
#include "tools/csv/header.h"
#include "tools/csv/hidden.h"
#include "tools/csv/lanes.h"
#include "tools/csv/look.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How often, at the most, the caller is asked whether to go on. */
#define ASK_EVERY (20 * PGM__MS)

typedef struct import {
	pgm_csv_import_options options;
	pgm__csv_name name;
	pgm__csv_look look;
	pgm__csv_columns columns;
	pgm__csv_lanes lanes;
	pgm__csv_destination destination;
	bool creates; /* the table */
	pgm__csv_hidden hidden;
	pgm__csv_rows rows;
	pgm__copy_text text;
	pgm__time began, asked;
	bool stopped;
	pgm_error refusal; /* what a server said while there was nothing to read */
} import;

/* --------------------------------------------------------------------------------------- asking */

static bool go_on(void *arg)
{
	import *i = arg;
	pgm__time now = pgm__clock_coarse();
	pgm_csv_progress progress = {.bytes = i->look.input.bytes, .rows = (int64_t)i->rows.rows};

	if (i->stopped || !i->options.on_progress || now - i->asked < ASK_EVERY)
		return !i->stopped;
	i->asked = now;
	if (i->look.input.is_file)
		progress.total_bytes = (int64_t)i->look.input.st.st_size;
	i->stopped = !i->options.on_progress(&progress, i->options.arg);
	return !i->stopped;
}

/* A pipe may keep us waiting for ever; a server that has said no should not. */
static bool go_on_reading(void *arg)
{
	import *i = arg;

	return go_on(i) && pgm__csv_lanes_listen(&i->lanes, &i->refusal);
}

/* -------------------------------------------------------------------------------------- options */

static bool take_options(import *i, const pgm_csv_import_options *options, pgm_error *err)
{
	size_t known = options && options->size < sizeof(i->options) ? options->size : sizeof(i->options);

	if (!options || known < offsetof(pgm_csv_import_options, jobs))
		return pgm__fail(err, PGM_ERR_MISUSE, "the options' size is not set");
	memcpy(&i->options, options, known);
	i->look.notes = (pgm__csv_notes){i->options.on_note, i->options.arg};
	i->look.input.go_on = go_on_reading;
	i->lanes.go_on = go_on;
	i->look.input.arg = i->lanes.arg = i;
	if (i->options.jobs < 0 || i->options.jobs > PGM_CSV_JOBS_MAX)
		return pgm__fail(err, PGM_ERR_MISUSE, "jobs: expected a number from 1 to %d", PGM_CSV_JOBS_MAX);
	return i->options.file || pgm__fail(err, PGM_ERR_MISUSE, "the options name no file");
}

/* ------------------------------------------------------------------------------------ preparing */

/* All that can be wrong with the file's beginning is said before anything is connected. */
static bool look_at_file(import *i, pgm_error *err)
{
	pgm_error why;

	if (!pgm__csv_look_open(&i->look, i->options.file, i->options.settings, err))
		return false;
	if (!pgm__csv_look_write(&i->look, &why))
		pgm__csv_note(&i->look.notes, PGM_LOG_WARNING, "%s", why.message);
	i->columns.file = i->look.input.name;
	return i->look.settings.has_headers
		       ? pgm__csv_header_read(&i->look.reader, &i->columns, err)
		       : pgm__csv_header_count(&i->look.reader, &i->look.settings, &i->columns, err);
}

static bool is_shared(const import *i)
{
	return i->options.jobs > 1;
}

/* For several connections it is made and committed under another name. */
static bool make_table(import *i, const pgm_config *config, pgm_error *err)
{
	const pgm__csv_table *table = &i->destination.table;
	pgm__csv_session *session = &i->lanes.lane[0].session;

	if (!i->look.settings.auto_create_table)
		return pgm__fail(err, PGM_ERR_MISUSE, "there is no table %s, and auto_create_table is false",
				 table->shown);
	i->creates = true;
	if (!pgm__csv_columns_make(&i->columns, &i->look.settings, &i->look.notes, err))
		return false;
	if (!is_shared(i))
		return pgm__csv_destination_create(session, table->sql, &i->columns, err);
	return pgm__csv_hidden_create(&i->hidden, session, table, &i->columns, err) &&
	       pgm__csv_do(session, "creating the table", "COMMIT", err) &&
	       pgm__csv_lanes_begin_again(&i->lanes, err) && pgm__csv_lanes_open_others(&i->lanes, config, err);
}

static bool prepare_table(import *i, const pgm_config *config, pgm_error *err)
{
	pgm__csv_destination *d = &i->destination;

	if (!pgm__csv_destination_find(d, &i->lanes.lane[0].session, &i->name, err))
		return false;
	if (!d->table.oid)
		return make_table(i, config, err);
	if (is_shared(i))
		return pgm__fail(
			err, PGM_ERR_MISUSE,
			"%s exists: what several connections add to a table cannot be taken back together; import "
			"with one job, or into a table that does not exist",
			d->table.shown);
	return pgm__csv_columns_match(&i->columns, &i->look.settings, d->column, d->ncolumns, d->table.shown,
				      &i->look.notes, err);
}

/* -------------------------------------------------------------------------------------- loading */

static bool send_message(pgm__csv_rows *rows, bool at_end, void *arg, pgm_error *err)
{
	import *i = arg;

	return pgm__csv_lanes_send(&i->lanes, rows, at_end, err);
}

static void prepare_rows(import *i)
{
	const pgm__csv_settings *settings = &i->look.settings;

	pgm__copy_text_init(&i->text, settings->delimiter);
	i->rows = (pgm__csv_rows){.name = i->look.input.name,
				  .delimiter = settings->delimiter,
				  .quote = settings->quote,
				  .ncolumns = i->columns.n,
				  .skip = i->columns.skip,
				  .null_string = settings->null_string,
				  .on_message = send_message,
				  .arg = i,
				  .text = &i->text};
	pgm__csv_lanes_show(&i->lanes, &i->rows);
}

static bool begin_copy(import *i, pgm_error *err)
{
	const pgm__csv_table *table = &i->destination.table;
	bool hidden = i->hidden.name[0] != '\0';
	const pgm__copy_in like = {
		.file = i->look.input.name, .relation = hidden ? i->hidden.name : table->table, .columns = &i->columns};
	char *sql;
	bool ok;

	prepare_rows(i);
	sql = pgm__csv_copy_sql(&i->lanes.lane[0].session, hidden ? i->hidden.sql : table->sql, &i->columns,
				i->text.delimiter, i->creates && !hidden, err);
	ok = sql && pgm__csv_lanes_begin(&i->lanes, sql, &like, err);
	free(sql);
	return ok;
}

/* The name of the column that is being read, if it has one. */
static const char *current_column(const import *i)
{
	size_t at = i->rows.nfields;

	return i->rows.in_record && at < i->columns.n && i->columns.column[at].name[0] ? i->columns.column[at].name
										       : NULL;
}

static bool add_pieces(import *i, pgm_error *err)
{
	pgm__csv_reader *r = &i->look.reader;
	size_t from = r->next;

	r->next = r->npieces;
	return pgm__csv_rows_add(&i->rows, r->block, r->block_len, r->pieces + from, r->npieces - from, err);
}

static bool load(import *i, pgm_error *err)
{
	pgm__csv_reader *r = &i->look.reader;

	for (;;) {
		switch (pgm__csv_reader_next(r, current_column(i), err)) {
		case PGM__CSV_PIECES:
			if (!add_pieces(i, err))
				return false;
			break;
		case PGM__CSV_BLOCK_END:
			pgm__csv_rows_leave(&i->rows, r->block, r->block_len);
			if (!go_on(i))
				return pgm__csv_fail_stopped(err);
			break;
		case PGM__CSV_END:
			return pgm__csv_rows_end(&i->rows, err);
		case PGM__CSV_FAILED:
			if (i->refusal.code != PGM_OK)
				pgm__error_copy(err, &i->refusal);
			return false;
		}
	}
}

/* To leave now would leave it open what happened: the server is asked to stop, and its answer is waited for. */
static bool wait_for_answer(void *arg)
{
	import *i = arg;

	if (!go_on(i))
		pgm__csv_cancel(&i->lanes.lane[0].session);
	return true;
}

/* The statement that makes it all true. */
static bool commit(import *i, pgm_error *err)
{
	pgm_error why;
	bool hidden = i->hidden.name[0] != '\0', ok;

	if (hidden && !pgm__csv_lanes_commit(&i->lanes, err))
		return false;
	i->lanes.lane[0].session.go_on = wait_for_answer;
	ok = hidden ? pgm__csv_hidden_reveal(&i->hidden, &i->lanes.lane[0].session, &i->destination.table, &why)
		    : pgm__csv_lanes_commit(&i->lanes, &why);
	if (!ok && why.code == PGM_ERR_BROKEN) {
		pgm__fail(err, why.code, "at the very end, so that all may be imported, or nothing: %s", why.message);
		pgm__error_sqlstate(err, "08007");
	} else if (!ok) {
		pgm__error_copy(err, &why);
	}
	return ok;
}

static bool finish(import *i, pgm_csv_result *result, pgm_error *err)
{
	int64_t rows, sent;

	if (!pgm__csv_input_is_unchanged(&i->look.input, err) || !pgm__csv_lanes_end(&i->lanes, &rows, &sent, err) ||
	    !commit(i, err))
		return false;
	if (rows != sent)
		pgm__csv_note(&i->look.notes, PGM_LOG_WARNING,
			      "%s: the server took %" PRId64 " of %" PRId64
			      " rows; a trigger of the table left the others out",
			      i->destination.table.shown, rows, sent);
	if (result) {
		*result = (pgm_csv_result){.rows = rows, .bytes = i->look.input.bytes};
		result->seconds = (double)(pgm__clock_now() - i->began) / (double)PGM__SECOND;
		snprintf(result->table, sizeof(result->table), "%s", i->destination.table.shown);
	}
	return true;
}

static void close_all(import *i)
{
	pgm__csv_lanes_close(&i->lanes);
	pgm__csv_destination_free(&i->destination);
	pgm__csv_columns_free(&i->columns);
	pgm__csv_look_close(&i->look);
	free(i);
}

static import *new_import(pgm_error *err)
{
	import *i = calloc(1, sizeof(*i));

	if (!i) {
		pgm__fail_nomem(err, "importing");
		return NULL;
	}
	i->look.input.fd = -1;
	i->began = pgm__clock_now();
	return i;
}

bool pgm_csv_import(const pgm_config *config, const pgm_csv_import_options *options, pgm_csv_result *result,
		    pgm_error *err)
{
	import *i = new_import(err);
	pgm_error why = {0};
	bool ok;

	if (!i)
		return false;
	ok = take_options(i, options, &why) &&
	     (i->options.table || pgm__fail(&why, PGM_ERR_MISUSE, "the options name no table")) &&
	     pgm__csv_name_parse(&i->name, i->options.table, &why) && look_at_file(i, &why) &&
	     pgm__csv_lanes_open(&i->lanes, is_shared(i) ? (size_t)i->options.jobs : 1, config, &why) &&
	     prepare_table(i, config, &why) && begin_copy(i, &why) && load(i, &why) && finish(i, result, &why);
	/* With the connections its locks go. */
	pgm__csv_lanes_close(&i->lanes);
	if (!ok)
		pgm__csv_hidden_drop(&i->hidden, config, &why);
	pgm__error_copy(err, &why);
	close_all(i);
	return ok;
}

bool pgm_csv_look(const pgm_csv_import_options *options, bool *written, pgm_error *err)
{
	import *i = new_import(err);
	bool ok;

	if (!i)
		return false;
	pgm__error_clear(err);
	*written = false;
	ok = take_options(i, options, err) && pgm__csv_look_open(&i->look, i->options.file, i->options.settings, err) &&
	     (i->look.path ||
	      pgm__fail(err, PGM_ERR_MISUSE, "%s has no settings file beside it; name one", i->look.input.name)) &&
	     pgm__csv_look_write(&i->look, err);
	*written = ok && !i->look.exists;
	close_all(i);
	return ok;
}
