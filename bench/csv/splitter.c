/* The splitter alone: a file in memory, in blocks as an import reads them. */
#include "splitter.h"

#include "sample.h"
#include "target.h"
#include "tools/csv/splitter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOCK ((size_t)64 * 1024)
#define PIECES 1024
/* So many bytes are split in each round. */
#define ENOUGH ((size_t)1000 * 1000 * 1000)

static char *read_all(const char *path, size_t *len)
{
	FILE *file = fopen(path, "r");
	char *bytes;
	long size;

	if (!file || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) <= 0)
		die("cannot read %s", path);
	rewind(file);
	bytes = malloc((size_t)size);
	if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size)
		die("cannot read %s", path);
	fclose(file);
	*len = (size_t)size;
	return bytes;
}

/* What others do on the machine meanwhile does not count. */
static int64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* How many records there are. */
static uint64_t split(const char *bytes, size_t len)
{
	pgm__csv_splitter splitter;
	pgm__csv_piece pieces[PIECES];
	uint64_t records = 0;
	size_t n;

	pgm__csv_splitter_init(&splitter, ',', '"');
	for (size_t at = 0; at < len; at += BLOCK) {
		pgm__csv_splitter_give(&splitter, bytes + at, len - at < BLOCK ? len - at : BLOCK);
		while ((n = pgm__csv_splitter_next(&splitter, pieces, PIECES)) > 0)
			for (size_t i = 0; i < n; i++)
				records += (pieces[i].flags & PGM__CSV_RECORD_END) != 0;
	}
	if (splitter.fault)
		die("the splitter found a fault in line %llu", (unsigned long long)splitter.fault_line);
	return records;
}

void splitter_measure(const shape *s, const char *path, long rows, int rounds)
{
	sample speed = {.count = 0};
	size_t len;
	char *bytes = read_all(path, &len);

	for (int round = 0; round < rounds; round++) {
		int64_t began = cpu_ns();
		size_t done = 0;

		for (; done < ENOUGH; done += len)
			if (split(bytes, len) != (uint64_t)rows + 1)
				die("the splitter found another number of records than there are");
		sample_add(&speed, (double)done / (double)(cpu_ns() - began));
	}
	printf("%-24s", s->name);
	sample_print(&speed, 2);
	printf("\n");
	free(bytes);
}
