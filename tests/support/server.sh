#!/usr/bin/env bash
#
# A throwaway PostgreSQL server: a cluster of its own, on a free port of the loopback and in a socket
# directory of its own, gone without a trace when it is stopped.
#
#   server.sh start DIR             makes DIR (must be new or empty) and starts a cluster there
#   server.sh stop DIR              stops it at once and removes DIR
#   server.sh down DIR [MODE]       stops it; MODE is smart, fast (default) or immediate
#   server.sh up DIR                starts it again, on the same port
#   server.sh restart DIR [MODE]    down and up
#   server.sh conf DIR LINE...      adds lines to postgresql.conf and has them loaded
#   server.sh hba DIR LINE...       puts lines above all others of pg_hba.conf and has them loaded
#   server.sh serve DIR [FOLDER]    starts one, prints "ready", waits for a line or the end of its standard
#                                   input, stops it; removes FOLDER as well
#   server.sh with COMMAND...       starts one, runs the command with DIR/env exported, always stops it;
#                                   the exit status is the command's
#
# DIR/env holds what a client needs, one NAME=value a line for the shell: PGM_TEST_HOST, PGM_TEST_PORT,
# PGM_TEST_SOCKETDIR, PGM_TEST_USER, PGM_TEST_PASSWORD, PGM_TEST_DBNAME, PGM_TEST_SUPERUSER,
# PGM_TEST_SUPERUSER_PASSWORD, PGM_TEST_DATADIR, PGM_TEST_LOG, PGM_TEST_DIR, PGM_TEST_SERVER (this script),
# PGM_TEST_TEMPLATE, PGM_PG_BINDIR. DIR/log is the server's log.
#
# Read from the environment:
#   PGM_PG_BINDIR       where initdb, pg_ctl and postgres are (default: looked for)
#   PGM_TEST_CONF       lines for postgresql.conf
#   PGM_TEST_HBA        lines for the top of pg_hba.conf
#   PGM_TEST_TEMPLATE   a cluster to copy instead of making one, as DIR/env of the first server names it

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd) || exit 1
self=$here/$(basename "${BASH_SOURCE[0]}")
# shellcheck source=tests/support/lib.sh
. "$here/lib.sh"

role=pgm_test
role_password=pgm_test-secret
superuser=pgm_super
superuser_password=pgm_super-secret
database=pgm_test

# ------------------------------------------------------------------------------ finding the programs

# The newest of a kind first; a pattern that matches nothing is harmless.
candidate_bindirs()
{
	echo "${PGM_PG_BINDIR:-}"
	pg_config --bindir 2>/dev/null
	printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -Vr
	printf '%s\n' /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin | sort -r
	dirname "$(command -v postgres || echo /usr/local/pgsql/bin/postgres)"
}

find_bindir()
{
	local dir
	while read -r dir; do
		if [ -x "$dir/initdb" ] && [ -x "$dir/pg_ctl" ] && [ -x "$dir/postgres" ]; then
			echo "$dir"
			return
		fi
	done < <(candidate_bindirs)
	die "no PostgreSQL server found: install one, or set PGM_PG_BINDIR to the folder of initdb and pg_ctl"
}

pg()
{
	as_server "$bindir/$1" "${@:2}"
}

# ------------------------------------------------------------------------------ where things are

