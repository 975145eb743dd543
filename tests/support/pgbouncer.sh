#!/usr/bin/env bash
#
# PgBouncer in front of a throwaway server (see server.sh), for the test's role and database.
#
#   pgbouncer.sh start DIR MODE     MODE is session, transaction or statement; prints its port on 127.0.0.1
#   pgbouncer.sh stop DIR MODE      also done when the server of DIR is stopped
#
# Its files, the log included, are in DIR's home, in pgbouncer-MODE.
#
# Read from the environment:
#   PGM_TEST_PGBOUNCER_CONF       lines for the section [pgbouncer]
#   PGM_TEST_PGBOUNCER_DATABASE   parameters for the line of the database

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
# shellcheck source=tests/support/lib.sh
. "$here/lib.sh"

write_conf()
{
	cat <<-END
		[databases]
		$PGM_TEST_DBNAME = host=$PGM_TEST_SOCKETDIR port=$PGM_TEST_PORT ${PGM_TEST_PGBOUNCER_DATABASE:-}
		[pgbouncer]
		listen_addr = 127.0.0.1
		listen_port = $port
		unix_socket_dir =
		auth_type = scram-sha-256
		auth_file = $place/users
		pool_mode = $mode
		default_pool_size = 20
		max_client_conn = 200
		server_idle_timeout = 600
		${PGM_TEST_PGBOUNCER_CONF:-}
		logfile = $place/log
		pidfile = $place/pid
	END
}

# True when it has said that it serves, or that it cannot.
decided()
{
	grep -Eq 'process up|FATAL|cannot|Address already in use' "$place/log" 2>/dev/null
}

try()
{
	write_conf | as_server tee "$place/conf" >/dev/null
	as_server rm -f "$place/log"
	as_server "$program" -q -d "$place/conf" </dev/null >/dev/null 2>&1 || return 1
	await 10 decided && ! grep -Eq 'FATAL|Address already in use' "$place/log"
}

start()
{
	local tries=0
	program=$(command -v pgbouncer || ls /usr/sbin/pgbouncer 2>/dev/null) || die "pgbouncer is not installed"
	[ ! -d "$place" ] || die "there is one already in $place"
	as_server mkdir "$place" || exit 1
	printf '"%s" "%s"\n' "$PGM_TEST_USER" "$PGM_TEST_PASSWORD" | as_server tee "$place/users" >/dev/null
	while [ $((tries += 1)) -le 20 ]; do
		port=$(random_port)
		if try; then
			echo "$port"
			return
		fi
		stop_pgbouncer "$place"
	done
	tail -n 5 "$place/log" >&2
	as_server rm -rf "$place"
	die "PgBouncer did not start"
}

command=${1:-}
case $command in
start | stop)
	[ $# -eq 3 ] || die "usage: $command DIR MODE"
	mode=$3
	home=$(cat "$2/home") || exit 1
	place=$home/pgbouncer-$mode
	clear_libpq_environment
	# shellcheck source=/dev/null
	. "$2/env"
	cd "$home" || exit 1
	if [ "$command" = start ]; then
		start
	else
		stop_pgbouncer "$place"
		rm -rf "$place"
	fi
	;;
*)
	sed -n '3,/^$/s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
