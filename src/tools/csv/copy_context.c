#include "tools/csv/copy_in.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The text within the line, as a whole word; returns what comes behind it. */
static const char *find_word(const char *line, size_t len, const char *word)
{
	size_t word_len = strlen(word);

	for (const char *at = strstr(line, word); at && at + word_len <= line + len; at = strstr(at + 1, word))
		if (!isalnum((unsigned char)at[word_len]))
			return at + word_len;
	return NULL;
}

/* Of several lines one is about our COPY: others are about functions and triggers on the way there. Returns what comes
 * behind the table's name. */
static const char *find_copy(const char *context, const char *relation)
{
	const char *behind = NULL;

	while (!behind && *context) {
		size_t len = strcspn(context, "\n");

		if (find_word(context, len, "COPY"))
			behind = find_word(context, len, relation);
		context += len + (context[len] == '\n');
	}
	return behind;
}

/* What stands behind a column's name: a colon, with a blank in French, of full width in Chinese; or nothing. */
static bool is_behind_name(const char *at)
{
	return strchr(":,\n", *at) || strncmp(at, " :", 2) == 0 || strncmp(at, "\xEF\xBC\x9A", 3) == 0;
}

static const char *longest_name(const char *at, const pgm__csv_columns *columns)
{
	const char *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < columns->n; i++) {
		const char *name = columns->column[i].name;
		size_t len = strlen(name);

		if (len > best_len && strncmp(at, name, len) == 0 && is_behind_name(at + len)) {
			best = name;
			best_len = len;
		}
	}
	return best;
}

/* The first word that is a name; before it there is one for "column". */
static const char *find_column(const char *text, const pgm__csv_columns *columns)
{
	const char *name = NULL;

	while (!name && *text && *text != '\n') {
		if (*text++ == ' ')
			name = longest_name(text, columns);
	}
	return name;
}

const char *pgm__copy_context_read(const char *context, const char *relation, const pgm__csv_columns *columns,
				   uint64_t *row)
{
	const char *at = context ? find_copy(context, relation) : NULL;
	char *behind;

	*row = 0;
	if (!at)
		return NULL;
	at += strcspn(at, "0123456789\n");
	if (!isdigit((unsigned char)*at))
		return NULL;
	*row = strtoull(at, &behind, 10);
	return *behind == ',' || (unsigned char)*behind >= 0x80 ? find_column(behind + 1, columns) : NULL;
}
