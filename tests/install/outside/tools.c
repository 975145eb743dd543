/* A stranger's program that uses the tools: an import that says what is missing, without a server. */
#include <pgmonkey/tools.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	const pgm_csv_import_options options = {.size = sizeof(options), .file = "no-such-file.csv"};
	bool written;
	pgm_error err;

	if (pgm_csv_look(&options, &written, &err) || !strstr(err.message, "no-such-file.csv"))
		return 1;
	printf("pgmonkey %s\n", pgm_version());
	return 0;
}
