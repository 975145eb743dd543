#include "tools/csv/look.h"

#include "tools/csv/detect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------------------------- the settings */

/* What comes through a pipe has no place of its own for a file beside it. */
static bool find_settings(pgm__csv_look *look, const char *file, const char *given, pgm_error *err)
{
	bool standard = strcmp(file, "-") == 0;

	pgm__csv_settings_init(&look->settings);
	if (standard && !given)
		return true;
	look->path = given ? strdup(given) : pgm__csv_settings_path(file);
	if (!look->path)
		return pgm__fail_nomem(err, "looking for the settings file");
	if (!pgm__csv_settings_read(&look->settings, look->path, &look->exists, err))
		return false;
	if (!given && !look->exists && !look->input.is_file) {
		free(look->path);
		look->path = NULL;
	}
	return true;
}

static void note_encoding(const pgm__csv_look *look, bool guessed)
{
	if (guessed)
		pgm__csv_note(&look->notes, PGM_LOG_WARNING,
			      "%s: the encoding is a guess, %s; if letters come out wrong, set it in %s",
			      look->input.name, look->settings.encoding, look->path ? look->path : "a settings file");
}

/* From the first block, put into UTF-8; what the decoder refuses there is reported when it is read. */
static bool find_format(pgm__csv_look *look, pgm_error *err)
{
	const char *bytes = look->reader.raw, *text;
	size_t left = look->reader.raw_len, len;
	char delimiter, quote;
	pgm__csv_decoder decoder;

	if (!pgm__csv_decoder_open(&decoder, look->settings.encoding, err))
		return false;
	pgm__csv_decoder_next(&decoder, &bytes, &left, &text, &len);
	pgm__csv_detect_format(text, len, &delimiter, &quote);
	pgm__csv_decoder_close(&decoder);
	if (!look->settings.delimiter)
		look->settings.delimiter = delimiter;
	/* A settings file that says nothing of the quote means the usual one. */
	if (!look->exists)
		look->settings.quote = quote;
	return true;
}

static bool find_out(pgm__csv_look *look, pgm_error *err)
{
	pgm__csv_settings *s = &look->settings;

	if (!s->encoding[0])
		note_encoding(look, pgm__csv_detect_encoding(look->reader.raw, look->reader.raw_len, look->reader.ended,
							     s->encoding, sizeof(s->encoding)));
	return s->delimiter || find_format(look, err);
}

bool pgm__csv_look_open(pgm__csv_look *look, const char *file, const char *given, pgm_error *err)
{
	const char *name;

	if (!pgm__csv_input_open(&look->input, file, err) || !find_settings(look, file, given, err) ||
	    !pgm__csv_reader_open(&look->reader, &look->input, err) || !find_out(look, err))
		return false;
	name = look->path ? look->path : look->input.name;
	return pgm__csv_settings_check(&look->settings, name, err) &&
	       pgm__csv_reader_start(&look->reader, &look->settings, err);
}

void pgm__csv_look_close(pgm__csv_look *look)
{
	pgm__csv_reader_close(&look->reader);
	pgm__csv_input_close(&look->input);
	free(look->path);
	look->path = NULL;
}

/* -------------------------------------------------------------------------------------- writing */

bool pgm__csv_look_write(pgm__csv_look *look, pgm_error *err)
{
	const pgm__csv_settings *s = &look->settings;
	char delimiter[16], quote[16];
	bool ok, written;

	if (look->exists)
		return true;
	ok = !look->path || pgm__csv_settings_write(s, look->path, err);
	written = ok && look->path;
	pgm__csv_note(&look->notes, PGM_LOG_INFO,
		      "%s: %s, delimiter %s, quote %s, first record taken as the header%s%s", look->input.name,
		      s->encoding, pgm__csv_show_byte(s->delimiter, delimiter), pgm__csv_show_byte(s->quote, quote),
		      written ? "; written to " : "", written ? look->path : "");
	return ok;
}
