/* The tree alone: what YAML is read, what is refused, and that hostile input ends soon. */
#include "base/strbuf.h"
#include "config/yaml_tree.h"
#include "unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static pgm__yaml yaml;
static pgm_error err;

static void read_text(const char *text)
{
	pgm__error_clear(&err);
	if (!pgm__yaml_parse(&yaml, text, strlen(text), "f", &err))
		fail_msg("%s", err.message);
}

static void assert_refused_bytes(const char *text, size_t len, const char *message)
{
	pgm__error_clear(&err);
	assert_false(pgm__yaml_parse(&yaml, text, len, "f", &err));
	assert_int_equal(err.code, PGM_ERR_CONFIG);
	assert_string_equal(err.message, message);
	assert_null(yaml.root);
	assert_null(yaml.nodes);
}

static void assert_refused(const char *text, const char *message)
{
	assert_refused_bytes(text, strlen(text), message);
}

static const pgm__node *value_of(const pgm__node *mapping, const char *key)
{
	for (size_t i = 0; i < mapping->npairs; i++)
		if (strcmp(mapping->pairs[i].key->text, key) == 0)
			return mapping->pairs[i].value;
	return NULL;
}

static void assert_text(const pgm__node *mapping, const char *key, const char *text)
{
	const pgm__node *value = value_of(mapping, key);

	assert_non_null(value);
	assert_int_equal(value->kind, PGM__SCALAR);
	assert_string_equal(value->text, text);
}

/* Many times the same, between a beginning and an end. Owner: the caller. */
static char *repeated(const char *begin, const char *unit, size_t times, const char *end)
{
	pgm__strbuf buf = {0};

	pgm__strbuf_puts(&buf, begin);
	for (size_t i = 0; i < times; i++)
		pgm__strbuf_puts(&buf, unit);
	pgm__strbuf_puts(&buf, end);
	return pgm__strbuf_take(&buf);
}

/* ------------------------------------------------------------------------------------- reading */

static void keys_keep_their_order_and_know_their_place(void **state)
{
	const pgm__pair *pairs;

	(void)state;
	read_text("b: 1\na:\n  - x\n  - {c: '\303\274', d: e}\n");
	pairs = yaml.root->pairs;
	assert_int_equal(yaml.root->npairs, 2);
	assert_string_equal(pairs[0].key->text, "b");
	assert_int_equal(pairs[0].value->mark.line, 1);
	assert_int_equal(pairs[0].value->mark.column, 4);
	assert_int_equal(pairs[1].value->kind, PGM__SEQUENCE);
	assert_int_equal(pairs[1].value->npairs, 2);
	assert_null(pairs[1].value->pairs[0].key);
	pairs = pairs[1].value->pairs[1].value->pairs;
	assert_true(yaml.root->pairs[1].value->pairs[1].value->is_flow);
	assert_int_equal(pairs[1].key->mark.line, 4);
	assert_int_equal(pairs[1].key->mark.column, 14); /* characters, not bytes */
	pgm__yaml_free(&yaml);
}

static void values_stay_the_text_they_were_written_as(void **state)
{
	(void)state;
	read_text("a: 010\nb: 1:30\nc: 1.10\nd: 0x1F\ne: yes\nf: 2024-01-01\ng: 1_000\nh: .inf\ni: !!int 0o7\n"
		  "j: !!str 5\nk: \"a\\nb\\u00fc\"\nl: |\n  text\n  more\nm: 'it''s'\nn: \" 5 \"\n");
	assert_text(yaml.root, "a", "010");
	assert_text(yaml.root, "b", "1:30");
	assert_text(yaml.root, "c", "1.10");
	assert_text(yaml.root, "d", "0x1F");
	assert_text(yaml.root, "e", "yes");
	assert_text(yaml.root, "f", "2024-01-01");
	assert_text(yaml.root, "g", "1_000");
	assert_text(yaml.root, "h", ".inf");
	assert_text(yaml.root, "i", "0o7");
	assert_text(yaml.root, "j", "5");
	assert_text(yaml.root, "k", "a\nb\303\274");
	assert_text(yaml.root, "l", "text\nmore\n");
	assert_text(yaml.root, "m", "it's");
	assert_text(yaml.root, "n", " 5 ");
	pgm__yaml_free(&yaml);
}

