#include "tools/csv/header.h"

#include "base/strbuf.h"

#define HEADER_MAX ((size_t)1 << 20)

static bool fail_empty(const pgm__csv_reader *r, pgm_error *err)
{
	return pgm__fail(err, PGM_ERR_IO, "%s is empty: expected at least one record", r->input->name);
}

typedef struct header {
	pgm__csv_columns *columns;
	pgm__strbuf field;
	size_t bytes;
	bool whole;
} header;

/* The pieces up to the record's end. */
static bool take_pieces(header *h, pgm__csv_reader *r, pgm_error *err)
{
	while (!h->whole && r->next < r->npieces) {
		const pgm__csv_piece *piece = &r->pieces[r->next++];

		h->bytes += piece->len + 1;
		if (h->bytes > HEADER_MAX)
			return pgm__fail(err, PGM_ERR_IO,
					 "%s: the header has over %zu bytes; is a quote or line end missing?",
					 r->input->name, HEADER_MAX);
		pgm__strbuf_add(&h->field, r->block + piece->at, piece->len);
		if (!(piece->flags & PGM__CSV_FIELD_END))
			continue;
		if (h->field.failed)
			return pgm__fail_nomem(err, "reading the header");
		if (!pgm__csv_columns_add(h->columns, h->field.text, err))
			return false;
		h->field.len = 0;
		h->whole = piece->flags & PGM__CSV_RECORD_END;
	}
	return true;
}

bool pgm__csv_header_read(pgm__csv_reader *r, pgm__csv_columns *columns, pgm_error *err)
{
	header h = {.columns = columns};
	bool ok = true;

	while (ok && !h.whole) {
		switch (pgm__csv_reader_next(r, NULL, err)) {
		case PGM__CSV_PIECES:
			ok = take_pieces(&h, r, err);
			break;
		case PGM__CSV_BLOCK_END:
			break;
		case PGM__CSV_END:
			ok = fail_empty(r, err);
			break;
		case PGM__CSV_FAILED:
			ok = false;
			break;
		}
	}
	pgm__strbuf_free(&h.field);
	return ok;
}

/* ------------------------------------------------------------------------------------- counting */

/* Fields up to the first record's end; 0 if it does not end here. */
static size_t count_fields(pgm__csv_splitter *splitter, const char *text, size_t len, bool whole)
{
	pgm__csv_piece pieces[64];
	size_t fields = 0, n;

	pgm__csv_splitter_give(splitter, text, len);
	do {
		n = pgm__csv_splitter_next(splitter, pieces, 64);
		if (n == 0 && whole)
			n = pgm__csv_splitter_end(splitter, pieces);
		for (size_t i = 0; i < n; i++) {
			fields += pieces[i].flags & PGM__CSV_FIELD_END;
			if (pieces[i].flags & PGM__CSV_RECORD_END)
				return fields;
		}
	} while (n > 0);
	return 0;
}

/* What is wrong with the first record: reading it says so, and where. */
static bool fail_as_reading_does(pgm__csv_reader *r, pgm_error *err)
{
	pgm__csv_read outcome;

	do {
		r->next = r->npieces;
		outcome = pgm__csv_reader_next(r, NULL, err);
	} while (outcome != PGM__CSV_FAILED && outcome != PGM__CSV_END);
	return outcome == PGM__CSV_END && fail_empty(r, err);
}

bool pgm__csv_header_count(pgm__csv_reader *r, const pgm__csv_settings *settings, pgm__csv_columns *columns,
			   pgm_error *err)
{
	const char *bytes = r->raw, *text;
	size_t left = r->raw_len, len, fields = 0;
	pgm__csv_splitter splitter;
	pgm__csv_decoder decoder;

	if (!pgm__csv_decoder_open(&decoder, settings->encoding, err))
		return false;
	pgm__csv_splitter_init(&splitter, settings->delimiter, settings->quote);
	do {
		pgm__csv_decoder_next(&decoder, &bytes, &left, &text, &len);
		fields = count_fields(&splitter, text, len, r->ended && !left);
	} while (!fields && len > 0 && left > 0);
	pgm__csv_decoder_close(&decoder);
	if (!fields && (r->ended || splitter.fault || decoder.bad))
		return fail_as_reading_does(r, err);
	if (!fields)
		return pgm__fail(err, PGM_ERR_IO,
				 "%s: the first record is too long to count its fields; give the file a header",
				 r->input->name);
	for (size_t i = 0; i < fields; i++)
		if (!pgm__csv_columns_add(columns, NULL, err))
			return false;
	return true;
}
