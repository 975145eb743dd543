#include "tools/csv/reader.h"

#include "tools/csv/copy_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)256 * 1024)
#define MOST_PIECES (sizeof(((pgm__csv_reader *)NULL)->pieces) / sizeof(pgm__csv_piece))

/* ---------------------------------------------------------------------------------------- bytes */

/* A pipe gives what it has, but what is found out about a file wants to see as much as there is. */
static bool read_raw(pgm__csv_reader *r, size_t wanted, pgm_error *err)
{
	size_t got;

	r->raw_len = 0;
	while (r->raw_len < wanted && !r->ended) {
		if (!pgm__csv_input_read(r->input, r->raw + r->raw_len, BLOCK - r->raw_len, &got, err))
			return false;
		r->raw_len += got;
		r->ended = got == 0;
	}
	memset(r->raw + r->raw_len, 0, PGM__COPY_SLACK);
	r->undecoded = r->raw;
	r->nundecoded = r->raw_len;
	return true;
}

bool pgm__csv_reader_open(pgm__csv_reader *r, pgm__csv_input *input, pgm_error *err)
{
	*r = (pgm__csv_reader){.input = input, .decoder.from = PGM__NO_ICONV};
	r->raw = malloc(BLOCK + PGM__COPY_SLACK);
	if (!r->raw)
		return pgm__fail_nomem(err, "reading the file");
	if (read_raw(r, BLOCK, err))
		return true;
	pgm__csv_reader_close(r);
	return false;
}

void pgm__csv_reader_close(pgm__csv_reader *r)
{
	pgm__csv_decoder_close(&r->decoder);
	free(r->raw);
	r->raw = NULL;
}

bool pgm__csv_reader_start(pgm__csv_reader *r, const pgm__csv_settings *settings, pgm_error *err)
{
	pgm__csv_splitter_init(&r->splitter, settings->delimiter, settings->quote);
	return pgm__csv_decoder_open(&r->decoder, settings->encoding, err);
}

/* --------------------------------------------------------------------------------------- faults */

static pgm__csv_read fail_at(const pgm__csv_reader *r, uint64_t line, const char *column, const char *text,
			     pgm_error *err)
{
	pgm__fail(err, PGM_ERR_IO, "%s:%" PRIu64 ": %s%s%s%s", r->input->name, line, column ? "column " : "",
		  column ? column : "", column ? ": " : "", text);
	return PGM__CSV_FAILED;
}

static pgm__csv_read fail_splitter(const pgm__csv_reader *r, const char *column, pgm_error *err)
{
	char text[256];
	size_t len;

	pgm__csv_fault_text(&r->splitter, text, sizeof(text));
	len = strlen(text);
	/* UTF-8 is split where it was read: the splitter stands before that byte. */
	if (r->splitter.fault == PGM__CSV_NUL && r->decoder.from == PGM__NO_ICONV)
		snprintf(text + len, sizeof(text) - len, " (number %" PRIu64 " of the file)",
			 (uint64_t)r->input->bytes - r->raw_len + (uint64_t)(r->block + r->splitter.len - r->raw) + 1);
	/* A quote that is never closed says nothing of the column where the file ends. */
	return fail_at(r, r->splitter.fault_line, r->splitter.fault == PGM__CSV_OPEN_QUOTE ? NULL : column, text, err);
}

static pgm__csv_read fail_decoder(const pgm__csv_reader *r, const char *column, bool at_end, pgm_error *err)
{
	uint64_t at = r->decoder.offset, first = (uint64_t)r->input->bytes - r->raw_len;
	char text[256], byte[24] = "";

	if (!at_end && at >= first && at < first + r->raw_len)
		snprintf(byte, sizeof(byte), "the byte 0x%02X, ", (unsigned char)r->raw[at - first]);
	snprintf(text, sizeof(text),
		 "not %s: %snumber %" PRIu64 " of the file%s; if the file has another encoding, say so in its settings",
		 r->decoder.encoding, byte, at + 1, at_end ? ", begins a character that does not end" : "");
	return fail_at(r, r->splitter.line, column, text, err);
}

/* -------------------------------------------------------------------------------------- reading */

static pgm__csv_read give_pieces(pgm__csv_reader *r, size_t n)
{
	r->next = 0;
	r->npieces = n;
	return PGM__CSV_PIECES;
}

static pgm__csv_read give_block(pgm__csv_reader *r)
{
	pgm__csv_splitter_give(&r->splitter, r->block, r->block_len);
	r->state = PGM__CSV_IN_BLOCK;
	return PGM__CSV_PIECES;
}

/* Behind the last byte. */
static pgm__csv_read finish(pgm__csv_reader *r, const char *column, pgm_error *err)
{
	bool at_end = !r->decoder.bad;

	pgm__csv_decoder_end(&r->decoder, &r->block, &r->block_len);
	if (r->decoder.bad)
		return fail_decoder(r, column, at_end, err);
	if (r->block_len)
		return give_block(r);
	r->state = PGM__CSV_DONE;
	if (pgm__csv_splitter_end(&r->splitter, r->pieces))
		return give_pieces(r, 1);
	return r->splitter.fault ? fail_splitter(r, column, err) : PGM__CSV_END;
}

static pgm__csv_read next_block(pgm__csv_reader *r, const char *column, pgm_error *err)
{
	r->block_len = 0;
	while (!r->block_len) {
		if (!r->nundecoded && !r->ended && !read_raw(r, 1, err))
			return PGM__CSV_FAILED;
		if (!r->nundecoded)
			return finish(r, column, err);
		pgm__csv_decoder_next(&r->decoder, &r->undecoded, &r->nundecoded, &r->block, &r->block_len);
		if (r->decoder.bad && !r->block_len)
			return fail_decoder(r, column, false, err);
	}
	return give_block(r);
}

pgm__csv_read pgm__csv_reader_next(pgm__csv_reader *r, const char *column, pgm_error *err)
{
	pgm__csv_read outcome = PGM__CSV_PIECES;
	size_t n;

	if (r->next < r->npieces)
		return PGM__CSV_PIECES;
	if (r->state == PGM__CSV_DONE)
		return PGM__CSV_END;
	if (r->state == PGM__CSV_NO_BLOCK)
		outcome = next_block(r, column, err);
	if (r->state != PGM__CSV_IN_BLOCK)
		return outcome;
	n = pgm__csv_splitter_next(&r->splitter, r->pieces, MOST_PIECES);
	if (n > 0)
		return give_pieces(r, n);
	if (r->splitter.fault)
		return fail_splitter(r, column, err);
	r->state = PGM__CSV_NO_BLOCK;
	return PGM__CSV_BLOCK_END;
}
