#include "connection/server_message.h"

#include <ctype.h>
#include <string.h>

#define SQLSTATE_LEN 5

typedef struct span {
	const char *text;
	size_t len;
} span;

static bool is_sqlstate(const char *p)
{
	for (int i = 0; i < SQLSTATE_LEN; i++)
		if (!isdigit((unsigned char)p[i]) && !(p[i] >= 'A' && p[i] <= 'Z'))
			return false;
	return true;
}

/* The "28P01: " in "FATAL:  28P01: words": five characters between ":  " and ": ". NULL if there is none. */
static const char *find_sqlstate(span line)
{
	static const size_t need = 3 + SQLSTATE_LEN + 2;

	for (size_t i = 0; i + need <= line.len; i++) {
		const char *p = line.text + i;

		if (memcmp(p, ":  ", 3) == 0 && memcmp(p + 3 + SQLSTATE_LEN, ": ", 2) == 0 && is_sqlstate(p + 3))
			return p + 3;
	}
	return NULL;
}

/* "LOCATION:  auth_failed, auth.c:338", its first word in any language. */
static bool is_location(span line)
{
	size_t i = line.len;

	while (i > 0 && isdigit((unsigned char)line.text[i - 1]))
		i--;
	return i < line.len && i >= 3 && memcmp(line.text + i - 3, ".c:", 3) == 0 &&
	       memchr(line.text, ',', line.len) != NULL;
}

static bool next_line(const char **at, span *line)
{
	const char *p = *at + strspn(*at, " \t\r\n");

	if (*p == '\0')
		return false;
	line->text = p;
	line->len = strcspn(p, "\n");
	*at = p + line->len;
	while (line->len > 0 && isspace((unsigned char)p[line->len - 1]))
		line->len--;
	return true;
}

static bool came_before(const char *raw, span line)
{
	span earlier;

	while (next_line(&raw, &earlier) && earlier.text < line.text)
		if (earlier.len == line.len && memcmp(earlier.text, line.text, line.len) == 0)
			return true;
	return false;
}

typedef struct sink {
	char *text;
	size_t size, len;
} sink;

static void add(sink *to, const char *text, size_t len)
{
	size_t room = to->size - 1 - to->len;

	if (len > room)
		len = room;
	memcpy(to->text + to->len, text, len);
	to->len += len;
	to->text[to->len] = '\0';
}

static void add_line(sink *to, span line, char sqlstate[6])
{
	const char *state = find_sqlstate(line);

	if (to->len > 0)
		add(to, "; ", 2);
	if (!state) {
		add(to, line.text, line.len);
		return;
	}
	memcpy(sqlstate, state, SQLSTATE_LEN);
	sqlstate[SQLSTATE_LEN] = '\0';
	add(to, line.text, (size_t)(state - line.text) - 1); /* up to one of the two blanks */
	state += SQLSTATE_LEN + 2;
	add(to, state, line.len - (size_t)(state - line.text));
}

void pgm__server_message(const char *raw, char *text, size_t size, char sqlstate[6])
{
	const char *at = raw;
	sink to = {text, size, 0};
	span line;

	text[0] = '\0';
	sqlstate[0] = '\0';
	while ((to.len == 0 || to.len + 1 < size) && next_line(&at, &line))
		if (!is_location(line) && !came_before(raw, line))
			add_line(&to, line, sqlstate);
}

pgm_code pgm__connect_code(const char *sqlstate)
{
	return strncmp(sqlstate, "28", 2) == 0 || strcmp(sqlstate, "3D000") == 0 ? PGM_ERR_AUTH : PGM_ERR_CONNECT;
}
