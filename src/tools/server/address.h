/* Numeric addresses and their masks, as pg_hba.conf compares them. */
#ifndef PGM_TOOLS_SERVER_ADDRESS_H
#define PGM_TOOLS_SERVER_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct pgm__address {
	size_t len; /* 4 or 16 bytes */
	unsigned char bytes[16];
} pgm__address;

/* The zone of a link-local one ("fe80::1%eth0") is left away. False: not numeric. */
bool pgm__address_parse(const char *text, pgm__address *out);

/* Is a equal to b under b's mask? Never if they are of different families. The mask may have holes. */
bool pgm__address_matches(const pgm__address *a, const pgm__address *b, const pgm__address *mask);

bool pgm__address_equal(const pgm__address *a, const pgm__address *b);
bool pgm__address_is_loopback(const pgm__address *address);

/* The number of leading ones; -1 if other ones follow. */
int pgm__mask_bits(const pgm__address *mask);

/* "10.1.2.0/24" or "10.1.2.3" in the server's spelling, always with its mask's length. False: it is neither. */
bool pgm__cidr_normal(const char *text, char *out, size_t size);

#endif
