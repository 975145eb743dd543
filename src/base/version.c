#include "pgmonkey.h"

const char *pgm_version(void)
{
	return PGM_VERSION;
}
