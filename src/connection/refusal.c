/* Why somebody did not get a connection, told so that it explains itself. */
#include "base/error.h"
#include "connection/db.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct picture {
	int32_t lent, max_size, waiting, opening;
	pgm__time oldest;
	const char *file;
	int line;
	pgm_error last_error;
} picture;

static picture take_picture_locked(const pgm_db *db)
{
	picture p = {.lent = pgm__slots_count(&db->slots, PGM__SLOT_LENT),
		     .opening = pgm__slots_count(&db->slots, PGM__SLOT_OPENING),
		     .max_size = db->slots.rules.max_size,
		     .waiting = db->slots.queued,
		     .oldest = PGM__NEVER,
		     .last_error = db->last_error};

	for (int32_t i = db->slots.list[PGM__SLOT_LENT].first; i != PGM__NO_SLOT; i = db->slot[i].next) {
		const pgm__lease *lease = db->place[i].lease;

		if (!lease || !pgm__is_lent(lease) ||
		    atomic_load_explicit(&lease->lent_at, memory_order_relaxed) >= p.oldest)
			continue;
		p.oldest = atomic_load_explicit(&lease->lent_at, memory_order_relaxed);
		p.file = atomic_load_explicit(&lease->file, memory_order_relaxed);
		p.line = atomic_load_explicit(&lease->line, memory_order_relaxed);
	}
	return p;
}

static void fail_timeout(int64_t timeout_ms, const picture *p, pgm_error *err)
{
	char oldest[160] = "", opening[64] = "";
	double age = (double)(pgm__clock_now() - p->oldest) / (double)PGM__SECOND;

	if (p->file)
		snprintf(oldest, sizeof oldest, " (oldest %.*f s, %s:%d)", age < 10 ? 1 : 0, age, p->file, p->line);
	if (p->opening)
		snprintf(opening, sizeof opening, ", %" PRId32 " being opened", p->opening);
	pgm__fail(err, PGM_ERR_TIMEOUT,
		  "no connection within %g s: %" PRId32 " of %" PRId32 " lent%s%s, %" PRId32 " waiting%s%s",
		  (double)timeout_ms / 1000, p->lent, p->max_size, oldest, opening, p->waiting,
		  p->last_error.code ? "; last connection error: " : "", p->last_error.message);
}

void pgm__fail_verdict(pgm_db *db, pgm__verdict verdict, int64_t timeout_ms, pgm_error *err)
{
	picture p = take_picture_locked(db);

	db->timed_out += verdict == PGM__NONE;
	pgm__db_unlock(db);
	switch (verdict) {
	case PGM__BUSY:
		pgm__fail(err, PGM_ERR_BUSY,
			  "%" PRId32 " callers wait for a connection already, as many as max_waiting allows",
			  p.waiting);
		return;
	case PGM__SHUT:
		pgm__fail(err, PGM_ERR_CLOSED, "the handle is closed");
		return;
	case PGM__REFUSED:
		if (!p.last_error.code) /* it came up again in this very moment */
			fail_timeout(timeout_ms, &p, err);
		else
			pgm__error_copy(err, &p.last_error);
		return;
	default:
		fail_timeout(timeout_ms, &p, err);
	}
}
