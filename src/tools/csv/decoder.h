/*
 * A file's bytes into UTF-8, block by block. UTF-8 is checked and passed through where it lies; all else is converted by
 * iconv(3) before anybody looks for delimiters, as trail bytes of SJIS, Big5, GBK and GB18030 can look like some. A byte
 * order mark is left out.
 */
#ifndef PGM_TOOLS_CSV_DECODER_H
#define PGM_TOOLS_CSV_DECODER_H

#include "base/error.h"
#include "tools/csv/encoding.h"

/* Checks UTF-8 (RFC 3629: no overlong forms, no surrogates) whose sequences may go on in the next block. Zeroed: at a
 * character's start. */
typedef struct pgm__utf8 {
	unsigned char need;	 /* bytes that the sequence still wants */
	unsigned char low, high; /* between which the next of them is */
	unsigned char length;	 /* of the sequence so far */
} pgm__utf8;

/* How many bytes are right: len, or where the first wrong one is. */
size_t pgm__utf8_check(pgm__utf8 *state, const char *bytes, size_t len);

typedef struct pgm__csv_decoder {
	char encoding[48];
	iconv_t from;	 /* PGM__NO_ICONV: it is UTF-8 */
	uint64_t offset; /* of the next byte in the file */
	pgm__utf8 utf8;
	char *converted; /* NULL for UTF-8 */
	char held[16];	 /* a character that goes on in the next block */
	size_t nheld;
	bool begun; /* behind the byte order mark */
	bool bad;   /* the byte at offset is wrong; or the file ends within a character */
} pgm__csv_decoder;

/* encoding: as iconv names it. Errors: _CONFIG (it knows none of that name), _NOMEM. */
bool pgm__csv_decoder_open(pgm__csv_decoder *decoder, const char *encoding, pgm_error *err);

/* A zeroed or closed one is harmless. */
void pgm__csv_decoder_close(pgm__csv_decoder *decoder);

/*
 * The next UTF-8 made from *bytes, of which *len goes down by what was used; *text_len may be 0. It stands in the block
 * itself or in the decoder's memory until the next call, and PGM__COPY_SLACK bytes behind it may be read if that holds for
 * the block. Once something is wrong (bad), what comes before it is given first, then nothing.
 */
void pgm__csv_decoder_next(pgm__csv_decoder *decoder, const char **bytes, size_t *len, const char **text,
			   size_t *text_len);

/* After the last block: sets bad if the file ends within a character. Else gives what was held back, as iconv(3) does with
 * a letter that an accent might follow (TCVN, CP1258); a second time there is nothing. */
void pgm__csv_decoder_end(pgm__csv_decoder *decoder, const char **text, size_t *text_len);

#endif
