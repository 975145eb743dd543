/* Has a file changed since it was read? */
#ifndef PGM_MANAGER_STAMP_H
#define PGM_MANAGER_STAMP_H

#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

typedef struct pgm__stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
	struct timespec taken; /* by the wall clock, as file times are */
} pgm__stamp;

/* False if the file cannot be looked at: then reading it says why. */
bool pgm__stamp_take(const char *path, pgm__stamp *out);

/* True if a file that looked like was when it was read, and looks like now, must have the same contents.
 * One that had just been written when it was read could be written again without its times showing it. */
bool pgm__stamp_is_same(const pgm__stamp *was, const pgm__stamp *now);

#endif
