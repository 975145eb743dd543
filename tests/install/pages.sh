#!/bin/sh
# pages.sh CMAKE BUILD: the man pages, what comes with the program, and whether all that is made from the sources is current. Prints TAP.

set -u
cmake=$1
build=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
source=$(CDPATH='' cd -- "$here/../.." && pwd) || exit 1

work=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-pages.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
. "$source/tests/support/tap.sh"

pages="pgmonkey.1 pgmonkey.yaml.5 libpgmonkey.3"

all_made() {
	on_path scdoc || { without scdoc; return; }
	for page in $pages; do
		[ -s "$build/man/$page" ] || { echo "missing: $page"; return 1; }
	done
}
# scdoc begins each part with a paragraph of its own, which mandoc skips with a word on it.
mandoc_is_content() {
	[ -s "$build/man/pgmonkey.1" ] && on_path mandoc || { without "mandoc, or no page"; return; }
	for page in $pages; do
		mandoc -Tlint -W warning "$build/man/$page"
	done >"$work/lint"
	! grep -v 'skipping paragraph macro' "$work/lint"
}
groff_is_content() {
	[ -s "$build/man/pgmonkey.1" ] && on_path groff || { without "groff, or no page"; return; }
	for page in $pages; do
		groff -man -Tutf8 -Kutf8 -ww -rLL=80n -P-cbou "$build/man/$page" >"$work/shown" || return
		grep -q "SEE ALSO" "$work/shown" || { echo "$page is cut"; return 1; }
	done 2>"$work/warnings"
	cat "$work/warnings"
	[ ! -s "$work/warnings" ]
}
# Each where its reader looks.
are_installed() {
	[ -x "$build/bin/pgmonkey" ] || { without "program in this build"; return; }
	"$cmake" --install "$build" --prefix "$work/copy" >/dev/null || return
	for file in bash-completion/completions/pgmonkey zsh/site-functions/_pgmonkey fish/vendor_completions.d/pgmonkey.fish; do
		[ -s "$work/copy/share/$file" ] || { echo "missing: $file"; return 1; }
	done
	on_path scdoc || return 0
	for page in $pages; do
		[ -s "$work/copy/share/man/man${page##*.}/$page" ] || { echo "missing: $page"; return 1; }
	done
}
all_current() {
	[ -x "$build/bin/pgmonkey" ] || { without "program in this build"; return; }
	"$source/scripts/docs.sh" "$build" check
}

# Every name that the headers have for others, however it is declared, and nothing of what is made.
public_names() {
	(cd "$source/include" && find . -name '*.h' -exec cat {} +) | grep -oE '\b(pgm|PGM)_[A-Za-z0-9_]+\b' |
		grep -vE '_$|^PGM_API$' | sort -u
}
reference_has_every_name() {
	public_names >"$work/names"
	[ "$(wc -l <"$work/names")" -gt 100 ] || { echo "few names found"; return 1; }
	cat "$source"/docs/reference/*.md | grep -oE '\b(pgm|PGM)_[A-Za-z0-9_]+\b' | sort -u >"$work/shown"
	missing=$(comm -23 "$work/names" "$work/shown")
	[ -z "$missing" ] || { echo "not in docs/reference: $missing"; return 1; }
}
# Each function has a heading of its own there, not only a mention.
reference_has_every_function() {
	for name in $(cat "$source"/include/pgmonkey.h "$source"/include/pgmonkey/*.h |
		sed -n 's/^PGM_API [^(]*[ *]\(pgm_[a-z_0-9]*\)(.*/\1/p' | sort -u); do
		grep -qE "^###.*\`$name\`" "$source"/docs/reference/*.md || { echo "no heading: $name"; return 1; }
	done
}
overview_has_every_function() {
	for name in $(sed -n 's/^PGM_API [^(]*[ *]\(pgm_[a-z_0-9]*\)(.*/\1/p' "$source/include/pgmonkey.h" | sort -u); do
		case $name in *_at) continue ;; esac
		grep -q "\*$name\*" "$source/man/libpgmonkey.3.scd" || { echo "not in libpgmonkey(3): $name"; return 1; }
	done
}

plan 8
check "the man pages are made" all_made
check "mandoc has nothing to say against them" mandoc_is_content
check "groff has nothing to say against them" groff_is_content
check "pages and completions are installed where they are looked for" are_installed
check "what is made from the sources is current" all_current
check "docs/reference has every public name" reference_has_every_name
check "docs/reference has a heading for every function" reference_has_every_function
check "libpgmonkey(3) names every function" overview_has_every_function
exit 0
