/* CSV bytes into records, in blocks of every size, beside the slow and obvious way. */
#include "unit/cmocka_all.h"
#include "unit/csv_reference.h"

#include <stdio.h>

/* ------------------------------------------------------------------------------------ comparing */

typedef struct cut {
	size_t first, then;
} cut;

static size_t next_of_cut(void *arg)
{
	cut *c = arg;
	size_t len = c->first;

	c->first = c->then;
	return len;
}

static char *split_cut(const char *text, size_t len, char delimiter, char quote, size_t first, size_t then)
{
	cut c = {first, then};

	return splitter_split(text, len, delimiter, quote, 16, next_of_cut, &c);
}

static void assert_split_is(const char *text, size_t len, char quote, size_t first, size_t then, const char *expected)
{
	char *found = split_cut(text, len, ',', quote, first, then);

	if (strcmp(found, expected) != 0)
		fail_msg("\"%.*s\" in blocks of %zu and %zu:\n%sexpected:\n%s", (int)len, text, first, then, found,
			 expected);
	free(found);
}

/* Two blocks with the boundary everywhere; the first of every length and all others of one byte. */
static void assert_split_len(const char *text, size_t len, const char *expected)
{
	char *slow = reference_split(text, len, ',', '"');

	assert_string_equal(slow, expected);
	free(slow);
	for (size_t first = 1; first <= len + 1; first++) {
		assert_split_is(text, len, '"', first, len + 1, expected);
		assert_split_is(text, len, '"', first, 1, expected);
		assert_split_is(text, len, '"', first, first, expected);
	}
}

static void assert_split(const char *text, const char *expected)
{
	assert_split_len(text, strlen(text), expected);
}

#define FAULT(kind, line) "fault " kind " in line " line "\n"
#define NUL_BYTE "1"
#define QUOTE_IN_FIELD "2"
#define AFTER_QUOTE "3"
#define BACKSLASH_QUOTE "4"
#define OPEN_QUOTE "5"
#define LONE_CR "6"

/* ---------------------------------------------------------------------------------------- cases */

static void records_and_fields_are_told_apart(void **state)
{
	(void)state;
	assert_split("a,b\nc,d\n", "1<a><b>\n2<c><d>\n");
	assert_split("", "");
	assert_split("a", "1<a>\n");
	assert_split("one field of more than eight bytes,another such field\n",
		     "1<one field of more than eight bytes><another such field>\n");
	assert_split("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t\n,,,,,,,,,,,,,,,,,,,\n",
		     "1<a><b><c><d><e><f><g><h><i><j><k><l><m><n><o><p><q><r><s><t>\n"
		     "2<><><><><><><><><><><><><><><><><><><><>\n");
}

static void csv_01_an_empty_field_is_told_from_one_in_quotes(void **state)
{
	(void)state;
	assert_split("1,\n2,\"\"\n,\n\"\",", "1<1><>\n2<2><\">\n3<><>\n4<\"><>\n");
}

static void csv_04_bytes_inside_quotes_are_kept_as_they_are(void **state)
{
	(void)state;
	assert_split("1,\"a\nb\",2\r\n3,\"c\r\nd\re,f\",4\r\n5", "1<1><\"a\nb><2>\n3<3><\"c\r\nd\re,f><4>\n5<5>\n");
	assert_split("\"a\"\"b\"\"\"\"\",\"\"\"\"\n", "1<\"a\"b\"\"><\"\">\n");
}

static void csv_05_line_ends_may_be_mixed(void **state)
{
	(void)state;
	assert_split("a\nb\r\nc\n", "1<a>\n2<b>\n3<c>\n");
	assert_split("a\r\nb\nc\r\n", "1<a>\n2<b>\n3<c>\n");
	assert_split("a\rb\rc\r", "1<a>\n2<b>\n3<c>\n");
	assert_split("a\rb\nc\r\nd\re", "1<a>\n2<b>\n3<c>\n4<d>\n5<e>\n");
	assert_split("\"a\"\r\"b\"\r\n\"c\"\n", "1<\"a>\n2<\"b>\n3<\"c>\n");
	assert_split("\ra\rb", "2<a>\n3<b>\n");
}

static void a_carriage_return_alone_is_no_line_end_where_the_first_one_is_another(void **state)
{
	(void)state;
	assert_split("a\nb\rc\n", "1<a>\n" FAULT(LONE_CR, "2"));
	assert_split("a\r\n\"b\"\rc\n", "1<a>\n" FAULT(LONE_CR, "2"));
	assert_split("\n\rc\n", FAULT(LONE_CR, "2"));
	assert_split("a\nb\r", "1<a>\n2<b>\n");
}

