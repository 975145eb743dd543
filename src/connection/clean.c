#include "connection/clean.h"

#include "connection/close.h"
#include "connection/libpq_error.h"
#include "connection/look.h"
#include "connection/session.h"
#include "connection/wait.h"

#include <stdio.h>

#define CLEAN_WITHIN (3 * PGM__SECOND)

bool pgm__is_in_transaction(const PGconn *conn)
{
	PGTransactionStatusType status = PQtransactionStatus(conn);

	return status == PQTRANS_INTRANS || status == PQTRANS_INERROR;
}

bool pgm__is_busy(const PGconn *conn)
{
	return PQtransactionStatus(conn) == PQTRANS_ACTIVE || PQpipelineStatus(conn) != PQ_PIPELINE_OFF;
}

/* Costs no round trip; each of these only sets a field of libpq's. */
void pgm__clean_local(PGconn *conn)
{
	PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
	PQsetErrorContextVisibility(conn, PQSHOW_CONTEXT_ERRORS);
	PQsetNoticeReceiver(conn, pgm__notice_to_log, NULL);
	PQsetNoticeProcessor(conn, pgm__notice_text_to_log, NULL);
	PQuntrace(conn);
}

bool pgm__clean_quickly(pgm__lease *lease)
{
	PGconn *conn = lease->conn;

	/* After the first call that failed for want of a server libpq still calls the connection good; the words
	 * of the failure are all that tells. */
	if (PQerrorMessage(conn)[0] != '\0')
		return false;
	if (PQtransactionStatus(conn) != PQTRANS_IDLE || PQisnonblocking(conn) ||
	    PQpipelineStatus(conn) != PQ_PIPELINE_OFF || PQclientEncoding(conn) != lease->encoding ||
	    lease->db->hooks.reset)
		return false;
	pgm__swallow_notifications(conn); /* not the next one's, and would pile up */
	pgm__clean_local(conn);
	return true;
}

static bool run(PGconn *conn, const char *sql, pgm__time deadline, pgm_error *err)
{
	PGresult *res = pgm__exec_until(conn, sql, deadline, err);
	bool ok = res && pgm_result_ok(res, err);

	PQclear(res);
	return ok;
}

static bool end_work(PGconn *conn, pgm__time deadline, pgm_error *err)
{
	if (!pgm__is_busy(conn))
		return true;
	if (pgm__conn_end_work(conn, deadline))
		return true;
	if (PQstatus(conn) != CONNECTION_OK)
		return pgm__fail_libpq(err, conn);
	return pgm__fail(err, PGM_ERR_TIMEOUT, "unfinished work on it could not be ended in time");
}

bool pgm__clean_encoding(const pgm__lease *lease, char sql[96])
{
	if (PQclientEncoding(lease->conn) == lease->encoding)
		return false;
	snprintf(sql, 96, "SET client_encoding TO '%s'", pg_encoding_to_char(lease->encoding));
	return true;
}

static bool restore_encoding(const pgm__lease *lease, pgm__time deadline, pgm_error *err)
{
	char sql[96];

	return !pgm__clean_encoding(lease, sql) || run(lease->conn, sql, deadline, err);
}

bool pgm__clean_by_hook(pgm__lease *lease, pgm_error *err)
{
	const pgm_hooks *hooks = &lease->db->hooks;

	if (!hooks->reset)
		return true;
	if (!hooks->reset(lease->conn, hooks->arg, err)) {
		if (err->code == PGM_OK)
			pgm__fail(err, PGM_ERR_CONNECT, "the reset hook rejected it");
		return false;
	}
	if (PQtransactionStatus(lease->conn) != PQTRANS_IDLE)
		return pgm__fail(err, PGM_ERR_MISUSE, "the reset hook left work on it unfinished");
	/* RESET ALL and DISCARD ALL, what such a hook is for, lose the file's session settings too. */
	return pgm__session_restore(lease->conn, lease->db->settings, pgm__clock_now() + CLEAN_WITHIN, err);
}

bool pgm__clean(pgm__lease *lease, bool *rolled_back, pgm_error *err)
{
	PGconn *conn = lease->conn;
	pgm__time deadline = pgm__clock_now() + CLEAN_WITHIN;

	*rolled_back = false;
	pgm__error_clear(err);
	pgm__clean_local(conn); /* first: what the borrower's notice hooks point to may be gone */
	if (PQstatus(conn) != CONNECTION_OK || PQsetnonblocking(conn, 1) != 0)
		return pgm__fail_libpq(err, conn);
	if (!end_work(conn, deadline, err))
		return false;
	if (pgm__is_in_transaction(conn)) {
		*rolled_back = true;
		if (!run(conn, "ROLLBACK", deadline, err))
			return false;
	}
	if (!pgm__look(conn, err))
		return false;
	if (!restore_encoding(lease, deadline, err) || PQsetnonblocking(conn, 0) != 0 ||
	    !pgm__clean_by_hook(lease, err))
		return false;
	pgm__swallow_notifications(conn); /* those too that came with the hook's answers */
	return true;
}
