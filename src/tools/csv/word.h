/* Eight bytes at a time: which of them are a certain one. */
#ifndef PGM_TOOLS_CSV_WORD_H
#define PGM_TOOLS_CSV_WORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PGM__WORD sizeof(uint64_t)
#define PGM__EACH_BYTE(byte) ((uint64_t)(byte)*UINT64_C(0x0101010101010101))

/* The byte at p is the lowest one. */
static inline uint64_t pgm__word_load(const char *p)
{
	uint64_t word;

	memcpy(&word, p, sizeof(word));
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* The same where fewer are left; the others are zero. */
static inline uint64_t pgm__word_load_some(const char *p, size_t len)
{
	char bytes[PGM__WORD] = {0};

	memcpy(bytes, p, len < PGM__WORD ? len : PGM__WORD);
	return pgm__word_load(bytes);
}

/* The top bit of each byte of word that equals the bytes of pattern, and no other bit. */
static inline uint64_t pgm__word_equal(uint64_t word, uint64_t pattern)
{
	const uint64_t low = PGM__EACH_BYTE(0x7F);
	uint64_t differs = word ^ pattern;

	return ~(((differs & low) + low) | differs | low);
}

/* Of such bits, the lowest one's byte. marks must not be 0. */
static inline size_t pgm__word_first(uint64_t marks)
{
	return (size_t)__builtin_ctzll(marks) / 8;
}

#endif
