#include "connection/evented/choice.h"

int32_t pgm__choose_least(const int32_t *load, int32_t n)
{
	int32_t best = -1, least = PGM__DEPTH;

	for (int32_t i = 0; i < n && least > 0; i++) {
		if (load[i] < least) {
			least = load[i];
			best = i;
		}
	}
	return best;
}