static void nothing_is_told_from_an_empty_text(void **state)
{
	static const struct {
		const char *text;
		bool null;
	} cases[] = {
		{"a:", true},	      {"a: ~", true},	      {"a: null", true},	{"a: Null", true},
		{"a: NULL", true},    {"a: # nothing", true}, {"a: ''", false},		{"a: \"\"", false},
		{"a: 'null'", false}, {"a: '~'", false},      {"a: nULL", false},	{"a: nil", false},
		{"a: !!str", false},  {"a: ! ''", false},     {"a: !!str null", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_text(cases[i].text);
		assert_int_equal(yaml.root->pairs[0].value->is_null, cases[i].null);
		pgm__yaml_free(&yaml);
	}
}

static void an_empty_text_has_no_root(void **state)
{
	static const char *const cases[] = {"",	   "\n\n",	   "# only\n# comments\n",
					    "   ", "\xEF\xBB\xBF", "\xEF\xBB\xBF# c\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_text(cases[i]);
		assert_null(yaml.root);
		pgm__yaml_free(&yaml);
	}
}

static void foreign_line_ends_and_marks_are_read(void **state)
{
	(void)state;
	read_text("\xEF\xBB\xBF"
		  "a: 1\r\nb:\r\n  c: x y\r\n\r\n# end\r\n");
	assert_text(yaml.root, "a", "1");
	assert_text(value_of(yaml.root, "b"), "c", "x y");
	assert_int_equal(value_of(value_of(yaml.root, "b"), "c")->mark.line, 3);
	pgm__yaml_free(&yaml);
	read_text("%YAML 1.1\n---\na: 1\n...\n# after\n");
	assert_text(yaml.root, "a", "1");
	pgm__yaml_free(&yaml);
}

/* --------------------------------------------------------------------------- anchors and merging */

static void an_alias_stands_for_its_anchor(void **state)
{
	(void)state;
	read_text("a: &x 5\nb: *x\nc: &y {d: *x}\ne: *y\nf: &x 6\ng: *x\n&k key: v\nh: *k\n");
	assert_text(yaml.root, "b", "5");
	assert_text(value_of(yaml.root, "e"), "d", "5");
	assert_text(yaml.root, "g", "6");
	assert_text(yaml.root, "h", "key");
	pgm__yaml_free(&yaml);
}

static void merge_keys_fill_in_what_is_not_said(void **state)
{
	const pgm__node *c;

	(void)state;
	read_text("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\n"
		  "c:\n  <<: [*a, *b]\n  x: own\n"
		  "d: {q: 5, <<: *b}\n"
		  "e: {<<: {<<: *a, n: 1}}\n"
		  "f: {'<<': text}\n");
	c = value_of(yaml.root, "c");
	assert_int_equal(c->npairs, 3);
	assert_text(c, "x", "own");
	assert_text(c, "y", "2");
	assert_text(c, "z", "4");
	assert_text(value_of(yaml.root, "d"), "z", "4");
	assert_text(value_of(yaml.root, "e"), "y", "2");
	assert_text(value_of(yaml.root, "f"), "<<", "text");
	pgm__yaml_free(&yaml);
}

static void what_cannot_be_merged_is_refused(void **state)
{
	(void)state;
	assert_refused("a:\n  <<: text\n", "f:2:7: expected a mapping or a list of mappings after <<");
	assert_refused("a: {<<: }", "f:1:9: expected a mapping or a list of mappings after <<");
	assert_refused("a:\n  <<: [{b: 1}, c]\n", "f:2:16: expected a mapping in the list after <<");
	assert_refused("a: {<<: {b: 1},\n  <<: {c: 1}}",
		       "f:2:3: duplicate key: expected << once (it takes a list), its value is in line 1 already");
}

static void an_alias_to_what_contains_it_is_refused(void **state)
{
	(void)state;
	assert_refused("a: &a [*a]", "f:1:8: expected an alias to something that does not contain it");
	assert_refused("&r\na: *r\n", "f:2:4: expected an alias to something that does not contain it");
	assert_refused("a: &a {<<: *a}", "f:1:12: expected an alias to something that does not contain it");
	assert_refused("a: &a {b: [{c: *a}]}", "f:1:16: expected an alias to something that does not contain it");
	assert_refused("a: *nowhere", "f:1:4: expected the name of an anchor (&name) above after *; a text that begins "
				      "with * needs quotes");
}

/* ------------------------------------------------------------------------------------- refusing */

static void what_is_not_yaml_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_refused("a: [1, 2\nb: 3\n", "f:2:2: not YAML: did not find expected ',' or ']', while parsing a flow "
					   "sequence that began in line 1");
	assert_refused("a: b: c\n", "f:1:5: not YAML: mapping values are not allowed in this context; "
				    "expected quotes around such a value");
	assert_refused("a:\n\tb: 1\n", "f:2:1: not YAML: found a tab; expected spaces");
	assert_refused("a: 'x\n",
		       "f:2:1: not YAML: found unexpected end of stream, while scanning a quoted scalar that "
		       "began in line 1");
	assert_refused("a: @x\n",
		       "f:1:4: not YAML: found character that cannot start any token; expected quotes around such a "
		       "value");
	assert_refused("a: !u!v x\n", "f:1:4: not YAML: found undefined tag handle, while parsing a node that began in "
				      "line 1");
}

