/* Encodings: what a file seems to be, and its way into UTF-8. */
#include "tools/csv/decoder.h"
#include "unit/cmocka_all.h"

#include "base/strbuf.h"
#include "tools/csv/copy_text.h"
#include "tools/csv/detect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In blocks of that size; *bad_at is the place of the fault, -1 if there is none. Owner: the caller. */
static char *decode(const char *encoding, const char *bytes, size_t len, size_t first, size_t size, long *bad_at)
{
	pgm__csv_decoder d;
	pgm__strbuf all = {0};
	pgm_error err;

	if (!pgm__csv_decoder_open(&d, encoding, &err))
		fail_msg("%s", err.message);
	for (size_t at = 0; at < len && !d.bad;) {
		size_t n = at == 0 ? first : size, left;
		const char *text, *from;
		size_t text_len;
		char *block;

		n = n < len - at ? n : len - at;
		block = calloc(1, n + PGM__COPY_SLACK);
		assert_non_null(block);
		memcpy(block, bytes + at, n);
		from = block;
		left = n;
		do {
			pgm__csv_decoder_next(&d, &from, &left, &text, &text_len);
			pgm__strbuf_add(&all, text, text_len);
		} while (left > 0 && !d.bad);
		at += n;
		free(block);
	}
	for (int i = 0; i < 2; i++) {
		const char *text;
		size_t text_len;

		pgm__csv_decoder_end(&d, &text, &text_len);
		pgm__strbuf_add(&all, text, text_len);
	}
	*bad_at = d.bad ? (long)d.offset : -1;
	pgm__csv_decoder_close(&d);
	return pgm__strbuf_take(&all);
}

/* Blocks do not end within the first four bytes: a byte order mark is seen whole. */
static void assert_decoded(const char *encoding, const char *bytes, size_t len, const char *expected, long expected_bad)
{
	for (size_t first = 4; first <= len + 4; first++)
		for (size_t size = 1; size <= 5; size++) {
			long bad;
			char *found = decode(encoding, bytes, len, first, size, &bad);

			if (strcmp(found, expected) != 0 || bad != expected_bad)
				fail_msg("%s in blocks of %zu and %zu: \"%s\", wrong at %ld; expected \"%s\", %ld",
					 encoding, first, size, found, bad, expected, expected_bad);
			free(found);
		}
}

#define DECODED(encoding, bytes, expected) assert_decoded(encoding, bytes, sizeof(bytes) - 1, expected, -1)
#define BAD(encoding, bytes, expected, at) assert_decoded(encoding, bytes, sizeof(bytes) - 1, expected, at)

static void csv_42_bytes_that_look_like_delimiters_are_part_of_their_character(void **state)
{
	(void)state;
	DECODED("SJIS", "a,\x95\x5C,\x83\x7C\n", "a,表,ポ\n");
	DECODED("BIG5", "\xA5\x5C,\xA4\x7C\n", "功,弋\n");
	DECODED("GB18030", "\x81\x30\x81\x30,\x81\x5C\n", "\xC2\x80,乗\n");
	DECODED("GBK", "\x81\x7C,x\n", "亅,x\n");
}

static void csv_08_utf_16_is_read_with_and_without_a_mark(void **state)
{
	(void)state;
	DECODED("UTF-16LE", "a\0,\0\xE9\0=\xD8\x00\xDE\n\0", "a,é😀\n");
	DECODED("UTF-16LE",
		"\xFF\xFE"
		"a\0\n\0",
		"a\n");
	DECODED("UTF-16BE", "\xFE\xFF\0a\xD8=\xDE\x00\0\n", "a😀\n");
	DECODED("UTF-16", "\xFE\xFF\0a\0\n", "a\n");
	DECODED("utf_16_le", "a\0\n\0", "a\n");
}

static void csv_07_a_mark_is_left_out_once(void **state)
{
	(void)state;
	DECODED("UTF-8",
		"\xEF\xBB\xBF"
		"a\xEF\xBB\xBF",
		"a\xEF\xBB\xBF");
	DECODED("utf-8-sig",
		"\xEF\xBB\xBF"
		"abc",
		"abc");
	DECODED("utf8", "abcdefghijklmnopqé", "abcdefghijklmnopqé");
	DECODED("UTF-8", "", "");
}

static void single_bytes_are_converted(void **state)
{
	(void)state;
	DECODED("latin-1", "pr\xE9nom\n", "prénom\n");
	DECODED("cp1252", "\x80\n12345678", "€\n12345678");
}

