#include "tools/csv/lanes.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define ASK_EVERY_MS 100

/* --------------------------------------------------------------------------------- opening, closing */

/* FREEZE wants a transaction without a snapshot of its own. */
static bool begin(pgm__csv_session *session, pgm_error *err)
{
	return pgm__csv_do(session, "beginning to import", "BEGIN ISOLATION LEVEL READ COMMITTED", err) &&
	       pgm__csv_do(session, "beginning to import", "SET LOCAL statement_timeout = 0", err);
}

static bool open_lane(const pgm__csv_lanes *lanes, pgm__csv_lane *lane, const pgm_config *config, pgm_error *err)
{
	lane->session.go_on = lanes->go_on;
	lane->session.arg = lanes->arg;
	return pgm__csv_session_open(&lane->session, config, err) && begin(&lane->session, err);
}

bool pgm__csv_lanes_open(pgm__csv_lanes *lanes, size_t n, const pgm_config *config, pgm_error *err)
{
	lanes->lane = calloc(n, sizeof(*lanes->lane));
	if (!lanes->lane)
		return pgm__fail_nomem(err, "beginning to import");
	lanes->n = n;
	return open_lane(lanes, &lanes->lane[0], config, err);
}

bool pgm__csv_lanes_begin_again(pgm__csv_lanes *lanes, pgm_error *err)
{
	return begin(&lanes->lane[0].session, err);
}

bool pgm__csv_lanes_open_others(pgm__csv_lanes *lanes, const pgm_config *config, pgm_error *err)
{
	for (size_t i = 1; i < lanes->n; i++)
		if (!open_lane(lanes, &lanes->lane[i], config, err))
			return false;
	return true;
}

void pgm__csv_lanes_close(pgm__csv_lanes *lanes)
{
	for (size_t i = 0; i < lanes->n; i++) {
		pgm__csv_session_close(&lanes->lane[i].session);
		pgm__copy_in_free(&lanes->lane[i].copy);
	}
	free(lanes->lane);
	lanes->lane = NULL;
	lanes->n = 0;
}

/* -------------------------------------------------------------------------------------- sending */

bool pgm__csv_lanes_begin(pgm__csv_lanes *lanes, const char *sql, const pgm__copy_in *like, pgm_error *err)
{
	for (size_t i = 0; i < lanes->n; i++) {
		pgm__csv_lane *lane = &lanes->lane[i];

		lane->copy = *like;
		lane->copy.session = &lane->session;
		if (!pgm__copy_in_begin(&lane->copy, sql, err))
			return false;
	}
	return true;
}

static bool fail_poll(pgm_error *err)
{
	char words[128];

	return pgm__fail(err, PGM_ERR_BROKEN, "waiting for the server: %s",
			 pgm__errno_text(errno, words, sizeof(words)));
}

/* Until one of them can go on, or has something to say; go_on is asked meanwhile. */
static bool wait_for_any(const pgm__csv_lanes *lanes, struct pollfd *fds, pgm_error *err)
{
	int n;

	for (size_t i = 0; i < lanes->n; i++)
		fds[i] = (struct pollfd){.fd = PQsocket(lanes->lane[i].session.conn),
					 .events = (short)(lanes->lane[i].unsent ? POLLIN | POLLOUT : POLLIN)};
	while ((n = poll(fds, (nfds_t)lanes->n, ASK_EVERY_MS)) <= 0) {
		if (n < 0 && errno != EINTR)
			return fail_poll(err);
		if (!lanes->go_on(lanes->arg))
			return pgm__csv_fail_stopped(err);
	}
	return true;
}

/* Sends on whatever can go on. */
static bool go_round(pgm__csv_lanes *lanes, pgm_error *err)
{
	struct pollfd fds[PGM_CSV_JOBS_MAX];

	if (!wait_for_any(lanes, fds, err))
		return false;
	for (size_t i = 0; i < lanes->n; i++) {
		pgm__csv_lane *lane = &lanes->lane[i];

		if (fds[i].revents && !pgm__copy_in_flush(&lane->copy, &lane->unsent, err))
			return false;
	}
	return true;
}

/* One that has sent all; the others first, so that all have their turn. NULL: there is none. */
static pgm__csv_lane *free_lane(pgm__csv_lanes *lanes)
{
	for (size_t i = 1; i <= lanes->n; i++) {
		size_t at = (lanes->current + i) % lanes->n;

		if (!lanes->lane[at].unsent) {
			lanes->current = at;
			return &lanes->lane[at];
		}
	}
	return NULL;
}

void pgm__csv_lanes_show(const pgm__csv_lanes *lanes, pgm__csv_rows *rows)
{
	rows->lines = &lanes->lane[lanes->current].copy.lines;
	rows->sent = &lanes->lane[lanes->current].copy.rows;
}

bool pgm__csv_lanes_send(pgm__csv_lanes *lanes, pgm__csv_rows *rows, bool at_end, pgm_error *err)
{
	pgm__csv_lane *lane = &lanes->lane[lanes->current];

	if (!pgm__copy_in_put(&lane->copy, rows->text->bytes, rows->text->len, err) ||
	    !pgm__copy_in_flush(&lane->copy, &lane->unsent, err))
		return false;
	while (at_end ? !free_lane(lanes) : lane->unsent)
		if (!go_round(lanes, err))
			return false;
	pgm__csv_lanes_show(lanes, rows);
	return true;
}

bool pgm__csv_lanes_listen(pgm__csv_lanes *lanes, pgm_error *err)
{
	for (size_t i = 0; i < lanes->n; i++)
		if (!pgm__copy_in_flush(&lanes->lane[i].copy, &lanes->lane[i].unsent, err))
			return false;
	return true;
}

/* ------------------------------------------------------------------------------------------ end */

/* All are told first, so that they finish side by side. */
bool pgm__csv_lanes_end(pgm__csv_lanes *lanes, int64_t *rows, int64_t *sent, pgm_error *err)
{
	*rows = *sent = 0;
	for (size_t i = 0; i < lanes->n; i++)
		if (!pgm__copy_in_end(&lanes->lane[i].copy, err))
			return false;
	for (size_t i = 0; i < lanes->n; i++) {
		int64_t taken;

		if (!pgm__copy_in_finish(&lanes->lane[i].copy, &taken, err))
			return false;
		*rows += taken;
		*sent += (int64_t)lanes->lane[i].copy.rows;
	}
	return true;
}

bool pgm__csv_lanes_commit(pgm__csv_lanes *lanes, pgm_error *err)
{
	for (size_t i = 0; i < lanes->n; i++)
		if (!pgm__csv_do(&lanes->lane[i].session, "COMMIT", "COMMIT", err))
			return false;
	return true;
}
