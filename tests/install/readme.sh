#!/bin/sh
# readme.sh: the front page's program, and the links of all pages. That the code in them works is for blocks.sh.
# Prints TAP.

set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
source=$(CDPATH='' cd -- "$here/../.." && pwd) || exit 1

work=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-readme.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
. "$source/tests/support/tap.sh"

same_program() {
	awk '$0 == "```" && on { exit } on { print } $0 == "```c" { on = 1 }' "$source/README.md" >"$work/hello.c" &&
		diff -u "$source/examples/hello.c" "$work/hello.c"
}
is_short() { [ "$(wc -l <"$work/hello.c")" -le 20 ]; }

# Files that our pages link to; what is on the web is not asked for.
links_lead_somewhere() {
	for page in "$source"/*.md "$source"/docs/*.md "$source"/docs/reference/*.md; do
		for target in $(grep -o '](\([^)]*\))' "$page" | sed 's/^](//; s/)$//; s/#.*//' | grep -v '^https:'); do
			[ -e "${page%/*}/$target" ] || { echo "$page: $target"; return 1; }
		done
	done
}

plan 3
check "the program of README.md is examples/hello.c" same_program
check "it has 20 lines at most" is_short
check "links to files lead somewhere" links_lead_somewhere
exit 0
