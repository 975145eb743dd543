# pgmonkey pgimport, ended in the middle: by signals, by the server, by a file that changes. All or nothing.

load import_faults

# ------------------------------------------------------------------------------ signals

@test "csv_39_a_signal_ends_an_import_with_nothing_imported_and_no_session_left" {
	local signal
	table t39 "a int, b text"
	ours -c "INSERT INTO t39 VALUES (0, 'before')"
	for signal in INT:130 TERM:143 HUP:129; do
		rm -f data.csv
		start_fed t39
		kill -"${signal%:*}" "$pid"
		ended "${signal#*:}" "interrupted"
		loaded t39 "0|before"
	done
}

@test "csv_39_a_signal_leaves_no_table_that_the_import_made" {
	table t39new
	start_fed t39new
	kill -INT "$pid"
	ended 130 "interrupted"
	absent t39new
}

@test "a signal ends the waiting for a lock" {
	table locked "a int"
	data 'a\n1\n'
	sql "BEGIN; LOCK imp.locked; SELECT pg_sleep(600)" 3>&- >/dev/null 2>&1 &
	locker=$!
	until_true "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'imp.locked'::regclass AND granted"
	start data.csv locked
	until_true "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = '$own' AND wait_event_type = 'Lock'"
	kill -INT "$pid"
	status=0
	wait "$pid" || status=$?
	[ "$status" = 130 ]
	until_true "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = '$own' AND usename = '$PGM_TEST_USER'"
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'" >/dev/null
	wait "$locker" || true
	has "$(cat .err)" "interrupted: nothing was imported"
}

@test "a signal ends the waiting for the writer of a FIFO, and for its bytes" {
	mkfifo data.csv
	start data.csv t
	sleep 0.3
	kill -INT "$pid"
	ended 130 "interrupted"
	start data.csv t
	exec 9>data.csv
	printf 'a,b\n' >&9
	sleep 0.3
	kill -TERM "$pid"
	ended 143 "interrupted"
}

@test "a signal ends the waiting of the server for a trigger" {
	table waiting "a int"
	ours -c "CREATE OR REPLACE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN PERFORM pg_sleep(600); RETURN NEW; END';
		CREATE TRIGGER wait BEFORE INSERT ON waiting FOR EACH ROW EXECUTE FUNCTION wait()"
	{ echo a; seq 1 2000000; } >data.csv
	start data.csv waiting
	until_true "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = '$own' AND wait_event = 'PgSleep'"
	kill -INT "$pid"
	ended 130 "interrupted"
}

@test "an end without any chance to tidy up leaves nothing either" {
	table killed
	start_fed killed
	kill -KILL "$pid"
	wait "$pid" || true
	exec 9>&-
	no_trace
	absent killed
}

@test "a signal ends several connections, and leaves no table" {
	table several
	start_fed several --jobs 3
	[ "$(sql "SELECT count(*) FROM pg_stat_progress_copy WHERE datname = '$own'" -A -t)" = 3 ]
	kill -INT "$pid"
	ended 130 "interrupted"
	absent several
}

# ------------------------------------------------------------------------------ the server

@test "one of several connections that is lost takes all with it" {
	table several
	start_fed several --jobs 3
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_copy WHERE datname = '$own' LIMIT 1" >/dev/null
	seq -f '%g,more text' 1 200000 >&9 2>/dev/null || true
	ended 1 "FATAL: terminating connection due to administrator command"
	absent several
}

@test "a table that appears meanwhile is left as it is" {
	table meanwhile
	start_fed meanwhile --jobs 2
	ours -c "CREATE TABLE meanwhile (x int)"
	exec 9>&-
	ended 1 'relation "meanwhile" already exists'
	rows "SELECT count(*) FROM meanwhile" 0
}

@test "csv_40_a_session_that_the_server_ends_is_told_with_its_words" {
	table t40 "a int, b text"
	start_fed t40
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_copy WHERE datname = '$own'" >/dev/null
	seq -f '%g,more text' 1 100000 >&9 2>/dev/null || true
	ended 1 "FATAL: terminating connection due to administrator command"
	loaded t40 ""
}

@test "a session that the server ends is told while nothing comes from a pipe" {
	table quiet "a int, b text"
	start_fed quiet
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_copy WHERE datname = '$own'" >/dev/null
	ended 1 "FATAL: terminating connection due to administrator command"
	loaded quiet ""
}

@test "a COPY that the server cancels is told with its words" {
	table cancelled "a int, b text"
	start_fed cancelled
	sql "SELECT pg_cancel_backend(pid) FROM pg_stat_progress_copy WHERE datname = '$own'" >/dev/null
	seq -f '%g,more text' 1 100000 >&9 2>/dev/null || true
	ended 1 "canceling statement due to user request"
	loaded cancelled ""
}

@test "a server that is not there is told before anything else happens" {
	data 'a\n1\n'
	config port=1 </dev/null
	import_csv imp.t
	refused "Connection refused"
}

# ------------------------------------------------------------------------------ the file

# While it is read: it is large, and the table is locked.
change_while_read()
{
	table changing "a int"
	{ echo a; seq 1 100000; } >data.csv
	printf "delimiter: ','\nencoding: UTF-8\n" >data.yaml
	sql "BEGIN; LOCK imp.changing; SELECT pg_sleep(600)" 3>&- >/dev/null 2>&1 &
	locker=$!
	until_true "SELECT count(*) > 0 FROM pg_locks WHERE relation = 'imp.changing'::regclass AND granted"
	start data.csv changing
	until_true "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = '$own' AND wait_event_type = 'Lock'"
	"$@"
	sql "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'" >/dev/null
	wait "$locker" || true
}

grow() { echo 100001 >>data.csv; }
shrink() { truncate -s 300000 data.csv; }

@test "a file that grows while it is read is not imported" {
	change_while_read grow
	ended 1 "data.csv was changed while it was read: it had 588897 bytes when the import began, now it has 588904"
	loaded changing ""
}

@test "a file that shrinks while it is read is not imported" {
	change_while_read shrink
	ended 1 "data.csv was changed while it was read: it had 588897 bytes when the import began, now it has 300000"
	loaded changing ""
}
