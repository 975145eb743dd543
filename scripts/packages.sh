#!/bin/sh
# Makes the packages that this machine can make, Debian's and RPM's, into build/packages (or under PGM_BUILD_ROOT).
#
#   packages.sh [DEB|RPM]...
#
# SOURCE_DATE_EPOCH is respected; DEBFULLNAME and DEBEMAIL say who answers for them. Nothing is installed.

set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
dir=${PGM_BUILD_ROOT:-$root/build}/packages
cd "$root"
unset MAKEFLAGS MFLAGS MAKELEVEL DESTDIR

on_path() { command -v "$1" >/dev/null 2>&1; }
if [ $# -eq 0 ]; then
	! on_path dpkg-shlibdeps || set -- "$@" DEB
	! on_path rpmbuild || set -- "$@" RPM
fi
[ $# -gt 0 ] || { echo "packages.sh: there is neither dpkg-dev nor rpmbuild here" >&2; exit 1; }

# As the distribution compiles its own packages, where it says how.
if on_path dpkg-buildflags; then
	CFLAGS=$(dpkg-buildflags --get CFLAGS) CPPFLAGS=$(dpkg-buildflags --get CPPFLAGS)
	LDFLAGS=$(dpkg-buildflags --get LDFLAGS)
	CFLAGS="$CFLAGS $CPPFLAGS"
	export CFLAGS LDFLAGS
fi

contact=
[ -z "${DEBEMAIL:-}" ] || contact="-DPGM_PACKAGER=${DEBFULLNAME:-the packager} <$DEBEMAIL>"

rm -f "$dir"/*.deb "$dir"/*.rpm
for kind; do
	case $kind in
	DEB) libdir=lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH) zsh=share/zsh/vendor-completions ;;
	RPM) libdir=$(rpm --eval '%{_lib}') zsh=share/zsh/site-functions ;;
	*) echo "packages.sh: unknown kind $kind: expected DEB or RPM" >&2; exit 1 ;;
	esac
	# The same objects for both: only where things go is another place.
	cmake --preset release -B "$dir" -DPGM_TESTS=OFF -DPGM_PACKAGES=ON -DCMAKE_INSTALL_PREFIX=/usr \
		-DCMAKE_INSTALL_LIBDIR="$libdir" -DPGM_ZSH_DIR="$zsh" ${contact:+"$contact"} >/dev/null
	cmake --build "$dir" --parallel "${PGM_JOBS:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}"
	rm -rf "$dir/_CPack_Packages"
	(cd "$dir" && cpack -G "$kind" >cpack.log 2>&1) || { cat "$dir/cpack.log" >&2; exit 1; }
done
rm -rf "$dir/_CPack_Packages"
find "$dir" -maxdepth 1 \( -name '*.deb' -o -name '*.rpm' \) | sort
