#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "config/yaml_tree.h"

#include "base/error.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

typedef struct anchor {
	char *name;
	const pgm__node *node;
} anchor;

typedef struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the one being looked at; zeroed if none */
	const unsigned char *input;
	size_t input_len;
	const char *name;
	pgm_error *err;
	pgm__yaml *tree;
	anchor *anchors;
	size_t nanchors, anchors_capacity;
	size_t weight; /* of everything so far */
} reader;

bool pgm__yaml_fail(const char *name, pgm__mark mark, pgm_error *err, const char *fmt, ...)
{
	pgm_error what = {0};
	va_list args;

	va_start(args, fmt);
	pgm__vfail(&what, PGM_ERR_CONFIG, fmt, args);
	va_end(args);
	if (!mark.line)
		pgm__error_copy(err, &what);
	else
		pgm__fail(err, PGM_ERR_CONFIG, "%s:%d:%d: %s", name, mark.line, mark.column, what.message);
	return false;
}

static pgm__mark mark_of(yaml_mark_t mark)
{
	/* The input is at most 1 MiB, so this does not overflow. */
	return (pgm__mark){(int)mark.line + 1, (int)mark.column + 1};
}

static pgm__mark mark_here(const reader *r)
{
	return mark_of(r->event.start_mark);
}

static bool nomem(reader *r)
{
	return pgm__fail_nomem(r->err, "reading the configuration");
}

/* Doubles an array that is full. */
static bool make_room(reader *r, void **array, size_t count, size_t *capacity, size_t item_size)
{
	size_t bigger = *capacity ? *capacity * 2 : 8;
	void *grown;

	if (count < *capacity)
		return true;
	grown = realloc(*array, bigger * item_size);
	if (!grown)
		return nomem(r);
	*array = grown;
	*capacity = bigger;
	return true;
}

/* ------------------------------------------------------------------------ what libyaml refuses */

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

/* The decoder gives a byte offset, not a mark. */
static pgm__mark mark_of_offset(const reader *r, size_t offset)
{
	pgm__mark mark = {1, 1};

	for (size_t i = 0; i < offset && i < r->input_len; i++) {
		if (r->input[i] == '\n') {
			mark.line++;
			mark.column = 1;
		} else if (!is_continuation(r->input[i])) {
			mark.column++;
		}
	}
	return mark;
}

/* True if the character of that number in the input is a tab, the usual reason for "cannot start any token". */
static bool is_tab(const reader *r, size_t index)
{
	size_t i = 0;

	while (i < r->input_len && (index || is_continuation(r->input[i]))) {
		if (!is_continuation(r->input[i]))
			index--;
		i++;
	}
	return i < r->input_len && r->input[i] == '\t';
}

/* libyaml's texts are constants, they quote nothing of the input. */
static bool fail_parser(reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem ? p->problem : "it cannot be read";

	if (p->error == YAML_MEMORY_ERROR)
		return nomem(r);
	if (p->error == YAML_READER_ERROR)
		return pgm__yaml_fail(r->name, mark_of_offset(r, p->problem_offset), r->err, "not YAML: %s%s", problem,
				      "; expected text in UTF-8");
	if (is_tab(r, p->problem_mark.index))
		return pgm__yaml_fail(r->name, mark_of(p->problem_mark), r->err,
				      "not YAML: found a tab; expected spaces");
	/* The usual end of a password that was not put into quotes. */
	if (strstr(problem, "any token") || strstr(problem, "mapping values"))
		return pgm__yaml_fail(r->name, mark_of(p->problem_mark), r->err,
				      "not YAML: %s; expected quotes around such a value", problem);
	if (p->context)
		return pgm__yaml_fail(r->name, mark_of(p->problem_mark), r->err,
				      "not YAML: %s, %s that began in line %d", problem, p->context,
				      mark_of(p->context_mark).line);
	return pgm__yaml_fail(r->name, mark_of(p->problem_mark), r->err, "not YAML: %s", problem);
}

static bool next_event(reader *r)
{
	yaml_event_delete(&r->event);
	return yaml_parser_parse(&r->parser, &r->event) || fail_parser(r);
}

/* --------------------------------------------------------------------------------------- limits */