static void csv_06_the_last_line_end_may_be_missing(void **state)
{
	(void)state;
	assert_split("a,b\nc,d", "1<a><b>\n2<c><d>\n");
	assert_split("a,", "1<a><>\n");
	assert_split("a,\"b\"", "1<a><\"b>\n");
	assert_split("a\n\"\"", "1<a>\n2<\">\n");
}

static void csv_14_blank_lines_are_skipped_and_counted(void **state)
{
	(void)state;
	assert_split("\n\na\n\r\n\nb\n\n", "3<a>\n6<b>\n");
	assert_split("\r\r\ra\r", "4<a>\n");
	assert_split("\n\r\n\n", "");
}

static void csv_13_blank_is_not_the_same_as_an_empty_text(void **state)
{
	(void)state;
	assert_split("a\n\n\"\"\nb\n", "1<a>\n3<\">\n4<b>\n");
	assert_split(" \n", "1< >\n");
}

static void line_numbers_count_line_ends_inside_quotes(void **state)
{
	(void)state;
	assert_split("\"a\n\n\nb\",c\nd\n", "1<\"a\n\n\nb><c>\n5<d>\n");
	assert_split("\"a\r\n\r\nb\",\"c\n\"\nd\n", "1<\"a\r\n\r\nb><\"c\n>\n5<d>\n");
	assert_split("x\r\"a\rb\r\nc\n\"\rd\r", "1<x>\n2<\"a\rb\r\nc\n>\n6<d>\n");
	assert_split("\"\n\"\"\n\"\nb\n", "1<\"\n\"\n>\n4<b>\n");
}

static void csv_18_a_copy_end_mark_is_data(void **state)
{
	(void)state;
	assert_split("a\n\\.\n\"\\.\nb\"\nc", "1<a>\n2<\\.>\n3<\"\\.\nb>\n5<c>\n");
}

static void csv_19_a_nul_byte_is_refused_in_its_line(void **state)
{
	static const char text[] = "a\n\nb\0c\nd";

	(void)state;
	assert_split_len(text, sizeof(text) - 1, "1<a>\n" FAULT(NUL_BYTE, "3"));
	assert_split_len("a,\"\n\0\"\n", 7, FAULT(NUL_BYTE, "2"));
	assert_split_len("\0", 1, FAULT(NUL_BYTE, "1"));
	assert_split_len("a\n\"b\"\0", 6, "1<a>\n" FAULT(NUL_BYTE, "2"));
	assert_split_len("a\n\"b\"\0,\n", 8, "1<a>\n" FAULT(NUL_BYTE, "2"));
}

static void csv_21_a_quote_inside_a_field_is_refused_in_its_line(void **state)
{
	(void)state;
	assert_split("a,b\n1,5\" disk\n2,x\n", "1<a><b>\n" FAULT(QUOTE_IN_FIELD, "2"));
	assert_split("a,b\n1,5\" disk\n2,6\" disk\n", "1<a><b>\n" FAULT(QUOTE_IN_FIELD, "2"));
	assert_split("a, \"b\"\n", FAULT(QUOTE_IN_FIELD, "1"));
	assert_split("\"a\n\"b\n", FAULT(AFTER_QUOTE, "2"));
	assert_split("\"a\" \n", FAULT(AFTER_QUOTE, "1"));
}

static void csv_22_a_quote_that_is_never_closed_is_told_where_it_opened(void **state)
{
	(void)state;
	assert_split("a\n1,\"b\n3\n4\n", "1<a>\n" FAULT(OPEN_QUOTE, "2"));
	assert_split("a\n\"", "1<a>\n" FAULT(OPEN_QUOTE, "2"));
	assert_split("a\n\"\"\"", "1<a>\n" FAULT(OPEN_QUOTE, "2"));
}

static void csv_23_a_backslash_does_not_escape_a_quote_and_the_error_knows(void **state)
{
	(void)state;
	assert_split("a\n\"x\\\"y\"\n", "1<a>\n" FAULT(BACKSLASH_QUOTE, "2"));
	assert_split("\"x\\\",y\n", "1<\"x\\><y>\n");
	assert_split("\"x\\\"\"y\"\n", "1<\"x\\\"y>\n");
	assert_split("\"\\\"\"\"y\n", FAULT(AFTER_QUOTE, "1"));
}

