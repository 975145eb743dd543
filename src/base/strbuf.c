#include "base/strbuf.h"

#include "base/secret.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 64

/* As realloc, but a secret buffer leaves no copy behind. */
static char *resize(pgm__strbuf *buf, size_t capacity)
{
	char *text;

	if (!buf->secret)
		return realloc(buf->text, capacity);
	text = malloc(capacity);
	if (!text)
		return NULL;
	if (buf->text)
		memcpy(text, buf->text, buf->len + 1);
	pgm__secret_wipe(buf->text, buf->capacity);
	free(buf->text);
	return text;
}

char *pgm__strbuf_room(pgm__strbuf *buf, size_t len)
{
	size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;
	char *text;

	if (buf->failed)
		return NULL;
	if (len >= SIZE_MAX / 4 || buf->len >= SIZE_MAX / 4) {
		buf->failed = true;
		return NULL;
	}
	while (capacity <= buf->len + len)
		capacity *= 2;
	if (capacity != buf->capacity) {
		text = resize(buf, capacity);
		buf->failed = !text;
		if (!text)
			return NULL;
		buf->text = text;
		buf->capacity = capacity;
		buf->text[buf->len] = '\0';
	}
	return buf->text + buf->len;
}

void pgm__strbuf_add(pgm__strbuf *buf, const char *text, size_t len)
{
	char *room = pgm__strbuf_room(buf, len);

	if (!room)
		return;
	if (len)
		memcpy(room, text, len);
	buf->len += len;
	buf->text[buf->len] = '\0';
}

void pgm__strbuf_puts(pgm__strbuf *buf, const char *text)
{
	pgm__strbuf_add(buf, text, strlen(text));
}

void pgm__strbuf_printf(pgm__strbuf *buf, const char *fmt, ...)
{
	va_list args;
	char *room;
	int len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	room = len < 0 ? NULL : pgm__strbuf_room(buf, (size_t)len);
	if (!room) {
		buf->failed = true;
		return;
	}
	va_start(args, fmt);
	vsnprintf(room, (size_t)len + 1, fmt, args);
	va_end(args);
	buf->len += (size_t)len;
}

char *pgm__strbuf_take(pgm__strbuf *buf)
{
	char *text;

	if (!buf->failed && !buf->text)
		pgm__strbuf_add(buf, "", 0);
	if (buf->failed) {
		pgm__strbuf_free(buf);
		return NULL;
	}
	text = buf->text;
	*buf = (pgm__strbuf){.secret = buf->secret};
	return text;
}

void pgm__strbuf_free(pgm__strbuf *buf)
{
	if (buf->secret)
		pgm__secret_wipe(buf->text, buf->capacity);
	free(buf->text);
	*buf = (pgm__strbuf){.secret = buf->secret};
}
