# pgmonkey pgexport, ended in the middle: by signals, by the server, by a reader that does not read

load helper

setup_file()
{
	start_private_server || return 1
	# Gives rows for several messages, then waits.
	sql "CREATE VIEW public.stuck AS SELECT i, repeat('x', 100) AS t, CASE WHEN i = 5000 THEN pg_sleep(600)::text END AS s
		FROM generate_series(1, 5001) i; GRANT SELECT ON public.stuck TO PUBLIC"
	sql "CREATE TABLE public.small AS SELECT 1 AS i; GRANT SELECT ON public.small TO PUBLIC"
	# More than all buffers on the way hold.
	sql "CREATE VIEW public.large AS SELECT repeat('x', 100000) AS t FROM generate_series(1, 2000)
		; GRANT SELECT ON public.large TO PUBLIC"
}

teardown_file()
{
	stop_private_server
}

# What a test that failed may have left running.
teardown()
{
	local job
	for job in $(jobs -p); do
		kill -KILL "$job" 2>/dev/null || true
	done
	cd / && rm -rf "$here"
}

# start TABLE [OPTION...]: $pid. With job control, as a background job would ignore SIGINT else.
start()
{
	config </dev/null
	echo old >out.csv
	set -m
	"$PGMONKEY" pgexport --table "public.$1" --connconfig db.yaml "${@:2}" >.out 2>.err </dev/null 3>&- &
	pid=$!
	set +m
}

# until_server CONDITION: of a backend of ours, within a minute.
until_server()
{
	local tries
	for ((tries = 0; tries < 600; tries++)); do
		[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = '$PGM_TEST_USER' AND $1" -A -t)" = 0 ] || return 0
		sleep 0.1
	done
	echo "never came to be: $1"
	return 1
}

until_alone()
{
	local tries
	for ((tries = 0; tries < 600; tries++)); do
		[ "$(sql "SELECT count(*) FROM pg_stat_activity WHERE usename = '$PGM_TEST_USER'" -A -t)" = 0 ] && return 0
		sleep 0.1
	done
	echo "a backend is left"
	return 1
}

# ended STATUS REASON: with the old file in its place and nothing beside it.
ended()
{
	status=0
	wait "$pid" || status=$?
	out=$(cat .out)
	# What the server says on its way down is the log's.
	err=$(grep -v "^pgmonkey: warning: the server says: " .err)
	expect "$1"
	one_reason || { echo "$err"; return 1; }
	has "$err" "$2"
	[ "$(cat out.csv)" = old ]
	[ "$(ls -A | tr '\n' ' ')" = ".err .out db.yaml out.csv " ] || { ls -A; return 1; }
}

@test "SIGINT leaves the old file, no litter and no backend, and exits with 130" {
	start stuck --export_file out.csv
	until_server "wait_event = 'PgSleep'"
	kill -INT "$pid"
	ended 130 "interrupted: nothing was written"
	until_alone
}

@test "SIGTERM does so with 143, and SIGHUP with 129" {
	start stuck --export_file out.csv
	until_server "wait_event = 'PgSleep'"
	kill -TERM "$pid"
	ended 143 "interrupted: nothing was written"
	until_alone
	start stuck --export_file out.csv
	until_server "wait_event = 'PgSleep'"
	kill -HUP "$pid"
	ended 129 "interrupted: nothing was written"
	until_alone
}

@test "a signal ends the waiting for a lock" {
	sql "BEGIN; LOCK public.small; SELECT pg_sleep(600)" 3>&- >/dev/null 2>&1 &
	locker=$!
	until_locked="SELECT count(*) FROM pg_locks WHERE relation = 'public.small'::regclass AND granted AND
		mode = 'AccessExclusiveLock'"
	for ((tries = 0; tries < 600; tries++)); do
		[ "$(sql "$until_locked" -A -t)" = 0 ] || break
		sleep 0.1
	done
	start small --export_file out.csv
	until_server "wait_event_type = 'Lock'"
	kill -INT "$pid"
	ended 130 "interrupted"
	until_alone
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'" >/dev/null
	wait "$locker" || true
}

@test "a signal ends the waiting for a reader" {
	mkfifo pipe
	sleep 600 <pipe 3>&- &
	reader=$!
	config </dev/null
	set -m
	"$PGMONKEY" pgexport --table public.large --connconfig db.yaml --export_file - >pipe 2>.err </dev/null 3>&- &
	pid=$!
	set +m
	# The pipe is full, and so is what lies between here and the server.
	until_server "wait_event = 'ClientWrite'"
	kill -INT "$pid"
	status=0
	wait "$pid" || status=$?
	kill "$reader"
	err=$(cat .err)
	[ "$status" -eq 130 ]
	one_reason || { echo "$err"; return 1; }
	until_alone
}

@test "a backend that is terminated says so, in the server's words" {
	start stuck --export_file out.csv
	until_server "wait_event = 'PgSleep'"
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '$PGM_TEST_USER'" >/dev/null
	ended 1 "exporting public.stuck: FATAL: terminating connection due to administrator command"
}

@test "a statement that is cancelled is an error, and no interrupt" {
	start stuck --export_file out.csv
	until_server "wait_event = 'PgSleep'"
	sql "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE usename = '$PGM_TEST_USER'" >/dev/null
	ended 1 "canceling statement due to user request"
}

@test "a server that crashes leaves the old file and no litter" {
	start stuck --export_file out.csv
	until_server "wait_event = 'PgSleep'"
	"$support/server.sh" down "$private/server" immediate
	ended 1 "exporting public.stuck: "
	"$support/server.sh" up "$private/server"
}

@test "an error in the middle of the rows is the server's, and the file is not there" {
	sql "CREATE VIEW public.breaks AS SELECT 1000000 / (4000 - i) AS a FROM generate_series(1, 5000) i
		; GRANT SELECT ON public.breaks TO PUBLIC"
	start breaks --export_file out.csv
	ended 1 "exporting public.breaks: ERROR: division by zero"
}

@test "an ignored SIGINT stays ignored" {
	config </dev/null
	(
		trap '' INT
		"$PGMONKEY" pgexport --table public.stuck --connconfig db.yaml --export_file out.csv >.out 2>.err </dev/null 3>&- &
		echo $! >.pid
		wait $! && echo 0 >.status || echo $? >.status
	) 3>&- &
	until_server "wait_event = 'PgSleep'"
	kill -INT "$(cat .pid)"
	sleep 0.3
	kill -TERM "$(cat .pid)"
	wait
	[ "$(cat .status)" -eq 143 ]
}
