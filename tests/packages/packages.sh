#!/bin/sh
# packages.sh CMAKE BUILD: packages are made as scripts/packages.sh makes them, and looked at without being installed.
# Prints TAP. BUILD is the build that is installed for comparison.

set -u
cmake=$1
build=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd) || exit 1
source=$(CDPATH='' cd -- "$here/../.." && pwd) || exit 1
cc=${CC:-cc}
unset CC CFLAGS CPPFLAGS LDFLAGS PKG_CONFIG_PATH LD_LIBRARY_PATH

work=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-packages.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' HUP INT TERM
. "$source/tests/support/tap.sh"
made=${PGM_BUILD_ROOT:-$source/build}/packages
version=$(sed -n 's/^#define PGM_VERSION "\(.*\)"/\1/p' "$source/include/pgmonkey.h")
debs="libpgmonkey0 libpgmonkey-tools0 libpgmonkey-dev pgmonkey"
rpms="libpgmonkey libpgmonkey-tools libpgmonkey-devel pgmonkey"

debian() { on_path dpkg-shlibdeps || without "dpkg-dev"; }
rpm_there() { on_path rpmbuild || without "rpmbuild"; }
deb() { echo "$made/$1_$version-1_$(dpkg --print-architecture).deb"; }
rpm_file() { echo "$made/$1-$version-1.$(rpm --eval '%{_target_cpu}').rpm"; }

are_made() {
	on_path dpkg-shlibdeps || on_path rpmbuild || { without "dpkg-dev, no rpmbuild"; return; }
	"$source/scripts/packages.sh" || return
	if debian >/dev/null; then for package in $debs; do [ -s "$(deb "$package")" ] || { echo "missing: $package"; return 1; }; done; fi
	if rpm_there >/dev/null; then for package in $rpms; do [ -s "$(rpm_file "$package")" ] || { echo "missing: $package"; return 1; }; done; fi
}

# ------------------------------------------------------------------------------ Debian's
# - initial-upload-closes-no-bugs: it is not for Debian's own archive.
# - copyright-without-copyright-notice: LICENSE names no year.
# - maintscript-calls-ldconfig: CPack adds that script, see cmake/Packages.cmake.
lintian_is_content() {
	debian || return
	on_path lintian || { without lintian; return; }
	for package in $debs; do set -- "$@" "$(deb "$package")"; done
	# It warns of running as root on stderr.
	lintian --fail-on error,warning --allow-root --suppress-tags \
		initial-upload-closes-no-bugs,copyright-without-copyright-notice,maintscript-calls-ldconfig "$@"
}

