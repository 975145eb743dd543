/*
 * COPY text made into CSV, beside the obvious way of doing it: fields split and unescaped byte by byte, then written as
 * CopyAttributeOutCSV of the server does.
 *
 * PGM_MODEL_SEED=n replays.
 */
#include "base/strbuf.h"
#include "tools/csv/csv_text.h"
#include "unit/cmocka_all.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---------------------------------------------------------------------------- where bytes go */

/* A buffer of any size, whose content moves to a text when it is full. */
typedef struct sink {
	pgm__csv_out out;
	char buf[64];
	pgm__strbuf all;
} sink;

static void move_on(pgm__csv_out *out)
{
	sink *s = (sink *)out;

	pgm__strbuf_add(&s->all, s->buf, (size_t)(out->next - s->buf));
	out->next = s->buf;
}

static void sink_open(sink *s, size_t room)
{
	assert_true(room <= sizeof(s->buf));
	*s = (sink){.out = {.full = move_on}};
	s->out.next = s->buf;
	s->out.end = s->buf + room;
}

/* What has come; the caller's to free. */
static char *sink_close(sink *s)
{
	move_on(&s->out);
	return pgm__strbuf_take(&s->all);
}

static char *converted(const pgm__csv_text *text, const char *row, size_t len, size_t room)
{
	sink s;

	sink_open(&s, room);
	pgm__csv_text_row(text, row, len, &s.out);
	return sink_close(&s);
}

/* --------------------------------------------------------------------------------- the model */

static void model_value(const pgm__csv_text *t, const char *value, size_t len, pgm__strbuf *csv)
{
	bool quoted = (len == t->null_len && memcmp(value, t->null_string, len) == 0) ||
		      (t->columns == 1 && (len == 0 || (len == 2 && memcmp(value, "\\.", 2) == 0)));

	for (size_t i = 0; i < len; i++)
		quoted = quoted || value[i] == t->delimiter || value[i] == t->quote || value[i] == '\n' ||
			 value[i] == '\r';
	if (quoted)
		pgm__strbuf_add(csv, &t->quote, 1);
	for (size_t i = 0; i < len; i++) {
		if (value[i] == t->quote)
			pgm__strbuf_add(csv, &t->quote, 1);
		pgm__strbuf_add(csv, value + i, 1);
	}
	if (quoted)
		pgm__strbuf_add(csv, &t->quote, 1);
}

static char model_unescaped(char c)
{
	static const char from[] = "bfnrtv", to[] = "\b\f\n\r\t\v";
	const char *found = strchr(from, c);

	return c && found ? to[found - from] : c;
}

static char *model(const pgm__csv_text *t, const char *row, size_t len)
{
	pgm__strbuf csv = {0}, value = {0};
	const char *p = row, *field = row;

	for (;;) {
		if (*p != '\n' && *p != t->text_delimiter) {
			char c = *p == '\\' ? model_unescaped(*++p) : *p;

			pgm__strbuf_add(&value, &c, 1);
			p++;
			continue;
		}
		if (p - field == 2 && memcmp(field, "\\N", 2) == 0)
			pgm__strbuf_add(&csv, t->null_string, t->null_len);
		else
			model_value(t, value.text ? value.text : "", value.len, &csv);
		pgm__strbuf_free(&value);
		value = (pgm__strbuf){0};
		if (*p == '\n')
			break;
		pgm__strbuf_add(&csv, &t->delimiter, 1);
		field = ++p;
	}
	assert_int_equal(p + 1 - row, len);
	pgm__strbuf_puts(&csv, "\n");
	return pgm__strbuf_take(&csv);
}

/* ------------------------------------------------------------------------------- random rows */

static uint64_t random_state;

static uint64_t random_number(uint64_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % below;
}

/* As CopyAttributeOutText does. */
static void add_escaped(pgm__strbuf *row, char c, char text_delimiter)
{
	static const char controls[] = "\b\f\n\r\t\v", letters[] = "bfnrtv";
	const char *found = strchr(controls, c);
	char letter = c && found ? letters[found - controls] : c;

	if ((c && found) || c == '\\' || c == text_delimiter)
		pgm__strbuf_puts(row, "\\");
	pgm__strbuf_add(row, &letter, 1);
}

