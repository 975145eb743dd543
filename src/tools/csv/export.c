/* A table into a CSV file. */
#include "base/clock.h"
#include "pgmonkey/csv.h"
#include "tools/csv/note.h"
#include "tools/csv/parallel.h"
#include "tools/csv/settings.h"
#include "tools/csv/writer.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often, at the most, the caller is asked whether to go on. */
#define ASK_EVERY (20 * PGM__MS)

typedef struct export
{
	pgm_csv_export_options options;
	pgm__csv_name name;
	pgm__csv_settings settings;
	char *settings_path; /* NULL: nothing is said of the file */
	bool settings_exist;
	pgm__csv_target target;
	pgm__csv_session session;
	pgm__csv_snapshot snapshot;
	pgm__csv_source source;
	char doing[sizeof("exporting ") + sizeof(((pgm__csv_table *)NULL)->shown)];
	pgm__csv_text text;
	pgm__csv_writer writer;
	pgm__copy_out copy;
	pgm__time began, asked;
	atomic_bool stopped; /* with several jobs other threads look */
}
export;

/* ------------------------------------------------------------------------------------ asking */

static bool go_on(void *arg)
{
	export *e = arg;
	pgm__time now = pgm__clock_coarse();
	pgm_csv_progress progress = {.bytes = e->writer.written, .rows = e->copy.rows};

	if (e->stopped || !e->options.on_progress || now - e->asked < ASK_EVERY)
		return !e->stopped;
	e->asked = now;
	progress.total_rows = e->source.expected > 0 ? e->source.expected : 0;
	e->stopped = !e->options.on_progress(&progress, e->options.arg);
	return !e->stopped;
}

/* For threads that the caller does not know: they are told what it said. */
static bool is_wanted(void *arg)
{
	return !((const export *)arg)->stopped;
}

/* ---------------------------------------------------------------------------------- settings */

static bool take_options(export *e, const pgm_csv_export_options *options, pgm_error *err)
{
	size_t known = options && options->size < sizeof(e->options) ? options->size : sizeof(e->options);

	if (!options || known < offsetof(pgm_csv_export_options, on_progress))
		return pgm__fail(err, PGM_ERR_MISUSE, "the options' size is not set");
	memcpy(&e->options, options, known);
	e->target.go_on = e->options.jobs > 1 ? is_wanted : go_on;
	e->target.arg = e;
	if (e->options.jobs < 0 || e->options.jobs > PGM_CSV_JOBS_MAX)
		return pgm__fail(err, PGM_ERR_MISUSE, "jobs: expected a number from 1 to %d", PGM_CSV_JOBS_MAX);
	if (!e->options.table || !e->options.file)
		return pgm__fail(err, PGM_ERR_MISUSE, "the options name no table, or no file");
	return pgm__csv_name_parse(&e->name, e->options.table, err);
}

/* A file that says nothing of the delimiter or the encoding leaves them to us. */
static bool read_settings(export *e, pgm_error *err)
{
	const char *given = e->options.settings, *file = e->options.file;
	bool beside_file = !given && file && strcmp(file, "-") != 0;

	if (given)
		e->settings_path = strdup(given);
	else if (beside_file)
		e->settings_path = pgm__csv_settings_path(file);
	if (!e->settings_path && (given || beside_file))
		return pgm__fail_nomem(err, "looking for the settings file");
	if (e->settings_path && file && strcmp(e->settings_path, file) == 0)
		return pgm__fail(err, PGM_ERR_MISUSE, "%s: the settings need a file of their own", e->settings_path);
	pgm__csv_settings_init(&e->settings);
	if (e->settings_path && !pgm__csv_settings_read(&e->settings, e->settings_path, &e->settings_exist, err))
		return false;
	if (given && !e->settings_exist &&
	    !pgm__csv_settings_may_be_made(given, err)) /* else they go beside the file */
		return false;
	if (!e->settings.delimiter)
		e->settings.delimiter = ',';
	if (!e->settings.encoding[0])
		strcpy(e->settings.encoding, "UTF-8");
	return pgm__csv_settings_check(&e->settings, e->settings_path ? e->settings_path : "defaults", err);
}

/* Would an import that puts names into lower case call it something else? */
static bool has_plain_name(const char *column)
{
	return !column[strspn(column, "abcdefghijklmnopqrstuvwxyz0123456789_")];
}

/* Where the settings are ours to choose: what brings this very table back. */
static void choose_settings(export *e)
{
	if (e->settings_exist || !e->settings_path)
		return;
	/* A line with nothing on it is skipped as blank; in the file of one column NULL has to be something. */
	if (e->source.columns == 1)
		strcpy(e->settings.null_string, "\\N");
	for (int i = 0; i < e->source.columns; i++)
		e->settings.enforce_lowercase = e->settings.enforce_lowercase && has_plain_name(e->source.names[i]);
}

/* ------------------------------------------------------------------------------------ reading */

