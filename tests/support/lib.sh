# Shared by server.sh and pgbouncer.sh: who runs a server, where its programs are, which port it gets.
# shellcheck shell=bash

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# PostgreSQL and PgBouncer refuse to run as root: then they run as somebody who owns nothing of value.
server_user()
{
	if [ "$(id -u)" != 0 ]; then
		id -un
	elif id postgres >/dev/null 2>&1; then
		echo postgres
	else
		echo nobody
	fi
}

# Runs a command as that user, with no settings of ours or the caller's that libpq or psql would read.
as_server()
{
	local user
	user=$(server_user)
	if [ "$(id -u)" != 0 ]; then
		HOME=/nonexistent "$@"
	elif command -v setpriv >/dev/null; then
		HOME=/nonexistent setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- "$@"
	elif command -v runuser >/dev/null; then
		HOME=/nonexistent runuser -u "$user" -- "$@"
	else
		# shellcheck disable=SC2016
		HOME=/nonexistent su -s /bin/sh -c 'exec "$@"' "$user" sh "$@"
	fi
}

clear_libpq_environment()
{
	local name
	for name in ${!PG*}; do
		case $name in PGM_*) ;; *) unset "$name" ;; esac
	done
}

# Below the range from which the kernel takes the ports of outgoing connections, so that a server that is
# down for a moment finds its port free again; and never a port where a real server may live.
random_port()
{
	echo $((20000 + (RANDOM * 32768 + RANDOM) % 12000))
}

has_ipv6_loopback()
{
	if [ -d /proc/net ]; then
		grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null
	else
		ifconfig lo0 2>/dev/null | grep -q 'inet6 ::1 '
	fi
}

# Process ids, one a line. A bare Debian has no pgrep.
children_of()
{
	local stat line parent
	if [ -d /proc/self ]; then
		for stat in /proc/[0-9]*/stat; do
			# "pid (name) state parent ...": the name may hold anything, blanks too.
			{ read -r line <"$stat"; } 2>/dev/null || continue
			read -r _ parent _ <<<"${line##*) }"
			[ "$parent" = "$1" ] && echo "${line%% *}"
		done
	else
		pgrep -P "$1"
	fi
	return 0
}

# await SECONDS COMMAND...: until the command succeeds; false when the time is over.
await()
{
	local tries=$(($1 * 50))
	shift
	until "$@"; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.02
	done
}

# The PgBouncer whose files are in the folder, if it runs; returns when it has gone.
stop_pgbouncer()
{
	local pid
	pid=$(cat "$1/pid" 2>/dev/null) || return 0
	kill -TERM "$pid" 2>/dev/null || return 0
	await 5 is_gone "$pid" || kill -KILL "$pid" 2>/dev/null
	return 0
}

# A zombie is gone too: its parent, which need not be ours, takes its time.
is_gone()
{
	local line
	kill -0 "$1" 2>/dev/null || return 0
	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
	case ${line##*) } in Z*) return 0 ;; *) return 1 ;; esac
}
