/*
 * pgmonkey's tools, for those who want more than a connection; in a library of their own, libpgmonkey-tools.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PGMONKEY_TOOLS_H
#define PGMONKEY_TOOLS_H

#include <pgmonkey/csv.h>

#endif
