#!/bin/sh
# Installs what is missing, and only that. Prints nothing if nothing is.
#
#   install-deps.sh [--list] NAME...      names and groups: see the table below
#
# What is there is found by looking for it, not by asking the package manager: it may have come another
# way. Without the rights to install, or with a package manager that is not known here, it prints what
# is needed and exits with 1.

set -u

# name        group  apt                dnf                 apk                pacman           brew
# "-": no package of that kind; "?" before the group: the tests, or benchmarks, can do without it, and say so.
table='
cc            build  gcc,libc6-dev      gcc,glibc-devel     build-base         gcc              -
make          build  make               make                make               make             make
cmake         build  cmake              cmake               cmake              cmake            cmake
pkg-config    build  pkg-config         pkgconf-pkg-config  pkgconf            pkgconf          pkgconf
libpq         build  libpq-dev          libpq-devel         libpq-dev          postgresql-libs  libpq
libyaml       build  libyaml-dev        libyaml-devel       yaml-dev           libyaml          libyaml
uchardet      build  libuchardet-dev    uchardet-devel      uchardet-dev       uchardet         uchardet
scdoc         ?test  scdoc              scdoc               scdoc              scdoc            scdoc
server        test   postgresql         postgresql-server   postgresql         postgresql       postgresql@17
cmocka        test   libcmocka-dev      libcmocka-devel     cmocka-dev         cmocka           cmocka
bats          test   bats               bats                bats               bats             bats-core
jq            test   jq                 jq                  jq                 jq               jq
openssl       test   openssl            openssl             openssl            openssl          openssl
cxx           test   g++                gcc-c++             g++                gcc              -
pgbouncer     ?test  pgbouncer          pgbouncer           pgbouncer          pgbouncer        pgbouncer
libuv         ?test  libuv1-dev         libuv-devel         libuv-dev          libuv            libuv
libevent      ?test  libevent-dev       libevent-devel      libevent-dev       libevent         libevent
glib          ?test  libglib2.0-dev     glib2-devel         glib-dev           glib2            glib
psycopg       ?test  python3-psycopg,python3-psycopg-pool,python3-yaml  -  -      -                -
jsonschema    ?test  python3-jsonschema,python3-yaml  python3-jsonschema,python3-pyyaml  py3-jsonschema,py3-yaml  python-jsonschema,python-yaml  -
zsh           ?test  zsh                zsh                 zsh                zsh              zsh
fish          ?test  fish               fish                fish               fish             fish
mandoc        ?test  mandoc             mandoc              mandoc             mandoc           mandoc
abidw         ?test  abigail-tools      libabigail          -                  -                -
dpkg-dev      ?packages  dpkg-dev       -                   -                  -                -
rpmbuild      ?packages  rpm            rpm-build           -                  -                -
lintian       ?packages  lintian        -                   -                  -                -
valgrind      own    valgrind           valgrind            valgrind           valgrind         -
sanitizers    own    -                  libasan,libubsan,libtsan  -            -                -
clang         lint   clang              clang               clang              clang            llvm
clang-rt      ?lint  @clang-rt          compiler-rt         compiler-rt        compiler-rt      -
clang-format  lint   clang-format       clang-tools-extra   clang-extra-tools  clang            clang-format
clang-tidy    lint   clang-tidy         clang-tools-extra   clang-extra-tools  clang            llvm
cppcheck      lint   cppcheck           cppcheck            cppcheck           cppcheck         cppcheck
gnuplot       own    gnuplot-nox        gnuplot             gnuplot            gnuplot          gnuplot
script        own    bsdutils           util-linux          util-linux         util-linux       -
libzdb        ?bench libzdb-dev         libzdb-devel        -                  -                libzdb
soci          ?bench libsoci-dev,libboost-dev  soci-postgresql-devel,boost-devel  -  -        soci
cargo         ?bench cargo              cargo               cargo              rust             rust
go            ?bench golang-go          golang              go                 go               go
npm           ?bench npm                npm                 npm                npm              node
venv          ?bench python3-venv       python3             python3            python           python3
'

on_path() { command -v "$1" >/dev/null 2>&1; }
compiler() { on_path cc || on_path gcc || on_path clang; }

# Links a trifle with the given compiler and options, in a folder that is removed again.
links() {
	try=$(mktemp -d "${TMPDIR:-/tmp}/pgmonkey-deps.XXXXXX") || return 1
	echo 'int main(void) { return 0; }' >"$try/try.c"
	"$@" -o "$try/try" "$try/try.c" >/dev/null 2>&1
	linked=$?
	rm -rf "$try"
	return $linked
}

