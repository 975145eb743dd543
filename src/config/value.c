/* What a text means as the value of a setting. Pure. */
#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "base/strbuf.h"
#include "config/setting.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *no, *yes;
} booleans[] = {{"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}};

#define NBOOLEANS (sizeof(booleans) / sizeof(booleans[0]))

static bool parse_boolean(const char *text, int64_t *number)
{
	for (size_t i = 0; i < NBOOLEANS; i++) {
		*number = strcasecmp(text, booleans[i].yes) == 0;
		if (*number || strcasecmp(text, booleans[i].no) == 0)
			return true;
	}
	return false;
}

static bool parse_choice(const pgm__setting *row, const char *text, int64_t *number)
{
	for (*number = 0; row->choices[*number]; ++*number)
		if (strcmp(text, row->choices[*number]) == 0)
			return true;
	return false;
}

/* Decimal digits and nothing else: 010 is ten, and 1e3, 0x1F, 1:30 and 5.0 are no whole numbers. */
static bool parse_number(const pgm__setting *row, const char *text, int64_t *number)
{
	size_t len = strspn(text, "0123456789");

	*number = 0;
	if (!len || text[len])
		return false;
	for (; *text && *number <= row->max; text++)
		*number = *number * 10 + (*text - '0');
	return *number >= row->min && *number <= row->max;
}

bool pgm__setting_parse(const pgm__setting *row, const char *text, int64_t *number)
{
	int64_t ignored;

	if (!number)
		number = &ignored;
	switch (row->type) {
	case PGM__NUMBER:
		return parse_number(row, text, number);
	case PGM__BOOLEAN:
		return parse_boolean(text, number);
	case PGM__CHOICE:
		return parse_choice(row, text, number);
	case PGM__TEXT:
	case PGM__SECRET:
		break;
	}
	*number = 0;
	return true;
}

static void describe_number(const pgm__setting *row, char *buf, size_t size)
{
	if (row->max == INT32_MAX)
		snprintf(buf, size, "a whole number from %d to 2^31-1%s%s", (int)row->min, row->unit ? ", in " : "",
			 row->unit ? row->unit : "");
	else
		snprintf(buf, size, "a whole number from %d to %d", (int)row->min, (int)row->max);
}

static void describe_boolean(char *buf, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < NBOOLEANS && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s/%s", i ? ", " : "", booleans[i].yes,
					booleans[i].no);
}

static void describe_choice(const pgm__setting *row, char *buf, size_t size)
{
	size_t len = (size_t)snprintf(buf, size, "one of");

	for (size_t i = 0; row->choices[i] && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s %s", i ? "," : "", row->choices[i]);
}

void pgm__setting_describe(const pgm__setting *row, char *buf, size_t size)
{
	switch (row->type) {
	case PGM__NUMBER:
		describe_number(row, buf, size);
		break;
	case PGM__BOOLEAN:
		describe_boolean(buf, size);
		break;
	case PGM__CHOICE:
		describe_choice(row, buf, size);
		break;
	case PGM__TEXT:
	case PGM__SECRET:
		snprintf(buf, size, "a text");
		break;
	}
}

/* Measured with PostgreSQL 15's set_config: bytes above ASCII are letters, and a part may be longer than the 63
 * bytes of an SQL identifier. */
static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

bool pgm__guc_name_valid(const char *name)
{
	bool starts = true; /* a part of the name begins here */

	for (; *name; name++) {
		if (starts ? !is_letter(*name) : !is_letter(*name) && !strchr("0123456789$.", *name))
			return false;
		starts = *name == '.';
	}
	return !starts;
}