static void what_is_not_utf8_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_refused("a: 1\nb: \303\274\303\274\377\n",
		       "f:2:6: not YAML: invalid leading UTF-8 octet; expected text in UTF-8");
	assert_refused("a: \303", "f:1:4: not YAML: incomplete UTF-8 octet sequence; expected text in UTF-8");
	assert_refused("a: \300\200", "f:1:4: not YAML: invalid length of a UTF-8 sequence; expected text in UTF-8");
	assert_refused("a: \033[0m", "f:1:4: not YAML: control characters are not allowed; expected text in UTF-8");
	assert_refused_bytes("a: b\0c", 6,
			     "f:1:5: not YAML: control characters are not allowed; expected text in UTF-8");
	assert_refused("a: \"b\\0c\"", "f:1:4: expected a text without a NUL byte");
	assert_refused("\"a\\0b\": c", "f:1:1: expected a text without a NUL byte");
}

static void a_key_stands_once_in_a_mapping(void **state)
{
	(void)state;
	assert_refused("a: 1\nb: 2\na: 3\n", "f:3:1: duplicate key: expected it once, it is in line 1 already");
	assert_refused("x:\n  a: 1\n  'a': 3\n", "f:3:3: duplicate key: expected it once, it is in line 2 already");
}

static void a_key_is_a_name(void **state)
{
	(void)state;
	assert_refused("[a]: 1\n", "f:1:1: expected a name as the key");
	assert_refused("? {a: b}\n: 1\n", "f:1:3: expected a name as the key");
	assert_refused("? ~\n: 1\n? \n: 2\n", "f:3:2: expected a name as the key");
	assert_refused("'': 1\n", "f:1:1: expected a name as the key");
}

static void tags_that_ask_for_a_conversion_are_refused(void **state)
{
	static const char *const message =
		"f:1:4: expected a value without this tag; a text that begins with ! needs quotes";

	(void)state;
	assert_refused("a: !!binary aGVsbG8=", message);
	assert_refused("a: !hunter2", message);
	assert_refused("a: !!python/object:os.system {}", message);
	assert_refused("a: !!set {}", message);
	assert_refused("a: !!timestamp 2024-01-01", message);
	read_text("a: !!map {b: !!seq [c, !!bool yes]}");
	pgm__yaml_free(&yaml);
}

static void there_is_one_document(void **state)
{
	(void)state;
	assert_refused("a: 1\n---\nb: 2\n", "f:2:1: expected one document, found a second one");
	assert_refused("---\n---\n", "f:2:1: expected one document, found a second one");
}

/* --------------------------------------------------------------------------------------- limits */

static void nesting_goes_32_deep(void **state)
{
	char *text = repeated("", "[", 32, "");
	char *closed = repeated(text, "]", 32, "");
	char *deeper = repeated("[", closed, 1, "]");

	(void)state;
	read_text(closed);
	assert_int_equal(yaml.root->height, 32);
	pgm__yaml_free(&yaml);
	assert_refused(deeper, "f:1:33: expected nesting of at most 32 levels");
	free(text);
	free(closed);
	free(deeper);
}

static void nesting_by_aliases_counts(void **state)
{
	pgm__strbuf text = {0};

	(void)state;
	pgm__strbuf_puts(&text, "a0: &a0 x\n");
	for (int i = 1; i <= 40; i++)
		pgm__strbuf_printf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
	assert_refused(text.text, "f:32:12: expected nesting of at most 32 levels");
	pgm__strbuf_free(&text);
}

