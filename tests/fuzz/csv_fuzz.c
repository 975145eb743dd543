/*
 * CSV of whatever bytes, in blocks of whatever size: the splitter gives what the slow and obvious way gives, and the rows
 * made from it are as many, in messages that fit. The first byte chooses delimiter, quote and the blocks.
 */
#include "tools/csv/rows.h"
#include "unit/csv_reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static size_t next_block(void *arg)
{
	uint32_t *state = arg;

	*state = *state * 1664525u + 1013904223u;
	return 1 + (*state >> 16) % (1 + (*state >> 8) % 64);
}

static bool count_rows(pgm__csv_rows *rows, bool at_end, void *arg, pgm_error *err)
{
	size_t *count = arg;

	(void)err;
	must(rows->text->len > 0 && rows->text->len <= PGM__COPY_MESSAGE_MAX);
	must(!at_end || rows->text->bytes[rows->text->len - 1] == '\n');
	for (size_t i = 0; i < rows->text->len; i++)
		*count += rows->text->bytes[i] == '\n';
	return true;
}

/* With as many columns as the first record has, so that some go through. */
static void make_rows(const char *text, size_t len, char delimiter, char quote, size_t ncolumns)
{
	static pgm__copy_text message;
	size_t count = 0, n;
	uint64_t sent = 0;
	pgm__line_map lines = {0};
	pgm__csv_rows rows = {.name = "fuzz.csv",
			      .delimiter = delimiter,
			      .quote = quote,
			      .ncolumns = ncolumns,
			      .null_string = "ab",
			      .on_message = count_rows,
			      .arg = &count,
			      .text = &message,
			      .lines = &lines,
			      .sent = &sent};
	char *block = calloc(1, len + PGM__COPY_SLACK);
	pgm__csv_splitter s;
	pgm__csv_piece pieces[16];
	pgm_error err;
	bool ok = true;

	must(block != NULL);
	memcpy(block, text, len);
	pgm__copy_text_init(&message, delimiter);
	pgm__csv_splitter_init(&s, delimiter, quote);
	pgm__csv_splitter_give(&s, block, len);
	while (ok && (n = pgm__csv_splitter_next(&s, pieces, 16)) > 0)
		ok = pgm__csv_rows_add(&rows, block, len, pieces, n, &err);
	if (ok && pgm__csv_splitter_end(&s, pieces))
		ok = pgm__csv_rows_add(&rows, block, len, pieces, 1, &err);
	if (ok && !s.fault)
		must(pgm__csv_rows_end(&rows, &err) && count == rows.rows);
	pgm__line_map_free(&lines);
	free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char delimiters[] = ",;\t|";
	const char *text = (const char *)data + 1;
	uint32_t state = size ? data[0] : 0;
	char delimiter = delimiters[state % 4], quote = state & 32 ? '\'' : '"';
	char *slow, *fast;

	if (size < 2)
		return 0;
	slow = reference_split(text, size - 1, delimiter, quote);
	fast = splitter_split(text, size - 1, delimiter, quote, 16 + state % 17, next_block, &state);
	must(slow && fast && strcmp(slow, fast) == 0);
	make_rows(text, size - 1, delimiter, quote, 1 + state % 4);
	free(slow);
	free(fast);
	return 0;
}
