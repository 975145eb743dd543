#!/bin/sh
# installed_copy.sh CMAKE BUILD: installs the build into a temporary folder, moves that folder (what is
# installed must find itself), and looks at it as its users do. Prints TAP. CC and CXX are respected.

set -u
cmake=$1
build=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
source=$(CDPATH='' cd -- "$here/../.." && pwd) || exit 1
cc=${CC:-cc}
cxx=${CXX:-c++}

work=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-install.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
unset DESTDIR CMAKE_PREFIX_PATH LD_LIBRARY_PATH
prefix="$work/pre fix"
copy="$work/moved copy"

count=0
# check NAME COMMAND...: one case; what the command prints is shown if it fails. 77 means skipped.
check() {
	name=$1
	shift
	count=$((count + 1))
	"$@" >"$work/output" 2>&1
	case $? in
	0) echo "ok $count - $name" ;;
	77) echo "ok $count - $name # SKIP $(tail -n 1 "$work/output")" ;;
	*)
		echo "not ok $count - $name"
		sed 's/^/# /' "$work/output"
		;;
	esac
}

on_path() { command -v "$1" >/dev/null 2>&1; }
elf() { on_path readelf && [ -e "$lib/libpgmonkey.so" ] || { echo "no ELF here"; return 77; }; }

stays_under_destdir() {
	DESTDIR="$work/dest" "$cmake" --install "$build" --prefix "$prefix" || return
	[ ! -e "$prefix" ] || { echo "it wrote to the prefix itself"; return 1; }
	elsewhere=$(find "$work/dest" ! -type d ! -path "$work/dest$prefix/*")
	[ -z "$elsewhere" ] || { echo "elsewhere: $elsewhere"; return 1; }
	mv "$work/dest$prefix" "$copy"
}

has_every_part() {
	for part in include/pgmonkey.h "${lib#"$copy"/}/libpgmonkey.a" "${lib#"$copy"/}/pkgconfig/pgmonkey.pc" \
		"${lib#"$copy"/}/cmake/pgmonkey/pgmonkeyConfig.cmake"; do
		[ -f "$copy/$part" ] || { echo "missing: $part"; return 1; }
	done
	[ -e "$lib/libpgmonkey.so" ] || [ -e "$lib/libpgmonkey.dylib" ] || { echo "missing: the shared library"; return 1; }
	for header in $(cd "$source/include" && find . -name '*.h' -o -name '*.hpp'); do
		cmp "$source/include/$header" "$copy/include/$header" || return
	done
}

mentions_no_build_path() {
	! grep -rlF -e "$build" -e "$source" -e "$work" "$copy/include" "$lib/pkgconfig" "$lib/cmake"
}

program_runs() {
	[ -e "$copy/bin/pgmonkey" ] || { echo "the program is not built"; return 77; }
	"$copy/bin/pgmonkey" --version | grep -F "$version"
}

program_names_schema() {
	[ -e "$copy/bin/pgmonkey" ] || { echo "the program is not built"; return 77; }
	"$copy/bin/pgmonkey" pgconfig schema >"$work/schema.json" &&
		cmp "$work/schema.json" "$copy/share/pgmonkey/pgmonkey.schema.json" &&
		"$copy/bin/pgmonkey" pgconfig create --quiet --filepath "$work/db.yaml" &&
		head -n 1 "$work/db.yaml" | tee "$work/said" && grep -F 'moved%20copy/share/pgmonkey/pgmonkey.schema.json' "$work/said"
}