/* Ranges of blocks are what servers from 14 on read without reading all. */
static bool check_jobs(const export *e, pgm_error *err)
{
	if (e->options.jobs <= 1)
		return true;
	if (e->source.blocks < 0)
		return pgm__fail(err, PGM_ERR_MISUSE,
				 "jobs: %s is %s; several connections can share a plain table only",
				 e->source.table.shown, pgm__csv_kind_name(e->source.table.kind));
	if (PQserverVersion(e->session.conn) < 140000)
		return pgm__fail(err, PGM_ERR_MISUSE, "jobs: this wants a server of version 14 or newer");
	return true;
}

static bool find_source(export *e, const pgm_config *config, pgm_error *err)
{
	e->session.go_on = go_on;
	e->session.arg = e;
	e->snapshot.visible_rows = e->options.visible_rows;
	e->snapshot.shared = e->options.jobs > 1;
	if (!pgm__csv_session_open(&e->session, config, err) ||
	    !pgm__csv_snapshot_begin(&e->snapshot, &e->session, err) ||
	    !pgm__csv_source_open(&e->source, &e->session, &e->name, e->options.visible_rows, err) ||
	    !check_jobs(e, err))
		return false;
	snprintf(e->doing, sizeof(e->doing), "exporting %s", e->source.table.shown);
	choose_settings(e);
	return true;
}

static bool copy_alone(export *e, pgm_error *err)
{
	char *sql = pgm__csv_source_sql(&e->source, &e->session, e->text.text_delimiter, 0, 0);
	bool ok = sql ? pgm__copy_out_run(&e->copy, sql, err) : pgm__fail_nomem(err, e->doing);

	free(sql);
	return ok;
}

static bool copy_rows(export *e, const pgm_config *config, pgm_error *err)
{
	e->copy = (pgm__copy_out){.session = &e->session, .text = &e->text, .out = &e->writer.out, .doing = e->doing};
	if (e->options.jobs <= 1)
		return copy_alone(e, err);
	return pgm__csv_parallel_run(&e->copy, &e->source, &e->snapshot, config, e->options.jobs, err);
}

static bool write_csv(export *e, const pgm_config *config, pgm_error *err)
{
	const pgm__csv_settings *s = &e->settings;

	if (!pgm__csv_writer_open(&e->writer, &e->target, s->encoding, err))
		return false;
	pgm__csv_text_init(&e->text, s->delimiter, s->quote, s->null_string, e->source.columns);
	if (s->has_headers)
		pgm__csv_text_header(&e->text, (const char *const *)e->source.names, e->source.columns, &e->writer.out);
	return copy_rows(e, config, err) && pgm__csv_writer_finish(&e->writer, err) &&
	       pgm__csv_do(&e->session, e->doing, "COMMIT", err);
}

/* ------------------------------------------------------------------------------------ the end */

/* The settings first: a file without them may be read otherwise than it was meant. */
static bool put_in_place(export *e, pgm_error *err)
{
	const pgm__csv_notes notes = {e->options.on_note, e->options.arg};
	bool makes_settings = e->settings_path && !e->settings_exist;

	if (makes_settings && !pgm__csv_settings_write(&e->settings, e->settings_path, err))
		return false;
	if (!pgm__csv_target_finish(&e->target, err)) {
		if (makes_settings)
			unlink(e->settings_path);
		return false;
	}
	if (makes_settings)
		pgm__csv_note(&notes, PGM_LOG_INFO, "wrote the settings file %s", e->settings_path);
	return true;
}

/* Why it failed: whoever stopped COPY knows better than COPY. */
static void tell(const export *e, pgm_error *err)
{
	if (e->stopped)
		pgm__csv_fail_stopped(err);
	else if (e->writer.out.failed)
		pgm__error_copy(err, &e->writer.error);
}

static void fill_result(const export *e, pgm_csv_result *result)
{
	*result = (pgm_csv_result){.rows = e->copy.rows,
				   .bytes = e->writer.written,
				   .seconds = (double)(pgm__clock_now() - e->began) / (double)PGM__SECOND};
	snprintf(result->table, sizeof(result->table), "%s", e->source.table.shown);
}

/* The file goes first: the server may take its time. */
static void close_all(export *e)
{
	pgm__csv_target_discard(&e->target);
	pgm__csv_writer_close(&e->writer);
	pgm__csv_session_close(&e->session);
	pgm__csv_source_close(&e->source);
	free(e->settings_path);
}

bool pgm_csv_export(const pgm_config *config, const pgm_csv_export_options *options, pgm_csv_result *result,
		    pgm_error *err)
{
	export e = {.target.fd = -1};
	pgm_error why = {0};
	bool ok = take_options(&e, options, &why) && read_settings(&e, &why) &&
		  pgm__csv_target_open(&e.target, e.options.file, e.options.no_clobber, &why) &&
		  find_source(&e, config, &why);

	e.began = pgm__clock_now();
	ok = ok && write_csv(&e, config, &why) && put_in_place(&e, &why);
	if (ok && result)
		fill_result(&e, result);
	if (!ok)
		tell(&e, &why);
	close_all(&e);
	pgm__error_copy(err, &why);
	return ok;
}
