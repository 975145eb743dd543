/* What may be submitted, told from the first words. */
#include "connection/statement_kind.h"

#include "cmocka_all.h"

#include <stdio.h>

typedef struct sample {
	const char *sql;
	pgm__statement_kind kind;
} sample;

static const sample samples[] = {
	{"", PGM__STATEMENT_PLAIN},
	{"   \n\t", PGM__STATEMENT_PLAIN},
	{"SELECT 1", PGM__STATEMENT_PLAIN},
	{"(SELECT 1) UNION (SELECT 2)", PGM__STATEMENT_PLAIN},
	{"WITH copy AS (SELECT 1) SELECT * FROM copy", PGM__STATEMENT_PLAIN},
	{"INSERT INTO begin VALUES (1)", PGM__STATEMENT_PLAIN},
	{"ALTER SYSTEM SET work_mem = '4MB'", PGM__STATEMENT_PLAIN},
	{"CREATE TABLE temp (i int)", PGM__STATEMENT_PLAIN},
	{"CREATE OR REPLACE VIEW temporary AS SELECT 1", PGM__STATEMENT_PLAIN},
	{"settings", PGM__STATEMENT_PLAIN},
	{"set_config", PGM__STATEMENT_PLAIN},
	{"beginning_of_something_long", PGM__STATEMENT_PLAIN},
	{"\"begin\"", PGM__STATEMENT_PLAIN},
	{"NOTIFY somebody", PGM__STATEMENT_PLAIN},
	{"CALL set()", PGM__STATEMENT_PLAIN},
	{"COPY t FROM STDIN", PGM__STATEMENT_COPY},
	{"copy(select 1) to stdout", PGM__STATEMENT_COPY},
	{"BEGIN", PGM__STATEMENT_TRANSACTION},
	{"bEgIn;", PGM__STATEMENT_TRANSACTION},
	{";; begin", PGM__STATEMENT_TRANSACTION},
	{"\f\v START TRANSACTION READ ONLY", PGM__STATEMENT_TRANSACTION},
	{"COMMIT", PGM__STATEMENT_TRANSACTION},
	{"END", PGM__STATEMENT_TRANSACTION},
	{"ROLLBACK TO SAVEPOINT a", PGM__STATEMENT_TRANSACTION},
	{"ABORT", PGM__STATEMENT_TRANSACTION},
	{"SAVEPOINT a", PGM__STATEMENT_TRANSACTION},
	{"RELEASE a", PGM__STATEMENT_TRANSACTION},
	{"LOCK TABLE t", PGM__STATEMENT_TRANSACTION},
	{"DECLARE c CURSOR FOR SELECT 1", PGM__STATEMENT_TRANSACTION},
	{"-- why\nBEGIN", PGM__STATEMENT_TRANSACTION},
	{"-- why\r\n-- and why\r\nBEGIN", PGM__STATEMENT_TRANSACTION},
	{"/* why */BEGIN", PGM__STATEMENT_TRANSACTION},
	{"/* outer /* inner */ still outer BEGIN */ COMMIT", PGM__STATEMENT_TRANSACTION},
	{"/* outer /* inner */ SELECT */ SELECT 1", PGM__STATEMENT_PLAIN},
	{"/* never ends BEGIN", PGM__STATEMENT_PLAIN},
	{"/**/", PGM__STATEMENT_PLAIN},
	{"/*/ BEGIN", PGM__STATEMENT_PLAIN},
	{"-- BEGIN", PGM__STATEMENT_PLAIN},
	{"/", PGM__STATEMENT_PLAIN},
	{"-", PGM__STATEMENT_PLAIN},
	{"SET search_path TO a", PGM__STATEMENT_SESSION},
	{"set/**/role x", PGM__STATEMENT_SESSION},
	{"RESET ALL", PGM__STATEMENT_SESSION},
	{"DISCARD ALL", PGM__STATEMENT_SESSION},
	{"LISTEN a", PGM__STATEMENT_SESSION},
	{"UNLISTEN *", PGM__STATEMENT_SESSION},
	{"PREPARE a AS SELECT 1", PGM__STATEMENT_SESSION},
	{"DEALLOCATE ALL", PGM__STATEMENT_SESSION},
	{"LOAD 'x'", PGM__STATEMENT_SESSION},
	{"CREATE TEMP TABLE a (i int)", PGM__STATEMENT_SESSION},
	{"create /* */ local -- x\n temporary table a (i int)", PGM__STATEMENT_SESSION},
	{"CREATE OR REPLACE TEMP VIEW a AS SELECT 1", PGM__STATEMENT_SESSION},
};

static void the_first_words_tell(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
		if (pgm__statement_kind_of(samples[i].sql) != samples[i].kind)
			fail_msg("\"%s\" is taken for %d", samples[i].sql, pgm__statement_kind_of(samples[i].sql));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_words_tell)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
