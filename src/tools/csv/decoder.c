#include "tools/csv/decoder.h"

#include "tools/csv/copy_text.h"
#include "tools/csv/word.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONVERTED_SIZE ((size_t)256 * 1024)

/* ---------------------------------------------------------------------------------------- UTF-8 */

static size_t skip_ascii(const char *bytes, size_t len)
{
	size_t at = 0;

	while (at + PGM__WORD <= len && !(pgm__word_load(bytes + at) & PGM__EACH_BYTE(0x80)))
		at += PGM__WORD;
	while (at < len && (unsigned char)bytes[at] < 0x80)
		at++;
	return at;
}

/* RFC 3629, section 4. */
static bool begin_sequence(pgm__utf8 *state, unsigned char byte)
{
	state->low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80;
	state->high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF;
	state->length = 1;
	if (byte >= 0xC2 && byte <= 0xDF)
		state->need = 1;
	else if (byte >= 0xE0 && byte <= 0xEF)
		state->need = 2;
	else if (byte >= 0xF0 && byte <= 0xF4)
		state->need = 3;
	else
		return false;
	return true;
}

static bool go_on(pgm__utf8 *state, unsigned char byte)
{
	if (byte < state->low || byte > state->high)
		return false;
	state->low = 0x80;
	state->high = 0xBF;
	state->length++;
	state->need--;
	return true;
}

size_t pgm__utf8_check(pgm__utf8 *state, const char *bytes, size_t len)
{
	size_t at = 0;

	while (at < len) {
		if (!state->need)
			at += skip_ascii(bytes + at, len - at);
		if (at == len)
			break;
		if (!(state->need ? go_on(state, (unsigned char)bytes[at])
				  : begin_sequence(state, (unsigned char)bytes[at])))
			return at;
		at++;
	}
	return at;
}

/* --------------------------------------------------------------------------------- opening, closing */

bool pgm__csv_decoder_open(pgm__csv_decoder *d, const char *encoding, pgm_error *err)
{
	*d = (pgm__csv_decoder){.from = PGM__NO_ICONV};
	snprintf(d->encoding, sizeof(d->encoding), "%s", encoding);
	if (pgm__csv_encoding_is_utf8(encoding))
		return true;
	d->from = pgm__csv_encoding_open(encoding, false);
	if (d->from == PGM__NO_ICONV)
		return pgm__fail(err, PGM_ERR_CONFIG,
				 "encoding: expected a name that iconv knows (iconv -l lists them), found %s",
				 encoding);
	d->converted = calloc(1, CONVERTED_SIZE + PGM__COPY_SLACK);
	if (d->converted)
		return true;
	pgm__csv_decoder_close(d);
	return pgm__fail_nomem(err, "converting the file to UTF-8");
}

void pgm__csv_decoder_close(pgm__csv_decoder *d)
{
	if (d->from && d->from != PGM__NO_ICONV)
		iconv_close(d->from);
	free(d->converted);
	d->from = PGM__NO_ICONV;
	d->converted = NULL;
}

/* ------------------------------------------------------------------------------------- decoding */

static void check(pgm__csv_decoder *d, const char **bytes, size_t *len, const char **text, size_t *text_len)
{
	size_t right = pgm__utf8_check(&d->utf8, *bytes, *len);

	*text = *bytes;
	*text_len = right;
	d->bad = right < *len;
	/* The character is wrong from where it begins, which may be in the block before. */
	d->offset += right - (d->bad && d->utf8.need ? d->utf8.length : 0);
	*bytes += right;
	*len -= right;
}

/* iconv(3) takes no const, and leaves the bytes alone nevertheless. Returns errno, 0 if all was used. */
static int convert(pgm__csv_decoder *d, const char **bytes, size_t *len, char **to, size_t *room)
{
	char *from = (char *)*bytes;
	size_t before = *len;
	int errnum = iconv(d->from, &from, len, to, room) == (size_t)-1 ? errno : 0;

	d->offset += before - *len;
	*bytes = from;
	return errnum;
}

/* The character that the last block began: a byte more at a time, until it is whole. */
static int convert_held(pgm__csv_decoder *d, const char **bytes, size_t *len, char **to, size_t *room)
{
	int errnum = EINVAL;

	while (errnum == EINVAL && *len > 0 && d->nheld < sizeof(d->held)) {
		const char *from = d->held;
		size_t left;

		d->held[d->nheld++] = **bytes;
		++*bytes;
		--*len;
		left = d->nheld;
		errnum = convert(d, &from, &left, to, room);
		memmove(d->held, from, left);
		d->nheld = left;
	}
	return errnum;
}

static void convert_block(pgm__csv_decoder *d, const char **bytes, size_t *len, const char **text, size_t *text_len)
{
	char *to = d->converted;
	size_t room = CONVERTED_SIZE;
	int errnum = 0;

	if (d->nheld)
		errnum = convert_held(d, bytes, len, &to, &room);
	if (!errnum && *len)
		errnum = convert(d, bytes, len, &to, &room);
	if (errnum == EINVAL && *len && d->nheld + *len <= sizeof(d->held)) {
		memcpy(d->held + d->nheld, *bytes, *len);
		d->nheld += *len;
		*bytes += *len;
		*len = 0;
	} else if (errnum == EILSEQ || (errnum == EINVAL && *len)) {
		d->bad = true;
	}
	*text = d->converted;
	*text_len = (size_t)(to - d->converted);
}

/* The first character only, and whole: whoever reads the file takes care that a block does not end within it. */
static void leave_out_mark(pgm__csv_decoder *d, const char **text, size_t *len)
{
	if (d->begun || !*len)
		return;
	d->begun = true;
	if (*len >= 3 && memcmp(*text, "\xEF\xBB\xBF", 3) == 0) {
		*text += 3;
		*len -= 3;
	}
}

void pgm__csv_decoder_next(pgm__csv_decoder *d, const char **bytes, size_t *len, const char **text, size_t *text_len)
{
	*text = *bytes;
	*text_len = 0;
	if (d->bad)
		return;
	if (d->from == PGM__NO_ICONV)
		check(d, bytes, len, text, text_len);
	else
		convert_block(d, bytes, len, text, text_len);
	leave_out_mark(d, text, text_len);
}

void pgm__csv_decoder_end(pgm__csv_decoder *d, const char **text, size_t *text_len)
{
	char *to = d->converted;
	size_t room = CONVERTED_SIZE;

	*text = d->converted ? d->converted : "";
	*text_len = 0;
	if (d->bad)
		return;
	if (d->utf8.need || d->nheld) {
		d->bad = true;
		d->offset -= d->from == PGM__NO_ICONV ? d->utf8.length : 0;
	} else if (d->from != PGM__NO_ICONV) {
		iconv(d->from, NULL, NULL, &to, &room);
		*text_len = (size_t)(to - d->converted);
	}
}
