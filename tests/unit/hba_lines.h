/* Rows made from lines as one writes them in pg_hba.conf, for tests. They live until the program ends. */
#ifndef PGM_TESTS_HBA_LINES_H
#define PGM_TESTS_HBA_LINES_H

#include "cmocka_all.h"

#include <arpa/inet.h>
#include <pgmonkey/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HBA_MAX_ROWS 64
#define HBA_MAX_TEXTS 16384

typedef struct hba_rows {
	pgm_hba_row list[HBA_MAX_ROWS];
	size_t count;
} hba_rows;

static char *hba_texts[HBA_MAX_TEXTS];
static size_t hba_ntexts;

static inline void *hba_keep(void *memory)
{
	assert_non_null(memory);
	assert_true(hba_ntexts < HBA_MAX_TEXTS);
	hba_texts[hba_ntexts++] = memory;
	return memory;
}

static inline void hba_free_texts(void)
{
	while (hba_ntexts > 0)
		free(hba_texts[--hba_ntexts]);
}

/* "a,b c": the list {a, b}, and *at on c. */
static inline pgm_hba_tokens hba_field(const char **at)
{
	const char **list = hba_keep(calloc(16, sizeof(*list)));
	pgm_hba_tokens tokens = {list, 0};
	pgm_error err;

	do {
		char *token = pgm_hba_unquote(at, NULL, &err);

		assert_int_equal(err.code, PGM_OK);
		if (!token)
			break;
		list[tokens.count++] = hba_keep(token);
	} while ((*at)[-1] == ',');
	return tokens;
}

static inline const char *hba_word(const char **at)
{
	pgm_hba_tokens tokens = hba_field(at);

	return tokens.count ? tokens.list[0] : NULL;
}

/* The mask of a prefix length, in the way of the view. */
static inline const char *hba_mask(int bits, bool six)
{
	char *text = hba_keep(calloc(1, 64));
	unsigned char bytes[16] = {0};

	for (int i = 0; i < bits; i++)
		bytes[i / 8] |= (unsigned char)(0x80 >> i % 8);
	assert_non_null(inet_ntop(six ? AF_INET6 : AF_INET, bytes, text, 64));
	return text;
}

/* As the view has it: "10.1.2.0/24" is two columns. */
static inline void hba_address(pgm_hba_row *row, const char **at)
{
	char *address = hba_keep(strdup(hba_word(at)));
	char *slash = strchr(address, '/');

	row->address = address;
	if (slash) {
		*slash = '\0';
		row->netmask = hba_mask(atoi(slash + 1), strchr(address, ':') != NULL);
	} else if (address[0] >= '0' && address[0] <= '9') {
		row->netmask = hba_word(at);
	}
}

/* Numbered from the line that was added first. */
static inline void hba_add(hba_rows *rows, const char *line)
{
	pgm_hba_row *row = &rows->list[rows->count++];

	assert_true(rows->count <= HBA_MAX_ROWS);
	*row = (pgm_hba_row){.line = (int)rows->count, .type = hba_word(&line)};
	row->databases = hba_field(&line);
	row->users = hba_field(&line);
	if (strcmp(row->type, "local") != 0)
		hba_address(row, &line);
	row->method = hba_word(&line);
	assert_non_null(row->method);
	row->options.list = hba_keep(calloc(16, sizeof(char *)));
	for (const char *option; (option = hba_word(&line));)
		((const char **)row->options.list)[row->options.count++] = option;
}

#endif