static void each_fault_says_what_was_expected(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"a\"", "each quote inside written twice (\"\")"},
		{"\"a\"b", "expected the delimiter or the line's end"},
		{"\"a\\\"b", "a quote behind a backslash (\\\")"},
		{"\"a", "is not closed"},
		{"a\nb\rc", "a carriage return without a line feed"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pgm__csv_splitter s;
		pgm__csv_piece pieces[16];

		pgm__csv_splitter_init(&s, ',', '"');
		pgm__csv_splitter_give(&s, cases[i].text, strlen(cases[i].text));
		while (pgm__csv_splitter_next(&s, pieces, 16))
			;
		assert_int_equal(pgm__csv_splitter_end(&s, pieces), 0);
		pgm__csv_fault_text(&s, text, sizeof(text));
		if (!strstr(text, cases[i].says))
			fail_msg("%s", text);
	}
}

/* ------------------------------------------------------------------------------------- a million */

static uint64_t random_state = 88172645463325252u;

static size_t below(size_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (size_t)(random_state >> 16) % n;
}

static size_t next_by_chance(void *arg)
{
	const size_t *most = arg;

	return 1 + below(*most);
}

static size_t make_text(char *text, size_t max)
{
	/* Mostly well-formed, so that more than the beginning is looked at. */
	static const char *const tokens[] = {"a",
					     "bcd",
					     "longer than a word",
					     ",",
					     ",",
					     "\n",
					     "\n",
					     "\r\n",
					     ",\"x\",",
					     ",\"a\"\"b\",",
					     ",\"\n\",",
					     "\n\"\"\n",
					     "\"",
					     "\r",
					     "\\",
					     ",\"longer than\r\na word\","};
	size_t len = 0, count = below(24), kinds = below(3) ? 12 : sizeof(tokens) / sizeof(tokens[0]);

	for (size_t i = 0; i < count; i++) {
		const char *token = tokens[below(kinds)];

		if (len + strlen(token) < max) {
			memcpy(text + len, token, strlen(token));
			len += strlen(token);
		}
	}
	if (below(20) == 0 && len > 0)
		text[below(len)] = '\0';
	return len;
}

static void whatever_the_text_and_the_blocks_it_is_what_the_slow_way_gives(void **state)
{
	const char *steps = getenv("PGM_MODEL_STEPS");
	unsigned long count = steps ? strtoul(steps, NULL, 10) / 4 : 400000;
	char text[1024];

	(void)state;
	for (unsigned long i = 0; i < count; i++) {
		size_t len = make_text(text, sizeof(text)), most = 1 + below(40);
		char *expected = reference_split(text, len, ',', '"');
		char *found = splitter_split(text, len, ',', '"', 16 + below(40), next_by_chance, &most);

		if (strcmp(found, expected) != 0)
			fail_msg("\"%.*s\":\n%sexpected:\n%s", (int)len, text, found, expected);
		free(found);
		free(expected);
	}
}

static void other_delimiters_and_quotes_do_the_same(void **state)
{
	char *found = split_cut("'a;''b';c\td\n", 12, ';', '\'', 3, 2);

	(void)state;
	assert_string_equal(found, "1<\"a;'b><c\td>\n");
	free(found);
	found = split_cut("a\tb,c\n", 6, '\t', '"', 100, 1);
	assert_string_equal(found, "1<a><b,c>\n");
	free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_and_fields_are_told_apart),
		cmocka_unit_test(csv_01_an_empty_field_is_told_from_one_in_quotes),
		cmocka_unit_test(csv_04_bytes_inside_quotes_are_kept_as_they_are),
		cmocka_unit_test(csv_05_line_ends_may_be_mixed),
		cmocka_unit_test(a_carriage_return_alone_is_no_line_end_where_the_first_one_is_another),
		cmocka_unit_test(csv_06_the_last_line_end_may_be_missing),
		cmocka_unit_test(csv_14_blank_lines_are_skipped_and_counted),
		cmocka_unit_test(csv_13_blank_is_not_the_same_as_an_empty_text),
		cmocka_unit_test(line_numbers_count_line_ends_inside_quotes),
		cmocka_unit_test(csv_18_a_copy_end_mark_is_data),
		cmocka_unit_test(csv_19_a_nul_byte_is_refused_in_its_line),
		cmocka_unit_test(csv_21_a_quote_inside_a_field_is_refused_in_its_line),
		cmocka_unit_test(csv_22_a_quote_that_is_never_closed_is_told_where_it_opened),
		cmocka_unit_test(csv_23_a_backslash_does_not_escape_a_quote_and_the_error_knows),
		cmocka_unit_test(each_fault_says_what_was_expected),
		cmocka_unit_test(whatever_the_text_and_the_blocks_it_is_what_the_slow_way_gives),
		cmocka_unit_test(other_delimiters_and_quotes_do_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