static bool count_weight(reader *r, pgm__mark mark, size_t weight)
{
	r->weight += weight;
	if (r->weight <= PGM__YAML_MAX_NODES)
		return true;
	return pgm__yaml_fail(r->name, mark, r->err, "expected at most %d values, aliases counted in full",
			      PGM__YAML_MAX_NODES);
}

static bool check_depth(reader *r, pgm__mark mark, size_t depth)
{
	if (depth <= PGM__YAML_MAX_DEPTH)
		return true;
	return pgm__yaml_fail(r->name, mark, r->err, "expected nesting of at most %d levels", PGM__YAML_MAX_DEPTH);
}

/* --------------------------------------------------------------------------------------- nodes */

static pgm__node *new_node(reader *r, pgm__node_kind kind)
{
	pgm__node *node;

	if (!count_weight(r, mark_here(r), 1))
		return NULL;
	node = calloc(1, sizeof(*node));
	if (!node) {
		nomem(r);
		return NULL;
	}
	node->kind = kind;
	node->mark = mark_here(r);
	node->weight = node->height = 1;
	node->next = r->tree->nodes;
	r->tree->nodes = node;
	return node;
}

static bool add_pair(reader *r, pgm__node *parent, const pgm__node *key, const pgm__node *value)
{
	void *pairs = parent->pairs;

	if (!make_room(r, &pairs, parent->npairs, &parent->capacity, sizeof(pgm__pair)))
		return false;
	parent->pairs = pairs;
	parent->pairs[parent->npairs++] = (pgm__pair){key, value};
	return true;
}

static void include_size(pgm__node *parent, const pgm__node *child)
{
	parent->weight += child->weight;
	if (parent->height <= child->height)
		parent->height = child->height + 1;
}

static const pgm__pair *find_pair(const pgm__node *mapping, const char *key)
{
	for (size_t i = 0; i < mapping->npairs; i++)
		if (strcmp(mapping->pairs[i].key->text, key) == 0)
			return &mapping->pairs[i];
	return NULL;
}

/* ------------------------------------------------------------------------------------- anchors */

static bool add_anchor(reader *r, const yaml_char_t *name, const pgm__node *node)
{
	void *anchors = r->anchors;
	anchor *added;

	if (!name)
		return true;
	if (!make_room(r, &anchors, r->nanchors, &r->anchors_capacity, sizeof(anchor)))
		return false;
	r->anchors = anchors;
	added = &r->anchors[r->nanchors];
	*added = (anchor){strdup((const char *)name), node};
	if (!added->name)
		return nomem(r);
	r->nanchors++;
	return true;
}

/* The last of that name counts (YAML 1.1, section 7.1). */
static const pgm__node *find_anchor(const reader *r, const char *name)
{
	for (size_t i = r->nanchors; i-- > 0;)
		if (strcmp(r->anchors[i].name, name) == 0)
			return r->anchors[i].node;
	return NULL;
}

static const pgm__node *read_alias(reader *r, size_t depth)
{
	pgm__mark mark = mark_here(r);
	const pgm__node *node = find_anchor(r, (const char *)r->event.data.alias.anchor);

	if (!node)
		pgm__yaml_fail(
			r->name, mark, r->err,
			"expected the name of an anchor (&name) above after *; a text that begins with * needs quotes");
	else if (node->is_open)
		pgm__yaml_fail(r->name, mark, r->err, "expected an alias to something that does not contain it");
	else if (count_weight(r, mark, node->weight) && check_depth(r, mark, depth + node->height - 1))
		return node;
	return NULL;
}

/* ------------------------------------------------------------------------------------- scalars */

/* Types are the settings table's business, so the tags of plain types say nothing new; others ask for
 * conversions that are not done here. */
static bool check_tag(reader *r, const yaml_char_t *tag, const char *const *allowed)
{
	if (!tag)
		return true;
	for (; *allowed; allowed++)
		if (strcmp((const char *)tag, *allowed) == 0)
			return true;
	return pgm__yaml_fail(r->name, mark_here(r), r->err,
			      "expected a value without this tag; a text that begins with ! needs quotes");
}

static bool is_null_text(const char *text)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};

	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
		if (strcmp(text, nulls[i]) == 0)
			return true;
	return false;
}

