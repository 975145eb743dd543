#include "base/log.h"
#include "unit/captured_log.h"
#include "unit/cmocka_all.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static void levels_above_the_threshold_are_not_delivered(void **state)
{
	(void)state;
	start_capture();
	pgm_set_log(PGM_LOG_WARNING, capture, &captured);
	pgm__log(PGM_LOG_INFO, "no");
	assert_int_equal(captured.count, 0);
	assert_false(pgm__log_wanted(PGM_LOG_INFO));
	pgm__log(PGM_LOG_WARNING, "yes %d", 1);
	pgm__log(PGM_LOG_ERROR, "yes %d", 2);
	assert_string_equal(captured.all, "yes 1\nyes 2\n");
	assert_int_equal(captured.level, PGM_LOG_ERROR);
	pgm_set_log(PGM_LOG_NONE, capture, &captured);
	pgm__log(PGM_LOG_ERROR, "no");
	assert_int_equal(captured.count, 2);
}

static void a_message_is_one_line_and_keeps_errno(void **state)
{
	(void)state;
	start_capture();
	errno = ENOENT;
	pgm__log(PGM_LOG_INFO, "first\nsecond\n");
	assert_string_equal(captured.last, "first; second");
	assert_int_equal(errno, ENOENT);
}

/* What fn writes to stderr. Owner: the caller. */
static char *stderr_of(void (*fn)(void))
{
	char *text = calloc(1, 4096);
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);

	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	fn();
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	text[fread(text, 1, 4095, file)] = '\0';
	fclose(file);
	return text;
}

static void log_one_of_each(void)
{
	pgm_set_log(PGM_LOG_WARNING, NULL, NULL);
	pgm__log(PGM_LOG_ERROR, "bad");
	pgm__log(PGM_LOG_WARNING, "odd");
	pgm__log(PGM_LOG_INFO, "not shown");
}

static void without_a_receiver_warnings_and_errors_go_to_stderr(void **state)
{
	char *text = stderr_of(log_one_of_each);

	(void)state;
	assert_string_equal(text, "pgmonkey: error: bad\npgmonkey: warning: odd\n");
	free(text);
}

/* Two receivers, each with an argument that only it may get. */
static int first_arg, second_arg;
static atomic_int mixed, delivered;

static void first_receiver(pgm_log_level level, const char *message, void *arg)
{
	(void)level, (void)message;
	atomic_fetch_add(&delivered, 1);
	if (arg != &first_arg)
		atomic_fetch_add(&mixed, 1);
}

static void second_receiver(pgm_log_level level, const char *message, void *arg)
{
	(void)level, (void)message;
	atomic_fetch_add(&delivered, 1);
	if (arg != &second_arg)
		atomic_fetch_add(&mixed, 1);
}

static void *log_much(void *arg)
{
	for (int i = 0; i < 20000; i++)
		pgm__log(PGM_LOG_ERROR, "message %d", i);
	return arg;
}

static void a_receiver_never_gets_the_argument_of_another(void **state)
{
	pthread_t threads[4];

	(void)state;
	pgm_set_log(PGM_LOG_ERROR, first_receiver, &first_arg);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_much, NULL), 0);
	for (int i = 0; i < 20000; i++)
		pgm_set_log(PGM_LOG_ERROR, i % 2 ? first_receiver : second_receiver, i % 2 ? &first_arg : &second_arg);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(mixed, 0);
	assert_int_equal(delivered, 80000);
}

static void log_again(pgm_log_level level, const char *message, void *arg)
{
	int *depth = arg;

	(void)level;
	if (++*depth == 1) {
		pgm_set_log(PGM_LOG_ERROR, log_again, depth);
		pgm__log(PGM_LOG_ERROR, "%s", message);
	}
}

static void a_receiver_may_log_and_change_the_receiver(void **state)
{
	int depth = 0;

	(void)state;
	pgm_set_log(PGM_LOG_ERROR, log_again, &depth);
	pgm__log(PGM_LOG_ERROR, "x");
	assert_int_equal(depth, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_above_the_threshold_are_not_delivered),
		cmocka_unit_test(a_message_is_one_line_and_keeps_errno),
		cmocka_unit_test(without_a_receiver_warnings_and_errors_go_to_stderr),
		cmocka_unit_test(a_receiver_never_gets_the_argument_of_another),
		cmocka_unit_test(a_receiver_may_log_and_change_the_receiver),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
