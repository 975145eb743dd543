/*
 * Several connections that read one table in parts, and write it as one would: under one snapshot, by ranges of blocks, in
 * their order. Whoever has the part whose turn it is writes it; the others keep theirs until then, so much of it as they
 * may, and take the next. So all are at work, and memory is bounded whatever the rows.
 */
#ifndef PGM_TOOLS_CSV_PARALLEL_H
#define PGM_TOOLS_CSV_PARALLEL_H

#include "tools/csv/copy_out.h"
#include "tools/csv/snapshot.h"
#include "tools/csv/source.h"

/*
 * copy: its session is the first of the connections, in a transaction with the shared snapshot; its out is where all of
 * it goes, by one thread at a time; its rows are kept up to date, and its session's go_on is asked, by the calling thread
 * alone. Errors: those of pgm__copy_out_run and of opening a session.
 */
bool pgm__csv_parallel_run(pgm__copy_out *copy, const pgm__csv_source *source, pgm__csv_snapshot *snapshot,
			   const pgm_config *config, int jobs, pgm_error *err);

#endif
