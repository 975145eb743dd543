#include "connection/events.h"

#include "base/log.h"
#include "connection/db.h"
#include "connection/evented/calls.h"
#include "connection/session.h"

#include <libpq-events.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define RESTORE_WITHIN (5 * PGM__SECOND)

/* PQfinish on a connection of ours: its place is free. The memory of the PGconn is libpq's to free. */
static void on_destroy(pgm__lease *lease)
{
	pgm_db *db = lease->db;
	bool was_lent, counted, last = false;
	char place[160] = " and is not borrowed";

	pgm__registry_remove(lease->conn);
	if (db->ev && lease->slot != PGM__NO_SLOT)
		pgm__ev_finished(db, lease->slot);
	pgm__db_lock(db);
	was_lent = pgm__is_lent(lease);
	counted = lease->counted;
	if (lease->slot != PGM__NO_SLOT) {
		db->place[lease->slot].lease = NULL;
		db->hot_loans += atomic_load_explicit(&lease->hot_loans, memory_order_relaxed);
		pgm__slots_lost(&db->slots, lease->slot);
		pgm__slots_closed(&db->slots, lease->slot, pgm__clock_now());
	}
	if (counted)
		last = pgm__db_unref_locked(db);
	pgm__db_wake_locked(db);
	pgm__db_unlock(db);
	if (was_lent)
		snprintf(place, sizeof place, ", borrowed at %s:%d", lease->file, lease->line);
	pgm__log(PGM_LOG_WARNING, "PQfinish was called on a connection that belongs to a handle%s; use pgm_release",
		 place);
	free(lease);
	if (last)
		pgm__db_free(db);
}

/* PQreset made a new session, without the session settings and without the transaction. */
static void on_reset(pgm__lease *lease)
{
	pgm_error err;

	pgm__db_lock(lease->db);
	lease->fd = PQsocket(lease->conn);
	pgm__db_unlock(lease->db);
	lease->savepoints = 0;
	lease->began = false;
	if (lease->db->ev && lease->slot != PGM__NO_SLOT)
		pgm__ev_reset(lease->db, lease->slot);
	if (pgm__session_restore(lease->conn, lease->db->settings, pgm__clock_now() + RESTORE_WITHIN, &err))
		return;
	pgm__log(PGM_LOG_ERROR, "after PQreset the session settings could not be applied, the connection is cut: %s",
		 err.message);
	shutdown(PQsocket(lease->conn), SHUT_RDWR); /* an event procedure has no other way to say no (libpq 15) */
}

static int on_event(PGEventId id, void *info, void *arg)
{
	void (*act)(pgm__lease *) = NULL;
	const PGconn *conn = NULL;
	pgm__lease *lease;

	(void)arg;
	if (id == PGEVT_CONNDESTROY) {
		act = on_destroy;
		conn = ((PGEventConnDestroy *)info)->conn;
	} else if (id == PGEVT_CONNRESET) {
		act = on_reset;
		conn = ((PGEventConnReset *)info)->conn;
	}
	lease = conn ? pgm__registry_find(conn) : NULL;
	if (lease)
		act(lease);
	return 1;
}

bool pgm__events_register(pgm__lease *lease)
{
	if (!lease->registered)
		lease->registered = PQregisterEventProc(lease->conn, on_event, "pgmonkey", NULL) != 0;
	return lease->registered;
}
