#include "shapes.h"

#include "target.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* A row's numbers, drawn before they are used: in which order arguments are evaluated is the compiler's choice. */
#define DRAWN 32
static uint64_t drawn[DRAWN];

/* xorshift64: the same numbers everywhere. */
static void draw(uint64_t *state)
{
	for (int i = 0; i < DRAWN; i++) {
		*state ^= *state << 13;
		*state ^= *state >> 7;
		*state ^= *state << 17;
		drawn[i] = *state;
	}
}

static unsigned below(int i, unsigned limit)
{
	return (unsigned)(drawn[i] % limit);
}

static const char *word(int i)
{
	static const char *const words[] = {"amber",  "basalt",	 "cedar", "delta",   "ember", "fjord",
					    "garnet", "harbour", "iris",  "juniper", "kelp",  "lagoon",
					    "marsh",  "nectar",	 "opal",  "prairie"};

	return words[below(i, sizeof words / sizeof *words)];
}

/* ------------------------------------------------------------------------------------- shapes */

/* Nothing in it that wants quotes: 30 bytes. */
static void narrow(FILE *to, long number)
{
	fprintf(to, "%ld,%s,%u.%02u,20%02u-%02u-%02u\n", number, word(0), below(1, 1000), below(2, 100), below(3, 30),
		1 + below(4, 12), 1 + below(5, 28));
}

/* Texts in quotes, with delimiters, quotes and line ends in them; NULLs and empty texts: 200 bytes. */
static void wide(FILE *to, long number)
{
	fprintf(to, "%ld,%s,%s %s,\"%s, %s\",%u,,\"\",", number, word(0), word(1), word(2), word(3), word(4),
		below(5, 100000));
	fprintf(to, "\"%s said \"\"%s\"\"\",\"%s\n%s\",%u,%s,%s,%u.%u,", word(6), word(7), word(8), word(9),
		below(10, 1000), word(11), word(12), below(13, 1000), below(14, 10));
	fprintf(to, "%s,\"%s; %s, and %s\",%s,,%016" PRIx64 ",%s %s %s,%u\n", word(15), word(16), word(17), word(18),
		word(19), drawn[20], word(21), word(22), word(23), below(24, 10));
}

/* What a server has to read and check: 115 bytes. */
static void typed(FILE *to, long number)
{
	fprintf(to, "%ld,%" PRIu64 ",%u.%06u,%u.%04u,", number, drawn[0] >> 2, below(1, 100000), below(2, 1000000),
		below(3, 10000), below(4, 10000));
	fprintf(to, "20%02u-%02u-%02u %02u:%02u:%02u.%03u,20%02u-%02u-%02u,%c,", below(5, 30), 1 + below(6, 12),
		1 + below(7, 28), below(8, 24), below(9, 60), below(10, 60), below(11, 1000), below(12, 30),
		1 + below(13, 12), 1 + below(14, 28), below(15, 2) ? 't' : 'f');
	fprintf(to, "%08" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%04" PRIx64 "-%012" PRIx64 "\n", drawn[16] >> 32,
		drawn[16] >> 16 & 0xffff, drawn[16] & 0xffff, drawn[17] >> 48, drawn[17] & 0xffffffffffff);
}

const shape shapes[] = {
	{"narrow", "id int, name text, amount numeric, day date", 5000000, narrow},
	{"wide",
	 "id int, a text, b text, c text, d int, e text, f text, g text, h text, i int, j text, k text, l numeric, "
	 "m text, n text, o text, p text, q text, r text, s int",
	 1000000, wide},
	{"typed",
	 "id int, big bigint, amount double precision, price numeric, at timestamp, day date, ok boolean, key uuid",
	 2000000, typed},
	{0},
};

/* "id int, name text" -> "id,name" */
static void write_header(FILE *to, const char *columns)
{
	for (const char *p = columns; p; p = strchr(p, ',') ? strchr(p, ',') + 2 : NULL)
		fprintf(to, "%s%.*s", p == columns ? "" : ",", (int)strcspn(p, " "), p);
	fputs("\n", to);
}

long long shape_write(const shape *s, const char *path, long rows)
{
	FILE *to = fopen(path, "w");
	uint64_t state = 20240229;
	long long size;

	if (!to)
		die("cannot write %s: %s", path, strerror(errno));
	write_header(to, s->columns);
	for (long i = 1; i <= rows; i++) {
		draw(&state);
		s->row(to, i);
	}
	size = ftell(to);
	if (fclose(to) != 0)
		die("cannot write %s: %s", path, strerror(errno));
	return size;
}
