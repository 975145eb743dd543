#include "base/file.h"
#include "tools/csv/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_BYTES ((size_t)1 << 20)

bool pgm__csv_settings_read(pgm__csv_settings *settings, const char *path, bool *exists, pgm_error *err)
{
	pgm__strbuf text = {0};
	struct stat st;
	bool ok;

	*exists = access(path, F_OK) == 0 || errno != ENOENT;
	if (!*exists) {
		pgm__csv_settings_init(settings);
		pgm__error_clear(err);
		return true;
	}
	ok = pgm__file_read(path, MAX_BYTES, &text, &st, err) &&
	     pgm__csv_settings_parse(settings, text.text ? text.text : "", text.len, path, err);
	pgm__strbuf_free(&text);
	return ok;
}

/* -------------------------------------------------------------------------------------- writing */

static bool fail_write(const char *path, int errnum, pgm_error *err)
{
	char words[128];

	return pgm__fail(err, PGM_ERR_IO, "cannot write the settings file %s: %s", path,
			 pgm__errno_text(errnum, words, sizeof(words)));
}

/* Beside it under another name, then in its place. */
static bool replace(const char *path, const char *text, pgm_error *err)
{
	pgm__strbuf temporary = {0};
	bool ok = false;
	int fd, errnum = 0;

	pgm__strbuf_printf(&temporary, "%s.%ld.tmp", path, (long)getpid());
	if (temporary.failed)
		return pgm__fail_nomem(err, "writing the settings file");
	fd = open(temporary.text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd >= 0) {
		ok = pgm__file_write(fd, text, strlen(text));
		errnum = errno;
		if (close(fd) != 0 && ok) {
			ok = false;
			errnum = errno;
		}
		if (ok && rename(temporary.text, path) != 0) {
			ok = false;
			errnum = errno;
		}
		if (!ok)
			unlink(temporary.text);
	} else {
		errnum = errno;
	}
	pgm__strbuf_free(&temporary);
	return ok || fail_write(path, errnum, err);
}

bool pgm__csv_settings_may_be_made(const char *path, pgm_error *err)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, slash > path ? (size_t)(slash - path) : 1) : strdup(".");
	bool ok;

	if (!folder)
		return pgm__fail_nomem(err, "looking for the settings file");
	ok = access(folder, W_OK | X_OK) == 0 || fail_write(path, errno, err);
	free(folder);
	return ok;
}

bool pgm__csv_settings_write(const pgm__csv_settings *settings, const char *path, pgm_error *err)
{
	pgm__csv_settings before;
	pgm_error why;
	bool exists, ok;
	char *text;

	if (!pgm__csv_settings_read(&before, path, &exists, &why))
		return pgm__fail(err, why.code == PGM_ERR_CONFIG ? PGM_ERR_MISUSE : why.code,
				 "the settings file is not replaced, it is something else: %s", why.message);
	text = pgm__csv_settings_text(settings);
	if (!text)
		return pgm__fail_nomem(err, "writing the settings file");
	pgm__error_clear(err);
	ok = replace(path, text, err);
	free(text);
	return ok;
}
