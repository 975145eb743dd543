/*
 * Whatever is in a table comes back: a thousand random tables are exported, the files imported into tables of the same
 * columns, and both compared, row by row as text, in which NULL and '' differ. Types, names, values, and how the file is
 * written are drawn by lot.
 *
 * PGM_MODEL_SEED=n replays, PGM_ROUNDTRIPS=n sets how many.
 */
#include "handles.h"
#include "pgmonkey/csv.h"
#include "support/cluster.h"

#include <inttypes.h>
#include <unistd.h>

enum { MOST_COLUMNS = 8, MOST_ROWS = 12, BATCH = 50 };

/* ---------------------------------------------------------------------------------- by lot */

static uint64_t random_state;

static unsigned below(unsigned limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)((random_state >> 11) % limit);
}

/* A growing text; what is too long for it ends the test. */
typedef struct text {
	char bytes[65536];
	size_t len;
} text;

static void add(text *t, const char *bytes, size_t len)
{
	if (t->len + len >= sizeof(t->bytes))
		pgtest_die("a statement of more than %zu bytes", sizeof(t->bytes));
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
	t->bytes[t->len] = '\0';
}

static void put(text *t, const char *fmt, ...) PGTEST_PRINTF(2);
static void put(text *t, const char *fmt, ...)
{
	char line[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	add(t, line, strlen(line));
}

static void add_code_point(text *t, unsigned code)
{
	char bytes[4];
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

	for (size_t i = len; i-- > 1; code >>= 6)
		bytes[i] = (char)(0x80 | (code & 0x3f));
	bytes[0] = (char)(len == 1 ? code : (0xf00U >> len & 0xf0) | code);
	add(t, bytes, len);
}

/* From any of the seventeen planes: no NUL, no surrogate, no byte order mark. */
static unsigned any_code_point(void)
{
	unsigned code;

	do
		code = below(17) * 0x10000 + below(0x10000);
	while (code == 0 || (code >= 0xd800 && code < 0xe000) || code == 0xfeff);
	return code;
}

/* A text of what CSV, COPY and SQL might trip over. */
static void any_text(text *t)
{
	static const char *const whole[] = {"",	  "\\.", "\\N",	    "NULL", "null", "-",    "\"",	"\"\"",
					    ",",  "\n",	 "\r\n",    "\r",   "\t",   " ",    "\\",	"\\\\.",
					    "''", "a\n", "\n\\.\n", "\\\"", "#",    "\x01", "5\" disk", ";"};
	static const char special[] = "\\\"',;|\t\n\r~NULl.- \b\f\v";
	unsigned length = below(3) ? below(12) : below(120);

	if (below(4) == 0) {
		const char *one = whole[below(sizeof(whole) / sizeof(whole[0]))];

		add(t, one, strlen(one));
		return;
	}
	for (unsigned i = 0; i < length; i++)
		switch (below(6)) {
		case 0:
			add(t, &special[below(sizeof(special) - 1)], 1);
			break;
		case 1:
			add_code_point(t, any_code_point());
			break;
		default:
			add_code_point(t, 'a' + below(26));
		}
}

/* ------------------------------------------------------------------------------------ values */

static void add_literal(text *sql, const text *value)
{
	char *quoted = PQescapeLiteral(pgtest_admin(), value->bytes, value->len);

	if (quoted)
		add(sql, quoted, strlen(quoted));
	else
		pgtest_die("%s", PQerrorMessage(pgtest_admin()));
	PQfreemem(quoted);
}

static void text_value(text *sql)
{
	text value = {.len = 0};

	any_text(&value);
	add_literal(sql, &value);
}

static void short_value(text *sql)
{
	text value = {.len = 0};
	unsigned length = below(6);

	for (unsigned i = 0; i < length; i++)
		add_code_point(&value, below(2) ? any_code_point() : ' ' + below(95));
	add_literal(sql, &value);
}

static void json_value(text *sql)
{
	put(sql, "json_build_object('a', left(");
	text_value(sql);
	put(sql, ", 20), 'b', ARRAY[%u, NULL])", below(1000));
}

static void array_value(text *sql)
{
	put(sql, "ARRAY[");
	for (unsigned i = below(4); i-- > 0;) {
		text_value(sql);
		put(sql, ",");
	}
	put(sql, "NULL]::text[]");
}

static void bytes_value(text *sql)
{
	put(sql, "'\\x");
	for (unsigned i = below(20); i-- > 0;)
		put(sql, "%02x", below(256));
	put(sql, "'::bytea");
}

static void number_value(text *sql)
{
	static const char *const whole[] = {"0",	  "-1",	   "'NaN'",
					    "'Infinity'", "1e-30", "12345678901234567890.123456789"};

	if (below(3) == 0)
		put(sql, "%s", whole[below(6)]);
	else
		put(sql, "%s%u.%u", below(2) ? "-" : "", below(1000000), below(1000000));
}

static void float_value(text *sql)
{
	if (below(8) == 0)
		put(sql, "'%s'", (const char *const[]){"NaN", "-Infinity", "Infinity", "-0", "1e-300"}[below(5)]);
	else
		put(sql, "%u / %u.0", below(1000000), 1 + below(1000));
}

static void integer_value(text *sql)
{
	put(sql, "%d", (int)below(60000) - 30000);
}

static void boolean_value(text *sql)
{
	put(sql, "%s", below(2) ? "true" : "false");
}

static void date_value(text *sql)
{
	if (below(10) == 0)
		put(sql, "'%s'", (const char *const[]){"infinity", "-infinity", "0044-03-15 BC"}[below(3)]);
	else
		put(sql, "date '1900-01-01' + %u", below(100000));
}

static void moment_value(text *sql)
{
	put(sql, "timestamp '2000-02-29 12:34:56.789' + %u * interval '1.000001 hours'", below(1000000));
}

static void time_value(text *sql)
{
	put(sql, "time '00:00:00.000001' + %u * interval '1 second'", below(86000));
}

static void interval_value(text *sql)
{
	put(sql, "interval '%d months %d days %u.%06u seconds'", (int)below(99) - 50, (int)below(99) - 50, below(9999),
	    below(1000000));
}

static void uuid_value(text *sql)
{
	put(sql, "md5('%u')::uuid", below(1000000));
}

static void address_value(text *sql)
{
	put(sql, "inet '%u.%u.0.%u/%u'", below(256), below(256), below(256), below(33));
}

static void range_value(text *sql)
{
	put(sql, "int4range(%u, %u, '(]')", below(100), 100 + below(100));
}

static void point_value(text *sql)
{
	put(sql, "point(%u, %u.5)", below(100), below(100));
}

static void bits_value(text *sql)
{
	put(sql, "%u::bit(16)::bit varying", below(65536));
}

static void xml_value(text *sql)
{
	put(sql, "xmlelement(name a, left(translate(");
	short_value(sql);
	put(sql, ", E'\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\\x0b\\x0c\\x0e\\x0f', ''), 10))");
}

static void ints_value(text *sql)
{
	put(sql, "ARRAY[[%u, NULL], [%u, 3]]", below(100), below(100));
}

static const struct type {
	const char *name;
	void (*value)(text *sql);
} types[] = {
	{"text", text_value},	       {"text", text_value},	    {"varchar", text_value},
	{"varchar(6)", short_value},   {"char(6)", short_value},    {"json", json_value},
	{"jsonb", json_value},	       {"text[]", array_value},	    {"bytea", bytes_value},
	{"numeric", number_value},     {"float8", float_value},	    {"float4", integer_value},
	{"int2", integer_value},       {"int4", integer_value},	    {"int8", integer_value},
	{"boolean", boolean_value},    {"date", date_value},	    {"timestamp", moment_value},
	{"timestamptz", moment_value}, {"time", time_value},	    {"interval", interval_value},
	{"uuid", uuid_value},	       {"inet", address_value},	    {"int4range", range_value},
	{"point", point_value},	       {"bit varying", bits_value}, {"xml", xml_value},
	{"int[]", ints_value},
};

#define NTYPES (sizeof(types) / sizeof(types[0]))

/* ------------------------------------------------------------------------------------ tables */

typedef struct table {
	int number, columns;
	unsigned rows;
	const struct type *type[MOST_COLUMNS];
	char name[MOST_COLUMNS][64];
	bool headers;
} table;

/* Some plain, some of 63 bytes, some that need quotes wherever they go. The number makes them differ. */
static void any_name(char name[64], int number)
{
	text t = {.len = 0};
	unsigned kind = below(4), most = kind == 3 ? 62 : 8;

	put(&t, "%c", 'a' + number);
	while (kind > 0 && t.len < most) {
		text next = {.len = 0};

		if (kind == 1)
			add_code_point(&next, below(3) ? 'a' + below(26) : 'A' + below(26));
		else if (below(3) == 0)
			add_code_point(&next, any_code_point());
		else
			add(&next, &"\"', ;|\n\\.%$-ABZ"[below(15)], 1);
		if (t.len + next.len > 63)
			break;
		add(&t, next.bytes, next.len);
	}
	memcpy(name, t.bytes, t.len + 1);
}

static void add_columns(text *sql, const table *t)
{
	for (int i = 0; i < t->columns; i++) {
		char *quoted = PQescapeIdentifier(pgtest_admin(), t->name[i], strlen(t->name[i]));

		put(sql, "%s%s %s", i ? ", " : "", quoted, t->type[i]->name);
		PQfreemem(quoted);
	}
}

static void add_rows(text *sql, const table *t)
{
	for (unsigned r = 0; r < t->rows; r++) {
		put(sql, "INSERT INTO rt.a%d VALUES (", t->number);
		for (int i = 0; i < t->columns; i++) {
			if (i > 0)
				put(sql, ",");
			if (below(5) == 0)
				put(sql, "NULL");
			else
				t->type[i]->value(sql);
		}
		put(sql, ");");
	}
}

/* rt.aN with rows, and rt.bN without. */
static void make_table(table *t, int number)
{
	static text sql;

	*t = (table){.number = number,
		     .columns = 1 + (int)below(MOST_COLUMNS),
		     .rows = below(10) ? below(MOST_ROWS) : 0,
		     .headers = true};
	for (int i = 0; i < t->columns; i++) {
		t->type[i] = &types[below(NTYPES)];
		any_name(t->name[i], i);
	}
	sql.len = 0;
	put(&sql, "CREATE TABLE rt.a%d (", number);
	add_columns(&sql, t);
	put(&sql, "); CREATE TABLE rt.b%d (", number);
	add_columns(&sql, t);
	/* The file lacks it, and the server computes it again. */
	if (below(5) == 0)
		put(&sql,
		    "); ALTER TABLE rt.a%d ADD gen int GENERATED ALWAYS AS (17) STORED; "
		    "ALTER TABLE rt.b%d ADD gen int GENERATED ALWAYS AS (17) STORED; ",
		    number, number);
	else
		put(&sql, ");");
	add_rows(&sql, t);
	pgtest_exec("%s", sql.bytes);
}

/* ------------------------------------------------------------------------------------- files */

static const char *any_of(const char *const *list, unsigned count)
{
	return list[below(count)];
}

/* Half of the files are written as the export chooses, the others as their settings file says. */
static void choose_settings(table *t, const char *path)
{
	static const char *const delimiters[] = {",", ";", "|", "\\t", " ", "~", "x", "1"};
	static const char *const encodings[] = {"UTF-8", "UTF-16LE", "UTF-16BE", "UTF-16", "GB18030", "UTF-32LE"};
	static const char *const nulls[] = {"NULL", "\\N", "nil", "-"};
	FILE *file;

	unlink(path);
	if (below(2))
		return;
	file = fopen(path, "w");
	if (!file)
		pgtest_die("cannot write %s", path);
	/* A file with nothing in it is refused. */
	t->headers = below(4) > 0 || t->rows == 0;
	fprintf(file, "delimiter: '%s'\nquotechar: '%s'\nencoding: %s\nhas_headers: %s\n", any_of(delimiters, 8),
		below(3) ? "\"" : "''", any_of(encodings, 6), t->headers ? "true" : "false");
	/* In the file of one column an empty NULL would be a blank line. */
	if (t->columns == 1 || below(2))
		fprintf(file, "null_string: '%s'\n", any_of(nulls, 4));
	fclose(file);
}

static bool compare(const table *t)
{
	return strcmp(pgtest_query(
			      "SELECT (SELECT string_agg(r::text, chr(1) ORDER BY ctid) FROM rt.a%d r) IS NOT DISTINCT "
			      "FROM (SELECT string_agg(r::text, chr(1) ORDER BY ctid) FROM rt.b%d r)",
			      t->number, t->number),
		      "t") == 0;
}

static bool there_and_back(const table *t, const pgm_config *config, const char *csv, pgm_error *err)
{
	pgm_csv_export_options out = {.size = sizeof(out), .table = pgtest_format("rt.a%d", t->number), .file = csv};
	pgm_csv_import_options in = {.size = sizeof(in), .table = pgtest_format("rt.b%d", t->number), .file = csv};
	pgm_csv_result sent, read;

	if (!pgm_csv_export(config, &out, &sent, err) || !pgm_csv_import(config, &in, &read, err))
		return false;
	if (sent.rows != read.rows || sent.bytes != read.bytes || !compare(t)) {
		snprintf(err->message, sizeof(err->message), "the tables differ: %" PRId64 " rows out, %" PRId64 " in",
			 sent.rows, read.rows);
		return false;
	}
	return true;
}

static void every_table_comes_back_as_it_was(void **state)
{
	const char *seed_given = getenv("PGM_MODEL_SEED"), *count_given = getenv("PGM_ROUNDTRIPS");
	uint64_t seed = seed_given ? strtoull(seed_given, NULL, 10) : 20240229;
	int count = count_given ? atoi(count_given) : getenv("PGM_TEST_SLOW") ? 100 : 1000;
	const char *csv = pgtest_format("%s/rt.csv", pgtest_dir()), *yaml = pgtest_format("%s/rt.yaml", pgtest_dir());
	pgm_config *config = pgtest_config("host='%s' user=%s !password", pgtest_server_now()->socketdir,
					   pgtest_server_now()->superuser);

	(void)state;
	print_message("seed %" PRIu64 ", %d tables\n", seed, count);
	for (int i = 0; i < count; i++) {
		pgm_error err;
		table t;

		random_state = (seed + (uint64_t)i) * 0x9e3779b97f4a7c15 | 1;
		make_table(&t, i);
		choose_settings(&t, yaml);
		if (!there_and_back(&t, config, csv, &err))
			fail_msg("table %d: %s (%s)", i, err.message, csv);
		if (i % BATCH == BATCH - 1)
			pgtest_exec("SET client_min_messages = error; DROP SCHEMA rt CASCADE; CREATE SCHEMA rt");
	}
	pgm_config_free(config);
}

/* A server to which one logs in for nothing: a thousand times two logins. */
static cluster *own;

static int start_server(void **state)
{
	(void)state;
	pgm_set_log(PGM_LOG_ERROR, NULL, NULL);
	own = cluster_start("max_locks_per_transaction = 256", "local all all trust");
	pgtest_use(cluster_server(own));
	pgtest_exec("CREATE SCHEMA rt");
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	pgtest_use(NULL);
	cluster_stop(own);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_table_comes_back_as_it_was),
	};

	return cmocka_run_group_tests_name("csv_roundtrip", tests, start_server, stop_server);
}
