/* JSON (RFC 8259), written piece by piece into a text. The writer sets the commas. */
#ifndef PGM_CLI_JSON_H
#define PGM_CLI_JSON_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct cli_json {
	pgm__strbuf out;
	bool comma; /* the next value needs one before it */
	bool lines; /* each value begins a line; may be set and taken back in between */
	int depth;  /* of open brackets */
} cli_json;

/* key NULL: an item of an array, or the whole. bracket is '{' or '['; close with its partner. */
void cli_json_open(cli_json *j, const char *key, char bracket);
void cli_json_close(cli_json *j, char bracket);

/* text NULL: null. Passwords inside are masked; bytes that are no UTF-8 become U+FFFD. */
void cli_json_text(cli_json *j, const char *key, const char *text);
void cli_json_number(cli_json *j, const char *key, int64_t number);
void cli_json_bool(cli_json *j, const char *key, bool value);
void cli_json_null(cli_json *j, const char *key);

/* Nanoseconds as milliseconds with a fraction. */
void cli_json_ms(cli_json *j, const char *key, int64_t ns);

#endif
