/* Records into rows of COPY, in blocks of every size. */
#include "tools/csv/rows.h"
#include "unit/cmocka_all.h"

#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct copied {
	pgm__strbuf all;
	size_t messages, largest;
	bool in_row; /* the last message ended inside one */
} copied;

static bool take(pgm__csv_rows *rows, bool at_end, void *arg, pgm_error *err)
{
	copied *c = arg;

	(void)err;
	assert_true(rows->text->len > 0 && rows->text->len <= PGM__COPY_MESSAGE_MAX);
	assert_true(!at_end || rows->text->bytes[rows->text->len - 1] == '\n');
	pgm__strbuf_add(&c->all, rows->text->bytes, rows->text->len);
	c->messages++;
	if (c->largest < rows->text->len)
		c->largest = rows->text->len;
	c->in_row = !at_end;
	return true;
}

typedef struct how {
	char delimiter, quote;
	const char *null_string;
	size_t ncolumns;
	const bool *skip;
} how;

static const how two = {',', '"', "", 2, NULL};

/* The text in blocks of that size, as COPY gets it; NULL if it fails. */
static char *copy(const how *h, const char *text, size_t len, size_t block_size, copied *c, pgm_error *err)
{
	pgm__copy_text *message = malloc(sizeof(*message));
	pgm__line_map lines = {0};
	uint64_t sent = 0;
	pgm__csv_rows rows = {.name = "f.csv",
			      .delimiter = h->delimiter,
			      .quote = h->quote,
			      .ncolumns = h->ncolumns,
			      .skip = h->skip,
			      .null_string = h->null_string,
			      .on_message = take,
			      .arg = c,
			      .text = message,
			      .lines = &lines,
			      .sent = &sent};
	pgm__csv_splitter s;
	pgm__csv_piece pieces[16];
	bool ok = true;
	size_t n;

	assert_non_null(message);
	pgm__copy_text_init(message, h->delimiter);
	pgm__csv_splitter_init(&s, h->delimiter, h->quote);
	while (ok && len > 0) {
		size_t size = len < block_size ? len : block_size;
		char *block = calloc(1, size + PGM__COPY_SLACK);

		assert_non_null(block);
		memcpy(block, text, size);
		pgm__csv_splitter_give(&s, block, size);
		while (ok && (n = pgm__csv_splitter_next(&s, pieces, 16)) > 0)
			ok = pgm__csv_rows_add(&rows, block, size, pieces, n, err);
		assert_int_equal(s.fault, PGM__CSV_FINE);
		pgm__csv_rows_leave(&rows, block, size);
		free(block);
		text += size;
		len -= size;
	}
	if (ok && pgm__csv_splitter_end(&s, pieces))
		ok = pgm__csv_rows_add(&rows, "", 0, pieces, 1, err);
	ok = ok && pgm__csv_rows_end(&rows, err);
	pgm__line_map_free(&lines);
	free(message);
	if (ok)
		return pgm__strbuf_take(&c->all);
	pgm__strbuf_free(&c->all);
	return NULL;
}

static void assert_copied(const how *h, const char *text, const char *expected)
{
	for (size_t size = 1; size <= strlen(text) + 1; size++) {
		copied c = {0};
		pgm_error err = {0};
		char *found = copy(h, text, strlen(text), size, &c, &err);

		if (!found || strcmp(found, expected) != 0)
			fail_msg("\"%s\" in blocks of %zu: %s%s\nexpected: %s", text, size, found ? found : "",
				 err.message, expected);
		free(found);
	}
}

static void assert_refused(const how *h, const char *text, const char *expected)
{
	for (size_t size = 1; size <= strlen(text) + 1; size++) {
		copied c = {0};
		pgm_error err;

		assert_null(copy(h, text, strlen(text), size, &c, &err));
		assert_int_equal(err.code, PGM_ERR_IO);
		if (!strstr(err.message, expected))
			fail_msg("blocks of %zu: %s\nexpected: %s", size, err.message, expected);
	}
}

