#!/bin/sh
# Makes what is written down twice from where it is written first, and puts it into the files that are committed:
# docs/yaml.md and pgmonkey.yaml(5) from the settings table, pgmonkey(1) and the completions from the program's --help,
# docs/reference/ from the public headers.
#
#   docs.sh BUILD          writes them
#   docs.sh BUILD check    says what would change, and exits with 1 if anything would
#
# BUILD is a build folder with the program and the tests' targets in it.

set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
build=$(CDPATH='' cd -- "${1:?a build folder is wanted}" && pwd) || exit 1
check=${2:-}
cd "$root" || exit 1

work=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-docs.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM

# Pipelines run in shells of their own: a file says what they cannot return.
fail() {
	echo "docs.sh: $*" >&2
	touch "$work/failed"
	exit 1
}

# put FILE: what comes in is to be in it.
put() {
	cat >"$work/new"
	[ -s "$work/new" ] || fail "nothing came of $1"
	if [ ! "$check" ]; then
		cmp -s "$work/new" "$1" || { mkdir -p "$(dirname "$1")" && cat "$work/new" >"$1" && echo "$1"; }
	elif ! diff -u "$1" "$work/new"; then
		echo "docs.sh: $1 is not current: make docs"
		touch "$work/stale"
	fi
}

# splice FILE: what comes in goes between the lines of FILE that hold "begin: made" and "end: made".
splice() {
	cat >"$work/part"
	[ -s "$work/part" ] || fail "nothing came for $1"
	awk -v part="$work/part" '
		/begin: made/ { print; while ((getline line < part) > 0) print line; on = 1; begun++ }
		/end: made/ { on = 0; ended++ }
		!on && !/begin: made/
		END { exit begun != 1 || ended != 1 }' "$1" >"$work/spliced" ||
		fail "$1 lacks its two lines begin: made, end: made"
	put "$1" <"$work/spliced"
}

# help PATH: the rows of this command and, if it is a group, of those in it.
help_of() {
	"$build/bin/pgmonkey" $1 --help | awk -v path="$1" -f docs/make/help.awk >"$work/help" &&
		[ -s "$work/help" ] || fail "pgmonkey $1 --help says nothing"
	cat "$work/help"
	# A group's own, one level down; the list is read before it is written again.
	list=$(awk -F '\t' -v path="$1" '$1 == "command" { print $2 }' "$work/help")
	[ -z "$list" ] || printf '%s\n' "$list" | while read -r next; do
		(help_of "$next")
	done
}

help_of "" >"$work/commands"
awk -f docs/make/man.awk "$work/commands" | splice man/pgmonkey.1.scd
awk -f docs/make/bash.awk "$work/commands" | splice completion/pgmonkey.bash
awk -f docs/make/zsh.awk "$work/commands" | splice completion/_pgmonkey
awk -f docs/make/fish.awk "$work/commands" | splice completion/pgmonkey.fish

"$build/docs/settings" markdown | splice docs/yaml.md
"$build/docs/settings" man | splice man/pgmonkey.yaml.5.scd

# pgmonkey.h first, then those for which one has to ask.
printf '<!-- Made by `make docs`. -->\n# The interface\n\nMade from the comments of the headers, one page for each.\n\n' >"$work/index"
for header in pgmonkey.h $(cd include && find pgmonkey -name '*.h' | LC_ALL=C sort); do
	[ "$header" = pgmonkey/tools.h ] && continue # nothing but includes
	page=$(basename "$header" .h).md
	awk -v header="$header" -f docs/make/reference.awk "include/$header" | put "docs/reference/$page"
	printf -- '- [%s](%s): %s\n' "$header" "$page" \
		"$(sed -n '2{s/^ \* //; s/^pgmonkey: //; s/\. .*/./; p;}' "include/$header")" >>"$work/index"
done
put docs/reference/README.md <"$work/index"

[ ! -e "$work/stale" ] && [ ! -e "$work/failed" ]
