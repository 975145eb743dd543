#include "tools/csv/writer.h"

#include "base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Larger ones are no faster, and smaller ones are. */
#define BUFFER_SIZE ((size_t)256 * 1024)
#define CONVERTED_SIZE ((size_t)64 * 1024)

/* --------------------------------------------------------------------------------- characters */

/* The bytes of a UTF-8 character, as its first byte tells; what the server sent is valid. */
static size_t character_length(unsigned char first)
{
	return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static unsigned code_point(const char *p, size_t len)
{
	unsigned code = (unsigned char)*p & (len == 1 ? 0x7fU : 0xffU >> (len + 1));

	for (size_t i = 1; i < len; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3fU);
	return code;
}

/* The line in which it stands, as far as it is here, is what somebody can look for. */
static bool fail_character(const pgm__csv_writer *w, const char *p, size_t left, pgm_error *err)
{
	enum { SHOWN = 60 };
	size_t len = character_length((unsigned char)*p);
	const char *from = p;

	if (len > left)
		return pgm__fail(err, PGM_ERR_IO, "cannot write %s: the data ends within a character", w->target->path);
	while (from > w->buffer && p - from < SHOWN && from[-1] != '\n')
		from--;
	while (from < p && ((unsigned char)*from & 0xc0) == 0x80)
		from++;
	return pgm__fail(err, PGM_ERR_IO, "cannot write %s: %s has no U+%04X, which comes after \"%.*s\"",
			 w->target->path, w->encoding, code_point(p, len), (int)(p - from), from);
}

static bool fail_end(pgm__csv_writer *w, int errnum)
{
	char text[128];

	return pgm__fail(&w->error, PGM_ERR_IO, "cannot write %s: ending %s: %s", w->target->path, w->encoding,
			 pgm__errno_text(errnum, text, sizeof(text)));
}

/* ----------------------------------------------------------------------------------- writing */

static bool write_bytes(pgm__csv_writer *w, const char *bytes, size_t len)
{
	w->written += (int64_t)len;
	return pgm__csv_target_write(w->target, bytes, len, &w->error);
}

/* What is left is the beginning of a character, which the next bytes will complete. in NULL: the end. */
static bool convert(pgm__csv_writer *w, char **in, size_t *left)
{
	for (;;) {
		char *converted = w->converted;
		size_t room = CONVERTED_SIZE;
		size_t result = iconv(w->to, in, left, &converted, &room);
		int errnum = errno;

		if (!write_bytes(w, w->converted, CONVERTED_SIZE - room))
			return false;
		if (result != (size_t)-1 || errnum == EINVAL)
			return true;
		if (errnum != E2BIG)
			return in ? fail_character(w, *in, *left, &w->error) : fail_end(w, errnum);
	}
}

static bool hand_over(pgm__csv_writer *w)
{
	size_t left = (size_t)(w->out.next - w->buffer);
	char *in = w->buffer;

	w->out.next = w->buffer;
	if (w->to == PGM__NO_ICONV)
		return write_bytes(w, w->buffer, left);
	if (!convert(w, &in, &left))
		return false;
	memmove(w->buffer, in, left);
	w->out.next += left;
	return true;
}

static void full(pgm__csv_out *out)
{
	pgm__csv_writer *w = (pgm__csv_writer *)out;

	out->failed = out->failed || !hand_over(w);
	if (out->failed)
		out->next = w->buffer;
}

/* ------------------------------------------------------------------------------- open, close */

static bool open_iconv(pgm__csv_writer *w, pgm_error *err)
{
	if (pgm__csv_encoding_is_utf8(w->encoding))
		return true;
	w->to = pgm__csv_encoding_open(w->encoding, true);
	if (w->to == PGM__NO_ICONV)
		return pgm__fail(err, PGM_ERR_IO, "cannot write %s: iconv knows no encoding \"%s\"", w->target->path,
				 w->encoding);
	w->converted = malloc(CONVERTED_SIZE);
	return w->converted || pgm__fail_nomem(err, "converting the file's encoding");
}

bool pgm__csv_writer_open(pgm__csv_writer *w, pgm__csv_target *target, const char *encoding, pgm_error *err)
{
	*w = (pgm__csv_writer){.target = target,
			       .encoding = encoding,
			       .to = PGM__NO_ICONV,
			       .buffer = malloc(BUFFER_SIZE),
			       .out.full = full};
	if (!w->buffer)
		return pgm__fail_nomem(err, "writing the file");
	w->out.next = w->buffer;
	w->out.end = w->buffer + BUFFER_SIZE;
	if (open_iconv(w, err))
		return true;
	pgm__csv_writer_close(w);
	return false;
}

/* Some encodings have to be brought back to their first state at the end. */
static bool finish_iconv(pgm__csv_writer *w)
{
	size_t left = (size_t)(w->out.next - w->buffer);

	if (left > 0)
		return fail_character(w, w->buffer, left, &w->error);
	return w->to == PGM__NO_ICONV || convert(w, NULL, NULL);
}

bool pgm__csv_writer_finish(pgm__csv_writer *w, pgm_error *err)
{
	w->out.failed = w->out.failed || !hand_over(w) || !finish_iconv(w);
	if (w->out.failed)
		pgm__error_copy(err, &w->error);
	return !w->out.failed;
}

void pgm__csv_writer_close(pgm__csv_writer *w)
{
	if (w->converted)
		iconv_close(w->to);
	free(w->converted);
	free(w->buffer);
	*w = (pgm__csv_writer){.to = PGM__NO_ICONV};
}
