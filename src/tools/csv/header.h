/* The first record of a file. */
#ifndef PGM_TOOLS_CSV_HEADER_H
#define PGM_TOOLS_CSV_HEADER_H

#include "tools/csv/columns.h"
#include "tools/csv/reader.h"

/* Reads the first record as the columns' names; the reader stands behind it then. Errors: those of the reader; _IO if
 * there is no record, or one of over 1 MiB. */
bool pgm__csv_header_read(pgm__csv_reader *reader, pgm__csv_columns *columns, pgm_error *err);

/* Adds as many columns without names as the first record has fields, by a look at the reader's first block, which is not
 * used up. Errors: _IO if there is no record, or none that ends in the block. */
bool pgm__csv_header_count(pgm__csv_reader *reader, const pgm__csv_settings *settings, pgm__csv_columns *columns,
			   pgm_error *err);

#endif
