#ifdef __APPLE__
#define _DARWIN_C_SOURCE
#endif
#define _XOPEN_SOURCE 700 /* nftw */

#include "pgtest_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static char **kept;
static size_t nkept;
static char *folder;
static pid_t folder_owner;
static const pgtest_server *chosen;
static bool registered;

/* ------------------------------------------------------------------------------------- the end */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	remove(path);
	return 0;
}

/* A forked child leaves the parent's folder alone. */
static void remove_folder(void)
{
	if (folder && folder_owner == getpid())
		nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void pgtest_die(const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("pgtest: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputs("\n", stderr);
	/* Not exit(): this may be any thread, with the library's handles in any state. */
	remove_folder();
	_exit(99);
}

/* A child forked while another thread was in here finds the lock free. */
static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

static void register_handlers_locked(void)
{
	if (registered)
		return;
	registered = true;
	if (atexit(remove_folder) != 0 || pthread_atfork(before_fork, after_fork, after_fork) != 0)
		pgtest_die("atexit or pthread_atfork failed");
}

/* -------------------------------------------------------------------------------------- strings */

void *pgtest__must(void *memory)
{
	if (!memory)
		pgtest_die("out of memory");
	return memory;
}

static const char *keep_locked(char *text)
{
	register_handlers_locked();
	kept = pgtest__must(realloc(kept, (nkept + 1) * sizeof(*kept)));
	return kept[nkept++] = pgtest__must(text);
}

const char *pgtest_keep(char *text)
{
	pthread_mutex_lock(&lock);
	keep_locked(text);
	pthread_mutex_unlock(&lock);
	return text;
}

char *pgtest__vformat(const char *fmt, va_list args)
{
	va_list again;
	char *text;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		pgtest_die("bad format: %s", fmt);
	text = pgtest__must(malloc((size_t)len + 1));
	vsnprintf(text, (size_t)len + 1, fmt, args);
	return text;
}

const char *pgtest_format(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = pgtest__vformat(fmt, args);
	va_end(args);
	return pgtest_keep(text);
}

char *pgtest__copy(const char *text, size_t len)
{
	char *out = pgtest__must(malloc(len + 1));

	memcpy(out, text, len);
	out[len] = '\0';
	return out;
}

/* --------------------------------------------------------------------------------------- server */

const char *pgtest_env(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		pgtest_die("%s is not set: run the tests through ctest or tests/support/server.sh with COMMAND", name);
	return value;
}

static pgtest_server from_environment;
static pthread_once_t environment_once = PTHREAD_ONCE_INIT;

static void read_environment(void)
{
	from_environment = (pgtest_server){
		.host = pgtest_env("PGM_TEST_HOST"),
		.port = pgtest_env("PGM_TEST_PORT"),
		.socketdir = pgtest_env("PGM_TEST_SOCKETDIR"),
		.user = pgtest_env("PGM_TEST_USER"),
		.password = pgtest_env("PGM_TEST_PASSWORD"),
		.dbname = pgtest_env("PGM_TEST_DBNAME"),
		.superuser = pgtest_env("PGM_TEST_SUPERUSER"),
		.superuser_password = pgtest_env("PGM_TEST_SUPERUSER_PASSWORD"),
		.datadir = pgtest_env("PGM_TEST_DATADIR"),
		.log = pgtest_env("PGM_TEST_LOG"),
		.dir = pgtest_env("PGM_TEST_DIR"),
	};
}

static const pgtest_server *server_now_locked(void)
{
	pthread_once(&environment_once, read_environment);
	return chosen ? chosen : &from_environment;
}

const pgtest_server *pgtest_server_now(void)
{
	const pgtest_server *server;

	pthread_mutex_lock(&lock);
	server = server_now_locked();
	pthread_mutex_unlock(&lock);
	return server;
}

void pgtest_use(const pgtest_server *server)
{
	pthread_mutex_lock(&lock);
	chosen = server;
	pthread_mutex_unlock(&lock);
}

/* ---------------------------------------------------------------------------------------- files */

static void make_folder_locked(void)
{
	pthread_once(&environment_once, read_environment);
	register_handlers_locked();
	/* In the server's folder: should this program be killed, it goes with the server. */
	folder = pgtest__must(malloc(strlen(from_environment.dir) + sizeof("/t.XXXXXX")));
	sprintf(folder, "%s/t.XXXXXX", from_environment.dir);
	/* A private cluster below it belongs to another user, who must get through. */
	if (!mkdtemp(folder) || chmod(folder, 0755) != 0)
		pgtest_die("cannot make the folder %s: %s", folder, strerror(errno));
	keep_locked(folder);
	folder_owner = getpid();
}

const char *pgtest_dir(void)
{
	pthread_mutex_lock(&lock);
	if (!folder || folder_owner != getpid())
		make_folder_locked();
	pthread_mutex_unlock(&lock);
	return folder;
}

const char *pgtest_file(const char *name, const char *content)
{
	const char *path = pgtest_format("%s/%s", pgtest_dir(), name);
	size_t len = strlen(content);
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, content, len) != (ssize_t)len || close(fd) != 0)
		pgtest_die("cannot write %s: %s", path, strerror(errno));
	return path;
}
