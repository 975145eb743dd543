#include "connection/due.h"

#include "base/log.h"
#include "connection/connect.h"
#include "connection/look.h"

/* ----------------------------------------------------------------------------------- opening */

static void finish_connector(pgm_db *db, int32_t slot, pgm__connector *c)
{
	pgm_error err;

	if (pgm__connector_progress(c) == PGM__CONNECTED) {
		pgm__db_adopt(db, slot, c, NULL, &err);
		return;
	}
	pgm__db_connect_failed(db, slot, c, &err);
	if (err.code != PGM_ERR_CLOSED)
		pgm__log(PGM_LOG_INFO, "a connection could not be opened: %s", err.message);
}

static bool is_through(const pgm__connector *c)
{
	return pgm__connector_progress(c) == PGM__CONNECTED || pgm__connector_progress(c) == PGM__CONNECT_FAILED;
}

static void open_slot(pgm_db *db, int32_t slot)
{
	pgm__connector *c = pgm__connector_new(db->settings, &db->hooks);

	pgm__db_lock(db);
	db->place[slot].connector = c;
	pgm__db_unlock(db);
	if (!c) {
		pgm__db_cannot_connect(db, slot, NULL);
		return;
	}
	pgm__connector_step(c);
	if (is_through(c))
		finish_connector(db, slot, c);
}

void pgm__db_go_on_connecting(pgm_db *db, int32_t slot, bool is_ready)
{
	pgm__connector *c = db->place[slot].connector; /* the driver's own while it is OPENING */

	if (!is_ready && pgm__clock_now() < pgm__connector_deadline(c))
		return;
	pgm__connector_step(c);
	if (is_through(c))
		finish_connector(db, slot, c);
}

/* ---------------------------------------------------------------------------- opening, closing */

pgm__due pgm__db_do_due(pgm_db *db)
{
	pgm__lease *lease = NULL;
	pgm__loan loan;
	bool leaks = false;
	pgm__due due;

	pgm__db_lock(db);
	due = pgm__slots_due(&db->slots, pgm__clock_now());
	pgm__db_wake_locked(db); /* it may have given up, and told the waiters */
	if (due.what == PGM__DUE_CLOSE)
		lease = db->place[due.slot].lease;
	else if (due.what == PGM__DUE_REPORT)
		leaks = pgm__db_leaks_locked(db, due.slot, &loan);
	pgm__db_unlock(db);
	if (due.what == PGM__DUE_OPEN)
		open_slot(db, due.slot);
	else if (lease)
		pgm__db_close_lease(db, lease, true);
	else if (leaks)
		pgm__report_leak(&loan);
	return due;
}

/* ------------------------------------------------------------------------- the idle ones */

bool pgm__lease_is_misused(const pgm__lease *lease)
{
	return PQstatus(lease->conn) == CONNECTION_OK && PQtransactionStatus(lease->conn) != PQTRANS_IDLE;
}

void pgm__db_look_at(pgm_db *db, int32_t slot)
{
	pgm__lease *lease = NULL;
	pgm_error why;
	bool kept = true;

	pgm__db_lock(db);
	if (pgm__slots_check(&db->slots, slot))
		lease = db->place[slot].lease;
	pgm__db_unlock(db);
	if (!lease)
		return;
	if (!pgm__lease_is_misused(lease) && !pgm__look(lease->conn, &why)) {
		pgm__db_drop(db, lease, &why);
		return;
	}
	pgm__db_lock(db);
	kept = pgm__slots_check_done(&db->slots, slot, pgm__clock_now());
	pgm__db_wake_locked(db);
	pgm__db_unlock(db);
	if (!kept)
		pgm__db_close_lease(db, lease, true);
}
