#include "tools/csv/rows.h"

#include <inttypes.h>
#include <string.h>

/* Of the start of a record, in messages. */
#define SHOWN 60

static bool hand_on(pgm__csv_rows *r, bool at_end, pgm_error *err)
{
	bool ok = r->on_message(r, at_end, r->arg, err);

	r->text->len = 0;
	return ok;
}

/* --------------------------------------------------------------------------------------- fields */

static bool add_text(pgm__csv_rows *r, const char *bytes, size_t len, bool plain, pgm_error *err)
{
	while (len > 0) {
		size_t run = len < PGM__COPY_RUN_MAX ? len : PGM__COPY_RUN_MAX;

		if (r->text->len >= PGM__COPY_MESSAGE_FULL && !hand_on(r, false, err))
			return false;
		pgm__copy_text_add(r->text, bytes, run, plain);
		bytes += run;
		len -= run;
	}
	return true;
}

/* Of a field in several pieces only so much is known: it began like null_string. Once it goes on otherwise, that
 * beginning has to be given after all. */
static bool add_unquoted_piece(pgm__csv_rows *r, const char *bytes, size_t len, bool ends, bool plain, pgm_error *err)
{
	size_t null_len = strlen(r->null_string), matched = r->null_matched;

	if (!r->is_text) {
		if (matched + len <= null_len && memcmp(r->null_string + matched, bytes, len) == 0) {
			r->null_matched += len;
			if (!ends)
				return true;
			if (r->null_matched == null_len) {
				pgm__copy_text_null(r->text);
				return true;
			}
			len = 0;
		}
		r->is_text = true;
		/* What is pasted here lacks the slack behind it that the block has. */
		for (size_t i = 0; i < r->null_matched; i++) {
			char byte[1 + PGM__COPY_SLACK] = {r->null_string[i]};

			pgm__copy_text_add(r->text, byte, 1, plain);
		}
	}
	return add_text(r, bytes, len, plain, err);
}

static bool is_null(const pgm__csv_rows *r, const char *bytes, size_t len)
{
	return !r->null_string[0] ? len == 0 : strncmp(r->null_string, bytes, len) == 0 && !r->null_string[len];
}

static bool add_piece(pgm__csv_rows *r, const char *bytes, const pgm__csv_piece *piece, bool first, pgm_error *err)
{
	bool ends = piece->flags & PGM__CSV_FIELD_END, same = r->delimiter == r->text->delimiter;

	if (piece->flags & PGM__CSV_QUOTED)
		return add_text(r, bytes, piece->len, false, err);
	if (!first || !ends)
		return add_unquoted_piece(r, bytes, piece->len, ends, same, err);
	if (!is_null(r, bytes, piece->len))
		return add_text(r, bytes, piece->len, same, err);
	pgm__copy_text_null(r->text);
	return true;
}

static void begin_record(pgm__csv_rows *r, const pgm__csv_piece *piece)
{
	r->in_record = true;
	r->nfields = r->nkept = 0;
	r->start_len = 0;
	r->began_before = false;
	r->record_at = piece->at - (piece->flags & PGM__CSV_QUOTED && piece->at > 0);
	r->record_line = r->line;
	++*r->sent;
	pgm__line_map_note(r->lines, *r->sent, r->line);
}

static void begin_field(pgm__csv_rows *r)
{
	r->in_field = true;
	r->is_text = false;
	r->null_matched = 0;
	r->kept = r->nfields < r->ncolumns && !(r->skip && r->skip[r->nfields]);
	if (r->kept && r->nkept++ > 0)
		pgm__copy_text_end_field(r->text);
}

/* -------------------------------------------------------------------------------------- records */

/* The first bytes of the current record, as the file has them. */
static void keep_start(pgm__csv_rows *r, const char *block, size_t len)
{
	size_t at = r->began_before ? 0 : r->record_at, room = sizeof(r->start) - r->start_len;

	if (room > len - at)
		room = len - at;
	memcpy(r->start + r->start_len, block + at, room);
	r->start_len += room;
	r->began_before = true;
}

/* Up to the line's end, or as much as is shown, after a whole character. */
static int shown_start(const pgm__csv_rows *r)
{
	size_t n = 0;

	while (n < r->start_len && n < SHOWN && !strchr("\r\n", r->start[n]))
		n++;
	while (n > 0 && n < r->start_len && (r->start[n] & 0xC0) == 0x80)
		n--;
	return (int)n;
}

static bool fail_count(pgm__csv_rows *r, const char *block, size_t len, pgm_error *err)
{
	keep_start(r, block, len);
	return pgm__fail(err, PGM_ERR_IO, "%s:%" PRIu64 ": record %" PRIu64 " has %zu field%s, expected %zu: %.*s",
			 r->name, r->record_line, r->rows + 1, r->nfields, r->nfields == 1 ? "" : "s", r->ncolumns,
			 shown_start(r), r->start);
}

static bool end_record(pgm__csv_rows *r, const char *block, size_t len, pgm_error *err)
{
	r->in_record = false;
	if (r->nfields != r->ncolumns)
		return fail_count(r, block, len, err);
	pgm__copy_text_end_row(r->text);
	r->rows++;
	return r->text->len < PGM__COPY_MESSAGE_ENOUGH || hand_on(r, true, err);
}

bool pgm__csv_rows_add(pgm__csv_rows *r, const char *block, size_t len, const pgm__csv_piece *pieces, size_t n,
		       pgm_error *err)
{
	for (const pgm__csv_piece *piece = pieces; piece < pieces + n; piece++) {
		bool first = !r->in_field;

		r->line += (uint32_t)(piece->line - (uint32_t)r->line);
		if (!r->in_record)
			begin_record(r, piece);
		if (first)
			begin_field(r);
		if (r->kept && !add_piece(r, block + piece->at, piece, first, err))
			return false;
		if (!(piece->flags & PGM__CSV_FIELD_END))
			continue;
		r->in_field = false;
		r->nfields++;
		if (r->text->len >= PGM__COPY_MESSAGE_FULL && !(piece->flags & PGM__CSV_RECORD_END) &&
		    !hand_on(r, false, err))
			return false;
		if (piece->flags & PGM__CSV_RECORD_END && !end_record(r, block, len, err))
			return false;
	}
	return true;
}

void pgm__csv_rows_leave(pgm__csv_rows *r, const char *block, size_t len)
{
	if (r->in_record)
		keep_start(r, block, len);
}

bool pgm__csv_rows_end(pgm__csv_rows *r, pgm_error *err)
{
	return r->text->len == 0 || hand_on(r, true, err);
}