/* As an accent might follow, which would be one character with it. */
static void a_letter_that_iconv_holds_back_is_given_at_the_end(void **state)
{
	pgm__csv_decoder d;

	(void)state;
	if (!pgm__csv_decoder_open(&d, "TCVN", NULL)) {
		print_message("this iconv does not know TCVN\n");
		skip();
	}
	pgm__csv_decoder_close(&d);
	DECODED("TCVN", "name\nxa", "name\nxa");
	DECODED("TCVN", "name\nxa\xB0", "name\nxà");
}

static void csv_20_the_place_of_a_wrong_byte_is_known(void **state)
{
	(void)state;
	BAD("UTF-8", "abcdefgh\xFF", "abcdefgh", 8);
	BAD("UTF-8", "abcde\xC3(x", "abcde\xC3", 5);
	BAD("UTF-8", "abcde\xE2\x82(x", "abcde\xE2\x82", 5);
	BAD("UTF-8", "abcde\xE2\x82", "abcde\xE2\x82", 5);
	BAD("SJIS", "abcd\x95", "abcd", 4);
	BAD("BIG5", "ab,d\xFF\xFF!", "ab,d", 4);
	BAD("ASCII", "abcd\xE9", "abcd", 4);
	BAD("UTF-16LE", "a\0b\0\x3D\xD8\n\0", "ab", 4);
	BAD("UTF-16LE", "a\0b\0c", "ab", 4);
}

static void what_is_utf_8_and_what_is_not(void **state)
{
	static const struct {
		const char *bytes;
		size_t right;
	} cases[] = {
		{"\x7F", 1},
		{"\xC2\x80", 2},
		{"\xDF\xBF", 2},
		{"\xE0\xA0\x80", 3},
		{"\xED\x9F\xBF", 3},
		{"\xEE\x80\x80", 3},
		{"\xF0\x90\x80\x80", 4},
		{"\xF4\x8F\xBF\xBF", 4},
		{"\x80", 0},
		{"\xC0\x80", 0},
		{"\xC1\xBF", 0},
		{"\xE0\x9F\xBF", 1},
		{"\xED\xA0\x80", 1},
		{"\xF0\x8F\xBF\xBF", 1},
		{"\xF4\x90\x80\x80", 1},
		{"\xF5\x80\x80\x80", 0},
		{"\xFE", 0},
		{"12345678\xC3\xA9z", 11},
		{"12345678é1234567ü12\xFF", 21},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pgm__utf8 utf8 = {0};

		assert_int_equal(pgm__utf8_check(&utf8, cases[i].bytes, strlen(cases[i].bytes)), cases[i].right);
	}
}

static void an_encoding_that_iconv_does_not_know_is_refused(void **state)
{
	pgm__csv_decoder d;
	pgm_error err;

	(void)state;
	assert_false(pgm__csv_decoder_open(&d, "klingon", &err));
	assert_int_equal(err.code, PGM_ERR_CONFIG);
	assert_non_null(strstr(err.message, "found klingon"));
	pgm__csv_decoder_close(&d);
}

/* ----------------------------------------------------------------------------------- finding out */

static void assert_encoding(const char *bytes, size_t len, bool whole, const char *expected, bool expected_guess)
{
	char encoding[48];
	bool guess = pgm__csv_detect_encoding(bytes, len, whole, encoding, sizeof(encoding));

	if (strcmp(encoding, expected) != 0 || guess != expected_guess)
		fail_msg("\"%s\": %s%s, expected %s", bytes, encoding, guess ? " by guess" : "", expected);
}

#define IS(bytes, expected) assert_encoding(bytes, sizeof(bytes) - 1, true, expected, false)
#define GUESSED(bytes, expected) assert_encoding(bytes, sizeof(bytes) - 1, true, expected, true)

static void an_encoding_is_found_by_mark_then_by_being_utf_8_then_by_zeros(void **state)
{
	(void)state;
	IS("\xEF\xBB\xBFid,a\n", "UTF-8");
	IS("\xFF\xFEi\0", "UTF-16LE");
	IS("\xFE\xFF\0i", "UTF-16BE");
	IS("\xFF\xFE\0\0i\0\0\0", "UTF-32LE");
	IS("", "UTF-8");
	IS("id,a\n1,x\n", "UTF-8");
	IS("prénom,größe\n", "UTF-8");
	IS("i\0d\0,\0a\0\n\0"
	   "1\0,\0\x2D\x4E\n\0",
	   "UTF-16LE");
	IS("\0i\0d\0,\0a\0\n\0"
	   "1\0,\x4E\x2D\0\n",
	   "UTF-16BE");
	IS("id,a\n1,x\0y\n", "UTF-8");
	IS("a,b\n1,\0\n", "UTF-8");
	IS("a,b\n1,2\n\0,3\n", "UTF-8");
}