# The server's own files live in DIR, unless its user cannot go there or the path is too long for a Unix
# socket (107 bytes); then in a folder under /tmp. DIR/home names the place.
choose_home()
{
	home=$dir
	chmod 755 "$dir" || exit 1
	if [ ${#dir} -gt 80 ] || ! as_server test -x "$dir"; then
		home=$(mktemp -d /tmp/pgm.XXXXXX) || die "cannot make a folder in /tmp"
		chmod 755 "$home"
		ln -s "$home/log" "$dir/log"
	fi
	echo "$home" >"$dir/home"
	mkdir "$home/run" && : >"$home/log" || exit 1
	if [ "$(id -u)" = 0 ]; then
		chown "$(server_user)" "$home" "$home/run" "$home/log" || exit 1
	fi
	chmod 644 "$home/log"
}

open_dir()
{
	[ -n "${1:-}" ] || die "which DIR?"
	dir=$(cd "$1" 2>/dev/null && pwd)
	[ -f "$dir/home" ] || die "no server in $1"
	home=$(cat "$dir/home")
	data=$home/data
	cd "$home" || exit 1
}

# ------------------------------------------------------------------------------ making a cluster

sql_of_template()
{
	cat <<-END
		CREATE ROLE $role LOGIN PASSWORD '$role_password'
		CREATE DATABASE $database OWNER $role
	END
}

make_template()
{
	local new=$template.new
	echo "$superuser_password" >"$dir/pw" && chmod 644 "$dir/pw"
	as_server "$bindir/initdb" -D "$new" -U "$superuser" -A scram-sha-256 --pwfile=/dev/stdin \
		-E UTF8 --no-locale --no-sync <"$dir/pw" >>"$home/log" 2>&1 || return 1
	rm -f "$dir/pw"
	sql_of_template | pg postgres --single -F -D "$new" -c password_encryption=scram-sha-256 postgres \
		>>"$home/log" 2>&1 || return 1
	as_server mv "$new" "$template"
}

# Its files belong to the server's user.
save()
{
	as_server tee "$1" >/dev/null
}

append()
{
	printf '%s\n' "${@:2}" | as_server tee -a "$1" >/dev/null
}

# fsync=off is safe against everything but a crash of the machine. synchronous_commit stays on: with an
# immediate restart, what was reported committed must be there. mmap: nothing is left in /dev/shm.
write_conf()
{
	cat <<-END
		listen_addresses = '$addresses'
		port = $port
		unix_socket_directories = '$home/run'
		max_connections = 120
		shared_buffers = 32MB
		dynamic_shared_memory_type = mmap
		fsync = off
		full_page_writes = off
		max_wal_senders = 0
		wal_level = minimal
		max_wal_size = 1GB
		autovacuum = off
		jit = off
		password_encryption = scram-sha-256
		timezone = UTC
		log_timezone = UTC
		lc_messages = C
		log_connections = on
		log_disconnections = on
		log_line_prefix = '%m [%p] %q%u@%d %a '
		${PGM_TEST_CONF:-}
	END
}

write_hba()
{
	cat <<-END
		${PGM_TEST_HBA:-}
		local all all scram-sha-256
		host all all all scram-sha-256
	END
}

write_env()
{
	while read -r name value; do
		printf '%s=%q\n' "$name" "$value"
	done >"$dir/env.new" <<-END
		PGM_TEST_HOST 127.0.0.1
		PGM_TEST_PORT $port
		PGM_TEST_SOCKETDIR $home/run
		PGM_TEST_USER $role
		PGM_TEST_PASSWORD $role_password
		PGM_TEST_DBNAME $database
		PGM_TEST_SUPERUSER $superuser
		PGM_TEST_SUPERUSER_PASSWORD $superuser_password
		PGM_TEST_DATADIR $data
		PGM_TEST_LOG $home/log
		PGM_TEST_DIR $dir
		PGM_TEST_SERVER $self
		PGM_TEST_TEMPLATE $template
		PGM_PG_BINDIR $bindir
	END
	mv "$dir/env.new" "$dir/env"
}

# Taking a port is a race with everybody else. PostgreSQL goes on when it got one of its addresses only,
# so success is not enough: nothing in the log may speak of an address that was taken.
start_on_free_port()
{
	local tries=0
	addresses=127.0.0.1
	has_ipv6_loopback && addresses=127.0.0.1,::1
	while [ $((tries += 1)) -le 20 ]; do
		port=$(random_port)
		write_conf | save "$data/pgm.conf"
		: >"$home/log"
		if go_up && ! grep -q 'could not bind' "$home/log"; then
			return 0
		fi
		go_down immediate
		grep -q 'could not bind' "$home/log" || return 1
	done
	return 1
}

start()
{
	[ -n "${1:-}" ] || die "which DIR?"
	bindir=$(find_bindir) || exit 1
	mkdir -p "$1" && dir=$(cd "$1" && pwd) || exit 1
	[ -z "$(ls -A "$dir")" ] || die "$dir is not empty"
	choose_home
	cd "$home" || exit 1
	data=$home/data
	template=${PGM_TEST_TEMPLATE:-$home/template}
	if { [ -d "$template" ] || make_template; } && as_server cp -a "$template" "$data" &&
		write_hba | save "$data/pg_hba.conf" &&
		append "$data/postgresql.conf" "include 'pgm.conf'" &&
		start_on_free_port; then
		write_env
		return 0
	fi
	tail -n 20 "$home/log" >&2
	remove
	die "PostgreSQL ($bindir) did not start"
}

# ------------------------------------------------------------------------------ up and down

# Not with the caller's pipes: whoever reads the output of this script would wait for the server's end.
go_up()
{
	pg pg_ctl start -w -t 60 -s -D "$data" -l "$home/log" </dev/null >/dev/null 2>&1
}

go_down()
{
	[ -f "$data/postmaster.pid" ] || return 0
	pg pg_ctl stop -w -t 60 -s -D "$data" -m "$1" </dev/null >/dev/null 2>&1
}

# A backend that a test has stopped with SIGSTOP would hold up the end for five seconds.
go_down_at_once()
{
	local pid shmid child
	[ -f "$data/postmaster.pid" ] || return 0
	pid=$(sed -n 1p "$data/postmaster.pid")
	shmid=$(sed -n 7p "$data/postmaster.pid" | awk '{ print $2 }')
	for child in $pid $(children_of "$pid"); do
		kill -CONT "$child" 2>/dev/null
	done
	go_down immediate && return 0
	# The postmaster was killed, or will not go. Its segment of System V memory has no other owner.
	for child in $pid $(children_of "$pid"); do
		kill -KILL "$child" 2>/dev/null
	done
	[ -z "$shmid" ] || ! command -v ipcrm >/dev/null || ipcrm -m "$shmid" 2>/dev/null
	return 0
}

# Servers of tests live beside the data of the common one, in DIR/c.*, and go by themselves when their
# test has ended.
has_no_guests()
{
	local guest
	for guest in "$dir"/c.*/home; do
		[ ! -e "$guest" ] || return 1
	done
}

remove()
{
	local bouncer guest
	if ! await 15 has_no_guests; then
		for guest in "$dir"/c.*; do
			"$self" stop "$guest"
		done
	fi
	for bouncer in "$home"/pgbouncer-*; do
		stop_pgbouncer "$bouncer"
	done
	go_down_at_once
	cd / || exit 1
	rm -rf "$home" "$dir"
}

# New settings hold for every connection that is made after the postmaster has said so in its log.
reload()
{
	local before
	before=$(count_reloads)
	pg pg_ctl reload -s -D "$data" || die "cannot reload $dir"
	await 10 reloaded_since "$before" || die "$dir does not reload"
}

count_reloads()
{
	grep -c 'received SIGHUP, reloading' "$home/log"
}

reloaded_since()
{
	[ "$(count_reloads)" -gt "$1" ]
}

conf()
{
	append "$data/pgm.conf" "$@" || exit 1
	reload
}

hba()
{
	local old
	old=$(cat "$data/pg_hba.conf") || exit 1
	printf '%s\n' "$@" "$old" | save "$data/pg_hba.conf" || exit 1
	reload
}

# ------------------------------------------------------------------------------ never left behind

# One process starts the server and stops it, so neither can overtake the other. The write end of its
# standard input is in the hands of whoever needs the server: however that process ends, even by SIGKILL,
# the input ends and the server goes. A line is for one that is not the only holder.
serve()
{
	trap '' INT TERM HUP
	start "$1"
	(echo ready) 2>/dev/null # in a shell of its own: SIGPIPE if nobody is there any more
	exec >/dev/null
	read -r _
	[ ! -f "$dir/home" ] || remove
	[ $# -lt 2 ] || rm -rf "$2"
}

with()
{
	local line
	[ $# -gt 0 ] || die "with what COMMAND?"
	place=$(mktemp -d "${TMPDIR:-/tmp}/pgm.XXXXXX") && chmod 755 "$place" || exit 1
	mkfifo "$place/alive" "$place/said" || exit 1
	server='' child='' interrupted=''
	trap finish_with EXIT
	trap 'interrupted=1; [ -z "$child" ] || kill -TERM -- "-$child" 2>/dev/null' INT TERM HUP
	# Job control gives each its own process group: a signal to ours does not reach the server, and the
	# command gets an untouched SIGINT, which a shell otherwise sets to ignored for what runs behind it.
	set -m
	# Opened for both at first: to open one end of a pipe waits for somebody at the other, who may be gone.
	exec 8<>"$place/said" 9<>"$place/alive"
	"$self" serve "$place/server" "$place" <"$place/alive" >"$place/said" 8>&- 9>&- &
	server=$!
	exec 7<"$place/said" 8>&-
	read -r line <&7
	[ "$line" = ready ] && [ -z "$interrupted" ] || exit 1
	exec 7<&-
	set -a
	# shellcheck source=/dev/null
	. "$place/server/env"
	set +a
	if [ -t 0 ]; then
		set +m # somebody at a terminal: the command may read from it
		"$@" 9>&-
		exit $?
	fi
	"$@" <&0 9>&- &
	child=$!
	await_job "$child"
	exit $?
}

# A signal that comes while waiting ends the waiting, not the job.
await_job()
{
	local status
	wait "$1"
	status=$?
	while kill -0 "$1" 2>/dev/null; do
		wait "$1"
		status=$?
	done
	return "$status"
}

finish_with()
{
	trap '' INT TERM HUP
	exec 9>&-
	[ -z "$server" ] || await_job "$server"
	rm -rf "$place"
}

# ------------------------------------------------------------------------------

command=${1:-}
[ $# -eq 0 ] || shift
clear_libpq_environment
[ "$command" = with ] || export LC_ALL=C
case $command in
start)
	start "$@"
	;;
stop)
	open_dir "$@"
	bindir=$(find_bindir) || exit 1
	remove
	;;
down | up | restart | conf | hba)
	open_dir "$@"
	shift
	bindir=$(find_bindir) || exit 1
	case $command in
	down) go_down "${1:-fast}" ;;
	up) go_up ;;
	restart) go_down "${1:-fast}" && go_up ;;
	conf | hba) "$command" "$@" ;;
	esac || die "$command of the server in $dir failed: see $home/log"
	;;
serve)
	serve "$@"
	;;
with)
	with "$@"
	;;
*)
	sed -n '3,/^$/s/^# \{0,1\}//p' "$self" >&2
	exit 2
	;;
esac
