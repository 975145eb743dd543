/*
 * All of libpgmonkey-tools: what is built on connections and is no part of the library itself.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef PGMONKEY_TOOLS_H
#define PGMONKEY_TOOLS_H

#include <pgmonkey/codegen.h>
#include <pgmonkey/csv.h>
#include <pgmonkey/server.h>

#endif