static pgm__node *read_scalar(reader *r)
{
	static const char *const tags[] = {"!", YAML_STR_TAG, YAML_INT_TAG, YAML_FLOAT_TAG, YAML_BOOL_TAG, NULL};
	const char *text = (const char *)r->event.data.scalar.value;
	size_t len = r->event.data.scalar.length;
	bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !r->event.data.scalar.tag;
	pgm__node *node;

	if (!check_tag(r, r->event.data.scalar.tag, tags))
		return NULL;
	if (memchr(text, '\0', len)) {
		pgm__yaml_fail(r->name, mark_here(r), r->err, "expected a text without a NUL byte");
		return NULL;
	}
	node = new_node(r, PGM__SCALAR);
	if (!node)
		return NULL;
	node->text = strdup(text);
	if (!node->text) {
		nomem(r);
		return NULL;
	}
	node->is_null = plain && is_null_text(text);
	node->is_merge = plain && strcmp(text, "<<") == 0;
	return add_anchor(r, r->event.data.scalar.anchor, node) ? node : NULL;
}

/* ---------------------------------------------------------------------------------- merge keys */

static bool merge_mapping(reader *r, pgm__node *into, const pgm__node *from)
{
	for (size_t i = 0; i < from->npairs; i++)
		if (!find_pair(into, from->pairs[i].key->text) &&
		    !add_pair(r, into, from->pairs[i].key, from->pairs[i].value))
			return false;
	return true;
}

/* Explicit keys are in already and win; in a list the earlier one wins (YAML merge key type). */
static bool merge_value(reader *r, pgm__node *into, const pgm__node *from)
{
	if (from->kind == PGM__MAPPING)
		return merge_mapping(r, into, from);
	for (size_t i = 0; from->kind == PGM__SEQUENCE && i < from->npairs; i++) {
		if (from->pairs[i].value->kind != PGM__MAPPING)
			return pgm__yaml_fail(r->name, from->pairs[i].value->mark, r->err,
					      "expected a mapping in the list after <<");
		if (!merge_mapping(r, into, from->pairs[i].value))
			return false;
	}
	return from->kind == PGM__SEQUENCE ||
	       pgm__yaml_fail(r->name, from->mark, r->err, "expected a mapping or a list of mappings after <<");
}

/* ------------------------------------------------------------------------------ lists, mappings */

static const pgm__node *read_node(reader *r, size_t depth);

static bool read_items(reader *r, pgm__node *node, size_t depth)
{
	const pgm__node *item;

	while (next_event(r)) {
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			return true;
		item = read_node(r, depth + 1);
		if (!item || !add_pair(r, node, NULL, item))
			return false;
		include_size(node, item);
	}
	return false;
}

static bool check_key(reader *r, const pgm__node *mapping, const pgm__node *key, pgm__mark mark)
{
	const pgm__pair *first;

	if (key->kind != PGM__SCALAR || !key->text[0])
		return pgm__yaml_fail(r->name, mark, r->err, "expected a name as the key");
	first = find_pair(mapping, key->text);
	if (!first)
		return true;
	return pgm__yaml_fail(r->name, mark, r->err, "duplicate key: expected %s once, it is in line %d already", "it",
			      first->key->mark.line);
}

/* Key and value; the value of a merge key goes to *merge instead. */
static bool read_pair(reader *r, pgm__node *mapping, const pgm__node **merge, size_t depth)
{
	pgm__mark mark = mark_here(r);
	const pgm__node *key = read_node(r, depth + 1), *value;

	if (!key || !check_key(r, mapping, key, mark))
		return false;
	if (key->is_merge && *merge)
		return pgm__yaml_fail(
			r->name, mark, r->err,
			"duplicate key: expected << once (it takes a list), its value is in line %d already",
			(*merge)->mark.line);
	if (!next_event(r))
		return false;
	value = read_node(r, depth + 1);
	if (!value)
		return false;
	include_size(mapping, key);
	include_size(mapping, value);
	if (!key->is_merge)
		return add_pair(r, mapping, key, value);
	*merge = value;
	return true;
}