# ------------------------------------------------------------------------------ symbols
exported() { nm -D --defined-only "$lib/libpgmonkey.so" | awk '{ print $3 }' | sort; }
# Every function that the headers declare: the name before the first parenthesis after PGM_API.
declared() {
	find "$copy/include" -name 'pgmonkey.h' -exec sed -n 's/^PGM_API [^(]*[ *]\(pgm_[a-z_0-9]*\)(.*/\1/p' {} + | sort -u
}
exports_what_headers_declare() {
	elf || return
	exported >"$work/exported"
	declared >"$work/declared"
	[ -s "$work/declared" ] || { echo "no declaration found"; return 1; }
	diff "$work/declared" "$work/exported"
}
tools_export_what_their_headers_declare() {
	elf || return
	nm -D --defined-only "$lib/libpgmonkey-tools.so" | awk '{ print $3 }' | sort >"$work/exported"
	find "$copy/include/pgmonkey" -name 'adapters' -prune -o -name '*.h' -exec \
		sed -n 's/^PGM_API [^(]*[ *]\(pgm_[a-z_0-9]*\)(.*/\1/p' {} + | sort -u >"$work/declared"
	[ -s "$work/declared" ] || { echo "no declaration found"; return 1; }
	diff "$work/declared" "$work/exported"
}
exports_nothing_internal() {
	elf || return
	! exported | grep -v '^pgm_[^_]'
}
archive_keeps_to_its_names() {
	on_path nm || { echo "no nm"; return 77; }
	! nm -g --defined-only "$lib/libpgmonkey.a" 2>/dev/null | awk 'NF == 3 { print $3 }' | grep -vE '^_?pgm_'
}
soname_is_of_the_major_version() {
	elf || return
	readelf -d "$lib/libpgmonkey.so" | grep -F "[libpgmonkey.so.${version%%.*}]" && [ -f "$lib/libpgmonkey.so.$version" ]
}
links_libpq_libyaml_libc_only() {
	elf || return
	# Older C libraries keep threads in a library of their own.
	! readelf -d "$lib/libpgmonkey.so" | grep NEEDED |
		grep -vE '\[(libpq\.so\.[0-9]+|libyaml-0\.so\.[0-9]+|libc\.(so\.6|musl-.*)|libpthread\.so\.0|ld-linux.*)\]'
}
is_small() {
	elf || return
	on_path strip || { echo "no strip"; return 77; }
	strip -o "$work/stripped.so" "$lib/libpgmonkey.so" || return
	size=$(wc -c <"$work/stripped.so")
	echo "stripped: $size bytes"
	[ "$size" -le 153600 ]
}

# ------------------------------------------------------------------------------ headers
# The event loop that an adapter is for, as pkg-config names it.
loop_of() {
	case $1 in
	*/uv.h) echo libuv ;;
	*/event.h) echo libevent_core ;;
	*/glib.h) echo glib-2.0 ;;
	*) return 1 ;;
	esac
}