static void add_random_field(pgm__strbuf *row, const pgm__csv_text *t)
{
	const char special[] = {'\\', '\n', '\r', '\t', t->delimiter, t->quote, t->after, 'N', '.', 'n'};
	uint64_t kind = random_number(12);
	size_t len = random_number(kind < 9 ? 12 : 40);
	/* One in so many is special: some fields are plain. */
	uint64_t odds = (uint64_t[]){2, 5, 1000}[random_number(3)];

	if (kind == 0) {
		pgm__strbuf_puts(row, "\\N");
		return;
	}
	if (kind == 1) {
		for (const char *p = t->null_string; *p; p++)
			add_escaped(row, *p, t->text_delimiter);
		return;
	}
	for (size_t i = 0; i < len; i++)
		add_escaped(row,
			    random_number(odds) == 0 ? special[random_number(sizeof(special))]
						     : (char)(random_number(2) ? 'x' : 0xc0 + random_number(64)),
			    t->text_delimiter);
}

static void compare(const pgm__csv_text *t, const pgm__strbuf *row, uint64_t seed)
{
	/* Where a word begins is to be any byte of the row; and no byte beyond the row is read. */
	size_t shift = random_number(8);
	char *copy = malloc(shift + row->len), *expected = model(t, row->text, row->len), *found;

	memcpy(copy + shift, row->text, row->len);
	found = converted(t, copy + shift, row->len, 1 + random_number(64));
	if (strcmp(found, expected) != 0)
		print_error("PGM_MODEL_SEED=%" PRIu64 " row: %s", seed, row->text);
	assert_string_equal(found, expected);
	free(found);
	free(expected);
	free(copy);
}

