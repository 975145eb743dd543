/* ------------------------------------------------------------------------------ the YAML file */

#define MAX_SETTINGS 100

/* Two lists that belong together, ended by NULL, as libpq takes them. */
typedef struct settings {
	const char *names[MAX_SETTINGS + 1], *values[MAX_SETTINGS + 1];
	int count;
} settings;

typedef struct config {
	yaml_document_t yaml;	      /* holds all texts */
	settings connection, session; /* libpq's keywords; what is set on each connection */
	bool autocommit;
	int max_size, timeout; /* of the pool; seconds */
} config;

static bool is_text(const yaml_node_t *node, const char *text)
{
	return node && node->type == YAML_SCALAR_NODE && strcmp((const char *)node->data.scalar.value, text) == 0;
}

/* Nothing, ~ or null: as if the key were not there. */
static bool is_null(const yaml_node_t *node)
{
	return !node || (node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
			 (is_text(node, "") || is_text(node, "~") || is_text(node, "null") || is_text(node, "Null") ||
			  is_text(node, "NULL")));
}

/* The value of a key in a mapping, or NULL. */
static yaml_node_t *find(yaml_document_t *yaml, const yaml_node_t *mapping, const char *key)
{
	if (!mapping || mapping->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = mapping->data.mapping.pairs.start; p < mapping->data.mapping.pairs.top; p++)
		if (is_text(yaml_document_get_node(yaml, p->key), key))
			return yaml_document_get_node(yaml, p->value);
	return NULL;
}

static bool is_one_of(const char *text, const char *const *words)
{
	while (*words && strcasecmp(text, *words) != 0)
		words++;
	return *words;
}

static bool is_yes(const char *text)
{
	static const char *const words[] = {"true", "yes", "on", "1", NULL};

	return is_one_of(text, words);
}

/* The file has true and false where libpq wants 1 and 0. */
static const char *as_libpq_wants(const char *name, const char *value)
{
	static const char *const switches[] = {"keepalives", "sslsni", NULL};

	return is_one_of(name, switches) ? is_yes(value) ? "1" : "0" : value;
}

/* One key of a section. An empty value is no value, but for a password. */
static bool add_setting(settings *s, const yaml_node_t *name, const yaml_node_t *value)
{
	if (name->type != YAML_SCALAR_NODE || value->type != YAML_SCALAR_NODE || s->count == MAX_SETTINGS) {
		fprintf(stderr, "line %zu: expected a key and one value, and at most %d of them\n",
			name->start_mark.line + 1, MAX_SETTINGS);
		return false;
	}
	if (is_text(name, "autocommit") || is_null(value) || (is_text(value, "") && !is_text(name, "password")))
		return true;
	s->names[s->count] = (const char *)name->data.scalar.value;
	s->values[s->count] = as_libpq_wants(s->names[s->count], (const char *)value->data.scalar.value);
	s->count++;
	return true;
}

static bool read_section(yaml_document_t *yaml, const yaml_node_t *root, const char *name, settings *s)
{
	const yaml_node_t *section = find(yaml, root, name);

	if (is_null(section))
		return true;
	if (section->type != YAML_MAPPING_NODE) {
		fprintf(stderr, "line %zu: expected %s to be a mapping\n", section->start_mark.line + 1, name);
		return false;
	}
	for (yaml_node_pair_t *p = section->data.mapping.pairs.start; p < section->data.mapping.pairs.top; p++)
		if (!add_setting(s, yaml_document_get_node(yaml, p->key), yaml_document_get_node(yaml, p->value)))
			return false;
	return true;
}

/* A whole number from min on; what is not there is left as it is. */
static bool read_number(yaml_document_t *yaml, const yaml_node_t *section, const char *key, int min, int *number)
{
	const yaml_node_t *node = find(yaml, section, key);
	const char *text = node && node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
	char *end = NULL;
	long value;

	if (is_null(node) || is_text(node, ""))
		return true;
	errno = 0;
	value = strtol(text, &end, 10);
	if (end == text || *end || errno || value < min || value > INT_MAX) {
		fprintf(stderr, "line %zu: expected %s to be a whole number from %d on\n", node->start_mark.line + 1,
			key, min);
		return false;
	}
	*number = (int)value;
	return true;
}

static bool read_document(config *c)
{
	yaml_document_t *yaml = &c->yaml;
	const yaml_node_t *root = yaml_document_get_root_node(yaml), *legacy = find(yaml, root, "postgresql");
	const yaml_node_t *pool, *autocommit;

	if (legacy) /* files of older programs */
		root = legacy;
	pool = find(yaml, root, POOL_SECTION);
	autocommit = find(yaml, find(yaml, root, "connection_settings"), "autocommit");
	c->max_size = 20;
	c->timeout = 30;
	c->autocommit = autocommit && autocommit->type == YAML_SCALAR_NODE &&
			is_yes((const char *)autocommit->data.scalar.value);
	return read_section(yaml, root, "connection_settings", &c->connection) &&
	       read_section(yaml, root, SESSION_SECTION, &c->session) &&
	       read_number(yaml, pool, "max_size", 1, &c->max_size) &&
	       read_number(yaml, pool, "timeout", 0, &c->timeout);
}

/* On success the caller frees it by yaml_document_delete(&c->yaml). */
static bool read_config(config *c, const char *path)
{
	FILE *file = fopen(path, "rb");
	yaml_parser_t parser;
	bool ok = false;

	if (!file) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return false;
	}
	if (!yaml_parser_initialize(&parser)) {
		fprintf(stderr, "out of memory\n");
		fclose(file);
		return false;
	}
	yaml_parser_set_input_file(&parser, file);
	if (!yaml_parser_load(&parser, &c->yaml)) {
		fprintf(stderr, "%s:%zu: %s\n", path, parser.problem_mark.line + 1,
			parser.problem ? parser.problem : "not to be read");
	} else {
		ok = read_document(c);
		if (!ok) {
			fprintf(stderr, "%s cannot be used\n", path);
			yaml_document_delete(&c->yaml);
		}
	}
	yaml_parser_delete(&parser);
	fclose(file);
	return ok;
}
