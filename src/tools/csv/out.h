/* Bytes on their way out: a buffer, and what to do with it when it is full. */
#ifndef PGM_TOOLS_CSV_OUT_H
#define PGM_TOOLS_CSV_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct pgm__csv_out pgm__csv_out;
struct pgm__csv_out {
	char *next, *end; /* the room that is left */
	/*
	 * Takes away what is there, or adds to the room: at least one byte must be free then. Where it cannot, it sets
	 * failed and throws away what is there, so that those who write need not look before the end.
	 */
	void (*full)(pgm__csv_out *out);
	bool failed;
};

static inline void pgm__csv_put(pgm__csv_out *out, const char *bytes, size_t len)
{
	size_t room = (size_t)(out->end - out->next);

	while (len > room) {
		memcpy(out->next, bytes, room);
		out->next += room;
		bytes += room;
		len -= room;
		out->full(out);
		room = (size_t)(out->end - out->next);
	}
	memcpy(out->next, bytes, len);
	out->next += len;
}

static inline void pgm__csv_put_byte(pgm__csv_out *out, char byte)
{
	if (out->next == out->end)
		out->full(out);
	*out->next++ = byte;
}

#endif
