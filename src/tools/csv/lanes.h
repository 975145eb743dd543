/*
 * One or several connections that take the rows of one file, in turn: whole rows go to whichever has sent what it had. One
 * thread serves them all, so that the lines of the file stay known.
 */
#ifndef PGM_TOOLS_CSV_LANES_H
#define PGM_TOOLS_CSV_LANES_H

#include "tools/csv/copy_in.h"
#include "tools/csv/rows.h"

typedef struct pgm__csv_lane {
	pgm__csv_session session;
	pgm__copy_in copy;
	bool unsent; /* libpq holds something of its last message */
} pgm__csv_lane;

typedef struct pgm__csv_lanes {
	/* Set before, for every session. */
	bool (*go_on)(void *arg);
	void *arg;

	pgm__csv_lane *lane; /* the first one also does all that is not COPY */
	size_t n;
	size_t current; /* where the next message goes */
} pgm__csv_lanes;

/* Connects the first lane of n, at most PGM_CSV_JOBS_MAX, and begins a transaction on it. Errors: those of
 * pgm__csv_session_open, _QUERY, _NOMEM. */
bool pgm__csv_lanes_open(pgm__csv_lanes *lanes, size_t n, const pgm_config *config, pgm_error *err);

/* A new transaction on the first one, after a commit. */
bool pgm__csv_lanes_begin_again(pgm__csv_lanes *lanes, pgm_error *err);

/* Connects the others, each with a transaction. */
bool pgm__csv_lanes_open_others(pgm__csv_lanes *lanes, const pgm_config *config, pgm_error *err);

/* Ends what is under way, closes all connections. A zeroed one is harmless, and twice is. */
void pgm__csv_lanes_close(pgm__csv_lanes *lanes);

/* Begins the COPY on every lane; like is what pgm__copy_in_begin wants, without the session. */
bool pgm__csv_lanes_begin(pgm__csv_lanes *lanes, const char *sql, const pgm__copy_in *like, pgm_error *err);

/* Sends the message of rows and, where a row ends, chooses the lane for the next. Errors: those of a COPY. */
bool pgm__csv_lanes_send(pgm__csv_lanes *lanes, pgm__csv_rows *rows, bool at_end, pgm_error *err);

/* While there is nothing to send: sends on what is left, and fails if a server has said no meanwhile. */
bool pgm__csv_lanes_listen(pgm__csv_lanes *lanes, pgm_error *err);

/* Where the rows go now. */
void pgm__csv_lanes_show(const pgm__csv_lanes *lanes, pgm__csv_rows *rows);

/* The end of the rows. *rows: by the servers' count, *sent: by ours. */
bool pgm__csv_lanes_end(pgm__csv_lanes *lanes, int64_t *rows, int64_t *sent, pgm_error *err);

/* Commits on every lane. */
bool pgm__csv_lanes_commit(pgm__csv_lanes *lanes, pgm_error *err);

#endif
