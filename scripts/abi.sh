#!/bin/sh
# The public surface of the shared libraries, as it is committed in abi/: which names they export, and what functions and
# types look like in memory. A change of it is to be meant.
#
#   abi.sh BUILD           writes it down (make abi): after an addition, or before 1.0 a change
#   abi.sh BUILD symbols   says which names came or went, and exits with 1 if any did
#   abi.sh BUILD types     says what a program that is compiled already would stumble over, and exits with 1 if anything;
#                          77: this cannot be told here (no libabigail, or nothing is written down for this machine)
#
# What is added harms no program that is compiled already: it is for `symbols` to tell of that.

set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
build=$(CDPATH='' cd -- "${1:?a build folder is wanted}" && pwd) || exit 1
what=${2:-write}
cd "$root" || exit 1
libraries="libpgmonkey libpgmonkey-tools"
machine=$(uname -m)-$(uname -s | tr '[:upper:]' '[:lower:]')

work=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-abi.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM

on_path() { command -v "$1" >/dev/null 2>&1; }

symbols() { nm -D --defined-only "$build/lib/$1.so" | awk '{ print $3 }' | LC_ALL=C sort; }

# Types that no public header shows are left out, and so are the folders of whoever has built it.
types() {
	abidw --headers-dir include --drop-private-types --exported-interfaces-only --no-show-locs --no-corpus-path \
		--no-comp-dir-path --no-elf-needed --out-file "$work/raw" "$build/lib/$1.so" &&
		sed "s| path='[^']*/src/| path='src/|; s| path='/[^']*/build/| path='build/|" "$work/raw"
}

write() {
	mkdir -p "abi/$machine"
	for library in $libraries; do
		symbols "$library" >"abi/$library.symbols" || return
		if on_path abidw; then
			types "$library" >"abi/$machine/$library.abi" || return
		else
			echo "abi.sh: without abidw (libabigail) abi/$machine/$library.abi stays as it was" >&2
		fi
	done
}

check_symbols() {
	changed=0
	for library in $libraries; do
		symbols "$library" >"$work/symbols" && [ -s "$work/symbols" ] || return 1
		diff -u "abi/$library.symbols" "$work/symbols" || changed=1
	done
	[ $changed -eq 0 ] || echo "abi.sh: the libraries export other names than abi/ says; if that is meant: make abi"
	return $changed
}

check_types() {
	changed=0
	on_path abidw && on_path abidiff || { echo "there is no libabigail here"; return 77; }
	for library in $libraries; do
		[ -f "abi/$machine/$library.abi" ] || { echo "nothing is written down for $machine"; return 77; }
		types "$library" >"$work/new.abi" || return 1
		# The exit status is a set of bits; what counts as a change is any of them.
		abidiff --no-added-syms "abi/$machine/$library.abi" "$work/new.abi" || changed=1
	done
	[ $changed -eq 0 ] || echo "abi.sh: programs that are compiled already would stumble over this; if that is meant: make abi"
	return $changed
}

case $what in
write) write ;;
symbols) check_symbols ;;
types) check_types ;;
*) echo "abi.sh: unknown word $what: expected symbols or types" >&2; exit 2 ;;
esac
