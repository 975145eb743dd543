#!/bin/sh
# readme.sh CMAKE BUILD: what README.md shows is extracted and tried against an installed copy. Prints TAP.

set -u
cmake=$1
build=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
source=$(CDPATH='' cd -- "$here/../.." && pwd) || exit 1
cc=${CC:-cc}

work=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-readme.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
unset DESTDIR CMAKE_PREFIX_PATH LD_LIBRARY_PATH
umask 077
cd "$work" || exit 1

count=0
# check NAME COMMAND...: one case; what the command prints is shown if it fails.
check() {
	name=$1
	shift
	count=$((count + 1))
	if "$@" >"$work/output" 2>&1; then
		echo "ok $count - $name"
	else
		echo "not ok $count - $name"
		sed 's/^/# /' "$work/output"
	fi
}

# block LANGUAGE: the first code block of that language.
block() { awk -v fence="\`\`\`$1" '$0 == "```" && on { exit } on { print } $0 == fence { on = 1 }' "$source/README.md"; }

install_copy() {
	"$cmake" --install "$build" --prefix "$work/copy" || return 1
	for found in "$work"/copy/lib*/pkgconfig "$work"/copy/lib/*/pkgconfig; do
		[ ! -d "$found" ] || lib=${found%/pkgconfig}
	done
	export PKG_CONFIG_PATH="$lib/pkgconfig" LD_LIBRARY_PATH="$lib" DYLD_LIBRARY_PATH="$lib"
}
same_program() { block c >hello.c && diff -u "$source/examples/hello.c" hello.c; }
is_short() { [ "$(wc -l <hello.c)" -le 20 ]; }

# It is run with a file that is not there: this is about being built, and its one line of complaint.
complains() {
	! "$1" missing.yaml 2>said && cat said && grep -q 'missing.yaml' said
}
compile_line() {
	line=$(grep '^cc hello.c ' "$source/README.md") || return 1
	echo "$line"
	eval "$cc -Wall -Wextra -Werror ${line#cc }" && complains ./hello
}
cmake_project() {
	mkdir -p project && cp hello.c project && block cmake >project/CMakeLists.txt &&
		"$cmake" -S project -B project/build -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$work/copy" &&
		"$cmake" --build project/build && complains project/build/hello
}

reads_file() {
	cat >load.c <<-'END'
		#include <pgmonkey.h>
		#include <stdio.h>
		int main(void)
		{
			pgm_error err;
			pgm_config *config = pgm_config_load("readme.yaml", &err);
			const char *type = config ? pgm_config_get(config, NULL, "connection_type") : NULL;
			puts(type ? type : err.message);
			pgm_config_free(config);
			return type ? 0 : 1;
		}
	END
	block yaml >readme.yaml && [ -s readme.yaml ] &&
		eval "$cc -o load load.c $(pkg-config --cflags --libs pgmonkey)" && ./load 2>warnings && cat warnings && [ ! -s warnings ]
}

# Each piece of C in the page about event loops, as it stands, in one of the examples.
pieces_are_of_examples() {
	awk -v dir="$work" '/^```c$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > (dir "/piece-" n) }' \
		"$source/docs/bring-your-own-loop.md"
	[ -s "$work/piece-1" ] || { echo "no piece of C"; return 1; }
	for piece in "$work"/piece-*; do
		found=
		for example in "$source"/examples/*.c; do
			awk 'NR == FNR { piece = piece $0 "\n"; next } { text = text $0 "\n" } END { exit !index(text, piece) }' \
				"$piece" "$example" && found=1
		done
		[ -n "$found" ] || { cat "$piece"; return 1; }
	done
}
# What is shown of submitting.
submitting_compiles() {
	{
		printf '#include <pgmonkey.h>\n#include <stdio.h>\n'
		awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$source/docs/event-driven.md"
		echo 'bool (*const used)(pgm_db *, pgm_error *) = ask;'
	} >submitting.c
	eval "$cc -std=c11 -Wall -Wextra -Werror -fsyntax-only submitting.c $(pkg-config --cflags pgmonkey)"
}

# Files that our pages link to; what is on the web is not asked for.
links_lead_somewhere() {
	for page in "$source"/*.md "$source"/docs/*.md; do
		for target in $(grep -o '](\([^)]*\))' "$page" | sed 's/^](//; s/)$//; s/#.*//' | grep -v '^https:'); do
			[ -e "${page%/*}/$target" ] || { echo "$page: $target"; return 1; }
		done
	done
}

echo "1..9"
check "a copy is installed" install_copy
check "the program of README.md is examples/hello.c" same_program
check "it has 20 lines at most" is_short
check "the compile line works as it stands" compile_line
check "the CMake project works as it stands" cmake_project
check "the YAML file is read without a warning" reads_file
check "the code of docs/bring-your-own-loop.md is that of the examples" pieces_are_of_examples
check "the code of docs/event-driven.md compiles" submitting_compiles
check "links to files lead somewhere" links_lead_somewhere
exit 0
