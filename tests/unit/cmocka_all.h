/* cmocka.h and the headers it needs before it, in the order it needs them. */
#ifndef PGM_TESTS_CMOCKA_ALL_H
#define PGM_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
