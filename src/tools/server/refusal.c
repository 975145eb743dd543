#include "tools/server/refusal.h"

#include "tools/server/address.h"

#include <string.h>

static const char *const phrases[] = {"no pg_hba.conf entry for ", "pg_hba.conf rejects "};

static const char *find_phrase(const char *message)
{
	for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		const char *found = strstr(message, phrases[i]);

		if (found)
			return found + strlen(phrases[i]);
	}
	return NULL;
}

bool pgm__refusal_by_hba(const char *message)
{
	return find_phrase(message) != NULL;
}

bool pgm__refusal_address(const char *message, char *out, size_t size)
{
	const char *found = find_phrase(message), *host = found ? strstr(found, "host \"") : NULL;
	pgm__address address;
	size_t len;

	if (!host)
		return false;
	host += strlen("host \"");
	len = strcspn(host, "\"");
	if (len >= size)
		return false;
	memcpy(out, host, len);
	out[len] = '\0';
	return pgm__address_parse(out, &address);
}