have_server() {
	for dir in "$(pg_config --bindir 2>/dev/null)" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* \
		/opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin /usr/local/pgsql/bin; do
		[ -x "$dir/initdb" ] && [ -x "$dir/postgres" ] && return 0
	done
	on_path initdb && on_path postgres
}

# By the system's Python, or the one that is called so.
have_python() {
	for python in /usr/bin/python3 python3; do
		"$python" -c "import $1" 2>/dev/null && return 0
	done
	return 1
}

have() {
	case $1 in
	cc) compiler && links cc ;;
	cxx) on_path c++ || on_path g++ || on_path clang++ ;;
	cmake) on_path cmake && [ "$(printf '3.20\n%s\n' "$(cmake --version | sed -n '1s/.*version *//p')" |
		sort -t. -k1,1n -k2,2n | head -n 1)" = 3.20 ] ;;
	libpq) pkg-config --exists libpq 2>/dev/null ;;
	libyaml) pkg-config --exists yaml-0.1 2>/dev/null ;;
	uchardet) pkg-config --exists uchardet 2>/dev/null ;;
	cmocka) pkg-config --exists cmocka 2>/dev/null ;;
	libuv) pkg-config --exists libuv 2>/dev/null ;;
	libevent) pkg-config --exists libevent_core 2>/dev/null ;;
	glib) pkg-config --exists glib-2.0 2>/dev/null ;;
	libzdb) pkg-config --exists zdb 2>/dev/null ;;
	soci) links cc -lsoci_postgresql ;;
	venv) python3 -c 'import venv, ensurepip' 2>/dev/null ;;
	server) have_server ;;
	psycopg) have_python "psycopg, psycopg_pool, yaml" ;;
	jsonschema) have_python "jsonschema, yaml" ;;
	dpkg-dev) on_path dpkg-shlibdeps ;;
	sanitizers) links cc -fsanitize=address,undefined && links cc -fsanitize=thread ;;
	clang-rt) links clang -fsanitize=address ;;
	*) on_path "$1" ;;
	esac
}

list_only=''
[ "${1:-}" != --list ] || { list_only=1; shift; }

# Debian's service packages live in sbin, which a plain user's PATH may lack.
PATH=$PATH:/usr/sbin:/sbin

wanted() {
	for want in $wants; do
		[ "$want" = "$1" ] || [ "$want" = "${2#\?}" ] && return 0
	done
	return 1
}
wants=$*

# What was asked for by its own name is not optional.
optional() {
	case " $wants " in *" $1 "*) return 1 ;; esac
	case $2 in \?*) return 0 ;; *) return 1 ;; esac
}

# One row a line: name, group, packages in the given column (3 apt, 4 dnf, ...).
missing() {
	printf '%s' "$table" | while read -r name group apt dnf apk pacman brew; do
		[ -n "$name" ] && wanted "$name" "$group" && ! have "$name" || continue
		eval "packages=\$${1:-apt}"
		if optional "$name" "$group"; then kind=optional; else kind=needed; fi
		echo "$name $kind $packages"
	done
}

for want in $wants; do
	printf '%s' "$table" | awk -v w="$want" '{ sub(/^\?/, "", $2) } $1 == w || $2 == w { found = 1 } END { exit !found }' ||
		{ echo "install-deps.sh: nothing is called $want" >&2; exit 1; }
done

[ -n "$(missing)" ] || exit 0

manager=
if [ "$(uname -s)" = Darwin ]; then
	on_path brew && manager=brew
else
	for candidate in apt-get dnf apk pacman brew; do
		on_path $candidate && { manager=${candidate%-get}; break; }
	done
fi

lacking=$(missing "$manager")
# names KIND: what is missing; packages KIND: what brings it.
names() { printf '%s\n' "$lacking" | awk -v k="$1" '$2 == k { printf "%s%s", sep, $1; sep = " " }'; }
packages() { printf '%s\n' "$lacking" | awk -v k="$1" '$2 == k && $3 != "-" { gsub(",", "\n", $3); print $3 }' | sort -u | tr '\n' ' '; }

if [ -n "$list_only" ]; then
	printf '%s\n' "$lacking"
	exit 0
fi

