#include "connection/statement_kind.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* PostgreSQL manual, section 4.1: comments of the second kind nest. */
static const char *skip_comment(const char *at)
{
	int depth = 1;

	if (at[0] == '-')
		return at + strcspn(at, "\r\n");
	for (at += 2; *at && depth > 0; at++) {
		if (at[0] == '/' && at[1] == '*') {
			depth++;
			at++;
		} else if (at[0] == '*' && at[1] == '/') {
			depth--;
			at++;
		}
	}
	return at;
}

static bool is_letter(char c)
{
	return (unsigned char)((c | ' ') - 'a') < 26;
}

static bool is_word_char(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

/* To where the next word may begin. Empty statements in front of it, and parentheses, change nothing. */
static const char *skip_to_word(const char *at)
{
	while (!is_word_char(*at)) {
		at += strspn(at, " \t\r\n\f\v;(");
		if ((at[0] != '-' || at[1] != '-') && (at[0] != '/' || at[1] != '*'))
			break;
		at = skip_comment(at);
	}
	return at;
}

#define LONGEST_WORD 11 /* DEALLOCATE */

/* The next word, in capitals, with zeros behind it; none where there is none, or a longer one than any that matters. */
static const char *take_word(const char *at, char word[LONGEST_WORD])
{
	size_t len = 0;

	memset(word, 0, LONGEST_WORD);
	at = skip_to_word(at);
	for (; is_word_char(*at); at++, len++)
		if (len < LONGEST_WORD - 1)
			word[len] = (char)(is_letter(*at) ? *at & ~' ' : *at);
	if (len >= LONGEST_WORD)
		word[0] = '\0';
	return at;
}

/* CREATE OR REPLACE LOCAL TEMPORARY and so on. */
static bool creates_temporary(const char *at)
{
	static const char *const before[] = {"OR", "REPLACE", "LOCAL", "GLOBAL"};
	char word[LONGEST_WORD];

	for (;;) {
		bool goes_on = false;

		at = take_word(at, word);
		for (size_t i = 0; i < sizeof before / sizeof *before; i++)
			goes_on = goes_on || strcmp(word, before[i]) == 0;
		if (!goes_on)
			return strcmp(word, "TEMP") == 0 || strcmp(word, "TEMPORARY") == 0;
	}
}

pgm__statement_kind pgm__statement_kind_of(const char *sql)
{
	static const struct {
		char word[LONGEST_WORD]; /* in place, and compared as a whole: this runs for each statement */
		unsigned char kind;	 /* pgm__statement_kind */
	} table[] = {
		{"SELECT", PGM__STATEMENT_PLAIN}, /* the most frequent first */
		{"COPY", PGM__STATEMENT_COPY},		 {"BEGIN", PGM__STATEMENT_TRANSACTION},
		{"START", PGM__STATEMENT_TRANSACTION},	 {"COMMIT", PGM__STATEMENT_TRANSACTION},
		{"END", PGM__STATEMENT_TRANSACTION},	 {"ROLLBACK", PGM__STATEMENT_TRANSACTION},
		{"ABORT", PGM__STATEMENT_TRANSACTION},	 {"SAVEPOINT", PGM__STATEMENT_TRANSACTION},
		{"RELEASE", PGM__STATEMENT_TRANSACTION}, {"LOCK", PGM__STATEMENT_TRANSACTION},
		{"DECLARE", PGM__STATEMENT_TRANSACTION}, {"FETCH", PGM__STATEMENT_TRANSACTION},
		{"MOVE", PGM__STATEMENT_TRANSACTION},	 {"CLOSE", PGM__STATEMENT_TRANSACTION},
		{"SET", PGM__STATEMENT_SESSION},	 {"RESET", PGM__STATEMENT_SESSION},
		{"DISCARD", PGM__STATEMENT_SESSION},	 {"LISTEN", PGM__STATEMENT_SESSION},
		{"UNLISTEN", PGM__STATEMENT_SESSION},	 {"PREPARE", PGM__STATEMENT_SESSION},
		{"EXECUTE", PGM__STATEMENT_SESSION},	 {"DEALLOCATE", PGM__STATEMENT_SESSION},
		{"LOAD", PGM__STATEMENT_SESSION},
	};
	char word[LONGEST_WORD];
	const char *rest = take_word(sql, word);

	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (word[0] == table[i].word[0] && memcmp(word, table[i].word, LONGEST_WORD) == 0)
			return table[i].kind;
	return strcmp(word, "CREATE") == 0 && creates_temporary(rest) ? PGM__STATEMENT_SESSION : PGM__STATEMENT_PLAIN;
}
