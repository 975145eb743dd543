# shellcheck shell=bash
# What the tests share that end an import in the middle.

load import

# What a test that failed may have left running.
teardown()
{
	local job
	exec 9>&-
	for job in $(jobs -p); do
		kill -KILL "$job" 2>/dev/null || true
	done
	cd / && rm -rf "$here"
}

# start FILE TABLE [OPTION...]: $pid. With job control, as a background job would ignore SIGINT else.
start()
{
	[ -e db.yaml ] || config </dev/null
	set -m
	"$PGMONKEY" pgimport --import_file "$1" --table "imp.$2" --connconfig db.yaml "${@:3}" >.out 2>.err </dev/null 3>&- 9>&- &
	pid=$!
	set +m
}

# start_fed TABLE [OPTION...]: the same from a FIFO, whose other end is descriptor 9; rows have been sent when it returns.
start_fed()
{
	mkfifo data.csv
	config </dev/null
	start data.csv "$@"
	exec 9>data.csv
	{ echo a,b; seq -f '%g,some text' 1 50000; } >&9
	until_true "SELECT count(*) > 0 FROM pg_stat_progress_copy WHERE datname = '$own' AND tuples_processed > 0"
}

# until_true SQL: within a minute.
until_true()
{
	local tries
	for ((tries = 0; tries < 600; tries++)); do
		[ "$(sql "$1" -A -t)" = f ] || return 0
		sleep 0.1
	done
	echo "never came to be: $1"
	return 1
}

# ended STATUS REASON...: nothing was imported, no session is left.
ended()
{
	status=0
	wait "$pid" || status=$?
	exec 9>&-
	out=$(cat .out)
	# What was found out, and what the server says on its way down, are not the reason.
	err=$(grep -v -e "first record taken as the header" -e "^pgmonkey: warning: the server says: " .err || true)
	expect "$1" || return 1
	one_reason || { echo "$err"; return 1; }
	has "$err" "nothing was imported" "${@:2}" && no_trace
}