unpack_debs() {
	debian || return
	mkdir "$work/deb" || return
	for package in $debs; do
		dpkg-deb -x "$(deb "$package")" "$work/deb" || return
		dpkg-deb -c "$(deb "$package")" | awk '$1 !~ /^d/ { print $6 }' | sort >"$work/list.$package"
	done
}
# What an installation lays down is in one package, and in one only; the license is told in another file.
all_of_it_once() {
	debian || return
	DESTDIR=$work/all "$cmake" --install "$build" --prefix /usr >/dev/null || return
	(cd "$work/all/usr" && find . ! -type d) | sed 's|.*/||' | grep -v '^LICENSE$' | sort >"$work/installed"
	for package in $debs; do cat "$work/list.$package"; done | grep -v '/usr/share/doc/' | sed 's|.*/||; s|\.gz$||' | sort >"$work/packed"
	# The name of the kind of build is in one file's name.
	sed -i.old 's/-\(debug\|release\|relwithdebinfo\)\.cmake/.cmake/' "$work/installed" "$work/packed"
	diff "$work/installed" "$work/packed"
}
stays_in_usr() {
	debian || return
	! cat "$work"/list.* | grep -v '^\./usr/'
}
depends() { dpkg-deb -f "$(deb "$1")" Depends | tr ',' '\n' | grep -qE "^ *$2( |\$)" || { echo "$1 does not depend on $2"; return 1; }; }
depends_on_what_it_needs() {
	debian || return
	depends libpgmonkey0 libpq5 && depends libpgmonkey0 libyaml-0-2 && depends libpgmonkey0 libc6 || return
	depends libpgmonkey-tools0 libpgmonkey0 || return
	depends libpgmonkey-dev libpgmonkey0 && depends libpgmonkey-dev libpgmonkey-tools0 && depends libpgmonkey-dev libpq-dev || return
	depends pgmonkey libpq5 || return
	# The program has the libraries in it.
	! dpkg-deb -f "$(deb pgmonkey)" Depends | grep libpgmonkey
}
# apt looks whether all could be installed here, and installs nothing.
apt_would_install() {
	debian || return
	on_path apt-get || { without apt-get; return; }
	for package in $debs; do set -- "$@" "$(deb "$package")"; done
	apt-get install --simulate --no-install-recommends -qq -o Debug::NoLocking=1 "$@"
}
unpacked_program_runs() {
	debian || return
	"$work/deb/usr/bin/pgmonkey" --version | grep -F "$version"
}
# With the files of the packages alone: shared and static.
unpacked_library_links() {
	debian || return
	lib=$(dirname "$(find "$work/deb/usr/lib" -name libpgmonkey.a)")
	PKG_CONFIG_PATH=$lib/pkgconfig
	LD_LIBRARY_PATH=$lib
	export PKG_CONFIG_PATH LD_LIBRARY_PATH
	for how in pgmonkey pgmonkey-static; do
		eval "$cc -Wall -Wextra -Werror" '-o "$work/$how" "$source/tests/install/outside/main.c"' \
			"$(pkg-config --cflags --libs $how)" && "$work/$how" | grep -F "pgmonkey $version" || return
	done
}
stripped() {
	debian || return
	on_path readelf || { without readelf; return; }
	files=$(find "$work/deb" -type f \( -name '*.so.*' -o -name '*.a' -o -path '*/bin/*' \))
	[ "$(printf '%s\n' "$files" | wc -l)" -eq 5 ] || { echo "expected two libraries twice, and a program: $files"; return 1; }
	for file in $files; do
		! readelf -SW "$file" | grep '\.debug_' || { echo "$file"; return 1; }
	done
}

# ------------------------------------------------------------------------------ RPM's
requires() { rpm -qp --requires "$(rpm_file "$1")" | grep -qE "^$2" || { echo "$1 does not require $2"; return 1; }; }
rpms_require_what_they_need() {
	rpm_there || return
	requires libpgmonkey 'libpq\.so\.5' && requires libpgmonkey 'libyaml-0\.so' || return
	requires libpgmonkey-tools 'libpgmonkey\.so\.' && requires libpgmonkey-devel 'libpgmonkey = ' &&
		requires libpgmonkey-devel 'libpgmonkey-tools = ' && requires libpgmonkey-devel 'libpq-devel' || return
	requires pgmonkey 'libpq\.so\.5'
}
# The same files as Debian's, but for where they lie.
rpms_have_the_same() {
	rpm_there && debian || return
	for package in $rpms; do rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$(rpm_file "$package")"; done |
		awk '$1 !~ /^d/ { print $2 }' | grep -v '^/usr/share/licenses/' | sed 's|.*/||; s|\.gz$||' |
		sed 's/-relwithdebinfo\.cmake/.cmake/' | sort >"$work/rpm"
	diff "$work/packed" "$work/rpm"
}
rpms_own_no_system_folder() {
	rpm_there || return
	! for package in $rpms; do rpm -qp --qf '[%{FILEMODES:perms} %{FILENAMES}\n]' "$(rpm_file "$package")"; done |
		awk '$1 ~ /^d/ { print $2 }' | grep -vE '/pgmonkey(/|$)|/licenses/'
}

plan 13
check "packages are made" are_made
check "lintian finds no error and no warning" lintian_is_content
check "Debian's packages can be unpacked" unpack_debs
check "all that is installed is in one of them, and in one only" all_of_it_once
check "nothing lies outside of /usr" stays_in_usr
check "they depend on what they need" depends_on_what_it_needs
check "apt would install them here" apt_would_install
check "the unpacked program runs" unpacked_program_runs
check "an outside program with the unpacked library, shared and static" unpacked_library_links
check "what is in them is stripped" stripped
check "the RPM packages require what they need" rpms_require_what_they_need
check "the RPM packages have the same files" rpms_have_the_same
check "the RPM packages own no folder of the system" rpms_own_no_system_folder
exit 0
