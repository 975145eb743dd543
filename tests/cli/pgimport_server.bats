# pgmonkey pgimport, and a server that crashes, or has no room for its log. On a server of this file's own.

load import_faults

setup_file()
{
	# Preloaded all the time, it does nothing unless it is asked to.
	shim=${PGM_TEST_SHIMS:-$(dirname "$PGMONKEY")/../tests/shims}/nospace.so
	[ ! -e "$shim" ] || export shim
	# Who writes the log is to be the one that needs it.
	LD_PRELOAD=${shim-} PGM_TEST_CONF="wal_writer_delay = 10s
min_wal_size = 32MB" start_private_server || return 1
	own=$PGM_TEST_DBNAME
	export own
	sql "CREATE SCHEMA imp; GRANT ALL ON SCHEMA imp TO $PGM_TEST_USER"
}

teardown_file()
{
	stop_private_server
}

# server COMMAND [ARGUMENT...]: of server.sh
server()
{
	LD_PRELOAD=${shim-} "$support/server.sh" "$1" "$private/server" "${@:2}" 3>&- 9>&-
}

# At once, and up again.
crash()
{
	server restart immediate
}

@test "a server that crashes leaves the table as it was" {
	table crashed "a int, b text"
	ours -c "INSERT INTO crashed VALUES (0, 'before')"
	start_fed crashed
	crash
	seq -f '%g,more text' 1 100000 >&9 2>/dev/null || true
	ended 1 "the connection was lost"
	loaded crashed "0|before"
}

@test "a server that crashes leaves no table that the import made" {
	table fresh
	start_fed fresh
	crash
	seq -f '%g,more text' 1 100000 >&9 2>/dev/null || true
	ended 1 "the connection was lost"
	absent fresh
}

@test "of several connections to a server that crashed none leaves a table, once it is up again" {
	table several
	start_fed several --jobs 3
	# It is to learn of the crash when that is over.
	kill -STOP "$pid"
	crash
	kill -CONT "$pid"
	seq -f '%g,more text' 1 100000 >&9 2>/dev/null || true
	ended 1 "the connection was lost"
	absent several
}

@test "a server that stays away is told, and so is the table that is left behind there" {
	table away
	start_fed away --jobs 2
	server down immediate
	seq -f '%g,more text' 1 100000 >&9 2>/dev/null || true
	status=0
	wait "$pid" || status=$?
	exec 9>&-
	server up
	out=$(cat .out)
	err=$(grep "nothing was imported" .err)
	expect 1
	one_reason
	has "$err" "the connection was lost" "is left behind and may be dropped; nothing was imported"
	absent away
	left=$(printf '%s\n' "$err" | sed 's/.*the table \([^ ]*\) is left behind.*/\1/')
	rows "SELECT count(*) FROM $left" 0
	ours -c "DROP TABLE $left"
}

@test "a server without room for its log says so, and the table is as it was" {
	[ -n "${shim-}" ] || skip "there is no library to preload into the server here"
	local wal=$PGM_TEST_DATADIR/pg_wal
	table roomless "a int, b text"
	ours -c "INSERT INTO roomless VALUES (0, 'before')"
	start_fed roomless
	touch "$wal/full"
	yes "1,$(printf 'x%.0s' {1..1000})" 2>/dev/null | head -n 60000 >&9 2>/dev/null || true
	exec 9>&-
	status=0
	wait "$pid" || status=$?
	rm "$wal/full"
	# It ended itself, and may have failed to come up.
	crash
	out=$(cat .out)
	err=$(grep -v -e "first record taken as the header" -e "^pgmonkey: warning: the server says: " .err)
	expect 1
	one_reason
	has "$err" 'PANIC: could not write to file "pg_wal/xlogtemp.' "No space left on device" "nothing was imported"
	no_trace
	loaded roomless "0|before"
}