static void every_row_is_what_the_server_would_have_written(void **state)
{
	static const char *const delimiters = ",;|\t,x1N\\.\b", *const quotes = "\"\"'\"~\"bn\"\"\t";
	static const char *const null_strings[] = {"", "", "NULL", "\\N", "\\", "z", "\t"};
	const char *given = getenv("PGM_MODEL_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	pgm__csv_text t;

	(void)state;
	random_state = seed * 2 + 1;
	for (int i = 0; i < 200000; i++) {
		pgm__strbuf row = {0};
		uint64_t style = random_number(strlen(delimiters));
		const char *null_string = null_strings[random_number(7)];
		int columns = 1 + (int)random_number(random_number(2) ? 3 : 12);

		if (strchr(null_string, delimiters[style]) && null_string[0])
			null_string = "";
		if (strchr(null_string, quotes[style]) && null_string[0])
			null_string = "";
		pgm__csv_text_init(&t, delimiters[style], quotes[style], null_string, columns);
		for (int c = 0; c < columns; c++) {
			if (c > 0)
				pgm__strbuf_add(&row, &t.text_delimiter, 1);
			add_random_field(&row, &t);
		}
		pgm__strbuf_puts(&row, "\n");
		compare(&t, &row, seed);
		pgm__strbuf_free(&row);
	}
}

/* ------------------------------------------------------------------------------- single cases */

static void expect(const pgm__csv_text *t, const char *row, const char *csv)
{
	for (size_t room = 1; room <= 64; room++) {
		char *found = converted(t, row, strlen(row), room);

		assert_string_equal(found, csv);
		free(found);
	}
}

static void null_is_nothing_and_an_empty_text_has_quotes(void **state)
{
	pgm__csv_text t;

	(void)state;
	pgm__csv_text_init(&t, ',', '"', "", 3);
	expect(&t, "\\N,,\\N\n", ",\"\",\n");
	expect(&t, ",,\n", "\"\",\"\",\"\"\n");
	expect(&t, "\\N,\\N,\\N\n", ",,\n");
	expect(&t, "a,b,\n", "a,b,\"\"\n");
	expect(&t, ",b,c\n", "\"\",b,c\n");
	expect(&t, "abcdefgh,abcdefgh,\n", "abcdefgh,abcdefgh,\"\"\n");
	expect(&t, "abcdefgh,,abcdefgh\n", "abcdefgh,\"\",abcdefgh\n");
	pgm__csv_text_init(&t, ',', '"', "", 1);
	expect(&t, "\n", "\"\"\n");
	expect(&t, "\\N\n", "\n");
}

static void a_null_string_of_ones_own_is_told_from_the_same_text(void **state)
{
	pgm__csv_text t;

	(void)state;
	pgm__csv_text_init(&t, ',', '"', "NULL", 3);
	expect(&t, "\\N,NULL,\n", "NULL,\"NULL\",\n");
	expect(&t, "NULLS,NUL,N\n", "NULLS,NUL,N\n");
	pgm__csv_text_init(&t, ',', '"', "\\N", 2);
	expect(&t, "\\N,\\\\N\n", "\\N,\"\\N\"\n");
	expect(&t, ",\n", ",\n");
	/* A blank line would be skipped. */
	pgm__csv_text_init(&t, ',', '"', "\\N", 1);
	expect(&t, "\n", "\"\"\n");
}

static void backslashes_become_what_they_stand_for(void **state)
{
	pgm__csv_text t;

	(void)state;
	pgm__csv_text_init(&t, ',', '"', "", 2);
	expect(&t, "C:\\\\temp,a\\tb\n", "C:\\temp,a\tb\n");
	expect(&t, "a\\nb,a\\r\\nb\n", "\"a\nb\",\"a\r\nb\"\n");
	expect(&t, "\\,,\\,\n", "\",\",\",\"\n");
	expect(&t, "x,say \"hi\"\n", "x,\"say \"\"hi\"\"\"\n");
	expect(&t, "\\b\\f\\v,x\n", "\b\f\v,x\n");
	expect(&t, "\\\\,\\\\\\\\\n", "\\,\\\\\n");
}

static void the_old_end_of_data_mark_has_quotes_where_it_is_alone(void **state)
{
	pgm__csv_text t;

	(void)state;
	pgm__csv_text_init(&t, ',', '"', "", 1);
	expect(&t, "\\\\.\n", "\"\\.\"\n");
	expect(&t, "\\\\..\n", "\\..\n");
	pgm__csv_text_init(&t, ',', '"', "", 2);
	expect(&t, "\\\\.,\\\\.\n", "\\.,\\.\n");
}

static void text_is_asked_for_with_the_same_delimiter_where_copy_takes_it(void **state)
{
	pgm__csv_text t;

	(void)state;
	for (const char *p = ",;|\t :#A~\x01"; *p; p++) {
		pgm__csv_text_init(&t, *p, '"', "", 1);
		assert_int_equal(t.text_delimiter, *p);
	}
	for (const char *p = "az09.\\N"; *p; p++) {
		pgm__csv_text_init(&t, *p, '"', "", 1);
		assert_int_equal(t.text_delimiter, '\t');
	}
	expect(&t, "a\tNNE\t\\N\n", "aN\"NNE\"N\n");
}

static void the_header_has_quotes_where_a_value_would(void **state)
{
	static const char *const names[] = {"id", "a,b", "say \"hi\"", "two\nlines", "", "\\."};
	static const char *const alone[] = {"\\."};
	pgm__csv_text t;
	sink s;
	char *found;

	(void)state;
	pgm__csv_text_init(&t, ',', '"', "", 6);
	sink_open(&s, 3);
	pgm__csv_text_header(&t, names, 6, &s.out);
	found = sink_close(&s);
	assert_string_equal(found, "id,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\"\",\\.\n");
	free(found);
	pgm__csv_text_init(&t, ',', '"', "", 1);
	sink_open(&s, 64);
	pgm__csv_text_header(&t, alone, 1, &s.out);
	found = sink_close(&s);
	assert_string_equal(found, "\"\\.\"\n");
	free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(null_is_nothing_and_an_empty_text_has_quotes),
		cmocka_unit_test(a_null_string_of_ones_own_is_told_from_the_same_text),
		cmocka_unit_test(backslashes_become_what_they_stand_for),
		cmocka_unit_test(the_old_end_of_data_mark_has_quotes_where_it_is_alone),
		cmocka_unit_test(text_is_asked_for_with_the_same_delimiter_where_copy_takes_it),
		cmocka_unit_test(the_header_has_quotes_where_a_value_would),
		cmocka_unit_test(every_row_is_what_the_server_would_have_written),
	};

	return cmocka_run_group_tests_name("csv_text", tests, NULL, NULL);
}