# "sudo -n": never stops to ask for a password.
as_root=
if [ "$(id -u)" -ne 0 ] && [ "$manager" != brew ]; then
	if on_path sudo && sudo -n true 2>/dev/null; then
		as_root="sudo -n"
	else
		as_root=none
	fi
fi

if [ -z "$manager" ] || [ "$as_root" = none ]; then
	[ -n "$(names needed)" ] || exit 0
	{
		echo "pgmonkey needs what is not on this machine: $(names needed)"
		if [ -z "$manager" ]; then
			echo "Please install it; no package manager known here was found (apt, dnf, apk, pacman, brew)."
		else
			echo "Please have an administrator install these packages ($manager): $(packages needed | sed 's/@clang-rt *//')"
		fi
	} >&2
	exit 1
fi

# ------------------------------------------------------------------------------ apt

# A fresh PostgreSQL package makes a cluster, on port 5432, and starts it; pgbouncer starts as well. The
# tests need neither: they start what they need, elsewhere. Both are asked off while we install, and only
# where the package is new: what the machine's owner runs is not touched.
cluster_conf=/etc/postgresql-common/createcluster.d/pgmonkey-no-cluster.conf
apt_quiet_on() {
	if ! have server; then
		$as_root mkdir -p "${cluster_conf%/*}" && echo "create_main_cluster = false" | $as_root tee "$cluster_conf" >/dev/null
		quiet_cluster=1
	fi
	if [ -d /run/systemd/system ] && ! on_path pgbouncer; then
		$as_root systemctl --quiet --runtime mask pgbouncer.service 2>/dev/null && quiet_pgbouncer=1
	fi
}
apt_quiet_off() {
	if [ -n "$quiet_cluster" ]; then
		$as_root rm -f "$cluster_conf"
		$as_root rmdir "${cluster_conf%/*}" 2>/dev/null
	fi
	if [ -n "$quiet_pgbouncer" ]; then
		$as_root systemctl --quiet --runtime unmask pgbouncer.service
		$as_root systemctl --quiet disable pgbouncer.service 2>/dev/null
	fi
	quiet_cluster='' quiet_pgbouncer=''
}

apt_get() {
	# Unquoted on purpose: as_root is empty or two words.
	$as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
		apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# Where it is a package of its own, it bears the version of the compiler that "clang" stands for.
apt_clang_rt() {
	version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
	for package in "libclang-rt-$version-dev" "libclang-common-$version-dev"; do
		apt-cache show "$package" >/dev/null 2>&1 && { echo "$package"; return; }
	done
}

# ------------------------------------------------------------------------------ all

install_packages() {
	case $manager in
	apt) apt_get install --no-install-recommends "$@" ;;
	dnf) $as_root dnf install -y -q "$@" ;;
	apk) $as_root apk add --quiet "$@" ;;
	pacman) $as_root pacman -S --needed --noconfirm "$@" ;;
	brew) brew install --quiet "$@" ;;
	esac
}

echo "installing what is missing: $(names needed) $(names optional)"
log=$(mktemp "${TMPDIR:-/tmp}/pgmonkey-deps.XXXXXX") || exit 1
quiet_cluster='' quiet_pgbouncer=''
trap 'rm -f "$log"; apt_quiet_off' EXIT
trap 'exit 130' HUP INT TERM
if [ "$manager" = apt ]; then
	apt_get update >/dev/null || echo "install-deps.sh: apt-get update failed; going on with what is known" >&2
	apt_quiet_on
fi
for kind in needed optional; do
	set -- $(packages $kind)
	[ $# -gt 0 ] || continue
	if [ "$manager" = apt ]; then
		case " $* " in
		*" @clang-rt "*)
			rt=$(apt_clang_rt)
			set -- $(printf '%s\n' "$@" | sed "s/^@clang-rt\$/$rt/")
			[ $# -gt 0 ] || continue
			;;
		esac
	fi
	install_packages "$@" >"$log" 2>&1 && continue
	if [ $kind = needed ]; then
		tail -n 40 "$log" >&2
		continue
	fi
	# One that this system does not have keeps the others away.
	for package; do
		install_packages "$package" >"$log" 2>&1
	done
done

lacking=$(missing "$manager")
if [ -n "$(names optional)" ]; then
	echo "not available here, and left out: $(names optional)"
fi
if [ -n "$(names needed)" ]; then
	echo "still missing: $(names needed)" >&2
	exit 1
fi
exit 0