# header_alone COMPILER LANGUAGE STANDARD: each public header as the only thing in a file. An adapter wants its
# event loop; where that is not installed the adapter is left out. (libuv wants POSIX asked for with -std=c11.)
header_alone() {
	on_path "${1%% *}" || { echo "no $1"; return 77; }
	for header in $(cd "$copy/include" && find . -name '*.h' -o -name '*.hpp' | sed 's|^\./||' | sort); do
		packages=libpq
		case $header in
		*.hpp) [ "$2" = c++ ] || continue ;;
		pgmonkey/adapters/*)
			loop=$(loop_of "$header") || { echo "which loop is $header for?"; return 1; }
			pkg-config --exists "$loop" || continue
			packages="libpq $loop"
			;;
		esac
		printf '#include <%s>\n' "$header" >"$work/alone.$2"
		eval "$1 -x $2 -std=$3 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wconversion -Wshadow -Werror -pedantic" \
			"-fsyntax-only $(pkg-config --cflags $packages)" \
			'-I"$copy/include" "$work/alone.$2"' || { echo "$header"; return 1; }
	done
}

# ------------------------------------------------------------------------------ outside programs
# The output of pkg-config is quoted for the shell, as the path has a space: hence eval.
runs() {
	LD_LIBRARY_PATH=$lib DYLD_LIBRARY_PATH=$lib "$1" | tee "$work/said" && grep -F "pgmonkey $version" "$work/said"
}
uses_shared_library() { ! elf >/dev/null || readelf -d "$1" | grep NEEDED | grep libpgmonkey; }
pkg_config_shared() {
	eval "$cc -Wall -Wextra -Werror" '-o "$work/a" "$here/outside/main.c"' "$(pkg-config --cflags --libs pgmonkey)" &&
		runs "$work/a" && uses_shared_library "$work/a"
}
pkg_config_static() {
	eval "$cc -Wall -Wextra -Werror" '-o "$work/b" "$here/outside/main.c"' "$(pkg-config --cflags --libs pgmonkey-static)" &&
		runs "$work/b" && ! uses_shared_library "$work/b"
}
# Linking with these needs static builds of all that libpq is made with, which few systems have.
pkg_config_lists_static_needs() {
	libs=" $(pkg-config --static --libs pgmonkey) "
	echo "$libs"
	for flag in -lpgmonkey -lpq -lyaml -pthread; do
		case $libs in *" $flag "*) ;; *) echo "no $flag"; return 1 ;; esac
	done
	[ "$(pkg-config --modversion pgmonkey)" = "$version" ]
}
cmake_project() {
	"$cmake" -S "$here/outside" -B "$work/cmake-$1" -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$copy" -DPGM_FROM="$1" &&
		"$cmake" --build "$work/cmake-$1" && runs "$work/cmake-$1/outside"
}
cmake_shared() { cmake_project shared && uses_shared_library "$work/cmake-shared/outside"; }
cmake_static() { cmake_project static && ! uses_shared_library "$work/cmake-static/outside"; }
cmake_tools() { cmake_project tools && uses_shared_library "$work/cmake-tools/outside"; }
cmake_tools_static() { cmake_project tools-static && ! uses_shared_library "$work/cmake-tools-static/outside"; }
pkg_config_tools() {
	eval "$cc -Wall -Wextra -Werror" '-o "$work/c" "$here/outside/tools.c"' "$(pkg-config --cflags --libs pgmonkey-tools)" &&
		runs "$work/c" && uses_shared_library "$work/c"
}
cmake_subdirectory() {
	"$cmake" -S "$here/outside" -B "$work/sub" -DCMAKE_C_COMPILER="$cc" -DPGM_FROM="$source" &&
		[ ! -d "$work/sub/pgmonkey/tests" ]
}

echo "1..26"
check "make install with DESTDIR writes below it and nowhere else" stays_under_destdir
lib=$copy/lib
for candidate in "$copy"/lib*/pkgconfig "$copy"/lib/*/pkgconfig; do
	[ ! -d "$candidate" ] || lib=${candidate%/pkgconfig}
done
export PKG_CONFIG_PATH="$lib/pkgconfig"
version=$(sed -n 's/^#define PGM_VERSION "\(.*\)"/\1/p' "$source/include/pgmonkey.h")

check "headers, both libraries, pkg-config files and the CMake package are there" has_every_part
check "no installed text names a folder of the build" mentions_no_build_path
check "the moved program finds its library" program_runs
check "the moved program names the schema that came along" program_names_schema
check "the shared library exports exactly what the header declares" exports_what_headers_declare
check "the tools' shared library exports exactly what its headers declare" tools_export_what_their_headers_declare
check "the shared library exports no internal name" exports_nothing_internal
check "every name in the static library begins with pgm_" archive_keeps_to_its_names
check "the soname is that of the major version" soname_is_of_the_major_version
check "the shared library needs libpq, libyaml and libc only" links_libpq_libyaml_libc_only
check "the stripped shared library is at most 150 KiB" is_small
check "each header alone is C11" header_alone "$cc" c c11
check "each header alone is C17" header_alone "$cc" c c17
check "each header alone is C++11" header_alone "$cxx" c++ c++11
check "each header alone is C++20" header_alone "$cxx" c++ c++20
check "pkg-config: an outside program with the shared library" pkg_config_shared
check "pkg-config: an outside program with the static library" pkg_config_static
check "pkg-config --static lists what the static library needs" pkg_config_lists_static_needs
check "find_package: an outside program with pgmonkey::pgmonkey" cmake_shared
check "find_package: an outside program with pgmonkey::static" cmake_static
check "pkg-config: an outside program with the tools" pkg_config_tools
check "find_package: an outside program with pgmonkey::tools" cmake_tools
check "find_package: an outside program with pgmonkey::tools-static" cmake_tools_static
check "add_subdirectory: the sources inside another project" cmake_subdirectory
check "the license comes along" test -n "$(find "$copy/share" -name LICENSE 2>/dev/null)"
# Failed cases are in the TAP; the status only says that it came to its end.
exit 0
