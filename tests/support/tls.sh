#!/usr/bin/env bash
#
# Certificates made on the spot, and a throwaway server that uses them.
#
#   tls.sh make CERTS             makes in the folder CERTS (for two days, except "expired"):
#                                   ca.crt                     the authority that clients should trust
#                                   good.crt, good.key         for localhost, 127.0.0.1 and ::1
#                                   expired.*  wrongname.*     as they say (wrongname: other.example)
#                                   wrongca.*  otherca.crt     for localhost, by an authority of its own
#                                   client.*                   for the test's role
#                                   wrongclient.*              the same by the wrong authority
#   tls.sh on DIR CERTS KIND      the server of DIR (see server.sh) uses KIND.crt; client certificates are
#                                 checked against ca.crt where pg_hba.conf asks for them
#   tls.sh off DIR

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
# shellcheck source=tests/support/lib.sh
. "$here/lib.sh"

role=pgm_test

quietly()
{
	local output
	output=$("$@" 2>&1) || die "$* failed: $output"
}

make_authority()
{
	quietly openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
		-subj "/CN=pgmonkey test $1" -keyout "$1.key" -out "$1.crt"
	: >"$1.index"
	echo 01 >"$1.serial"
	cat >"$1.conf" <<-END
		[ca]
		default_ca = this
		[this]
		certificate = $1.crt
		private_key = $1.key
		database = $1.index
		serial = $1.serial
		new_certs_dir = .
		default_md = sha256
		policy = any
		copy_extensions = copy
		unique_subject = no
		email_in_dn = no
		[any]
		commonName = supplied
	END
}

# make_certificate NAME AUTHORITY COMMON_NAME ALTERNATIVE_NAMES FROM TO: "openssl ca" is the one command
# that takes dates in the past in all versions.
make_certificate()
{
	local names=()
	[ -z "$4" ] || names=(-addext "subjectAltName=$4")
	quietly openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
		-subj "/CN=$3" ${names[@]+"${names[@]}"} -keyout "$1.key" -out "$1.csr"
	quietly openssl ca -batch -notext -config "$2.conf" -startdate "$5" -enddate "$6" -in "$1.csr" -out "$1.crt"
	chmod 600 "$1.key"
	rm "$1.csr"
}

# GNU date, then that of BSD and macOS.
utc()
{
	date -u -d "$1 days" +%Y%m%d%H%M%SZ 2>/dev/null || date -u -v "${1}d" +%Y%m%d%H%M%SZ
}

make()
{
	local before now soon here_names=DNS:localhost,IP:127.0.0.1,IP:::1
	before=$(utc -10) now=$(utc -1) soon=$(utc +2)
	mkdir -p "$1" && cd "$1" || exit 1
	make_authority ca
	make_authority otherca
	make_certificate good ca localhost "$here_names" "$now" "$soon"
	make_certificate expired ca localhost "$here_names" "$before" "$now"
	make_certificate wrongname ca other.example DNS:other.example "$now" "$soon"
	make_certificate wrongca otherca localhost "$here_names" "$now" "$soon"
	make_certificate client ca "$role" "" "$now" "$soon"
	make_certificate wrongclient otherca "$role" "" "$now" "$soon"
	rm -f ./*.index* ./*.serial* ./*.conf ./[0-9A-F][0-9A-F].pem
}

# The key must be the server's own and private. The names are always the same, so that a reload takes the
# new content.
on()
{
	local data
	data=$(cat "$1/home")/data || exit 1
	[ -f "$2/$3.crt" ] || die "no certificate $3 in $2"
	rm -f "$data/server.key"
	(umask 077 && as_server tee "$data/server.key") <"$2/$3.key" >/dev/null
	as_server tee "$data/server.crt" <"$2/$3.crt" >/dev/null
	as_server tee "$data/ca.crt" <"$2/ca.crt" >/dev/null
	exec "$here/server.sh" conf "$1" 'ssl = on' "ssl_ca_file = 'ca.crt'"
}

case ${1:-} in
make)
	make "$2"
	;;
on)
	on "$2" "$3" "$4"
	;;
off)
	exec "$here/server.sh" conf "$2" 'ssl = off'
	;;
*)
	sed -n '3,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
