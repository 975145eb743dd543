#include "tools/server/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

bool pgm__address_parse(const char *text, pgm__address *out)
{
	char copy[INET6_ADDRSTRLEN];
	size_t len = strcspn(text, "%");

	*out = (pgm__address){0};
	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!text[len] && inet_pton(AF_INET, copy, out->bytes) == 1)
		out->len = 4;
	else if (inet_pton(AF_INET6, copy, out->bytes) == 1)
		out->len = 16;
	return out->len > 0;
}

bool pgm__address_matches(const pgm__address *a, const pgm__address *b, const pgm__address *mask)
{
	if (a->len != b->len || mask->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if ((a->bytes[i] ^ b->bytes[i]) & mask->bytes[i])
			return false;
	return true;
}

bool pgm__address_equal(const pgm__address *a, const pgm__address *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool pgm__address_is_loopback(const pgm__address *address)
{
	static const unsigned char six[16] = {[15] = 1};

	return address->len == 4 ? address->bytes[0] == 127 : memcmp(address->bytes, six, sizeof(six)) == 0;
}

int pgm__mask_bits(const pgm__address *mask)
{
	int bits = 0, total = 8 * (int)mask->len;

	while (bits < total && mask->bytes[bits / 8] & (0x80 >> bits % 8))
		bits++;
	for (int i = bits; i < total; i++)
		if (mask->bytes[i / 8] & (0x80 >> i % 8))
			return -1;
	return bits;
}

/* What stands behind the "/", or all bits if nothing does. */
static bool read_bits(const char *text, int most, int *bits)
{
	char *end;
	long number = strtol(text, &end, 10);

	*bits = (int)number;
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && number <= most;
}

bool pgm__cidr_normal(const char *text, char *out, size_t size)
{
	size_t len = strcspn(text, "/");
	char copy[INET6_ADDRSTRLEN], shown[INET6_ADDRSTRLEN];
	pgm__address address;
	int bits;

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (!pgm__address_parse(copy, &address))
		return false;
	bits = 8 * (int)address.len;
	if (text[len] && !read_bits(text + len + 1, bits, &bits))
		return false;
	inet_ntop(address.len == 4 ? AF_INET : AF_INET6, address.bytes, shown, sizeof(shown));
	return (size_t)snprintf(out, size, "%s/%d", shown, bits) < size;
}
