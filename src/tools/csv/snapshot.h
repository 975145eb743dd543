/* The transaction that an export reads in, alone or together with others. */
#ifndef PGM_TOOLS_CSV_SNAPSHOT_H
#define PGM_TOOLS_CSV_SNAPSHOT_H

#include "tools/csv/session.h"

typedef struct pgm__csv_snapshot {
	bool visible_rows; /* row-level security may hide rows; without, the server refuses where it would */
	bool shared;	   /* others are to see the same rows */
	char id[64];	   /* "": nobody exported one yet */
} pgm__csv_snapshot;

/*
 * Begins it, with settings that end with it: as visible_rows says; a dump may take its time; a scan begins at the table's
 * beginning though another one is under way. If it is shared, the first one fills id and the others take that up; the
 * first one's transaction must last until they have. Errors: _QUERY, _BROKEN.
 */
bool pgm__csv_snapshot_begin(pgm__csv_snapshot *snapshot, pgm__csv_session *session, pgm_error *err);

#endif
