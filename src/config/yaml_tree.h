/*
 * A YAML text as a small tree: values stay text, keys keep their order, and everything knows its place.
 * Knows nothing of settings. Safe with hostile input: the limits are applied while the parser's events
 * arrive, and count what aliases and merge keys stand for. No message holds any text of the input, which
 * may be a password (of `password: *abc`, abc is the name of an alias).
 */
#ifndef PGM_CONFIG_YAML_TREE_H
#define PGM_CONFIG_YAML_TREE_H

#include "base/error.h"

#define PGM__YAML_MAX_BYTES ((size_t)1 << 20)
#define PGM__YAML_MAX_DEPTH 32
#define PGM__YAML_MAX_NODES 10000

/* A place in the text, both from 1; columns count characters. Line 0: no place. */
typedef struct pgm__mark {
	int line, column;
} pgm__mark;

typedef enum pgm__node_kind { PGM__SCALAR, PGM__SEQUENCE, PGM__MAPPING } pgm__node_kind;

typedef struct pgm__node pgm__node;

/* One entry of a mapping, or with key NULL one item of a sequence. */
typedef struct pgm__pair {
	const pgm__node *key, *value;
} pgm__pair;

/* Aliases share nodes, so this is a graph without cycles; read only. */
struct pgm__node {
	pgm__node_kind kind;
	pgm__mark mark;
	bool is_null;	  /* a scalar: nothing, ~ or null, not in quotes */
	bool is_merge;	  /* a scalar: <<, not in quotes */
	bool is_flow;	  /* written in [] or {} */
	bool is_open;	  /* still being read: an alias to it would be a cycle */
	char *text;	  /* a scalar; no NUL byte inside */
	pgm__pair *pairs; /* of a mapping: merge keys are resolved and gone */
	size_t npairs, capacity;
	size_t weight;	 /* nodes in it, itself included, aliases counted in full */
	size_t height;	 /* levels in it, itself included */
	pgm__node *next; /* in the tree's list of all nodes */
};

typedef struct pgm__yaml {
	const pgm__node *root; /* NULL: the text holds no document */
	pgm__node *nodes;
} pgm__yaml;

/*
 * Reads the one document of a text; name stands for the file in messages. Owner: the caller,
 * pgm__yaml_free; nothing to free on failure. Errors: _CONFIG ("name:line:column: ..."), _NOMEM.
 */
bool pgm__yaml_parse(pgm__yaml *yaml, const char *text, size_t len, const char *name, pgm_error *err);

/* Wipes the texts. */
void pgm__yaml_free(pgm__yaml *yaml);

/* _CONFIG with "name:line:column: " before the text; without a place only the text. Returns false. */
bool pgm__yaml_fail(const char *name, pgm__mark mark, pgm_error *err, const char *fmt, ...) PGM__PRINTF(4, 5);

#endif
