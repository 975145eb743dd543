/* Is an idle connection still good? */
#ifndef PGM_CONNECTION_LOOK_H
#define PGM_CONNECTION_LOOK_H

#include "connection/db.h"

/*
 * A look that costs no round trip: an idle connection has nothing to say, so if its socket is readable,
 * what came is consumed. Notifications and notices are swallowed; an end of file or the server's last
 * words mean it is dead. False: err has those words.
 */
bool pgm__look(PGconn *conn, pgm_error *err);

/* Those that libpq has read already. No system call. */
void pgm__swallow_notifications(PGconn *conn);

typedef enum pgm__fitness {
	PGM__FIT,
	PGM__DEAD,
	PGM__REJECTED /* by the check hook */
} pgm__fitness;

/*
 * Everything that is due before a connection is lent: the look (left out for one that was given back a
 * moment ago), check_on_checkout, the check hook, and cleaning one that was used after it was given back.
 * until: how long the borrower has for it; the check has a limit of its own, and keeps nobody more than half a second
 * longer. Unless FIT, err tells why it must be dropped.
 */
pgm__fitness pgm__lease_fitness(pgm__lease *lease, pgm__time until, pgm_error *err);

/* Parts of it, for those who do it without blocking: is check_on_checkout due, and until when; the check hook. */
bool pgm__lease_check_is_due(const pgm__lease *lease, pgm__time now);
pgm__time pgm__check_deadline(const pgm__lease *lease, pgm__time now, pgm__time until);
bool pgm__lease_passes_hook(const pgm__lease *lease, pgm_error *err);

/* True if none of that is due: the common case, decided without a system call. */
bool pgm__lease_is_fresh(const pgm__lease *lease, pgm__time now);

#endif