static void a_billion_laughs_are_refused(void **state)
{
	pgm__strbuf text = {0};

	(void)state;
	pgm__strbuf_puts(&text, "a0: &a0 lol\n");
	for (int i = 1; i <= 9; i++)
		pgm__strbuf_printf(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
				   i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	assert_refused(text.text, "f:6:10: expected at most 10000 values, aliases counted in full");
	pgm__strbuf_free(&text);
}

static void laughing_by_merge_keys_is_refused(void **state)
{
	pgm__strbuf text = {0};

	(void)state;
	pgm__strbuf_puts(&text, "a0: &a0 {x: 1}\n");
	for (int i = 1; i <= 20; i++)
		pgm__strbuf_printf(&text, "a%d: &a%d {<<: [*a%d, *a%d, *a%d]}\n", i, i, i - 1, i - 1, i - 1);
	assert_false(pgm__yaml_parse(&yaml, text.text, text.len, "f", &err));
	assert_non_null(strstr(err.message, "expected at most 10000 values"));
	pgm__strbuf_free(&text);
}

static void ten_thousand_nodes_are_the_limit(void **state)
{
	char *just = repeated("[", "x,", 9999, "]"), *over = repeated("[", "x,", 10000, "]");

	(void)state;
	read_text(just);
	assert_int_equal(yaml.root->npairs, 9999);
	assert_int_equal(yaml.root->weight, 10000);
	pgm__yaml_free(&yaml);
	assert_refused(over, "f:1:20000: expected at most 10000 values, aliases counted in full");
	free(just);
	free(over);
}

static void one_mebibyte_is_the_limit(void **state)
{
	char *just = repeated("a: ", "x", PGM__YAML_MAX_BYTES - 3, "");
	char *over = repeated(just, "x", 1, "");

	(void)state;
	read_text(just);
	pgm__yaml_free(&yaml);
	assert_refused(over, "f: expected at most 1048576 bytes, found 1048577");
	free(just);
	free(over);
}

/* A mebibyte of each of these ends at once, one way or the other. */
static void hostile_repetition_ends(void **state)
{
	static const char *const units[] = {"[",     "{",   "- ",     "? ",   "!",   "&",    "*a ", "\"", "'",	  "#",
					    "---\n", "%",   "a: ",    "- - ", ",",   "|\n",  "\t",  " ",  "a\n",  "&a ",
					    "[a,",   "{a:", "a: b\n", ": ",   "'' ", "!!a ", "{?",  "\\", "...\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		char *text = repeated("", units[i], PGM__YAML_MAX_BYTES / strlen(units[i]), "");

		if (pgm__yaml_parse(&yaml, text, strlen(text), "f", &err))
			pgm__yaml_free(&yaml);
		free(text);
	}
}

/* Every part of a text is handled: no crash, no leak, whatever it ends in. */
static void a_text_cut_anywhere_is_survived(void **state)
{
	static const char text[] =
		"# c\na: &a {x: [1, 'two', \"t\\u00fcr\"], <<: {y: !!str 2}}\nb:\n  - *a\n  - |\n    "
		"block\n? k\n: v\n\303\274: ~\n";

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		char *part = malloc(len + 1); /* of its own size, so that a sanitizer sees a read past it */

		memcpy(part, text, len);
		if (pgm__yaml_parse(&yaml, part, len, "f", &err))
			pgm__yaml_free(&yaml);
		free(part);
	}
}

static void no_message_quotes_the_text(void **state)
{
	static const char *const cases[] = {
		"password: *hunter2",
		"password: !hunter2 x",
		"password: !!hunter2",
		"password: hunter2: x",
		"password: [hunter2",
		"password: {hunter2: 1, hunter2: 2}",
		"password: \"hunter2\\q\"",
		"password: 'hunter2",
		"password: \"hunter2\\0\"",
		"password: @hunter2",
		"password: `hunter2",
		"password: %hunter2",
		"password: |hunter2",
		"password: hunter2\n\tx: 1",
		"password: !h!hunter2 x",
		"hunter2: 1\nhunter2: 1",
		"password: &hunter2 [*hunter2]",
		"password: >hunter2",
		"%hunter2 hunter2\n---\nx: 1",
		"password: !<hunter2",
		"password: \"\\xhunter2\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_false(pgm__yaml_parse(&yaml, cases[i], strlen(cases[i]), "f", &err));
		assert_null(strstr(err.message, "hunter"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_keep_their_order_and_know_their_place),
		cmocka_unit_test(values_stay_the_text_they_were_written_as),
		cmocka_unit_test(nothing_is_told_from_an_empty_text),
		cmocka_unit_test(an_empty_text_has_no_root),
		cmocka_unit_test(foreign_line_ends_and_marks_are_read),
		cmocka_unit_test(an_alias_stands_for_its_anchor),
		cmocka_unit_test(merge_keys_fill_in_what_is_not_said),
		cmocka_unit_test(what_cannot_be_merged_is_refused),
		cmocka_unit_test(an_alias_to_what_contains_it_is_refused),
		cmocka_unit_test(what_is_not_yaml_is_refused_with_its_place),
		cmocka_unit_test(what_is_not_utf8_is_refused_with_its_place),
		cmocka_unit_test(a_key_stands_once_in_a_mapping),
		cmocka_unit_test(a_key_is_a_name),
		cmocka_unit_test(tags_that_ask_for_a_conversion_are_refused),
		cmocka_unit_test(there_is_one_document),
		cmocka_unit_test(nesting_goes_32_deep),
		cmocka_unit_test(nesting_by_aliases_counts),
		cmocka_unit_test(a_billion_laughs_are_refused),
		cmocka_unit_test(laughing_by_merge_keys_is_refused),
		cmocka_unit_test(ten_thousand_nodes_are_the_limit),
		cmocka_unit_test(one_mebibyte_is_the_limit),
		cmocka_unit_test(hostile_repetition_ends),
		cmocka_unit_test(a_text_cut_anywhere_is_survived),
		cmocka_unit_test(no_message_quotes_the_text),
	};

	return cmocka_run_group_tests_name("yaml_tree", tests, NULL, NULL);
}
