#!/bin/sh
# abi.sh CMAKE BUILD: the shared libraries offer what abi/ says. Prints TAP.

set -u
build=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
source=$(CDPATH='' cd -- "$here/../.." && pwd) || exit 1

work=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-abi-test.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
. "$source/tests/support/tap.sh"

elf() { [ -e "$build/lib/libpgmonkey.so" ] && on_path nm || without "ELF"; }
names_are_those() { elf && "$source/scripts/abi.sh" "$build" symbols; }
programs_go_on() { elf && "$source/scripts/abi.sh" "$build" types; }
# The list itself is held against the headers by installed_copy.sh, for libpgmonkey; here for the tools.
tools_export_what_headers_declare() {
	cat "$source"/include/pgmonkey/*.h | sed -n 's/^PGM_API [^(]*[ *]\(pgm_[a-z_0-9]*\)(.*/\1/p' | LC_ALL=C sort -u |
		diff - "$source/abi/libpgmonkey-tools.symbols"
}

plan 3
check "the libraries export the names that are written down" names_are_those
check "the tools' names are those that their headers declare" tools_export_what_headers_declare
check "programs that are compiled already would go on working" programs_go_on
exit 0