static void csv_01_an_empty_field_is_null_and_one_in_quotes_is_not(void **state)
{
	(void)state;
	assert_copied(&two, "1,\n2,\"\"\n,\n\"\",x\n", "1,\\N\n2,\n\\N,\\N\n,x\n");
}

static void a_field_equal_to_null_string_is_null_unless_it_is_in_quotes(void **state)
{
	const how h = {',', '"', "NULL", 2, NULL};

	(void)state;
	assert_copied(&h, "NULL,\"NULL\"\nNUL,NULLS\n,NULLNULL\nN,\"\"\n", "\\N,NULL\nNUL,NULLS\n,NULLNULL\nN,\n");
	assert_copied(&h, "a,NULL", "a,\\N\n");
	assert_copied(&h, "a,NUL", "a,NUL\n");
}

static void csv_24_backslashes_are_data(void **state)
{
	const how h = {',', '"', "\\N", 2, NULL};

	(void)state;
	assert_copied(&two, "C:\\temp,\\N\n\\,\\\\\n\"\\N\",\"a\\tb\"\n",
		      "C:\\\\temp,\\\\N\n\\\\,\\\\\\\\\n\\\\N,a\\\\tb\n");
	assert_copied(&h, "\\N,\\Nx\n\"\\N\",\\\n", "\\N,\\\\Nx\n\\\\N,\\\\\n");
}

static void csv_17_a_copy_end_mark_is_data(void **state)
{
	const how one = {',', '"', "", 1, NULL};

	(void)state;
	assert_copied(&one, "a\n\\.\n\"\\.\"\nb", "a\n\\\\.\n\\\\.\nb\n");
	assert_refused(&two, "a,b\n\\.\nc,d\n", "f.csv:2: record 2 has 1 field, expected 2: \\.");
}

static void line_ends_and_delimiters_in_quotes_are_escaped(void **state)
{
	(void)state;
	assert_copied(&two, "\"a\r\nb\",\"c,d\te\"\n\"\n\r\",\"longer, than a word\"\n",
		      "a\\r\\nb,c\\,d\te\n\\n\\r,longer\\, than a word\n");
	assert_copied(&two, "\"a\"\"b\"\"\",\"\"\"\"\n", "a\"b\",\"\n");
}

static void a_delimiter_that_copy_does_not_take_becomes_a_tab(void **state)
{
	const how h = {'x', '"', "", 2, NULL}, point = {'.', '"', "", 2, NULL}, back = {'\\', '"', "", 2, NULL};

	(void)state;
	assert_copied(&h, "axb\tc\n\"dxe\"xf\n", "a\tb\\\tc\ndxe\tf\n");
	assert_copied(&point, "1.2,3\n", "1\t2,3\n");
	assert_copied(&back, "1\\2,3\n", "1\t2,3\n");
}

static void csv_16_a_column_that_is_skipped_is_left_out(void **state)
{
	const bool last[] = {false, false, true}, middle[] = {false, true, false}, first[] = {true, false, false};
	how h = {',', '"', "", 3, last};

	(void)state;
	assert_copied(&h, "a,b,c\n1,2,\n3,,\"x\ny\"\n", "a,b\n1,2\n3,\\N\n");
	h.skip = middle;
	assert_copied(&h, "a,b,c\n,\"2\",\n", "a,c\n\\N,\\N\n");
	h.skip = first;
	assert_copied(&h, "a,b,c\n", "b,c\n");
}

static void csv_15_too_few_and_too_many_fields_are_refused_with_line_record_and_counts(void **state)
{
	(void)state;
	assert_refused(&two, "a,b\n\n\"c\n\",d\nefg\nh,i\n", "f.csv:5: record 3 has 1 field, expected 2: efg");
	assert_refused(&two, "a,b\n1,2,3,4\n", "f.csv:2: record 2 has 4 fields, expected 2: 1,2,3,4");
}

