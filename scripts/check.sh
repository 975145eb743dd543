#!/bin/sh
# Builds a preset, runs its tests over one throwaway PostgreSQL, and counts.
#
#   check.sh PRESET [ctest options]     such as: check.sh dev -L unit; check.sh dev -R slots
#
# The closing line counts test cases, not programs: "N passed, N failed", and ", N skipped" if any were.
# Exit status: 0 only if something ran and nothing failed.

set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
preset=$1
shift
dir=${PGM_BUILD_ROOT:-$root/build}/$preset

"$root/scripts/build.sh" "$preset" -DPGM_TESTS=ON || {
	echo "the build of $preset failed"
	echo "0 passed, 1 failed"
	exit 1
}

log=$dir/check.log
rm -rf "$dir/tap" "$log"
mkdir -p "$dir/tap" || exit 1

set -- ctest --test-dir "$dir" --output-on-failure --no-tests=error --parallel "${PGM_JOBS:-2}" --output-log "$log" "$@"
if [ -x "$root/tests/support/server.sh" ]; then
	set -- "$root/tests/support/server.sh" with "$@"
fi
"$@"
status=$?

echo
if [ -s "$log" ]; then
	echo "where the time goes (seconds):"
	sed -n 's/^ *[0-9]*\/[0-9]* Test *#[0-9]*: \([^ ]*\) .* \([0-9.]*\) sec.*/\2 \1/p' "$log" |
		sort -rn | head -n 8 | awk '{ printf "  %8.2f  %s\n", $1, $2 }'
fi

# An unmatched pattern stays itself, and names no file.
set -- "$dir"/tap/*.tap
[ -e "$1" ] || set -- /dev/null
report=$(awk -v report=1 -f "$root/scripts/tap-count.awk" "$@") || exit 1
printf '%s\n' "$report" | sed '$d'
set -- $(printf '%s\n' "$report" | tail -n 1)
passed=$1 failed=$2 skipped=$3

if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
	echo "  FAILED   ctest or its server ended with status $status"
	failed=1
elif [ $((passed + failed + skipped)) -eq 0 ]; then
	echo "  FAILED   no test ran"
	failed=1
fi
line="$passed passed, $failed failed"
[ "$skipped" -eq 0 ] || line="$line, $skipped skipped"
echo "$line"
[ "$failed" -eq 0 ]
