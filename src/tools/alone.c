#include "tools/alone.h"

#include <stddef.h>

PGconn *pgm__connect_alone(const pgm_config *config, pgm_manager **manager, pgm_error *err)
{
	const pgm_open_options how = {.size = sizeof(how), .type = PGM_NORMAL};
	pgm_db *db;
	PGconn *conn;

	*manager = pgm_manager_new(err);
	db = *manager ? pgm_manager_open(*manager, config, &how, err) : NULL;
	conn = db ? pgm_acquire(db, err) : NULL;
	if (!conn) {
		pgm_manager_free(*manager);
		*manager = NULL;
	}
	return conn;
}