static void the_start_of_a_long_record_ends_after_a_whole_character(void **state)
{
	(void)state;
	assert_refused(&two, "ööööööööööööööööööööööööööööööööööööööööööööö\n", "expected 2: öööööööööööööööö");
}

static void a_field_of_any_length_goes_through_in_messages_of_bounded_size(void **state)
{
	size_t len = 3 * 1000 * 1000;
	char *text = malloc(len);
	copied c = {0};
	pgm_error err;
	char *found;

	(void)state;
	assert_non_null(text);
	memset(text, '\n', len);
	text[0] = 'a';
	text[1] = ',';
	text[2] = text[len - 2] = '"';
	found = copy(&two, text, len, 256 * 1024, &c, &err);
	assert_non_null(found);
	assert_int_equal(strlen(found), 2 + 2 * (len - 5) + 1);
	assert_true(c.largest > PGM__COPY_MESSAGE_ENOUGH && c.messages > 100);
	free(found);
	free(text);
}

static void messages_end_with_a_row_where_rows_are_short(void **state)
{
	size_t len = 0, size = 1000 * 1000;
	char *text = malloc(size + 64);
	copied c = {0};
	pgm_error err;

	(void)state;
	assert_non_null(text);
	while (len < size)
		len += (size_t)sprintf(text + len, "%zu,some text\n", len);
	free(copy(&two, text, len, 256 * 1024, &c, &err));
	assert_false(c.in_row);
	assert_true(c.largest < PGM__COPY_MESSAGE_ENOUGH + 64);
	free(text);
}

/* ------------------------------------------------------------------------------------ line map */

static void the_line_of_a_row_is_found_again(void **state)
{
	pgm__line_map map = {0};

	(void)state;
	assert_int_equal(pgm__line_map_find(&map, 1), 0);
	for (uint64_t row = 1; row <= 1000; row++)
		pgm__line_map_note(&map, row, row < 500 ? row + 1 : 2 * row);
	for (uint64_t row = 1; row <= 1000; row++)
		assert_int_equal(pgm__line_map_find(&map, row), row < 500 ? row + 1 : 2 * row);
	pgm__line_map_free(&map);
}

static void the_line_map_forgets_what_is_long_past_and_stays_small(void **state)
{
	pgm__line_map map = {0};
	uint64_t last = 3 * PGM__LINE_MAP_RUNS;

	(void)state;
	for (uint64_t row = 1; row <= last; row++)
		pgm__line_map_note(&map, row, 3 * row);
	assert_int_equal(map.capacity, PGM__LINE_MAP_RUNS);
	assert_int_equal(pgm__line_map_find(&map, last), 3 * last);
	assert_int_equal(pgm__line_map_find(&map, last - PGM__LINE_MAP_RUNS + 1), 3 * (last - PGM__LINE_MAP_RUNS + 1));
	assert_int_equal(pgm__line_map_find(&map, 1), 0);
	pgm__line_map_free(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_01_an_empty_field_is_null_and_one_in_quotes_is_not),
		cmocka_unit_test(a_field_equal_to_null_string_is_null_unless_it_is_in_quotes),
		cmocka_unit_test(csv_24_backslashes_are_data),
		cmocka_unit_test(csv_17_a_copy_end_mark_is_data),
		cmocka_unit_test(line_ends_and_delimiters_in_quotes_are_escaped),
		cmocka_unit_test(a_delimiter_that_copy_does_not_take_becomes_a_tab),
		cmocka_unit_test(csv_16_a_column_that_is_skipped_is_left_out),
		cmocka_unit_test(csv_15_too_few_and_too_many_fields_are_refused_with_line_record_and_counts),
		cmocka_unit_test(the_start_of_a_long_record_ends_after_a_whole_character),
		cmocka_unit_test(a_field_of_any_length_goes_through_in_messages_of_bounded_size),
		cmocka_unit_test(messages_end_with_a_row_where_rows_are_short),
		cmocka_unit_test(the_line_of_a_row_is_found_again),
		cmocka_unit_test(the_line_map_forgets_what_is_long_past_and_stays_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