static void a_character_cut_by_the_end_of_the_sample_is_no_reason_to_guess(void **state)
{
	(void)state;
	assert_encoding("id,pr\xC3", 6, false, "UTF-8", false);
	assert_encoding("id,a\npr\xE9nom,gr\xF6\xDF"
			"e\n",
			18, true, "ISO-8859-1", true);
}

static void what_is_none_of_these_is_guessed(void **state)
{
	(void)state;
	GUESSED("\x96\xBC\x91O,\x8FZ\x8F\x8A\n\x8ER\x93"
		"c\x91\xBE\x98Y,\x93\x8C\x8B\x9E\x93s\x90V\x8Fh\x8B\xE6\n"
		"\x97\xE9\x96\xD8\x89\xD4\x8Eq,\x91\xE5\x8D\xE3\x95{\x91\xE5\x8D\xE3\x8Es\x96k\x8B\xE6\n",
		"SHIFT_JIS");
	GUESSED("\xFF\xFF\xFF", "WINDOWS-1252");
}

static void assert_format(const char *text, char delimiter, char quote)
{
	char found_delimiter, found_quote;

	pgm__csv_detect_format(text, strlen(text), &found_delimiter, &found_quote);
	if (found_delimiter != delimiter || found_quote != quote)
		fail_msg("\"%s\": %c %c, expected %c %c", text, found_delimiter, found_quote, delimiter, quote);
}

static void csv_26_the_delimiter_is_the_one_that_gives_regular_records(void **state)
{
	(void)state;
	assert_format("a,b\n1,2\n", ',', '"');
	assert_format("a;b\n1,5;2,5\n3,5;4,5\n", ';', '"');
	assert_format("a\tb\n1, 2\t3\n", '\t', '"');
	assert_format("a|b|c\n1|2, 3|4\n", '|', '"');
	assert_format("name;note\n\"x, y\";\"a;b\"\n", ';', '"');
	assert_format("a,b\n\"x;y;z\",\"1;2;3\"\n", ',', '"');
	assert_format("a,b\n1,2\n3\n4,5\n", ',', '"');
	assert_format("a;b", ';', '"');
}

static void csv_09_one_column_and_little_text_give_a_comma(void **state)
{
	(void)state;
	assert_format("", ',', '"');
	assert_format("word\n", ',', '"');
	assert_format("name\nSmith\nO'Brien\n", ',', '"');
}

static void apostrophes_are_quotes_only_where_fields_begin_and_end_with_them(void **state)
{
	(void)state;
	assert_format("'a','b'\n'1,5','2'\n", ',', '\'');
	assert_format("'a';'b,c'\n'1';'2'\n", ';', '\'');
	assert_format("a,b\n'tis,it\nrock,'n roll\n", ',', '"');
	assert_format("\"a\",\"b\"\n\"'1'\",\"'2'\"\n", ',', '"');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_42_bytes_that_look_like_delimiters_are_part_of_their_character),
		cmocka_unit_test(csv_08_utf_16_is_read_with_and_without_a_mark),
		cmocka_unit_test(csv_07_a_mark_is_left_out_once),
		cmocka_unit_test(single_bytes_are_converted),
		cmocka_unit_test(a_letter_that_iconv_holds_back_is_given_at_the_end),
		cmocka_unit_test(csv_20_the_place_of_a_wrong_byte_is_known),
		cmocka_unit_test(what_is_utf_8_and_what_is_not),
		cmocka_unit_test(an_encoding_that_iconv_does_not_know_is_refused),
		cmocka_unit_test(an_encoding_is_found_by_mark_then_by_being_utf_8_then_by_zeros),
		cmocka_unit_test(a_character_cut_by_the_end_of_the_sample_is_no_reason_to_guess),
		cmocka_unit_test(what_is_none_of_these_is_guessed),
		cmocka_unit_test(csv_26_the_delimiter_is_the_one_that_gives_regular_records),
		cmocka_unit_test(csv_09_one_column_and_little_text_give_a_comma),
		cmocka_unit_test(apostrophes_are_quotes_only_where_fields_begin_and_end_with_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
