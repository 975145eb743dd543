#!/bin/sh
# lint.sh           clang-format, clang-tidy, cppcheck, layers; closes with a count of these four
# lint.sh format    puts the sources into the house's format

set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd) || exit 1
cd "$root" || exit 1
jobs=${PGM_JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}

# Folders that there are, so that find has nothing to complain of.
folders=
for folder in include src tests examples bench docs; do
	[ ! -d "$folder" ] || folders="$folders $folder"
done
sources() { find $folders \( -name '*.[ch]' -o -name '*.[ch]pp' \) -print0; }

if [ "${1:-}" = format ]; then
	sources | xargs -0 clang-format -i
	exit
fi

passed=0 failed=0
step() {
	name=$1
	shift
	start=$(date +%s)
	if "$@"; then
		passed=$((passed + 1)) outcome=ok
	else
		failed=$((failed + 1)) outcome=FAILED
	fi
	printf '  %-8s %-14s %4s s\n' "$outcome" "$name" "$(($(date +%s) - start))"
}

format() { sources | xargs -0 clang-format --dry-run -Werror; }

# Over all C that clang compiles, tests and benchmarks included. Prints what it found and nothing else.
tidy() {
	dir=${PGM_BUILD_ROOT:-$root/build}/clang
	cmake --preset clang -B "$dir" -DPGM_BENCH=ON >/dev/null || return 1
	sed -n 's/^ *"file": "\(.*\.c\)",\{0,1\}$/\1/p' "$dir/compile_commands.json" | sort -u | tr '\n' '\0' |
		xargs -0 -n 1 -P "$jobs" clang-tidy -p "$dir" --quiet 2>"$dir/tidy.err" && return
	# Without the counts of warnings in other people's headers.
	grep -v 'warnings\{0,1\} \(generated\|and .* generated\|treated as error\)' "$dir/tidy.err" >&2
	return 1
}

# Each suppression with its reason:
# - missingIncludeSystem: system headers are not wanted; cppcheck knows the standard library itself.
# - unusedStructMember: the members of a public struct are used by those who include it.
# - unknownMacro: cmocka's and PostgreSQL's macros are not defined in what it sees.
# - uninitvar, legacyUninitvar: takes the address of a variable that is yet to be filled (f(&err), {.out = &x})
#   for its use; the compilers, clang's analyzer and valgrind look for the real ones.
# - negativeIndex in tests/unit: a check of their own that i >= 0 reads as doubt, as it is not seen to abort.
# - normalCheckLevelMaxBranches: a remark on its own search depth, in newer versions.
# What it finds across files does not count in its exit status (2.10), so whatever it prints does.
run_cppcheck() {
	dir=${PGM_BUILD_ROOT:-$root/build}/cppcheck
	mkdir -p "$dir" &&
		cppcheck --quiet --std=c11 --language=c "--file-filter=*.c" --enable=warning,performance,portability --inline-suppr \
			--error-exitcode=1 -j "$jobs" --cppcheck-build-dir="$dir" \
			--suppress=missingIncludeSystem --suppress=unusedStructMember --suppress=unknownMacro \
			--suppress=uninitvar --suppress=legacyUninitvar \
			"--suppress=negativeIndex:tests/unit/*" --suppress=normalCheckLevelMaxBranches \
			-D__GNUC__=12 -D_POSIX_C_SOURCE=200809L -D_DEFAULT_SOURCE -I include -I src $folders 2>"$dir/found"
	status=$?
	cat "$dir/found" >&2
	[ "$status" -eq 0 ] && [ ! -s "$dir/found" ]
}

step clang-format format
step layers scripts/check-layers.sh
step cppcheck run_cppcheck
step clang-tidy tidy
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
