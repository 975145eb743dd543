#include "tools/csv/encoding.h"

#include <stddef.h>
#include <strings.h>

bool pgm__csv_encoding_is_utf8(const char *encoding)
{
	static const char *const names[] = {"UTF-8", "UTF8", "UTF_8", "UTF-8-SIG", "UTF_8_SIG"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(encoding, names[i]) == 0)
			return true;
	return false;
}

static iconv_t open_named(const char *encoding, bool from_utf8)
{
	return from_utf8 ? iconv_open(encoding, "UTF-8") : iconv_open("UTF-8", encoding);
}

iconv_t pgm__csv_encoding_open(const char *encoding, bool from_utf8)
{
	char name[48];
	size_t n = 0;
	iconv_t found = open_named(encoding, from_utf8);

	if (found != PGM__NO_ICONV)
		return found;
	for (; *encoding && n + 1 < sizeof(name); encoding++)
		if (*encoding != '_' && *encoding != '-')
			name[n++] = *encoding;
	name[n] = '\0';
	return open_named(name, from_utf8);
}
