#include "manager/stamp.h"

#include <stdint.h>

/* File times move in the kernel's ticks (up to 10 ms); file systems that keep whole seconds only show it by
 * having no fraction, FAT has two of them. Nanoseconds. */
#define TICK INT64_C(20000000)
#define COARSE INT64_C(2000000000)

bool pgm__stamp_take(const char *path, pgm__stamp *out)
{
	struct stat st;

	if (stat(path, &st) != 0)
		return false;
	out->device = st.st_dev;
	out->inode = st.st_ino;
	out->size = st.st_size;
#if defined(__APPLE__)
	out->modified = st.st_mtimespec;
#else
	out->modified = st.st_mtim;
#endif
	clock_gettime(CLOCK_REALTIME, &out->taken);
	return true;
}

static bool is_settled(const pgm__stamp *stamp)
{
	int64_t granularity = stamp->modified.tv_nsec == 0 ? COARSE : TICK;
	int64_t age = ((int64_t)stamp->taken.tv_sec - stamp->modified.tv_sec) * INT64_C(1000000000) +
		      (stamp->taken.tv_nsec - stamp->modified.tv_nsec);

	return age > granularity;
}

bool pgm__stamp_is_same(const pgm__stamp *was, const pgm__stamp *now)
{
	return was->device == now->device && was->inode == now->inode && was->size == now->size &&
	       was->modified.tv_sec == now->modified.tv_sec && was->modified.tv_nsec == now->modified.tv_nsec &&
	       is_settled(was);
}
