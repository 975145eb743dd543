/*
 * Runs a fuzz target where there is no libFuzzer: all files of its corpus, then as many inputs made from them by
 * chance. Linked with NAME_fuzz.c; `make check` runs it, `make fuzz` has the real thing.
 *
 *	NAME_fuzz CORPUS_FOLDER
 *
 * PGM_FUZZ_SEED=n replays, PGM_FUZZ_RUNS=n sets how many.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST_FILES = 256, MOST_BYTES = 8192, ORDINARY_RUNS = 60000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct input {
	uint8_t bytes[MOST_BYTES];
	size_t size;
} input;

static input corpus[MOST_FILES];
static size_t nfiles;
static uint64_t state;

static size_t below(size_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return n ? (size_t)(state >> 16) % n : 0;
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static bool read_corpus(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;
	char path[4096];
	FILE *file;

	while (dir && nfiles < MOST_FILES && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (!file)
			continue;
		corpus[nfiles].size = fread(corpus[nfiles].bytes, 1, MOST_BYTES, file);
		nfiles++;
		fclose(file);
	}
	if (dir)
		closedir(dir);
	return nfiles > 0;
}

/* Puts a piece in at some place, over nothing. */
static void insert(input *in, const uint8_t *piece, size_t size)
{
	size_t at = below(in->size + 1);

	if (in->size + size > MOST_BYTES)
		return;
	memmove(in->bytes + at + size, in->bytes + at, in->size - at);
	memcpy(in->bytes + at, piece, size);
	in->size += size;
}

static void insert_token(input *in)
{
	static const char *const tokens[] = {": ",
					     "- ",
					     "\n",
					     "\n  ",
					     "&a ",
					     "*a",
					     "<<: ",
					     "{",
					     "}",
					     "[",
					     "]",
					     ",",
					     "\"",
					     "'",
					     "|\n",
					     ">\n",
					     "%TAG ! x\n",
					     "!!",
					     "# ",
					     "\t",
					     "? ",
					     "---",
					     "...\n",
					     "\\x",
					     "\r\n",
					     "\r",
					     "\"\"",
					     ",\"",
					     "\",",
					     "\xff",
					     "\xc3\xa9",
					     "null",
					     "~",
					     "0x",
					     "1e9",
					     "true",
					     "99999999999999999999"};
	const char *token = tokens[below(sizeof(tokens) / sizeof(tokens[0]))];

	insert(in, (const uint8_t *)token, strlen(token));
}

static void mutate(input *in)
{
	const input *other = &corpus[below(nfiles)];
	size_t at = below(in->size), length = below(64), from = below(other->size);
	uint8_t byte = (uint8_t)below(256);

	if (length > in->size - at)
		length = in->size - at;
	switch (below(6)) {
	case 0:
		if (in->size > 0)
			in->bytes[at] = byte;
		break;
	case 1:
		insert(in, &byte, 1);
		break;
	case 2:
		memmove(in->bytes + at, in->bytes + at + length, in->size - at - length);
		in->size -= length;
		break;
	case 3:
		insert(in, other->bytes + from, below(other->size - from + 1));
		break;
	default:
		insert_token(in);
	}
}

int main(int argc, char **argv)
{
	uint64_t seed = number_from("PGM_FUZZ_SEED", (uint64_t)time(NULL)),
		 runs = number_from("PGM_FUZZ_RUNS", ORDINARY_RUNS);

	if (argc != 2 || !read_corpus(argv[1])) {
		fprintf(stderr, "usage: %s CORPUS_FOLDER (with files in it)\n", argv[0]);
		return 1;
	}
	printf("PGM_FUZZ_SEED=%" PRIu64 "\n", seed);
	fflush(stdout);
	state = seed * 2 + 1;
	for (size_t i = 0; i < nfiles; i++)
		LLVMFuzzerTestOneInput(corpus[i].bytes, corpus[i].size);
	for (uint64_t run = 0; run < runs; run++) {
		input in = corpus[below(nfiles)];

		for (size_t times = 1 + below(8); times > 0; times--)
			mutate(&in);
		LLVMFuzzerTestOneInput(in.bytes, in.size);
	}
	printf("%zu files, %" PRIu64 " inputs made from them\n", nfiles, runs);
	return 0;
}