static bool read_pairs(reader *r, pgm__node *node, size_t depth)
{
	const pgm__node *merge = NULL;

	while (next_event(r)) {
		if (r->event.type == YAML_MAPPING_END_EVENT)
			return !merge || merge_value(r, node, merge);
		if (!read_pair(r, node, &merge, depth))
			return false;
	}
	return false;
}

static pgm__node *read_sequence(reader *r, size_t depth)
{
	static const char *const tags[] = {"!", YAML_SEQ_TAG, NULL};
	pgm__node *node;

	if (!check_tag(r, r->event.data.sequence_start.tag, tags))
		return NULL;
	node = new_node(r, PGM__SEQUENCE);
	if (!node || !add_anchor(r, r->event.data.sequence_start.anchor, node))
		return NULL;
	node->is_flow = r->event.data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
	node->is_open = true;
	if (!read_items(r, node, depth))
		return NULL;
	node->is_open = false;
	return node;
}

static pgm__node *read_mapping(reader *r, size_t depth)
{
	static const char *const tags[] = {"!", YAML_MAP_TAG, NULL};
	pgm__node *node;

	if (!check_tag(r, r->event.data.mapping_start.tag, tags))
		return NULL;
	node = new_node(r, PGM__MAPPING);
	if (!node || !add_anchor(r, r->event.data.mapping_start.anchor, node))
		return NULL;
	node->is_flow = r->event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
	node->is_open = true;
	if (!read_pairs(r, node, depth))
		return NULL;
	node->is_open = false;
	return node;
}

/* The node that the current event begins. Recursion is bounded by the depth limit. */
static const pgm__node *read_node(reader *r, size_t depth)
{
	if (!check_depth(r, mark_here(r), depth))
		return NULL;
	switch (r->event.type) {
	case YAML_ALIAS_EVENT:
		return read_alias(r, depth);
	case YAML_SCALAR_EVENT:
		return read_scalar(r);
	case YAML_SEQUENCE_START_EVENT:
		return read_sequence(r, depth);
	case YAML_MAPPING_START_EVENT:
		return read_mapping(r, depth);
	default:
		pgm__yaml_fail(r->name, mark_here(r), r->err, "expected a value");
		return NULL;
	}
}

/* ------------------------------------------------------------------------------------ document */

/* The event after a stream's start or a document's end: a document or nothing more. */
static bool read_stream(reader *r)
{
	if (!next_event(r) || !next_event(r))
		return false;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return true;
	if (!next_event(r))
		return false;
	r->tree->root = read_node(r, 1);
	if (!r->tree->root || !next_event(r) || !next_event(r))
		return false;
	return r->event.type == YAML_STREAM_END_EVENT ||
	       pgm__yaml_fail(r->name, mark_here(r), r->err, "expected one document, found a second one");
}

static void free_reader(reader *r)
{
	yaml_event_delete(&r->event);
	yaml_parser_delete(&r->parser);
	for (size_t i = 0; i < r->nanchors; i++)
		pgm__secret_free(r->anchors[i].name); /* `password: &abc`: not meant as a name */
	free(r->anchors);
}

bool pgm__yaml_parse(pgm__yaml *yaml, const char *text, size_t len, const char *name, pgm_error *err)
{
	reader r = {.input = (const unsigned char *)text, .input_len = len, .name = name, .err = err, .tree = yaml};
	bool ok;

	*yaml = (pgm__yaml){0};
	if (len > PGM__YAML_MAX_BYTES)
		return pgm__fail(err, PGM_ERR_CONFIG, "%s: expected at most %zu bytes, found %zu", name,
				 PGM__YAML_MAX_BYTES, len);
	if (!yaml_parser_initialize(&r.parser))
		return nomem(&r);
	yaml_parser_set_input_string(&r.parser, r.input, len);
	ok = read_stream(&r);
	free_reader(&r);
	if (!ok)
		pgm__yaml_free(yaml);
	return ok;
}

void pgm__yaml_free(pgm__yaml *yaml)
{
	pgm__node *next;

	for (pgm__node *node = yaml->nodes; node; node = next) {
		next = node->next;
		pgm__secret_free(node->text);
		free(node->pairs);
		free(node);
	}
	*yaml = (pgm__yaml){0};
}
